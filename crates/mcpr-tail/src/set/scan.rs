//! A look at where all paths lead: what is new, what has moved, what is gone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Tailer;
use super::among::OpenHeads;
use super::bases::{is_ours, rotations_of};
use super::lost::{Lost, Moved};
use crate::file::Progress;
use crate::identity;
use crate::known::LastFile;
use crate::label;
use crate::notice::Notice;
use crate::opening::{Begin, Opening, Troubles};
use crate::resolve::Found;
use crate::rotated;
use crate::tracked::Tracked;
use mcpr_model::{Checkpoint, FileIdentity};

/// A path that leads to another file than at the last scan, or to none.
struct Vacated {
    path: PathBuf,
    /// The file that it led to last, where one is known.
    last: Option<FileIdentity>,
}

impl Tailer {
    /// Looks where all paths lead now; opens what is new and lets go of what nobody writes to.
    pub fn scan(&mut self, now: Instant) {
        // Files may come, go and change their places in the order.
        self.heads = OpenHeads::default();
        let is_first = self.now.replace(now).is_none();
        let busy = self.files.iter().filter(|t| t.is_busy(Some(now)));
        let busy = busy.map(Tracked::identity).collect::<FxHashSet<_>>();
        let has_changed = self
            .resolver
            .look(now, &|identity| busy.contains(&identity));
        let mut troubles = Troubles::new();
        let (mut fresh, mut moved) = (Vec::new(), Vec::new());
        // Where no path leads elsewhere, the files that are open are those that are reached.
        if is_first || has_changed || self.has_left {
            fresh = self.match_open(now);
            moved = self.compare_paths(is_first);
        } else {
            self.see_again(now);
        }
        // Before anything is opened: what is found anew may be one of them.
        let orphans = self.take_orphans();
        if is_first || !fresh.is_empty() || !orphans.is_empty() || !moved.is_empty() {
            self.open_fresh(fresh, is_first, orphans, &mut troubles);
        }
        // After files were opened: one that the last run saw empty may be among them.
        moved.extend(self.emptied_unread());
        self.open_between(moved);
        if is_first || has_changed {
            self.note_neighbours();
        }
        self.logs.set_compared();
        self.look_after_held(now);
        self.report_troubles(troubles);
    }

    /// Takes in how the files are that were looked at.
    fn see_again(&mut self, now: Instant) {
        let looked_at = self.resolver.looked_at();
        let seen = looked_at
            .map(|found| (found.identity, found.stamp))
            .collect::<FxHashMap<_, _>>();
        for tracked in &mut self.files {
            if let Some(&stamp) = seen.get(&tracked.identity()) {
                tracked.see(stamp, now);
            }
        }
    }

    /// Sees which open files are still reached by a path; gives what is reached and not open.
    fn match_open(&mut self, now: Instant) -> Vec<Found> {
        let mut reached: FxHashMap<FileIdentity, Vec<&Found>> = FxHashMap::default();
        let mut order = Vec::new();
        for found in self.resolver.found() {
            let all = reached.entry(found.identity).or_default();
            // In the order in which the sources lead to them, which a map would lose.
            if all.is_empty() {
                order.push(found.identity);
            }
            all.push(found);
        }
        for tracked in &mut self.files {
            let Some(all) = reached.remove(&tracked.identity()) else {
                tracked.hold(now);
                continue;
            };
            let found = all.iter().find(|found| found.path == tracked.place);
            let found = found.unwrap_or(&all[0]);
            // It is looked for there from now on, by the next run as well.
            tracked.announce |= tracked.place != found.path && tracked.has_checkpoint();
            if rotated::is_rotated_from(&found.path, &tracked.path) {
                // It stays a file of the log that it was, also where a source covers its new name.
                let path = tracked.path.clone();
                tracked.move_to(&path, &found.path);
            } else {
                tracked.move_to(&found.path, &found.path);
            }
            tracked.see(found.stamp, now);
            tracked.held = None;
        }
        let fresh = order.iter().filter_map(|identity| reached.get(identity));
        fresh.map(|all| all[0].clone()).collect()
    }

