//! The files of some sources, kept open and read on as they grow, rotate, vanish and appear.
//!
//! No threads, no clock and no waiting of its own: the caller says when to look and when to read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::file::{OpenFile, Progress, READ_BYTES};
use super::known::Known;
use super::notice::Notice;
use super::opening::{Begin, Opening};
use super::position::Deliver;
use super::recover::{Find, Recovered, Siblings};
use super::resolve::{Found, Resolved, SourceSpec, resolve};
use super::tracked::{Stage, Tracked, Turn};
use crate::model::{Checkpoint, FileIdentity};

/// Most files that are held without a path; beyond it, the one held longest is closed.
pub const MAX_HELD: usize = 64;

/// What came of one round of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOutcome {
    /// Bytes that were read.
    pub bytes: u64,
    /// Another round may find more at once.
    pub progressed: bool,
    /// The caller wanted no more.
    pub stopped: bool,
}

/// Reads the files of some sources.
#[derive(Debug)]
pub struct Tailer {
    sources: Vec<SourceSpec>,
    begin: Begin,
    known: Known,
    excluded: FxHashSet<FileIdentity>,
    /// In the order in which they are read: of one source, a new one waits for those before it.
    files: Vec<Tracked>,
    /// What each path led to at the last scan.
    paths: BTreeMap<PathBuf, FileIdentity>,
    /// What keeps a path from being read.
    troubles: BTreeMap<PathBuf, String>,
    notices: Vec<Notice>,
    /// The time of the last scan.
    now: Option<Instant>,
    buffer: Box<[u8]>,
}

impl Tailer {
    /// A tailer of sources, with the checkpoints of all files that were read before.
    #[must_use]
    pub fn new(sources: Vec<SourceSpec>, begin: Begin, checkpoints: Vec<Checkpoint>) -> Self {
        Self {
            sources,
            begin,
            known: Known::new(checkpoints),
            excluded: FxHashSet::default(),
            files: Vec::new(),
            paths: BTreeMap::new(),
            troubles: BTreeMap::new(),
            notices: Vec::new(),
            now: None,
            buffer: vec![0; READ_BYTES].into(),
        }
    }

    /// Makes reads so small that a test need not write much.
    #[cfg(test)]
    pub(super) fn set_read_bytes(&mut self, bytes: usize) {
        self.buffer = vec![0; bytes].into();
    }

    /// Names files that are never opened, whatever path leads to them: the store's own.
    pub fn exclude(&mut self, identities: impl IntoIterator<Item = FileIdentity>) {
        self.excluded = identities.into_iter().collect();
    }

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

    /// Gives every file that has something to read one turn, and delivers what it reads.
    pub fn read(&mut self, deliver: &mut Deliver<'_>) -> ReadOutcome {
        let mut outcome = ReadOutcome::default();
        let mut blocked = vec![false; self.sources.len()];
        let mut lost = Vec::new();
        let mut index = 0;
        while index < self.files.len() && !outcome.stopped {
            let tracked = &mut self.files[index];
            let source = tracked.source;
            let mut is_done = false;
            if tracked.stage != Stage::Waiting || !blocked[source] {
                let turn = tracked.take_turn(self.now, &mut self.buffer, deliver);
                is_done = self.note(index, turn, &mut outcome, &mut lost);
            }
            if is_done {
                let closed = self.files.remove(index);
                self.known.add(closed.checkpoint());
            } else {
                blocked[source] |= self.files[index].stage != Stage::Drained;
                index += 1;
            }
        }
        self.recover(lost);
        outcome
    }

    /// Reads everything that the files hold now, then delivers their unfinished last lines.
    pub fn finish(&mut self, deliver: &mut Deliver<'_>) -> ReadOutcome {
        let mut total = ReadOutcome::default();
        // What is written meanwhile is left: a writer that is faster than us must not keep us.
        let mut left = self.backlog();
        loop {
            let outcome = self.read(deliver);
            total.bytes += outcome.bytes;
            total.stopped = outcome.stopped;
            left = left.saturating_sub(outcome.bytes);
            let waiting = self.files.iter().any(|t| t.stage != Stage::Drained);
            if outcome.stopped || !outcome.progressed || (left == 0 && !waiting) {
                break;
            }
        }
        for tracked in &self.files {
            if total.stopped || tracked.deliver_unfinished(deliver).is_break() {
                total.stopped = true;
                break;
            }
        }
        total.progressed = total.bytes > 0;
        total
    }

    /// Bytes that are there and were not read, as of the last scan.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.files.iter().map(Tracked::backlog).sum()
    }

    /// What has happened to files since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The directories in which files of the sources can appear.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        let mut directories = self
            .sources
            .iter()
            .flat_map(SourceSpec::directories)
            .collect::<Vec<_>>();
        directories.sort();
        directories.dedup();
        directories
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
    fn recover(&mut self, lost: Vec<Checkpoint>) {
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

    /// Notes what a file's turn led to; says whether the file is to be closed.
    fn note(
        &mut self,
        index: usize,
        turn: io::Result<Turn>,
        outcome: &mut ReadOutcome,
        lost: &mut Vec<Checkpoint>,
    ) -> bool {
        let tracked = &mut self.files[index];
        let path = || tracked.path.clone();
        match turn {
            Ok(Turn::Progress(Progress::Read { bytes, .. })) => {
                outcome.bytes += bytes as u64;
                outcome.progressed |= bytes > 0;
            }
            Ok(Turn::Progress(Progress::WentBack)) => outcome.progressed = true,
            Ok(Turn::Progress(Progress::Stopped)) => outcome.stopped = true,
            Ok(Turn::Progress(Progress::Truncated {
                lost: was,
                unfinished,
            })) => {
                outcome.progressed = true;
                self.notices.push(Notice::Truncated {
                    path: path(),
                    offset: was.offset,
                    unfinished,
                });
                lost.push(was);
            }
            Ok(Turn::Done { bytes, unfinished }) => {
                outcome.bytes += bytes as u64;
                outcome.progressed = true;
                if tracked.has_given || unfinished > 0 {
                    let path = path();
                    self.notices.push(Notice::Released { path, unfinished });
                }
                return true;
            }
            Err(error) => {
                let (path, error) = (path(), error.to_string());
                // What cannot be read must not keep others waiting.
                tracked.stage = Stage::Drained;
                if !std::mem::replace(&mut tracked.is_failing, true) {
                    self.troubles.insert(path.clone(), error.clone());
                    self.notices.push(Notice::Unreadable { path, error });
                }
            }
        }
        false
    }
}
