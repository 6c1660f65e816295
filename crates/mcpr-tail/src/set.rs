//! The files of some sources, read on as they grow, rotate, vanish and appear.
//!
//! No threads, no clock and no waiting of its own: the caller says when to look and when to read.

mod among;
mod bases;
mod emptied;
mod found;
mod gaps;
mod hold;
mod lost;
mod missing;
mod neighbours;
mod room;
mod scan;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};

use super::file::{Progress, READ_BYTES};
use super::gzip::Original;
use super::known::Known;
use super::label;
use super::lines::Piece;
use super::notice::{LetGo, Notice};
use super::opening::Begin;
use super::position::{Chunk, Deliver, FilePlace};
use super::resolve::SourceSpec;
use super::resolver::Resolver;
use super::spelling::Spelling;
use super::tracked::{Stage, Tracked, Turn};
use super::writers;
use mcpr_model::{Checkpoint, FileIdentity, steps};

use among::{HalfEnded, OpenHeads};
use bases::Logs;
pub(super) use emptied::UnreadLook;
use gaps::ReportedGaps;
pub use hold::MAX_HELD;
use lost::Lost;
use neighbours::Neighbours;
pub use room::Room;

/// Most steps that a compressed file takes in one turn: a small one is found among what is known, read
/// and seen to end in fewer.
const STEPS_OF_COMPRESSED: usize = 8;

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

/// What is to be committed of a file that is not read on.
#[derive(Debug)]
struct Parting {
    path: PathBuf,
    checkpoint: Checkpoint,
    /// What followed this offset is missing.
    missing: Option<u64>,
}

/// Reads the files of some sources.
#[derive(Debug)]
pub struct Tailer {
    resolver: Resolver,
    begin: Begin,
    known: Known,
    logs: Logs,
    neighbours: Neighbours,
    room: Room,
    /// In the order in which they are read: of one source, a new one waits for those before it.
    files: Vec<Tracked>,
    heads: OpenHeads,
    /// What each path led to at the last scan that found a change.
    paths: BTreeMap<PathBuf, FileIdentity>,
    /// The last file that was open of each path that leads to none now: what was rotated unseen came
    /// after it.
    vacant: FxHashMap<PathBuf, FileIdentity>,
    /// What keeps a path from being read.
    troubles: BTreeMap<PathBuf, String>,
    notices: Vec<Notice>,
    partings: VecDeque<Parting>,
    gaps: ReportedGaps,
    /// Rotated files that cannot be read.
    unread_siblings: usize,
    /// Files that sources lead to were not opened, and are to be tried again.
    has_left: bool,
    /// When the writers of held files were last asked for, and how they are.
    asked: Option<Instant>,
    /// When rotated files were last looked through for those that nobody writes to any more.
    settled: Option<Instant>,
    ask: writers::Ask,
    /// The time of the last scan.
    now: Option<Instant>,
    /// Turns that files had so far.
    turns: u64,
    // One for all files: they are read one after the other.
    buffer: Box<[u8]>,
}

impl Tailer {
    /// A tailer of sources, with the checkpoints of all files that were read before.
    #[must_use]
    pub fn new(sources: Vec<SourceSpec>, begin: Begin, checkpoints: Vec<Checkpoint>) -> Self {
        let mut spelling = Spelling::of(&sources);
        let resolver = Resolver::new(sources);
        let is_ours = |known: &Checkpoint| bases::is_ours(known, &resolver);
        let checkpoints = checkpoints.into_iter();
        let checkpoints = checkpoints.map(|known| spelling.respell(known, &is_ours));
        let mut checkpoints = checkpoints.collect::<Vec<_>>();
        let gaps = ReportedGaps::take_from(&mut checkpoints, is_ours);
        let logs = Logs::new(&checkpoints);
        let known = Known::new(checkpoints, |path| resolver.source_of(path).is_some());
        Self {
            resolver,
            begin,
            known,
            logs,
            neighbours: Neighbours::default(),
            room: Room::default(),
            files: Vec::new(),
            heads: OpenHeads::default(),
            paths: BTreeMap::new(),
            vacant: FxHashMap::default(),
            troubles: BTreeMap::new(),
            notices: Vec::new(),
            partings: VecDeque::new(),
            gaps,
            unread_siblings: 0,
            has_left: false,
            asked: None,
            settled: None,
            ask: writers::of,
            now: None,
            turns: 0,
            buffer: vec![0; READ_BYTES].into(),
        }
    }

    /// Makes reads so small that a test need not write much.
    #[cfg(test)]
    pub(super) fn set_read_bytes(&mut self, bytes: usize) {
        self.buffer = vec![0; bytes].into();
    }

    /// Says who has files open for writing, in the place of the system.
    #[cfg(test)]
    pub(super) fn set_writers(&mut self, ask: writers::Ask) {
        self.ask = ask;
    }

    /// Looks at files and directories, and turns of files, so far: what following them costs.
    #[cfg(test)]
    pub(super) fn steps(&self) -> (u64, u64) {
        (self.resolver.steps(), self.turns)
    }

