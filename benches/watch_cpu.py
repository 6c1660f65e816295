#!/usr/bin/env python3
"""Measures what the live screen takes of a core: watch_cpu.py MCPR [SECONDS]

`mcpr watch` runs on a pseudo-terminal of 120x40 over a store with 10,000 requests. Its processor time is read from
/proc/PID/stat: over some seconds in which nothing happens, then while `mcpr record -` stores 1,000 requests per second.
"""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROWS_A_SECOND = 1000


def line(n):
    """A request as `record` takes it."""
    row = {
        "type": "mcpr_request", "ts": int(time.time() * 1000), "kind": "mcp", "request_id": f"r{n}", "proxy": "files",
        "session_id": f"s{n % 5}", "client_name": "claude-code", "method": "tools/call", "tool": f"tool-{n % 20}",
        "latency_us": 1000 + n % 900,
    }
    return (json.dumps(row) + "\n").encode()


def cpu_seconds(pid):
    """Processor time of a process so far, of all its threads."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drain(terminal):
    """Takes what the screen sends, as a terminal does."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def share(pid, seconds, work=None):
    """The share of a core that a process takes for some seconds, in per cent."""
    began, before = time.monotonic(), cpu_seconds(pid)
    while (elapsed := time.monotonic() - began) < seconds:
        if work:
            work(elapsed)
        time.sleep(0.02)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)


def main():
    mcpr, seconds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm-256color"}
        quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([mcpr, "record", "-"], input=b"".join(map(line, range(10_000))), check=True, **quiet)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(mcpr, [mcpr, "watch"], environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        threading.Thread(target=drain, args=(terminal,), daemon=True).start()
        time.sleep(3)
        print(f"idle: {share(pid, seconds):.1f} % of a core", flush=True)
        recorder = subprocess.Popen([mcpr, "record", "-"], stdin=subprocess.PIPE, **quiet)
        sent = 0

        def feed(elapsed):
            nonlocal sent
            while sent < elapsed * ROWS_A_SECOND:
                recorder.stdin.write(line(10_000 + sent))
                sent += 1
            recorder.stdin.flush()

        total = 0
        for name, key in (("requests", b"1"), ("sessions", b"2"), ("tools", b"3")):
            sent = 0
            os.write(terminal, key)
            print(f"{ROWS_A_SECOND} rows/s, {name}: {share(pid, seconds, feed):.1f} % of a core", flush=True)
            total += sent
        recorder.stdin.close()
        recorder.wait()
        quiet["stdout"] = subprocess.PIPE
        stats = json.loads(subprocess.run([mcpr, "store", "stats", "--json"], check=True, **quiet).stdout)
        # A recorder that cannot keep up drops rows, and the screen has less to show.
        print(f"stored: {stats['requests'] - 10_000:,} of {total:,} rows")
        os.write(terminal, b"q")
        os.waitpid(pid, 0)


main()
