//! What waits while the store takes nothing: it is bounded, and reported instead of dropped.

use super::client::{Client, Listener, reply_to};
use super::stopping::hold;
use crate::kill::line;
use crate::program::{Home, until};
use std::io::Write;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The most memory that a process ever had, in MiB.
fn peak_mib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

/// An array of events of nearly 8 MiB.
fn large_body() -> String {
    let mut body = String::from("[");
    for number in 0.. {
        let event = line(number);
        if body.len() + event.len() + 1 > 8 << 20 {
            break;
        }
        body.push_str(event.trim_end());
        body.push(',');
    }
    body.pop();
    body + "]"
}

#[test]
fn many_large_posts_into_a_held_store_are_sent_away_before_they_fill_the_memory() {
    const POSTS: usize = 60;
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let first = Client::connect(listener.address).post("/", &line(1_000_000));
    assert_eq!(first.status, 200);
    let holder = hold(&home);
    let (body, address) = (large_body(), listener.address);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        let posts: Vec<_> = (0..POSTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    client.send_post("/", &body);
                    let reply = client.reply();
                    answered.fetch_add(1, Ordering::Relaxed);
                    reply
                })
            })
            .collect();
        // Nothing that is decoded or waits keeps others from being answered.
        until("every post was answered", || {
            let health = reply_to(address, "GET /healthz", "", "");
            assert_eq!(health.status, 200, "{health:?}");
            answered.load(Ordering::Relaxed) == POSTS
        });
        for post in posts {
            // What was sent away in the middle of its body may find the connection closed.
            let reply = post.join().unwrap();
            let refused =
                reply.is_none_or(|it| it.status == 503 && it.head.contains("retry-after"));
            assert!(refused, "nothing was committed");
        }
    });
    let peak = peak_mib(&listener.child);
    println!("peak: {peak} MiB");
    assert!(peak < 256, "{peak} MiB");
    drop(holder);
    let again = Client::connect(address).post("/", &line(1_000_001));
    assert_eq!(again.status, 200, "{again:?}");
}

#[test]
fn more_posts_than_are_taken_at_a_time_are_asked_to_come_again() {
    const POSTS: usize = 150;
    const TAKEN: usize = 64;
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let holder = hold(&home);
    let (address, refused) = (listener.address, AtomicUsize::new(0));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let refused = &refused;
        let posts: Vec<_> = (0..POSTS)
            .map(|number| {
                scope.spawn(move || {
                    let reply = Client::connect(address).post("/", &line(number as u64));
                    if reply.status == 503 {
                        assert!(reply.head.contains("retry-after: 1"), "{reply:?}");
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                    reply.status
                })
            })
            .collect();
        until("what is too much was sent away", || {
            refused.load(Ordering::Relaxed) == POSTS - TAKEN
        });
        drop(holder);
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(503)), (TAKEN, POSTS - TAKEN));
    assert!(listener.stop().contains(&format!("{TAKEN} stored")));
}

#[test]
fn lines_without_events_do_not_gather_while_the_store_is_held() {
    const LINES: u64 = 480_000;
    let text = format!("{}\n", "some line of plain text ".repeat(4));
    let home = Home::new();
    for full in ["drop", "block"] {
        let mut command = home.command(&["record", "-", "--on-full", full]);
        let mut recorder = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mut input = recorder.stdin.take().unwrap();
        let number = if full == "drop" { 1 } else { 2 };
        input.write_all(line(number).as_bytes()).unwrap();
        until("the first event is stored", || {
            home.rows_or_none().len() as u64 == number
        });
        let holder = hold(&home);
        let lines = text.repeat(1000);
        for _ in 0..LINES / 1000 {
            input.write_all(lines.as_bytes()).unwrap();
        }
        let peak = peak_mib(&recorder);
        println!("{full}: {peak} MiB");
        drop((holder, input));
        let messages = recorder.wait_with_output().unwrap();
        let messages = String::from_utf8(messages.stderr).unwrap();
        assert!(messages.contains(" 0 gaps"), "{messages}");
        assert!(peak < 96, "{full}: {peak} MiB");
    }
    let stats = home.succeed(&["store", "stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["sources"][0]["text"], 2 * LINES, "{stats}");
}
