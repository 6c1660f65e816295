//! `mcpr store copy`: one store's content in another, whatever is killed meanwhile.

use super::kill::line;
use super::program::{Home, json_lines};
use super::schemas::validator;
use super::whole_export::{answers, assert_same, everything, export};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const ROUNDS: usize = 12;

fn copy(home: &Home, to: &Path) -> String {
    let from = home.store();
    home.succeed(&[
        "store",
        "copy",
        from.to_str().unwrap(),
        to.to_str().unwrap(),
    ])
}

#[test]
fn a_copy_answers_every_question_with_the_same_bytes() {
    let home = everything();
    let to = home.path("copy.db");
    let shown = copy(&home, &to);
    assert!(!shown.contains(" of "), "{shown}");
    assert_same(&export(&home, &to), &export(&home, &home.store()));
    let (before, after) = (answers(&home, &home.store()), answers(&home, &to));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    home.succeed(&["store", "verify", "--full", "--db", to.to_str().unwrap()]);
    // A second time there is nothing left to do, also by a URL.
    let from = format!("sqlite:{}", home.store().display());
    let twice = home.succeed(&["store", "copy", "--json", &from, to.to_str().unwrap()]);
    let twice = &json_lines(&twice)[0];
    assert_eq!(twice["equal"], true, "{twice}");
    let errors = validator("store-copy");
    let errors: Vec<_> = errors.iter_errors(twice).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(
        twice["counts"]["surfaces"]["to"].as_u64() > Some(3),
        "{twice}"
    );
    assert_same(&export(&home, &to), &export(&home, &home.store()));
}

#[test]
fn a_copy_has_the_sums_of_requests_that_are_gone() {
    let home = everything();
    let vacuum = [
        "store",
        "vacuum",
        "--before",
        "2026-11-21 12:00:10",
        "--yes",
    ];
    home.succeed(&vacuum);
    let to = home.path("copy.db");
    copy(&home, &to);
    let ask = |db: &Path, words: &str| {
        let words = words.split(' ').chain(["--db", db.to_str().unwrap()]);
        home.succeed(&words.collect::<Vec<_>>())
    };
    for words in [
        "stats --by tool --json --since @0",
        "stats --by proxy --json --since @0",
        "stats --by hour --json --since @0",
        "sessions --all --limit all --json",
    ] {
        assert_eq!(ask(&to, words), ask(&home.store(), words), "{words}");
    }
    home.succeed(&["store", "verify", "--full", "--db", to.to_str().unwrap()]);
}

#[test]
fn a_copy_that_is_killed_goes_on_where_it_stands() {
    let mut random = fastrand::Rng::with_seed(mcpr_seed::seed());
    println!("seed {}", mcpr_seed::seed());
    let home = Home::new();
    let lines: String = (0..30_000).map(line).collect();
    let log = home.write("proxy.log", lines);
    home.record(&[&log]);
    let (from, to) = (home.store(), home.path("copy.db"));
    let words = [
        "store",
        "copy",
        from.to_str().unwrap(),
        to.to_str().unwrap(),
    ];
    let mut cut = 0;
    for _ in 0..ROUNDS {
        let mut running = home.command(&words).spawn().unwrap();
        // A copy of this size takes half a second at least. Each goes on where the last one was cut off, so that
        // short times cut it early and late.
        std::thread::park_timeout(Duration::from_millis(random.u64(20..150)));
        cut += u32::from(running.try_wait().unwrap().is_none());
        running.kill().unwrap();
        running.wait().unwrap();
    }
    assert!(cut > 0, "no copy was cut off");
    copy(&home, &to);
    let rows = |db: &Path| {
        let words = [
            "logs",
            "--json",
            "--tail",
            "all",
            "--db",
            db.to_str().unwrap(),
        ];
        home.succeed(&words)
    };
    assert_same(&rows(&to), &rows(&from));
    let stats = home.succeed(&["store", "stats", "--json", "--db", to.to_str().unwrap()]);
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["requests"], 30_000);
    assert_eq!(stats["duplicates"], 0, "a row was copied twice: {stats}");
    home.succeed(&["store", "verify", "--full", "--db", to.to_str().unwrap()]);
}

#[test]
fn a_store_with_rows_of_its_own_is_no_target() {
    let home = Home::new();
    let log = home.write("proxy.log", (0..10).map(line).collect::<String>());
    home.record(&[&log]);
    let other = home.path("other.db");
    let (from, other) = (home.store(), other.to_str().unwrap());
    let from = from.to_str().unwrap();
    home.succeed(&["record", "--once", "--db", other, log.to_str().unwrap()]);
    let refused = |from: &str, to: &str, says: &str| {
        let ran = home.run(&["store", "copy", from, to]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{}", ran.err);
    };
    refused(from, other, "holds other rows: 10 requests");
    refused(from, from, "into itself");
    refused("nothing.db", other, "nothing.db");
    refused(from, "postgres://ada:secret@db.example/mcpr", "");
    let ran = home.run(&[
        "store",
        "copy",
        from,
        "postgres://ada:secret@db.example/mcpr",
    ]);
    assert!(!ran.err.contains("secret"), "{}", ran.err);
}

#[test]
fn a_recorder_goes_on_in_a_copy_where_its_files_stood() {
    let home = Home::new();
    let lines: String = (0..100).map(line).collect();
    let log = home.write("proxy.log", &lines);
    home.record(&[&log]);
    let to = home.path("copy.db");
    copy(&home, &to);
    home.write(
        "proxy.log",
        lines + &(100..110).map(line).collect::<String>(),
    );
    let words = [
        "record",
        "--once",
        "--db",
        to.to_str().unwrap(),
        log.to_str().unwrap(),
    ];
    home.succeed(&words);
    let stats = home.succeed(&["store", "stats", "--json", "--db", to.to_str().unwrap()]);
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(
        (&stats["requests"], &stats["duplicates"]),
        (&Value::from(110), &Value::from(0))
    );
}