    /// Notes which paths lead elsewhere than at the last scan. A file that has been replaced is
    /// read to its end once more before the one in its place is begun.
    fn compare_paths(&mut self, is_first: bool) -> Vec<Moved> {
        let paths = self.resolver.found();
        let paths = paths.map(|found| (found.path.clone(), found.identity));
        let before = std::mem::replace(&mut self.paths, paths.collect());
        let reached = self.paths.values().copied().collect::<FxHashSet<_>>();
        let mut moved = Vec::new();
        if !is_first {
            let appeared = self.paths.keys().filter(|path| !before.contains_key(*path));
            moved.extend(appeared.map(|path| Vacated {
                path: path.clone(),
                last: self.vacant.get(path).copied(),
            }));
        }
        self.vacant.retain(|path, _| !self.paths.contains_key(path));
        let mut replaced = FxHashSet::default();
        for (path, before) in before {
            match self.paths.get(&path) {
                Some(now) if *now == before => continue,
                Some(_) => {
                    let path = path.clone();
                    self.notices.push(Notice::Rotated { path });
                }
                // A renamed file that is still reached has not vanished.
                None if reached.contains(&before) => {}
                None => {
                    let path = path.clone();
                    self.notices.push(Notice::Vanished { path });
                }
            }
            replaced.insert(before);
            if !self.paths.contains_key(&path) {
                self.vacant.insert(path.clone(), before);
            }
            moved.push(Vacated {
                path,
                last: Some(before),
            });
        }
        if !is_first {
            moved.extend(self.rotated_from_vacant(&moved));
        }
        let moved = self.last_files(moved);
        for tracked in &mut self.files {
            if replaced.contains(&tracked.identity()) {
                tracked.drain_again();
            }
        }
        moved
    }

    /// Of paths that lead elsewhere than before, those of vacant paths that files were rotated away
    /// from: each had been at its path unseen, and others may have been there before it.
    fn rotated_from_vacant(&mut self, moved: &[Vacated]) -> Vec<Vacated> {
        if self.vacant.is_empty() && !self.known.has_last() {
            return Vec::new();
        }
        let moved = moved.iter().map(|vacated| vacated.path.as_path());
        let moved = moved.collect::<FxHashSet<_>>();
        let found = self.resolver.found();
        let found = found.filter(|found| moved.contains(found.path.as_path()));
        let mut found = found.collect::<Vec<_>>();
        found.sort_by_key(|found| found.stamp.modified);
        let mut bases = BTreeMap::new();
        for found in found {
            for base in rotations_of(&found.path) {
                let last = self.vacant.get(&base).copied();
                // Its last file may have been let go by now: what it held is remembered.
                let is_away = !self.paths.contains_key(&base);
                if last.is_some() || is_away && self.known.last_at(&base).is_some() {
                    self.vacant.insert(base.clone(), found.identity);
                    bases.entry(base).or_insert(last);
                }
            }
        }
        let bases = bases.into_iter();
        bases.map(|(path, last)| Vacated { path, last }).collect()
    }

    /// What the last files of some paths hold, as far as there were any.
    fn last_files(&self, paths: Vec<Vacated>) -> Vec<Moved> {
        if paths.is_empty() {
            return Vec::new();
        }
        let open = self.files.iter().map(|t| (t.identity(), t));
        let open = open.collect::<FxHashMap<_, _>>();
        let moved = paths.into_iter().filter_map(|Vacated { path, last }| {
            let last = match last.and_then(|last| open.get(&last)) {
                Some(tracked) => {
                    let as_it_stands = tracked.as_it_stands();
                    LastFile {
                        checkpoint: as_it_stands.unwrap_or_else(|| tracked.checkpoint()),
                        modified: tracked.stamp.modified,
                    }
                }
                None => self.known.last_at(&path)?.clone(),
            };
            Some(Moved { path, last })
        });
        moved.collect()
    }

    /// Takes out the files that left their places while they were closed: they are to be found again.
    fn take_orphans(&mut self) -> Vec<Checkpoint> {
        let is_orphan = |tracked: &mut Tracked| {
            let is_closed = tracked.file.handle().opened().is_none();
            tracked.held.is_some() && is_closed && !tracked.is_in_place()
        };
        let orphans = self.files.extract_if(.., is_orphan);
        orphans.map(|tracked| tracked.checkpoint()).collect()
    }

