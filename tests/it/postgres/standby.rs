//! A primary with a synchronous standby, which takes its place while a recorder writes.
#![expect(
    clippy::print_stdout,
    reason = "a random test says its seed, one that is skipped why"
)]

use super::super::program::{Home, signal, until};
use super::{append, assert_has_all, numbers, start_reporting};
use mcpr_store_postgres::test_server::TestServer;
use rustix::process::Signal;
use std::time::Duration;

/// How often the primary is lost.
const PROMOTIONS: u64 = 3;

/// The URL of a database that is on whichever of two servers.
fn on_either(one: &TestServer, other: &TestServer, parameters: &str) -> String {
    let (one, other) = (one.directory().display(), other.directory().display());
    let port = mcpr_store_postgres::test_server::PORT;
    format!("postgres://mcpr@/d?host={one},{other}&port={port}{parameters}")
}

/// A standby without which nothing is acknowledged by the primary.
fn with_standby(primary: &TestServer) -> Option<TestServer> {
    let standby = primary.standby(&[]);
    if standby.is_none() {
        println!("SKIPPED: this server has no pg_basebackup");
    }
    let standby = standby?;
    primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.execute("SELECT pg_reload_conf()");
    let is_synchronous = || {
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        let row = primary.client("postgres").query_one(sql, &[]).unwrap();
        row.get::<_, i64>(0) == 1
    };
    until("the standby is synchronous", is_synchronous);
    Some(standby)
}

#[test]
fn a_promotion_in_the_middle_of_recording_loses_and_repeats_nothing() {
    let mut random = fastrand::Rng::with_seed(mcpr_seed::seed());
    println!("seed {}", mcpr_seed::seed());
    let Some(mut primary) = TestServer::start(&[]) else {
        return;
    };
    primary.execute("CREATE DATABASE d");
    let home = Home::new();
    let log = home.write("proxy.log", "");
    let mut next = 0;
    for _ in 0..PROMOTIONS {
        let Some(standby) = with_standby(&primary) else {
            return;
        };
        let db = on_either(&primary, &standby, "");
        let words = ["record", "--db", &db, log.to_str().unwrap()];
        let mut recorder = start_reporting(&home, &words, "stderr");
        let had = next;
        let mut write = |random: &mut fastrand::Rng| {
            let end = next + random.u64(1..400);
            append(&log, next..end);
            next = end;
            std::thread::park_timeout(Duration::from_millis(random.u64(5..60)));
        };
        write(&mut random);
        // One whose server goes while it begins has ended, as any whose server is not there.
        until("it is at work", || numbers(&home, &db).len() as u64 > had);
        for _ in 0..10 {
            write(&mut random);
        }
        // What readers have seen was acknowledged.
        let seen = numbers(&home, &db).len();
        write(&mut random);
        primary.kill();
        write(&mut random);
        standby.execute("SELECT pg_promote()");
        let after = numbers(&home, &db).len();
        assert!(after >= seen, "{after} rows of {seen} that were there");
        write(&mut random);
        let has_all = || numbers(&home, &db).len() as u64 == next;
        until("the recorder has gone on", || {
            let messages = || std::fs::read_to_string(home.path("stderr")).unwrap();
            assert!(recorder.try_wait().unwrap().is_none(), "{}", messages());
            has_all()
        });
        signal(&recorder, Signal::TERM);
        assert_eq!(recorder.wait().unwrap().code(), Some(0));
        assert_has_all(&home, &db, next);
        primary = standby;
    }
}

#[test]
fn readers_take_the_standby_and_recorders_refuse_it() {
    let Some(primary) = TestServer::start(&[]) else {
        return;
    };
    primary.execute("CREATE DATABASE d");
    let home = Home::new();
    let log = home.write("proxy.log", "");
    let log = log.to_str().unwrap();
    append(std::path::Path::new(log), 0..10);
    home.succeed(&["record", "--once", "--db", &primary.text("d"), log]);
    let Some(standby) = with_standby(&primary) else {
        return;
    };
    let both = on_either(&primary, &standby, "&target_session_attrs=prefer-standby");
    let follower = {
        let out = std::fs::File::create(home.path("out")).unwrap();
        let mut command = home.command(&["logs", "--follow", "--tail", "all", "--db", &both]);
        command.stdout(out).spawn().unwrap()
    };
    let printed = || {
        std::fs::read_to_string(home.path("out"))
            .unwrap()
            .lines()
            .count()
    };
    until("the follower has the rows", || printed() >= 10);
    let readers = |server: &TestServer| {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mcpr' AND datname = 'd'";
        server
            .client("d")
            .query_one(sql, &[])
            .unwrap()
            .get::<_, i64>(0)
    };
    assert_eq!((readers(&primary), readers(&standby)), (0, 1));
    // A recorder finds the primary with the same URL, and refuses the standby alone.
    append(std::path::Path::new(log), 10..20);
    home.succeed(&["record", "--once", "--db", &both, log]);
    until("the follower has the new rows", || printed() >= 20);
    let refused = home.run(&["record", "--once", "--db", &standby.text("d"), log]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for part in [
        "is a standby, which may only be read",
        "name the primary",
        "/d",
    ] {
        assert!(refused.err.contains(part), "{part}: {refused:?}");
    }
    signal(&follower, Signal::TERM);
    let mut follower = follower;
    follower.wait().unwrap();
}
