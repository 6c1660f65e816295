//! The only owner of standard output and standard error: buffering, colour, width, the pager, and
//! what a write error means. Data goes to standard output, everything else to standard error.

mod bus_error;
mod captured;
mod colour;
mod environment;
mod message;
mod output;
mod pager;
mod progress;

pub use bus_error::report_bus_errors;
pub use captured::CapturedOutput;
pub use colour::{ColourChoice, uses_colour};
pub use environment::Environment;
pub use output::GiveUp;
pub use pager::{TablePaging, TablePart};
pub use progress::{Progress, Unit, Waiting};

use crate::render::palette::Palette;
use crate::render::text::escape;
use output::{PatientOutput, reader_has_gone, terminal_size};
use pager::{HeldOutput, PagerEnd, PagerScreen, Paging};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::mem;

/// Standard output took no more.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Its reader has gone: the end of the work, and no error.
    #[error("the reader of standard output has gone")]
    Closed,
    /// Waiting for its reader was given up, as [`Console::give_up_when`] stated.
    #[error("the reader of standard output takes nothing")]
    GivenUp,
    /// Anything else, such as a full disk.
    #[error("cannot write to standard output: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A Rust program ignores SIGPIPE: a reader such as `head` that has enough shows as this
            // error.
            io::ErrorKind::BrokenPipe => Self::Closed,
            io::ErrorKind::TimedOut => Self::GivenUp,
            _ => Self::Failed(error),
        }
    }
}

/// Which messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageLevel {
    /// How an answer came about as well.
    Details,
    All,
    Errors,
}

/// The two output streams and what is known of where they lead.
pub struct Console {
    out: BufWriter<Box<dyn Write + Send>>,
    paging: Paging,
    err: Box<dyn Write + Send>,
    environment: Environment,
    choice: ColourChoice,
    out_is_terminal: bool,
    err_is_terminal: bool,
    is_captured: bool,
    messages: MessageLevel,
    /// Lines that stand below what is printed and go before more is.
    below: usize,
}

impl Console {
    const BUFFER_BYTES: usize = 64 * 1024;
    /// The size of a terminal that does not report.
    const DEFAULT_SCREEN: PagerScreen = PagerScreen {
        columns: 80,
        rows: 24,
    };

