//! What the shell gets, and what goes where.

use super::{LISTS, recorded};
use crate::program::{Home, Ran, capture, signal, until};
use rustix::process::Signal;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

#[test]
fn exit_codes_distinguish_done_no_and_failed() {
    let home = recorded();
    let nowhere = ["logs", "--db", "none.db"];
    let damaged = home.write("damaged.db", {
        let mut bytes = fs::read(home.store()).unwrap();
        let last = bytes.len() - 4096;
        bytes[last..].fill(0xa5);
        bytes
    });
    let damaged = ["store", "verify", "--db", damaged.to_str().unwrap()];
    let cases: [(&[&str], i32); 18] = [
        (&["--help"], 0),
        (&["--version"], 0),
        (&["logs"], 0),
        (&["logs", "--tool", "none-of-this-name"], 0),
        (&["logs", "--tool", "none-of-this-name", "--json"], 0),
        (&["sessions", "--client", "nobody"], 0),
        (&["slow", "--threshold", "1h"], 0),
        (&["store", "verify"], 0),
        (&["session", "nobody"], 1),
        (&["session", "nobody", "--json"], 1),
        (&damaged, 1),
        (&[], 2),
        (&["nonsense"], 2),
        (&["logs", "--since", "nonsense"], 2),
        (&["logs", "--follow", "--format", "json"], 2),
        (&["session", "c"], 2),
        (&nowhere, 2),
        (&["record", "--once", "none.log"], 2),
    ];
    for (arguments, code) in cases {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        if code != 0 {
            assert!(
                ran.out.is_empty() || arguments == damaged,
                "{arguments:?}: {ran:?}"
            );
            assert!(
                !ran.err.is_empty() || arguments == damaged,
                "{arguments:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn an_interrupted_listing_ends_with_the_number_of_the_signal() {
    let home = recorded();
    for (number, expected) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut command = home.command(&["logs", "--follow", "--json"]);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        signal(&child, number);
        assert_eq!(child.wait().unwrap().code(), Some(expected));
    }
}

#[test]
fn data_goes_to_standard_output_and_words_to_standard_error() {
    let home = recorded();
    for arguments in LISTS {
        for format in ["table", "json", "ndjson", "csv"] {
            let ran = home.run(&[arguments, &["--format", format]].concat());
            assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
            assert!(ran.out.lines().count() >= 1, "{arguments:?}: {ran:?}");
            assert_eq!(ran.err, "", "{arguments:?}");
        }
        // An empty list of a program has no words in it.
        let empty = ["--proxy", "none-of-this-name", "--format", "json"];
        let ran = home.run(&[arguments, &empty].concat());
        assert_eq!(
            (ran.out.as_str(), ran.code),
            ("[]\n", Some(0)),
            "{arguments:?}"
        );
        let ran = home.run(&[arguments, &["--proxy", "none-of-this-name"]].concat());
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(0)), "{arguments:?}");
        assert!(
            ran.err.contains("none-of-this-name"),
            "{arguments:?}: {ran:?}"
        );
    }
}

#[test]
fn every_message_says_what_and_what_to_do() {
    let home = recorded();
    let cases: [(&[&str], &str, &str); 5] = [
        (&["logs", "--db", "none.db"], "none.db", "mcpr record FILE"),
        (&["logs", "--since", "soon"], "--since: `soon`", "30m"),
        (
            &["logs", "--fields", "x"],
            "no field `x`",
            "seq, request_id",
        ),
        (&["session", "c"], "`c` fits", "give more of the id"),
        (
            &["record", "--once", "none.log"],
            "none.log: no such file",
            "path",
        ),
    ];
    for (arguments, what, hint) in cases {
        let Ran { code, out, err } = home.run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        let (error, hints) = err.split_at(err.find("hint: ").expect(&err));
        assert!(
            error.starts_with("error: ") && error.contains(what),
            "{err}"
        );
        assert!(hints.contains(hint) && hints.lines().count() == 1, "{err}");
        let first = error.lines().next().unwrap();
        assert!(!first.ends_with('.'), "{err}");
    }
}

