//! `mcpr store backup` and `compact`: everything is there afterwards, and the store is whole.

use super::program::{Home, capture};
use std::os::unix::fs::PermissionsExt;

fn recorded() -> Home {
    let home = Home::new();
    let source = capture("mcpr-0.5.44/everything.stderr.log");
    home.succeed(&["record", "--once", "--payloads", source.to_str().unwrap()]);
    home
}

/// All that the commands report a store.
fn answers(home: &Home, db: &str) -> Vec<String> {
    let of = |arguments: &[&str]| home.succeed(&[arguments, &["--db", db, "--json"]].concat());
    vec![
        of(&["logs", "--tail", "all", "--kind", "all"]),
        of(&["sessions", "--all"]),
        of(&["stats", "--since", "2026-11-01"]),
        of(&["schema"]),
        of(&["show", "7"]),
    ]
}

#[test]
fn a_copy_holds_everything_and_is_whole() {
    let home = recorded();
    let before = answers(&home, ".mcpr/recorder.db");
    let printed = home.succeed(&["store", "backup", "copy.db"]);
    assert!(printed.contains("into copy.db"), "{printed}");
    assert_eq!(answers(&home, "copy.db"), before);
    home.succeed(&["store", "verify", "--full", "--db", "copy.db"]);
    let mode = home
        .path("copy.db")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // It is a store like any other: recording goes on in it.
    let source = home.write("more.log", "{\"type\":\"request\",\"id\":\"x\",\"ts\":1795224422390,\"proxy\":\"p\",\"method\":\"POST\",\"mcp_method\":\"ping\",\"status\":200,\"latency_us\":1}\n");
    home.succeed(&[
        "record",
        "--once",
        source.to_str().unwrap(),
        "--db",
        "copy.db",
    ]);
    home.succeed(&["store", "verify", "--full", "--db", "copy.db"]);
}

#[test]
fn a_file_that_is_there_is_left_alone() {
    let home = recorded();
    home.write("precious", "mine");
    for (arguments, says) in [
        (["store", "backup", "precious"], "already exists"),
        (
            ["store", "backup", "no/such/directory"],
            "no/such/directory",
        ),
    ] {
        let ran = home.run(&arguments);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{}", ran.err);
    }
    assert_eq!(
        std::fs::read_to_string(home.path("precious")).unwrap(),
        "mine"
    );
    let ran = home.run(&["store", "backup", "copy.db", "--db", "nothing.db"]);
    assert_eq!(ran.code, Some(2));
    assert!(!home.path("copy.db").exists() && !home.path("nothing.db").exists());
}

#[test]
fn a_store_written_anew_is_smaller_and_says_the_same() {
    let home = recorded();
    home.succeed(&["store", "vacuum", "--payloads-before", "now", "--yes"]);
    let before = answers(&home, ".mcpr/recorder.db");
    let printed = home.succeed(&["store", "compact"]);
    assert!(printed.starts_with("the store went from "), "{printed}");
    assert_eq!(answers(&home, ".mcpr/recorder.db"), before);
    home.succeed(&["store", "verify", "--full"]);
}
