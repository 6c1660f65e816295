//! What a server is called by its command: its package, program or image, and never what runs that. Pure.

use std::ffi::OsString;
use std::path::Path;

/// A program that runs others: what stands before the name of what it runs.
struct CommandRunner {
    names: &'static [&'static str],
    /// Words that say what it is to do.
    verbs: &'static [&'static str],
    /// Options whose next word is theirs.
    takes_value: &'static [&'static str],
    /// An option that names the package itself.
    package: &'static [&'static str],
    /// What the name is.
    target: RunTarget,
}

/// What a runner is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunTarget {
    /// A package, perhaps with a scope and a version.
    Package,
    /// A file.
    Script,
    /// An image of a container.
    Image,
    /// Another command.
    Command,
}

const RUNNERS: &[CommandRunner] = &[
    CommandRunner {
        names: &["npx", "bunx", "pnpx", "npm", "pnpm", "yarn"],
        verbs: &["exec", "x", "dlx", "run"],
        takes_value: &[
            "-c",
            "--call",
            "-w",
            "--workspace",
            "--prefix",
            "-C",
            "--dir",
        ],
        package: &["-p", "--package"],
        target: RunTarget::Package,
    },
    CommandRunner {
        names: &["uvx", "pipx"],
        verbs: &["run"],
        takes_value: &[
            "--from",
            "--with",
            "-p",
            "--python",
            "--index",
            "--index-url",
            "--spec",
        ],
        package: &[],
        target: RunTarget::Package,
    },
    CommandRunner {
        names: &["uv"],
        verbs: &["run", "tool"],
        takes_value: &[
            "--from",
            "--with",
            "-p",
            "--python",
            "--directory",
            "--project",
            "--with-editable",
        ],
        package: &[],
        target: RunTarget::Command,
    },
    CommandRunner {
        names: &["python", "py", "pypy"],
        verbs: &[],
        takes_value: &["-W", "-X"],
        package: &["-m"],
        target: RunTarget::Script,
    },
    CommandRunner {
        names: &[
            "node", "bun", "deno", "tsx", "ts-node", "ruby", "perl", "php",
        ],
        verbs: &["run"],
        takes_value: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--env-file",
            "--config",
            "--cwd",
        ],
        package: &[],
        target: RunTarget::Script,
    },
    // The command-line tools of SDKs, which run a script.
    CommandRunner {
        names: &["mcp", "fastmcp"],
        verbs: &["run", "dev"],
        takes_value: &["-t", "--transport", "--with", "--host", "--port"],
        package: &[],
        target: RunTarget::Script,
    },
    CommandRunner {
        names: &["java"],
        verbs: &[],
        takes_value: &["-cp", "-classpath", "--class-path"],
        package: &["-jar"],
        target: RunTarget::Script,
    },
    CommandRunner {
        names: &["docker", "podman", "nerdctl"],
        verbs: &["run", "container"],
        takes_value: &[
            "-e",
            "--env",
            "--env-file",
            "-v",
            "--volume",
            "--mount",
            "--name",
            "--network",
            "--net",
            "-p",
            "--publish",
            "-u",
            "--user",
            "-w",
            "--workdir",
            "--platform",
            "--entrypoint",
            "-l",
            "--label",
            "--memory",
            "-m",
            "--cpus",
            "--add-host",
            "-h",
            "--hostname",
            "--gpus",
            "--pull",
        ],
        package: &[],
        target: RunTarget::Image,
    },
    CommandRunner {
        names: &[
            "env", "cmd", "sh", "bash", "zsh", "nice", "sudo", "time", "timeout",
        ],
        verbs: &["/c", "-c", "/C"],
        takes_value: &["-u", "-n", "-C"],
        package: &[],
        target: RunTarget::Command,
    },
];

/// Names that say nothing of a server, as so many have them.
const COMMON: &[&str] = &[
    "index", "main", "server", "app", "cli", "start", "run", "mcp", "dist", "build", "src", "lib",
    "bin", "out", "cmd", "__main__", "target", "release", "debug",
];

/// Options of interpreters that take a program's text.
const CODE: &[&str] = &["-c", "-e", "--eval"];

/// What a server with this command is called.
pub(super) fn package_of(command: &[OsString]) -> String {
    let words: Vec<String> = command
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // A command that runs a command that runs another one; deeper ones are nobody's.
    named(&words, 4).unwrap_or_else(|| "server".to_owned())
}

fn named(words: &[String], depth: usize) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let stem = stem_of(program);
    // `python3.12` is Python.
    let plain = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_it = |name: &str| stem == name || plain == name;
    let runner = RUNNERS
        .iter()
        .find(|runner| runner.names.iter().any(|name| is_it(name)));
    let Some(runner) = runner else {
        return distinctive_part(program);
    };
    if depth == 0 {
        return None;
    }
    let Some((package, rest)) = skip(runner, arguments) else {
        // Of code that was typed only what runs it has a name.
        let is_code = arguments.iter().any(|word| CODE.contains(&word.as_str()));
        return (runner.target == RunTarget::Script && is_code).then_some(stem);
    };
    match (runner.target, package) {
        (RunTarget::Command, _) if rest.len() == 1 && rest[0].contains(' ') => {
            // A line for a shell, in which the last command is the one that stays.
            let last = rest[0].rsplit(['&', ';']).next().unwrap_or_default();
            let line: Vec<String> = last.split_whitespace().map(str::to_owned).collect();
            named(&line, depth - 1)
        }
        (RunTarget::Command, _) => named(rest, depth - 1),
        (RunTarget::Script, Some(module)) if !module.contains(['/', '\\']) => {
            Some(module.to_owned())
        }
        (RunTarget::Script, Some(path)) => distinctive_part(path),
        (RunTarget::Script, None) => distinctive_part(rest.first()?),
        (RunTarget::Image, _) => Some(image(rest.first()?)),
        (RunTarget::Package, Some(package)) => Some(without_version(package)),
        (RunTarget::Package, None) => Some(without_version(rest.first()?)),
    }
}

