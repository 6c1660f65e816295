//! Several machines that write one store, each under its name, and those that follow it.

use super::super::kill::line;
use super::super::program::{Home, json_lines, signal, until};
use super::super::tap::{ANSWERS, Tap};
use super::{append, kill, rows, start};
use mcpr_store_postgres::test_server::database;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};

/// Lines of each recorder, and requests of the tap.
const EACH: u64 = 2000;

fn follow_into(home: &Home, db: &str, out: &str) -> Child {
    let out = fs::File::create(home.path(out)).unwrap();
    let words = [
        "logs", "--follow", "--json", "--kind", "all", "--tail", "all", "--db", db,
    ];
    let mut command = home.command(&words);
    command.stdout(out).stderr(Stdio::null()).spawn().unwrap()
}

/// The numbers of rows, and which request each is.
fn numbered(rows: &str) -> Vec<(u64, String)> {
    let numbered = |row: serde_json::Value| {
        let seq = row["seq"].as_u64().unwrap();
        (seq, format!("{} {}", row["proxy"], row["request_id"]))
    };
    json_lines(rows).into_iter().map(numbered).collect()
}

#[test]
fn two_recorders_and_a_tap_are_in_one_order_for_each_follower() {
    let Some(database) = database() else { return };
    let (home, db) = (Home::new(), database.text());
    home.succeed(&["store", "migrate", "--db", &db]);
    let outs = ["out-1", "out-2", "out-3"];
    let followers = outs.map(|out| follow_into(&home, &db, out));
    // The numbers of one machine's lines begin where those of the other end.
    let machines = [("machine-1", 0), ("machine-2", EACH)].map(|(name, first)| {
        let log = home.write(&format!("{name}.log"), "");
        let words = [
            "record",
            "--db",
            &db,
            "--writer",
            name,
            log.to_str().unwrap(),
        ];
        (start(&home, &words), log, first)
    });
    let mut tap = Tap::start(&home, &["--db", &db, "--writer", "machine-3"], ANSWERS);
    let tapped = tap.0.stdout.take().unwrap();
    let answers = std::thread::spawn(move || std::io::copy(&mut { tapped }, &mut std::io::sink()));
    for step in 0..20 {
        let from = step * EACH / 20;
        for (_, log, first) in &machines {
            append(log, first + from..first + from + EACH / 20);
        }
        let calls = (from..from + EACH / 20)
            .map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n"));
        tap.send(calls.collect::<String>().as_bytes());
    }
    let output = tap.end();
    answers.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = |out: &str| fs::read_to_string(home.path(out)).unwrap();
    for out in outs {
        until("all rows are followed", || {
            printed(out).lines().count() as u64 >= 3 * EACH
        });
    }
    for (mut recorder, ..) in machines {
        signal(&recorder, Signal::TERM);
        assert_eq!(recorder.wait().unwrap().code(), Some(0));
    }
    for mut follower in followers {
        kill(&mut follower);
    }
    // A listing is in the order of time, a follower's in that of storing.
    let mut stored = numbered(&rows(&home, &db));
    stored.sort();
    let seqs = stored.iter().map(|(seq, _)| *seq);
    assert!(seqs.eq(1..=3 * EACH), "there is a hole in the order");
    for out in outs {
        assert!(
            numbered(&printed(out)) == stored,
            "{out} has other rows than the store"
        );
    }
    let ids: BTreeSet<&String> = stored.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len() as u64, 3 * EACH, "each row once");
}

#[test]
fn a_name_is_for_one_recorder_and_given_up_at_its_end() {
    let Some(database) = database() else { return };
    let (home, db) = (Home::new(), database.text());
    let log = home.write("proxy.log", (0..10).map(line).collect::<String>());
    let log = log.to_str().unwrap();
    let record = |name: &'static str| vec!["record", "--db", &db, "--writer", name, log];
    let mut first = start(&home, &record("a"));
    let names = || {
        let mut client = database.client();
        let held = client.query("SELECT name FROM recorders WHERE holder <> 0", &[]);
        held.map_or(0, |rows| rows.len())
    };
    until("the first has its name", || names() == 1);
    let second = home.run(&record("a"));
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(
        second
            .err
            .contains("another recorder called `a` writes this store"),
        "{second:?}"
    );
    assert!(second.err.contains("--writer"), "{second:?}");
    // Another name reads the file for itself, and every row of it is there.
    let other = home.run(&[&record("b")[..], &["--once"]].concat());
    assert_eq!(other.code, Some(0), "{other:?}");
    // The variable says the same as the flag.
    let by_variable = home
        .command(&["record", "--once", "--db", &db, log])
        .env("MCPR_WRITER", "a")
        .output()
        .unwrap();
    assert_eq!(by_variable.status.code(), Some(2), "{by_variable:?}");
    signal(&first, Signal::TERM);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(names(), 0);
    let again = home.run(&[&record("a")[..], &["--once"]].concat());
    assert_eq!(again.code, Some(0), "{again:?}");
    let empty = home.run(&["record", "--once", "--db", &db, "--writer", "", log]);
    assert_eq!(empty.code, Some(2), "{empty:?}");
}

#[test]
fn a_store_is_sent_on_from_where_it_stands_under_another_name() {
    let Some(database) = database() else { return };
    let (home, db) = (Home::new(), database.text());
    let log = home.write("proxy.log", (0..10).map(line).collect::<String>());
    home.record(&[&log]);
    for name in ["a", "b"] {
        home.succeed(&["forward", "--once", "--to", &db, "--writer", name]);
    }
    let stats = home.succeed(&["store", "stats", "--json", "--db", &db]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(
        (&stats["requests"], &stats["duplicates"]),
        (&10.into(), &0.into()),
        "{stats}"
    );
}
