//! One recorder a store: an advisory lock on a file beside it, which holds the owner's pid.

use super::place::open_beside;
use crate::{StoreError, StoreErrorKind};
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Held by the one recorder of a store; the system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct RecorderLock {
    // Never removed from the disk: whoever has just opened it could lock a file that has no name
    // any more, while a third one makes and locks a new one.
    _file: File,
}

impl RecorderLock {
    /// The lock file of a store.
    #[must_use]
    pub fn path_for(store: &Path) -> PathBuf {
        let mut name = OsString::from(store);
        name.push(".lock");
        PathBuf::from(name)
    }

    /// Takes the lock, or names the process that holds it.
    ///
    /// # Errors
    /// [`StoreErrorKind::InUse`] when another recorder has it; else what kept the file from opening.
    pub fn acquire(store: &Path) -> Result<Self, StoreError> {
        let path = Self::path_for(store);
        let mut file = open_beside(&path).map_err(|error| cannot_lock(&path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(store, &mut file)),
            Err(TryLockError::Error(error)) => return Err(cannot_lock(&path, error)),
        }
        // Only with the lock: until then the number in it is that of the recorder that holds it.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| cannot_lock(&path, error))?;
        Ok(Self { _file: file })
    }
}

fn in_use(store: &Path, file: &mut File) -> StoreError {
    let mut text = String::new();
    // It may be empty: its holder writes the number just after it got the lock.
    let owner = match file
        .read_to_string(&mut text)
        .ok()
        .and_then(|_| text.trim().parse::<u32>().ok())
    {
        Some(pid) => format!("another recorder (pid {pid}) writes this store"),
        None => "another recorder writes this store".to_owned(),
    };
    StoreError::new(StoreErrorKind::InUse, owner)
        .at(store)
        .hint("stop it first, or record into another file with --db")
}

fn cannot_lock(path: &Path, error: std::io::Error) -> StoreError {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreErrorKind::Permission
        }
        _ => StoreErrorKind::Other,
    };
    StoreError::new(kind, "cannot lock the store")
        .caused_by(error)
        .at(path)
        .hint("the recorder writes into the store's directory: check its permissions")
}
