//! A store that RocksDB keeps, from the command line: what is recorded there answers as a file does.

use super::backends::{ask, captures_answer_alike, recorded};
use super::kill::{every_line_is_stored_once_over_kills, line};
use super::program::{Home, json_lines, signal, until};
use super::whole_export::{answers, assert_same, everything, export};
use rustix::process::Signal;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// How often the recorder is killed.
const ROUNDS: usize = 100;

fn url(home: &Home, name: &str) -> String {
    format!("rocksdb:{}", home.path(name).display())
}

#[test]
fn captures_in_rocksdb_answer_byte_for_byte_as_in_a_file() {
    let home = Home::new();
    let file = home.path("store.db").display().to_string();
    captures_answer_alike(&home, &file, &url(&home, "store"));
}

#[test]
fn a_copy_into_rocksdb_and_back_loses_nothing() {
    let home = everything();
    let (there, back) = (url(&home, "there"), home.path("back.db"));
    let file = home.store().display().to_string();
    home.succeed(&["store", "copy", &file, &there]);
    home.succeed(&["store", "verify", "--full", "--db", &there]);
    assert_eq!(
        answers(&home, Path::new(&there)),
        answers(&home, &home.store())
    );
    home.succeed(&["store", "copy", &there, back.to_str().unwrap()]);
    assert_same(&export(&home, &back), &export(&home, &home.store()));
    // Again, and nothing is left to do.
    let twice = home.succeed(&["store", "copy", "--json", &file, &there]);
    assert_eq!(json_lines(&twice)[0]["equal"], true, "{twice}");
}

#[test]
fn no_line_is_lost_or_stored_twice_in_rocksdb_when_the_recorder_is_killed() {
    let home = Home::with_store("rocksdb", "store");
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    every_line_is_stored_once_over_kills(&home, ROUNDS, seed);
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn another_process_follows_row_by_row_over_restarts_of_the_recorder() {
    const ROWS: u64 = 6000;
    let home = Home::with_store("rocksdb", "store");
    let log = home.write("a.log", line(0));
    let record = ["record", log.to_str().unwrap()];
    home.succeed(&["record", "--once", log.to_str().unwrap()]);
    let out = home.path("out");
    let file = fs::File::create(&out).unwrap();
    let mut follow = home.command(&["logs", "--follow", "--json", "--tail", "all"]);
    let mut follow = follow.stdout(file).stderr(Stdio::null()).spawn().unwrap();
    let printed = || fs::read_to_string(&out).unwrap_or_default();
    for round in 0..3 {
        let recorder = home.command(&record).stderr(Stdio::null()).spawn();
        let mut recorder = recorder.unwrap();
        let (first, end) = (1 + round * ROWS / 3, 1 + (round + 1) * ROWS / 3);
        for number in first..end {
            let mut file = OpenOptions::new().append(true).open(&log).unwrap();
            file.write_all(line(number).as_bytes()).unwrap();
        }
        until("the follower has seen all", || {
            printed().lines().count() as u64 >= end
        });
        if round == 1 {
            recorder.kill().unwrap();
        } else {
            signal(&recorder, Signal::TERM);
        }
        recorder.wait().unwrap();
    }
    signal(&follow, Signal::TERM);
    follow.wait().unwrap();
    let ids: Vec<String> = json_lines(&printed())
        .iter()
        .map(|row| row["request_id"].as_str().unwrap().to_owned())
        .collect();
    let expected = (0..=ROWS).map(|n| format!("00000000-0000-4000-8000-{n:012x}"));
    assert_eq!(ids, expected.collect::<Vec<_>>(), "each once, in order");
}

#[test]
fn the_care_of_a_rocksdb_store_says_what_it_does() {
    let home = Home::new();
    let db = url(&home, "store");
    recorded(&home, &db, &["mcpr-0.4.64/proxy.log"]);
    let migrated = ask(&home, &db, &["store", "migrate"]);
    assert!(migrated.out.contains("the newest one"), "{migrated:?}");
    let stats = ask(&home, &db, &["store", "stats", "--json"]);
    assert_eq!(stats.code, Some(0), "{stats:?}");
    let granted = ask(&home, &db, &["store", "grant", "--reader", "r"]);
    assert_eq!(granted.code, Some(2), "{granted:?}");
    let copy = home.path("copy").display().to_string();
    let backup = ask(&home, &db, &["store", "backup", &copy]);
    assert_eq!(backup.code, Some(0), "{backup:?}");
    let all = ["logs", "--json", "--tail", "all", "--kind", "all"];
    let before = ask(&home, &db, &all);
    assert_eq!(ask(&home, &format!("rocksdb:{copy}"), &all).out, before.out);
    let compacted = ask(&home, &db, &["store", "compact"]);
    assert_eq!(compacted.code, Some(0), "{compacted:?}");
    assert_eq!(ask(&home, &db, &all).out, before.out);
    let removed = ask(&home, &db, &["store", "vacuum", "--before", "now", "--yes"]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert_eq!(ask(&home, &db, &all).out.trim(), "");
    let verified = ask(&home, &db, &["store", "verify", "--full"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn what_is_no_store_and_what_is_in_use_is_refused() {
    let home = Home::new();
    fs::create_dir(home.path("other")).unwrap();
    home.write("other/mine.txt", "mine");
    let log = home.write("a.log", line(0)).display().to_string();
    let foreign = ask(&home, &url(&home, "other"), &["record", "--once", &log]);
    assert_eq!(foreign.code, Some(2), "{foreign:?}");
    assert!(foreign.err.contains("no store of mcpr"), "{foreign:?}");
    assert_eq!(fs::read_dir(home.path("other")).unwrap().count(), 1);
    let missing = ask(&home, &url(&home, "missing"), &["logs"]);
    assert!(missing.err.contains("no store here yet"), "{missing:?}");
    assert!(!home.path("missing").exists());
    // A second recorder.
    let db = url(&home, "store");
    let first = home.command(&["record", &log, "--db", &db]).spawn();
    let mut first = first.unwrap();
    until("the first recorder records", || {
        ask(&home, &db, &["logs", "--json"])
            .out
            .contains("request_id")
    });
    let second = ask(&home, &db, &["record", "--once", &log]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.err.contains("only one process"), "{second:?}");
    signal(&first, Signal::TERM);
    first.wait().unwrap();
}
