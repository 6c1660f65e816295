//! `mcpr store copy` to a server and from one.
#![expect(
    clippy::print_stdout,
    reason = "a random test says its seed, one that is skipped why"
)]

use super::super::kill::line;
use super::super::program::Home;
use super::super::whole_export::{answers, assert_same, everything, export};
use super::{assert_has_all, at_last, forget_recorders, rounds, start};
use mcpr_store_postgres::test_server::{TestDatabase, TestServer, database};
use std::path::Path;
use std::time::Duration;

fn copy(home: &Home, from: &str, to: &str) -> String {
    home.succeed(&["store", "copy", from, to])
}

#[test]
fn a_store_comes_back_from_a_server_as_it_was() {
    let Some(database) = database() else { return };
    let home = everything();
    let (from, server, back) = (home.store(), database.text(), home.path("back.db"));
    let [from, back] = [&from, &back].map(|path| path.to_str().unwrap());
    let messages = copy(&home, from, &server);
    assert!(!messages.contains(" of "), "{messages}");
    assert_same(
        &export(&home, Path::new(&server)),
        &export(&home, Path::new(from)),
    );
    let before = answers(&home, Path::new(from));
    for (before, after) in before.iter().zip(&answers(&home, Path::new(&server))) {
        assert_eq!(before, after);
    }
    copy(&home, &server, back);
    for (before, after) in before.iter().zip(&answers(&home, Path::new(back))) {
        assert_eq!(before, after);
    }
    // A second time there is nothing to do either way.
    let messages = home.succeed(&["store", "copy", "--json", &server, back]);
    assert!(messages.contains("\"equal\":true"), "{messages}");
    home.succeed(&["store", "verify", "--full", "--db", &server]);
}

#[test]
fn sums_of_requests_that_are_gone_go_to_a_server_and_back() {
    let Some(database) = database() else { return };
    let home = everything();
    let gone = [
        "store",
        "vacuum",
        "--before",
        "2026-11-21 12:00:10",
        "--yes",
    ];
    home.succeed(&gone);
    let (from, server, back) = (home.store(), database.text(), home.path("back.db"));
    let [from, back] = [&from, &back].map(|path| path.to_str().unwrap());
    copy(&home, from, &server);
    copy(&home, &server, back);
    for words in [
        "stats --by tool --json --since @0",
        "sessions --all --limit all --json",
    ] {
        let ask = |db: &str| {
            let words = words.split(' ').chain(["--db", db]);
            home.succeed(&words.collect::<Vec<_>>())
        };
        assert_same(&ask(&server), &ask(from));
        assert_same(&ask(back), &ask(from));
    }
}

/// Copies, cut off again and again on either side, until all is there.
fn cut_off(home: &Home, server: &TestServer, from: &str, to: &str) {
    let mut random = fastrand::Rng::with_seed(mcpr_seed::seed());
    println!("seed {}", mcpr_seed::seed());
    let mut cut = 0;
    for round in 0..rounds() {
        forget_recorders(server, "d");
        let mut running = start(home, &["store", "copy", from, to]);
        // A copy of this size takes longer, and each goes on where the last one was cut off.
        std::thread::park_timeout(Duration::from_millis(random.u64(40..120)));
        if round % 4 == 3 {
            server.kill_backends("d");
        }
        cut += u32::from(running.try_wait().unwrap().is_none());
        super::kill(&mut running);
    }
    assert!(cut > 0, "no copy was cut off");
    forget_recorders(server, "d");
    at_last(home, &["store", "copy", from, to]);
}

#[test]
fn a_copy_to_a_server_and_back_that_is_killed_goes_on_where_it_stands() {
    const LINES: u64 = 60_000;
    let Some(server) = TestServer::start(&[]) else {
        return;
    };
    server.execute("CREATE DATABASE d");
    let home = Home::new();
    let log = home.write("proxy.log", (0..LINES).map(line).collect::<String>());
    home.record(&[&log]);
    let (from, there, back) = (home.store(), server.text("d"), home.path("back.db"));
    cut_off(&home, &server, from.to_str().unwrap(), &there);
    assert_has_all(&home, &there, LINES);
    cut_off(&home, &server, &there, back.to_str().unwrap());
    assert_has_all(&home, back.to_str().unwrap(), LINES);
}

#[test]
fn a_server_with_rows_of_its_own_is_no_target() {
    let Some(database) = database() else { return };
    let home = Home::new();
    let log = home.write("proxy.log", (0..10).map(line).collect::<String>());
    home.record(&[&log]);
    let (from, to): (_, &TestDatabase) = (home.store(), &database);
    home.succeed(&[
        "record",
        "--once",
        "--db",
        &to.text(),
        log.to_str().unwrap(),
    ]);
    let ran = home.run(&["store", "copy", from.to_str().unwrap(), &to.text()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("holds other rows: 10 requests"), "{ran:?}");
}
