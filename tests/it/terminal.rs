//! The built program on a pseudo-terminal that nobody looks at, with a reader that types.

use super::program::{Home, Ran, until};
use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::termios::LocalModes;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How the program is put on a terminal.
pub(crate) struct Terminal<'a> {
    home: &'a Home,
    columns: u16,
    rows: u16,
    variables: Vec<(&'a str, &'a str)>,
    output: Option<Stdio>,
    messages: Option<Stdio>,
}

impl<'a> Terminal<'a> {
    /// A terminal of 80 columns and so many rows that nothing is longer.
    pub(crate) fn of(home: &'a Home) -> Self {
        Self {
            home,
            columns: 80,
            rows: 1000,
            variables: Vec::new(),
            output: None,
            messages: None,
        }
    }

    /// A terminal of another size; of none with two zeros.
    pub(crate) fn size(mut self, columns: u16, rows: u16) -> Self {
        (self.columns, self.rows) = (columns, rows);
        self
    }

    /// Sets a variable; there are none but `HOME` and `TZ`.
    pub(crate) fn env(mut self, name: &'a str, value: &'a str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Standard output leads elsewhere.
    pub(crate) fn output(mut self, output: impl Into<Stdio>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Standard error leads elsewhere.
    pub(crate) fn messages(mut self, messages: impl Into<Stdio>) -> Self {
        self.messages = Some(messages.into());
        self
    }

    /// Starts the program.
    pub(crate) fn start(self, arguments: &[&str]) -> Session {
        let command = self.home.command(arguments);
        self.start_command(command)
    }

    /// Starts another program.
    pub(crate) fn start_command(self, command: std::process::Command) -> Session {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(self.rows, self.columns)).unwrap();
        let mut command = Command::from(command).envs(self.variables);
        if let Some(output) = self.output {
            command = command.stdout(output);
        }
        if let Some(messages) = self.messages {
            command = command.stderr(messages);
        }
        let child = command.spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let reader = {
            let (pty, seen) = (Arc::clone(&pty), Arc::clone(&seen));
            std::thread::spawn(move || read_all(&pty, &seen))
        };
        Session {
            child,
            pty,
            seen,
            reader,
        }
    }

    /// Starts the program, waits until it shows a text, and takes the terminal away from it.
    pub(crate) fn start_and_vanish(self, arguments: &[&str], text: &str) -> Child {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(self.rows, self.columns)).unwrap();
        let command = Command::from(self.home.command(arguments)).envs(self.variables);
        let child = command.spawn(pts).unwrap();
        let (mut seen, mut bytes) = (String::new(), [0; 4096]);
        while !seen.contains(text) {
            let count = (&pty).read(&mut bytes).unwrap();
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        child
    }

    /// Runs the program to its end, with everything on the terminal that leads nowhere else.
    pub(crate) fn run(self, arguments: &[&str]) -> Ran {
        self.start(arguments).finish()
    }
}

/// Ends with the error that a terminal gives once nobody has it open on the other side.
fn read_all(mut pty: &Pty, seen: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = pty.read(&mut bytes) {
        seen.lock().unwrap().extend_from_slice(&bytes[..count]);
    }
}

/// A program at work on a terminal.
pub(crate) struct Session {
    pub(crate) child: Child,
    pty: Arc<Pty>,
    seen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Session {
    /// Everything shown so far, with the terminal's own carriage returns taken off again.
    pub(crate) fn screen(&self) -> String {
        let seen = self.seen.lock().unwrap().clone();
        String::from_utf8(seen).unwrap().replace("\r\n", "\n")
    }

    /// Everything that was sent to the terminal so far, as it came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// Whether the terminal hands over lines and shows what is typed, as a shell wants it.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&*self.pty).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits until the terminal shows a text.
    pub(crate) fn expect(&self, text: &str) {
        until(&format!("the terminal shows {text:?}"), || {
            self.screen().contains(text)
        });
    }

    /// Types.
    pub(crate) fn type_in(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end: `out` is the terminal, `err` what standard error was piped into.
    pub(crate) fn finish(mut self) -> Ran {
        let mut err = String::new();
        if let Some(mut messages) = self.child.stderr.take() {
            messages.read_to_string(&mut err).unwrap();
        }
        let mut status = None;
        until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        until("the terminal is left", || self.reader.is_finished());
        Ran {
            code: status.unwrap().code(),
            out: self.screen(),
            err,
        }
    }
}
