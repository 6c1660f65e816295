//! Waiting for files to change: the only user of notify, which is a hint. The timer is the truth.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Ends a wait early when something happens in a watched directory.
#[derive(Debug)]
pub struct Waker {
    hints: Receiver<()>,
    /// Kept so that a wait without any watcher still ends by its timeout alone.
    _sender: Sender<()>,
    _watcher: Option<RecommendedWatcher>,
}

impl Waker {
    /// Watches directories as far as the system allows; where it does not, waits just take longer.
    #[must_use]
    pub fn new(directories: &[PathBuf]) -> Self {
        let (sender, hints) = channel();
        let hinting = sender.clone();
        let watcher = notify::recommended_watcher(move |_| {
            // Nobody listens any more only when the waker is being dropped.
            let _ = hinting.send(());
        });
        let mut watcher = watcher.ok();
        for directory in directories {
            if let Some(watcher) = &mut watcher {
                // A directory that cannot be watched is looked at by the timer.
                let _ = watcher.watch(directory, RecursiveMode::NonRecursive);
            }
        }
        Self {
            hints,
            _sender: sender,
            _watcher: watcher,
        }
    }

    /// Waits for a hint, at most this long; many hints at once count as one.
    pub fn wait(&mut self, timeout: Duration) {
        match self.hints.recv_timeout(timeout) {
            Ok(()) => while self.hints.try_recv().is_ok() {},
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_change_ends_the_wait() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut waker = Waker::new(&[directory.path().to_owned()]);
        std::fs::write(directory.path().join("new"), "text").expect("write");
        let began = Instant::now();
        waker.wait(Duration::from_secs(20));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn without_a_change_the_timer_ends_it() {
        let mut waker = Waker::new(&[PathBuf::from("/nowhere/at/all")]);
        waker.wait(Duration::from_millis(1));
    }
}
