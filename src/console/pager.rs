//! Long output on a terminal: held back until it is known to be longer than the screen, then sent
//! through the reader's pager. Knows nothing of what is shown.

mod less;

use crate::render::layout::painted_width;
use signal_hook::consts::SIGINT;
use std::io::{self, BufWriter, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The pager where none is named: `F` leaves at once where all of it fits, `R` lets colours through, `X` leaves
/// the text on the screen.
pub(super) const DEFAULT_PAGER: &str = "less -FRX";

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PagerScreen {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl PagerScreen {
    /// The rows that a line takes.
    fn rows_of(self, line: &str) -> usize {
        painted_width(line).div_ceil(self.columns.max(1)).max(1)
    }
}

/// How a pager begins with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TablePaging {
    /// Whether it opens at the end, where the newest stands.
    pub at_end: bool,
    /// Whether the first line names the columns, and stays in sight.
    pub has_header: bool,
}

/// Where printed text goes on its way to a terminal.
#[derive(Debug, Default)]
pub(super) enum Paging {
    /// Straight to standard output.
    #[default]
    Off,
    /// Nowhere yet: it may still fit on the screen.
    Holding(HeldOutput),
    /// Into the pager.
    Running(Pager),
}

/// Text that fits on the screen so far.
#[derive(Debug)]
pub(super) struct HeldOutput {
    command: String,
    screen: PagerScreen,
    rows: usize,
    text: String,
    /// The same for a pager that chops lines, once a table reported what stands beyond the screen.
    table: Option<HeldTable>,
}

#[derive(Debug)]
struct HeldTable {
    text: String,
    paging: TablePaging,
}

impl HeldOutput {
    pub(super) fn new(command: &str, screen: PagerScreen) -> Self {
        Self {
            command: command.to_owned(),
            screen,
            rows: 0,
            text: String::new(),
            table: None,
        }
    }

    /// Takes the next part of a table: as the screen shows it, and whole; as [`HeldOutput::take`].
    pub(super) fn take_table(&mut self, part: &TablePart<'_>) -> bool {
        // What was reported before the table belongs to both.
        let table = self.table.get_or_insert_with(|| HeldTable {
            text: self.text.clone(),
            paging: part.paging,
        });
        table.text.push_str(part.whole);
        self.take_shown(part.shown)
    }

    /// Takes text; says whether all of it still fits, with a row left for the prompt after it.
    pub(super) fn take(&mut self, text: &str) -> bool {
        if let Some(table) = &mut self.table {
            table.text.push_str(text);
        }
        self.take_shown(text)
    }

    fn take_shown(&mut self, text: &str) -> bool {
        // What went before may have ended within a line, which is then counted from its start.
        let line = self.text.rfind('\n').map_or(0, |end| end + 1);
        let counted = if line < self.text.len() {
            self.screen.rows_of(&self.text[line..])
        } else {
            0
        };
        self.text.push_str(text);
        let mut rows = self.rows - counted;
        for line in self.text[line..].lines() {
            rows += self.screen.rows_of(line);
            if rows >= self.screen.rows {
                break;
            }
        }
        self.rows = rows;
        rows < self.screen.rows
    }

    /// What was held.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Starts the pager with what was held; where it cannot be started, that is given back.
    pub(super) fn start(self) -> Result<Pager, String> {
        let (command, text, chops) = match &self.table {
            Some(table) => match less::with_chopped_lines(&self.command, table.paging) {
                Some(command) => (command, &table.text, true),
                None => (self.command.clone(), &self.text, false),
            },
            None => (self.command.clone(), &self.text, false),
        };
        match Pager::start(&command, chops) {
            Ok(mut pager) => {
                // One that has ended already is noticed by the next write, or at the end.
                let _ = pager.write(text).and_then(|()| pager.flush());
                Ok(pager)
            }
            Err(_) => Err(self.text),
        }
    }
}

/// A part of a table on its way to a terminal.
#[derive(Debug, Clone, Copy)]
pub struct TablePart<'a> {
    /// As the screen has room for it.
    pub shown: &'a str,
    /// With what stands beyond the screen, for a pager that chops lines.
    pub whole: &'a str,
    /// How the pager begins.
    pub paging: TablePaging,
}

/// A pager at work.
#[derive(Debug)]
pub(super) struct Pager {
    input: BufWriter<ChildStdin>,
    waiting: JoinHandle<io::Result<ExitStatus>>,
    /// Everything written so far, as long as nobody may have read any of it.
    unread: Option<String>,
    /// Whether it took something no more, which is then neither read nor buffered.
    is_left: bool,
    /// Whether it chops lines, so that a table may be wider than the screen.
    chops: bool,
}

