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
use std::cell::Cell;
use std::io::{self, BufWriter, Stdout};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Held by who writes to the terminal, so that no frame is written behind what gives it back.
static WRITING: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether this thread holds [`WRITING`]: a panic in the middle of a frame must not wait for itself.
    static IS_WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Writes to the terminal while nobody else does.
fn write_alone<T>(write: impl FnOnce() -> T) -> T {
    if IS_WRITING.get() {
        return write();
    }
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    IS_WRITING.set(true);
    let written = write();
    IS_WRITING.set(false);
    written
}

type Output = BufWriter<Stdout>;

/// The terminal, taken. Never dropped: ratatui's own end reports a terminal that has gone on standard error, which
/// has gone with it.
pub(super) struct TakenScreen(ManuallyDrop<Terminal<CrosstermBackend<Output>>>);

impl TakenScreen {
    /// Takes the terminal. A panic, on whatever thread, gives it back before it is reported.
    pub(super) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back_terminal();
                hook(info);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(io::stdout())));
        take_terminal()?;
        // Made before and reported after: without a size, the terminal is left as it was.
        terminal
            .map(|terminal| Self(ManuallyDrop::new(terminal)))
            .inspect_err(|_| give_back_terminal())
    }

    /// Draws, if the terminal is still ours.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        write_alone(|| {
            if TAKEN.load(Ordering::Acquire) {
                self.0.draw(|frame| draw(frame.buffer_mut()))?;
            }
            Ok(())
        })
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
        give_back_terminal();
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
        give_back_terminal();
    }
}

fn take_terminal() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::Release);
    write_alone(|| execute!(io::stdout(), EnterAlternateScreen, Hide))
        .inspect_err(|_| give_back_terminal())
}

/// Gives the terminal back as it was, if the screen has it.
pub fn give_back_terminal() {
    write_alone(|| {
        if TAKEN.swap(false, Ordering::AcqRel) {
            // Where the terminal has gone there is nothing left to give back.
            let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
            let _ = disable_raw_mode();
        }
    });
}
