//! A look at where all paths lead: what is new, what has moved, what is gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::{MAX_HELD, Tailer};
use crate::model::{Checkpoint, FileIdentity};
use crate::tail::body::Body;
use crate::tail::file::{OpenFile, Progress};
use crate::tail::notice::Notice;
use crate::tail::opening::{Begin, Opening};
use crate::tail::recover::{Find, Recovered, Siblings};
use crate::tail::resolve::{Found, Resolved, SourceSpec, resolve};
use crate::tail::tracked::Tracked;

impl Tailer {
    /// Looks where all paths lead now; opens what is new and lets go of what has been gone long.
    pub fn scan(&mut self, now: Instant) {
        let is_first = self.now.replace(now).is_none();
        let mut resolved = resolve(&self.sources);
        let excluded = &self.excluded;
        resolved
            .found
            .retain(|found| !excluded.contains(&found.identity));
        let fresh = self.match_open(&resolved);
        self.compare_paths(&resolved);
        if is_first || !fresh.is_empty() {
            self.open_fresh(fresh, is_first, &mut resolved);
        }
        self.report_troubles(resolved);
        self.limit_held();
    }

    /// Sees which open files are still reached by a path; gives what is reached and not open.
    fn match_open(&mut self, resolved: &Resolved) -> Vec<Found> {
        let mut reached: FxHashMap<FileIdentity, Vec<&Found>> = FxHashMap::default();
        let mut order = Vec::new();
        for found in &resolved.found {
            let all = reached.entry(found.identity).or_default();
            if all.is_empty() {
                order.push(found.identity);
            }
            all.push(found);
        }
        let now = self.now.expect("a scan says when it is");
        for tracked in &mut self.files {
            let Some(all) = reached.remove(&tracked.identity()) else {
                tracked.hold(now);
                continue;
            };
            let found = all.iter().find(|found| found.path == tracked.path);
            let found = found.unwrap_or(&all[0]);
            tracked.path.clone_from(&found.path);
            tracked.size = found.size;
            tracked.held = None;
        }
        let fresh = order.iter().filter_map(|identity| reached.get(identity));
        fresh.map(|all| all[0].clone()).collect()
    }

    /// Notes which paths lead elsewhere than at the last scan. A file that has been replaced is
    /// read to its end once more before the one in its place is begun.
    fn compare_paths(&mut self, resolved: &Resolved) {
        let paths = resolved.found.iter();
        let paths = paths.map(|found| (found.path.clone(), found.identity));
        let before = std::mem::replace(&mut self.paths, paths.collect());
        for (path, identity) in before {
            match self.paths.get(&path) {
                Some(now) if *now == identity => continue,
                Some(_) => self.notices.push(Notice::Rotated { path }),
                // A renamed file that is still reached has not vanished.
                None if self.paths.values().any(|now| *now == identity) => {}
                None => self.notices.push(Notice::Vanished { path }),
            }
            let replaced = self.files.iter_mut().find(|t| t.identity() == identity);
            if let Some(replaced) = replaced {
                replaced.drain_again();
            }
        }
    }

    /// Opens what is new, and what has left the reach of the sources since its checkpoint.
    fn open_fresh(&mut self, fresh: Vec<Found>, is_first: bool, resolved: &mut Resolved) {
        let begin = if is_first { self.begin } else { Begin::Start };
        let mut opening = Opening::new(fresh, &mut resolved.troubles);
        opening.leave_copies(&self.files);
        // Only now: what was no copy because its original has just been truncated finds the
        // checkpoint of that one.
        let mut lost = self.find_truncated();
        let is_lost = |t: &mut Tracked| lost.iter().any(|was| was.identity == t.identity());
        let mut anew = self.files.extract_if(.., is_lost).collect();
        for checkpoint in &lost {
            self.known.add(checkpoint.clone());
        }
        let added = opening.finish(&mut self.known, begin, &mut resolved.troubles);
        self.notices
            .extend(added.iter().map(|tracked| Notice::Appeared {
                path: tracked.path.clone(),
                offset: tracked.file.position().next_offset(),
            }));
        self.files.extend(added);
        self.files.append(&mut anew);
        lost = self.known.take_where(|known| {
            let path = Path::new(known.path.as_str());
            let covers = |source: &SourceSpec| source.covers(path);
            lost.contains(known) || is_first && self.sources.iter().any(covers)
        });
        self.recover(lost);
    }

