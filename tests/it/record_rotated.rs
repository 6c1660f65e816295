//! Files that are rotated while nobody records and something of them is still open: every row is stored,
//! or it is reported that some are missing.

use super::kill::line;
use super::program::{Home, signal, until};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A line of a desktop host's log, so many seconds after a time some minutes ago.
fn logged(second: i64, way: &str, json: &str) -> String {
    let time = chrono::Utc::now() + chrono::TimeDelta::seconds(second - 600);
    let time = time.format("%Y-%m-%dT%H:%M:%S%.3fZ");
    format!("{time} [alpha] [info] Message from {way}: {json}\n")
}

fn ask(second: i64, id: u32) -> String {
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t{id}"}}}}"#
    );
    logged(second, "client", &call)
}

fn answer(second: i64, id: u32) -> String {
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#);
    logged(second, "server", &answer)
}

/// What a container runtime makes of a part of a line, by its tag.
type Wrapper<'w> = &'w dyn Fn(&str, &str) -> String;

/// Each call once, with how it ended, in the order of their names.
fn described(home: &Home) -> Vec<String> {
    let rows = home.rows_or_none();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let described = rows
        .iter()
        .map(|row| format!("{} {}", text(&row["tool"]), text(&row["status"])));
    let mut described: Vec<String> = described.collect();
    described.sort();
    described
}

