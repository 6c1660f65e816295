//! Opens the files that a scan found new, and decides where each begins.

use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use super::body::Body;
use super::family::log_of;
use super::file::{self, OpenFile};
use super::gzip::GzipFile;
use super::handle::Handle;
use super::identity::{MIN_HEAD_OF_MOVED_BYTES, Proof};
use super::known::{Known, Place};
use super::nearby::Nearby;
use super::path_text::text_of;
use super::recover::{Reach, Siblings, is_ambiguous};
use super::resolve::Found;
use super::rotated::{Compression, MAGIC_BYTES, Rank, is_rotated_from, rotation_of};
use super::set::{Room, UnreadLook};
use super::tracked::Tracked;
use mcpr_model::{Checkpoint, FileIdentity};

/// Where a file begins that is there at the start and has no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// At its first byte.
    #[default]
    Start,
    /// At its last line, where that is without a newline, or at its end.
    End,
}

/// Paths that cannot be read, with the reason.
pub(super) type Troubles = Vec<(PathBuf, io::Error)>;

/// A file that was opened.
#[derive(Debug)]
struct Candidate {
    found: Found,
    handle: Handle,
    /// Where it goes on, as far as that could be found out.
    place: io::Result<Option<Place>>,
    is_gzip: bool,
}

/// The files that one scan found new.
#[derive(Debug)]
pub(super) struct Opening {
    candidates: Vec<Candidate>,
    /// How many of them may stay open.
    room: usize,
    /// Files that were left for a later scan.
    pub(super) left: usize,
}

impl Opening {
    /// Opens them, in the order in which they are to be read: the oldest first.
    pub(super) fn new(
        mut fresh: Vec<Found>,
        room: Room,
        room_left: usize,
        troubles: &mut Troubles,
    ) -> Self {
        fresh.sort_by_cached_key(|found| (found.stamp.modified, order_in_log(&found.path)));
        join_logs(&mut fresh);
        let mut opening = Self {
            candidates: Vec::new(),
            room: room_left,
            left: 0,
        };
        for found in fresh {
            let path = found.path.clone();
            if !room.takes_turns && opening.candidates.len() >= room_left {
                // It is reported and counted, so that a later scan tries again.
                let error = "too many files for the limit on open files";
                troubles.push((path, io::Error::other(error)));
                opening.left += 1;
                continue;
            }
            match Candidate::open(found) {
                Ok(candidate) => opening.push(candidate),
                // It has gone on already.
                Err(error) if error.kind() == io::ErrorKind::NotFound => opening.left += 1,
                Err(error) => {
                    opening.left += 1;
                    troubles.push((path, error));
                }
            }
        }
        opening
    }

    /// Keeps it open as long as there is room for it.
    fn push(&mut self, mut candidate: Candidate) {
        // Those that are beyond it are opened again by their path, each for its turn.
        if self.candidates.len() >= self.room {
            candidate.handle.close();
        }
        self.candidates.push(candidate);
    }

    /// Leaves out what is only a copy of another file beside it so far, with a name that is made of
    /// that one's: all of it is read there. It is what copy-truncate begins with; once the other
    /// file is truncated, the copy is where its unread end is found.
    pub(super) fn leave_copies(&mut self, open: &mut [Tracked]) {
        let (mut tracked, mut fresh) = (FxHashMap::default(), FxHashMap::default());
        for (at, original) in open.iter().enumerate() {
            tracked.entry(original.place.clone()).or_insert(at);
        }
        for (at, original) in self.candidates.iter().enumerate() {
            fresh.entry(original.found.path.clone()).or_insert(at);
        }
        let mut at = 0;
        let mut is_copy = vec![false; self.candidates.len()];
        while at < self.candidates.len() {
            let originals = originals(&self.candidates[at].found);
            for original in originals.collect::<Vec<_>>() {
                let file = match (tracked.get(&original), fresh.get(&original)) {
                    (Some(&of), _) => open[of].file.handle_mut().get(&original),
                    (None, Some(&of)) => self.get(of),
                    (None, None) => continue,
                };
                // One original is enough, and one that cannot be read says nothing.
                is_copy[at] |= file.is_ok_and(|original| self.holds_no_more_than(at, &original));
            }
            at += 1;
        }
        let mut is_copy = is_copy.into_iter();
        let before = self.candidates.len();
        self.candidates.retain(|_| is_copy.next() == Some(false));
        self.left += before - self.candidates.len();
    }

    /// A candidate's descriptor, which is closed again where there is no room for it.
    fn get(&mut self, at: usize) -> io::Result<std::sync::Arc<File>> {
        let candidate = &mut self.candidates[at];
        let file = candidate.handle.get(&candidate.found.path);
        if at >= self.room {
            candidate.handle.close();
        }
        file
    }

