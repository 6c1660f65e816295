//! What happens to the store while somebody looks at it, and what may stand in it.

use super::Watched;
use crate::program::Home;
use crate::tap::Tap;
use serde_json::json;
use std::fs;

/// A file of requests, as `record` takes it.
fn requests(home: &Home, name: &str, numbers: std::ops::Range<i64>) -> std::path::PathBuf {
    let line = |n: i64| {
        json!({
            "type": "mcpr_request", "ts": 1_795_224_422_000_i64 + n, "kind": "mcp",
            "request_id": format!("{name}-{n}"), "proxy": "files", "session_id": "one",
            "client_name": "claude-code", "method": "tools/call", "tool": format!("{name}{n}"),
            "latency_us": 1000,
        })
        .to_string()
    };
    let lines: Vec<String> = numbers.map(line).collect();
    home.write(&format!("{name}.log"), lines.join("\n") + "\n")
}

#[test]
fn a_store_that_is_not_there_yet_is_waited_for_and_then_followed() {
    let home = Home::new();
    let watched = Watched::start(&home, 80, 24, &[]);
    watched.expect("! waiting for the store");
    watched.expect("`mcpr tap` and `mcpr record` make one");
    home.record(&[&requests(&home, "first", 0..3)]);
    watched.expect("first2");
    watched.expect("● live");
    // One recorder has ended, and another begins.
    home.record(&[&requests(&home, "second", 0..3)]);
    watched.expect("second2");
    watched.keys("2");
    watched.expect("one");
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
}

#[test]
fn a_store_that_is_replaced_is_shown_instead() {
    let home = Home::new();
    home.record(&[&requests(&home, "first", 0..40)]);
    let watched = Watched::start(&home, 80, 24, &[]);
    watched.expect("first39");
    watched.keys("3");
    watched.expect("first1");
    let directory = home.store().parent().unwrap().to_owned();
    for entry in fs::read_dir(directory).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    watched.expect("! waiting for the store");
    home.record(&[&requests(&home, "other", 0..2)]);
    watched.expect("other1");
    watched.expect_gone("first1");
    watched.keys("1");
    watched.expect("other1");
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
}

#[test]
fn the_store_that_a_person_named_is_named_where_it_is_empty() {
    let home = Home::new();
    let file = home.write("nothing.log", "");
    home.record(&[&file]);
    let watched = Watched::start(&home, 80, 24, &["--proxy", "nobody"]);
    watched.expect("only proxy nobody");
    watched.expect("store: ");
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
}

#[test]
fn what_a_server_writes_is_seen_while_it_runs_and_when_it_dies() {
    let home = Home::new();
    let script = "echo listening on 7 >&2; echo hello; while [ ! -e go ]; do sleep 0.02; done
        echo 'Error: out of luck' >&2; exit 3";
    let tap = Tap::start(&home, &["--name", "files"], script);
    let watched = Watched::start(&home, 80, 24, &[]);
    watched.keys("4");
    watched.expect("listening on 7");
    watched.expect(", standard output ──");
    watched.expect("hello");
    home.write("go", "");
    watched.expect("Error: out of luck");
    watched.expect("▶ server exited with code 3: out of luck");
    watched.keys("/listen\r");
    watched.expect_gone("out of luck");
    watched.expect("listening on 7");
    watched.keys("q");
    assert_eq!(watched.end(), Some(0));
    drop(tap.end());
}

#[test]
fn text_from_outside_does_nothing_to_the_terminal() {
    let home = crate::manners::hostile();
    let watched = Watched::start(&home, 120, 40, &["--kind", "all"]);
    for (keys, text) in [
        ("", "✗ rpc"),
        ("2", "[2 sessions]"),
        ("3", "[3 tools]"),
        ("4", "[4 output]"),
        ("5", "[5 schema]"),
        ("?", "[help]"),
    ] {
        watched.keys(keys);
        watched.expect(text);
    }
    watched.keys("?q");
    let bytes = watched.session.bytes();
    assert_eq!(watched.end(), Some(0));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("\\x1b[2J"));
    for (at, c) in text.char_indices() {
        let is_own = matches!(c, '\x1b' | '\r' | '\n');
        assert!(is_own || crate::manners::is_harmless(c), "{c:?} at {at}");
    }
    // What the screen itself sends: moves, styles, modes. A title or a string would be another's.
    for part in text.split('\x1b').skip(1) {
        assert!(part.starts_with('['), "{part:?}");
        let end = part[1..].find(|c: char| c.is_ascii_alphabetic()).unwrap() + 1;
        assert!(
            "HmJKhlABCDGd".contains(&part[end..=end]),
            "{:?}",
            &part[..=end]
        );
    }
}
