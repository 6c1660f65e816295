//! However it ends or stops, the terminal is as it was.

use super::{Watched, recorded};
use crate::program::{Home, signal, until};
use crate::terminal::Terminal;
use rustix::process::Signal;

#[test]
fn each_way_to_leave_gives_the_terminal_back() {
    let home = recorded();
    let check = |what: &str, leave: &dyn Fn(&Watched), code: i32| {
        let watched = Watched::start(&home, 80, 24, &[]);
        watched.expect("● live");
        assert!(watched.emulated().screen().alternate_screen());
        assert!(!watched.session.is_cooked());
        leave(&watched);
        assert_eq!(watched.end(), Some(code), "{what}");
    };
    check("q", &|watched| watched.keys("q"), 0);
    check("Ctrl-C", &|watched| watched.keys("\x03"), 130);
    check(
        "Ctrl-C while one types",
        &|watched| watched.keys("/abc\x03\x03"),
        130,
    );
    check(
        "TERM",
        &|watched| signal(&watched.session.child, Signal::TERM),
        143,
    );
    check(
        "HUP",
        &|watched| signal(&watched.session.child, Signal::HUP),
        129,
    );
}

#[test]
fn a_suspended_screen_gives_the_terminal_back_and_takes_it_again() {
    let home = recorded();
    let mut watched = Watched::start(&home, 80, 24, &[]);
    watched.expect("● live");
    let stat = format!("/proc/{}/stat", watched.session.child.id());
    let is_stopped = || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    // By the key, and by the signal that another program sends.
    for stop in [
        &(|watched: &Watched| watched.keys("\x1a")) as &dyn Fn(&Watched),
        &|watched: &Watched| signal(&watched.session.child, Signal::TSTP),
    ] {
        stop(&watched);
        until("it is stopped", is_stopped);
        until("the terminal is given back", || watched.is_given_back());
        watched.resize(100, 30);
        signal(&watched.session.child, Signal::CONT);
        until("the terminal is taken again", || {
            !watched.session.is_cooked()
        });
        watched.expect("● live");
        watched.keys("2");
        watched.expect("[2 sessions]");
        watched.keys("1");
    }
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
}

#[test]
fn without_a_terminal_it_names_what_shows_the_same() {
    let home = recorded();
    let ran = home.run(&["watch"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("needs a terminal"), "{ran:?}");
    assert!(ran.err.contains("hint: `mcpr logs --follow`"), "{ran:?}");
    let dumb = Terminal::of(&home).env("TERM", "dumb").run(&["watch"]);
    assert_eq!(dumb.code, Some(2), "{dumb:?}");
    assert!(dumb.out.contains("mcpr logs --follow"), "{dumb:?}");
}

#[test]
fn a_store_that_cannot_be_read_is_reported_before_the_terminal_is_taken() {
    let home = Home::new();
    let file = home.write(
        "no.db",
        "this is not a store, and it is long enough to be looked at",
    );
    let ran = Terminal::of(&home).run(&["watch", "--db", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.out.contains("file is not a database"), "{ran:?}");
    assert!(!ran.out.contains("\x1b[?1049h"), "{ran:?}");
}

#[test]
fn a_terminal_that_vanishes_ends_it_as_a_hang_up() {
    let home = recorded();
    let terminal = Terminal::of(&home)
        .size(80, 24)
        .env("TERM", "xterm-256color");
    let mut child = terminal.start_and_vanish(&["watch"], "live");
    let mut status = None;
    until("the program ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(129));
}
