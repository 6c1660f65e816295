//! A bar on a terminal's standard error for work that takes long, or a sign of life where nobody can
//! show how much is left; nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes that are read.
    Bytes,
    /// Rows that are copied or removed.
    Rows,
}

impl Unit {
    fn template(self) -> &'static str {
        match self {
            Self::Bytes => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            Self::Rows => "{bar:30} {human_pos}/{human_len} rows {eta} left",
        }
    }
}

/// A bar that appears only once the work has taken a second.
#[derive(Debug)]
pub struct Progress {
    unit: Unit,
    began: Instant,
    is_terminal: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for work that begins now; it stays invisible where standard error is not a terminal.
    #[must_use]
    pub fn new(unit: Unit, is_terminal: bool) -> Self {
        Self {
            unit,
            began: Instant::now(),
            is_terminal,
            bar: None,
        }
    }

    /// Shows how much is done and how much left; with nothing left the bar goes away.
    pub fn update(&mut self, done: u64, left: u64) {
        if left == 0 {
            self.finish();
            // Work that comes later waits for a second of its own before it shows a bar.
            self.began = Instant::now();
            return;
        }
        if !self.is_terminal || self.began.elapsed() < PATIENCE {
            return;
        }
        let unit = self.unit;
        let bar = self.bar.get_or_insert_with(|| Self::bar_at(unit, done));
        bar.set_length(done + left);
        bar.set_position(done);
    }

    /// A bar that begins at what is done, so that its rate is not that of the jump there.
    fn bar_at(unit: Unit, done: u64) -> ProgressBar {
        let style =
            ProgressStyle::with_template(unit.template()).expect("the template is well-formed");
        let target = ProgressDrawTarget::stderr_with_hz(5);
        let bar = ProgressBar::with_draw_target(None, target)
            .with_style(style)
            .with_position(done);
        bar.reset_eta();
        bar
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A sign of life for work of which nobody can know how much is left; it appears after a second.
#[derive(Debug)]
pub struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

impl Waiting {
    /// Says `what` is going on from now on, where standard error is a terminal.
    #[must_use]
    pub fn new(what: &'static str, is_terminal: bool) -> Self {
        Self(is_terminal.then(|| {
            let (end, ended) = channel();
            let show = move || {
                if ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let target = ProgressDrawTarget::stderr_with_hz(5);
                let bar = ProgressBar::with_draw_target(None, target)
                    .with_style(ProgressStyle::default_spinner())
                    .with_message(what);
                bar.enable_steady_tick(PATIENCE / 5);
                // It ends when the other side goes away.
                let _ = ended.recv();
                bar.finish_and_clear();
            };
            (end, std::thread::spawn(show))
        }))
    }

    /// Takes it away.
    pub fn finish(self) {
        if let Some((end, shown)) = self.0 {
            drop(end);
            // A sign of life that failed is no reason for the work to fail.
            let _ = shown.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_well_formed() {
        for unit in [Unit::Bytes, Unit::Rows] {
            assert!(ProgressStyle::with_template(unit.template()).is_ok());
        }
    }

    #[test]
    fn short_work_and_pipes_show_no_bar() {
        let mut progress = Progress::new(Unit::Bytes, true);
        progress.update(1, 10);
        assert!(progress.bar.is_none(), "less than a second");
        let mut progress = Progress::new(Unit::Bytes, false);
        progress.began -= PATIENCE * 2;
        progress.update(1, 10);
        assert!(progress.bar.is_none(), "no terminal");
    }
}
