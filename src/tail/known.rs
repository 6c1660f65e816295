//! The checkpoints whose files are not open: from the store, or of files that have gone since.
//!
//! Decides where a file begins that was not open before.

use std::fs::File;
use std::io;
use std::path::Path;

use super::identity::{self, MIN_HEAD_OF_MOVED_BYTES, Proof};
use crate::model::{Checkpoint, FileIdentity};
use rustc_hash::FxHashSet;

/// Most checkpoints of files that have gone that are kept beside those of the store.
const MAX_GONE: usize = 4096;

/// Where a known file goes on: the offset of its checkpoint and the proof of what is before it.
pub(super) type Place = (u64, Proof);

/// Checkpoints that are waiting for their file.
#[derive(Debug)]
pub(super) struct Known {
    checkpoints: Vec<Checkpoint>,
    /// Files of other sources than today's, in their places.
    elsewhere: FxHashSet<FileIdentity>,
    max: usize,
}

impl Known {
    /// `is_ours` says which paths the sources of today cover. A file of other sources that is still
    /// in its place was not moved here: what has its bytes is a copy, and is read like any file.
    pub(super) fn new(checkpoints: Vec<Checkpoint>, is_ours: impl Fn(&Path) -> bool) -> Self {
        let max = checkpoints.len() + MAX_GONE;
        let elsewhere = checkpoints
            .iter()
            .filter(|known| !is_ours(Path::new(known.path.as_str())) && is_in_place(known))
            .map(|known| known.identity)
            .collect();
        Self {
            checkpoints,
            elsewhere,
            max,
        }
    }

    pub(super) fn all(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// Keeps the checkpoint of a file that is no longer open under its identity.
    pub(super) fn add(&mut self, checkpoint: Checkpoint) {
        if checkpoint.offset == 0 {
            return; // it says nothing
        }
        if self.checkpoints.len() >= self.max {
            self.checkpoints.remove(0);
        }
        self.checkpoints.push(checkpoint);
    }

    /// Takes out the checkpoints that a rule is about.
    pub(super) fn take_where(&mut self, is_meant: impl Fn(&Checkpoint) -> bool) -> Vec<Checkpoint> {
        self.checkpoints
            .extract_if(.., |known| is_meant(known))
            .collect()
    }

    /// Whether a file was known under this identity or at this path.
    pub(super) fn mentions(&self, identity: FileIdentity, path: &Path) -> bool {
        let path = path.to_string_lossy();
        self.checkpoints
            .iter()
            .any(|known| known.identity == identity || known.path == path)
    }

    /// The place in a file that has the device and inode of a checkpoint, and its bytes.
    pub(super) fn take_same(
        &mut self,
        file: &File,
        identity: FileIdentity,
    ) -> io::Result<Option<Place>> {
        self.take(file, |known| known.identity == identity)
    }

    /// The place in a file that has the bytes of a checkpoint, whatever its inode: it was moved
    /// from another file system, restored, or copied before the original was truncated.
    pub(super) fn take_moved(&mut self, file: &File, size: u64) -> io::Result<Option<Place>> {
        let long_enough = |known: &Checkpoint| known.head.len >= MIN_HEAD_OF_MOVED_BYTES;
        if !self.checkpoints.iter().any(long_enough) {
            return Ok(None);
        }
        let head = identity::head(file)?;
        let elsewhere = std::mem::take(&mut self.elsewhere);
        let place = self.take(file, |known| {
            long_enough(known)
                && known.offset <= size
                && identity::has_head(&head, known.head)
                && !elsewhere.contains(&known.identity)
        });
        self.elsewhere = elsewhere;
        place
    }

    /// Takes the furthest checkpoint that a rule allows and that the file's bytes prove.
    fn take(
        &mut self,
        file: &File,
        is_meant: impl Fn(&Checkpoint) -> bool,
    ) -> io::Result<Option<Place>> {
        let mut best: Option<(usize, Place)> = None;
        for (index, known) in self.checkpoints.iter().enumerate() {
            let is_further = best
                .as_ref()
                .is_none_or(|(_, place)| place.0 < known.offset);
            if is_further
                && is_meant(known)
                && let Some(proof) = identity::proof_of(file, known)?
            {
                best = Some((index, (known.offset, proof)));
            }
        }
        Ok(best.map(|(index, place)| {
            self.checkpoints.remove(index);
            place
        }))
    }
}

/// Whether a checkpoint's file is still where it was.
fn is_in_place(known: &Checkpoint) -> bool {
    std::fs::metadata(known.path.as_str()).is_ok_and(|metadata| {
        identity::of(&metadata) == known.identity && metadata.len() >= known.offset
    })
}
