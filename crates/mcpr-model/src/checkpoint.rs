//! Where a file source stands, and how its file is known again.

use super::{Text, steps};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// Device and inode of a file: a first guess at its identity, never proof.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// A hash over a known run of a file's bytes.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How many bytes were hashed.
    pub len: u64,
    /// XXH3 (64 bits) of them.
    pub hash: u64,
}

impl FileIdentity {
    /// What is compared and hashed, as a step that tests count.
    fn key(&self) -> steps::Counted<(u64, u64)> {
        steps::Counted((self.device, self.inode))
    }
}

impl PartialEq for FileIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for FileIdentity {}

impl PartialOrd for FileIdentity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FileIdentity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for FileIdentity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Fingerprint {
    /// What is compared and hashed, as a step that tests count.
    fn key(&self) -> steps::Counted<(u64, u64)> {
        steps::Counted((self.len, self.hash))
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The end of the last whole line that was committed, with what proves that it is still the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The path under which the file was last seen.
    pub path: Text,
    /// Its device and inode then.
    pub identity: FileIdentity,
    /// Hash of the file's first bytes: as many as were read or, before that, seen, up to [`Checkpoint::HEAD_BYTES`].
    pub head: Fingerprint,
    /// Hash of the bytes just before `offset`, at most [`Checkpoint::MARKER_BYTES`].
    pub marker: Fingerprint,
    /// Byte offset after the last whole line that was committed.
    pub offset: u64,
}

impl Checkpoint {
    /// Most bytes of a file's head that are hashed.
    pub const HEAD_BYTES: u64 = 1024;
    /// Most bytes before the offset that are hashed.
    pub const MARKER_BYTES: u64 = 256;

    // No file is on a device with either number: they are those of no hardware.
    const STORE_DEVICE: u64 = u64::MAX;
    const TARGET_DEVICE: u64 = u64::MAX - 1;

    /// How far another store was carried over into the one that keeps this: up to a number in its sequence.
    #[must_use]
    pub fn of_store(name: Text, store_id: i64, seq: i64) -> Self {
        Self::of_sequence(name, Self::STORE_DEVICE, store_id.cast_unsigned(), seq)
    }

    /// How far the store that keeps this was sent to a target, which is known by a number.
    #[must_use]
    pub fn of_target(name: Text, target_id: u64, seq: i64) -> Self {
        Self::of_sequence(name, Self::TARGET_DEVICE, target_id, seq)
    }

    fn of_sequence(path: Text, device: u64, inode: u64, seq: i64) -> Self {
        Self {
            path,
            identity: FileIdentity { device, inode },
            head: Fingerprint::default(),
            marker: Fingerprint::default(),
            offset: seq.cast_unsigned(),
        }
    }

    /// Whether it stands for a file, and not for a place in a sequence.
    #[must_use]
    pub fn is_of_file(&self) -> bool {
        !self.is_of_store() && !self.is_of_target()
    }

    /// Whether it is what [`Checkpoint::of_store`] makes.
    #[must_use]
    pub fn is_of_store(&self) -> bool {
        self.identity.device == Self::STORE_DEVICE
    }

    /// Whether it is what [`Checkpoint::of_target`] makes.
    #[must_use]
    pub fn is_of_target(&self) -> bool {
        self.identity.device == Self::TARGET_DEVICE
    }
}
