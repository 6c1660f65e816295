//! When to look at the files again: at the latest after a while, earlier when the system says that
//! something has changed. The one user of `notify`, whose word is a hint: what it misses is late,
//! never lost.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// How long to wait before looking again, when nothing was heard.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Most directories that are watched; the files of others are looked at in turn.
pub const MAX_WATCHED: usize = 256;

/// Most paths that are kept of those something was heard of; the others are looked at in turn.
const MAX_HEARD: usize = 1024;

/// What has been heard since the last wait.
#[derive(Debug, Default)]
struct Heard {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_awake: bool,
    /// Of which paths, as far as they are not too many.
    paths: Vec<PathBuf>,
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole whatever happened to a thread that held it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, paths: Vec<PathBuf>) {
        let mut state = self.lock();
        state.is_awake = true;
        for path in paths {
            // A file that grows is heard of again and again in a row.
            if state.paths.len() < MAX_HEARD && state.paths.last() != Some(&path) {
                state.paths.push(path);
            }
        }
        drop(state);
        // After the lock was let go, or who is woken would wait for it at once.
        self.changed.notify_all();
    }
}

/// Ends a wait from another thread.
#[derive(Debug, Clone)]
pub struct WakeHandle(Arc<Heard>);

impl WakeHandle {
    /// Ends the wait that is going on, or else the next one.
    pub fn wake(&self) {
        self.0.wake(Vec::new());
    }
}

/// Waits until there may be something to read.
#[derive(Debug)]
pub struct Waker {
    heard: Arc<Heard>,
    /// `None` where the system gives no hints.
    watcher: Option<RecommendedWatcher>,
    watched: Vec<PathBuf>,
}

impl Default for Waker {
    fn default() -> Self {
        Self::new()
    }
}

impl Waker {
    /// A waker that watches nothing yet. Without the system's help it waits its full time.
    #[must_use]
    pub fn new() -> Self {
        Self::ignoring(Vec::new())
    }

    /// As [`Waker::new`], deaf to what happens to these files: those that its owner writes.
    #[must_use]
    pub fn ignoring(own_files: Vec<PathBuf>) -> Self {
        let heard = Arc::new(Heard::default());
        let to_wake = Arc::clone(&heard);
        let is_own = move |event: &notify::Event| {
            // An event without paths may mean that others were lost: it wakes.
            !event.paths.is_empty() && event.paths.iter().all(|path| own_files.contains(path))
        };
        let handler = move |event: notify::Result<notify::Event>| {
            // Our own reading is an event as well, and must not wake us.
            if let Ok(event) = event
                && !event.kind.is_access()
                && !is_own(&event)
            {
                to_wake.wake(event.paths);
            }
        };
        Self {
            // Without it files are read a little later, which is no reason to fail.
            watcher: notify::recommended_watcher(handler).ok(),
            heard,
            watched: Vec::new(),
        }
    }

    /// Watches these directories, and no others. One that cannot be watched is tried again the
    /// next time.
    pub fn watch(&mut self, mut directories: Vec<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        directories.truncate(MAX_WATCHED);
        // The watch of a directory that is gone went with it: should it come again, it has to be
        // watched anew.
        self.watched.retain(|path| {
            let is_wanted = directories.contains(path) && path.is_dir();
            if !is_wanted {
                // It may be gone, and its watch with it.
                let _ = watcher.unwatch(path);
            }
            is_wanted
        });
        for path in directories {
            if !self.watched.contains(&path) && is_watched(watcher, &path) {
                self.watched.push(path);
            }
        }
    }

    /// A handle that ends waits from elsewhere.
    #[must_use]
    pub fn handle(&self) -> WakeHandle {
        WakeHandle(Arc::clone(&self.heard))
    }

    /// Waits until something was heard since the last wait, or the time is over. Says whether
    /// something was heard.
    pub fn wait(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        let mut state = self.heard.lock();
        // A condition variable may also wake for nothing.
        while !state.is_awake {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.heard.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_awake = false;
        true
    }

    /// Of which paths something was heard since this was last asked: some of them, where many were.
    #[must_use]
    pub fn take_heard(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.heard.lock().paths)
    }
}

fn is_watched(watcher: &mut RecommendedWatcher, path: &Path) -> bool {
    watcher.watch(path, RecursiveMode::NonRecursive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_in_time_when_nothing_is_heard() {
        let waker = Waker::new();
        assert!(!waker.wait(Duration::from_millis(5)));
    }

    #[test]
    fn a_handle_ends_the_next_wait_and_only_that() {
        let waker = Waker::new();
        let handle = waker.handle();
        std::thread::spawn(move || handle.wake()).join().unwrap();
        assert!(waker.wait(Duration::from_mins(10)));
        assert!(!waker.wait(Duration::ZERO));
    }

    #[test]
    fn a_change_in_a_watched_directory_ends_a_wait() {
        let directory = tempfile::tempdir().unwrap();
        let mut waker = Waker::new();
        waker.watch(vec![
            directory.path().to_owned(),
            "/nonexistent/mcpr".into(),
        ]);
        if waker.watched.is_empty() {
            return; // the system gives no hints here, which is allowed
        }
        std::fs::write(directory.path().join("app.log"), "1\n").unwrap();
        assert!(waker.wait(Duration::from_mins(10)));
        let heard = waker.take_heard();
        assert!(
            heard.iter().any(|path| path.ends_with("app.log")),
            "{heard:?}"
        );
    }
}