    /// Names files that are never opened, whatever path leads to them: the store's own.
    pub fn exclude(&mut self, identities: impl IntoIterator<Item = FileIdentity>) {
        self.resolver.exclude(identities);
    }

    /// Says how many files may be open at once.
    pub fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// Says that something has happened to these paths, so that they are looked at in the next scan.
    pub fn hint(&mut self, paths: Vec<PathBuf>) {
        self.resolver.hint(paths);
    }

    /// Gives every file that may have something to read one turn, and delivers what it reads.
    pub fn read(&mut self, deliver: &mut Deliver<'_>) -> ReadOutcome {
        // A place that was found by the checkpoint of another file is committed before that one can
        // be written over.
        let mut outcome = ReadOutcome {
            stopped: self.say_places(deliver).is_break(),
            ..ReadOutcome::default()
        };
        // By source: files of one are read in order, and none waits for those of another.
        let mut blocked = vec![false; self.resolver.sources().len()];
        let (mut lost, mut moved) = (Vec::<Lost>::new(), Vec::new());
        let mut closed = FxHashSet::default();
        let mut half_ended = HalfEnded::default();
        let mut open = self.count_open();
        for index in 0..self.files.len() {
            if outcome.stopped {
                break;
            }
            steps::look();
            let tracked = &self.files[index];
            let (source, identity) = (tracked.source, tracked.identity());
            let may_begin = tracked.stage != Stage::Waiting || !blocked[source];
            if may_begin && tracked.is_due(self.now) && self.has_room_for(index, &mut open) {
                // Before the first byte: what was there since the last look may be in a copy.
                if let Some(emptied) = self.emptied_at(index) {
                    moved.push(emptied);
                    blocked[source] = true;
                    outcome.progressed = true;
                    continue;
                }
                if self.say_torn(index, &mut half_ended, deliver).is_break() {
                    outcome.stopped = true;
                    break;
                }
                if self.take_turn(index, deliver, &mut outcome, &mut lost) {
                    closed.insert(identity);
                    continue;
                }
            }
            let tracked = &self.files[index];
            blocked[source] |= tracked.stage != Stage::Drained;
            if tracked.file.position().unfinished_len() > 0 {
                half_ended.add(index);
            }
        }
        // Both change which file stands where.
        if !closed.is_empty() || !lost.is_empty() || !moved.is_empty() {
            self.heads = OpenHeads::default();
        }
        let is_closed = |tracked: &mut Tracked| closed.contains(&tracked.identity());
        let closed = self.files.extract_if(.., is_closed).collect();
        self.say_goodbye(closed);
        self.recover(lost);
        self.open_between(moved);
        self.forget_reported();
        outcome
    }

    /// Where a file begins whose log ends with half a line so far, in one of these files, says that first.
    fn say_torn(
        &self,
        index: usize,
        torn: &mut HalfEnded,
        deliver: &mut Deliver<'_>,
    ) -> ControlFlow<()> {
        let begun = &self.files[index];
        if !begun.is_beginning() {
            return ControlFlow::Continue(());
        }
        match torn.before(begun, &self.files) {
            Some(torn) => self.files[torn].deliver_torn(deliver),
            None => ControlFlow::Continue(()),
        }
    }

    /// Says what is to be reported about files that are not read on, and where others begin.
    fn say_places(&mut self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        // First what closed files have come to: a file that begins now may have the identity of one of
        // them, and writes over what was committed of that one.
        while let Some(parting) = self.partings.pop_front() {
            let missing = parting.missing.map(|offset| Piece::Missing { offset });
            let taken = deliver(Chunk {
                path: &parting.path,
                pieces: missing.as_slice(),
                checkpoint: parting.checkpoint.clone(),
                is_final: true,
            });
            if taken.is_break() {
                self.partings.push_front(parting);
                return taken;
            }
        }
        let mut files = self.files.iter_mut();
        files.try_for_each(|tracked| tracked.announce(deliver))?;
        self.forget_taken();
        ControlFlow::Continue(())
    }

    /// Gives a file its turn; says whether it is to be closed.
    fn take_turn(
        &mut self,
        index: usize,
        deliver: &mut Deliver<'_>,
        outcome: &mut ReadOutcome,
        lost: &mut Vec<Lost>,
    ) -> bool {
        let is_compressed = self.files[index].file.is_compressed();
        // A compressed file takes several steps to its end, and those of its source wait for that: with
        // a round of all files for each step, many small ones would take the square of their number.
        for _ in 1..STEPS_OF_COMPRESSED {
            let turn = self.turn(index, deliver);
            let goes_on = match &turn {
                Ok(Turn::Progress(Progress::WentBack)) => true,
                Ok(Turn::Progress(Progress::Read { bytes, at_end })) => {
                    !at_end && *bytes < self.buffer.len()
                }
                _ => false,
            };
            let is_over = self.note(index, turn, outcome, lost);
            if is_over || !(is_compressed && goes_on) {
                return is_over;
            }
        }
        let turn = self.turn(index, deliver);
        self.note(index, turn, outcome, lost)
    }

