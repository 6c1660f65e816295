//! `mcpr record` through the built program.

use super::program::{Home, Ran, capture, signal, until};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::process::{Command, Stdio};

#[test]
fn the_same_events_are_stored_once_however_they_come() {
    let home = Home::new();
    let original = capture("mcpr-0.5.44/weather.stderr.log");
    let first = home.record(&[&original]);
    assert!(first.contains("223 stored, 0 duplicates"), "{first}");
    let again = home.record(&[&original]);
    assert!(
        again.contains("recorded 0 lines"),
        "nothing is read twice: {again}"
    );
    let copy = home.path("copy.log");
    fs::copy(&original, &copy).unwrap();
    let copied = home.record(&[&copy]);
    assert!(copied.contains("0 stored, 223 duplicates"), "{copied}");
    assert_eq!(home.rows(&[]).len(), 223);
    let sessions = home.succeed(&["sessions", "--json", "--limit", "1000"]);
    assert!(
        !sessions.contains("copy"),
        "a copy makes no session with calls"
    );
}

#[test]
fn what_0_4_printed_and_what_it_posted_are_the_same_events() {
    let home = Home::new();
    let printed = home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    assert!(
        printed.contains("153 lines, 141 events, 141 stored"),
        "{printed}"
    );
    assert!(printed.contains("12 text, 0 bad"), "{printed}");
    let posted = home.record(&[&capture("mcpr-0.4.64/cloud.ndjson")]);
    assert!(posted.contains("0 stored, 141 duplicates"), "{posted}");
    assert!(!posted.contains("in conflict"), "{posted}");
}

