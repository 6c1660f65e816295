//! How a reader learns that something was committed: the system says that a file beside the store has
//! changed, and the store is asked. What the system does not say is late, never lost.

use mcpr_store::files::place::directory_of;
use mcpr_store::query::Head;
use mcpr_store::{PollSchedule, StoreError};
use mcpr_tail::Waker;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Hears of changes in the directory of a store.
#[derive(Debug)]
pub(super) struct DirectoryWatch {
    waker: Waker,
    directory: PathBuf,
    lookout: PollSchedule,
}

impl DirectoryWatch {
    /// Of the store at a path.
    pub(super) fn beside(path: &Path) -> Self {
        Self {
            waker: Waker::new(),
            directory: directory_of(path).to_owned(),
            lookout: PollSchedule::default(),
        }
    }

    /// As [`Reader::watch`](mcpr_store::Reader::watch).
    pub(super) fn watch(
        &mut self,
        seen: Head,
        timeout: Duration,
        ask: &mut dyn FnMut() -> Result<Head, StoreError>,
    ) -> Result<Head, StoreError> {
        // Each time: the directory may have been made anew, and its watch went with the old one.
        self.waker.watch(vec![self.directory.clone()]);
        let waker = &self.waker;
        let mut wait = |timeout| waker.wait(timeout);
        self.lookout.watch(seen, timeout, &mut wait, ask)
    }
}
