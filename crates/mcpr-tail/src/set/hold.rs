//! Files that no path leads to any more: how long they are read on, and how they are let go.

use std::path::Path;
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Parting, Tailer};
use crate::known::LastFile;
use crate::label;
use crate::nearby::Nearby;
use crate::notice::LetGo;
use crate::recover::{Reach, Siblings};
use crate::sibling::Sibling;
use crate::tracked::{HELD_IDLE, HELD_UNSEEN, Stage, Tracked, Writing};
use mcpr_model::{Checkpoint, FileIdentity, Text};

/// Most files that are held without a path; beyond it, the one that is longest idle is closed.
pub const MAX_HELD: usize = 1024;
/// How often the writers of held files are asked for.
// The answer takes a look at every descriptor of every process.
const ASK_EVERY: Duration = Duration::from_secs(10);

impl Tracked {
    /// Whether it was read to its end, has a path, and has not changed for so long.
    fn rests_since(&self, now: Instant) -> Option<Duration> {
        let is_resting = self.stage == Stage::Drained && self.held.is_none() && !self.is_failing;
        let changed = self.changed.filter(|_| is_resting)?;
        Some(now.saturating_duration_since(changed))
    }
}

impl Tailer {
    /// Looks after the files that no path leads to: those that nobody writes to are let go.
    pub(super) fn look_after_held(&mut self, now: Instant) {
        let mut idle = FxHashSet::default();
        for tracked in self.files.iter_mut().filter(|t| t.held.is_some()) {
            tracked.hold(now);
            if tracked.is_idle(now) {
                idle.insert(tracked.identity());
            }
        }
        let has_asked = |asked: Instant| now.saturating_duration_since(asked) < ASK_EVERY;
        // Once for all that are idle: one look through the processes answers for each.
        if !idle.is_empty() && !self.asked.is_some_and(has_asked) {
            self.asked = Some(now);
            let writers = (self.ask)(&idle);
            for tracked in &mut self.files {
                tracked.let_go_unless_written(&writers, now);
            }
        }
        self.limit_held();
        self.settle(now);
    }

    /// Notes which rotated files nobody writes to any more. What is deleted of them is not missing.
    fn settle(&mut self, now: Instant) {
        let has_settled = |at: Instant| now.saturating_duration_since(at) < ASK_EVERY;
        if self.settled.is_some_and(has_settled) {
            return;
        }
        self.settled = Some(now);
        let mut idle = self.rotated_files(|tracked| {
            let rests = tracked.rests_since(now);
            rests.is_some_and(|rests| rests >= HELD_IDLE)
        });
        let is_long_idle = |tracked: &Tracked| {
            let rests = tracked.rests_since(now);
            rests.is_some_and(|rests| rests >= HELD_UNSEEN)
        };
        self.settle_unless_written(&mut idle, is_long_idle);
    }

    /// The same at the end of a run that does not wait.
    pub(super) fn settle_at_end(&mut self) {
        let mut drained = self.rotated_files(|tracked| tracked.stage == Stage::Drained);
        let newest = self.files.iter().map(|tracked| tracked.stamp.modified.0);
        let newest = newest.max().unwrap_or_default();
        let limit = i64::try_from(HELD_UNSEEN.as_secs()).unwrap_or(i64::MAX);
        // Another file was written so long after it.
        let is_long_idle =
            |tracked: &Tracked| newest.saturating_sub(tracked.stamp.modified.0) >= limit;
        self.settle_unless_written(&mut drained, is_long_idle);
    }

    /// The files that were rotated, as their names say, and may be written to still.
    fn rotated_files(&self, is_meant: impl Fn(&Tracked) -> bool) -> FxHashSet<FileIdentity> {
        let files = self
            .files
            .iter()
            .filter(|it| it.writing == Writing::Possible && is_meant(it));
        let rotated = files.filter(|it| it.place != it.path || self.base_of(&it.place) != it.place);
        rotated.map(Tracked::identity).collect()
    }

