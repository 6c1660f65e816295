//! A file that is read, plain or compressed.

use std::io;
use std::path::Path;

use super::file::{OpenFile, Progress};
use super::gzip::{GzipFile, Original};
use super::handle::Handle;
use super::identity;
use super::position::{Deliver, Named, Position};
use mcpr_model::{Checkpoint, FileIdentity, Fingerprint};

/// An open file of either kind.
#[derive(Debug)]
pub(super) enum Body {
    /// It grows.
    Plain(OpenFile),
    /// It is finished.
    Gzip(Box<GzipFile>),
}

impl Body {
    pub(super) fn identity(&self) -> FileIdentity {
        self.handle().identity()
    }

    pub(super) fn position(&self) -> &Position {
        match self {
            Self::Plain(file) => file.position(),
            Self::Gzip(file) => file.position(),
        }
    }

    pub(super) fn position_mut(&mut self) -> &mut Position {
        match self {
            Self::Plain(file) => file.position_mut(),
            Self::Gzip(file) => file.position_mut(),
        }
    }

    pub(super) fn handle(&self) -> &Handle {
        match self {
            Self::Plain(file) => file.handle(),
            Self::Gzip(file) => file.handle(),
        }
    }

    pub(super) fn handle_mut(&mut self) -> &mut Handle {
        match self {
            Self::Plain(file) => file.handle_mut(),
            Self::Gzip(file) => file.handle_mut(),
        }
    }

    /// Closes its descriptor until its turn comes again, where it can be opened by its path.
    pub(super) fn park(&mut self) {
        match self {
            Self::Plain(file) => file.handle_mut().close(),
            Self::Gzip(file) => file.park(),
        }
    }

    /// The hash of the first bytes that stand in it now, by which it is known before a line of it was
    /// delivered; of none where they cannot be read.
    pub(super) fn head_now(&mut self, path: &Path) -> Fingerprint {
        let was_open = self.handle().opened().is_some();
        let head = match self {
            Self::Plain(file) => {
                let file = file.handle_mut().get(path);
                // One that cannot be read has an empty head, by which nothing is found.
                file.and_then(|file| identity::head(&file))
                    .unwrap_or_default()
            }
            Self::Gzip(_) => self.compressed_head(path),
        };
        // It was opened for this alone: the limit on descriptors counts those that stay.
        if !was_open {
            self.park();
        }
        identity::fingerprint(&head)
    }

    /// Bytes that are left to read in a file of some size.
    pub(super) fn backlog(&self, size: u64) -> u64 {
        match self {
            Self::Plain(file) => size.saturating_sub(file.position().next_offset()),
            Self::Gzip(file) => file.backlog(size),
        }
    }

    /// Whether it is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// Whether it is finished and was read to its end.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Gzip(file) if file.is_whole())
    }

    /// How large a compressed file is that was read to its end.
    pub(super) fn whole_size(&self) -> Option<u64> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(file) => file.whole_size(),
        }
    }

    /// Whether the file may be one of any checkpoint, and has to see all of them.
    pub(super) fn wants_checkpoints(&self) -> bool {
        matches!(self, Self::Gzip(file) if file.is_new())
    }

    /// The first bytes of what it holds, where they are compressed; none where they cannot be read.
    pub(super) fn compressed_head(&mut self, path: &Path) -> Vec<u8> {
        match self {
            Self::Plain(_) => Vec::new(),
            // What is wrong with it is reported when it is read.
            Self::Gzip(file) => file.head(path).unwrap_or_default(),
        }
    }

    /// Shows the file the checkpoints of which one may be of its contents, and the open files of which it may
    /// be a copy.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn offer(
        &mut self,
        path: &Path,
        known: Vec<Checkpoint>,
        originals: Vec<Original>,
    ) -> io::Result<()> {
        match self {
            // A plain file was given its place when it was opened.
            Self::Plain(_) => Ok(()),
            Self::Gzip(file) => file.locate(path, known, originals),
        }
    }

    /// Reads and delivers the next bytes, at most a buffer full.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(
        &mut self,
        named: Named<'_>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Progress> {
        match self {
            Self::Plain(file) => file.read(named, buffer, deliver),
            Self::Gzip(file) => file.read(named, buffer, deliver),
        }
    }

    /// Looks whether its contents are still those that were read, without reading on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn check(&mut self, named: Named<'_>) -> io::Result<Progress> {
        match self {
            Self::Plain(file) => file.check(named),
            // Nothing is written to it once it is whole; that it was replaced is seen by its stamp
            // in its turn.
            Self::Gzip(_) => Ok(Progress::Read {
                bytes: 0,
                at_end: false,
            }),
        }
    }
}