#[test]
fn a_prefix_of_several_sessions_lists_them() {
    let home = recorded();
    for arguments in [
        &["session", "c"][..],
        &["logs", "--session", "c"],
        &["session", "delete", "c"],
    ] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
        let listed: Vec<&str> = ran
            .err
            .lines()
            .filter(|line| line.starts_with("  c"))
            .collect();
        assert!(listed.len() >= 2, "{arguments:?}: {ran:?}");
    }
    assert_eq!(home.rows(&[]).len(), 364, "nothing was deleted");
}

#[test]
fn no_store_yet_names_the_path_and_what_makes_one() {
    let home = Home::new();
    let others: [&[&str]; 5] = [
        &["session", "x"],
        &["session", "delete", "x", "--yes"],
        &["store", "stats"],
        &["store", "vacuum", "--before", "1d", "--yes"],
        &["store", "verify"],
    ];
    for arguments in LISTS.into_iter().chain(others) {
        let ran = home.run(arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(2), ""),
            "{arguments:?}: {ran:?}"
        );
        let path = home.store();
        assert!(
            ran.err.contains(path.to_str().unwrap()),
            "{arguments:?}: {ran:?}"
        );
        assert!(
            ran.err.contains("`mcpr record FILE` reads a log"),
            "{arguments:?}: {ran:?}"
        );
    }
    assert!(!home.path(".mcpr").exists(), "reading makes nothing");
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let home = recorded();
    for arguments in [
        &["logs", "--tail", "all"][..],
        &["logs", "--tail", "all", "--json"],
        &["logs", "--tail", "all", "--format", "json"],
        &["logs", "--tail", "all", "--format", "csv"],
        &["store", "export"],
        &["--help"],
        &["logs", "--follow", "--tail", "all", "--json"],
    ] {
        for has_read in [false, true] {
            let mut child = home.command(arguments).spawn().unwrap();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            if has_read {
                out.read_line(&mut String::new()).unwrap();
            }
            drop(out);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
        }
    }
}

#[test]
fn following_ends_with_its_reader_although_nothing_is_written() {
    let home = recorded();
    let mut child = home
        .command(&["logs", "--follow", "--tail", "1", "--json"])
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let mut status = None;
    until("it ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!(err, "");
}

#[test]
fn a_full_device_is_an_error_that_is_reported() {
    let home = recorded();
    let tasks: [&[&str]; 7] = [
        &["session", "2bdb"],
        &["store", "stats"],
        &["store", "verify"],
        &["store", "export"],
        &["--help"],
        &["--version"],
        &["logs", "--follow", "--timeout", "10s"],
    ];
    for arguments in LISTS.into_iter().chain(tasks) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(arguments).stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(
            err.contains("cannot write to standard output: No space left"),
            "{err}"
        );
        assert_eq!(err.matches("No space").count(), 1, "reported once: {err}");
    }
}

#[test]
fn words_that_cannot_be_printed_change_nothing_else() {
    let home = recorded();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let listed = home.command(&["logs"]).stderr(full()).output().unwrap();
    assert_eq!(listed.status.code(), Some(0));
    let refused = home
        .command(&["logs", "--nope"])
        .stderr(full())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let path = capture("mcpr-0.4.64/proxy.log");
    let mut record = home.command(&["record", "--once", path.to_str().unwrap()]);
    assert_eq!(
        record.stderr(full()).output().unwrap().status.code(),
        Some(0)
    );
}

#[test]
fn closed_streams_are_no_reason_to_panic() {
    let home = recorded();
    let program = env!("CARGO_BIN_EXE_mcpr");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script =
            format!("{program} logs --since nonsense {closed}; {program} sessions {closed}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env_clear();
        shell.env("HOME", home.path("")).stdin(Stdio::null());
        let output = shell.output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("panicked"), "{closed}: {err}");
        assert!(
            matches!(output.status.code(), Some(0 | 2)),
            "{closed}: {err}"
        );
    }
    assert_eq!(home.rows(&[]).len(), 364);
}