    fn settle_unless_written(
        &mut self,
        rotated: &mut FxHashSet<FileIdentity>,
        is_long_idle: impl Fn(&Tracked) -> bool,
    ) {
        if rotated.is_empty() {
            return;
        }
        let writers = (self.ask)(rotated);
        rotated.retain(|identity| !writers.of.contains(identity));
        for tracked in &mut self.files {
            let is_it = rotated.contains(&tracked.identity());
            if is_it && (writers.is_complete && !tracked.is_remote() || is_long_idle(tracked)) {
                tracked.set_writing(Writing::Over);
            }
        }
    }

    /// Closes the files that are longest idle where too many are held.
    fn limit_held(&mut self) {
        // The other half is for files that a path leads to.
        let most = MAX_HELD.min(self.room.most / 2);
        let mut held = self
            .files
            .iter_mut()
            .filter_map(|tracked| Some((tracked.held?.active, tracked)))
            .collect::<Vec<_>>();
        if held.len() <= most {
            return;
        }
        // The longest idle is the least likely to be written to once more.
        held.sort_by_key(|(active, _)| *active);
        let surplus = held.len() - most;
        for (_, tracked) in held.into_iter().take(surplus) {
            tracked.close_soon(LetGo::TooMany);
        }
    }

    /// Notes where files are that were closed, so that nobody looks for them where they were.
    pub(super) fn say_goodbye(&mut self, closed: Vec<Tracked>) {
        if closed.is_empty() {
            return;
        }
        let mut nearby = Nearby::default();
        let reached = self.reached();
        let vacant = self.vacant.iter();
        let vacant = vacant.map(|(path, last)| (*last, path.clone()));
        let mut vacant = vacant.collect::<FxHashMap<_, _>>();
        for tracked in closed {
            let mut checkpoint = tracked.checkpoint();
            let mut siblings = Siblings::of(&tracked.path, &mut nearby);
            let place = siblings.path_of(tracked.identity());
            // What was compressed, or moved to another file system, is known by its copy from now on: its
            // own inode is given away.
            let reach = Reach {
                reached: &reached,
                had: self.neighbours.had(&tracked.path),
                watched: &reached,
                modified: None,
                excluded: self.resolver.excluded(),
            };
            let copy = match place {
                Some(_) => None,
                None => siblings.find_copy(&checkpoint, &reach),
            };
            checkpoint.path = match &place {
                Some(place) => label::of(&tracked.path, place),
                // It was rotated before it was deleted: what was rotated after it may have been, too.
                None if tracked.place != tracked.path => checkpoint.path,
                None => label::gone(&tracked.path),
            };
            let is_read = !matches!(tracked.leaves(), None | Some(LetGo::TooMany));
            if is_read && label::gone_from(&checkpoint.path).is_none() {
                checkpoint.path = label::done(&checkpoint.path, tracked.file.whole_size());
            }
            if checkpoint.offset > 0 {
                self.partings.push_back(Parting {
                    path: tracked.path.clone(),
                    checkpoint: checkpoint.clone(),
                    missing: None,
                });
            }
            let modified = tracked.stamp.modified;
            if let Some(copy) = copy {
                self.known.add(checkpoint.clone());
                let label = label::done(&label::of(&tracked.path, &copy.sibling.path), None);
                checkpoint = self.hand_over(&tracked.path, &checkpoint, &copy.sibling, label);
            }
            self.known.add(checkpoint.clone());
            let last = LastFile {
                checkpoint,
                modified,
            };
            if let Some(path) = vacant.remove(&tracked.identity()) {
                self.vacant.remove(&path);
                self.known.set_last(&path, last);
            }
        }
    }

    /// Says that a file holds what a checkpoint is about, under the identity that this file has. Gives
    /// the checkpoint for it.
    pub(super) fn hand_over(
        &mut self,
        path: &Path,
        from: &Checkpoint,
        to: &Sibling,
        label: Text,
    ) -> Checkpoint {
        let checkpoint = Checkpoint {
            path: label,
            identity: to.identity,
            ..from.clone()
        };
        if !self.known.is_as_far(to.identity, from) {
            self.partings.push_back(Parting {
                path: path.to_owned(),
                checkpoint: checkpoint.clone(),
                missing: None,
            });
        }
        checkpoint
    }
}
