//! The terminal while the screen has it: taken and given back, whole, whatever happens in between.

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::io::{self, BufWriter, Stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

type Output = BufWriter<Stdout>;

/// The terminal, taken.
pub(super) struct TakenScreen(Terminal<CrosstermBackend<Output>>);

impl TakenScreen {
    /// Takes the terminal. A panic, on whatever thread, gives it back before it is told of.
    pub(super) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let tell = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back();
                tell(info);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(io::stdout())));
        take_terminal()?;
        // Made before and told of after: without a size, the terminal is left as it was.
        terminal.map(Self).inspect_err(|_| give_back())
    }

    /// Draws, if the terminal is still ours.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        if !TAKEN.load(Ordering::Acquire) {
            return Ok(());
        }
        self.0.draw(|frame| draw(frame.buffer_mut()))?;
        Ok(())
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        self.0.size().map(|size| (size.width, size.height))
    }

    /// Gives a text to the terminal's clipboard.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(
            self.0.backend_mut(),
            CopyToClipboard::to_clipboard_from(text)
        )
    }

    /// Gives the terminal back and stops this program; returns once it is continued.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        self.take_again()
    }

    /// Takes the terminal although it may be ours: a shell may have had it meanwhile.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        // Raw mode is set only by who believes that it is not.
        disable_raw_mode()?;
        take_terminal()?;
        // Not `clear`, which asks the terminal where its cursor is: the answer would come as keys.
        let size = self.0.size()?;
        self.0.resize(Rect::from((Position::ORIGIN, size)))
    }
}

impl Drop for TakenScreen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take_terminal() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::Release);
    execute!(io::stdout(), EnterAlternateScreen, Hide).inspect_err(|_| give_back())
}

/// Gives the terminal back as it was. A second time it does nothing.
fn give_back() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        // Where the terminal has gone there is nothing left to give back.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
