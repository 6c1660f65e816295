//! A bar on a terminal's standard error for work that takes long; nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar over bytes that appears only once the work has taken a second.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    is_terminal: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for work that begins now; it stays invisible where standard error is no terminal.
    #[must_use]
    pub fn new(is_terminal: bool) -> Self {
        Self {
            began: Instant::now(),
            is_terminal,
            bar: None,
        }
    }

    /// Shows that `done` bytes are done and `left` are left; with nothing left the bar goes away.
    pub fn update(&mut self, done: u64, left: u64) {
        if left == 0 {
            self.finish();
            self.began = Instant::now();
            return;
        }
        if !self.is_terminal || self.began.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| Self::bar_at(done));
        bar.set_length(done + left);
        bar.set_position(done);
    }

    /// A bar that begins at what is done, so that its rate is not that of the jump there.
    fn bar_at(done: u64) -> ProgressBar {
        let style = ProgressStyle::with_template(
            "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        )
        .expect("the template is well-formed");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_work_and_pipes_show_no_bar() {
        let mut progress = Progress::new(true);
        progress.update(1, 10);
        assert!(progress.bar.is_none(), "less than a second");
        let mut progress = Progress::new(false);
        progress.began -= PATIENCE * 2;
        progress.update(1, 10);
        assert!(progress.bar.is_none(), "no terminal");
    }
}
