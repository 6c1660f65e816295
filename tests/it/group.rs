//! A store that a group may read: what its owner gives stays given, and nobody else gets more.

use super::program::{capture, until};
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// As whom a program runs.
#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

const GROUP: u32 = 54_322;
/// Who records, who is in the same group, and somebody who is not.
const OWNER: User = User {
    id: 54_321,
    group: GROUP,
};
const MEMBER: User = User {
    id: 54_323,
    group: GROUP,
};
const STRANGER: User = User {
    id: 54_324,
    group: 54_325,
};

/// A directory that all of them reach, with a program that all of them may run.
struct Shared(tempfile::TempDir);

impl Shared {
    fn new() -> Self {
        let shared = Self(tempfile::tempdir().unwrap());
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        mode(shared.0.path(), 0o755).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_mcpr"), shared.path("mcpr")).unwrap();
        fs::copy(
            capture("mcpr-0.5.44/everything.stderr.log"),
            shared.path("a.log"),
        )
        .unwrap();
        mode(&shared.path("a.log"), 0o644).unwrap();
        // As docs/service.md has it.
        fs::create_dir(shared.path("store")).unwrap();
        chown(shared.path("store"), Some(OWNER.id), Some(GROUP)).unwrap();
        mode(&shared.path("store"), 0o2750).unwrap();
        shared
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, user: User, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("mcpr"));
        command
            .args(arguments)
            .env_clear()
            .env("MCPR_DB", self.path("store/recorder.db"))
            .env("MCPR_KEEP", "off")
            .env("MCPR_KEEP_PAYLOADS", "off")
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .uid(user.id)
            .gid(user.group);
        command
    }

    fn run(&self, user: User, arguments: &[&str]) -> Output {
        self.command(user, arguments).output().unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().mode() & 0o777
    }
}

#[test]
fn a_group_reads_a_store_and_nobody_else_does() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI runs as root");
        eprintln!("SKIPPED: only root can be several users");
        return;
    }
    let shared = Shared::new();
    let recorded = shared.run(OWNER, &["record", "--once", "a.log"]);
    assert!(recorded.status.success(), "{recorded:?}");
    let list = ["logs", "--json", "--tail", "all"];
    assert_eq!(shared.mode("store/recorder.db"), 0o600);
    assert_eq!(shared.run(MEMBER, &list).status.code(), Some(2), "private");
    let given = Permissions::from_mode(0o640);
    fs::set_permissions(shared.path("store/recorder.db"), given).unwrap();
    let mut running = shared.command(OWNER, &["record", "a.log"]).spawn().unwrap();
    until("it records", || {
        shared.path("store/recorder.db-shm").exists()
    });
    for name in ["recorder.db", "recorder.db-wal", "recorder.db-shm"] {
        assert_eq!(shared.mode(&format!("store/{name}")), 0o640, "{name}");
    }
    let listed = shared.run(MEMBER, &list);
    assert!(listed.status.success(), "{listed:?}");
    assert!(!listed.stdout.is_empty());
    let stranger = shared.run(STRANGER, &list);
    assert_eq!(stranger.status.code(), Some(2), "{stranger:?}");
    let written = shared.run(
        MEMBER,
        &["store", "vacuum", "--before", "2999-01-01", "--yes"],
    );
    assert_eq!(written.status.code(), Some(2), "{written:?}");
    super::program::signal(&running, Signal::TERM);
    assert!(running.wait().unwrap().success());
    let after = shared.run(MEMBER, &list);
    assert_eq!(after.stdout, listed.stdout, "also while nobody records");
    // What others may read by a slip is taken from them, and from the group.
    let slip = Permissions::from_mode(0o644);
    fs::set_permissions(shared.path("store/recorder.db"), slip).unwrap();
    let again = shared.run(OWNER, &["record", "--once", "a.log"]);
    assert!(again.status.success(), "{again:?}");
    assert_eq!(shared.mode("store/recorder.db"), 0o600);
}
