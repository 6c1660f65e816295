//! A file that is read, plain or compressed.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use super::file::{OpenFile, Progress};
use super::gzip::GzipFile;
use super::position::{Deliver, Position};
use crate::model::{Checkpoint, FileIdentity};

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
        match self {
            Self::Plain(file) => file.identity(),
            Self::Gzip(file) => file.identity(),
        }
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

    pub(super) fn descriptor(&self) -> &File {
        match self {
            Self::Plain(file) => file.descriptor(),
            Self::Gzip(file) => file.descriptor(),
        }
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.descriptor().metadata()
    }

    /// Bytes that are left to read in a file of some size.
    pub(super) fn backlog(&self, size: u64) -> u64 {
        match self {
            Self::Plain(file) => size.saturating_sub(file.position().next_offset()),
            Self::Gzip(file) => file.backlog(size),
        }
    }

    /// Whether the file may be one of any checkpoint, and has to be told of all.
    pub(super) fn wants_checkpoints(&self) -> bool {
        matches!(self, Self::Gzip(file) if file.is_new())
    }

    /// Tells the file of checkpoints of which one may be of its contents.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn offer(&mut self, checkpoints: Vec<Checkpoint>) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(file) => file.locate(checkpoints),
        }
    }

    /// Reads and delivers the next bytes, at most a buffer full.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(
        &mut self,
        path: &Path,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Progress> {
        match self {
            Self::Plain(file) => file.read(path, buffer, deliver),
            Self::Gzip(file) => file.read(path, buffer, deliver),
        }
    }

    /// Looks whether its contents are still those that were read, without reading on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn check(&mut self, path: &Path) -> io::Result<Progress> {
        match self {
            Self::Plain(file) => file.check(path),
            Self::Gzip(_) => Ok(Progress::Read {
                bytes: 0,
                at_end: false,
            }),
        }
    }
}
