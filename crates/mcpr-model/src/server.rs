//! What a tap knows of the server that it runs for a session, and how a server ends.

use super::{MAX_URI_BYTES, Text, is_stateless};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a server ended, as the shell counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerExit {
    /// With this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

impl ServerExit {
    /// The signals that end programs, which have the same numbers on Linux and macOS.
    const SIGNALS: [(u8, &'static str); 10] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (15, "SIGTERM"),
    ];
}

impl fmt::Display for ServerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "server exited with code {code}"),
            Self::Signal(number) => {
                write!(f, "server was killed by signal {number}")?;
                // A number alone has to be looked up.
                let name = Self::SIGNALS.iter().find(|(signal, _)| signal == number);
                name.map_or(Ok(()), |(_, name)| write!(f, " ({name})"))
            }
        }
    }
}

/// The last of what a server wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutputTail {
    /// Whole lines, at most [`OutputTail::MAX_BYTES`] of them.
    pub text: Box<str>,
    /// How many bytes there were in all.
    pub bytes: u64,
}

impl OutputTail {
    /// Most bytes kept of what a server wrote to one of its outputs.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Whether a line of an output looks like `TypeError: …`, `error: …`, `fatal: …` or a panic.
    #[must_use]
    pub fn names_error(line: &str) -> bool {
        if line.starts_with("thread '") && line.contains("panicked at") {
            return true;
        }
        let Some((head, _)) = line.split_once(": ") else {
            return false;
        };
        let word = head.rsplit(['.', ' ']).next().unwrap_or(head);
        let known = ["error", "fatal", "panic"];
        word.ends_with("Error")
            || word.ends_with("Exception")
            || known.iter().any(|it| word.eq_ignore_ascii_case(it))
    }
}

/// One statement about the server that a tap runs for a session: what it lacks was reported before, or is not
/// known yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerRun {
    /// The name under which the server is recorded.
    pub proxy: Text,
    /// The session it runs for.
    pub session_id: Text,
    /// When this was reported, unix milliseconds.
    pub ts: i64,
    /// Its command line.
    pub command: Option<Text>,
    /// Its process number.
    pub pid: Option<u32>,
    /// How it ended, and when.
    pub end: Option<(ServerExit, i64)>,
    /// Whether it was not to end: its client was there and nobody asked it, or it failed or never began.
    pub is_death: bool,
    /// Why it could not be started.
    pub refused: Option<Text>,
    /// The protocol version that both sides agreed on.
    pub protocol: Option<Text>,
    /// The name that the server gives itself.
    pub server_name: Option<Text>,
    /// The version that it gives itself.
    pub server_version: Option<Text>,
    /// The last of its standard error.
    pub stderr: Option<OutputTail>,
    /// The last of what it wrote to standard output that is not a message.
    pub stray: Option<OutputTail>,
}

impl ServerRun {
    /// Adds what a later statement says.
    pub fn add(&mut self, later: Self) {
        self.ts = self.ts.max(later.ts);
        let text = |known: &mut Option<Text>, stated: Option<Text>| {
            if stated.is_some() {
                *known = stated;
            }
        };
        text(&mut self.command, later.command);
        text(&mut self.refused, later.refused);
        text(&mut self.protocol, later.protocol);
        text(&mut self.server_name, later.server_name);
        text(&mut self.server_version, later.server_version);
        self.pid = later.pid.or(self.pid);
        self.end = later.end.or(self.end);
        self.is_death |= later.is_death;
        // An output only grows: its newest tail stands for all before it.
        self.stderr = later.stderr.or_else(|| self.stderr.take());
        self.stray = later.stray.or_else(|| self.stray.take());
    }

    /// Whether its client's requests are of no session: several connections may serve one client.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        self.protocol.as_deref().is_some_and(is_stateless)
    }

    /// When it ended, or could not be started, unix milliseconds.
    #[must_use]
    pub fn ended_at(&self) -> Option<i64> {
        let refused = || self.refused.as_ref().map(|_| self.ts);
        self.end.map(|(_, at)| at).or_else(refused)
    }

    /// How it ended, with its message about that, on one line; none while it runs.
    #[must_use]
    pub fn ending(&self) -> Option<String> {
        if let Some(why) = &self.refused {
            return Some(format!("server could not be started: {why}"));
        }
        let (exit, _) = self.end?;
        let stated = self.stderr.as_ref().and_then(|it| reason_in(&it.text));
        Some(match stated {
            // What a server says that ends well is not a reason.
            Some(stated) if exit != ServerExit::Code(0) => format!("{exit}: {stated}"),
            _ => exit.to_string(),
        })
    }
}

/// The line of an output that most likely says why a program failed: the last that names an error, else the last
/// one at all.
fn reason_in(text: &str) -> Option<&str> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    // The last one: what failed first is often tried again.
    let named = lines().rev().find(|line| OutputTail::names_error(line));
    let line = named.or_else(|| lines().next_back())?;
    // The kind of an error goes without saying where its message follows.
    let line = line.strip_prefix("Error: ").unwrap_or(line);
    Some(&line[..line.floor_char_boundary(MAX_URI_BYTES.min(512))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_says_its_code_or_its_signal_by_name() {
        let exits = [
            ServerExit::Code(1),
            ServerExit::Signal(9),
            ServerExit::Signal(250),
        ];
        let expected = [
            "server exited with code 1",
            "server was killed by signal 9 (SIGKILL)",
            "server was killed by signal 250",
        ];
        assert_eq!(exits.map(|exit| exit.to_string()), expected);
    }

    #[test]
    fn the_line_that_says_why_is_found_in_what_a_server_wrote() {
        let node = "node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\n\
                    Error: Cannot find module 'foo'\nRequire stack:\n- /x.js\n    at f (x.js:1)\n\nNode.js v22.1.0\n";
        let python = "Traceback (most recent call last):\n  File \"x.py\", line 1\n\
                      ModuleNotFoundError: No module named 'foo'\n";
        let cases = [
            (node, Some("Cannot find module 'foo'")),
            (python, Some("ModuleNotFoundError: No module named 'foo'")),
            (
                "starting\nerror: no such port\nbye\n",
                Some("error: no such port"),
            ),
            ("starting\ngave up\n\n", Some("gave up")),
            ("\n \n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(reason_in(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_reported_later_stands_beside_what_was_reported_before() {
        let tail = |text: &str| {
            Some(OutputTail {
                text: text.into(),
                bytes: 9,
            })
        };
        let mut run = ServerRun {
            command: Some("sh -c x".into()),
            pid: Some(7),
            stderr: tail("a\n"),
            ..ServerRun::default()
        };
        assert_eq!(run.ending(), None);
        run.add(ServerRun {
            ts: 5,
            end: Some((ServerExit::Code(1), 5)),
            stderr: tail("a\nboom\n"),
            ..ServerRun::default()
        });
        assert_eq!((run.pid, run.ts), (Some(7), 5));
        let ending = run.ending();
        assert_eq!(ending.as_deref(), Some("server exited with code 1: boom"));
    }
}
