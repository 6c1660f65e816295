//! Fault 8: what stands at the store's path cannot be one, or cannot be written.

use super::ledger::Ledger;
use super::program::{Place, append_to};
use super::report::Outcome;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything below a directory: its files with their bytes, its directories with none.
type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let mut outcome = Outcome::new(
        "Each is given to `record` and to the reading commands. What cannot be used must be refused with \
         an error and a hint, and every file must stay as it was.",
    );
    let source = place.path("proxy.log");
    let mut ledger = Ledger::new(place.random.fork());
    ledger.write(50, &mut append_to(&source)?)?;
    for (name, make) in CASES {
        let directory = place.make_directory(name)?;
        let store = directory.join("store.db");
        make(place, &store)?;
        let messages = is_refused(place, &store, &mut outcome, name)?;
        outcome.figure(name, messages);
    }
    read_only(place, &mut outcome)?;
    Ok(outcome)
}

/// The one case that is a store of the recorder's.
const NEWER: &str = "newer layout";

/// Makes what stands at the store's path.
type Make = fn(&Place, &Path) -> Result<()>;

const CASES: [(&str, Make); 6] = [
    (NEWER, |place, store| {
        place.catch_up(store, OsStr::new("proxy.log"))?;
        Ok(Connection::open(store)?.pragma_update(None, "user_version", 99)?)
    }),
    ("another program's database", |_, store| {
        Ok(Connection::open(store)?.execute_batch("CREATE TABLE requests (id)")?)
    }),
    ("text file", |_, store| Ok(fs::write(store, "hello\n")?)),
    ("text as long as a database", |_, store| {
        Ok(fs::write(store, "hello\n".repeat(4_000))?)
    }),
    ("empty directory in its place", |_, store| {
        Ok(fs::create_dir(store)?)
    }),
    ("directory with files in its place", |_, store| {
        fs::create_dir(store)?;
        Ok(fs::write(store.join("store.db"), "hello\n")?)
    }),
];

/// Gives the message that `record` refuses a path with.
fn is_refused(place: &Place, store: &Path, outcome: &mut Outcome, name: &str) -> Result<String> {
    let directory = store.parent().context("a store lies in a directory")?;
    let before = tree(directory)?;
    let mut first = String::new();
    for arguments in [
        &["record", "--once", "proxy.log"][..],
        &["logs"],
        &["sessions"],
        &["store", "verify"],
        &["store", "vacuum", "--before", "1d", "--yes"],
    ] {
        let mut all: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        all.extend([OsStr::new("--db"), store.as_os_str()]);
        let output = place.output(&all)?;
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_clear = output.status.code() == Some(2)
            && messages.starts_with("error: ")
            && messages.contains("hint: ")
            && !messages.contains("panicked");
        outcome.must(is_clear, || {
            format!(
                "{name}: `{}` gave {:?}: {messages}",
                arguments.join(" "),
                output.status.code()
            )
        });
        if first.is_empty() {
            first = messages;
        }
    }
    let mut after = tree(directory)?;
    if name == NEWER {
        // It is a store: its lock is taken, and SQLite keeps two files beside what it reads.
        after.retain(|path, _| *path == store || before.contains_key(path));
        let lock = directory.join("store.db.lock");
        after.insert(lock.clone(), before[&lock].clone());
    }
    outcome.must(before == after, || format!("{name}: files were changed"));
    let line = first.lines().next().unwrap_or_default();
    Ok(line.replace(&*directory.to_string_lossy(), "…"))
}

/// A store in a directory that may not be written: read, but not recorded into.
fn read_only(place: &Place, outcome: &mut Outcome) -> Result<()> {
    let name = "read-only directory";
    let directory = place.make_directory("read-only")?;
    let store = directory.join("store.db");
    place.catch_up(&store, OsStr::new("proxy.log"))?;
    append_to(&place.path("new.log"))?;
    let _closed = match Closed::new(&directory) {
        Ok(closed) => closed,
        Err(why) => {
            outcome.skip_part(format!("{name}: {why}"));
            return Ok(());
        }
    };
    let before = tree(&directory)?;
    let db = store.as_os_str();
    let logs = place.output(&[OsStr::new("logs"), OsStr::new("--db"), db])?;
    outcome.must(logs.status.code() == Some(0), || {
        format!(
            "{name}: cannot be read: {}",
            String::from_utf8_lossy(&logs.stderr)
        )
    });
    for store in [
        &store,
        &directory.join("new.db"),
        &directory.join("new/store.db"),
    ] {
        let arguments = ["record", "--once", "proxy.log", "--db"].map(OsStr::new);
        let output = place.output(&[&arguments[..], &[store.as_os_str()]].concat())?;
        let messages = String::from_utf8_lossy(&output.stderr);
        let is_clear = output.status.code() == Some(2)
            && messages.starts_with("error: ")
            && messages.contains("hint: ");
        outcome.must(is_clear, || {
            format!(
                "{name}: `record` gave {:?}: {messages}",
                output.status.code()
            )
        });
        let shown = messages.lines().next().unwrap_or_default();
        outcome.figure(
            format!("{name}, {}", store.strip_prefix(&directory)?.display()),
            shown.replace(&*directory.to_string_lossy(), "…"),
        );
    }
    outcome.must(before == tree(&directory)?, || {
        format!("{name}: files were changed")
    });
    Ok(())
}

/// A directory that may not be written, by whomever, for as long as this value lives.
struct Closed(PathBuf);

impl Closed {
    /// By its mode, or, for a user whom modes do not bind, by a mount over itself.
    fn new(directory: &Path) -> Result<Self, String> {
        use std::os::unix::fs::PermissionsExt;
        let closed = Self(directory.to_owned());
        let mode = fs::Permissions::from_mode(0o500);
        fs::set_permissions(directory, mode).map_err(|error| error.to_string())?;
        let probe = directory.join("probe");
        if fs::write(&probe, "").is_err() {
            return Ok(closed);
        }
        fs::remove_file(&probe).map_err(|error| error.to_string())?;
        for options in ["bind", "remount,bind,ro"] {
            let run = Command::new("mount")
                .args(["-o", options])
                .args([directory, directory])
                .output();
            if !run.as_ref().is_ok_and(|output| output.status.success()) {
                return Err("modes do not bind this user, and nothing can be mounted".to_owned());
            }
        }
        Ok(closed)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        use std::os::unix::fs::PermissionsExt;
        // Where nothing is mounted this does nothing.
        let _ = Command::new("umount")
            .args(["--lazy", "--quiet"])
            .arg(&self.0)
            .output();
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700));
    }
}

fn tree(directory: &Path) -> Result<Tree> {
    let mut found = Tree::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(tree(&path)?);
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path)?;
            found.insert(path, Some(bytes));
        }
    }
    Ok(found)
}
