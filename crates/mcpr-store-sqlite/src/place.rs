//! Where a store lies: whether somebody else could put files of theirs in the place of its own.
//!
//! Looks at directories and files without opening them: a descriptor of our own, once closed, would
//! take this process's locks on the store with it.

use super::errors::inaccessible;
use mcpr_store::{StoreError, StoreErrorKind, Trust};
use rustix::fs::OFlags;
use rustix::process::{getegid, geteuid};
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The mode of every file of a store, unless its owner lets a group read it.
const PRIVATE: u32 = 0o600;
/// The mode of a store that its owner lets a group read.
const GROUP_READS: u32 = 0o640;
const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS_MAY_WRITE: u32 = 0o002;
/// In such a directory each may remove and rename their own files only.
const STICKY: u32 = 0o1000;

/// The owner of what belongs to nobody whom this process knows: see `user_namespaces(7)`.
const UNMAPPED_USER: u32 = 65_534;

/// Refuses a directory in which others could put a file in the place of one of the store's, or another
/// directory in the place of one that leads to it. The path is one without links.
///
/// A sticky one will do where it is ours or root's, as `/tmp` is: what others put there beforehand
/// is known by its owner.
pub(super) fn check_directory(directory: &Path, trust: Trust) -> Result<(), StoreError> {
    for place in directory.ancestors() {
        let metadata = fs::metadata(place).map_err(|error| inaccessible(place, error))?;
        // Whoever says so answers for everybody who may write there.
        if trust == Trust::Anyone {
            return Ok(());
        }
        let leads_to_it = place != directory;
        if let Some(who) = who_may_replace(&metadata, leads_to_it) {
            return Err(replaceable(place, &who, leads_to_it));
        }
    }
    Ok(())
}

/// Who else could rename what lies in a directory, if anybody.
fn who_may_replace(metadata: &Metadata, leads_to_it: bool) -> Option<String> {
    match whose(metadata) {
        // In a container the system's own directories may belong to nobody.
        Uid::Another(UNMAPPED_USER) if leads_to_it => {}
        // Its owner may rename whatever lies in it, sticky or not.
        Uid::Another(user) => return Some(format!("belongs to another user ({user})")),
        Uid::Ours | Uid::Root => {}
    }
    let is_open = others_may_write(metadata) && metadata.mode() & STICKY == 0;
    is_open.then(|| "may be written by other users".to_owned())
}

fn replaceable(place: &Path, who: &str, leads_to_it: bool) -> StoreError {
    let what = if leads_to_it {
        "a directory above the store's"
    } else {
        "the store's directory"
    };
    let message = format!("{what} {who}, who could put a file in the store's place");
    StoreError::new(StoreErrorKind::Permission, message)
        .at(place)
        .hint(
            "`chmod go-w` it, name a store in a directory of your own with --db, or trust everyone \
             who may write there with --shared-directory",
        )
}

enum Uid {
    Ours,
    Root,
    Another(u32),
}

fn whose(metadata: &Metadata) -> Uid {
    match metadata.uid() {
        // The effective user is the one whom the files we make belong to.
        user if user == geteuid().as_raw() => Uid::Ours,
        0 => Uid::Root,
        user => Uid::Another(user),
    }
}

/// A user's own group has nobody else in it, and many systems let it write by default.
fn others_may_write(metadata: &Metadata) -> bool {
    let is_own_group = metadata.gid() == getegid().as_raw();
    metadata.mode() & OTHERS_MAY_WRITE != 0
        || (metadata.mode() & GROUP_MAY_WRITE != 0 && !is_own_group)
}

/// Refuses a file of the store that is another user's. No file is no fault.
pub(super) fn check_file(path: &Path) -> Result<(), StoreError> {
    match file_at(path)? {
        // Root's as well: a file that is not ours cannot be made private by us.
        Some(metadata) if !matches!(whose(&metadata), Uid::Ours) => Err(not_ours(path, &metadata)),
        _ => Ok(()),
    }
}