/// The package that an option names, and what stands behind the options and verbs.
fn skip<'a>(
    runner: &CommandRunner,
    arguments: &'a [String],
) -> Option<(Option<&'a str>, &'a [String])> {
    let mut rest = arguments;
    let mut package = None;
    while let Some((word, behind)) = rest.split_first() {
        let is_one_of = |options: &[&str]| options.contains(&word.as_str());
        if word == "--" {
            rest = behind;
            break;
        } else if is_one_of(runner.package) {
            let (named, behind) = behind.split_first()?;
            package = Some(named.as_str());
            rest = behind;
            // What follows a module or an archive is its own.
            if runner.target == RunTarget::Script {
                break;
            }
        } else if runner.target == RunTarget::Script && is_one_of(CODE) {
            // What follows is the program itself, and no name.
            return None;
        } else if is_one_of(runner.takes_value) {
            rest = behind.get(1..)?;
        } else if word.starts_with('-') || is_one_of(runner.verbs) {
            let joined = runner.package.iter().find_map(|option| {
                let rest = word.strip_prefix(option)?;
                rest.strip_prefix('=')
            });
            package = package.or(joined);
            rest = behind;
        } else if runner.target == RunTarget::Command && word.contains('=') && !word.contains('/') {
            // A variable that `env` sets.
            rest = behind;
        } else {
            break;
        }
    }
    Some((package, rest))
}

/// `@x/server-y@1.2` is `server-y`, `pkg[extra]==1.0` is `pkg`, an address of a repository its last part.
fn without_version(package: &str) -> String {
    let package = package.split(['#', '?']).next().unwrap_or(package);
    let package = package.trim_end_matches('/').trim_end_matches(".git");
    let name = package.rsplit('/').next().unwrap_or(package);
    let end = name
        .find(['@', '=', '<', '>', '[', '~', '!'])
        .filter(|at| *at > 0);
    let name = end.map_or(name, |end| &name[..end]);
    name.trim_start_matches('@').to_owned()
}

/// The last part of an image's name, without its tag and digest.
fn image(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    let name = name.rsplit('/').next().unwrap_or(name);
    name.split(':').next().unwrap_or(name).to_owned()
}

fn stem_of(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let known = [".exe", ".cmd", ".bat"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    known.unwrap_or(name).to_owned()
}

/// The first part of a path, from its end, that distinguishes one server from another.
fn distinctive_part(path: &str) -> Option<String> {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let last = parts.next()?;
    let stem = Path::new(last).file_stem()?.to_string_lossy().into_owned();
    if !COMMON.contains(&stem.as_str()) {
        return Some(stem);
    }
    let above = parts.find(|part| !COMMON.contains(part) && !matches!(*part, "." | ".."));
    Some(above.map_or(stem, str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_package_and_never_by_what_runs_it() {
        for (command, expected) in [
            ("npx -y @x/server-y", "server-y"),
            ("npx -y @x/server-y@1.2.3 --fast", "server-y"),
            ("npx --package=@x/tools y", "tools"),
            ("npx -p @x/tools y", "tools"),
            ("/usr/bin/npx.cmd server-y@latest", "server-y"),
            ("npm exec --yes -- server-y", "server-y"),
            ("pnpm dlx server-y", "server-y"),
            ("bunx server-y", "server-y"),
            ("uvx mcp-server-git", "mcp-server-git"),
            (
                "uvx --from git+https://github.com/a/b.git server-b --x",
                "server-b",
            ),
            ("uvx server[cli]==1.0", "server"),
            ("uv --directory /srv/a run tickets.py", "tickets"),
            (
                "uv run --with mcp mcp run /srv/tickets/server.py",
                "tickets",
            ),
            ("uv tool run server-y", "server-y"),
            ("pipx run server-y", "server-y"),
            ("python -m tickets.server --port 1", "tickets.server"),
            ("python3.12 -u /srv/tickets/server.py", "tickets"),
            ("/opt/venv/bin/python tickets.py", "tickets"),
            ("node --import x /srv/tickets/dist/index.js", "tickets"),
            ("node tickets.js", "tickets"),
            ("deno run -A main.ts", "main"),
            ("java -jar /opt/tickets-1.0.jar", "tickets-1.0"),
            ("docker run -i --rm -e KEY ghcr.io/x/tickets:1.0", "tickets"),
            (
                "docker run -i --rm -v /a:/b --name=z mcp/files@sha256:abc /b",
                "files",
            ),
            ("env A=b npx server-y", "server-y"),
            ("cmd /c npx -y server-y", "server-y"),
            (
                "/usr/local/bin/github-mcp-server stdio",
                "github-mcp-server",
            ),
            ("./target/release/server", "server"),
            ("cat", "cat"),
            ("npx", "server"),
        ] {
            let words: Vec<OsString> = command.split(' ').map(Into::into).collect();
            assert_eq!(package_of(&words), expected, "{command}");
        }
        for line in ["cd /srv && npx -y server-y", "npx -y server-y --fast"] {
            let line = ["bash", "-c", line].map(OsString::from);
            assert_eq!(package_of(&line), "server-y");
        }
        for line in [
            ["python3", "-c", "import sys; sys.exit(1)"],
            ["node", "-e", "process.exit(1)"],
        ] {
            assert_eq!(package_of(&line.map(OsString::from)), line[0]);
        }
    }
}