fn append(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Writes a file that was last changed an hour ago.
fn write_old(home: &Home, name: &str, text: &str) {
    let file = fs::File::open(home.write(name, text)).unwrap();
    let hour = std::time::Duration::from_hours(1);
    file.set_modified(std::time::SystemTime::now() - hour)
        .unwrap();
}

fn bad_lines(home: &Home) -> Vec<String> {
    let stats = home.succeed(&["store", "stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    let lines = stats["kept_bad_lines"].as_array().unwrap();
    let reasons = lines.iter().map(|line| line["reason"].as_str().unwrap());
    reasons.map(str::to_owned).collect()
}

fn once(home: &Home, sources: &[&str]) -> Command {
    home.command(&[&["record", "--once"], sources].concat())
}

#[track_caller]
fn record(home: &Home, sources: &[&str]) {
    let output = once(home, sources).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(err.contains("0 gaps"), "{err}");
}

#[test]
fn what_followed_an_open_call_is_found_after_one_rotation_and_after_two() {
    for rotations in [1, 2] {
        let home = Home::new();
        let log = home.write("mcp.log", ask(1, 1));
        record(&home, &["*.log"]);
        append(&log, &(answer(2, 1) + &ask(3, 2) + &answer(4, 2)));
        fs::rename(&log, home.path("mcp.log.1")).unwrap();
        append(&log, &(ask(5, 3) + &answer(6, 3)));
        if rotations == 2 {
            fs::rename(home.path("mcp.log.1"), home.path("mcp.log.2")).unwrap();
            fs::rename(&log, home.path("mcp.log.1")).unwrap();
            append(&log, &(ask(7, 4) + &answer(8, 4)));
        }
        record(&home, &["*.log"]);
        let expected = ["t1 ok", "t2 ok", "t3 ok", "t4 ok"];
        assert_eq!(described(&home), expected[..rotations + 2]);
        record(&home, &["*.log"]);
        assert_eq!(described(&home), expected[..rotations + 2]);
    }
}

/// Follows a log until a call is read, and ends the recorder; then the log goes on and is rotated.
#[track_caller]
fn check_followed(end: Signal) {
    let home = Home::new();
    let log = home.write("mcp.log", "");
    let mut recorder = home.command(&["record", "*.log"]).spawn().unwrap();
    append(&log, &(ask(1, 1) + &answer(2, 1) + &ask(3, 2)));
    until("what is answered is stored", || {
        described(&home) == ["t1 ok"]
    });
    signal(&recorder, end);
    recorder.wait().unwrap();
    append(&log, &(answer(4, 2) + &ask(5, 3) + &answer(6, 3)));
    fs::rename(&log, home.path("mcp.log.1")).unwrap();
    append(&log, &(ask(7, 4) + &answer(8, 4)));
    record(&home, &["*.log"]);
    assert_eq!(described(&home), ["t1 ok", "t2 ok", "t3 ok", "t4 ok"]);
}

#[test]
fn a_followed_log_with_an_open_call_that_is_rotated_after_a_kill_loses_nothing() {
    check_followed(Signal::KILL);
}

#[test]
fn a_followed_log_with_an_open_call_that_is_rotated_after_a_signal_loses_nothing() {
    check_followed(Signal::TERM);
}

#[test]
fn a_file_seen_empty_or_with_half_a_line_is_found_once_it_is_rotated() {
    let first = line(1);
    for seen in ["", &first[..40]] {
        let home = Home::new();
        let log = home.write("p.log", seen);
        record(&home, &["*.log"]);
        fs::write(&log, line(1) + &line(2)).unwrap();
        fs::rename(&log, home.path("p.log.1")).unwrap();
        append(&log, &line(3));
        record(&home, &["*.log"]);
        assert_eq!(home.rows(&[]).len(), 3, "{seen}");
    }
}

#[test]
fn a_line_of_parts_that_was_open_at_a_rotation_is_stored_with_what_followed() {
    let home = Home::new();
    let cri = |tag: &str, text: &str| format!("2026-11-29T04:00:00Z stderr {tag} {text}\n");
    let cut = line(2);
    let (begin, rest) = cut.trim_end().split_at(60);
    let log = home.write("p.log", cri("F", line(1).trim_end()) + &cri("P", begin));
    record(&home, &["*.log"]);
    append(&log, &(cri("F", rest) + &cri("F", line(3).trim_end())));
    fs::rename(&log, home.path("p.log.1")).unwrap();
    append(&log, &cri("F", line(4).trim_end()));
    record(&home, &["*.log"]);
    assert_eq!(home.rows(&[]).len(), 4);
}

#[test]
fn a_directory_that_is_named_in_another_way_is_the_same() {
    let home = Home::new();
    let log = home.write("p.log", line(1));
    let absolute = home.path("*.log");
    let absolute = absolute.to_str().unwrap();
    let spellings = [absolute, "*.log", "./*.log", "p.log", absolute];
    record(&home, &["p.log"]);
    for (number, spelling) in (1..).zip(spellings) {
        append(&log, &line(2 * number));
        fs::rename(&log, home.path("p.log.1")).unwrap();
        append(&log, &line(2 * number + 1));
        record(&home, &[spelling]);
        let rows = home.rows(&[]).len() as u64;
        assert_eq!(rows, 2 * number + 1, "{spelling}");
    }
}

#[test]
fn a_call_asked_in_a_directory_for_rotated_files_is_answered_in_the_log_above() {
    for directory in ["old", "20261128"] {
        for sources in [
            &["**/mcp.log*"][..],
            &["mcp.log", &format!("{directory}/*")],
        ] {
            let home = Home::new();
            fs::create_dir(home.path(directory)).unwrap();
            write_old(&home, &format!("{directory}/mcp.log.1"), &ask(1, 1));
            home.write("mcp.log", answer(4, 1));
            record(&home, sources);
            assert_eq!(described(&home), ["t1 ok"], "{sources:?}");
        }
    }
}

#[test]
fn a_line_whose_parts_stand_on_both_sides_of_a_rotation_is_stored_once() {
    let cri = |tag: &str, text: &str| format!("2026-11-29T04:00:00Z stderr {tag} {text}\n");
    let docker = |tag: &str, text: &str| {
        let end = if tag == "F" { "\n" } else { "" };
        let log = format!("{text}{end}");
        serde_json::json!({"log": log, "stream": "stderr", "time": "2026-11-29T04:00:00Z"})
            .to_string()
            + "\n"
    };
    let wrappers: [Wrapper<'_>; 2] = [&cri, &docker];
    for wrap in wrappers {
        let home = Home::new();
        let cut = line(2);
        let (begin, rest) = cut.trim_end().split_at(60);
        let old = wrap("F", line(1).trim_end()) + &wrap("P", begin);
        write_old(&home, "p.log.1", &old);
        home.write("p.log", wrap("F", rest) + &wrap("F", line(3).trim_end()));
        for _ in 0..2 {
            record(&home, &["p.log*"]);
            assert_eq!(home.rows(&[]).len(), 3);
        }
    }
}

#[test]
fn a_line_cut_at_a_rotation_is_joined_with_its_rest_in_the_next_file() {
    let home = Home::new();
    let cut = line(2);
    write_old(&home, "p.log.1", &(line(1) + &cut[..60]));
    home.write("p.log", cut[60..].to_owned() + &line(3));
    for _ in 0..2 {
        record(&home, &["p.log*"]);
        assert_eq!(home.rows(&[]).len(), 3);
        assert_eq!(bad_lines(&home), [""; 0]);
    }
}

#[test]
fn a_call_cut_at_a_rotation_waits_for_its_answer_over_a_restart() {
    let home = Home::new();
    let cut = ask(2, 2);
    write_old(
        &home,
        "mcp.log.1",
        &(ask(1, 1) + &answer(1, 1) + &cut[..60]),
    );
    let log = home.write("mcp.log", &cut[60..]);
    record(&home, &["mcp.log*"]);
    assert_eq!(described(&home), ["t1 ok"]);
    append(&log, &answer(3, 2));
    record(&home, &["mcp.log*"]);
    assert_eq!(described(&home), ["t1 ok", "t2 ok"]);
}

#[test]
fn half_a_line_that_nothing_goes_on_is_a_bad_line_once_and_no_more_is_lost() {
    let home = Home::new();
    write_old(&home, "p.log.1", &(line(1) + &line(2)[..60]));
    home.write("p.log", line(3));
    for _ in 0..2 {
        record(&home, &["p.log*"]);
        assert_eq!(home.rows(&[]).len(), 2);
        let reason = "a line without its end, after which another file begins";
        assert_eq!(bad_lines(&home), [reason]);
    }
}

#[test]
fn half_a_line_that_is_ended_in_its_own_file_after_a_rotation_is_stored() {
    let home = Home::new();
    let cut = line(2);
    let old = home.write("p.log.1", line(1) + &cut[..60]);
    home.write("p.log", line(3));
    record(&home, &["p.log*"]);
    append(&old, &cut[60..]);
    record(&home, &["p.log*"]);
    assert_eq!(home.rows(&[]).len(), 3);
    assert_eq!(bad_lines(&home), [""; 0]);
}

#[test]
fn a_pattern_that_matches_nothing_yet_says_so_and_a_bracket_in_a_directory_is_itself() {
    let home = Home::new();
    fs::create_dir(home.path("d [x]")).unwrap();
    home.write("d [x]/p.log", line(1));
    record(&home, &["d [x]/*.log"]);
    assert_eq!(home.rows(&[]).len(), 1);
    let recorder = home.command(&["record", "x [dev]*.log", "d [x]/*.log"]);
    let recorder = { recorder }.spawn().unwrap();
    append(&home.path("d [x]/p.log"), &line(2));
    until("what follows is stored", || home.rows_or_none().len() == 2);
    signal(&recorder, Signal::TERM);
    let output = recorder.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("x [dev]*.log: no file matches yet"), "{err}");
    assert!(!err.contains("d [x]/*.log: no file"), "{err}");
}

#[test]
fn a_recorder_that_may_open_few_files_follows_all_of_them_in_turn() {
    for limit in [40, 48] {
        follows_all_in_turn(limit);
    }
}

fn follows_all_in_turn(limit: u32) {
    let home = Home::new();
    for number in 0..60 {
        home.write(&format!("{number}.log"), line(number));
    }
    let program = home.command(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {limit}; exec \"$0\" record \"$1\"");
    let command = command.args(["-c", &script]).arg(program);
    let command = command.arg(home.path("*.log")).env("HOME", home.path(""));
    let mut recorder = command.spawn().unwrap();
    until("all are read", || home.rows_or_none().len() == 60);
    append(&home.path("7.log"), &line(100));
    until("what follows is read", || home.rows_or_none().len() == 61);
    signal(&recorder, Signal::TERM);
    recorder.wait().unwrap();
}

#[test]
fn between_a_rotation_and_the_new_file_the_rest_of_the_rotated_one_is_read() {
    for source in ["*.log", "p.log"] {
        let home = Home::new();
        let log = home.write("p.log", line(1));
        record(&home, &[source]);
        append(&log, &line(2));
        fs::rename(&log, home.path("p.log.1")).unwrap();
        record(&home, &[source]);
        assert_eq!(home.rows(&[]).len(), 2, "{source}");
        home.write("p.log", line(3));
        record(&home, &[source]);
        assert_eq!(home.rows(&[]).len(), 3, "{source}");
        // A rotated file of another log is none of this pattern's.
        let refused = home.run(&["record", "--once", "q*.log"]);
        assert!(refused.err.contains("no file matches"), "{}", refused.err);
    }
}
