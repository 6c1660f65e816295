//! `--follow` through the built program: every row once, whatever happens meanwhile.

use super::kill::line;
use super::program::{Home, json_lines, signal, until};
use rustix::process::Signal;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};

fn append(path: &Path, numbers: std::ops::Range<u64>) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    let text: String = numbers.map(line).collect();
    file.write_all(text.as_bytes()).unwrap();
}

fn record(home: &Home, source: &Path) -> Child {
    let mut command = home.command(&["record", source.to_str().unwrap()]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A follower whose rows go to the end of a file.
fn follow_into(home: &Home, out: &Path, words: &[&str]) -> Child {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(out)
        .unwrap();
    let mut command = home.command(words);
    command.stdout(file).stderr(Stdio::null()).spawn().unwrap()
}

fn end(mut child: Child, by: Signal) -> Option<i32> {
    signal(&child, by);
    child.wait().unwrap().code()
}

fn printed(out: &Path) -> usize {
    fs::read(out).map_or(0, |bytes| memchr::memchr_iter(b'\n', &bytes).count())
}

fn cursor_seq(path: &Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

#[test]
fn every_matching_row_comes_once_over_a_vacuum_and_restarts() {
    const LINES: u64 = 100_000;
    const STEP: u64 = 10_000;
    let home = Home::new();
    let (source, out, cursor) = (home.path("p.log"), home.path("out"), home.path("cursor"));
    let words = [
        "logs",
        "--follow",
        "--json",
        "--min-latency",
        "500us",
        "--cursor-file",
        cursor.to_str().unwrap(),
    ];
    let mut follower = follow_into(&home, &out, &words);
    append(&source, 0..1);
    let mut recorder = record(&home, &source);
    for step in 0..LINES / STEP {
        append(&source, (step * STEP).max(1)..(step + 1) * STEP);
        match step {
            2 => {
                until("rows were printed", || printed(&out) > 0);
                assert_eq!(end(follower, Signal::TERM), Some(143));
                follower = follow_into(&home, &out, &words);
            }
            5 => {
                end(recorder, Signal::KILL);
                recorder = record(&home, &source);
            }
            7 => {
                // What has been shown may go; what has not been shown must be there to be shown.
                let shown = cursor_seq(&cursor);
                assert!(shown > 0, "the cursor is written while it goes on");
                let before = format!("@{}", 1_795_224_422 + shown / 1000);
                home.succeed(&["store", "vacuum", "--yes", "--before", &before]);
            }
            _ => {}
        }
    }
    let expected: Vec<u64> = (0..LINES).filter(|number| number % 1000 >= 500).collect();
    until("every row was printed", || printed(&out) >= expected.len());
    until("the cursor has come to the end", || {
        cursor_seq(&cursor) == LINES
    });
    assert_eq!(end(follower, Signal::INT), Some(130));
    end(recorder, Signal::TERM);
    let rows = json_lines(&fs::read_to_string(&out).unwrap());
    let numbers: Vec<u64> = rows
        .iter()
        .map(|row| u64::from_str_radix(&row["request_id"].as_str().unwrap()[24..], 16).unwrap())
        .collect();
    assert_eq!(numbers.len(), expected.len());
    assert!(numbers == expected, "in another order, or others");
    let more = home.succeed(&[&words[..1], &words[2..]].concat());
    assert_eq!(more, "", "the cursor is at the end");
}

#[test]
fn a_store_is_waited_for_and_another_in_its_place_is_shown_from_its_beginning() {
    let home = Home::new();
    let source = home.path("p.log");
    let words = [
        "logs",
        "--follow",
        "--json",
        "--fields",
        "request_id",
        "--timeout",
        "25s",
    ];
    let mut command = home.command(&words);
    let mut follower = command.stderr(Stdio::null()).spawn().unwrap();
    let mut rows = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = |number: u64| {
        let row = rows.next().unwrap().unwrap();
        let id = format!("\"00000000-0000-4000-8000-{number:012x}\"");
        assert!(row.contains(&id), "{row} is not {number}");
    };
    append(&source, 0..3);
    home.record(&[&source]);
    for number in 0..3 {
        next(number);
    }
    let other = Home::new();
    append(&source, 3..5);
    other.record(&[&source]);
    fs::rename(other.store(), home.store()).unwrap();
    for number in 0..5 {
        next(number);
    }
    append(&source, 5..6);
    home.record(&[&source]);
    next(5);
    assert_eq!(end(follower, Signal::INT), Some(130));
}

#[test]
fn it_ends_when_nobody_reads_any_more_although_nothing_is_written() {
    let home = Home::new();
    let source = home.path("p.log");
    append(&source, 0..3);
    home.record(&[&source]);
    let mut follower = home
        .command(&["logs", "--follow", "--json"])
        .spawn()
        .unwrap();
    let mut output = BufReader::new(follower.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    drop(output);
    let began = std::time::Instant::now();
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    assert!(began.elapsed().as_secs() < 20, "it waited for its own end");
}

#[test]
fn it_ends_by_a_signal_while_its_reader_takes_nothing() {
    let home = Home::new();
    let source = home.path("p.log");
    append(&source, 0..5_000);
    home.record(&[&source]);
    let words = ["logs", "--follow", "--json", "--after", "0"];
    let mut follower = home.command(&words).spawn().unwrap();
    let mut output = BufReader::new(follower.stdout.take().unwrap());
    // It has begun to write, and has far more to say than a pipe holds.
    output.read_line(&mut String::new()).unwrap();
    signal(&follower, Signal::INT);
    assert_eq!(follower.wait().unwrap().code(), Some(130));
    drop(output);
}

#[test]
fn limits_end_it_with_success() {
    let home = Home::new();
    let source = home.path("p.log");
    append(&source, 0..50);
    home.record(&[&source]);
    let lines = |words: &[&str]| home.succeed(words).lines().count();
    assert_eq!(
        lines(&["logs", "--follow", "--json", "--timeout", "50ms"]),
        10
    );
    assert_eq!(lines(&["logs", "--follow", "--json", "--max", "3"]), 3);
    assert_eq!(
        lines(&["logs", "--follow", "--json", "--after", "0", "--max", "33"]),
        33
    );
    assert_eq!(
        lines(&[
            "slow",
            "--follow",
            "--json",
            "--since",
            "@0",
            "--threshold",
            "40us",
            "--max",
            "5"
        ]),
        5
    );
    let ran = home.run(&["logs", "--follow", "--format", "json"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let ran = home.run(&["logs", "--max", "3"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn a_cursor_file_that_is_none_is_an_error_and_stays_as_it_is() {
    let home = Home::new();
    let source = home.path("p.log");
    append(&source, 0..3);
    home.record(&[&source]);
    let cursor = home.write("cursor", "something else\n");
    let ran = home.run(&["logs", "--cursor-file", cursor.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("not a cursor file"), "{ran:?}");
    assert_eq!(fs::read_to_string(&cursor).unwrap(), "something else\n");
    let nowhere = home.path("nowhere/cursor");
    let ran = home.run(&["logs", "--cursor-file", nowhere.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("cannot write the cursor file"), "{ran:?}");
}
