//! `mcpr watch` on a pseudo-terminal, seen through a terminal emulator: what a person sees, and what is left of
//! the terminal afterwards.

mod ends;
mod keys;
mod picture;
mod report;
mod stores;

use super::program::{Home, until};
use super::terminal::{Session, Terminal};
use std::num::NonZeroU16;
use std::path::Path;

/// The screen, and the size of the terminal that it is on.
struct Watched {
    session: Session,
    columns: u16,
    rows: u16,
}

/// The sample recorded with payloads.
fn recorded() -> Home {
    let home = Home::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/everything.stderr.log");
    let ran = home.run(&["record", "--once", "--payloads", sample.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    home
}

impl Watched {
    /// Starts on a terminal of this size, with these arguments besides.
    fn start(home: &Home, columns: u16, rows: u16, arguments: &[&str]) -> Self {
        Self::start_on(Terminal::of(home), columns, rows, arguments)
    }

    fn start_on(terminal: Terminal<'_>, columns: u16, rows: u16, arguments: &[&str]) -> Self {
        let terminal = terminal.size(columns, rows).env("TERM", "xterm-256color");
        let arguments = [&["watch"], arguments].concat();
        Self {
            session: terminal.start(&arguments),
            columns,
            rows,
        }
    }

    fn emulated(&self) -> vt100::Parser {
        let size = |number| NonZeroU16::new(number).unwrap();
        let mut parser = vt100::Parser::new(size(self.rows), size(self.columns), 0);
        parser.process(&self.session.bytes());
        parser
    }

    /// What is on the screen, without blanks at the ends of lines.
    fn screen(&self) -> String {
        let parser = self.emulated();
        let rows = parser.screen().rows(0, self.columns);
        rows.map(|row| row.trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
    }

    /// Waits until a text is on the screen.
    fn expect(&self, text: &str) {
        self.wait(&format!("{text:?} comes"), |screen| screen.contains(text));
    }

    /// Waits until a text is not on the screen any more.
    fn expect_gone(&self, text: &str) {
        self.wait(&format!("{text:?} goes"), |screen| !screen.contains(text));
    }

    fn wait(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let mut screen = String::new();
        let mut looks = 0;
        until("the screen is looked at", || {
            screen = self.screen();
            looks += 1;
            // Every look of many thousand is one too many: then the screen is shown.
            is_there(&screen) || looks > 3_000
        });
        assert!(is_there(&screen), "never on the screen: {what}\n{screen}");
    }

    fn keys(&self, keys: &str) {
        self.session.type_in(keys);
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.session.resize(columns, rows);
    }

    /// Whether the terminal is as a shell wants it: its own screen, its cursor, its lines.
    fn is_given_back(&self) -> bool {
        let parser = self.emulated();
        let screen = parser.screen();
        !screen.alternate_screen() && !screen.hide_cursor() && self.session.is_cooked()
    }

    /// Waits for the end, and says with which code it came.
    fn end(mut self) -> Option<i32> {
        let mut status = None;
        until("the program ends", || {
            status = self.session.child.try_wait().unwrap();
            status.is_some()
        });
        until("the terminal is given back", || self.is_given_back());
        status.unwrap().code()
    }
}
