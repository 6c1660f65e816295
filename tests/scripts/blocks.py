#!/usr/bin/env python3
"""Runs the shell blocks of README.md and docs/*.md with a built mcpr: blocks.py [MCPR] [PAGE...]

All blocks run in order in one shell, in a home and a directory of their own. A `sh` block passes when each of its
commands does; a `console` block shows commands after `$ ` and what they print, which is compared: a line `…` stands
for any lines, and figures of speed are left aside. What goes on until somebody stops it (`watch`, `--follow`, `record`
without `--once`, `tap --url`) is stopped after a moment, as by Ctrl-C. Two comments before a block are for this script:

    <!-- not run: WHY -->           the block is passed over
    <!-- run first: COMMANDS -->    what a reader has by then and the scratch home has not

Other programs that a page names (npx, docker, systemctl, …) are stood in for by stubs: see STUBS.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK_SECONDS = 120

# Answers every request: an MCP server as far as the pages need one.
SERVER = r"""#!/bin/sh
while IFS= read -r line; do
    case $line in *'"id":'*) id=${line#*'"id":'}; id=${id%%[,\}]*}
        result='{}'
        case $line in
        *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"stub","version":"1.0.0"}}';;
        *'"tools/list"'*) result='{"tools":[{"name":"echo","inputSchema":{"type":"object","properties":{"message":{"type":"string"}}}}]}';;
        esac
        printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result";; esac
