//! Which store is meant where none is named: ours, which is never the mcpr proxy's own.

use super::kill::line;
use super::program::{Home, capture};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Every command that only reads, with what it needs.
const READING: &[&[&str]] = &[
    &["logs"],
    &["sessions"],
    &["session", "2bdb"],
    &["show", "1"],
    &["slow"],
    &["stats"],
    &["clients"],
    &["schema"],
    &["schema", "changes"],
    &["schema", "unused"],
    &["store", "stats"],
    &["store", "export"],
    &["proxy", "status"],
];

/// A home in which a proxy has stored something.
fn home_of_a_proxy() -> Home {
    let home = Home::new();
    fs::create_dir(home.path(".mcpr")).unwrap();
    fs::copy(capture("mcpr-0.4.64/store.db"), home.path(".mcpr/store.db")).unwrap();
    home
}

#[test]
fn where_ours_is_not_there_the_proxys_store_is_read_and_that_is_reported_in_one_line() {
    let home = home_of_a_proxy();
    for arguments in READING {
        let ran = home.run(arguments);
        let shown: Vec<&str> = ran
            .err
            .lines()
            .filter(|line| line.starts_with("reading "))
            .collect();
        assert_eq!(shown.len(), 1, "{arguments:?}: {ran:?}");
        assert!(
            shown[0].contains("/.mcpr/store.db,") && shown[0].contains("recorder.db"),
            "{shown:?}"
        );
        assert!(!ran.err.contains("no store"), "{arguments:?}: {ran:?}");
    }
    assert!(home.succeed(&["logs"]).lines().count() > 10);
    let named = home.run(&[
        "logs",
        "--db",
        home.path(".mcpr/store.db").to_str().unwrap(),
    ]);
    assert_eq!(
        (named.code, named.err.as_str()),
        (Some(0), ""),
        "it was asked for"
    );
}

#[test]
fn recording_makes_a_store_of_its_own_and_leaves_the_proxys_as_it_is() {
    let home = home_of_a_proxy();
    let before = fs::read(home.path(".mcpr/store.db")).unwrap();
    let source = home.write("p.log", line(0));
    assert!(home.record(&[&source]).contains("1 stored"));
    let ran = home.run(&["tap", "--", "true"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(home.path(".mcpr/recorder.db").is_file());
    assert_eq!(fs::read(home.path(".mcpr/store.db")).unwrap(), before);
    let names = fs::read_dir(home.path(".mcpr")).unwrap();
    for name in names.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        assert!(!name.starts_with("store.db-"), "{name}");
    }
    let ran = home.run(&["logs", "--json"]);
    assert_eq!(
        (ran.out.lines().count(), ran.err.as_str()),
        (1, ""),
        "{ran:?}"
    );
}

#[test]
fn without_any_store_the_one_that_recording_would_make_is_named() {
    let home = Home::new();
    let ran = home.run(&["logs"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("/.mcpr/recorder.db"), "{ran:?}");
}

#[test]
fn a_store_is_named_by_a_path_or_a_url() {
    let home = Home::new();
    let file = capture("mcpr-0.4.64/proxy.log");
    let url = format!("sqlite:{}", home.path("a%20store.db").display());
    let file = file.to_str().unwrap();
    let recorded = home.run(&["record", "--once", file, "--db", &url]);
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let path = home.path("a store.db");
    assert!(path.exists(), "{recorded:?}");
    let by_path = home.succeed(&["logs", "--json", "--db", path.to_str().unwrap()]);
    assert_eq!(by_path, home.succeed(&["logs", "--json", "--db", &url]));
    assert!(!by_path.is_empty());
}

#[test]
fn a_store_that_this_build_cannot_open_is_refused_without_its_password() {
    let home = Home::new();
    let urls = [
        "postgres://ada:hush@db.example/mcpr",
        "postgres://db.example/mcpr?password=hush",
        "rocksdb:/hush/../there",
        "mysql://ada:hush@db.example/mcpr",
        "postgres:ada:hush@db.example",
        "sqlite:there?key=hush",
    ];
    let mut commands: Vec<Vec<&str>> = READING.iter().map(|it| it.to_vec()).collect();
    commands.push(vec!["record", "--once", "-"]);
    commands.push(vec!["store", "verify"]);
    commands.push(vec!["store", "vacuum"]);
    for url in urls {
        for command in &commands {
            let by_flag = home.run(&[command.as_slice(), &["--db", url]].concat());
            let mut by_variable = home.command(command);
            let by_variable = by_variable.env("MCPR_DB", url).output().unwrap();
            let variable_err = String::from_utf8(by_variable.stderr).unwrap();
            for (code, err) in [
                (by_flag.code, &by_flag.err),
                (by_variable.status.code(), &variable_err),
            ] {
                assert_eq!(code, Some(2), "{command:?} {url}: {err}");
                assert!(err.contains("hint: "), "{command:?} {url}: {err}");
                let is_path = url.starts_with("rocksdb");
                assert!(is_path || !err.contains("hush"), "{command:?}: {err}");
            }
        }
    }
    assert!(!home.path(".mcpr").exists(), "nothing was made");
}

#[test]
fn a_follower_of_the_proxys_store_goes_over_to_ours_when_it_is_made() {
    let home = home_of_a_proxy();
    // An empty file is not a store yet.
    fs::write(home.path(".mcpr/recorder.db"), "").unwrap();
    let words = [
        "logs",
        "--follow",
        "--tail",
        "1",
        "--json",
        "--timeout",
        "20s",
        "--max",
        "3",
    ];
    let mut command = home.command(&words);
    let mut follower = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut rows = BufReader::new(follower.stdout.take().unwrap()).lines();
    rows.next().expect("the newest of the proxy's").unwrap();
    let source = home.write("p.log", (0..2).map(line).collect::<String>());
    home.succeed(&["record", "--once", source.to_str().unwrap()]);
    for number in 0..2 {
        let row = rows.next().expect("a row of ours").unwrap();
        assert!(row.contains(&format!("{number:012x}\"")), "{row}");
    }
    let ended = follower.wait_with_output().unwrap();
    let printed = String::from_utf8(ended.stderr).unwrap();
    assert!(
        printed.contains("there is ") && printed.contains("recorder.db now"),
        "{printed}"
    );
}
