//! `mcpr report` in a browser: a page of hostile names is opened, sorted, filtered and expanded.

use crate::packages::Packages;
use crate::program::Home;
use serde_json::{Value, json};
use std::process::Command;

const HOSTILE: &str = "</script><script>alert(1)</script>";

/// A call, as mcpr 0.5 posts it.
fn call(number: u32, tool: &str, is_error: bool) -> Value {
    let id = number.to_string();
    let (minute, second) = (number / 60 % 60, number % 60);
    json!({
        "kind": "request", "server": format!("files {HOSTILE}"), "v": 1,
        "ts": format!("2026-11-21T01:{minute:02}:{second:02}.000000000+00:00"),
        "payload": {
            "http_method": "POST", "http_status": 200, "kind": "mcp", "latency_us": 900 + number * 37,
            "upstream_us": 800, "request_id": id, "session_id": format!("s{}", number % 3 * number % 2),
            "uri": "/",
            "rpc": { "id": id, "jsonrpc": "2.0", "method": "tools/call",
                     "params": { "name": tool, "arguments": { "path": HOSTILE } } },
            "result": { "id": id, "jsonrpc": "2.0", "result": {
                "isError": is_error, "content": [{ "type": "text", "text": format!("denied: {HOSTILE}") }] } },
        },
    })
}

/// The page does what it promises, and what was recorded stays text.
pub(crate) fn in_a_browser(packages: &Packages) {
    let home = Home::new();
    let tools = [
        "read_text_file",
        "search_files",
        "<img src=x onerror=alert(1)>",
        HOSTILE,
        "a_name_that_is_far_longer_than_any_screen_of_a_telephone_is_wide_and_has_no_place_to_break_it_at_all",
    ];
    let calls = (0..400_u32).map(|number| {
        let tool = tools[usize::try_from(number % 7).unwrap() % tools.len()];
        call(number, tool, number % 4 == 0).to_string()
    });
    let lines: Vec<String> = calls.collect();
    let file = home.write("calls.ndjson", lines.join("\n") + "\n");
    home.succeed(&["record", "--once", "--payloads", file.to_str().unwrap()]);
    let window = [
        "--utc",
        "--since",
        "2026-11-21 01:00",
        "--until",
        "2026-11-21 02:00",
    ];
    home.succeed(&[&["report", "-o", "one.html"], &window[..]].concat());
    home.succeed(
        &[
            &["report", "-o", "two.html", "--against", "2h"],
            &window[..],
        ]
        .concat(),
    );
    let output = Command::new("node")
        .arg(packages.page())
        .arg(Packages::browser())
        .args([home.path("one.html"), home.path("two.html")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
