//! `mcpr forward`: what one store records, in another store and over OTLP, each row once.

use super::kill::line;
use super::listen::client::Listener;
use super::program::{Home, signal, until};
use super::whole_export::{assert_same, everything, export};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

const ROUNDS: u64 = 12;

fn rows(home: &Home, db: &Path) -> String {
    let words = [
        "logs",
        "--json",
        "--tail",
        "all",
        "--kind",
        "all",
        "--db",
        db.to_str().unwrap(),
    ];
    home.run(&words).out
}

fn stats(home: &Home, db: &Path) -> Value {
    let stats = home.succeed(&["store", "stats", "--json", "--db", db.to_str().unwrap()]);
    serde_json::from_str(&stats).unwrap()
}

/// The rows without their numbers and what a sender cannot know of the other's sessions.
fn contents(home: &Home, db: &Path) -> Vec<Value> {
    let rows = super::program::json_lines(&rows(home, db));
    let rows = rows.into_iter().filter(|row| row["kind"] != "gap");
    let rows = rows.map(|mut row| {
        row.as_object_mut().unwrap().remove("seq");
        row
    });
    rows.collect()
}

fn once(home: &Home, to: &str) {
    let ran = home.run(&["forward", "--once", "--payloads", "--to", to]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

fn follow(home: &Home, to: &str) -> Child {
    home.command(&["forward", "--to", to]).spawn().unwrap()
}

fn end(child: Child) -> String {
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_store_is_sent_whole_to_another_one() {
    let home = everything();
    let to = home.path("to.db");
    once(&home, to.to_str().unwrap());
    assert_same(&export(&home, &to), &export(&home, &home.store()));
    once(&home, to.to_str().unwrap());
    assert_same(&export(&home, &to), &export(&home, &home.store()));
    assert_eq!(stats(&home, &to)["duplicates"], 0);
    let shown = &stats(&home, &home.store())["targets"][0];
    assert_eq!(shown["behind_rows"], 0, "{shown}");
    home.succeed(&["store", "verify", "--full", "--db", to.to_str().unwrap()]);
}

#[test]
fn what_comes_later_is_sent_as_it_comes() {
    let home = Home::new();
    let log = home.write("proxy.log", line(0));
    home.record(&[&log]);
    let to = home.path("to.db");
    let child = follow(&home, to.to_str().unwrap());
    let count = || rows(&home, &to).lines().count();
    until("the first row", || count() == 1);
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    file.write_all((1..500).map(line).collect::<String>().as_bytes())
        .unwrap();
    home.record(&[&log]);
    until("the others", || count() == 500);
    let shown = end(child);
    assert!(shown.contains("sent up to row 500"), "{shown}");
    assert_same(&rows(&home, &to), &rows(&home, &home.store()));
}

#[test]
fn each_row_is_in_the_other_store_once_whoever_is_killed() {
    let mut random = fastrand::Rng::with_seed(mcpr_seed::seed());
    println!("seed {}", mcpr_seed::seed());
    let home = Home::new();
    let log = home.write("proxy.log", "");
    let to = home.path("to.db");
    let mut next = 0;
    for _ in 0..ROUNDS {
        let mut recorder = home
            .command(&["record", log.to_str().unwrap()])
            .spawn()
            .unwrap();
        let mut sender = follow(&home, to.to_str().unwrap());
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        for _ in 0..random.u32(1..6) {
            let end = next + random.u64(1..400);
            file.write_all((next..end).map(line).collect::<String>().as_bytes())
                .unwrap();
            next = end;
            std::thread::park_timeout(Duration::from_millis(random.u64(5..120)));
        }
        for child in [&mut sender, &mut recorder] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    home.record(&[&log]);
    once(&home, to.to_str().unwrap());
    assert_same(&rows(&home, &to), &rows(&home, &home.store()));
    let stats = stats(&home, &to);
    assert_eq!(stats["requests"], next);
    assert_eq!(stats["duplicates"], 0, "a row was sent twice: {stats}");
    home.succeed(&["store", "verify", "--full", "--db", to.to_str().unwrap()]);
}

#[test]
fn a_recorder_that_listens_gets_the_same_rows_over_otlp() {
    let home = everything();
    let other = Home::new();
    let listener = Listener::start(&other, &[]);
    let to = format!("otlp+http://{}", listener.address);
    once(&home, &to);
    once(&home, &to);
    listener.stop();
    let (sent, received) = (
        contents(&home, &home.store()),
        contents(&other, &other.store()),
    );
    assert_eq!(sent.len(), received.len());
    for (mut sent, received) in sent.into_iter().zip(received) {
        // A session that no request names goes by its first request, and is only inferred from those that came.
        if sent["session_id"]
            .as_str()
            .is_some_and(|id| id.starts_with('~'))
        {
            sent["session_id"] = received["session_id"].clone();
        }
        assert_eq!(sent, received);
    }
}

#[test]
fn each_row_is_received_over_otlp_once_whoever_is_killed() {
    let mut random = fastrand::Rng::with_seed(mcpr_seed::seed());
    println!("seed {}", mcpr_seed::seed());
    let (home, other) = (Home::new(), Home::new());
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let address = format!("127.0.0.1:{port}");
    let to = format!("otlp+http://{address}");
    let log = home.write("proxy.log", "");
    let mut next = 0;
    for _ in 0..ROUNDS {
        let mut listener = other
            .command(&["record", "--listen", &address])
            .spawn()
            .unwrap();
        let mut sender = follow(&home, &to);
        let end = next + random.u64(1..1500);
        let mut file = OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all((next..end).map(line).collect::<String>().as_bytes())
            .unwrap();
        next = end;
        home.record(&[&log]);
        std::thread::park_timeout(Duration::from_millis(random.u64(5..400)));
        let mut both = [&mut sender, &mut listener];
        random.shuffle(&mut both);
        for child in both {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let listener = Listener::of(other.command(&["record", "--listen", &address]));
    once(&home, &to);
    listener.stop();
    let ids = |home: &Home| {
        let rows = home.rows(&["--fields", "request_id"]);
        rows.iter().map(Value::to_string).collect::<Vec<_>>()
    };
    let (sent, received) = (ids(&home), ids(&other));
    assert_eq!(u64::try_from(sent.len()).unwrap(), next);
    assert!(sent == received, "{} rows of {next}", received.len());
}

#[test]
fn a_target_that_is_away_is_reported_and_ends_a_run_that_is_to_end() {
    let home = Home::new();
    let log = home.write("proxy.log", line(0));
    home.record(&[&log]);
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let to = format!("otlp+http://127.0.0.1:{port}");
    let ran = home.run(&["forward", "--once", "--to", &to]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("refused"), "{}", ran.err);
    // One that goes on waits for it.
    let child = follow(&home, &to);
    std::thread::park_timeout(Duration::from_millis(300));
    let other = Home::new();
    let address = format!("127.0.0.1:{port}");
    let listener = Listener::of(other.command(&["record", "--listen", &address]));
    until("the row", || other.rows_or_none().len() == 1);
    let shown = end(child);
    assert!(shown.contains("cannot be reached"), "{shown}");
    assert!(shown.contains("sending again"), "{shown}");
    listener.stop();
}

#[test]
fn what_is_no_target_is_refused() {
    let home = Home::new();
    let log = home.write("proxy.log", line(0));
    home.record(&[&log]);
    let own = home.store();
    let own = own.to_str().unwrap();
    for (to, says) in [
        (vec![own], "sent to itself"),
        (vec!["a.db", "a.db"], "twice"),
        (vec!["otlp+ftp://a"], "otlp+http://HOST:PORT"),
        (vec!["otlp+http://u:s3cr3t@a"], "--to"),
        (vec!["ftp://u:s3cr3t@a"], "--to"),
    ] {
        let mut words = vec!["forward", "--once"];
        words.extend(to.iter().flat_map(|to| ["--to", to]));
        let ran = home.run(&words);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{}", ran.err);
        assert!(!ran.err.contains("s3cr3t"), "{}", ran.err);
    }
}

#[test]
fn a_copy_that_has_everything_is_reported_to_have_got_nothing_new() {
    let home = Home::new();
    home.record(&[&super::program::capture("mcpr-0.4.64/proxy.log")]);
    let (from, to) = (home.store(), home.path("copy.db"));
    let [from, to] = [&from, &to].map(|path| path.to_str().unwrap());
    home.succeed(&["store", "copy", from, to]);
    let ran = home.run(&["forward", "--once", "--to", to]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("nothing new was sent"), "{ran:?}");
}
