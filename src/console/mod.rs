//! The only owner of standard output and standard error: buffering, colour, width, and what a
//! write error means. Data goes to standard output, everything else to standard error.

mod colour;
mod output;
mod progress;

pub use colour::{ColourChoice, Environment, uses_colour};
pub use output::GiveUp;
pub use progress::Progress;

use crate::render::text::escape;
use output::{PatientOutput, reader_has_gone};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Standard output took no more.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Its reader has gone: the end of the work, and no error.
    #[error("the reader of standard output has gone")]
    Closed,
    /// Waiting for its reader was given up, as [`Console::give_up_when`] said.
    #[error("the reader of standard output takes nothing")]
    GivenUp,
    /// Anything else, such as a full disk.
    #[error("cannot write to standard output: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            io::ErrorKind::TimedOut => Self::GivenUp,
            _ => Self::Failed(error),
        }
    }
}

/// The two output streams and what is known of where they lead.
pub struct Console {
    out: BufWriter<Box<dyn Write + Send>>,
    err: Box<dyn Write + Send>,
    environment: Environment,
    choice: ColourChoice,
    out_is_terminal: bool,
    err_is_terminal: bool,
    is_captured: bool,
}

impl Console {
    const BUFFER_BYTES: usize = 64 * 1024;
    /// The width of a terminal that does not tell.
    const DEFAULT_WIDTH: usize = 80;

    /// The console of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            out: BufWriter::with_capacity(Self::BUFFER_BYTES, Box::new(io::stdout())),
            err: Box::new(io::stderr()),
            environment: Environment::of_process(),
            choice: ColourChoice::Auto,
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            is_captured: false,
        }
    }

    /// A console that writes into memory and is no terminal.
    #[must_use]
    pub fn captured() -> (Self, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        let console = Self {
            out: BufWriter::new(Box::new(out.clone())),
            err: Box::new(err.clone()),
            environment: Environment::default(),
            choice: ColourChoice::Auto,
            out_is_terminal: false,
            err_is_terminal: false,
            is_captured: true,
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

    /// Whether standard error gets colour.
    #[must_use]
    pub fn colours_messages(&self) -> bool {
        uses_colour(self.choice, &self.environment, self.err_is_terminal)
    }

    /// Whether standard error leads to a terminal, where progress may be shown.
    #[must_use]
    pub fn is_message_terminal(&self) -> bool {
        self.err_is_terminal
    }

    /// What tables are cut to: the terminal's width, else `COLUMNS`; nothing off a terminal.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.out_is_terminal.then(|| {
            let told = crossterm::terminal::size()
                .ok()
                .map(|(columns, _)| usize::from(columns));
            told.filter(|&columns| columns > 0)
                .or_else(|| self.environment.columns())
                .unwrap_or(Self::DEFAULT_WIDTH)
        })
    }

    /// From now on, a reader that takes nothing is waited for only until `give_up` says otherwise.
    ///
    /// # Errors
    /// When what was written before cannot be written out.
    pub fn give_up_when(&mut self, give_up: GiveUp) -> Result<(), OutputError> {
        self.flush()?;
        if !self.is_captured {
            let output = Box::new(PatientOutput { give_up });
            self.out = BufWriter::with_capacity(Self::BUFFER_BYTES, output);
        }
        Ok(())
    }

    /// Whether whoever read standard output has gone, although nothing was written to tell.
    #[must_use]
    pub fn reader_has_gone(&self) -> bool {
        !self.is_captured && reader_has_gone()
    }

    /// Writes data to standard output. The text must be harmless: see `render::text`.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn print(&mut self, text: &str) -> Result<(), OutputError> {
        self.out.write_all(text.as_bytes()).map_err(Into::into)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        self.out.flush().map_err(Into::into)
    }

    /// Writes a line to standard error, escaping what could act on a terminal.
    pub fn note(&mut self, line: &str) {
        self.write_message(&format!("{}\n", escape(line)));
    }

    /// Writes an error, and what a person can do about it, to standard error.
    pub fn error(&mut self, message: &str, hint: Option<&str>) {
        let (red, off) = if self.colours_messages() {
            ("\x1b[1;31m", "\x1b[0m")
        } else {
            ("", "")
        };
        self.write_message(&format!("{red}error:{off} {}\n", escape(message)));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// Writes what a person can do to standard error.
    pub fn hint(&mut self, hint: &str) {
        self.note(&format!("hint: {hint}"));
    }

    /// Writes text that is ready to be shown, such as clap's, to standard error.
    pub fn write_message(&mut self, text: &str) {
        // What is printed comes before what is said of it; and when standard error is gone there
        // is nowhere left to say so.
        let _ = self.out.flush();
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

/// What a captured console has written to one of its streams.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// The text so far.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    fn a_gone_reader_is_told_from_a_failure() {
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
