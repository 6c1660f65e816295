//! Tables are cut to the terminal, and to nothing else.

use super::{LISTS, recorded};
use crate::program::{Home, capture};
use crate::terminal::Terminal;
use pty_process::Size;
use std::process::Stdio;
use unicode_width::UnicodeWidthStr;

fn widest(text: &str) -> usize {
    text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// The lines but for the one below a table, which goes with its column.
fn rows(table: &str) -> usize {
    let is_row = |line: &&str| !line.starts_with("   ");
    table.lines().filter(is_row).count()
}

fn shown(terminal: Terminal<'_>, arguments: &[&str]) -> String {
    let ran = terminal.env("NO_COLOR", "1").run(arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.out.is_empty(), "{arguments:?}: {ran:?}");
    ran.out
}

#[test]
fn a_result_keeps_its_room_beside_several_proxies() {
    let home = Home::new();
    home.record(&[
        &capture("mcpr-0.5.44/weather.stderr.log"),
        &capture("mcpr-0.5.44/everything.stderr.log"),
    ]);
    let failed = ["logs", "--status", "failed", "-n", "all", "--no-pager"];
    for (proxies, has_column) in [("*", true), ("weather,every*", true), ("weather", false)] {
        let line = [&failed[..], &["-p", proxies]].concat();
        let table = shown(Terminal::of(&home).size(80, 50), &line);
        let head = table.lines().next().unwrap();
        assert_eq!(head.contains("PROXY"), has_column, "{table}");
        assert!(head.find("RESULT") <= Some(60), "{table}");
    }
}

#[test]
fn hints_are_broken_between_words_and_commands_are_not() {
    let home = recorded();
    let line = [
        "logs",
        "--tool",
        "zz*",
        "--status",
        "error",
        "--since",
        "2000-01-01",
    ];
    for (columns, rows) in [(40, 50), (60, 50)] {
        // What is printed leads elsewhere: standard error has a width of its own.
        let screen = Terminal::of(&home)
            .size(columns, rows)
            .output(Stdio::null());
        let printed = screen.env("NO_COLOR", "1").run(&line).out;
        assert!(printed.contains("hint: "), "{printed}");
        assert!(printed.lines().count() > 4, "{printed}");
        // A store's path is one word, however long it is.
        let wide = |line: &&str| widest(line) > usize::from(columns) && !line.contains('/');
        assert_eq!(printed.lines().find(wide), None, "{printed}");
    }
    let printed = home.run(&line).err;
    assert_eq!(printed.lines().count(), 3, "{printed}");
    let screen = Terminal::of(&home).size(40, 50);
    let printed = screen.env("NO_COLOR", "1").run(&["session", "nope"]).out;
    assert!(
        printed.contains("hint: `mcpr sessions --all --limit all`\n  lists every"),
        "{printed}"
    );
}

#[test]
fn a_figure_of_an_earlier_window_does_not_stand_without_its_own() {
    let home = recorded();
    let args = [
        "stats",
        "-s",
        "2026-11-01",
        "--against",
        "30d",
        "--no-pager",
    ];
    for columns in [60, 70, 80, 90, 100] {
        let table = shown(Terminal::of(&home).size(columns, 50), &args);
        let head = table.lines().next().unwrap().to_owned();
        let alone = head.replace("P50 BEFORE", "");
        assert!(
            !head.contains("P50 BEFORE") || alone.contains("P50"),
            "{columns}: {head}"
        );
    }
}

#[test]
fn a_long_command_of_a_session_is_wrapped_to_the_screen() {
    let home = Home::new();
    let long = "a command of many words ".repeat(20);
    home.run(&["tap", "--name", "p", "--", "/bin/sh", "-c", "exit 0", &long]);
    let ran = Terminal::of(&home)
        .size(80, 50)
        .run(&["session", "latest", "--no-pager"]);
    assert!(ran.out.contains("many words"), "{ran:?}");
    for line in ran.out.lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_comparison_of_lists_is_wrapped_between_words() {
    let home = recorded();
    let diff = [
        "schema",
        "diff",
        "-p",
        "weather",
        "-s",
        "2026-11-20",
        "--no-pager",
    ];
    let whole = home.run(&diff);
    let narrow = Terminal::of(&home)
        .size(60, 50)
        .env("NO_COLOR", "1")
        .run(&diff);
    let signs = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(signs(&narrow.out), signs(&whole.out), "nothing is lost");
    assert!(
        widest(&whole.out) > 60 && widest(&narrow.out) <= 60,
        "{narrow:?}"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let home = recorded();
    for arguments in LISTS {
        let full = home.succeed(arguments);
        for columns in [20, 40, 80, 200] {
            let arguments = [arguments, &["-q"][..]].concat();
            let cut = shown(Terminal::of(&home).size(columns, 1000), &arguments);
            let most = usize::from(columns);
            assert!(widest(&cut) <= most, "{arguments:?} {columns}:\n{cut}");
            assert_eq!(rows(&cut), rows(&full), "a line per row");
        }
    }
}

#[test]
fn the_most_important_columns_stay_longest() {
    let home = recorded();
    let check = |arguments: &[&str], columns, expected: &str| {
        let cut = shown(Terminal::of(&home).size(columns, 1000), arguments);
        let header = cut.lines().next().unwrap();
        let header: Vec<&str> = header.split_whitespace().collect();
        assert_eq!(
            header.join(" "),
            expected,
            "{arguments:?} {columns}:\n{cut}"
        );
    };
    let [logs, sessions, _, stats, clients] = LISTS;
    check(logs, 60, "TIME CALL ARGUMENTS TOOK RESULT");
    check(logs, 40, "TIME CALL RESULT");
    check(sessions, 60, "SESSION PROXY STARTED CALLS ERRORS STATE");
    check(sessions, 40, "SESSION PROXY CALLS ERRORS STATE");
    check(stats, 40, "TOOL / METHOD CALLS ERR% P95");
    check(clients, 40, "CLIENT SESSIONS CALLS ERRORS");
}

#[test]
fn columns_vanished_without_a_word() {
    let home = Home::new();
    home.record(&[
        &capture("mcpr-0.5.44/weather.stderr.log"),
        &capture("mcpr-0.5.44/everything.stderr.log"),
    ]);
    let note = "no room for";
    let logs = ["logs", "-n", "all", "--no-pager"];
    let at_80 = |more: &[&str]| {
        let line = [&logs[..], more].concat();
        shown(Terminal::of(&home).size(80, 50), &line)
    };
    let table = at_80(&[]);
    assert!(
        table.contains("no room for CLIENT, SESSION: `--wide` shows all"),
        "{table}"
    );
    assert!(
        !table.lines().next().unwrap().contains("SESSION"),
        "{table}"
    );
    for more in ["-q", "--json", "--wide", "--wrap"] {
        let table = at_80(&[more]);
        assert!(!table.contains(note), "{more}: {table}");
    }
    let wrapped = at_80(&["--wrap"]);
    assert!(
        wrapped.lines().next().unwrap().contains("SESSION"),
        "{wrapped}"
    );
    // A file has all columns.
    let ran = home.run(&logs);
    assert!(!ran.err.contains(note), "{ran:?}");
}

#[test]
fn the_terminal_reports_its_width_before_columns_does() {
    let home = recorded();
    let logs: &[&str] = &["logs"];
    let table = |columns, variable: Option<&'static str>| {
        let terminal = Terminal::of(&home).size(columns, 1000).env("PAGER", "");
        let terminal = match variable {
            Some(value) => terminal.env("COLUMNS", value),
            None => terminal,
        };
        shown(terminal, logs)
    };
    let (narrow, wide) = (table(100, None), table(120, None));
    assert_ne!(narrow, wide);
    assert_eq!(
        table(100, Some("120")),
        narrow,
        "a terminal that reports its width"
    );
    assert_eq!(table(0, Some("120")), wide, "one that does not");
    for nothing in [None, Some(""), Some("0"), Some("wide")] {
        assert_eq!(table(0, nothing), table(80, None), "neither: {nothing:?}");
    }
}

#[test]
fn off_a_terminal_nothing_is_cut() {
    let home = recorded();
    for arguments in LISTS {
        let full = home.succeed(arguments);
        assert!(!full.contains('…'), "{arguments:?}: {full}");
        let output = home
            .command(arguments)
            .env("COLUMNS", "40")
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            full,
            "{arguments:?}"
        );
    }
}

#[test]
fn the_width_is_that_of_standard_output_wherever_the_keyboard_is() {
    let home = recorded();
    let (other, other_end) = pty_process::blocking::open().unwrap();
    other.resize(Size::new(1000, 120)).unwrap();
    let end = std::os::fd::AsFd::as_fd(&other_end)
        .try_clone_to_owned()
        .unwrap();
    let expected = shown(
        Terminal::of(&home).size(120, 1000),
        &["logs", "--tail", "5"],
    );
    let ran = Terminal::of(&home)
        .env("NO_COLOR", "1")
        .output(Stdio::from(end))
        .run(&["logs", "--tail", "5"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut bytes = vec![0; 16 * 1024];
    let mut got = String::new();
    while got.len() < expected.len() {
        let count = std::io::Read::read(&mut &other, &mut bytes).unwrap();
        got.push_str(&String::from_utf8_lossy(&bytes[..count]).replace("\r\n", "\n"));
    }
    assert_eq!(got, expected);
    drop(other_end);
}
