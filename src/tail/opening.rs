//! Opens the files that a scan found new, and decides where each begins.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::body::Body;
use super::file::{self, OpenFile};
use super::gzip::{GzipFile, is_gzip};
use super::identity::{MIN_HEAD_OF_MOVED_BYTES, Proof};
use super::known::{Known, Place};
use super::resolve::Found;
use super::tracked::Tracked;

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
type Troubles = Vec<(PathBuf, io::Error)>;

/// A file that was opened.
#[derive(Debug)]
struct Candidate {
    found: Found,
    file: File,
    /// Where it goes on, as far as that could be found out.
    place: io::Result<Option<Place>>,
    /// That is from a checkpoint under another identity: its own is still to be committed.
    is_moved: bool,
    is_gzip: bool,
}

/// The files that one scan found new.
#[derive(Debug)]
pub(super) struct Opening {
    candidates: Vec<Candidate>,
}

impl Opening {
    /// Opens them, in the order in which they are to be read: the oldest first.
    pub(super) fn new(mut fresh: Vec<Found>, troubles: &mut Troubles) -> Self {
        // Of files changed in the same moment, the one with the longer name was rotated before.
        fresh.sort_by(|a, b| (a.modified, &b.path).cmp(&(b.modified, &a.path)));
        let mut candidates = Vec::new();
        for found in fresh {
            match file::open(&found.path, found.identity) {
                Ok(file) => candidates.push(Candidate {
                    is_gzip: is_gzip(&found.path, &file),
                    found,
                    file,
                    place: Ok(None),
                    is_moved: false,
                }),
                Err(error) => troubles.push((found.path, error)),
            }
        }
        Self { candidates }
    }

    /// Leaves out what is only a copy of another file beside it so far, with a name that is made of
    /// that one's: all of it is read there. It is what copy-truncate begins with; once the other
    /// file is truncated, the copy is where its unread end is found.
    pub(super) fn leave_copies(&mut self, open: &[Tracked]) {
        let is_copy = |index: usize| {
            let copy = &self.candidates[index];
            let others = self.candidates.iter();
            open.iter().any(|original| {
                let at = (original.path.as_path(), original.file.descriptor());
                is_copy_of(copy, at)
            }) || others
                .map(|original| (original.found.path.as_path(), &original.file))
                .any(|at| is_copy_of(copy, at))
        };
        let copies = (0..self.candidates.len()).map(is_copy).collect::<Vec<_>>();
        let mut copies = copies.into_iter();
        self.candidates
            .retain(|_| copies.next().is_none_or(|is_copy| !is_copy));
    }

    /// Makes them ready to be read, each from its place.
    pub(super) fn finish(
        mut self,
        known: &mut Known,
        begin: Begin,
        troubles: &mut Troubles,
    ) -> Vec<Tracked> {
        let is_known = self.candidates.iter();
        let is_known = is_known
            .map(|candidate| known.mentions(candidate.found.identity, &candidate.found.path))
            .collect::<Vec<_>>();
        self.find_places(known);
        let mut tracked = Vec::new();
        for (candidate, is_known) in self.candidates.into_iter().zip(is_known) {
            let begin = if is_known { Begin::Start } else { begin };
            let path = candidate.found.path.clone();
            match candidate.into_tracked(begin) {
                Ok(ready) => tracked.push(ready),
                Err(error) => troubles.push((path, error)),
            }
        }
        tracked
    }

    /// Finds the checkpoints that fit. Identity goes first: no copy may take a checkpoint whose own
    /// file is there.
    fn find_places(&mut self, known: &mut Known) {
        // A compressed file looks for its own, when its turn has come.
        let mut plain = self
            .candidates
            .iter_mut()
            .filter(|c| !c.is_gzip)
            .collect::<Vec<_>>();
        for candidate in &mut plain {
            candidate.place = known.take_same(&candidate.file, candidate.found.identity);
        }
        for candidate in plain {
            if let Ok(None) = candidate.place {
                candidate.place = known.take_moved(&candidate.file, candidate.found.size);
                candidate.is_moved = true;
            }
        }
    }
}

impl Candidate {
    fn into_tracked(self, begin: Begin) -> io::Result<Tracked> {
        let (found, file, is_moved) = (self.found, self.file, self.is_moved);
        if self.is_gzip {
            let file = GzipFile::new(file, found.identity, begin);
            let body = Body::Gzip(Box::new(file));
            return Ok(Tracked::new(found.path, found.source, body, found.size));
        }
        let (file, announce) = match (self.place?, begin) {
            (Some(place), _) => {
                let file = OpenFile::from_offset(file, found.identity, place);
                (file, is_moved)
            }
            (None, Begin::End) => (OpenFile::from_end(file, found.identity)?, true),
            (None, Begin::Start) => (OpenFile::from_start(file, found.identity), false),
        };
        let mut tracked = Tracked::new(found.path, found.source, Body::Plain(file), found.size);
        tracked.announce = announce;
        Ok(tracked)
    }
}

/// Whether all that a file holds stands at the beginning of another one, after which it is named.
/// A file that cannot be read is taken for no copy.
fn is_copy_of(copy: &Candidate, (path, original): (&Path, &File)) -> bool {
    let size = copy.found.size;
    if size < MIN_HEAD_OF_MOVED_BYTES || !is_named_after(&copy.found.path, path) {
        return false;
    }
    let of_copy = Proof::read(&copy.file, size);
    let of_original = Proof::read(original, size);
    matches!((of_copy, of_original), (Ok(Some(a)), Ok(Some(b))) if a == b)
}

/// Whether a path is another one of the same directory with something added.
fn is_named_after(path: &Path, original: &Path) -> bool {
    let (path, original) = (path.as_os_str(), original.as_os_str());
    let rest = path
        .as_encoded_bytes()
        .strip_prefix(original.as_encoded_bytes());
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(&b'/'))
}