    /// Whether all that a candidate holds stands at the beginning of another file. What cannot be
    /// read is taken for no copy.
    fn holds_no_more_than(&mut self, at: usize, original: &File) -> bool {
        let size = self.candidates[at].found.stamp.size;
        let Ok(copy) = self.get(at) else {
            return false;
        };
        // Head and end together: to compare all of two large logs would take as long as to read
        // them.
        let proofs = (Proof::read(&copy, size), Proof::read(original, size));
        matches!(proofs, (Ok(Some(a)), Ok(Some(b))) if a == b)
    }

    /// Makes them ready to be read, each from its place.
    pub(super) fn finish(
        mut self,
        known: &mut Known,
        begin: Begin,
        excluded: &FxHashSet<FileIdentity>,
        troubles: &mut Troubles,
    ) -> (Vec<Tracked>, usize) {
        // Asked before any checkpoint is taken out by the first file that finds it.
        let is_known = self.candidates.iter();
        let is_known = is_known
            .map(|candidate| known.mentions(candidate.found.identity, &candidate.found.path))
            .collect::<Vec<_>>();
        self.find_places(known, excluded);
        let mut tracked = Vec::new();
        for (candidate, is_known) in self.candidates.into_iter().zip(is_known) {
            // A file that was known is read on from where it was left, whatever is reported about new
            // ones.
            let begin = if is_known { Begin::Start } else { begin };
            let path = candidate.found.path.clone();
            let is_open = tracked.len() < self.room;
            match candidate.into_tracked(begin) {
                Ok(mut ready) => {
                    if !is_open {
                        ready.file.handle_mut().close();
                    }
                    tracked.push(ready);
                }
                Err(error) => {
                    self.left += 1;
                    troubles.push((path, error));
                }
            }
        }
        (tracked, self.left)
    }

    /// Finds the checkpoints that fit. Identity goes first: no copy may take a checkpoint whose own
    /// file is there.
    fn find_places(&mut self, known: &mut Known, excluded: &FxHashSet<FileIdentity>) {
        let mut nearby = Nearby::default();
        // A compressed file looks for its own, when its turn has come.
        let plain = (0..self.candidates.len()).filter(|&at| !self.candidates[at].is_gzip);
        let plain = plain.collect::<Vec<_>>();
        for &at in &plain {
            let file = self.get(at);
            let candidate = &mut self.candidates[at];
            let found = &candidate.found;
            let same = file.and_then(|file| known.take_same(&file, found.identity, &found.path));
            candidate.place = same;
        }
        let reached = self.candidates.iter().map(|it| it.found.identity);
        let reached = reached.collect::<FxHashSet<_>>();
        let reach = Reach {
            reached: &reached,
            had: None,
            watched: &reached,
            modified: None,
            excluded,
        };
        for &at in &plain {
            self.doubt(at, known, &mut nearby, &reach);
        }
        for at in plain {
            if let Ok(None) = self.candidates[at].place {
                let file = self.get(at);
                let candidate = &mut self.candidates[at];
                let Found {
                    identity,
                    stamp,
                    path,
                    ..
                } = &candidate.found;
                candidate.place = file.and_then(|file| {
                    let is_elsewhere = |known: &Checkpoint| {
                        let reached = FxHashSet::default();
                        let reach = Reach {
                            reached: &reached,
                            had: None,
                            watched: &reached,
                            modified: None,
                            excluded,
                        };
                        let mut siblings = Siblings::of(path, &mut nearby);
                        siblings.find_copy(known, &reach).is_some()
                    };
                    let moved = known.take_moved(&file, stamp.size, is_elsewhere)?;
                    // An inode that was seen before anything was settled says less than bytes that were.
                    moved.map_or_else(
                        || known.take_unsettled(&file, *identity, path),
                        |moved| Ok(Some(moved)),
                    )
                });
            }
        }
    }
}

impl Opening {
    /// Notes where a file was found by its inode and a beginning that others have as well: it may have the
    /// inode of one that was compressed since.
    fn doubt(&self, at: usize, known: &mut Known, nearby: &mut Nearby, reach: &Reach<'_>) {
        let Candidate { found, place, .. } = &self.candidates[at];
        let Ok(Some(place)) = place else {
            return;
        };
        let (head, marker) = place.proof.fingerprints();
        let checkpoint = Checkpoint {
            path: text_of(&found.path),
            identity: found.identity,
            head,
            marker,
            offset: place.offset,
        };
        // What was read further is known by more than a beginning: no directory is looked through for it.
        if !is_ambiguous(&checkpoint) {
            return;
        }
        let mut siblings = Siblings::of(&found.path, nearby);
        let is_known = |identity: FileIdentity| known.has(identity);
        if siblings.has_rival(&checkpoint, reach, &is_known)
            || siblings.has_doubtful_rival(&checkpoint, reach)
        {
            known.doubt(checkpoint);
        }
    }
}

