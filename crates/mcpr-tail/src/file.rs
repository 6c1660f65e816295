//! One open file: reads what was added, and notices when it is no longer what was read before.
//!
//! While the descriptor is held the inode cannot be given to another file, so an open file is known
//! by its device and inode alone. Its contents can still be replaced in place; that is checked
//! after each read, so that what was read before the check is known to be of the old contents.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::handle::Handle;
use super::identity::{self, Proof};
use super::lines::MAX_LINE_BYTES;
use super::position::{Deliver, Named, Position};
use mcpr_model::{Checkpoint, FileIdentity};

/// Bytes that one read asks for.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// What came of a read.
#[derive(Debug)]
pub(super) enum Progress {
    /// So many bytes were read and, as far as they make whole lines, delivered.
    Read {
        /// How many.
        bytes: usize,
        /// Nothing followed them.
        at_end: bool,
    },
    /// Bytes after the checkpoint are no longer what they were: they will be read again.
    WentBack,
    /// The contents that were read are gone; the file is read from its beginning.
    Truncated {
        /// Where reading stood in the contents that are gone.
        lost: Checkpoint,
        /// Bytes of an unfinished line that went with them.
        unfinished: u64,
    },
    /// Nobody takes more chunks; what was read does not count as read.
    Stopped,
}

/// Opens a regular file for reading and never waits, whatever has taken its place since `expected`
/// was looked at.
///
/// # Errors
/// When it cannot be opened or is no longer the regular file that was looked at.
pub(super) fn open(path: &Path, expected: FileIdentity) -> io::Result<File> {
    // Without NONBLOCK the opening of a pipe waits for its other end; without NOCTTY a terminal may
    // become ours.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    // Asked of what was opened: between the look at the path and here another file may have come
    // there.
    if !metadata.is_file() || identity::of(&metadata) != expected {
        let error = "was replaced while it was opened";
        return Err(io::Error::new(io::ErrorKind::NotFound, error));
    }
    Ok(file)
}

/// A file that is read on as it grows.
#[derive(Debug)]
pub(super) struct OpenFile {
    handle: Handle,
    position: Position,
}

impl OpenFile {
    /// A file read from its beginning.
    pub(super) fn from_start(handle: Handle) -> Self {
        let position = Position::new(0, Proof::default());
        Self { handle, position }
    }

    /// A file read from an offset where a line begins, with the proof of what stands before it.
    pub(super) fn from_offset(handle: Handle, offset: u64, proof: Proof) -> Self {
        let position = Position::new(offset, proof);
        Self { handle, position }
    }

    /// A file read from the beginning of its last line: what is whole already is not read.
    pub(super) fn from_end(mut handle: Handle, path: &Path) -> io::Result<Self> {
        let file = handle.get(path)?;
        let offset = last_line_begin(&file)?;
        Ok(match Proof::read(&file, offset)? {
            Some(proof) => Self::from_offset(handle, offset, proof),
            None => Self::from_start(handle), // it shrinks meanwhile: it begins anew
        })
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

    /// Reads and delivers the next bytes, at most a buffer full.
    ///
    /// # Errors
    /// When the file cannot be read; nothing is lost, a later call goes on.
    pub(super) fn read(
        &mut self,
        named: Named<'_>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Progress> {
        let file = self.handle.get(named.place)?;
        // Its last chunk was not taken, so that its lines are read once more from the checkpoint.
        if self.position.is_ahead()
            && let truncated @ Progress::Truncated { .. } = self.go_back(&file, named)?
        {
            return Ok(truncated);
        }
        let offset = self.position.next_offset();
        let bytes = read_some(&file, buffer, offset)?;
        let chunk = &buffer[..bytes];
        // After the read, see above: a check before it would say nothing of what came in between.
        let before = self.position.proof();
        if !before.holds(&file, offset)? {
            return self.go_back(&file, named);
        }
        if bytes == 0 {
            let at_end = true;
            return Ok(Progress::Read { bytes, at_end });
        }
        // The bytes just read as well: the file may have been written anew while they were read.
        let mut after = before.clone();
        after.extend(chunk);
        if !after.holds(&file, offset + bytes as u64)? {
            return self.go_back(&file, named);
        }
        // A file gives less than was asked for only at its end.
        let at_end = bytes < buffer.len();
        Ok(match self.position.take(chunk, after, named, deliver) {
            ControlFlow::Continue(()) => Progress::Read { bytes, at_end },
            ControlFlow::Break(()) => Progress::Stopped,
        })
    }

    /// Looks whether the contents that were read are still there, without reading on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn check(&mut self, named: Named<'_>) -> io::Result<Progress> {
        let file = self.handle.get(named.place)?;
        let offset = self.position.next_offset();
        if self.position.proof().holds(&file, offset)? {
            let (bytes, at_end) = (0, false);
            return Ok(Progress::Read { bytes, at_end });
        }
        self.go_back(&file, named)
    }

    /// Goes back to the checkpoint, or to the beginning where the checkpoint no longer fits.
    fn go_back(&mut self, file: &File, named: Named<'_>) -> io::Result<Progress> {
        let checkpoint = self.position.checkpoint(named);
        // Up to the last whole line it may still be what it was: only the unfinished one was
        // written anew.
        if let Some(proof) = identity::proof_of(file, &checkpoint)? {
            self.position = Position::new(checkpoint.offset, proof);
            return Ok(Progress::WentBack);
        }
        let unfinished = self.position.unfinished_len();
        self.position = Position::new(0, Proof::default());
        Ok(Progress::Truncated {
            lost: checkpoint,
            unfinished,
        })
    }
}

/// Reads once, at most a buffer full; 0 at the end of the file.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Where the last line of a file begins: after its last newline. A file without one within reach
/// of the longest line is taken to end with a line that is too long.
fn last_line_begin(file: &File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut end = size;
    let mut buffer = vec![0; READ_BYTES];
    // No further back than a line can be long, so that a huge file without newlines does not hold
    // up the start.
    while end > 0 && size - end <= MAX_LINE_BYTES as u64 {
        let begin = end.saturating_sub(READ_BYTES as u64);
        let len = usize::try_from(end - begin).expect("at most a buffer full");
        file.read_exact_at(&mut buffer[..len], begin)?;
        if let Some(newline) = memchr::memrchr(b'\n', &buffer[..len]) {
            return Ok(begin + newline as u64 + 1);
        }
        end = begin;
    }
    Ok(end)
}
