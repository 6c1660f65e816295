//! Where a store may lie: tests of [`mcpr_store::files::place`] on stores of this crate.

use crate::SqliteStore;
use crate::tests::{batch, request};
use mcpr_store::files::lock::RecorderLock;
use mcpr_store::files::place::{check_directory, check_file};
use mcpr_store::{StoreErrorKind, Trust, Writer};
use std::fs::{self, Permissions};
use std::os::unix::fs::symlink;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

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
