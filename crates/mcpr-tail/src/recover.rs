//! Looks for files that left the reach of their source: rotated to another name, compressed, moved
//! to another directory, or copied away before they were truncated.
//!
//! They are looked for beside the path where they were, then in the directories beside and below.
//! What is found there says what else was rotated since: that was never seen, and is read as well.

mod counted;
mod dated;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::decoder;
use super::file;
use super::identity::{self, MIN_HEAD_OF_MOVED_BYTES, Proof};
use super::nearby::{Directory, Nearby};
use super::resolve::{ChangedAt, Stamp, parent};
use super::rotated::{self, Compression, Rotation, rotation_of};
use super::sibling::{Sibling, leave_compressed_copies, sort_oldest_first};
use mcpr_model::{Checkpoint, FileIdentity};

use counted::{is_counted_to, may_be, says_enough};
use dated::DatedShape;

/// A file that has the contents of a checkpoint.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) sibling: Sibling,
    pub(super) content: Content,
    /// Other files of the log prove the checkpoint as well: it may have been of one that is gone.
    pub(super) has_rivals: bool,
}

impl Recovered {
    fn new(sibling: Sibling, content: Content) -> Self {
        Self {
            sibling,
            content,
            has_rivals: false,
        }
    }
}

/// What is known of it.
#[derive(Debug)]
pub(super) enum Content {
    /// It is open already, or reached by a source.
    Reached,
    /// As it was, and this proves what stands before the offset of the checkpoint.
    Plain(fs::File, Proof),
    /// Compressed.
    Gzip(fs::File),
}

/// Files that are not to be opened again.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    /// Open already, or reached by a source.
    pub(super) reached: &'a FxHashSet<FileIdentity>,
    /// Reached by a source: logs of their own, perhaps.
    pub(super) watched: &'a FxHashSet<FileIdentity>,
    /// Files with names that rotation may have made, which were there before it did.
    pub(super) had: Option<&'a FxHashSet<FileIdentity>>,
    /// When what is looked for was changed last, where it was open until now.
    pub(super) modified: Option<ChangedAt>,
    /// Never to be opened.
    pub(super) excluded: &'a FxHashSet<FileIdentity>,
}

/// An entry of a directory whose name begins as that of the path.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    rotation: Option<Rotation>,
    /// Its name begins with the whole of it.
    is_named_after: bool,
    /// It may be of the log by the number in its name, which only contents show.
    counted: Option<Rotation>,
}

/// What stands near a path.
#[derive(Debug)]
pub(super) struct Siblings<'n> {
    nearby: &'n mut Nearby,
    base: PathBuf,
    directories: Vec<Arc<Directory>>,
    entries: Vec<Entry>,
    /// Directories in which something of the path was found, the path's own first.
    of_path: Vec<PathBuf>,
    /// Directories whose entries are among them.
    listed: FxHashSet<PathBuf>,
    is_wide: bool,
    /// The highest number within a name under which a file of the log was found; of any, where the log
    /// has none itself.
    counted_to: Option<u64>,
    /// What names have in common under which files of the log were found that say nothing of it.
    dated_as: Option<DatedShape>,
    /// The first bytes of what compressed files hold.
    heads: FxHashMap<PathBuf, Vec<u8>>,
    /// What was looked for last may have a copy that nobody reads.
    has_doubtful_copy: bool,
    /// Where a file of the log was found last.
    learned_at: Option<PathBuf>,
}

impl<'n> Siblings<'n> {
    /// What stands in the directory of a path.
    pub(super) fn of(base: &Path, nearby: &'n mut Nearby) -> Self {
        let own = parent(base);
        let directory = nearby.directory(&own);
        let mut siblings = Self {
            nearby,
            base: base.to_owned(),
            directories: Vec::new(),
            entries: Vec::new(),
            of_path: vec![own],
            listed: FxHashSet::default(),
            is_wide: false,
            counted_to: None,
            dated_as: None,
            heads: FxHashMap::default(),
            has_doubtful_copy: false,
            learned_at: None,
        };
        siblings.list(&directory);
        siblings.directories.push(directory);
        siblings
    }

    /// Takes in what is named after the path.
    fn list(&mut self, directory: &Directory) {
        if !self.listed.insert(directory.path.clone()) {
            return;
        }
        let base = self.base.file_name().unwrap_or_default();
        // Rotation keeps the beginning of a name or puts a date before it, so that the rest of a large
        // directory is not looked at.
        let beginning = directory.beginning_with(rotated::stem(base));
        let names = beginning
            .chain(directory.dated(base))
            .chain(directory.counted(base));
        let mut seen = FxHashSet::default();
        for name in names.filter(|&name| seen.insert(name)) {
            let path = self.path(directory, name);
            if path != self.base {
                let rotation = rotation_of(name, base);
                self.entries.push(Entry {
                    path,
                    counted: rotated::counted_beside(name, base).filter(|_| rotation.is_none()),
                    rotation,
                    is_named_after: name.as_bytes().starts_with(base.as_bytes()),
                });
            }
        }
        self.count();
    }

