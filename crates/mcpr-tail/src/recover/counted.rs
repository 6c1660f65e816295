//! Rotated files with a number within their names: `p1.log` beside `p.log`. Others of such names are logs
//! of their own, so that they are taken for rotated ones only once one was found to be.

use std::path::Path;

use super::{Entry, Reach, Recovered, Siblings, is_ambiguous};
use crate::identity::MIN_HEAD_OF_MOVED_BYTES;
use crate::rotated::{self, Rank, Rotation};
use crate::sibling::Sibling;
use mcpr_model::Checkpoint;

impl Siblings<'_> {
    /// Whether there are files that begin as the one of a checkpoint does, of which less was read than proves
    /// anything: a banner, say, which each of them has.
    pub(crate) fn has_doubtful_rival(&mut self, lost: &Checkpoint, reach: &Reach<'_>) -> bool {
        // Of a file without a byte nothing is known.
        if !(1..MIN_HEAD_OF_MOVED_BYTES).contains(&lost.head.len) {
            return false;
        }
        self.widen();
        self.has_doubtful_copy = false;
        // What they find is of no use here, but for the doubt.
        self.copies(0, lost, reach);
        self.compressed(0, lost, reach);
        self.has_doubtful_copy
    }

    /// Takes files that are counted within their names for rotated ones, as far as they are known to be.
    pub(super) fn count(&mut self) {
        let to = self.counted_to;
        for entry in &mut self.entries {
            let counted = entry.counted.take_if(|counted| is_counted_to(counted, to));
            entry.rotation = entry.rotation.take().or(counted);
        }
    }

    /// The log near which they stand.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// The last path at which a file of the log was found.
    pub(crate) fn learned_place(&self) -> Option<&Path> {
        self.learned_at.as_deref()
    }

    /// Whether any file was rotated away from the path, by its name.
    pub(crate) fn has_rotated(&self) -> bool {
        self.entries.iter().any(|entry| entry.rotation.is_some())
    }

    /// Files that may be of the log by their names, which nothing has shown.
    pub(crate) fn strangers(&self) -> Vec<Sibling> {
        let is_stranger = |entry: &&Entry| entry.counted.is_some() && entry.rotation.is_none();
        let strangers = self.entries.iter().filter(is_stranger);
        strangers
            .filter_map(|entry| self.sibling(&entry.path))
            .collect()
    }

    /// Whether a file that nobody reads begins as what was looked for last, where no more than its name
    /// says whether it is of the log.
    pub(crate) fn has_doubtful_copy(&self) -> bool {
        self.has_doubtful_copy
    }

    /// Notes under what name a file of the log was found.
    pub(super) fn learn(&mut self, found: &Recovered, lost: &Checkpoint, reach: &Reach<'_>) {
        // A log that is read for itself may begin alike, and have the inode of one that is gone.
        let is_watched = reach.watched.contains(&found.sibling.identity);
        if !(is_watched && is_ambiguous(lost)) {
            self.learn_name(&found.sibling.path);
        }
    }

    /// Notes a path to which a file of the log was rotated.
    pub(crate) fn learn_name(&mut self, rotated: &Path) {
        self.learn_date(rotated);
        self.learned_at = Some(rotated.to_owned());
        let names = rotated.file_name().zip(self.base.file_name());
        let counted = names.and_then(|(name, base)| rotated::counted_beside(name, base));
        let to = match counted.map(|counted| counted.rank) {
            Some(Rank::Number(number)) => number,
            Some(_) => u64::MAX,
            None => return,
        };
        if self.counted_to.is_none_or(|known| known < to) {
            self.counted_to = Some(to);
            self.count();
        }
    }
}

/// Whether so much was read that a rotated file which begins alike is what was read. Of less only what came
/// while we were here is known, and the file itself.
pub(super) fn says_enough(lost: &Checkpoint, sibling: &Sibling) -> bool {
    lost.head.len >= MIN_HEAD_OF_MOVED_BYTES || lost.identity == sibling.identity
}

impl Reach<'_> {
    /// Whether nobody reads a file, and it may have come since the log was seen first.
    pub(super) fn is_news(&self, sibling: &Sibling) -> bool {
        let was_there = self.had.is_some_and(|had| had.contains(&sibling.identity));
        // What a source leads to is read there.
        !was_there && !self.reached.contains(&sibling.identity)
    }
}

/// Whether a file with a number within its name may be the copy of a checkpoint. Many begin alike that are
/// logs of their own: of little that was read it has to hold all and no more, and be as old.
pub(super) fn may_be(
    sibling: &Sibling,
    size: impl FnOnce() -> u64,
    lost: &Checkpoint,
    reach: &Reach<'_>,
) -> bool {
    // Rename and compression keep that time. Without it, it may be another that holds a header alone.
    let is_as_old = || reach.modified == Some(sibling.stamp.modified);
    // At this length the head of a compressed file does not say whether more follows.
    let is_whole = lost.offset < Checkpoint::HEAD_BYTES && size() == lost.offset;
    // What came in this run, and holds all that was read of a log that left, is what left.
    let came_since = || {
        reach
            .had
            .is_some_and(|had| !had.contains(&sibling.identity))
    };
    !is_ambiguous(lost) || is_whole && is_as_old() || came_since()
}

/// Whether a file is counted no further than those that are known to be of the log.
pub(super) fn is_counted_to(counted: &Rotation, to: Option<u64>) -> bool {
    match counted.rank {
        Rank::Number(number) => to.is_some_and(|to| number <= to),
        _ => to.is_some(),
    }
}