/// Which of several files of a log, changed in the same moment, was rotated before the others, as their
/// names say: those with a date, by the date; those with a number, the highest first; the one that is
/// written is the last. Where names do not say it, the longer one goes first.
fn order_in_log(path: &Path) -> (u8, Vec<u64>, Reverse<u64>, Reverse<PathBuf>) {
    let log = log_of(path, &Path::exists);
    let names = path.file_name().zip(log.file_name());
    let rotation = names.and_then(|(name, base)| rotation_of(name, base));
    let (class, date, number) = match rotation.map(|rotation| rotation.rank) {
        Some(Rank::Date(date)) => (0, date, 0),
        Some(Rank::Number(number)) => (1, Vec::new(), number),
        Some(Rank::Word) => (2, Vec::new(), 0),
        None => (3, Vec::new(), 0),
    };
    (class, date, Reverse(number), Reverse(path.to_owned()))
}

/// Files that are one log are read one after the other, also where each was named by itself.
fn join_logs(fresh: &mut [Found]) {
    let mut sources = FxHashMap::default();
    for found in fresh {
        let log = log_of(&found.path, &Path::exists);
        found.source = *sources.entry(log).or_insert(found.source);
    }
}

impl Candidate {
    /// # Errors
    /// When it cannot be opened, or is compressed in a way that is not read.
    fn open(found: Found) -> io::Result<Self> {
        let file = file::open(&found.path, found.identity)?;
        let is_gzip = match compression(&found.path, &file)? {
            Compression::None => false,
            Compression::Gzip => true,
            Compression::Other(name) => return Err(unreadable(name)),
        };
        Ok(Self {
            handle: Handle::new(file, found.identity),
            found,
            place: Ok(None),
            is_gzip,
        })
    }

    fn into_tracked(self, begin: Begin) -> io::Result<Tracked> {
        let (found, handle) = (self.found, self.handle);
        if self.is_gzip {
            let body = Body::Gzip(Box::new(GzipFile::new(handle, begin)));
            return Ok(Tracked::new(found.path, found.source, body, found.stamp));
        }
        let place = self.place?;
        let was_done = place.as_ref().is_some_and(|place| place.is_done);
        let empty_since = place.as_ref().and_then(|place| place.empty_since);
        let log = place.as_ref().map(|place| place.path.clone());
        let log = log.filter(|log| is_rotated_from(&found.path, log));
        let (file, announce) = match (place, begin) {
            (Some(place), _) => {
                let file = OpenFile::from_offset(handle, place.offset, place.proof);
                // Its own checkpoint is still to be committed.
                (file, place.is_moved)
            }
            (None, Begin::End) => (OpenFile::from_end(handle, &found.path)?, true),
            // Which file it is has to be known before anything of it is settled: else nobody would look
            // for it once it is rotated.
            (None, Begin::Start) => (OpenFile::from_start(handle), true),
        };
        let body = Body::Plain(file);
        let mut tracked = Tracked::new(found.path.clone(), found.source, body, found.stamp);
        if let Some(log) = log {
            tracked.move_to(&log, &found.path);
        }
        if was_done {
            tracked.set_was_done();
        }
        tracked.announce = announce;
        tracked.unread = empty_since.map(UnreadLook::empty);
        Ok(tracked)
    }
}

/// How a file is compressed, as its first bytes say or, before they are there, its name.
///
/// # Errors
/// When it cannot be read.
pub(super) fn compression(path: &Path, file: &File) -> io::Result<Compression> {
    let mut magic = [0; MAGIC_BYTES];
    // By offset, so that whoever reads the file afterwards begins at its beginning.
    let bytes = file.read_at(&mut magic, 0)?;
    let name = path.file_name().unwrap_or_default();
    Ok(Compression::of(name, &magic[..bytes]))
}

/// Why a file is not read that is compressed in some way.
pub(super) fn unreadable(compression: &str) -> io::Error {
    io::Error::other(format!(
        "is compressed with {compression}, of which only gzip is read"
    ))
}

/// Those of its shorter names of which a file may be a copy; none where it is too short to be known as one.
fn originals(copy: &Found) -> impl Iterator<Item = PathBuf> {
    let is_long = copy.stamp.size >= MIN_HEAD_OF_MOVED_BYTES;
    shorter_names(&copy.path).filter(move |_| is_long)
}

/// The paths of the same directory to which something was added to get this one.
pub(super) fn shorter_names(path: &Path) -> impl Iterator<Item = PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let name = path.file_name().unwrap_or_default().as_bytes();
    // Every shorter name: what copies are called is up to whoever makes them.
    let shorter = (1..name.len()).map(|len| std::ffi::OsStr::from_bytes(&name[..len]));
    shorter.map(|name| path.with_file_name(name))
}
