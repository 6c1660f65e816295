//! What the stores share that are files on this machine: where such a store may lie, who may be trusted with it, the
//! lock of its one recorder, and how it is known that a writer is still there.

pub mod lease;
pub mod lock;
pub mod place;

use std::path::{Path, PathBuf};

/// A file that is kept beside a store.
#[must_use]
pub fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
