//! The descriptor of a file that is read: closed where there are too many, and opened again by its
//! path when its turn comes.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::file;
use mcpr_model::FileIdentity;

/// A file by its identity, with its descriptor while that is open.
#[derive(Debug)]
pub(super) struct Handle {
    file: Option<Arc<File>>,
    identity: FileIdentity,
}

impl Handle {
    pub(super) fn new(file: File, identity: FileIdentity) -> Self {
        Self {
            file: Some(Arc::new(file)),
            identity,
        }
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// The descriptor; opened where it was closed.
    ///
    /// # Errors
    /// When the path leads to this file no more, or it cannot be opened.
    pub(super) fn get(&mut self, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        // The path may lead to another file by now, which is refused: its bytes would be taken for
        // those of this one.
        let file = Arc::new(file::open(path, self.identity)?);
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// The descriptor, if it is open.
    pub(super) fn opened(&self) -> Option<&Arc<File>> {
        self.file.as_ref()
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }
}