    /// Finds the open files whose contents are gone; gives their checkpoints.
    fn find_truncated(&mut self) -> Vec<Checkpoint> {
        let mut lost = Vec::new();
        for tracked in &mut self.files {
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
                lost.push(was);
            }
        }
        lost
    }

    /// Looks beside their paths for files whose contents are no longer where they were; they are
    /// read before what has taken their place. A file of its own inode goes first: it must not be
    /// taken for the copy of another one.
    pub(super) fn recover(&mut self, lost: Vec<Checkpoint>) {
        let mut listed: Vec<Siblings> = Vec::new();
        for checkpoint in &lost {
            let path = Path::new(checkpoint.path.as_str());
            if !listed.iter().any(|siblings| siblings.are_beside(path)) {
                listed.push(Siblings::of(path));
            }
        }
        let lost = self.recover_by(lost, &listed, Siblings::find_renamed);
        for checkpoint in self.recover_by(lost, &listed, Siblings::find_copy) {
            self.known.add(checkpoint);
        }
    }

    /// Recovers what one way of looking finds; gives the rest.
    fn recover_by(
        &mut self,
        lost: Vec<Checkpoint>,
        listed: &[Siblings],
        find: Find,
    ) -> Vec<Checkpoint> {
        let mut rest = Vec::new();
        for checkpoint in lost {
            let path = Path::new(checkpoint.path.as_str());
            let siblings = listed.iter().find(|siblings| siblings.are_beside(path));
            let may_open = |identity: FileIdentity| {
                let is_open = self.files.iter().any(|t| t.identity() == identity);
                !is_open && !self.excluded.contains(&identity)
            };
            match siblings.and_then(|siblings| find(siblings, &checkpoint, &may_open)) {
                Some(found) => self.add_recovered(&checkpoint, found),
                None => rest.push(checkpoint),
            }
        }
        rest
    }

    fn add_recovered(&mut self, checkpoint: &Checkpoint, found: Recovered) {
        // Under its old path it is looked for again after a restart, and keeps its name.
        let path = PathBuf::from(checkpoint.path.as_str());
        let source = self.sources.iter().position(|source| source.covers(&path));
        let offset = checkpoint.offset;
        let file = OpenFile::from_offset(found.file, found.identity, (offset, found.proof));
        let file = Body::Plain(file);
        let mut tracked = Tracked::new(path, source.unwrap_or(0), file, found.size);
        tracked.announce = found.identity != checkpoint.identity;
        self.files.insert(0, tracked);
        if found.size > offset {
            let path = found.path;
            self.notices.push(Notice::Recovered { path, offset });
        }
    }

    /// Reports each change in what cannot be read, once.
    fn report_troubles(&mut self, resolved: Resolved) {
        let failing = self.files.iter().filter(|tracked| tracked.is_failing);
        let failing = failing.map(|tracked| tracked.path.clone());
        let mut troubles = BTreeMap::new();
        for path in failing {
            if let Some(error) = self.troubles.remove(&path) {
                troubles.insert(path, error);
            }
        }
        for (path, error) in resolved.troubles {
            let error = error.to_string();
            if self.troubles.get(&path) != Some(&error) {
                let (path, error) = (path.clone(), error.clone());
                self.notices.push(Notice::Unreadable { path, error });
            }
            troubles.insert(path, error);
        }
        self.troubles = troubles;
    }

    /// Closes the files that were held longest where too many are.
    fn limit_held(&mut self) {
        let mut held = self
            .files
            .iter_mut()
            .filter_map(|tracked| Some((tracked.held?.since, tracked)))
            .collect::<Vec<_>>();
        held.sort_by_key(|(since, _)| *since);
        let surplus = held.len().saturating_sub(MAX_HELD);
        for (_, tracked) in held.into_iter().take(surplus) {
            tracked.close_soon();
        }
    }
}
