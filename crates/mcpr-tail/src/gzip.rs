//! A rotated file that was compressed: read once, from where its contents were left before.
//!
//! Offsets and hashes are those of the decompressed bytes, so that a checkpoint of the file before
//! it was compressed fits. Nothing is written to such a file once it is whole.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::decoder::{Decoder, Stamp, head, stamp_of};
use super::file::{Progress, READ_BYTES};
use super::handle::Handle;
use super::identity::{self, MIN_HEAD_OF_MOVED_BYTES, Proof};
use super::label;
use super::opening::Begin;
use super::position::{Deliver, Named, Position};
use mcpr_model::Checkpoint;

/// How far a compressed file has come.
#[derive(Debug)]
enum State {
    /// Its place is to be found among the checkpoints.
    New,
    /// It is decompressed to find which checkpoints fit.
    Locating(Locating),
    /// A plain file beside it holds all that it does, and is read there.
    Copied(Copied),
    /// It is read, from its beginning up to the position in order to get there.
    Reading(Decoder),
    /// All is read, until it changes.
    Rest(Stamp),
    /// What is there cannot be read, until it changes.
    Failed { stamp: Stamp, error: String },
    /// It ends within its data: someone is still writing it.
    Incomplete(Stamp),
}

/// An open file of which a compressed one may be a copy.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) file: Arc<File>,
    /// How far its lines were handed over.
    pub(super) offset: u64,
}

/// What a compressed copy holds.
#[derive(Debug)]
struct Copied {
    len: u64,
    proof: Proof,
    stamp: Stamp,
}

impl Copied {
    /// How far that was read in a file that holds it still; `None` without such a file.
    fn read_in(&self, originals: &[Original]) -> Option<u64> {
        // One that cannot be read says nothing.
        let holds = |it: &&Original| self.proof.holds(&it.file, self.len).unwrap_or(false);
        let read = originals.iter().filter(holds).map(|it| it.offset);
        read.max()
    }
}

/// The search for the furthest checkpoint that fits.
#[derive(Debug)]
struct Locating {
    decoder: Decoder,
    proof: Proof,
    /// Not reached yet, the nearest last.
    candidates: Vec<Checkpoint>,
    best: Option<(u64, Proof)>,
    /// Plain files that hold the same so far.
    originals: Vec<Original>,
    /// One of them holds all of it.
    is_copy: bool,
    /// Its head cannot be read, which is reported in its turn.
    failure: Option<io::Error>,
}

impl Locating {
    /// Begins with the head: most checkpoints are of files with another one.
    fn new(
        file: &Arc<File>,
        mut candidates: Vec<Checkpoint>,
        originals: Vec<Original>,
    ) -> io::Result<Self> {
        let decoder = Decoder::new(file)?;
        let head = head(file);
        let has_head = |known: &Checkpoint| {
            let head = head.as_ref();
            head.is_ok_and(|head| identity::has_head(head, known.head))
        };
        candidates.retain(|known| known.offset > 0 && has_head(known));
        // Going forward only: a stream cannot be read backwards.
        candidates.sort_by_key(|known| std::cmp::Reverse(known.offset));
        Ok(Self {
            decoder,
            proof: Proof::default(),
            candidates,
            best: None,
            originals,
            is_copy: false,
            failure: head.err(),
        })
    }

