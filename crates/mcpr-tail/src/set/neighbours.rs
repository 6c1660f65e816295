//! What stands beside each log in this run: files whose names may be rotation's, and where its own were
//! rotated to.

use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Tailer;
use super::lost::is_counted;
use crate::nearby::Nearby;
use crate::recover::Siblings;
use crate::resolve::{ChangedAt, parent};
use mcpr_model::FileIdentity;

/// Most logs of which that is kept: to look around each of many would take longer than to read them.
const MAX_LOGS: usize = 256;

/// What is known of the files beside logs.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// Those that were there when their log was first seen: they are logs of their own.
    had: FxHashMap<PathBuf, FxHashSet<FileIdentity>>,
    /// A path to which a file of a log was rotated.
    places: FxHashMap<PathBuf, PathBuf>,
}

impl Neighbours {
    /// Those that were there before anything of the log was rotated in this run; `None` where nobody looked.
    pub(super) fn had(&self, log: &Path) -> Option<&FxHashSet<FileIdentity>> {
        self.had.get(log)
    }

    /// Says to what stands near a log where files of it were found before.
    pub(super) fn add_places(&self, log: &Path, siblings: &mut Siblings<'_>) {
        if let Some(place) = self.places.get(log) {
            siblings.include(&parent(place));
            siblings.learn_name(place);
        }
    }

    /// Keeps where a file of a log was found.
    pub(super) fn learn(&mut self, log: &Path, siblings: &Siblings<'_>) {
        let Some(place) = siblings.learned_place() else {
            return;
        };
        // Logs that are named by the time never come back.
        if self.places.len() >= MAX_LOGS {
            self.places.clear();
        }
        self.places.insert(log.to_owned(), place.to_owned());
    }

    /// Whether a file that is rotated, or may be, came in this run, and nobody has read it.
    pub(super) fn has_newcomer(
        &self,
        log: &Path,
        siblings: &Siblings<'_>,
        is_known: &dyn Fn(FileIdentity) -> bool,
    ) -> bool {
        let Some(had) = self.had(log) else {
            return false;
        };
        let near = siblings.rotated().into_iter().chain(siblings.strangers());
        let near = near.map(|it| it.identity);
        let mut newcomers = near.filter(|identity| !had.contains(identity));
        newcomers.any(|identity| !is_known(identity))
    }

    /// Whether a file that may be a rotated one of the log came beside it, or was written to, since its
    /// last file was.
    pub(super) fn has_stranger(
        &self,
        log: &Path,
        siblings: &Siblings<'_>,
        since: ChangedAt,
        reached: &FxHashSet<FileIdentity>,
    ) -> bool {
        let had = self.had(log);
        let strangers = siblings.strangers().into_iter();
        let mut strangers = strangers.filter(|it| it.stamp.modified >= since);
        strangers.any(|it| {
            // Where nobody looked, a file that is older than that was there.
            let was_there = had.map_or_else(
                || it.was_born_before(since),
                |had| had.contains(&it.identity),
            );
            // What a source leads to is read there.
            !was_there && !reached.contains(&it.identity)
        })
    }
}

impl Tailer {
    /// Notes what stands beside logs that are seen for the first time.
    pub(super) fn note_neighbours(&mut self) {
        let is_new = |path: &&PathBuf| !self.neighbours.had.contains_key(*path);
        // Those with a number in their names are more often logs of their own, side by side.
        let new = self
            .paths
            .keys()
            .filter(is_new)
            .filter(|it| !is_counted(it));
        let room = MAX_LOGS.saturating_sub(self.neighbours.had.len());
        let new = new.take(room).cloned().collect::<Vec<_>>();
        let mut nearby = Nearby::default();
        for path in new {
            let mut siblings = Siblings::of(&path, &mut nearby);
            siblings.widen();
            let near = siblings.strangers().into_iter().chain(siblings.rotated());
            let had = near.map(|sibling| sibling.identity).collect();
            self.neighbours.had.insert(path, had);
        }
    }
}
