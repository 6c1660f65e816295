//! Whatever is killed: the recorder, `forward`, a process of the server, or the server whole.
#![expect(
    clippy::print_stdout,
    reason = "a random test says its seed, one that is skipped why"
)]

use super::super::program::Home;
use super::{append, assert_has_all, at_last, forget_recorders, kill, rounds, rows, start};
use mcpr_store_postgres::test_server::TestServer;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// What a round ends.
#[derive(Debug, Clone, Copy)]
enum Killed {
    Sender,
    Recorder,
    Backends,
    Server,
}

/// All of them as often, in an order that nobody knows.
fn killed(random: &mut fastrand::Rng, choices: &[Killed]) -> Vec<Killed> {
    let count = usize::try_from(rounds()).unwrap();
    let mut all: Vec<Killed> = choices.iter().copied().cycle().take(count).collect();
    random.shuffle(&mut all);
    all
}

fn random() -> fastrand::Rng {
    println!("seed {}", mcpr_seed::seed());
    fastrand::Rng::with_seed(mcpr_seed::seed())
}

/// A server with a database.
fn server() -> Option<(TestServer, String)> {
    let server = TestServer::start(&[])?;
    server.execute("CREATE DATABASE d");
    let text = server.text("d");
    Some((server, text))
}

fn kill_some(what: Killed, server: &mut TestServer) {
    if matches!(what, Killed::Backends) {
        server.kill_backends("d");
    } else {
        server.kill();
        server.start_again();
    }
}

/// Kills a process and starts it again.
fn replace(child: &mut Child, start: impl FnOnce() -> Child) {
    kill(child);
    *child = start();
}

/// Adds some lines, and waits for a moment.
fn write_some(log: &Path, next: &mut u64, random: &mut fastrand::Rng) {
    let end = *next + random.u64(1..300);
    append(log, *next..end);
    *next = end;
    std::thread::park_timeout(Duration::from_millis(random.u64(5..80)));
}

#[test]
fn what_is_forwarded_to_a_server_is_there_once_whoever_is_killed() {
    let mut random = random();
    let Some((mut server, to)) = server() else {
        return;
    };
    let home = Home::new();
    let log = home.write("proxy.log", "");
    let record = || start(&home, &["record", log.to_str().unwrap()]);
    let send = || start(&home, &["forward", "--to", &to]);
    let (mut recorder, mut sender) = (record(), send());
    let mut next = 0;
    let choices = [
        Killed::Sender,
        Killed::Recorder,
        Killed::Backends,
        Killed::Server,
    ];
    for what in killed(&mut random, &choices) {
        write_some(&log, &mut next, &mut random);
        match what {
            Killed::Sender => replace(&mut sender, send),
            Killed::Recorder => replace(&mut recorder, record),
            what => kill_some(what, &mut server),
        }
    }
    kill(&mut recorder);
    kill(&mut sender);
    home.record(&[&log]);
    at_last(&home, &["forward", "--once", "--to", &to]);
    assert_has_all(&home, &to, next);
    let own = home.store();
    assert_eq!(rows(&home, &to), rows(&home, own.to_str().unwrap()));
}

#[test]
fn what_is_recorded_on_a_server_is_there_once_whoever_is_killed() {
    let mut random = random();
    let Some((mut server, db)) = server() else {
        return;
    };
    let home = Home::new();
    let log = home.write("proxy.log", "");
    let words = ["record", "--db", &db, log.to_str().unwrap()];
    let record = || start(&home, &words);
    let mut recorder = record();
    let mut next = 0;
    let choices = [Killed::Recorder, Killed::Backends, Killed::Server];
    for what in killed(&mut random, &choices) {
        write_some(&log, &mut next, &mut random);
        match what {
            Killed::Recorder => {
                kill(&mut recorder);
                forget_recorders(&server, "d");
                recorder = record();
            }
            what => kill_some(what, &mut server),
        }
        // One that was started while the server was away has ended.
        if recorder.try_wait().unwrap().is_some() {
            forget_recorders(&server, "d");
            recorder = record();
        }
    }
    kill(&mut recorder);
    forget_recorders(&server, "d");
    at_last(&home, &[&words[..], &["--once"]].concat());
    assert_has_all(&home, &db, next);
}