done
"""
# What installs, needs a service of the machine, or is not ours. `.ci/run` runs the lines of cargo for real.
QUIET = "#!/bin/sh\nexit 0\n"
STUBS = {
    **dict.fromkeys(["npx", "node"], SERVER),
    **dict.fromkeys(["cargo", "systemctl", "launchctl", "sudo", "git", "gh", "mcpr-proxy"], QUIET),
    **dict.fromkeys(["docker", "journalctl", "your-proxy", "curl"], QUIET),
    "sqlite3": "#!/usr/bin/env python3\nimport sqlite3, sys\n_, _, path, sql = sys.argv\n"
    "store = sqlite3.connect(f'file:{path}?mode=ro', uri=True)\n"
    "for row in store.execute(sql):\n    print('|'.join(map(str, row)))\n",
}
# The program, stopped where it would go on. Functions, so that pipes and `$(…)` have them, too.
SHELL = r"""
mcpr() {
    case " $* " in
    *' watch '*) (sleep 1; printf q) | script -qec "$(printf '%q ' "$MCPR_BUILT" "$@")" /dev/null > /dev/null ;;
    *' --once '* | *' --help '*) "$MCPR_BUILT" "$@" ;;
    ' record '* | *' --follow '* | ' tap --url '*) timeout -k 5 -s INT 1 "$MCPR_BUILT" "$@"; test $? = 124 -o $? = 0 ;;
    # "The answer is no" is an answer: only a block that shows what is printed looks at the code.
    ' schema diff '*) "$MCPR_BUILT" "$@" || { code=$?; test $code$LANGUAGE = 1sh || return $code; } ;;
    *) "$MCPR_BUILT" "$@" ;;
    esac
}
set -o pipefail
trap 'echo "$BASH_COMMAND" >> "$FAILED"' ERR
"""


def blocks(path):
    """The blocks of a page: (line, language, text, run first, why not)."""
    lines = path.read_text().splitlines()
    first, why, at = [], None, 0
    while at < len(lines):
        line = lines[at]
        if found := re.match(r"<!-- not run: (.*) -->$", line.strip()):
            why = found[1]
        elif found := re.match(r"<!-- run first: (.*) -->$", line.strip()):
            first.append(found[1])
        elif found := re.match(r"^(\s*)```(\w*)$", line):
            end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
            indent = len(found[1])
            text = "\n".join(text[indent:] for text in lines[at + 1 : end]) + "\n"
            if found[2] in ("sh", "console"):
                yield at + 1, found[2], text, "\n".join(first), why
            first, why, at = [], None, end
        at += 1


def steps(language, text):
    """The commands of a block, each with what it is to print; None where nothing is shown."""
    if language == "sh":
        return [(text, None)]
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def plain(text, home):
    """What is the same on each machine and at each time."""
    text = text.replace(str(home), "/home/me")
    text = re.sub(r"[0-9.]+ s \(\d+ lines/s\)", "N s (N lines/s)", text)
    # Columns are as wide as what stands in them, a path of this run for one.
    return [re.sub(" {3,}", "  ", line.rstrip()) for line in text.rstrip("\n").splitlines()]


def is_shown(wanted, printed):
    """Whether lines are as they are shown; `…` is any number of them."""
    if not wanted:
        return not printed
    if wanted[0].strip() == "…":
        return any(is_shown(wanted[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and wanted[0] == printed[0] and is_shown(wanted[1:], printed[1:])


class Shell:
    """One bash for all blocks."""

    def __init__(self, mcpr, scratch):
        self.home, self.failed = scratch / "home", scratch / "failed"
        self.chunk, self.out = scratch / "chunk", scratch / "out"
        work, tools = self.home / "clone", scratch / "bin"
        for directory in (work / "target", work / "dist", tools, self.home / ".mcpr", self.home / ".cursor"):
            directory.mkdir(parents=True)
        (work / "samples").symlink_to(ROOT / "samples")
        for name, text in STUBS.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        (tools / "mcpr").symlink_to(mcpr)
        environment = {
            "HOME": str(self.home), "PATH": f"{tools}:{os.environ['PATH']}", "TZ": "UTC", "LANG": "C.UTF-8",
            "TERM": "xterm", "MCPR_BUILT": str(mcpr), "FAILED": str(self.failed),
        }
        self.bash = subprocess.Popen(
            ["bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=work, env=environment
        )
        self.run(SHELL)

    def run(self, text):
        """Runs a piece; says what failed, and what was printed on either stream."""
        self.failed.write_text("")
        self.chunk.write_text(text)
        line = f". '{self.chunk}' > '{self.out}' 2>&1 < /dev/null; echo $?\n"
        self.bash.stdin.write(line)
        self.bash.stdin.flush()
        watchdog = threading.Timer(BLOCK_SECONDS, self.bash.kill)
        watchdog.start()
        code = self.code = self.bash.stdout.readline().strip()
        watchdog.cancel()
        failed = self.failed.read_text().strip()
        if not code:
            failed = f"the shell has ended, or took more than {BLOCK_SECONDS} s"
        return failed or ("" if code == "0" else f"exit code {code}"), self.out.read_text(errors="replace")


def seed(home):
    """What somebody has who reads the pages: a client with a server, a recorded stream of the last hour."""
    server = {"mcpServers": {"files": {"command": "npx", "args": ["-y", "server"]}}}
    (home / ".cursor/mcp.json").write_text(json.dumps(server, indent=2) + "\n")
    now = int(time.time() * 1000)
    calls = [
        {
            "type": "mcpr_request", "ts": ts + 1000 * n, "kind": "mcp", "request_id": f"{ts}-{n}",
            "proxy": "files", "session_id": f"7d0e-{ts}", "client_name": "claude-code", "method": "tools/call",
            "tool": "read_text_file", "latency_us": 2000 + n, "bytes_in": 100, "bytes_out": 200,
        }
        for ts in (now - 7 * 86_400_000 - 600_000, now - 1_200_000)
        for n in range(100)
    ]
    clone = home / "clone"
    tool = lambda name, description, **more: {
        "name": name, "description": description, "inputSchema": {"type": "object", "properties": {"a": {}}, **more}
    }
    lists = {
        "old.json": [tool("one", "does one"), tool("two", "does two")],
        "new.json": [tool("one", "does one", required=["a"]), tool("two", "does two things")],
    }
    for name, tools in lists.items():
        (clone / name).write_text(json.dumps({"tools": tools}))
    asked = [("initialize", {"clientInfo": {"name": "ci", "version": "1"}}), ("tools/list", {}), ("tools/call", {"name": "echo"})]
    lines = [json.dumps({"jsonrpc": "2.0", "id": n, "method": m, "params": p}) for n, (m, p) in enumerate(asked)]
    (clone / "session.ndjson").write_text("\n".join(lines) + "\n")
    (home / "of-a-proxy.db").write_bytes((ROOT / "tests/data/mcpr-0.5.44/store.db").read_bytes())
    (home / "now.log").write_text("".join(json.dumps(call) + "\n" for call in calls))


def main():
    arguments = sys.argv[1:]
    mcpr = Path(arguments.pop(0) if arguments else ROOT / "target/debug/mcpr").resolve()
    pages = [Path(page).resolve() for page in arguments]
    pages = pages or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    ran = passed_over = faults = 0
    with tempfile.TemporaryDirectory(prefix="mcpr-blocks-") as scratch:
        shell = Shell(mcpr, Path(scratch))
        seed(shell.home)
        failed, out = shell.run("mcpr record --once --payloads ~/now.log samples/everything.stderr.log")
        assert not failed, out
        for page in pages:
            for line, language, text, first, why in blocks(page):
                place = f"{page.relative_to(ROOT)}:{line}"
                if why:
                    print(f"{place}: not run: {why}")
                    passed_over += 1
                    continue
                ran += 1
                for command, shown in ([(first, None)] if first else []) + steps(language, text):
                    # Between two commands the shell has run something else.
                    command = command.replace("$?", shell.code)
                    failed, out = shell.run(f"LANGUAGE={language}\n{command}")
                    printed = plain(out, shell.home)
                    is_wrong = shown is not None and not is_shown(plain("\n".join(shown), shell.home), printed)
                    if (failed and shown is None) or is_wrong:
                        faults += 1
                        output = "\n".join(printed)
                        print(f"{place}: {'prints something else' if is_wrong else failed}\n{command}\n--\n{output}\n--")
    print(f"{ran} blocks ran, {passed_over} did not, {faults} faults")
    return 1 if faults else 0


sys.exit(main())