    /// Goes on to the next candidate, at most a buffer full. Says whether there is more to do.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let Some(next) = self.candidates.last() else {
            return self.compare(buffer);
        };
        let left = usize::try_from(next.offset - self.decoder.offset).unwrap_or(usize::MAX);
        let len = left.min(buffer.len());
        let bytes = self.decoder.fill(&mut buffer[..len])?;
        self.proof.extend(&buffer[..bytes]);
        if bytes == left {
            // Each one that fits is further than the last.
            if self.proof.fits(next) {
                self.best = Some((next.offset, self.proof.clone()));
            }
            self.candidates.pop();
        } else if bytes == 0 {
            self.candidates.clear(); // they are of longer files
        }
        Ok(!(self.candidates.is_empty() && self.originals.is_empty()))
    }

    /// Goes on towards the end, as long as a file beside it holds the same.
    fn compare(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        if self.originals.is_empty() {
            return Ok(false);
        }
        let bytes = self.decoder.fill(buffer)?;
        self.proof.extend(&buffer[..bytes]);
        let (proof, offset) = (&self.proof, self.decoder.offset);
        self.originals
            .retain(|it| proof.holds(&it.file, offset).unwrap_or(false));
        let has_any = !self.originals.is_empty();
        if bytes == 0 {
            // Short beginnings are alike too often to go by.
            self.is_copy = has_any && offset >= MIN_HEAD_OF_MOVED_BYTES;
        }
        Ok(has_any && bytes > 0)
    }
}

/// A compressed file that is held open.
#[derive(Debug)]
pub(super) struct GzipFile {
    handle: Handle,
    position: Position,
    /// Where it begins when no checkpoint fits.
    begin: Begin,
    /// Where it begins is still to be reported: it was found by the checkpoint of another file, whose
    /// inode may be given away.
    announce: bool,
    /// All that it holds was handed over.
    is_whole: bool,
    state: State,
}

impl GzipFile {
    pub(super) fn new(handle: Handle, begin: Begin) -> Self {
        Self {
            handle,
            position: Position::new(0, Proof::default()),
            begin,
            announce: false,
            is_whole: false,
            state: State::New,
        }
    }

    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    pub(super) fn position_mut(&mut self) -> &mut Position {
        &mut self.position
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) fn handle_mut(&mut self) -> &mut Handle {
        &mut self.handle
    }

    /// Closes its descriptor while nothing is read from it.
    pub(super) fn park(&mut self) {
        // While it is read the decoder has the descriptor as well: to close this one frees nothing.
        if matches!(
            self.state,
            State::Rest(_) | State::Failed { .. } | State::Incomplete(_) | State::Copied(_)
        ) {
            self.handle.close();
        }
    }

    /// Bytes, compressed, that may be left to read.
    pub(super) fn backlog(&self, size: u64) -> u64 {
        match &self.state {
            // Of a copy too, so that its turn comes until its original was read.
            State::New | State::Locating(_) | State::Copied(_) => size,
            State::Reading(decoder) => size.saturating_sub(decoder.compressed_offset()),
            State::Rest(_) | State::Failed { .. } | State::Incomplete(_) => 0,
        }
    }

