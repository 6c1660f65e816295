//! Recorders that are stopped, killed or held up while clients post.

use super::client::{Client, Listener, reply_to};
use crate::kill::line;
use crate::program::{Home, signal, until};
use rustix::process::Signal;
use std::time::Duration;

/// Bodies of five events each.
fn body(number: u64) -> String {
    let lines: Vec<String> = (number * 5..number * 5 + 5).map(line).collect();
    format!("[{}]", lines.join(","))
}

/// Holds the store, so that nothing is committed until it is dropped.
pub(super) fn hold(home: &Home) -> rusqlite::Connection {
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    holder
}

#[test]
fn a_post_whose_answer_was_lost_with_the_recorder_is_stored_once_when_it_comes_again() {
    let home = Home::new();
    for number in 0..5 {
        let mut listener = Listener::start(&home, &[]);
        let mut client = Client::connect(listener.address);
        client.send_post("/", &body(number));
        let before = usize::try_from(number).unwrap() * 5;
        until("it is committed", || {
            home.rows_or_none().len() == before + 5
        });
        listener.kill();
        let listener = Listener::start(&home, &[]);
        assert_eq!(
            Client::connect(listener.address)
                .post("/", &body(number))
                .status,
            200
        );
        assert!(listener.stop().contains("0 stored, 5 duplicates"));
    }
    assert_eq!(home.rows(&[]).len(), 25);
}

#[test]
fn no_post_is_lost_or_stored_twice_when_the_recorder_is_killed_at_any_moment() {
    const ROUNDS: u64 = 25;
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let home = Home::new();
    let mut next = 0;
    for _ in 0..ROUNDS {
        let mut listener = Listener::start(&home, &[]);
        let mut client = Client::connect(listener.address);
        let pause = Duration::from_micros(random.u64(0..30_000));
        let killer = std::thread::spawn(move || {
            std::thread::park_timeout(pause);
            listener.kill();
        });
        // What is not answered is posted again, to the next recorder.
        loop {
            client.send_post("/", &body(next));
            match client.reply() {
                Some(reply) => assert_eq!(reply.status, 200, "{reply:?}"),
                None => break,
            }
            next += 1;
        }
        killer.join().unwrap();
    }
    let listener = Listener::start(&home, &[]);
    assert_eq!(
        Client::connect(listener.address)
            .post("/", &body(next))
            .status,
        200
    );
    listener.stop();
    let rows = home.rows(&[]);
    let mut ids: Vec<&str> = rows
        .iter()
        .map(|row| row["request_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let expected: Vec<String> = (0..(next + 1) * 5)
        .map(|n| format!("00000000-0000-4000-8000-{n:012x}"))
        .collect();
    assert_eq!(ids, expected, "seed {seed}");
}

#[test]
fn a_signal_lets_what_is_in_flight_be_stored_and_answered() {
    let home = Home::new();
    let mut listener = Listener::start(&home, &[]);
    let mut idle = Client::connect(listener.address);
    assert_eq!(idle.post("/", &body(0)).status, 200);
    let mut client = Client::connect(listener.address);
    let body = body(1);
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        listener.address,
        body.len()
    ));
    assert_eq!(
        client.reply().unwrap().status,
        100,
        "it is asked for its body"
    );
    let holder = hold(&home);
    client.send(&body[..100]);
    signal(&listener.child, Signal::TERM);
    assert!(idle.reply().is_none(), "an idle connection is ended");
    client.send(&body[100..]);
    drop(holder);
    let reply = client.reply().unwrap();
    assert_eq!(
        (reply.status, &reply.json()["events"]),
        (200, &5.into()),
        "{reply:?}"
    );
    let messages = listener.wait();
    assert!(messages.contains("10 stored"), "{messages}");
    assert_eq!(home.rows(&[]).len(), 10);
}

#[test]
fn a_store_that_is_held_too_long_is_reported_and_the_retry_is_stored_once() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    assert_eq!(
        Client::connect(listener.address).post("/", &body(0)).status,
        200
    );
    let holder = hold(&home);
    let mut client = Client::connect(listener.address);
    let reply = client.post("/", &body(1));
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.head.contains("retry-after: 1"), "{reply:?}");
    assert!(reply.body.contains("not committed"), "{reply:?}");
    drop(holder);
    assert_eq!(
        Client::connect(listener.address).post("/", &body(1)).status,
        200
    );
    let messages = listener.stop();
    assert!(messages.contains("10 stored, 5 duplicates"), "{messages}");
    assert_eq!(home.rows(&[]).len(), 10);
}

/// A line of a desktop host's log.
fn logged(second: u32, way: &str, json: &str) -> String {
    format!("2025-03-18T12:53:{second:02}.000Z [fs] [info] Message from {way}: {json}\n")
}

fn post_lines(listener: &Listener, text: &str) {
    let head = "Content-Type: application/x-ndjson\r\n";
    let reply = reply_to(listener.address, "POST /", head, text);
    assert_eq!(reply.status, 200, "{reply:?}");
}

fn outcomes(home: &Home) -> Vec<String> {
    let rows = home.rows(&[]);
    let messages = rows.iter().map(|row| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        format!("{} {}", text("method"), text("status"))
    });
    messages.collect()
}

#[test]
fn a_request_that_was_posted_and_never_answered_is_stored_at_the_end() {
    let home = Home::new();
    let ping = logged(10, "client", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let answer = logged(12, "server", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let listener = Listener::start(&home, &[]);
    post_lines(&listener, &ping);
    assert!(listener.stop().contains("1 stored"));
    assert_eq!(outcomes(&home), ["ping timeout"]);
    // The log is posted again, by itself and with the answer that came meanwhile.
    for body in [ping.clone(), ping.clone() + &answer, answer.clone()] {
        let listener = Listener::start(&home, &[]);
        post_lines(&listener, &body);
        assert!(listener.stop().contains("0 stored"));
        assert_eq!(outcomes(&home), ["ping timeout"], "{body}");
    }
}

#[test]
fn a_post_of_a_log_that_comes_again_gives_nothing_up() {
    let home = Home::new();
    let begin = [
        logged(
            9,
            "client",
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#,
        ),
        logged(9, "server", r#"{"jsonrpc":"2.0","id":0,"result":{}}"#),
        logged(10, "client", r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
    ];
    let answer = logged(12, "server", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let listener = Listener::start(&home, &[]);
    for body in [
        &begin.concat(),
        &begin.concat(),
        &answer,
        &answer,
        &begin[2],
    ] {
        post_lines(&listener, body);
    }
    listener.stop();
    assert_eq!(outcomes(&home), ["initialize ok", "ping ok"]);
}
