//! `mcpr store rename-proxy`: what was recorded under a wrong name, through the built program.

use super::program::{Home, capture, signal, until};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;

const STREAM: &str = "mcpr-0.5.44/everything.stderr.log";

fn recorded(home: &Home, proxy: &str, source: &str) {
    let source = capture(source);
    let source = source.to_str().unwrap();
    home.succeed(&["record", "--once", "--payloads", "--proxy", proxy, source]);
}

/// What the commands report about a store: requests without their inferred sessions, whose ids are made of the name
/// under which they began.
fn answers(home: &Home) -> Vec<String> {
    let ask = |line: &str| home.succeed(&line.split(' ').collect::<Vec<_>>());
    let fields = "seq,proxy,method,tool,session_id,client_name,latency_us,status";
    vec![
        ask(&format!(
            "logs --json --tail all --kind all --fields {fields}"
        )),
        ask("stats --json --kind all --since @0 --by proxy"),
        ask("stats --json --kind all --since @0 --by tool"),
        ask("clients --json --since @0"),
        ask("schema --json"),
        ask("show 7 --json")
            .split("\"schema\"")
            .nth(1)
            .unwrap_or_default()
            .to_owned(),
    ]
}

#[test]
fn a_stream_under_a_wrong_name_is_as_if_recorded_under_the_right_one() {
    let (wrong, right) = (Home::new(), Home::new());
    recorded(&wrong, "wrong", STREAM);
    recorded(&right, "right", STREAM);
    let printed = wrong.succeed(&["store", "rename-proxy", "wrong", "right"]);
    assert!(printed.starts_with("`wrong` is now `right`: "), "{printed}");
    assert_eq!(answers(&wrong), answers(&right));
    wrong.succeed(&["store", "verify", "--full"]);
    let before = wrong.rows(&[]).len();
    recorded(&wrong, "right", STREAM);
    assert_eq!(
        wrong.rows(&[]).len(),
        before,
        "renamed once more, it is known"
    );
}

#[test]
fn two_names_become_one_beside_a_recorder() {
    let home = Home::new();
    recorded(&home, "wrong", STREAM);
    recorded(&home, "right", "mcpr-0.5.44/weather.stderr.log");
    let source = home.write("p.log", "plain\n");
    let source = source.to_str().unwrap();
    let mut recorder = home
        .command(&["record", "--proxy", "right", source])
        .spawn()
        .unwrap();
    let call = |id: &str| {
        let line = format!(
            "{{\"type\":\"request\",\"id\":\"{id}\",\"ts\":1795224422390,\"proxy\":\"wrong\",\"method\":\"POST\",\
             \"mcp_method\":\"ping\",\"session_id\":\"s\",\"status\":200,\"latency_us\":1}}\n"
        );
        let mut file = OpenOptions::new().append(true).open(source).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        until("it is stored", || {
            let rows = home.rows_or_none();
            rows.iter().any(|row| row["request_id"] == id)
        });
    };
    call("first");
    let before = home.rows(&[]).len();
    let ran = home.run(&["store", "rename-proxy", "wrong", "right"]);
    assert_eq!(ran.code, Some(2), "nobody to ask: {ran:?}");
    assert!(!home.rows(&["--proxy", "wrong"]).is_empty());
    let printed = home.succeed(&["store", "rename-proxy", "wrong", "right", "--yes"]);
    assert!(
        printed.starts_with("`wrong` is part of `right`: "),
        "{printed}"
    );
    // What the recorder knew of the old name is forgotten.
    call("second");
    home.succeed(&["store", "verify", "--full"]);
    home.succeed(&["store", "rename-proxy", "wrong", "right", "--yes"]);
    signal(&recorder, Signal::TERM);
    assert_eq!(recorder.wait().unwrap().code(), Some(0));
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), before + 1);
    assert!(rows.iter().all(|row| row["proxy"] == "right"));
    let sessions = home.succeed(&["sessions", "--json", "--all"]);
    let of_s: Vec<Value> = super::program::json_lines(&sessions)
        .into_iter()
        .filter(|session| session["session_id"] == "s")
        .collect();
    assert_eq!(of_s.len(), 1, "{sessions}");
    assert_eq!(of_s[0]["total_calls"], 2);
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn what_cannot_be_renamed_is_reported() {
    let home = Home::new();
    recorded(&home, "right", STREAM);
    for (names, says) in [
        (["never", "other"], "no proxy `never` is recorded"),
        (["right", "right"], "the two names are the same"),
        (["right", ""], "a proxy has a name"),
    ] {
        let ran = home.run(&["store", "rename-proxy", names[0], names[1]]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
}