    /// Whether it is to see the checkpoints of all other files before its next turn.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.state, State::New | State::Copied(_))
    }

    /// Whether all that it holds was handed over, and it has not changed since.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole && matches!(self.state, State::Rest(_))
    }

    /// How large it was when all of it had been handed over.
    pub(super) fn whole_size(&self) -> Option<u64> {
        match self.state {
            State::Rest(stamp) if self.is_whole => Some(stamp.0),
            _ => None,
        }
    }

    /// The first bytes of what it holds.
    ///
    /// # Errors
    /// When it cannot be decompressed.
    pub(super) fn head(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        head(&self.handle.get(path)?)
    }

    /// Takes checkpoints of which one may be of its contents, and open files of which it may be a copy.
    ///
    /// # Errors
    /// When it cannot be decompressed.
    pub(super) fn locate(
        &mut self,
        path: &Path,
        candidates: Vec<Checkpoint>,
        originals: Vec<Original>,
    ) -> io::Result<()> {
        self.handle.get(path)?;
        if self.is_copy_still(&originals)? {
            return Ok(());
        }
        // A file that was read to its end before is not decompressed once more at each start.
        let own = candidates
            .iter()
            .find(|known| known.identity == self.handle.identity());
        if let Some(own) = own
            && self.is_read_to(own)?
        {
            // Whoever asks where it stands, to write that down, must not see its beginning.
            self.position = Position::at_rest(own);
            self.is_whole = true;
            self.state = State::Rest(self.stamp()?);
            return Ok(());
        }
        let located = Locating::new(self.file()?, candidates, originals);
        self.state = self.or_rest(located.map(State::Locating))?;
        Ok(())
    }

    /// Whether it is known as a copy, and the file that it is of still holds all of it. Once that was read
    /// so far, nothing of this one is left.
    fn is_copy_still(&mut self, originals: &[Original]) -> io::Result<bool> {
        let now = self.stamp()?;
        let State::Copied(copied) = &mut self.state else {
            return Ok(false);
        };
        let read = copied.read_in(originals).filter(|_| copied.stamp == now);
        // Not before: should the original be gone tomorrow, what is unread of it is read here.
        if read.is_some_and(|read| read >= copied.len) {
            self.position = Position::new(copied.len, std::mem::take(&mut copied.proof));
            self.is_whole = true;
            self.state = State::Rest(now);
        }
        Ok(read.is_some())
    }

    /// Decompresses and delivers the next bytes, at most a buffer full.
    ///
    /// # Errors
    /// When it cannot be decompressed; the same at each turn, until it changes.
    pub(super) fn read(
        &mut self,
        named: Named<'_>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Progress> {
        self.handle.get(named.place)?;
        match self.advance(named, buffer, deliver) {
            // Not reported yet: whoever compresses it is mostly still at work. The files after it do
            // not wait.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Progress::Read {
                bytes: 0,
                at_end: true,
            }),
            result => result,
        }
    }

    fn advance(
        &mut self,
        named: Named<'_>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Progress> {
        match &mut self.state {
            State::Rest(_) | State::Failed { .. } | State::Incomplete(_) => {
                return self.look_again();
            }
            // Files after it do not wait: its original may be one of them.
            State::Copied(_) => {
                let (bytes, at_end) = (0, true);
                return Ok(Progress::Read { bytes, at_end });
            }
            // Nobody had a checkpoint to show it.
            State::New => self.locate(named.place, Vec::new(), Vec::new())?,
            State::Locating(locating) => {
                let more = locating.step(buffer);
                if !self.or_rest(more)? {
                    self.begin_reading()?;
                }
            }
            State::Reading(_) if self.position.is_ahead() => self.start_again(named)?,
            State::Reading(_) => return self.read_on(named, buffer, deliver),
        }
        Ok(Progress::WentBack)
    }

    fn read_on(
        &mut self,
        named: Named<'_>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Progress> {
        let State::Reading(decoder) = &mut self.state else {
            return Ok(Progress::WentBack);
        };
        if self.announce && self.position.announce(named, deliver).is_break() {
            return Ok(Progress::Stopped);
        }
        self.announce = false;
        // A stream has to be gone through to get to an offset.
        let to_skip = self.position.next_offset() - decoder.offset;
        let len = usize::try_from(to_skip).unwrap_or(READ_BYTES);
        let len = if to_skip > 0 {
            len.min(buffer.len())
        } else {
            buffer.len()
        };
        let filled = decoder.fill(&mut buffer[..len]);
        let bytes = self.or_rest(filled)?;
        let chunk = &buffer[..bytes];
        let taken = if to_skip > 0 && bytes > 0 {
            return Ok(Progress::WentBack);
        } else if bytes == 0 {
            // No one will write the newline that is missing.
            self.position.deliver_last(named, deliver)
        } else {
            let mut after = self.position.proof().clone();
            after.extend(chunk);
            self.position.take(chunk, after, named, deliver)
        };
        if taken.is_break() {
            return Ok(Progress::Stopped);
        }
        if bytes == 0 {
            self.state = State::Rest(self.stamp_of_reading()?);
            self.is_whole = true;
        }
        let at_end = bytes == 0;
        Ok(Progress::Read { bytes, at_end })
    }

    /// Reads from the furthest checkpoint that fits.
    fn begin_reading(&mut self) -> io::Result<()> {
        let State::Locating(locating) = &mut self.state else {
            return Ok(());
        };
        let best = locating.best.take();
        if locating.is_copy {
            self.state = State::Copied(Copied {
                len: locating.decoder.offset,
                proof: std::mem::take(&mut locating.proof),
                stamp: locating.decoder.stamp,
            });
            return Ok(());
        }
        // What was complete before the start is not asked for.
        if best.is_none() && self.begin == Begin::End {
            self.state = State::Rest(self.stamp()?);
            return Ok(());
        }
        self.announce = best.is_some();
        self.is_whole = false;
        let (offset, proof) = best.unwrap_or_default();
        self.position = Position::new(offset, proof);
        // What it holds once it has changed came after the start.
        self.begin = Begin::Start;
        self.state = State::Reading(Decoder::new(self.file()?)?);
        Ok(())
    }

    /// A file at rest is read again once it has changed.
    fn look_again(&mut self) -> io::Result<Progress> {
        let now = self.stamp()?;
        let before = self.stamp_of_reading()?;
        match &self.state {
            _ if before != now => {
                // As if it were new: what it was made of may have been read, which its beginning alone
                // did not say.
                self.state = State::New;
                return Ok(Progress::WentBack);
            }
            // At each look, or it would count as read from the second one on.
            State::Failed { error, .. } => return Err(io::Error::other(error.clone())),
            State::Incomplete(_) => {
                return Err(io::Error::other("ends within its compressed data"));
            }
            _ => {}
        }
        let (bytes, at_end) = (0, true);
        Ok(Progress::Read { bytes, at_end })
    }

    /// Looks for its own checkpoint in what it holds now.
    fn start_again(&mut self, named: Named<'_>) -> io::Result<()> {
        let own = self.position.checkpoint(named);
        let located = Locating::new(self.file()?, vec![own], Vec::new());
        self.state = self.or_rest(located.map(State::Locating))?;
        Ok(())
    }

    /// Whether a checkpoint of this very file stands at its end: then nothing need be decompressed but its
    /// head. Its last bytes do not say that, as they know of one member alone, and others may be added.
    fn is_read_to(&self, own: &Checkpoint) -> io::Result<bool> {
        let size = self.file()?.metadata()?.len();
        // Short beginnings are alike too often to go by.
        if own.head.len < MIN_HEAD_OF_MOVED_BYTES || label::done_at(&own.path) != Some(size) {
            return Ok(false);
        }
        // What cannot be decompressed is reported when it is read.
        let head = head(self.file()?).unwrap_or_default();
        Ok(identity::has_head(&head, own.head))
    }

    /// Lets the file rest where it cannot be read on. One that ends early is not finished yet.
    fn or_rest<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            let stamp = self.stamp_of_reading()?;
            self.state = if error.kind() == io::ErrorKind::UnexpectedEof {
                // Of a file without a byte nothing is unread.
                if stamp.0 == 0 {
                    State::Rest(stamp)
                } else {
                    State::Incomplete(stamp)
                }
            } else {
                let error = error.to_string();
                State::Failed { stamp, error }
            };
        }
        result
    }

    fn file(&self) -> io::Result<&Arc<File>> {
        let closed = || io::Error::other("was closed");
        self.handle.opened().ok_or_else(closed)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        stamp_of(self.file()?)
    }

    /// How it was when that was begun which is done with it.
    fn stamp_of_reading(&self) -> io::Result<Stamp> {
        match &self.state {
            State::Locating(locating) => Ok(locating.decoder.stamp),
            State::Reading(decoder) => Ok(decoder.stamp),
            State::Copied(copied) => Ok(copied.stamp),
            State::Rest(stamp) | State::Incomplete(stamp) | State::Failed { stamp, .. } => {
                Ok(*stamp)
            }
            State::New => self.stamp(),
        }
    }
}
