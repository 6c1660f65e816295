//! A store on a PostgreSQL server, from the command line: what is recorded there answers as a file does.

mod away;
mod copies;
mod kills;
mod refusals;
mod standby;
mod writers;

use super::backends::{ask, captures_answer_alike, recorded};
use super::generated::offered;
use super::program::{Home, until};
use mcpr_store_postgres::test_server::{TestDatabase, TestServer, database};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

/// How often something is killed.
fn rounds() -> u64 {
    let stated = std::env::var("MCPR_TEST_ROUNDS").ok();
    stated.map_or(100, |stated| stated.parse().unwrap())
}

/// Adds lines with these numbers to a log.
fn append(log: &Path, numbers: std::ops::Range<u64>) {
    let lines: String = numbers.map(super::kill::line).collect();
    let mut log = OpenOptions::new().append(true).open(log).unwrap();
    log.write_all(lines.as_bytes()).unwrap();
}

/// Starts something of which nobody reads what it says.
fn start(home: &Home, words: &[&str]) -> Child {
    let mut command = home.command(words);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Starts something that says into a file what it has to say.
fn start_reporting(home: &Home, words: &[&str], expected: &str) -> Child {
    let expected = std::fs::File::create(home.path(expected)).unwrap();
    let mut command = home.command(words);
    command
        .stdout(Stdio::null())
        .stderr(expected)
        .spawn()
        .unwrap()
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs something until it succeeds: a server may just be starting again.
fn at_last(home: &Home, words: &[&str]) -> String {
    let mut out = String::new();
    until("it succeeds", || {
        let ran = home.run(words);
        out = ran.out;
        ran.code == Some(0)
    });
    out
}

fn rows(home: &Home, db: &str) -> String {
    at_last(
        home,
        &[
            "logs", "--json", "--tail", "all", "--kind", "all", "--db", db,
        ],
    )
}

/// The numbers of the lines that a store holds, in its order.
fn numbers(home: &Home, db: &str) -> Vec<u64> {
    let number = |row: &serde_json::Value| {
        let id = row["request_id"].as_str().unwrap();
        u64::from_str_radix(&id[id.len() - 12..], 16).unwrap()
    };
    let rows = super::program::json_lines(&rows(home, db));
    rows.iter().map(number).collect()
}

/// A store holds the lines up to a number once each, in their order, and is whole.
fn assert_has_all(home: &Home, db: &str, count: u64) {
    let numbers = numbers(home, db);
    let wrong = (0..count).zip(&numbers).find(|(at, number)| at != *number);
    assert!(
        wrong.is_none() && numbers.len() as u64 == count,
        "{} rows of {count}, and the first that is not in its place: {wrong:?}",
        numbers.len()
    );
    let stats = at_last(home, &["store", "stats", "--json", "--db", db]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["duplicates"], 0, "a row came twice: {stats}");
    at_last(home, &["store", "verify", "--full", "--db", db]);
}

/// Nobody has a recorder's name any more, as 30 s after a kill.
fn forget_recorders(server: &TestServer, database: &str) {
    let mut client = server.client(database);
    let sql = "UPDATE recorders SET seen_at = now() - interval '1 minute'";
    // Before the first one has made the tables there is none.
    let _ = client.batch_execute(sql);
}

/// The same store in a file and on a server.
fn both(database: &TestDatabase) -> (Home, String, String) {
    let home = Home::new();
    let file = home.path("store.db").display().to_string();
    (home, file, database.text())
}

#[test]
fn captures_on_a_server_answer_byte_for_byte_as_in_a_file() {
    let Some(database) = database() else { return };
    let (home, file, server) = both(&database);
    captures_answer_alike(&home, &file, &server);
}

#[test]
fn the_care_of_a_store_on_a_server_says_what_it_does() {
    let Some(database) = database() else { return };
    let (home, _, server) = both(&database);
    let made = ask(&home, &server, &["store", "migrate"]);
    assert!(made.out.contains("with layout 1"), "{made:?}");
    let again = ask(&home, &server, &["store", "migrate"]);
    assert!(again.out.contains("the newest one"), "{again:?}");
    recorded(&home, &server, &["mcpr-0.4.64/proxy.log"]);
    let stats = ask(&home, &server, &["store", "stats", "--json"]);
    assert_eq!(stats.code, Some(0), "{stats:?}");
    let granted = ask(&home, &server, &["store", "grant", "--reader", "r"]);
    assert!(granted.out.contains("GRANT SELECT ON"), "{granted:?}");
    let backup = ask(&home, &server, &["store", "backup", "copy.db"]);
    assert_eq!(backup.code, Some(2), "{backup:?}");
    assert!(backup.err.contains("pg_dump"), "{backup:?}");
    let removed = ask(
        &home,
        &server,
        &["store", "vacuum", "--before", "now", "--yes"],
    );
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let left = ask(
        &home,
        &server,
        &["logs", "--json", "--tail", "all", "--kind", "all"],
    );
    assert_eq!(left.out.trim(), "", "{left:?}");
    let verified = ask(&home, &server, &["store", "verify", "--full"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn completion_offers_what_a_store_on_a_server_holds() {
    let Some(database) = database() else { return };
    let (home, _, server) = both(&database);
    recorded(&home, &server, &["mcpr-0.4.64/proxy.log"]);
    let quoted = format!("'{server}'");
    // As bash takes a URL apart that is not quoted.
    let mut pieces = vec!["mcpr", "logs", "--db"];
    pieces.extend(server.split_inclusive([':', '=', '@']).flat_map(|piece| {
        let end = piece.len() - usize::from(piece.ends_with([':', '=', '@']));
        [&piece[..end], &piece[end..]]
    }));
    pieces.retain(|piece| !piece.is_empty());
    let whole = ["mcpr", "logs", "--db", &server];
    let with_quotes = ["mcpr", "logs", "--db", &quoted];
    for before in [&whole[..], &with_quotes, &pieces] {
        let words = [before, &["--tool", "get"]].concat();
        assert_eq!(offered(&home, &words), ["get-sum"], "{words:?}");
    }
}

#[test]
fn no_size_is_shown_for_a_store_that_is_held_to_none() {
    let Some(database) = database() else { return };
    let (home, file, server) = both(&database);
    let log = home.write("proxy.log", "");
    for (db, expected) in [
        (&file, "2.0G in all\n"),
        (&server, "any size (--max-size is for SQLite stores)\n"),
    ] {
        let stated = std::fs::File::create(home.path("stderr")).unwrap();
        let mut recorder = home
            .command(&["record", "--db", db, log.to_str().unwrap()])
            .stderr(stated)
            .spawn()
            .unwrap();
        let stated = || std::fs::read_to_string(home.path("stderr")).unwrap();
        until("what is kept is reported", || stated().contains(expected));
        kill(&mut recorder);
    }
    let stats = home.succeed(&["store", "stats", "--json", "--db", &server]);
    assert!(stats.contains("\"max_bytes\":null"), "{stats}");
}
