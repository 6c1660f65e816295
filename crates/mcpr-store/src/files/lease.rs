//! Whether a writer that has reported requests in flight, or of a server that it runs, is still there: it holds a lock
//! on a file of its own beside the store, which the system frees however the writer ends. The sessions of such servers
//! stand in the file, a line each: whoever finds it without its writer ends them.

use super::place::open_beside;
use super::sibling;
use crate::query::SessionKey;
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What stands in such a file's name between that of the store and the number of the writer.
const MARK: &str = ".flight-";
/// How often it is tried to make the file: somebody may be removing one of that name.
const TRIES: usize = 5;

/// Most sessions that stand in one: a tap has one.
const MAX_SESSIONS: usize = 64;
/// Most bytes that are read of one.
const MAX_BYTES: u64 = 64 << 10;

/// Held by a writer that has requests in flight, or runs a server.
#[derive(Debug)]
pub struct Lease {
    /// Whose it is.
    pub writer: i64,
    path: PathBuf,
    file: File,
    sessions: Vec<SessionKey>,
}

impl Lease {
    /// Takes the lease of a writer.
    ///
    /// # Errors
    /// When the file cannot be made or is held by somebody else.
    pub fn take(store: &Path, writer: i64) -> io::Result<Self> {
        let path = path_of(store, writer);
        for _ in 0..TRIES {
            let file = open_beside(&path)?;
            file.try_lock()?;
            // Whoever clears up may have removed it just before it was locked.
            if is_at(&file, &path) {
                return Ok(Self {
                    writer,
                    path,
                    file,
                    sessions: Vec::new(),
                });
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// Notes a session that ends with this writer.
    pub fn note(&mut self, key: &SessionKey) {
        if self.sessions.contains(key) || self.sessions.len() >= MAX_SESSIONS {
            return;
        }
        let line = format!("{}\n", serde_json::json!([key.proxy, key.id]));
        // What is not noted has no end where its tap is killed: no more than that.
        let _ = self.file.write_all(line.as_bytes());
        self.sessions.push(key.clone());
    }
}

/// A writer that was killed, and the sessions that were to end with it.
#[derive(Debug)]
pub struct KilledWriter {
    /// The number that its batches have.
    pub writer: i64,
    /// The sessions that were to end with it.
    pub sessions: Vec<SessionKey>,
}

/// What writers that were killed have noted.
#[must_use]
pub fn killed(store: &Path) -> Vec<KilledWriter> {
    let left = left_beside(store).into_iter();
    left.filter_map(|(path, file)| {
        // The number of the writer is that of its batches, by which the store knows when it last wrote.
        let name = path.file_name()?.to_str()?;
        let (_, number) = name.rsplit_once(MARK)?;
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        let sessions = text.lines().filter_map(|line| {
            // The last one may be cut: its writer was killed.
            let (proxy, id) = serde_json::from_str(line).ok()?;
            Some(SessionKey { proxy, id })
        });
        Some(KilledWriter {
            writer: u64::from_str_radix(number, 16).ok()?.cast_signed(),
            sessions: sessions.take(MAX_SESSIONS).collect(),
        })
    })
    .collect()
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

/// Whether the writer that reported requests in flight is not there any more.
#[must_use]
pub fn is_gone(store: &Path, writer: i64) -> bool {
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

/// The files of writers that are not there any more, each locked.
fn left_beside(store: &Path) -> Vec<(PathBuf, File)> {
    let Some((directory, name)) = store.parent().zip(store.file_name()) else {
        return Vec::new();
    };
    let mut beginning = name.to_owned();
    beginning.push(MARK);
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut left = Vec::new();
    for entry in entries {
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
            left.push((path, file));
        }
    }
    left
}

/// Removes the files of writers that were killed.
pub fn clear_up(store: &Path) {
    for (path, _locked) in left_beside(store) {
        // Under the lock, so that a writer which makes it anew finds out.
        let _ = fs::remove_file(&path);
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
    fn the_sessions_of_a_writer_that_was_killed_are_known() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = directory.path().join("store.db");
        let key = |id: &str| SessionKey {
            proxy: "p\n".to_owned(),
            id: id.to_owned(),
        };
        let mut lease = Lease::take(&store, -7).expect("a lease");
        for id in ["a", "b", "a"] {
            lease.note(&key(id));
        }
        assert!(killed(&store).is_empty(), "it is there");
        // As a kill leaves it: the file stays, and nobody holds the lock.
        let text = fs::read(path_of(&store, -7)).expect("a file");
        drop(lease);
        fs::write(path_of(&store, -7), [&text[..], b"[\"p"].concat()).expect("a file");
        let left = killed(&store);
        assert_eq!(left[0].writer, -7);
        assert_eq!(left[0].sessions, [key("a"), key("b")]);
    }

    #[test]
    fn the_file_of_a_writer_that_was_killed_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = directory.path().join("store.db");
        let left = path_of(&store, 9);
        fs::write(&left, "").expect("a file");
        fs::write(&store, "").expect("a file");
        assert!(is_gone(&store, 9));
        assert!(killed(&store).iter().all(|it| it.sessions.is_empty()));
        clear_up(&store);
        assert!(!left.exists() && store.exists());
    }
}