    /// As the path itself is named, so that one of the same directory is known as it.
    fn path(&self, directory: &Directory, name: &OsStr) -> PathBuf {
        if self.of_path[0] == directory.path {
            self.base.with_file_name(name)
        } else {
            directory.path.join(name)
        }
    }

    /// Takes in the directories below and beside, too.
    pub(super) fn widen(&mut self) {
        if !std::mem::replace(&mut self.is_wide, true) {
            for directory in self.nearby.around(&self.of_path[0].clone()) {
                // A file with the same beginning somewhere else may well be another one.
                if keeps_rotated(&self.of_path[0], &directory.path) {
                    self.list(&directory);
                }
                self.directories.push(directory);
            }
        }
    }

    /// Finds the file of a checkpoint itself, under another name.
    pub(super) fn find_renamed(
        &mut self,
        lost: &Checkpoint,
        reach: &Reach<'_>,
    ) -> Option<Recovered> {
        // By inode, which the listing already says: no file is opened for the names that are not
        // it.
        self.in_steps(lost, reach, |siblings, from, _| {
            siblings.renamed(from, lost, reach)
        })
    }

    /// The same, unless a file that nobody has read begins alike and the checkpoint is of no more than
    /// that: what was compressed gave its inode away, perhaps to this one.
    pub(super) fn find_renamed_for_certain(
        &mut self,
        lost: &Checkpoint,
        reach: &Reach<'_>,
    ) -> Option<Recovered> {
        let found = self.find_renamed(lost, reach)?;
        let own = found.sibling.identity;
        let is_own = |identity: FileIdentity| identity == own;
        (!self.has_rival(lost, reach, &is_own)).then_some(found)
    }

    /// Whether the checkpoint says so little that it may be of another rotated file as well, which nobody has
    /// open and of which nothing is known.
    pub(super) fn has_rival(
        &mut self,
        lost: &Checkpoint,
        reach: &Reach<'_>,
        is_known: &dyn Fn(FileIdentity) -> bool,
    ) -> bool {
        if !is_ambiguous(lost) || lost.head.len < MIN_HEAD_OF_MOVED_BYTES {
            return false;
        }
        self.widen();
        let mut rivals = self.copies(0, lost, reach);
        rivals.extend(self.compressed(0, lost, reach));
        leave_compressed_copies(&mut rivals);
        let identities = rivals.iter().map(|rival| rival.identity);
        let mut others = identities.filter(|identity| !reach.reached.contains(identity));
        others.any(|identity| !is_known(identity))
    }

    /// Finds a copy of the file of a checkpoint, plain or compressed.
    pub(super) fn find_copy(&mut self, lost: &Checkpoint, reach: &Reach<'_>) -> Option<Recovered> {
        self.has_doubtful_copy = false;
        if lost.head.len == 0 {
            return None;
        }
        self.in_steps(lost, reach, |siblings, _, from| {
            // Plain files first: to know a compressed one, its head has to be decompressed.
            let mut copies = siblings.copies(from, lost, reach);
            if copies.is_empty() || is_ambiguous(lost) {
                copies.extend(siblings.compressed(from, lost, reach));
            }
            // Files may begin alike. To begin with an older one than it was at most reads that beginning
            // twice; to begin with a younger one would pass over the files in between.
            sort_oldest_first(&mut copies, |copy| copy);
            leave_compressed_copies(&mut copies);
            let has_rivals = copies.len() > 1 || siblings.is_at_base(lost, reach);
            let mut copies = copies.into_iter();
            let found = copies.find_map(|copy| siblings.open_copy(copy, lost, reach))?;
            Some(Recovered {
                has_rivals,
                ..found
            })
        })
    }

    /// Looks in the path's own directory, then in those around it: among directories and entries from
    /// so many on.
    fn in_steps(
        &mut self,
        lost: &Checkpoint,
        reach: &Reach<'_>,
        mut find: impl FnMut(&mut Self, usize, usize) -> Option<Recovered>,
    ) -> Option<Recovered> {
        let mut found = find(self, 0, 0);
        if found.is_none() && !self.is_wide {
            // What was looked at in the first step is not looked at once more.
            let from = (self.directories.len(), self.entries.len());
            self.widen();
            found = find(self, from.0, from.1);
        }
        if let Some(found) = &mut found {
            self.include(&parent(&found.sibling.path));
            self.learn(found, lost, reach);
            found.sibling.rotation = self.rotation(&found.sibling.path);
        }
        found
    }

