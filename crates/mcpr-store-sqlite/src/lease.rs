//! Whether a writer that has told of requests in flight is still there: it holds a lock on a file of its own beside
//! the store, which the system frees however the writer ends.

use super::file::sibling;
use super::place::open_beside;
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What stands in such a file's name between that of the store and the number of the writer.
const MARK: &str = ".flight-";
/// How often it is tried to make the file: somebody may be removing one of that name.
const TRIES: usize = 5;

/// Held by a writer that has requests in flight.
#[derive(Debug)]
pub(super) struct Lease {
    /// Whose it is.
    pub(super) writer: i64,
    path: PathBuf,
    _file: File,
}

impl Lease {
    /// Takes the lease of a writer.
    ///
    /// # Errors
    /// When the file cannot be made or is held by somebody else.
    pub(super) fn take(store: &Path, writer: i64) -> io::Result<Self> {
        let path = path_of(store, writer);
        for _ in 0..TRIES {
            let file = open_beside(&path)?;
            file.try_lock()?;
            // Whoever clears up may have removed it just before it was locked.
            if is_at(&file, &path) {
                return Ok(Self {
                    writer,
                    path,
                    _file: file,
                });
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Before the lock is freed: nobody can hold it meanwhile.
        let _ = fs::remove_file(&self.path);
    }
}

fn path_of(store: &Path, writer: i64) -> PathBuf {
    sibling(store, &format!("{MARK}{:016x}", writer.cast_unsigned()))
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let there = fs::symlink_metadata(path).map(place);
    file.metadata()
        .map(place)
        .is_ok_and(|ours| there.is_ok_and(|there| there == ours))
}

/// Whether the writer that told of requests in flight is not there any more.
pub(super) fn is_gone(store: &Path, writer: i64) -> bool {
    match opened(&path_of(store, writer)) {
        Ok(file) => file.try_lock_shared().is_ok(),
        // Any other failure says nothing of the writer.
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

fn opened(path: &Path) -> io::Result<File> {
    // A pipe in this place must not hold up its opening.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Removes the files of writers that were killed.
pub(super) fn clear_up(store: &Path) {
    let Some((directory, name)) = store.parent().zip(store.file_name()) else {
        return;
    };
    let mut beginning = name.to_owned();
    beginning.push(MARK);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_one = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(beginning.as_encoded_bytes());
        let path = entry.path();
        if is_one
            && let Ok(file) = opened(&path)
            && file.try_lock().is_ok()
            && is_at(&file, &path)
        {
            // Under the lock, so that a writer which makes it anew finds out.
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_gone_once_nobody_holds_its_lease() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = directory.path().join("store.db");
        assert!(is_gone(&store, -7), "it never was");
        let lease = Lease::take(&store, -7).expect("a lease");
        assert!(!is_gone(&store, -7));
        assert!(Lease::take(&store, -7).is_err(), "there is one of it");
        clear_up(&store);
        assert!(!is_gone(&store, -7), "what is held stays");
        drop(lease);
        assert!(is_gone(&store, -7));
        assert_eq!(
            fs::read_dir(directory.path()).expect("a directory").count(),
            0
        );
    }

    #[test]
    fn the_file_of_a_writer_that_was_killed_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = directory.path().join("store.db");
        let left = path_of(&store, 9);
        fs::write(&left, "").expect("a file");
        fs::write(&store, "").expect("a file");
        assert!(is_gone(&store, 9));
        clear_up(&store);
        assert!(!left.exists() && store.exists());
    }
}
