//! How a request in flight looks among stored ones: in lists of every width, and by itself.

use super::flight::{WAITS, pending};
use super::program::{Home, json_lines, signal, until};
use super::tap::Tap;
use super::terminal::Terminal;
use serde_json::Value;

/// A tap whose one call, with a long argument, waits beside a stored request of another time.
fn waiting_beside_a_row(home: &Home) -> Tap {
    let line = r#"{"type":"mcpr_request","ts":1795224422000,"kind":"mcp","request_id":"a","proxy":"p","method":"ping","latency_us":1}"#;
    home.record(&[&home.write("other.log", format!("{line}\n"))]);
    let mut tap = Tap::start(home, &["--name", "p"], WAITS);
    let path = "b".repeat(100);
    let call = format!(
        r#"{{"id":1,"method":"tools/call","params":{{"name":"slow","arguments":{{"path":"/{path}/end"}}}}}}"#
    );
    tap.send(format!("{call}\n").as_bytes());
    until("the request is in flight", || !pending(home).is_empty());
    tap
}

#[test]
fn a_request_in_flight_is_shown_by_its_place_and_by_an_id_that_is_a_number_in_the_store_too() {
    let home = Home::new();
    let tap = waiting_beside_a_row(&home);
    let is_pending = |id: &str| home.succeed(&["show", id]).contains("▸ pending");
    assert!(
        is_pending("-1") && is_pending("@-1"),
        "it stands last in the list"
    );
    assert!(!is_pending("-2"));
    assert_eq!(home.run(&["show", "-3"]).code, Some(1));
    assert!(is_pending("id:1"));
    let first = home.run(&["show", "1"]);
    assert!(
        first.out.contains("ping"),
        "a number in the store wins: {first:?}"
    );
    assert!(first.err.contains("`mcpr show id:1`"), "{first:?}");
    drop(tap);
}

#[test]
fn what_is_in_flight_stands_under_the_one_header_of_the_list() {
    let home = Home::new();
    let tap = waiting_beside_a_row(&home);
    let list = Terminal::of(&home).size(100, 30).run(&["logs"]);
    assert_eq!(list.out.matches("TIME ").count(), 1, "{list:?}");
    let piped = home.succeed(&["logs"]);
    let place = |text: &str| {
        piped
            .lines()
            .find_map(|line| Some(line[..line.find(text)?].chars().count()))
    };
    assert_eq!(place("RESULT"), place("▸ pending"), "{piped}");
    drop(tap);
}

#[test]
fn a_limit_holds_over_stored_requests_and_those_in_flight_together() {
    let home = Home::new();
    let tap = waiting_beside_a_row(&home);
    let rows = |arguments: &[&str]| {
        let all = [&["logs", "--json", "--fields", "status"], arguments].concat();
        let rows = json_lines(&home.succeed(&all));
        let status = |row: &Value| row["status"].as_str().unwrap().to_owned();
        rows.iter().map(status).collect::<Vec<_>>()
    };
    // The one in flight is the newer one.
    for order in [&[][..], &["--reverse"]] {
        let limited = |limit: &str| rows(&[&["--pending", "-n", limit], order].concat());
        assert_eq!(limited("1"), ["pending"], "{order:?}");
        assert_eq!(limited("2").len(), 2, "{order:?}");
    }
    let both = ["--status", "ok", "--status", "pending", "-n", "1"];
    assert_eq!(rows(&both), ["pending"]);
    let table = home.succeed(&["logs", "-n", "1"]);
    assert!(
        table.contains("▸ pending") && !table.contains(" ping "),
        "{table}"
    );
    drop(tap);
}

#[test]
fn wide_lists_and_scripts_get_the_arguments_of_what_is_in_flight_uncut() {
    let home = Home::new();
    let tap = waiting_beside_a_row(&home);
    let wide = home.succeed(&["logs", "--wide"]);
    assert!(wide.contains("bbb/end") && !wide.contains('…'), "{wide}");
    let rows = home.rows(&["--pending", "--fields", "call,arguments"]);
    let arguments = rows[1]["arguments"].as_str().unwrap();
    assert_eq!(arguments, format!("path=/{}/end", "b".repeat(100)));
    drop(tap);
}

#[test]
fn a_terminal_that_gets_narrower_shows_what_is_in_flight_once_and_for_its_width() {
    let home = Home::new();
    let tap = waiting_beside_a_row(&home);
    let follow = Terminal::of(&home)
        .size(100, 30)
        .start(&["logs", "--follow"]);
    follow.expect("▸ pending");
    follow.resize(60, 30);
    let before = follow.bytes().len();
    let size = |cells| std::num::NonZero::new(cells).unwrap();
    let rows_of_call = || {
        let mut terminal = vt100::Parser::new(size(30), size(100), 0);
        let bytes = follow.bytes();
        terminal.process(&bytes[..before]);
        terminal.screen_mut().set_size(size(30), size(60));
        terminal.process(&bytes[before..]);
        let screen = terminal.screen().contents();
        let rows = screen.lines().filter(|line| line.contains("slow"));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    let drawn = || {
        String::from_utf8_lossy(&follow.bytes()[before..])
            .matches("slow")
            .count()
    };
    until("it is drawn some times", || drawn() >= 3);
    let rows = rows_of_call();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains("▸ pending"), "{rows:?}");
    signal(&follow.child, rustix::process::Signal::INT);
    follow.finish();
    drop(tap);
}
