//! What stands in directories: listed again only when they have changed, or may have.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// How long a time of change must have stood before what was seen under it is trusted: what
/// happens within the same tick of a file system's clock leaves the same time.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// How long a listing is trusted at most, as not every file system keeps such times.
const LISTED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What an entry of a directory is, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: OsString,
    /// As the directory says it: it shows that a name leads elsewhere than before, no more.
    pub(super) inode: u64,
    pub(super) kind: Kind,
}

/// By what a directory is known to be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DirectoryStamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

/// A directory as it was last listed.
#[derive(Debug)]
struct Listed {
    /// `None` where it could not be looked at.
    stamp: Option<DirectoryStamp>,
    /// Since when it has this stamp.
    since: Instant,
    at: Instant,
    entries: Arc<[Entry]>,
    is_used: bool,
}

/// The directories that sources lead through.
#[derive(Debug, Default)]
pub(super) struct Listings {
    directories: FxHashMap<PathBuf, Listed>,
    /// Directories looked at and entries read so far: what it costs.
    pub(super) steps: u64,
}

impl Listings {
    /// The entries of a directory, by name.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub(super) fn list(&mut self, path: &Path, now: Instant) -> io::Result<Arc<[Entry]>> {
        self.steps += 1;
        // Before the entries are read: what changes meanwhile leaves another stamp behind.
        let stamp = stamp_of(path);
        let known = self.directories.get_mut(path);
        let mut since = now;
        if let (Ok(stamp), Some(known)) = (&stamp, known) {
            known.is_used = true;
            if known.stamp == Some(*stamp) {
                since = known.since;
                // Until it has settled the same stamp may hide a change within one tick of the clock.
                if known.is_trusted(now) {
                    return Ok(Arc::clone(&known.entries));
                }
            }
        }
        let entries = stamp.and_then(|stamp| Ok((stamp, read(path)?)));
        let listed = Listed {
            // What could not be read is tried again at the next look.
            stamp: entries.as_ref().ok().map(|(stamp, _)| *stamp),
            since,
            at: now,
            entries: match &entries {
                Ok((_, entries)) => Arc::from(&entries[..]),
                Err(_) => Arc::default(),
            },
            is_used: true,
        };
        self.steps += listed.entries.len() as u64;
        let listing = Arc::clone(&listed.entries);
        self.directories.insert(path.to_owned(), listed);
        entries.map(|_| listing)
    }

    /// Whether any directory may hold something else than when it was listed.
    pub(super) fn may_have_changed(&mut self, now: Instant) -> bool {
        self.steps += self.directories.len() as u64;
        self.directories
            .iter()
            .any(|(path, listed)| !listed.is_trusted(now) || listed.stamp != stamp_of(path).ok())
    }

    /// Begins a walk, after which what it did not use is forgotten.
    pub(super) fn begin_walk(&mut self) {
        for listed in self.directories.values_mut() {
            // A directory that no source leads through any more must not stay in memory and be watched.
            listed.is_used = false;
        }
    }

    /// Ends a walk.
    pub(super) fn end_walk(&mut self) {
        self.directories.retain(|_, listed| listed.is_used);
    }

    /// The directories that were listed.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.directories.keys().map(PathBuf::as_path)
    }
}

impl Listed {
    /// Whether it holds what it did, as long as its stamp is the same.
    fn is_trusted(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.at);
        // Decided by the time of the listing and not by now: what came after it within the same tick
        // is not in it.
        let has_settled = self.at.saturating_duration_since(self.since) >= SETTLED_AFTER;
        has_settled && age < LISTED_AGAIN_AFTER
    }
}

fn stamp_of(path: &Path) -> io::Result<DirectoryStamp> {
    let metadata = fs::metadata(path)?;
    Ok(DirectoryStamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

fn read(path: &Path) -> io::Result<Vec<Entry>> {
    // An entry that went away meanwhile does not count.
    let entries = fs::read_dir(path)?.filter_map(Result::ok);
    let mut entries = entries
        .map(|entry| Entry {
            inode: entry.ino(),
            kind: kind_of(&entry),
            name: entry.file_name(),
        })
        .collect::<Vec<_>>();
    // A directory gives them in no order: by name, the same files come in the same order each time.
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn kind_of(entry: &fs::DirEntry) -> Kind {
    // Most file systems say it with the entry, so that this costs no `stat` for each.
    match entry.file_type() {
        Ok(kind) if kind.is_file() => Kind::File,
        Ok(kind) if kind.is_dir() => Kind::Directory,
        Ok(kind) if kind.is_symlink() => Kind::Link,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_has_not_changed_is_not_listed_again() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..100 {
            fs::write(directory.path().join(number.to_string()), "").unwrap();
        }
        let mut listings = Listings::default();
        let mut now = Instant::now();
        let mut list = |now| {
            let before = listings.steps;
            let entries = listings.list(directory.path(), now).unwrap();
            (entries.len(), listings.steps - before)
        };
        assert_eq!(list(now), (100, 101));
        assert_eq!(list(now), (100, 101), "its time of change is too young");
        now += SETTLED_AFTER;
        assert_eq!(list(now), (100, 101));
        assert_eq!(list(now), (100, 1));
        fs::write(directory.path().join("new"), "").unwrap();
        let old = fs::File::open(directory.path()).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(list(now), (101, 102));
        now += SETTLED_AFTER;
        assert_eq!(list(now), (101, 102));
        now += LISTED_AGAIN_AFTER;
        assert_eq!(
            list(now),
            (101, 102),
            "no time of change is trusted for long"
        );
    }
}