/// Refuses a link in the store's place that somebody else may have put there.
pub(super) fn check_link(link: &Path) -> Result<(), StoreError> {
    let directory = link.parent().unwrap_or(link);
    let of_directory = fs::metadata(directory).map_err(|error| inaccessible(directory, error))?;
    let metadata = file_at(link)?;
    let is_others = metadata.is_some_and(|link| matches!(whose(&link), Uid::Another(_)));
    if is_others || who_may_replace(&of_directory, false).is_some() {
        let message = "is a link that another user may have put there";
        return Err(StoreError::new(StoreErrorKind::Permission, message)
            .at(link)
            .hint("name the store itself with --db"));
    }
    Ok(())
}

/// What stands at a path. A link is looked at itself: what it leads to may be ours, and still be put there
/// by somebody else.
fn file_at(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(inaccessible(path, error)),
    }
}

/// Takes from others what they may do with a file of the store. To be called once it is known to be one: the mode
/// of any other file is its owner's business.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let Some(metadata) = file_at(path)? else {
        return Ok(());
    };
    let mode = metadata.mode() & 0o777;
    // What a group may read and nobody else was given to it on purpose: a slip gives it to others, too.
    let is_given = mode & !GROUP_READS == 0;
    // Links and directories are refused by whoever opens the file.
    if metadata.is_file() && !is_given {
        // Rights are only taken away: a file that its owner made read-only stays so.
        let mode = mode & PRIVATE;
        return fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|error| inaccessible(path, error));
    }
    Ok(())
}

fn not_ours(path: &Path, metadata: &Metadata) -> StoreError {
    let message = format!("belongs to another user ({})", metadata.uid());
    StoreError::new(StoreErrorKind::Permission, message)
        .at(path)
        .hint(
            "what another user put there is not recorded into: remove it, or name another store with --db",
        )
}

