//! Recorded calls held against a new schema, as `mcpr schema diff` counts them.

use super::super::program::Home;
use super::{exchange, exchange_with, tool, tools};
use serde_json::{Value, json};

/// A store whose server begins to ask for `a` after these calls of `one`.
fn store_of(calls: &[Value], options: &[&str]) -> Home {
    let (old, new) = (tools(&[tool("one", &[])]), tools(&[tool("one", &["a"])]));
    let mut lines = vec![exchange(1_795_000_000, "s1", "tools/list", &old)];
    for (ts, arguments) in (1_795_000_001..).zip(calls) {
        let call = json!({"name": "one", "arguments": arguments});
        let line = exchange_with(ts, "s1", "tools/call", &call, &json!({}));
        lines.push(line);
    }
    lines.push(exchange(1_795_000_100, "s1", "tools/list", &new));
    let home = Home::new();
    home.write("srv.log", lines.join("\n") + "\n");
    home.succeed(&[&["record", "srv.log", "--once"], options].concat());
    home
}

fn replay(home: &Home) -> Value {
    let ran = home.run(&["schema", "diff", "--since", "@0", "--json"]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    document["usage"][0]["replay"].clone()
}

#[test]
fn calls_that_a_new_schema_refuses_are_counted() {
    let long = "x".repeat(70_000);
    let calls = [
        json!({"a": "is there"}),
        json!({"b": "alone"}),
        json!({"a": 7}),
        json!({"a": "still there", "b": "too"}),
        // Not whole, and not as it was: neither says anything.
        json!({"b": long}),
        json!({"b": "Bearer abcdefghijklmnopqrstuvwxyz0123456789"}),
    ];
    let home = store_of(&calls, &["--payloads"]);
    let found = replay(&home);
    assert_eq!((&found["calls"], &found["refused"]), (&json!(4), &json!(2)));
    let seq = found["example"].to_string();
    let shown: Value = serde_json::from_str(&home.succeed(&["show", &seq, "--json"])).unwrap();
    assert_eq!(
        shown["payload"]["params"]["value"]["arguments"],
        json!({"a": 7}),
        "{shown}"
    );
    let text = home.run(&["schema", "diff", "--since", "@0"]).out;
    let listed = format!("the new schema refuses 2 of 4 kept calls (`mcpr show {seq}`)");
    assert!(text.contains(&listed), "{text}");
}

#[test]
fn without_bodies_nothing_is_reported_about_calls() {
    let home = store_of(&[json!({"b": "alone"})], &[]);
    assert_eq!(replay(&home), Value::Null);
    let text = home.run(&["schema", "diff", "--since", "@0"]).out;
    assert!(text.contains("1 calls since"), "{text}");
    assert!(!text.contains("kept calls"), "{text}");
}
