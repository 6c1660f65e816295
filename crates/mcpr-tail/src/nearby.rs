//! Directories as they are listed once, for all the files that are looked for in them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{identity, rotated};

/// Most entries of a directory that are looked at.
const MAX_ENTRIES: usize = 100_000;
/// Most names that differ in a number alone and may be files of one log; of more, each is a log of its
/// own: rotation keeps fewer.
const MAX_COUNTED: usize = 100;
/// Most directories that are looked through for one file.
const MAX_DIRECTORIES: usize = 64;

/// The entries of a directory: found by the beginning of their names and by inode.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    /// By name.
    entries: Vec<(OsString, u64)>,
    by_inode: FxHashMap<u64, Vec<usize>>,
    /// Those that begin with a date, by what follows it.
    dated: FxHashMap<OsString, Vec<usize>>,
    /// Those that may be counted, by what they have in common.
    counted: FxHashMap<OsString, Vec<usize>>,
    /// Directories in it.
    below: Vec<PathBuf>,
}

impl Directory {
    fn read(path: &Path) -> Self {
        let mut directory = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        // A directory that may not be read is as if it were empty: the search goes on elsewhere.
        let entries = fs::read_dir(path).into_iter().flatten();
        for entry in entries.take(MAX_ENTRIES).filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directory.below.push(directory.path.join(entry.file_name()));
            } else {
                directory.entries.push((entry.file_name(), entry.ino()));
            }
        }
        // In one order on every machine, for only so many are looked through.
        directory.below.sort();
        directory.entries.sort();
        for (at, (name, inode)) in directory.entries.iter().enumerate() {
            // Several names may be of one file.
            directory.by_inode.entry(*inode).or_default().push(at);
            if let Some(base) = rotated::base_after_date(name) {
                directory.dated.entry(base.to_owned()).or_default().push(at);
            }
            if let Some((shape, _)) = rotated::counted(name) {
                directory.counted.entry(shape).or_default().push(at);
            }
        }
        directory
    }

    /// The entries whose names begin so.
    pub(super) fn beginning_with<'a>(&'a self, begin: &'a [u8]) -> impl Iterator<Item = &'a OsStr> {
        let from = self
            .entries
            .partition_point(|(name, _)| name.as_bytes() < begin);
        let entries = self.entries[from..].iter();
        let names = entries.map(|(name, _)| name.as_os_str());
        names.take_while(move |name| name.as_bytes().starts_with(begin))
    }

    /// The entries whose names are that of a log, with a date before it.
    pub(super) fn dated(&self, base: &OsStr) -> impl Iterator<Item = &OsStr> {
        let found = self.dated.get(base).into_iter().flatten();
        found.map(|&at| self.entries[at].0.as_os_str())
    }

    /// The entries whose names differ from that of a log in a number alone.
    pub(super) fn counted(&self, base: &OsStr) -> impl Iterator<Item = &OsStr> {
        let shape = rotated::counted(base).map(|(shape, _)| shape);
        let found = shape.and_then(|shape| self.counted.get(&shape));
        let found = found.filter(|found| found.len() <= MAX_COUNTED);
        let found = found.into_iter().flatten();
        found.map(|&at| self.entries[at].0.as_os_str())
    }

    /// The entries that have this inode, as far as the directory says.
    pub(super) fn with_inode(&self, inode: u64) -> impl Iterator<Item = &OsStr> {
        let found = self.by_inode.get(&inode).into_iter().flatten();
        found.map(|&at| self.entries[at].0.as_os_str())
    }
}

/// Directories that were listed.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    listed: FxHashMap<PathBuf, Arc<Directory>>,
}

impl Nearby {
    /// A directory; one that cannot be read has no entries.
    pub(super) fn directory(&mut self, path: &Path) -> Arc<Directory> {
        if let Some(listed) = self.listed.get(path) {
            return Arc::clone(listed);
        }
        let directory = Arc::new(Directory::read(path));
        self.listed.insert(path.to_owned(), Arc::clone(&directory));
        directory
    }

    /// The directories below a directory and beside it, without itself.
    pub(super) fn around(&mut self, path: &Path) -> Vec<Arc<Directory>> {
        let above = match (path.parent(), path.file_name()) {
            (Some(above), Some(_)) if !above.as_os_str().is_empty() => above.to_owned(),
            // A relative path of one name says nothing of what is above it.
            _ => path.join(".."),
        };
        let above = self.directory(&above);
        let below = self.directory(path);
        // Not by name: it stands among those beside it, perhaps under another one.
        let identity = |path: &Path| fs::metadata(path).ok().map(|it| identity::of(&it));
        let own = identity(path);
        let around = below.below.iter().chain(&above.below);
        let around = around
            .filter(|path| identity(path) != own)
            .take(MAX_DIRECTORIES);
        let around = around.cloned().collect::<Vec<_>>();
        around.iter().map(|path| self.directory(path)).collect()
    }
}
