//! Stores of every layout that a released mcpr has written: read as they are, migrated by whoever writes, and
//! never damaged; and a store of a later layout, which every command refuses.

use super::program::{Home, capture, json_lines};
use rusqlite::Connection;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The stored files, with the number of their layout.
fn stored() -> Vec<(usize, PathBuf)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/layouts");
    let files: Vec<_> = (1..=1000)
        .map(|layout| (layout, directory.join(format!("{layout}.db.zst"))))
        .take_while(|(_, file)| file.exists())
        .collect();
    assert!(
        files.len() >= 14,
        "layouts 1 to 14 at least: {}",
        files.len()
    );
    files
}

/// A home whose store is a stored file.
fn home_of(file: &Path) -> Home {
    let home = Home::new();
    fs::create_dir(home.path(".mcpr")).unwrap();
    let bytes = zstd::bulk::decompress(&fs::read(file).unwrap(), 16 << 20).unwrap();
    fs::write(home.store(), bytes).unwrap();
    home
}

fn layout_of(home: &Home) -> usize {
    let store = Connection::open(home.store()).unwrap();
    store
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// Every command that only reads.
const READERS: [&[&str]; 20] = [
    &["logs", "--kind", "all", "--tail", "all", "--json"],
    &["sessions", "--all", "--json"],
    &["session", "s-1", "--json"],
    &["show", "2", "--json"],
    &["slow", "--threshold", "0ms", "--json", "--since", "@0"],
    &["stats", "--by", "tool", "--json", "--since", "@0"],
    &["stats", "--by", "method", "--json", "--since", "@0"],
    &["stats", "--by", "hour", "--json", "--since", "@0"],
    &["stats", "--by", "client", "--json", "--since", "@0"],
    &["clients", "--json", "--since", "@0"],
    &["schema", "--json"],
    &["schema", "changes", "--json"],
    &["schema", "unused", "--json", "--since", "@0"],
    &[
        "check",
        "--fail-on",
        "calls<1",
        "--format",
        "json",
        "--since",
        "@0",
        "--until",
        "2026-01-01",
    ],
    &["store", "export"],
    // What follows says something of the store itself, or of payloads that the first layouts have not.
    &["store", "export", "--whole"],
    &[
        "report",
        "--format",
        "har",
        "--output",
        "-",
        "--since",
        "@0",
        "--until",
        "2026-01-01",
    ],
    &["show", "1", "--json"],
    &["store", "stats", "--json"],
    &["store", "verify", "--full"],
];

/// How many of [`READERS`] say the same of every layout.
const ALIKE: usize = 15;

fn answers(home: &Home, commands: &[&[&str]]) -> Vec<String> {
    commands.iter().map(|words| home.succeed(words)).collect()
}

#[test]
fn every_layout_is_read_as_it_is_and_says_the_same() {
    let mut expected: Option<Vec<String>> = None;
    for (layout, file) in stored() {
        let home = home_of(&file);
        assert_eq!(layout_of(&home), layout);
        let before = fs::read(home.store()).unwrap();
        let all = answers(&home, &READERS);
        assert_eq!(
            fs::read(home.store()).unwrap(),
            before,
            "layout {layout} is changed by a reader"
        );
        assert_eq!(json_lines(&all[0]).len(), 3, "layout {layout}");
        let alike = all[..ALIKE].to_vec();
        let expected = expected.get_or_insert_with(|| alike.clone());
        for ((words, answer), expected) in READERS.iter().zip(&alike).zip(expected.iter()) {
            assert_eq!(answer, expected, "layout {layout}: {words:?}");
        }
    }
}

#[test]
fn recording_migrates_every_layout_and_keeps_what_it_held() {
    for (layout, file) in stored() {
        let home = home_of(&file);
        let before = answers(&home, &READERS[..ALIKE]);
        let line = home.write("p.log", "plain text\n");
        home.record(&[&line]);
        assert!(layout_of(&home) > 14, "layout {layout} is migrated");
        assert_eq!(answers(&home, &READERS[..ALIKE]), before, "layout {layout}");
        home.succeed(&["store", "verify", "--full"]);
        home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
        assert!(
            home.rows(&[]).len() > 100,
            "layout {layout} is recorded into"
        );
        home.succeed(&["store", "verify", "--full"]);
    }
}

/// Every command that changes a store, as it changes this one.
const WRITERS: [&[&str]; 6] = [
    &[
        "store",
        "vacuum",
        "--before",
        "1970-01-01 00:30 UTC",
        "--yes",
    ],
    &["store", "compact"],
    &["store", "backup", "copy.db"],
    &["store", "rename-proxy", "weather", "forecast"],
    &["session", "delete", "s-1", "--yes"],
    &["store", "import", "other.db"],
];

#[test]
fn each_command_that_writes_takes_a_store_of_every_layout() {
    for (layout, file) in stored() {
        for words in WRITERS {
            let home = home_of(&file);
            fs::copy(capture("mcpr-0.4.64/store.db"), home.path("other.db")).unwrap();
            home.succeed(words);
            let ran = home.run(&["store", "verify", "--full"]);
            assert_eq!(ran.code, Some(0), "layout {layout}: {words:?}: {ran:?}");
            // A copy is of the layout that it was made of.
            if words[1] == "backup" {
                let copy = ["store", "verify", "--full", "--db", "copy.db"];
                assert_eq!(home.run(&copy).code, Some(0), "layout {layout}");
            }
        }
    }
}

#[test]
fn a_store_of_a_later_layout_is_refused_by_every_command_and_stays_as_it_is() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    Connection::open(home.store())
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    fs::copy(capture("mcpr-0.4.64/store.db"), home.path("other.db")).unwrap();
    home.write("p.log", "plain text\n");
    let before = fs::read(home.store()).unwrap();
    let others: [&[&str]; 4] = [
        &["record", "--once", "p.log"],
        &["logs", "--follow", "--max", "1"],
        &["check", "--follow", "--max", "1", "--fail-on", "calls<1"],
        &["schema", "diff", "--since", "@0"],
    ];
    for words in READERS.iter().chain(&WRITERS).chain(&others) {
        let ran = home.run(words);
        assert_eq!(ran.code, Some(2), "{words:?}: {ran:?}");
        assert!(ran.out.is_empty(), "{words:?}: {}", ran.out);
        assert!(
            ran.err
                .contains("has layout 99; this mcpr knows layouts up to "),
            "{words:?}: {}",
            ran.err
        );
        assert!(
            ran.err.contains("it was written by a newer mcpr"),
            "{words:?}: {}",
            ran.err
        );
    }
    assert_eq!(fs::read(home.store()).unwrap(), before, "it stays as it is");
}

#[cfg(feature = "tap")]
#[test]
fn a_tap_passes_its_session_on_over_a_store_of_a_later_layout() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    Connection::open(home.store())
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let ran = home.run(&["tap", "--", "/bin/sh", "-c", "echo '{}'; exit 7"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(7), "{}\n"), "{ran:?}");
    assert!(
        ran.err.contains("layout 99") && ran.err.contains("not recorded"),
        "{}",
        ran.err
    );
}

#[test]
fn a_store_of_another_layout_reports_its_size_and_rows() {
    for (layout, file) in stored() {
        let stats = home_of(&file).succeed(&["store", "stats", "--json"]);
        let stats: Value = serde_json::from_str(&stats).unwrap();
        assert_eq!(stats["requests"], 3, "layout {layout}");
    }
}