/// Opens a file beside the store for reading and writing, made where it is missing: never through a
/// link, never another user's, and never one that has a second name.
pub(super) fn open_beside(path: &Path) -> std::io::Result<File> {
    // NONBLOCK because the opening of a pipe would wait for its other end.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let flags = i32::try_from(flags).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(PRIVATE)
        .custom_flags(flags);
    // A file that was made just now is ours; only one that was there has to be looked at.
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(path)?,
        opened => return opened,
    };
    // Asked of what was opened and not of the path, where another file may stand by now.
    let metadata = file.metadata()?;
    // With a second name, what is written here would be written into a file elsewhere too.
    let is_plain = metadata.is_file() && !metadata.file_type().is_fifo() && metadata.nlink() == 1;
    if !is_plain || metadata.uid() != geteuid().as_raw() {
        let message = "another user's file, a link or no plain file stands in its place";
        return Err(Error::new(ErrorKind::PermissionDenied, message));
    }
    if metadata.mode() & 0o777 & !PRIVATE != 0 {
        file.set_permissions(Permissions::from_mode(metadata.mode() & PRIVATE))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::lock::RecorderLock;
    use crate::tests::{batch, request};
    use mcpr_store::Writer;
    use std::os::unix::fs::symlink;

    fn directory_of_mode(mode: u32) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).expect("a mode");
        directory
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        for (mode, is_fine) in [
            (0o700, true),
            (0o755, true),
            (0o777, false),
            (0o757, false),
            (0o1777, true),
        ] {
            let directory = directory_of_mode(mode);
            let path = directory.path().join("store.db");
            let opened = SqliteStore::open(&path).map(drop);
            assert_eq!(opened.is_ok(), is_fine, "{mode:o}: {opened:?}");
            let exclusive = SqliteStore::open_exclusive(&path, Trust::Owner).map(drop);
            assert_eq!(exclusive.is_ok(), is_fine, "{mode:o}: {exclusive:?}");
            assert_eq!(path.exists(), is_fine, "{mode:o}: nothing is made there");
            assert!(check_directory(directory.path(), Trust::Anyone).is_ok());
        }
    }

    #[test]
    fn a_directory_above_the_store_that_others_may_write_is_refused() {
        for (mode, is_fine) in [(0o755, true), (0o777, false), (0o1777, true)] {
            let above = directory_of_mode(mode);
            let path = above.path().join("ours/deep/store.db");
            fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
            for directory in [above.path().join("ours"), above.path().join("ours/deep")] {
                fs::set_permissions(directory, Permissions::from_mode(0o700)).expect("a mode");
            }
            let opened = SqliteStore::open(&path).map(drop);
            assert_eq!(opened.is_ok(), is_fine, "{mode:o}: {opened:?}");
            if let Err(error) = opened {
                let place = error.path.as_deref().expect("a place");
                let above = above.path().canonicalize().expect("it is there");
                assert_eq!(place, above, "the directory to mend is named");
                assert!(SqliteStore::open_trusting(&path, Trust::Anyone).is_ok());
            }
        }
    }

    #[test]
    fn a_store_file_that_others_may_write_is_tightened() {
        let directory = directory_of_mode(0o700);
        let path = directory.path().join("store.db");
        fs::write(&path, "").expect("a file placed beforehand");
        fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("a mode");
        let mut store = SqliteStore::open(&path).expect("an empty file is made a store");
        store
            .append(&batch(1, vec![request("a", 1)]))
            .expect("append");
        for file in crate::backend::own_files(&path) {
            if let Ok(metadata) = fs::metadata(&file) {
                assert_eq!(metadata.mode() & 0o777, 0o600, "{}", file.display());
            }
        }
    }

    #[test]
    fn the_mode_of_a_file_that_is_no_store_stays() {
        let directory = directory_of_mode(0o700);
        let path = directory.path().join("theirs.db");
        let text = || fs::write(&path, "notes that somebody named by mistake").expect("a file");
        let other = || {
            let database = rusqlite::Connection::open(&path).expect("a database");
            let made = database.execute_batch("CREATE TABLE theirs (a)");
            made.expect("a table");
        };
        for make in [&text as &dyn Fn(), &other] {
            make();
            fs::set_permissions(&path, Permissions::from_mode(0o664)).expect("a mode");
            SqliteStore::open(&path).map(drop).expect_err("no store");
            crate::open::claim(&path, Trust::Owner).expect_err("no store");
            let mode = fs::metadata(&path).expect("it is there").mode();
            assert_eq!(mode & 0o777, 0o664);
            fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn a_store_that_a_group_was_given_stays_given() {
        let directory = directory_of_mode(0o750);
        let path = directory.path().join("store.db");
        drop(SqliteStore::open(&path).expect("a new store"));
        for (given, stays) in [
            (0o640, 0o640),
            (0o600, 0o600),
            (0o644, 0o600),
            (0o660, 0o600),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(given)).expect("a mode");
            let mut store = SqliteStore::open(&path).expect("the same store");
            store
                .append(&batch(i64::from(given), vec![request("a", 1)]))
                .expect("append");
            for file in crate::backend::own_files(&path) {
                if let Ok(metadata) = fs::metadata(&file) {
                    let mode = metadata.mode() & 0o777;
                    assert_eq!(mode, stays, "{given:o}: {}", file.display());
                }
            }
        }
    }

    #[test]
    fn a_store_file_of_another_user_is_refused() {
        let directory = directory_of_mode(0o700);
        for name in ["store.db", "store.db-wal", "store.db-journal"] {
            let path = directory.path().join(name);
            fs::write(&path, "").expect("a file");
            if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
                // Only root can give files away: then the owner of `/` stands in for the other user.
                let error = check_file(Path::new("/")).expect_err("root's");
                assert_eq!(error.kind, StoreErrorKind::Permission);
                return;
            }
            let error = SqliteStore::open(&directory.path().join("store.db")).expect_err(name);
            assert_eq!(error.kind, StoreErrorKind::Permission, "{error}");
            assert!(error.to_string().contains("another user"), "{error}");
            fs::remove_file(&path).expect("removed");
        }
    }

    #[test]
    fn a_lock_file_is_never_written_through_a_link() {
        let directory = directory_of_mode(0o700);
        let path = directory.path().join("store.db");
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").expect("a file");
        let lock = RecorderLock::path_for(&path);
        symlink(&victim, &lock).expect("a link");
        RecorderLock::acquire(&path).expect_err("a link");
        fs::remove_file(&lock).expect("removed");
        fs::hard_link(&victim, &lock).expect("a second name");
        RecorderLock::acquire(&path).expect_err("a second name");
        fs::remove_file(&lock).expect("removed");
        symlink(directory.path().join("nowhere"), &lock).expect("a link");
        RecorderLock::acquire(&path).expect_err("a link to nothing");
        fs::remove_file(&lock).expect("removed");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "precious");
        assert!(!directory.path().join("nowhere").exists());
        RecorderLock::acquire(&path).expect("a lock");
    }
}