    /// Takes in a directory to which files of the path were rotated.
    pub(super) fn include(&mut self, directory: &Path) {
        if !self.of_path.iter().any(|known| known == directory) {
            self.of_path.push(directory.to_owned());
            let directory = self.nearby.directory(directory);
            self.list(&directory);
        }
    }

    fn renamed(&self, from: usize, lost: &Checkpoint, reach: &Reach<'_>) -> Option<Recovered> {
        let directories = self.directories[from..].iter();
        let mut paths = directories.flat_map(|directory| {
            let names = directory.with_inode(lost.identity.inode);
            names.map(|name| self.path(directory, name))
        });
        paths.find_map(|path| {
            let sibling = self.sibling(&path)?;
            if sibling.identity != lost.identity || path == self.base {
                return None;
            }
            // Of a file that was seen empty only its name says that the inode is not another one's by now.
            let is_plainly_rotated = sibling.rotation.is_some() && !sibling.is_compressed();
            if lost.head.len == 0 && !is_plainly_rotated {
                return None;
            }
            // An inode alone is no proof, not even that of a file which is open: what was rotated and
            // compressed gave its own away, and the log that was begun next has it.
            look_into(sibling, lost, reach)
        })
    }

    /// A file as it is now, if it is one.
    fn sibling(&self, path: &Path) -> Option<Sibling> {
        // Links are not followed: rotation makes none, and one could lead anywhere.
        let metadata = fs::symlink_metadata(path).ok()?;
        metadata.is_file().then(|| Sibling {
            path: path.to_owned(),
            identity: identity::of(&metadata),
            stamp: Stamp::of(&metadata),
            born: metadata.created().ok(),
            rotation: self.rotation(path),
        })
    }

    /// What the name of a path says of its rotation.
    fn rotation(&self, path: &Path) -> Option<Rotation> {
        let (name, base) = path.file_name().zip(self.base.file_name())?;
        let counted = || rotated::counted_beside(name, base);
        let counted = || counted().filter(|it| is_counted_to(it, self.counted_to));
        let dated = || self.dated_as.as_ref()?.rotation(name);
        rotation_of(name, base).or_else(counted).or_else(dated)
    }

    /// The first plain copy; all of them, where the checkpoint says too little to distinguish them.
    fn copies(&mut self, from: usize, lost: &Checkpoint, reach: &Reach<'_>) -> Vec<Sibling> {
        let mut has_doubtful = false;
        let entries = self.entries[from..].iter();
        let copies = entries.filter_map(|entry| {
            let sibling = self.sibling(&entry.path)?;
            let is_rotated = entry.rotation.is_some() || entry.is_named_after;
            if !is_rotated && entry.counted.is_none() {
                return None;
            }
            look_into(sibling.clone(), lost, reach)?;
            let size = || sibling.stamp.size;
            let is_known = is_rotated && says_enough(lost, &sibling);
            let is_meant = is_known || may_be(&sibling, size, lost, reach);
            has_doubtful |= !is_meant && reach.is_news(&sibling);
            is_meant.then_some(sibling)
        });
        let copies = copies.take(most_copies(lost)).collect();
        self.has_doubtful_copy |= has_doubtful;
        copies
    }

    /// The same of compressed ones.
    fn compressed(&mut self, from: usize, lost: &Checkpoint, reach: &Reach<'_>) -> Vec<Sibling> {
        let mut found = Vec::new();
        for at in from..self.entries.len() {
            if found.len() == most_copies(lost) {
                break;
            }
            let entry = &self.entries[at];
            let is_rotated = entry.rotation.is_some();
            let rotation = entry.rotation.as_ref().or(entry.counted.as_ref());
            let compression = rotation.map(|rotation| rotation.compression);
            let sibling = self.sibling(&entry.path);
            let Some(sibling) = sibling.filter(|_| compression == Some(Compression::Gzip)) else {
                continue;
            };
            if reach.excluded.contains(&sibling.identity) {
                continue;
            }
            // Decompressed once, however many checkpoints are looked for.
            let head = self.heads.entry(sibling.path.clone()).or_insert_with(|| {
                let file = file::open(&sibling.path, sibling.identity);
                // What cannot be read is not it.
                let head = file.and_then(|file| decoder::head(&Arc::new(file)));
                head.unwrap_or_default()
            });
            let size = || head.len() as u64;
            let is_known = is_rotated && says_enough(lost, &sibling);
            let is_meant = is_known || may_be(&sibling, size, lost, reach);
            if !identity::has_head(head, lost.head) {
                continue;
            }
            if is_meant {
                found.push(sibling);
            } else {
                self.has_doubtful_copy |= reach.is_news(&sibling);
            }
        }
        found
    }

