//! Whether a file that was read once is still there, under its own name or another of its directory.

use mcpr_model::{Checkpoint, FileIdentity};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most directories whose files are remembered while the others are looked at.
const MAX_DIRECTORIES: usize = 1000;

/// What was found in the directories that were looked into.
#[derive(Debug, Default)]
pub struct GoneFiles {
    directories: HashMap<PathBuf, Option<HashSet<FileIdentity>>>,
}

impl GoneFiles {
    /// Whether the file of a checkpoint is gone. Where that cannot be determined, it is not: a file that is
    /// forgotten too early is read twice.
    #[must_use]
    pub fn has_gone(&mut self, checkpoint: &Checkpoint) -> bool {
        // A place in a sequence is moved on, or written again, by whoever still uses it.
        if !checkpoint.is_of_file() {
            return true;
        }
        let path = Path::new(checkpoint.path.as_str());
        let Some(directory) = path.parent() else {
            return false;
        };
        if self.directories.len() > MAX_DIRECTORIES {
            self.directories.clear();
        }
        let there = self
            .directories
            .entry(directory.to_owned())
            .or_insert_with(|| files_in(directory));
        there
            .as_ref()
            .is_some_and(|there| !there.contains(&checkpoint.identity))
    }
}

/// The files in a directory, by identity: none where it is gone, `None` where it cannot be read.
fn files_in(directory: &Path) -> Option<HashSet<FileIdentity>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(HashSet::new()),
        Err(_) => return None,
    };
    let mut there = HashSet::new();
    for entry in entries {
        let entry = entry.ok()?;
        // A link stands for the file behind it.
        if let Ok(metadata) = fs::metadata(entry.path()) {
            there.insert(FileIdentity {
                device: metadata.dev(),
                inode: metadata.ino(),
            });
        }
    }
    Some(there)
}
