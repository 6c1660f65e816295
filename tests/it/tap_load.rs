//! `mcpr tap` under what is hard on it: many messages, characters in pieces, a store that goes away.

use super::program::{Home, until};
use super::tap::{ANSWERS, Tap};
use std::fs;
use std::io::{BufRead, BufReader};
use std::thread;
use std::time::{Duration, Instant};

/// Answers requests whose id comes first; quicker than a shell.
const QUICK: &str = r#"exec sed -u -E 's/^\{"id":([0-9]+),.*/{"id":\1,"result":{}}/'"#;

#[test]
fn ten_thousand_messages_a_second_are_passed_and_recorded() {
    // A call and its answer are two messages.
    const CALLS_A_TICK: usize = 50;
    const TICK: Duration = Duration::from_millis(10);
    const TICKS: u32 = 200;
    let calls = CALLS_A_TICK * usize::try_from(TICKS).unwrap();
    let home = Home::new();
    let mut tap = Tap::start(&home, &["-v"], QUICK);
    let output = BufReader::new(tap.0.stdout.take().unwrap());
    let began = Instant::now();
    let reader = thread::spawn(move || {
        let answers = output.lines().map(Result::unwrap).take(calls);
        let answers: Vec<String> = answers.collect();
        (answers, began.elapsed())
    });
    for tick in 0..TICKS {
        until("a tick", || began.elapsed() >= TICK * tick);
        let first = CALLS_A_TICK * usize::try_from(tick).unwrap();
        let calls = (first..first + CALLS_A_TICK).map(|id| {
            format!("{{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"echo\"}}}}\n")
        });
        tap.send(calls.collect::<String>().as_bytes());
    }
    let (answers, took) = reader.join().unwrap();
    let expected = (0..calls).map(|id| format!("{{\"id\":{id},\"result\":{{}}}}"));
    assert!(answers == expected.collect::<Vec<_>>(), "other answers");
    // The last tick begins one tick before the end; a second more is for a machine with other work.
    let most = TICK * TICKS + Duration::from_secs(1);
    assert!(took < most, "{} messages took {took:?}", 2 * calls);
    let ended = tap.end();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{err}");
    assert!(err.contains(&format!("{calls} stored")), "{err}");
    let rows = home.rows(&[]);
    let good = |row: &&serde_json::Value| row["status"] == "ok" && row["tool"] == "echo";
    assert_eq!(rows.iter().filter(good).count(), calls);
    assert_eq!(rows.len(), calls, "and no gap");
}

#[test]
fn a_flood_of_large_messages_is_recorded_while_the_store_is_free() {
    // Twice what may be held: the tap has to read it while it comes.
    const CALLS: usize = 1600;
    let home = Home::new();
    let mut tap = Tap::start(&home, &["-v"], "exec cat");
    let mut output = tap.0.stdout.take().unwrap();
    let reader = thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()).unwrap());
    let text = "x".repeat(40_000);
    let mut sent = 0;
    for id in 0..CALLS {
        let line = format!("{{\"id\":{id},\"method\":\"ping\",\"params\":{{\"a\":\"{text}\"}}}}\n");
        tap.send(line.as_bytes());
        sent += line.len() as u64;
    }
    let ended = tap.end();
    assert_eq!(reader.join().unwrap(), sent);
    let err = String::from_utf8(ended.stderr).unwrap();
    // The server asks the same back, and nobody answers anybody.
    assert!(err.contains(&format!("{} stored", 2 * CALLS)), "{err}");
}

#[test]
fn characters_in_pieces_are_whole_in_the_rows() {
    let home = Home::new();
    let name = "Grüße-世界-👩‍🚀";
    let mut tap = Tap::start(&home, &[], QUICK);
    let line = |id: usize| {
        format!("{{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{name}\"}}}}\n")
    };
    // The first one byte by byte; then cut once, at every place.
    for byte in line(0).as_bytes() {
        tap.send(std::slice::from_ref(byte));
        thread::yield_now();
    }
    let cuts = line(0).len();
    for cut in 1..cuts {
        let line = line(cut);
        let (head, tail) = line.as_bytes().split_at(cut);
        tap.send(head);
        thread::yield_now();
        tap.send(tail);
    }
    let ended = tap.end();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(ended.stdout.split(|&byte| byte == b'\n').count(), cuts + 1);
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), cuts);
    let is_whole = |row: &serde_json::Value| row["tool"] == name && row["status"] == "ok";
    assert!(rows.iter().all(is_whole), "{rows:?}");
}

#[test]
fn a_store_that_is_deleted_in_a_session_disturbs_nobody() {
    let home = Home::new();
    let mut tap = Tap::start(&home, &[], &format!("{ANSWERS}; exit 6"));
    tap.send(b"{\"id\":0,\"method\":\"ping\"}\n");
    until("the first row is stored", || home.rows_or_none().len() == 1);
    fs::remove_dir_all(home.store().parent().unwrap()).unwrap();
    for id in 1..200 {
        tap.send(format!("{{\"id\":{id},\"method\":\"ping\"}}\n").as_bytes());
    }
    let expected =
        (0..200).map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n"));
    let expected: String = expected.collect();
    let ended = tap.end();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(6), "{err}");
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), expected, "{err}");
    assert!(err.contains("was removed while it was open"), "{err}");
}