    /// Opens what was found to be a copy.
    fn open_copy(
        &self,
        sibling: Sibling,
        lost: &Checkpoint,
        reach: &Reach<'_>,
    ) -> Option<Recovered> {
        if !self.heads.contains_key(&sibling.path) {
            return look_into(sibling, lost, reach);
        }
        let content = if reach.reached.contains(&sibling.identity) {
            Content::Reached
        } else {
            Content::Gzip(file::open(&sibling.path, sibling.identity).ok()?)
        };
        Some(Recovered::new(sibling, content))
    }

    /// Whether the file that is written now begins like the one of a checkpoint.
    fn is_at_base(&self, lost: &Checkpoint, reach: &Reach<'_>) -> bool {
        let base = || self.sibling(&self.base);
        is_ambiguous(lost) && base().is_some_and(|base| look_into(base, lost, reach).is_some())
    }

    /// All files that were rotated, as far as directories were looked through.
    pub(super) fn rotated(&self) -> Vec<Sibling> {
        let rotated = self.entries.iter().filter(|entry| entry.rotation.is_some());
        rotated
            .filter_map(|entry| self.sibling(&entry.path))
            .collect()
    }

    /// Files that were rotated after all of these; without any, all that were rotated.
    pub(super) fn rotated_after(&self, found: &[Sibling]) -> Vec<Sibling> {
        let rotated = self.entries.iter().filter(|entry| {
            entry.rotation.is_some() && self.of_path.contains(&parent(&entry.path))
        });
        let rotated = rotated.filter_map(|entry| self.sibling(&entry.path));
        rotated
            .filter(|sibling| {
                let is_found = |found: &Sibling| found.identity == sibling.identity;
                !found.iter().any(is_found) && found.iter().all(|f| sibling.is_newer_than(f))
            })
            .collect()
    }

    /// Where a file is now that has this identity.
    pub(super) fn path_of(&mut self, identity: FileIdentity) -> Option<PathBuf> {
        let found = self.path_within(0, identity);
        if found.is_some() || self.is_wide {
            return found;
        }
        self.widen();
        self.path_within(1, identity)
    }

    fn path_within(&self, from: usize, identity: FileIdentity) -> Option<PathBuf> {
        let mut directories = self.directories[from..].iter();
        directories.find_map(|directory| {
            let names = directory.with_inode(identity.inode);
            let mut paths = names.map(|name| self.path(directory, name));
            paths.find(|path| self.sibling(path).is_some_and(|it| it.identity == identity))
        })
    }
}

/// Whether a directory looks like one for what is rotated away from another: below it, or named
/// after it, or for what is old.
fn keeps_rotated(own: &Path, other: &Path) -> bool {
    const WORDS: [&str; 6] = ["old", "arch", "rotat", "backup", "hist", "prev"];
    let name = other.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let is_named_after = own.file_name().is_some_and(|own| {
        let own = own.to_string_lossy().to_ascii_lowercase();
        name.len() > own.len() && name.starts_with(&own)
    });
    other.starts_with(own) || is_named_after || WORDS.iter().any(|word| name.contains(word))
}

/// Whether a checkpoint proves no more than a beginning, which other files of the log may have, too.
pub(super) fn is_ambiguous(known: &Checkpoint) -> bool {
    known.offset <= Checkpoint::HEAD_BYTES
}

/// How many files are looked for that have the contents of a checkpoint.
fn most_copies(lost: &Checkpoint) -> usize {
    // A log of which so many files begin alike begins all of them alike.
    const MOST: usize = 100;
    if is_ambiguous(lost) { MOST } else { 1 }
}

/// Opens a candidate and keeps it where it has the bytes of the checkpoint.
fn look_into(sibling: Sibling, lost: &Checkpoint, reach: &Reach<'_>) -> Option<Recovered> {
    // Before it is opened. To close a descriptor of the store's own files would drop its locks.
    if sibling.stamp.size < lost.offset || reach.excluded.contains(&sibling.identity) {
        return None;
    }
    let file = file::open(&sibling.path, sibling.identity).ok()?;
    let proof = identity::proof_of(&file, lost).ok()??;
    let content = if reach.reached.contains(&sibling.identity) {
        Content::Reached
    } else {
        Content::Plain(file, proof)
    };
    Some(Recovered::new(sibling, content))
}
