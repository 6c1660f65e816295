//! Long work shows a bar on a terminal, and nothing elsewhere.

use crate::program::{Home, until};
use crate::terminal::Terminal;
use std::process::Stdio;
use std::time::{Duration, Instant};

const LINES: u64 = 60_000;

/// Does something that takes longer than a second: the store is held by somebody for so long.
fn held(home: &Home, hold: &str, terminal: Terminal<'_>, arguments: &[&str]) -> (String, String) {
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch(hold).unwrap();
    let session = terminal.start(arguments);
    let began = Instant::now();
    until("more than a second has passed", || {
        began.elapsed() > Duration::from_millis(1_200)
    });
    drop(holder);
    let ran = session.finish();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    (ran.out, ran.err)
}

/// Records a backlog.
fn shown(home: &Home, terminal: Terminal<'_>) -> (String, String) {
    let lines: String = (0..LINES).map(crate::kill::line).collect();
    let file = home.write("backlog.log", lines);
    home.record(&[&home.write("first.log", "text\n")]);
    let arguments = ["record", "--once", file.to_str().unwrap()];
    held(home, "BEGIN IMMEDIATE", terminal, &arguments)
}

#[test]
fn a_backlog_of_more_than_a_second_shows_a_bar_on_a_terminal() {
    let home = Home::new();
    let (screen, _) = shown(&home, Terminal::of(&home).env("TERM", "xterm"));
    let (bar, closing) = screen.split_at(screen.find("recorded ").unwrap());
    assert!(bar.contains("left") && bar.contains("MiB"), "{screen:?}");
    assert!(closing.ends_with("lines/s)\n"), "{screen:?}");
}

#[test]
fn elsewhere_there_is_none() {
    let home = Home::new();
    let (screen, err) = shown(&home, Terminal::of(&home).messages(Stdio::piped()));
    assert_eq!(screen, "");
    assert_eq!(err.lines().count(), 1, "{err:?}");
    assert!(err.starts_with("recorded "), "{err:?}");
}

#[test]
fn a_dumb_terminal_is_not_drawn_on() {
    let home = Home::new();
    let (screen, _) = shown(&home, Terminal::of(&home).env("TERM", "dumb"));
    assert!(
        !screen.contains('\x1b') && screen.starts_with("recorded "),
        "{screen:?}"
    );
}

#[test]
fn a_long_vacuum_shows_rows() {
    let home = Home::new();
    let lines: String = (0..LINES / 2).map(crate::kill::line).collect();
    home.record(&[&home.write("backlog.log", lines)]);
    let vacuum = ["store", "vacuum", "--before", "now", "--yes"];
    let terminal = Terminal::of(&home).env("TERM", "xterm");
    let (screen, _) = held(&home, "BEGIN IMMEDIATE", terminal, &vacuum);
    assert!(screen.contains("/30,000 rows"), "{screen:?}");
    assert!(screen.contains("removed 30,000 rows"), "{screen:?}");
}

#[test]
fn a_long_check_shows_that_it_lives() {
    let home = super::recorded();
    let hold = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
    let terminal = Terminal::of(&home).env("TERM", "xterm");
    let (screen, _) = held(&home, hold, terminal, &["store", "verify"]);
    assert!(screen.contains("looking for damage"), "{screen:?}");
    assert!(screen.ends_with("checked\n"), "{screen:?}");
    let terminal = Terminal::of(&home).messages(Stdio::piped());
    let (screen, err) = held(&home, hold, terminal, &["store", "verify"]);
    assert!(
        screen.starts_with("no damage found") && err.is_empty(),
        "{screen:?} {err:?}"
    );
}
