//! Every table on terminals of four widths, over ordinary names and over hostile ones, as files.

use super::{hostile, is_harmless};
use crate::program::{Home, capture};
use crate::terminal::Terminal;
use expect_test::expect_file;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

pub(super) const WIDTHS: [u16; 4] = [80, 100, 140, 200];
/// A window that does not move with the clock.
const WINDOW: [&str; 4] = [
    "--since",
    "2026-11-21T01:00:00Z",
    "--until",
    "2026-11-21T03:00:00Z",
];

/// The tables, by the names of their files.
fn tables(session: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let windowed = |words: &[&'static str]| [words, &WINDOW].concat();
    vec![
        ("logs", vec!["logs", "-n", "12", "--kind", "all"]),
        ("sessions", vec!["sessions", "--all"]),
        ("session", vec!["session", session]),
        ("show", vec!["show", "2"]),
        ("slow", windowed(&["slow", "--threshold", "0", "-n", "6"])),
        ("stats", windowed(&["stats", "-n", "8"])),
        ("stats-by-client", windowed(&["stats", "--by", "client"])),
        ("clients", windowed(&["clients"])),
        ("schema", vec!["schema"]),
        ("schema-changes", vec!["schema", "changes"]),
        ("schema-unused", windowed(&["schema", "unused"])),
    ]
}

/// A store's tables at each width, below each other, in a file per table.
fn check(home: &Home, kind: &str, session: &'static str) {
    for (name, words) in tables(session) {
        // That store has no lists; where lists are hostile, the tests of schemas look.
        if kind == "hostile" && name.starts_with("schema") {
            continue;
        }
        let mut all = String::new();
        for width in WIDTHS {
            let terminal = Terminal::of(home)
                .size(width, 1000)
                .env("TERM", "xterm")
                .env("NO_COLOR", "1")
                .env("MCPR_PAGER", "cat");
            let ran = terminal.run(&[&words[..], &["--utc", "--no-pager"]].concat());
            assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
            for line in ran.out.lines() {
                assert!(
                    line.chars().all(is_harmless),
                    "{words:?} at {width}: {line:?}"
                );
                // What `show` prints of one request goes on, and messages wrap as the terminal has it.
                let is_row = !matches!(name, "show" | "session");
                assert!(
                    !is_row || line.width() <= usize::from(width) || line.contains("; -n"),
                    "{words:?} at {width}: {line}"
                );
            }
            writeln!(all, "{width}:").unwrap();
            // The axis says how long ago, which moves with the clock.
            let is_axis = |line: &str| line.split_whitespace().all(|word| word.starts_with('-'));
            for line in ran.out.lines().filter(|line| !is_axis(line)) {
                writeln!(all, "{}", line.trim_end()).unwrap();
            }
        }
        let file = format!(
            "{}/tests/data/expected/tables/{name}.{kind}.txt",
            env!("CARGO_MANIFEST_DIR")
        );
        expect_file![file].assert_eq(&all);
    }
}

#[test]
fn every_table_at_four_widths() {
    let home = Home::new();
    let stream = capture("mcpr-0.5.44/everything.stderr.log");
    home.succeed(&["record", "--once", "--payloads", stream.to_str().unwrap()]);
    check(&home, "plain", "latest");
}

#[test]
fn every_table_at_four_widths_with_hostile_names() {
    check(&hostile(), "hostile", "session:");
}
