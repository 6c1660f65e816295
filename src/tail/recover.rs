//! Looks for files that left the reach of their source while nobody held them: rotated to another
//! name while no tailer ran, or copied away just before they were truncated.
//!
//! They can only be beside the path where they were: another entry of the same directory, which
//! has their inode, or begins with their name and has their bytes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::file;
use super::identity::{self, MIN_HEAD_OF_MOVED_BYTES, Proof};
use super::resolve::parent;
use crate::model::{Checkpoint, FileIdentity};

/// Most entries of a directory that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// Whether a file may be opened, by its identity.
type MayOpen<'a> = &'a dyn Fn(FileIdentity) -> bool;

/// A way of looking among siblings.
pub(super) type Find = fn(&Siblings, &Checkpoint, MayOpen<'_>) -> Option<Recovered>;

/// A file that was found again.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) path: PathBuf,
    pub(super) file: fs::File,
    pub(super) identity: FileIdentity,
    pub(super) size: u64,
    /// Proves what stands before the offset of its checkpoint.
    pub(super) proof: Proof,
}

/// The entries of one directory.
#[derive(Debug)]
pub(super) struct Siblings {
    directory: PathBuf,
    entries: Vec<(PathBuf, u64)>,
}

impl Siblings {
    /// Lists the directory of a path; one that cannot be read has no entries.
    pub(super) fn of(path: &Path) -> Self {
        let directory = parent(path);
        let entries = fs::read_dir(&directory).into_iter().flatten();
        let entries = entries
            .take(MAX_ENTRIES)
            .filter_map(Result::ok)
            .map(|entry| (entry.path(), entry.ino()))
            .collect();
        Self { directory, entries }
    }

    /// Whether these are the entries that stand beside a path.
    pub(super) fn are_beside(&self, path: &Path) -> bool {
        self.directory == parent(path)
    }

    /// The file of a checkpoint under another name, if it may be opened.
    pub(super) fn find_renamed(
        &self,
        checkpoint: &Checkpoint,
        may_open: MayOpen<'_>,
    ) -> Option<Recovered> {
        let inode = checkpoint.identity.inode;
        let mut entries = self.entries.iter().filter(|entry| entry.1 == inode);
        entries.find_map(|(path, _)| {
            look_at(path, checkpoint, &|identity| {
                identity == checkpoint.identity && may_open(identity)
            })
        })
    }

    /// A copy of the file of a checkpoint, named after it, if it may be opened.
    pub(super) fn find_copy(
        &self,
        checkpoint: &Checkpoint,
        may_open: MayOpen<'_>,
    ) -> Option<Recovered> {
        if checkpoint.head.len < MIN_HEAD_OF_MOVED_BYTES {
            return None;
        }
        let name = Path::new(checkpoint.path.as_str()).file_name()?;
        let mut entries = self.entries.iter().filter(|entry| {
            let own = entry.0.file_name();
            own.is_some_and(|own| begins(own, name))
        });
        entries.find_map(|(path, _)| look_at(path, checkpoint, may_open))
    }
}

fn begins(name: &OsStr, with: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(with.as_encoded_bytes())
}

/// Opens a candidate and keeps it where it has the bytes of the checkpoint.
fn look_at(path: &Path, checkpoint: &Checkpoint, may_open: MayOpen<'_>) -> Option<Recovered> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let identity = identity::of(&metadata);
    let reaches = metadata.len() >= checkpoint.offset;
    if !metadata.is_file() || !reaches || !may_open(identity) {
        return None;
    }
    let file = file::open(path, identity).ok()?;
    let proof = identity::proof_of(&file, checkpoint).ok()??;
    Some(Recovered {
        path: path.to_owned(),
        file,
        identity,
        size: metadata.len(),
        proof,
    })
}