    /// The console of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            out: BufWriter::with_capacity(Self::BUFFER_BYTES, Box::new(io::stdout())),
            paging: Paging::Off,
            err: Box::new(io::stderr()),
            environment: Environment::of_process(),
            choice: ColourChoice::Auto,
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            is_captured: false,
            messages: MessageLevel::All,
            below: 0,
        }
    }

    /// A console that writes into memory and is not a terminal.
    #[must_use]
    pub fn captured() -> (Self, CapturedOutput, CapturedOutput) {
        let (out, err) = (CapturedOutput::default(), CapturedOutput::default());
        let console = Self {
            out: BufWriter::new(Box::new(out.clone())),
            paging: Paging::Off,
            err: Box::new(err.clone()),
            environment: Environment::default(),
            choice: ColourChoice::Auto,
            out_is_terminal: false,
            err_is_terminal: false,
            is_captured: true,
            messages: MessageLevel::All,
            below: 0,
        };
        (console, out, err)
    }

    /// Takes the user's word on colour.
    pub fn choose_colour(&mut self, choice: ColourChoice) {
        self.choice = choice;
    }

    /// Whether standard output gets colour.
    #[must_use]
    pub fn colours_output(&self) -> bool {
        uses_colour(self.choice, &self.environment, self.out_is_terminal)
    }

    /// The colours of what is printed.
    #[must_use]
    pub fn palette(&self) -> Palette {
        Palette::of(self.colours_output(), self.environment.colorfgbg.as_deref())
    }

    /// Whether standard error gets colour.
    #[must_use]
    pub fn colours_messages(&self) -> bool {
        uses_colour(self.choice, &self.environment, self.err_is_terminal)
    }

    /// Whether a program may draw on the whole terminal that standard output leads to.
    #[must_use]
    pub fn has_screen(&self) -> bool {
        self.out_is_terminal && self.environment.term.as_deref() != Some("dumb")
    }

    /// Whether standard error leads to a terminal, where progress may be shown.
    #[must_use]
    pub fn is_message_terminal(&self) -> bool {
        self.err_is_terminal
    }

    /// What tables are cut to: the terminal's width, else `COLUMNS`; nothing off a terminal.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.screen().map(|screen| screen.columns)
    }

    /// What running text is wrapped to, by which nothing is lost: as tables, and `COLUMNS` off a terminal.
    #[must_use]
    pub fn text_width(&self) -> Option<usize> {
        self.width().or_else(|| self.environment.columns())
    }

    /// The terminal that standard output leads to.
    fn screen(&self) -> Option<PagerScreen> {
        self.out_is_terminal.then(|| {
            let (columns, rows) = terminal_size(io::stdout());
            PagerScreen {
                columns: columns
                    .or_else(|| self.environment.columns())
                    .unwrap_or(Self::DEFAULT_SCREEN.columns),
                rows: rows
                    .or_else(|| self.environment.lines())
                    .unwrap_or(Self::DEFAULT_SCREEN.rows),
            }
        })
    }

    /// From now on, what is printed goes through the reader's pager once it is longer than the
    /// terminal; [`Console::flush`] ends that.
    pub fn page_long_output(&mut self) {
        if let (Some(screen), Some(command)) = (self.screen(), self.environment.pager_command()) {
            self.paging = Paging::Holding(HeldOutput::new(command, screen));
        }
    }

    /// Whether a table may go through a pager, which needs it whole.
    #[must_use]
    pub fn may_page(&self) -> bool {
        !matches!(self.paging, Paging::Off)
    }

    /// Whether what is printed is read in a pager.
    #[must_use]
    pub fn is_in_pager(&self) -> bool {
        matches!(self.paging, Paging::Running(_))
    }

    /// Writes a part of a table to standard output, or whole to a pager that chops lines. The text must be
    /// harmless: see `render::text`.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn print_table(&mut self, part: &TablePart<'_>) -> Result<(), OutputError> {
        match &mut self.paging {
            Paging::Off => self.print(part.shown),
            Paging::Holding(held) => {
                if held.take_table(part) {
                    return Ok(());
                }
                self.start_pager()
            }
            Paging::Running(pager) => match pager.write_table(part) {
                Ok(()) => Ok(()),
                Err(_) => self.end_paging(),
            },
        }
    }

    /// From now on, a reader that takes nothing is waited for only until `give_up` says otherwise.
    ///
    /// # Errors
    /// When what was written before cannot be written out.
    pub fn give_up_when(&mut self, give_up: GiveUp) -> Result<(), OutputError> {
        self.flush()?;
        if !self.is_captured {
            // A console in memory has no descriptor that could be waited for.
            let output = Box::new(PatientOutput { give_up });
            self.out = BufWriter::with_capacity(Self::BUFFER_BYTES, output);
        }
        Ok(())
    }

    /// Whether whoever read standard output has gone, although nothing was written to find out.
    #[must_use]
    pub fn reader_has_gone(&self) -> bool {
        !self.is_captured && reader_has_gone()
    }

    /// Writes data to standard output. The text must be harmless: see `render::text`.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn print(&mut self, text: &str) -> Result<(), OutputError> {
        self.clear_below()?;
        match &mut self.paging {
            Paging::Off => self.out.write_all(text.as_bytes()).map_err(Into::into),
            Paging::Holding(held) => {
                if held.take(text) {
                    return Ok(());
                }
                self.start_pager()
            }
            Paging::Running(pager) => match pager.write(text) {
                Ok(()) => Ok(()),
                // It was left early, or never ran: only its end shows which.
                Err(_) => self.end_paging(),
            },
        }
    }

    /// Shows lines below what is printed, until more is printed or others take their place; on a terminal alone.
    /// The text must be harmless, and no line longer than the terminal.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn show_below(&mut self, text: &str) -> Result<(), OutputError> {
        if !self.has_screen() || self.may_page() {
            return Ok(());
        }
        self.clear_below()?;
        let lines = text.lines().count();
        if lines > 0 {
            // The cursor waits on their first line: a terminal that is resized wraps lines anew and keeps the cursor
            // on its text, while nobody can know how many lines they take from then on.
            // What is wider than it is cut at the edge, for the way up is counted in lines.
            write!(self.out, "\x1b[?7l{text}\x1b[?7h\x1b[{lines}A\r")?;
            self.below = lines;
        }
        self.out.flush().map_err(Into::into)
    }

    /// Takes away what stands below.
    fn clear_below(&mut self) -> Result<(), OutputError> {
        if std::mem::take(&mut self.below) > 0 {
            // Everything from its first line on; from its second cell, for where that is the corner of the screen
            // some terminals take it for a wish to keep what is there in their history.
            self.out.write_all(b"\r\x1b[K\x1b[C\x1b[J\r")?;
        }
        Ok(())
    }

    /// How many lines may stand below what is printed.
    #[must_use]
    pub fn room_below(&self) -> usize {
        // At most half of the screen, so that what is printed stays in sight.
        self.screen().map_or(0, |screen| (screen.rows / 2).min(10))
    }

    /// Writes out what is buffered; a pager is waited for until it is left.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        self.end_paging()?;
        self.out.flush().map_err(Into::into)
    }

    fn start_pager(&mut self) -> Result<(), OutputError> {
        let Paging::Holding(held) = mem::take(&mut self.paging) else {
            return Ok(());
        };
        match held.start() {
            Ok(pager) => {
                self.paging = Paging::Running(pager);
                Ok(())
            }
            Err(text) => self.print(&text),
        }
    }

    /// From here on, everything goes straight to standard output again.
    fn end_paging(&mut self) -> Result<(), OutputError> {
        match mem::take(&mut self.paging) {
            Paging::Off => Ok(()),
            Paging::Holding(held) => self.print(&held.into_text()),
            Paging::Running(pager) => match pager.end() {
                PagerEnd::TookAll => Ok(()),
                PagerEnd::Left => Err(OutputError::Closed),
                PagerEnd::NeverRan(text) => self.print(&text),
            },
        }
    }

    /// Writes a line to standard error, escaping what could act on a terminal.
    pub fn note(&mut self, line: &str) {
        // Errors are written in another way and never left out.
        if !self.is_quiet() {
            let line = self.over_lines(&escape(line));
            self.write_message(&(line + "\n"));
        }
    }

    /// Whether notes and hints are left out.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.messages == MessageLevel::Errors
    }

    /// From now on notes and hints are left out; errors are still reported.
    pub fn leave_out_notes(&mut self) {
        self.messages = MessageLevel::Errors;
    }

    /// From now on it is reported as well how an answer came about.
    pub fn show_details(&mut self) {
        self.messages = MessageLevel::Details;
    }

    /// Whether it is reported how an answer came about.
    #[must_use]
    pub fn shows_details(&self) -> bool {
        self.messages == MessageLevel::Details
    }

    /// Whether a person sits at a terminal.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        !self.is_captured && self.err_is_terminal && io::stdin().is_terminal()
    }

    /// Asks on standard error and reads a line; `None` where no person sits at a terminal.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        self.write_message(&escape(question));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(answer)
    }

    /// Writes an error, and what a person can do about it, to standard error.
    pub fn error(&mut self, message: &str, hint: Option<&str>) {
        let (red, off) = if self.colours_messages() {
            ("\x1b[1;31m", "\x1b[0m")
        } else {
            ("", "")
        };
        let text = self.over_lines(&format!("error: {}", escape(message)));
        let rest = text.strip_prefix("error:").unwrap_or(&text);
        self.write_message(&format!("{red}error:{off}{rest}\n"));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// Writes what a person can do to standard error.
    pub fn hint(&mut self, hint: &str) {
        self.note(&format!("hint: {hint}"));
    }

    /// A message as a terminal shows it; one line for anything else.
    fn over_lines(&self, message: &str) -> String {
        if !self.err_is_terminal {
            return message.to_owned();
        }
        let (columns, _) = terminal_size(io::stderr());
        let columns = columns.or_else(|| self.environment.columns());
        message::wrapped(message, columns.unwrap_or(Self::DEFAULT_SCREEN.columns))
    }

    /// Writes text that is ready to be shown, such as clap's, to standard error.
    pub fn write_message(&mut self, text: &str) {
        // What is printed comes before messages about it; and when standard error is gone there
        // is nowhere left to say so. What stands below would be written over in part.
        let _ = self.clear_below();
        let _ = self.flush();
        let _ = self
            .err
            .write_all(text.as_bytes())
            .and_then(|()| self.err.flush());
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("out_is_terminal", &self.out_is_terminal)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_escaped_and_carry_a_hint() {
        let (mut console, out, err) = Console::captured();
        console.print("data\n").expect("memory takes it");
        console.error("no `\x1b[2J`", Some("try again"));
        assert_eq!(err.text(), "error: no `\\x1b[2J`\nhint: try again\n");
        assert_eq!(out.text(), "data\n");
    }

    #[test]
    fn a_gone_reader_is_distinguished_from_a_failure() {
        let gone = OutputError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(gone, OutputError::Closed));
        let full = OutputError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, OutputError::Failed(_)));
    }

    #[test]
    fn there_is_no_width_off_a_terminal() {
        assert_eq!(Console::captured().0.width(), None);
    }
}
