//! Who decides on colour, and that off means off.

use super::{LISTS, recorded};
use crate::program::{Home, Ran};
use crate::terminal::Terminal;
use std::process::Stdio;

type Variables = &'static [(&'static str, &'static str)];

/// What is reported about colour, and whether standard output is a terminal.
struct Case(&'static [&'static str], Variables, bool);

fn run(home: &Home, case: &Case, arguments: &[&str]) -> Ran {
    let Case(flags, variables, is_terminal) = case;
    let arguments = [arguments, flags].concat();
    if *is_terminal {
        let mut terminal = Terminal::of(home);
        for (name, value) in *variables {
            terminal = terminal.env(name, value);
        }
        return terminal.run(&arguments);
    }
    let mut command = home.command(&arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Every way to colour, and whether there is any.
const CASES: [(Case, bool); 23] = [
    (Case(&[], &[], true), true),
    (Case(&[], &[], false), false),
    (Case(&[], &[("TERM", "xterm")], true), true),
    (Case(&[], &[("TERM", "dumb")], true), false),
    (Case(&[], &[("CLICOLOR", "0")], true), false),
    (Case(&[], &[("CLICOLOR", "1")], true), true),
    (Case(&[], &[("CLICOLOR", "1")], false), false),
    (
        Case(&[], &[("CLICOLOR", "1"), ("TERM", "dumb")], true),
        false,
    ),
    (Case(&[], &[("CLICOLOR_FORCE", "1")], false), true),
    (Case(&[], &[("CLICOLOR_FORCE", "")], false), false),
    (Case(&[], &[("CLICOLOR_FORCE", "0")], false), false),
    (Case(&[], &[("CLICOLOR_FORCE", "0")], true), true),
    (
        Case(&[], &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")], false),
        true,
    ),
    (
        Case(&[], &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true),
        true,
    ),
    (Case(&[], &[("NO_COLOR", "1")], true), false),
    (Case(&[], &[("NO_COLOR", "0")], true), false),
    (Case(&[], &[("NO_COLOR", "")], true), true),
    (
        Case(&[], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true),
        false,
    ),
    (
        Case(
            &["--color", "always"],
            &[("NO_COLOR", "1"), ("TERM", "dumb")],
            true,
        ),
        true,
    ),
    (Case(&["--color=always"], &[("CLICOLOR", "0")], false), true),
    (
        Case(&["--color", "never"], &[("CLICOLOR_FORCE", "1")], true),
        false,
    ),
    (
        Case(&["--color=never"], &[("CLICOLOR_FORCE", "1")], false),
        false,
    ),
    (
        Case(&["--color", "auto"], &[("NO_COLOR", "1")], true),
        false,
    ),
];

#[test]
fn the_first_that_has_a_say_decides_of_tables() {
    let home = recorded();
    for (case, expected) in &CASES {
        let Case(flags, variables, is_terminal) = case;
        let what = format!("{flags:?} {variables:?} {is_terminal}");
        let ran = run(&home, case, &["logs", "--status", "error"]);
        assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
        assert_eq!(ran.out.contains('\x1b'), *expected, "{what}: {ran:?}");
    }
}

#[test]
fn the_first_that_has_a_say_decides_of_messages_too() {
    let home = recorded();
    for arguments in [
        &["logs", "--since", "nonsense"][..],
        &["logs", "--nonsense"],
        &["session", "x", "--db", "none"],
    ] {
        for (case, expected) in &CASES {
            let Case(flags, variables, is_terminal) = case;
            let what = format!("{arguments:?} {flags:?} {variables:?} {is_terminal}");
            let ran = run(&home, case, arguments);
            let printed = ran.out + &ran.err;
            assert_eq!(ran.code, Some(2), "{what}: {printed}");
            assert_eq!(printed.contains('\x1b'), *expected, "{what}: {printed}");
        }
    }
}

#[test]
fn each_stream_is_judged_by_itself() {
    let home = recorded();
    let piped = Terminal::of(&home).messages(Stdio::piped());
    let ran = piped.run(&["logs", "--since", "nonsense"]);
    assert!(
        !ran.err.contains('\x1b') && ran.err.contains("error:"),
        "{ran:?}"
    );
    let piped = Terminal::of(&home).messages(Stdio::piped());
    let ran = piped.run(&["logs", "--status", "error"]);
    assert!(ran.out.contains('\x1b') && ran.err.is_empty(), "{ran:?}");
    let file = home.path("out");
    let output = std::fs::File::create(&file).unwrap();
    let ran = Terminal::of(&home)
        .output(output)
        .run(&["logs", "--status", "error"]);
    assert_eq!(ran.code, Some(0));
    assert!(!std::fs::read_to_string(file).unwrap().contains('\x1b'));
}

#[test]
fn where_colour_is_off_there_is_no_escape_byte_at_all() {
    let home = recorded();
    let others: [&[&str]; 6] = [
        &["session", "2bdb"],
        &["store", "stats"],
        &["store", "verify"],
        &["--help"],
        &["logs", "--help"],
        &["logs", "--follow", "--timeout", "1ms"],
    ];
    for arguments in LISTS.into_iter().chain(others) {
        let ran = Terminal::of(&home).env("NO_COLOR", "1").run(arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.out.contains('\x1b'), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn machine_formats_are_never_coloured() {
    let home = recorded();
    for arguments in LISTS {
        for format in ["json", "ndjson", "csv"] {
            let flags = ["--format", format, "--color", "always"];
            let ran = Terminal::of(&home).run(&[arguments, &flags].concat());
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(!ran.out.contains('\x1b'), "{arguments:?} {format}: {ran:?}");
        }
    }
}