    fn turn(&mut self, index: usize, deliver: &mut Deliver<'_>) -> io::Result<Turn> {
        self.turns += 1;
        let tracked = &mut self.files[index];
        if tracked.file.wants_checkpoints() {
            let head = tracked.file.compressed_head(&tracked.place);
            // Also those of open files: its original may be held still.
            let open = self.heads.of(&head, &self.files).into_iter();
            let open = open.map(|open| self.files[open].checkpoint());
            // Only those with its head: no other can be of its contents.
            let all = open.chain(self.known.with_head(&head).cloned());
            let all = all.collect::<Vec<_>>();
            let originals = self.originals_of(index);
            let tracked = &mut self.files[index];
            let own = all.iter().filter(|it| it.identity == tracked.identity());
            let was_done = own.map(|own| &own.path).any(|it| label::is_done(it));
            tracked.file.offer(&tracked.place, all, originals)?;
            if was_done && tracked.file.is_whole() {
                tracked.set_was_done();
            }
        }
        let turn = self.files[index].take_turn(self.now, &mut self.buffer, deliver);
        self.heads.see(index, &self.files[index]);
        turn
    }

    /// The open files of which a compressed one may be a copy, as its name says.
    fn originals_of(&mut self, index: usize) -> Vec<Original> {
        let of = self.heads.originals(&self.files[index].place, &self.files);
        let originals = of.into_iter().filter_map(|at| {
            let Tracked { file, place, .. } = &mut self.files[at];
            let position = file.position();
            Some(Original {
                offset: position.next_offset() - position.unfinished_len(),
                // One that cannot be read says so in its own turn.
                file: file.handle_mut().get(place).ok()?,
            })
        });
        originals.collect()
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
            // A file that has not had its turn is read, however much was written to others.
            let waiting = self.files.iter().any(|t| t.stage != Stage::Drained);
            if outcome.stopped || !outcome.progressed || (left == 0 && !waiting) {
                break;
            }
        }
        if !total.stopped {
            self.settle_at_end();
            // What the last round led to as well: no other one comes.
            total.stopped = self.say_places(deliver).is_break();
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

    /// The paths under which something is left to read, as far as the last turn of their files saw: what
    /// was written there, or the rest of a line that has begun.
    #[must_use]
    pub fn unread_paths(&self) -> FxHashSet<&Path> {
        let unread = self.files.iter().filter(|tracked| {
            // What is compressed and damaged is as far as it will be: nobody waits for more of it.
            let may_go_on = tracked.is_failing && !tracked.file.is_compressed();
            let is_at_end = tracked.stage == Stage::Drained && !may_go_on;
            !is_at_end || tracked.file.position().unfinished_len() > 0
        });
        unread.map(|tracked| tracked.path.as_path()).collect()
    }

    /// Bytes that are there and were not read, as of the last scan.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.files.iter().map(Tracked::backlog).sum()
    }

    /// Where each file stands. Two may go by one path.
    pub fn places(&self) -> impl Iterator<Item = FilePlace<'_>> {
        self.files.iter().map(Tracked::place)
    }

    /// What has happened to files since this was last asked.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// How many paths that sources lead to cannot be read, as of the last scan.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.troubles.len() + self.unread_siblings
    }

    /// The directories in which files of the sources can appear.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        self.resolver.directories()
    }

    /// Notes what a file's turn led to; says whether the file is to be closed.
    fn note(
        &mut self,
        index: usize,
        turn: io::Result<Turn>,
        outcome: &mut ReadOutcome,
        lost: &mut Vec<Lost>,
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
                lost.push(Lost::cut(was, tracked));
            }
            Ok(Turn::Done {
                bytes,
                unfinished,
                why,
            }) => {
                outcome.bytes += bytes as u64;
                outcome.progressed = true;
                if tracked.is_failing {
                    // It stays unread, also once it is forgotten.
                    self.troubles.remove(&tracked.place);
                    self.unread_siblings += 1;
                }
                // That a file which gave nothing was closed as planned is no news.
                if tracked.has_given || unfinished > 0 || why != LetGo::NoWriter {
                    self.notices.push(Notice::Released {
                        path: path(),
                        offset: tracked.file.position().next_offset(),
                        unfinished,
                        why,
                    });
                }
                return true;
            }
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && tracked.file.handle().opened().is_none() =>
            {
                // It has left its path meanwhile: the next scan sees to that.
                tracked.stage = Stage::Drained;
            }
            Err(error) => {
                let (path, error) = (tracked.place.clone(), error.to_string());
                // What cannot be read must not keep others waiting.
                tracked.stage = Stage::Drained;
                self.troubles.insert(path.clone(), error.clone());
                // Reported once: it is tried again at every turn.
                if !std::mem::replace(&mut tracked.is_failing, true) {
                    self.notices.push(Notice::Unreadable { path, error });
                }
            }
        }
        false
    }
}