#[test]
fn standard_input_is_a_source() {
    let home = Home::new();
    let mut child = home
        .command(&["record", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes = fs::read(capture("mcpr-0.4.64/proxy.log")).unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains("141 stored") && err.contains("0 gaps"),
        "{err}"
    );
}

#[test]
fn once_reads_every_source_to_its_end_whatever_kinds_there_are() {
    let lines: String = (1..=50).map(crate::kill::line).collect();
    for named in [false, true] {
        let home = Home::new();
        let file = home.write("other.log", crate::kill::line(0));
        let pipe = home.path("p.pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let stream = if named { pipe.to_str().unwrap() } else { "-" };
        let mut child = home
            .command(&["record", "--once", file.to_str().unwrap(), stream])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        until("the file is stored", || home.rows_or_none().len() == 1);
        // The file is read to its end; the stream only begins.
        let mut input: Box<dyn Write> = if named {
            let mut opened = None;
            until("the pipe is read", || {
                let mut options = fs::OpenOptions::new();
                options.write(true).custom_flags(NONBLOCK);
                opened = options.open(&pipe).ok();
                opened.is_some()
            });
            Box::new(opened.unwrap())
        } else {
            Box::new(child.stdin.take().unwrap())
        };
        input.write_all(lines.as_bytes()).expect("it is read still");
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains("51 stored"), "named {named}: {err}");
    }
}

/// A pipe that nobody reads is not waited for.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

#[test]
fn a_file_is_followed_until_a_signal_and_nothing_is_lost() {
    let home = Home::new();
    let text = fs::read_to_string(capture("mcpr-0.4.64/proxy.log")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let file = home.write("proxy.log", lines[..20].concat());
    let child = home
        .command(&["record", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    until("the first rows are readable", || {
        home.store().exists() && !home.rows_or_none().is_empty()
    });
    let mut open = fs::OpenOptions::new().append(true).open(&file).unwrap();
    open.write_all(lines[20..].concat().as_bytes()).unwrap();
    until("the appended rows are readable", || {
        home.rows_or_none().len() == 141
    });
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "a signal ends it in order");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("141 stored")
    );
}

#[test]
fn a_last_line_without_a_newline_is_stored_and_recognised_when_it_is_finished() {
    let home = Home::new();
    let text = fs::read_to_string(capture("mcpr-0.4.64/proxy.log")).unwrap();
    let requests: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
    let file = home.write("proxy.log", format!("{}\n{}", requests[0], requests[1]));
    assert!(home.record(&[&file]).contains("2 stored"));
    home.write(
        "proxy.log",
        format!("{}\n{}\n{}\n", requests[0], requests[1], requests[2]),
    );
    let closing = home.record(&[&file]);
    assert!(closing.contains("1 stored, 1 duplicate,"), "{closing}");
}

#[test]
fn bad_lines_are_kept_and_counted_and_stop_nothing() {
    let home = Home::new();
    let good = fs::read_to_string(capture("mcpr-0.4.64/proxy.log")).unwrap();
    let good = good.lines().find(|line| line.starts_with('{')).unwrap();
    let mut bytes = b"{\"type\":\"request\",\n\xff\xfe\n{\"type\":\"mystery\"}\nplain\n".to_vec();
    bytes.extend_from_slice(good.as_bytes());
    bytes.push(b'\n');
    let file = home.write("p.log", bytes);
    let closing = home.record(&[&file]);
    assert!(closing.contains("5 lines"), "{closing}");
    assert!(closing.contains("1 stored"), "{closing}");
    assert!(
        closing.contains("1 text, 2 bad, 0 gaps, 1 unknown"),
        "{closing}"
    );
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let kept: Vec<(i64, String)> = store
        .prepare("SELECT offset, reason FROM bad_lines ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(kept.iter().map(|it| it.0).collect::<Vec<_>>(), [0, 19]);
    assert!(kept[1].1.contains("UTF-8"), "{kept:?}");
    let stats = home.succeed(&["store", "stats", "--utc"]);
    let shown: Vec<_> = (stats
        .lines()
        .filter_map(|line| line.strip_prefix("bad line ")))
    .collect();
    let [newest, oldest] = shown[..] else {
        panic!("two bad lines: {stats}")
    };
    for (line, offset, excerpt) in [
        (newest, "byte 19: ", "\u{fffd}\u{fffd}"),
        (oldest, "byte 0: ", "{\"type\":\"request\","),
    ] {
        assert!(line.contains(&format!("p.log, {offset}")), "{line}");
        assert!(line.ends_with(&format!(": {excerpt}")), "{line}");
    }
}

#[test]
fn only_the_newest_bad_lines_are_reported_in_text_and_all_in_json() {
    let home = Home::new();
    let line = |n: u32| format!("{{\u{1b}[31m{n:02}{}\n", "x".repeat(5000));
    let file = home.write("p.log", (0..9).map(line).collect::<String>());
    home.record(&[&file]);
    let stats = home.succeed(&["store", "stats"]);
    let shown: Vec<_> = (stats.lines().filter(|line| line.starts_with("bad line "))).collect();
    assert_eq!(shown.len(), 5, "{stats}");
    assert!(
        shown[0].contains("{\\x1b[31m08xxx") && shown[0].ends_with("x…"),
        "{}",
        shown[0]
    );
    assert!(shown[0].len() < 300 && !stats.contains('\u{1b}'), "{stats}");
    let json = home.succeed(&["store", "stats", "--json"]);
    assert!(!json.contains('\u{1b}'));
    let stats: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&stats["bad_lines"], &stats["bad_lines_kept"]),
        (&9.into(), &9.into())
    );
    let all = stats["kept_bad_lines"].as_array().unwrap();
    assert_eq!(all.len(), 9);
    assert_eq!(all[8]["excerpt"].as_str().unwrap().len(), 4096);
    assert_eq!(
        (&all[8]["offset_bytes"], &all[7]["offset_bytes"]),
        (&0.into(), &5009.into())
    );
}

#[test]
fn methods_can_be_left_out() {
    let home = Home::new();
    let file = capture("mcpr-0.4.64/proxy.log");
    let file = file.to_str().unwrap();
    let ran = home.run(&[
        "record",
        "--once",
        "--include",
        "tools/*",
        "--exclude",
        "tools/list",
        file,
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        home.rows(&[])
            .iter()
            .all(|row| row["method"] == "tools/call")
    );
    let stored = home.rows(&[]).len();
    assert!(ran.err.contains(&format!("{stored} stored")), "{ran:?}");
    assert!(
        ran.err.contains(&format!("{} filtered", 141 - stored)),
        "{ran:?}"
    );
}

#[test]
fn a_store_that_somebody_holds_for_a_while_loses_nothing() {
    let home = Home::new();
    let file = capture("mcpr-0.4.64/proxy.log");
    home.record(&[&home.write("first.log", "text\n")]);
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let child = home
        .command(&["record", "--once", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    // Longer than the recorder's own busy timeout, so that it has to try again by itself.
    let held = std::time::Instant::now();
    until("six seconds have passed", || {
        held.elapsed() > std::time::Duration::from_secs(6)
    });
    holder.execute_batch("COMMIT").unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(
        err.contains("warning:") && err.contains("141 stored"),
        "{err}"
    );
    assert_eq!(home.rows(&[]).len(), 141);
}

#[test]
fn a_store_that_is_removed_meanwhile_is_an_error_and_can_be_made_again() {
    let home = Home::new();
    let text = fs::read_to_string(capture("mcpr-0.4.64/proxy.log")).unwrap();
    let (first, rest) = text.split_at(text.len() / 2);
    let stream = home.write("proxy.log", first);
    let recorder = home
        .command(&["record", stream.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a row is stored", || !home.rows_or_none().is_empty());
    fs::remove_file(home.store()).unwrap();
    let mut stream = fs::OpenOptions::new().append(true).open(stream).unwrap();
    stream.write_all(rest.as_bytes()).unwrap();
    let ended = recorder.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{err}");
    assert!(err.contains("was removed while it was open"), "{err}");
    assert!(err.contains("hint: start again"), "{err}");
    home.record(&[&home.path("proxy.log")]);
    assert_eq!(home.rows(&[]).len(), 141);
}

#[test]
fn a_second_recorder_is_refused_with_the_pid_of_the_first() {
    let home = Home::new();
    let file = home.write("p.log", "text\n");
    let file = file.to_str().unwrap();
    let mut first = home.command(&["record", file]).spawn().unwrap();
    until("the first holds the store", || {
        fs::read_to_string(home.path(".mcpr/recorder.db.lock")).is_ok_and(|pid| pid.ends_with('\n'))
    });
    let second = home.run(&["record", "--once", file]);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.code, Some(2));
    assert!(
        second.err.contains(&format!("pid {}", first.id())),
        "{second:?}"
    );
    assert!(second.err.contains("hint:"), "{second:?}");
}

fn is_refused(ran: &Ran, words: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err.starts_with("error: ") && ran.err.contains(words),
        "{words}: {ran:?}"
    );
    assert!(ran.err.contains("hint: "), "{words}: {ran:?}");
    assert!(ran.out.is_empty(), "{ran:?}");
}

#[test]
fn bad_sources_are_refused_before_anything_is_made() {
    let home = Home::new();
    fs::create_dir(home.path("directory")).unwrap();
    let unreadable = home.write("unreadable.log", "text\n");
    fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o000)).unwrap();
    is_refused(
        &home.run(&["record", "--once", "none.log"]),
        "none.log: no such file",
    );
    is_refused(
        &home.run(&["record", "--once", "directory"]),
        "directory: is a directory",
    );
    is_refused(
        &home.run(&["record", "--once", "none-*.log"]),
        "no file matches",
    );
    if fs::File::open(&unreadable).is_err() {
        is_refused(
            &home.run(&["record", "--once", "unreadable.log"]),
            "cannot be read",
        );
    }
    assert!(!home.path(".mcpr").exists(), "nothing was made");
}

#[test]
fn stores_that_are_not_ours_are_refused_and_left_alone() {
    let home = Home::new();
    home.write("p.log", "text\n");
    let garbage = home.write("garbage.db", vec![7_u8; 8192]);
    let other = home.path("other.db");
    rusqlite::Connection::open(&other)
        .and_then(|it| it.execute_batch("CREATE TABLE requests (id)"))
        .unwrap();
    for (path, words) in [(&garbage, "not a database"), (&other, "another program")] {
        let before = fs::read(path).unwrap();
        let db = path.to_str().unwrap();
        is_refused(&home.run(&["record", "--once", "--db", db, "p.log"]), words);
        is_refused(&home.run(&["logs", "--db", db]), words);
        assert_eq!(fs::read(path).unwrap(), before);
    }
    fs::create_dir(home.path("directory")).unwrap();
    is_refused(
        &home.run(&["record", "--once", "--db", "directory", "p.log"]),
        "is a directory",
    );
    is_refused(&home.run(&["logs"]), "no store here yet");
}

#[test]
fn newer_damaged_and_read_only_stores_are_errors_and_stay_as_they_are() {
    let home = Home::new();
    home.write("p.log", "text\n");
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    let whole = fs::read(home.store()).unwrap();
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        home.write(name, bytes).to_str().unwrap().to_owned()
    };
    // Byte 63 is the last of the layout's number.
    let newer = with("newer.db", &|bytes| bytes[63] = 99);
    let damaged = with("damaged.db", &|bytes| bytes[4096..].fill(0xa5));
    let cut = with("cut.db", &|bytes| bytes.truncate(5000));
    for (db, words) in [
        (newer, "layout 99"),
        (damaged, "malformed"),
        (cut, "malformed"),
    ] {
        let before = fs::read(&db).unwrap();
        for command in [&["record", "--once", "p.log"][..], &["logs"], &["sessions"]] {
            let ran = home.run(&[command, &["--db", &db]].concat());
            is_refused(&ran, words);
        }
        assert_eq!(fs::read(&db).unwrap(), before, "{db} was changed");
    }
    let locked = with("read-only.db", &|_| {});
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o400)).unwrap();
    if fs::OpenOptions::new().write(true).open(&locked).is_err() {
        is_refused(
            &home.run(&["record", "--once", "--db", &locked, "p.log"]),
            "read-only",
        );
    }
    assert_eq!(
        home.run(&["logs", "--db", &locked]).code,
        Some(0),
        "reading it is fine"
    );
}