    /// Opens what is new, and what has left the reach of the sources since its checkpoint.
    fn open_fresh(
        &mut self,
        fresh: Vec<Found>,
        is_first: bool,
        orphans: Vec<Checkpoint>,
        troubles: &mut Troubles,
    ) {
        // A file that appears later was written while we were at work: all of it is wanted.
        let begin = if is_first { self.begin } else { Begin::Start };
        let mut opening = Opening::new(fresh, self.room, self.room_left(), troubles);
        opening.leave_copies(&mut self.files);
        // Only now: what was not a copy because its original has just been truncated finds the
        // checkpoint of that one.
        let mut lost = self.find_truncated();
        let truncated = lost.iter().map(|lost| lost.checkpoint.identity);
        let truncated = truncated.collect::<FxHashSet<_>>();
        let is_truncated = |t: &mut Tracked| truncated.contains(&t.identity());
        let mut anew = self.files.extract_if(.., is_truncated).collect();
        lost.extend(orphans.into_iter().map(Lost::certain));
        for lost in &lost {
            self.known.add(lost.checkpoint.clone());
        }
        let (mut added, left) =
            opening.finish(&mut self.known, begin, self.resolver.excluded(), troubles);
        self.has_left = left > 0;
        self.notices
            .extend(added.iter().map(|tracked| Notice::Appeared {
                path: tracked.path.clone(),
                offset: tracked.file.position().next_offset(),
            }));
        let paths = added.iter().map(|tracked| tracked.path.clone());
        let paths = paths.collect::<Vec<_>>();
        for tracked in &mut added {
            let (base, place) = (self.base_of(&tracked.path), tracked.place.clone());
            // Its name alone does not say that `p-1.log` is of `p.log`, and the next run may find that
            // one away.
            if !label::is_named_after(&place, &base) {
                tracked.move_to(&base, &place);
            }
        }
        // Truncated files stand behind what was found, for their old contents are read before the
        // new ones.
        self.files.extend(added);
        self.files.append(&mut anew);
        // Those that are gone from there were found by a new file, which goes on from them.
        lost.retain(|lost| self.known.take(&lost.checkpoint));
        let mut unread = Vec::new();
        if is_first {
            lost.extend(self.gaps.of_last_run().into_iter().map(Lost::certain));
            unread = self.known.take_where(|known| {
                is_ours(known, &self.resolver) || self.logs.is_last_trace(known, &self.resolver)
            });
            self.note_all_vacant();
        }
        for path in paths {
            unread.extend(self.known.take_at(&path));
        }
        let of_unread = unread.iter().map(|known| known.identity);
        let of_unread = of_unread.collect::<FxHashSet<_>>();
        let mut to_be_reported = FxHashMap::default();
        for tracked in &mut self.files {
            if tracked.file.wants_checkpoints() && of_unread.contains(&tracked.identity()) {
                let head = tracked.file.compressed_head(&tracked.place);
                to_be_reported.insert(tracked.identity(), head);
            }
        }
        for checkpoint in unread {
            let head = to_be_reported.get(&checkpoint.identity);
            if head.is_some_and(|head| identity::has_head(head, checkpoint.head)) {
                self.known.add(checkpoint); // its file is there, and looks for it in its turn
            } else {
                lost.push(Lost::certain(checkpoint));
            }
        }
        self.recover(lost);
        self.say_doubtful();
    }

    /// Says of files that were read on by their inodes, where others begin alike, that something may be
    /// missing: those may be what their checkpoints were of.
    fn say_doubtful(&mut self) {
        let doubtful = self.known.take_doubtful();
        // The open files are gone through for their checkpoints, and mostly there is no doubt.
        if doubtful.is_empty() {
            return;
        }
        let open = self.open_files();
        for doubtful in doubtful {
            self.miss(doubtful, &open, None);
        }
    }

    /// At the start, remembers the newest open file of each log whose path leads to none: what was
    /// rotated before it does again came after that.
    fn note_all_vacant(&mut self) {
        // The oldest first, so that the newest of a log is the one that stays.
        for tracked in &self.files {
            let base = self.base_of(&tracked.path);
            if base != tracked.place && !self.paths.contains_key(&base) {
                self.vacant.insert(base, tracked.identity());
            }
        }
    }

    /// Finds the open files whose contents are gone; gives their checkpoints.
    fn find_truncated(&mut self) -> Vec<Lost> {
        let now = self.now;
        let mut lost = Vec::new();
        for tracked in self.files.iter_mut().filter(|t| t.is_due(now)) {
            if tracked.file.handle().opened().is_none() {
                continue; // it is seen when it is opened for its turn
            }
            // A file that cannot be read says so at its next turn.
            if let Ok(Progress::Truncated {
                lost: was,
                unfinished,
            }) = tracked.check()
            {
                let (path, offset) = (tracked.path.clone(), was.offset);
                self.notices.push(Notice::Truncated {
                    path,
                    offset,
                    unfinished,
                });
                lost.push(Lost::cut(was, tracked));
            }
        }
        lost
    }

    /// Reports each change in what cannot be read, once.
    fn report_troubles(&mut self, opening: Troubles) {
        let failing = self.files.iter().filter(|tracked| tracked.is_failing);
        let failing = failing.map(|tracked| tracked.place.clone());
        let mut troubles = BTreeMap::new();
        for path in failing {
            if let Some(error) = self.troubles.remove(&path) {
                troubles.insert(path, error);
            }
        }
        let resolved = self.resolver.troubles();
        let resolved = resolved.map(|(path, error)| (path.to_owned(), error.to_owned()));
        let opening = opening.into_iter();
        let opening = opening.map(|(path, error)| (path, error.to_string()));
        for (path, error) in resolved.chain(opening).collect::<Vec<_>>() {
            // Reported once, until it is another fault.
            if self.troubles.get(&path) != Some(&error) {
                let (path, error) = (path.clone(), error.clone());
                self.notices.push(Notice::Unreadable { path, error });
            }
            troubles.insert(path, error);
        }
        self.troubles = troubles;
    }
}
