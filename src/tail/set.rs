//! The files of some sources, kept open and read on as they grow, rotate, vanish and appear.
//!
//! No threads, no clock and no waiting of its own: the caller says when to look and when to read.

mod scan;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustc_hash::FxHashSet;

use super::file::{Progress, READ_BYTES};
use super::known::Known;
use super::notice::Notice;
use super::opening::Begin;
use super::position::Deliver;
use super::resolve::SourceSpec;
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
        let is_ours = |path: &Path| sources.iter().any(|source| source.covers(path));
        let known = Known::new(checkpoints, is_ours);
        Self {
            sources,
            begin,
            known,
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

    /// Gives every file that has something to read one turn, and delivers what it reads.
    pub fn read(&mut self, deliver: &mut Deliver<'_>) -> ReadOutcome {
        // A place that was found by the checkpoint of another file is committed before that one can
        // be written over.
        let announced = self.files.iter_mut().try_for_each(|t| t.announce(deliver));
        let mut outcome = ReadOutcome {
            stopped: announced.is_break(),
            ..ReadOutcome::default()
        };
        let mut blocked = vec![false; self.sources.len()];
        let mut lost = Vec::new();
        let mut index = 0;
        while index < self.files.len() && !outcome.stopped {
            let tracked = &self.files[index];
            let source = tracked.source;
            let mut is_done = false;
            if tracked.stage != Stage::Waiting || !blocked[source] {
                let turn = self.turn(index, deliver);
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

    fn turn(&mut self, index: usize, deliver: &mut Deliver<'_>) -> io::Result<Turn> {
        if self.files[index].file.wants_checkpoints() {
            // Also those of open files: its original may be held still.
            let open = self.files.iter().map(Tracked::checkpoint);
            let all = open.chain(self.known.all().iter().cloned()).collect();
            self.files[index].file.offer(all)?;
        }
        self.files[index].take_turn(self.now, &mut self.buffer, deliver)
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

    /// Whether everything was read that was written under a path, as far as the last turn of its files
    /// saw, and no line has begun there.
    #[must_use]
    pub fn is_read(&self, path: &Path) -> bool {
        let mut files = self.files.iter().filter(|tracked| tracked.path == path);
        files.all(|tracked| {
            let is_at_end = tracked.stage == Stage::Drained && !tracked.is_failing;
            is_at_end && tracked.file.position().unfinished_len() == 0
        })
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