#[test]
fn wrong_words_on_the_command_line_are_errors_of_usage() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.5.44/weather.stderr.log")]);
    let cases: [(&[&str], &str); 6] = [
        (&["logs", "--since", "the day after"], "the day after"),
        (&["logs", "--fields", "seq,colour"], "colour"),
        (&["logs", "--session", "c"], "c8c52dd6"),
        (&["session", "c"], "cf0d6e00"),
        (&["logs", "--method", "tools/["], "tools/["),
        (&["record"], "SOURCE"),
    ];
    for (arguments, words) in cases {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(words), "{arguments:?}: {ran:?}");
        assert!(ran.out.is_empty(), "{arguments:?}: {ran:?}");
    }
    assert_eq!(
        home.run(&["session", "nobody"]).code,
        Some(1),
        "the answer is no"
    );
}

#[test]
fn what_a_pipe_cannot_wait_for_is_dropped_counted_and_shown_as_a_gap() {
    const LINES: u64 = 40_000;
    let home = Home::new();
    home.record(&[&home.write("first.log", "text\n")]);
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut child = home
        .command(&["record", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for number in 0..LINES {
        input
            .write_all(crate::kill::line(number).as_bytes())
            .unwrap();
    }
    drop(input);
    holder.execute_batch("COMMIT").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let rows = home.rows(&[]);
    let (gaps, stored): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["kind"] == "gap");
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let dropped: u64 = store
        .query_row("SELECT sum(count) FROM gaps", [], |row| row.get(0))
        .unwrap();
    assert!(!gaps.is_empty() && dropped > 0);
    assert_eq!(
        stored.len() as u64 + dropped,
        LINES,
        "every line is a row or counted in a gap"
    );
    assert!(
        home.succeed(&["logs", "--tail", "all"])
            .contains("events dropped")
    );
}