impl Pager {
    /// What a pipe holds at most: once more than this was taken, somebody reads.
    const PIPE_BYTES: usize = 64 * 1024;

    fn start(command: &str, chops: bool) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        // A pager is named as a shell command, which may have arguments of its own.
        shell.args(["-c", command]).stdin(Stdio::piped());
        // Colours as they are, no clearing, and no waiting where it all fits; UTF-8 in every locale.
        for (name, value) in [("LESS", "FRX"), ("LESSCHARSET", "utf-8")] {
            // What the user has set for less stays as it is. A command that says all itself needs none.
            let is_set = chops && name == "LESS";
            if !is_set && std::env::var_os(name).is_none() {
                shell.env(name, value);
            }
        }
        let has_ended = Arc::new(AtomicBool::new(false));
        let mut child: Child = shell.spawn()?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        // Ctrl-C is the pager's own as long as it runs: to die before it would leave two readers
        // of one keyboard.
        signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&has_ended))?;
        let wait = move || {
            let status = child.wait();
            has_ended.store(true, Ordering::Release);
            status
        };
        Ok(Self {
            input: BufWriter::with_capacity(Self::PIPE_BYTES, input),
            waiting: std::thread::Builder::new()
                .name("pager".into())
                .spawn(wait)?,
            unread: Some(String::new()),
            is_left: false,
            chops,
        })
    }

    /// Hands over the next part of a table, see [`Pager::write`].
    pub(super) fn write_table(&mut self, part: &TablePart<'_>) -> io::Result<()> {
        self.write(if self.chops { part.whole } else { part.shown })
    }

    /// Hands text over.
    ///
    /// # Errors
    /// When the pager takes no more, from then on every time.
    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        let written = match &mut self.unread {
            Some(unread) => {
                unread.push_str(text);
                unread.len()
            }
            None => 0,
        };
        if self.is_left {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = self.input.write_all(text.as_bytes());
        self.is_left = taken.is_err();
        if taken.is_ok() && written > self.input.buffer().len() + Self::PIPE_BYTES {
            self.unread = None;
        }
        taken
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.input.flush();
        self.is_left |= flushed.is_err();
        flushed
    }

    /// Lets the pager read to its end and waits until it is left.
    pub(super) fn end(mut self) -> PagerEnd {
        let _ = self.flush();
        // Not to be flushed a second time, which would fail as the first did.
        let (input, _) = self.input.into_parts();
        drop(input);
        let status = self.waiting.join();
        // What a shell says of a command that is not there, or cannot be started.
        let never_ran =
            matches!(status, Ok(Ok(status)) if matches!(status.code(), Some(126 | 127)));
        match self.unread {
            Some(unread) if never_ran => PagerEnd::NeverRan(unread),
            _ if self.is_left => PagerEnd::Left,
            _ => PagerEnd::TookAll,
        }
    }
}

/// How a pager ended.
#[derive(Debug)]
pub(super) enum PagerEnd {
    /// It took all there was.
    TookAll,
    /// It was left before it took all.
    Left,
    /// There is no such command; this is what it should have shown.
    NeverRan(String),
}

#[cfg(test)]
mod tests {
    use super::{HeldOutput, PagerScreen};

    #[test]
    fn text_is_held_as_long_as_it_fits() {
        let screen = PagerScreen {
            columns: 10,
            rows: 4,
        };
        let cases: [(&[&str], bool); 9] = [
            (&[""], true),
            (&["1\n2\n3\n"], true),
            (&["1\n2\n3\n4\n"], false),
            (&["1\n", "2\n", "3\n"], true),
            (&["1\n", "2\n", "3\n", "4"], false),
            (&["{", "\"a\":", "1", "}", "\n"], true),
            (&["0123456789\n0123456789\n0\n"], true),
            (&["0123456789a\n0123456789a\n"], false),
            (&["\x1b[31m0123456789\x1b[0m\n\x1b[1mred\x1b[0m\n\n"], true),
        ];
        for (texts, fits) in cases {
            let mut held = HeldOutput::new("less", screen);
            let got = texts.iter().all(|text| held.take(text));
            assert_eq!(got, fits, "{texts:?}");
        }
    }

    #[test]
    fn a_line_in_pieces_takes_the_rows_of_the_whole() {
        let screen = PagerScreen {
            columns: 10,
            rows: 4,
        };
        let mut held = HeldOutput::new("less", screen);
        for _ in 0..30 {
            assert!(held.take("x"));
        }
        assert!(!held.take("x"), "the 31st begins a fourth row");
    }
}
