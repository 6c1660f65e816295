//! `mcpr report` in a browser: a page of hostile names is opened, sorted, filtered and expanded.

use crate::packages::Packages;
use crate::program::{Home, until};
use mcpr_model::time::rfc3339;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const HOSTILE: &str = "</script><script>alert(1)</script>";

/// A call of an hour ago, as mcpr 0.5 posts it.
fn call(number: u32, tool: &str, is_error: bool) -> Value {
    let id = number.to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let second = now.as_secs() - 3600 + u64::from(number);
    let at = rfc3339(i64::try_from(second * 1000).unwrap()).unwrap();
    json!({
        "kind": "request", "server": format!("files {HOSTILE}"), "v": 1,
        "ts": at,
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

/// A tap before a server of a line of shell, whose client says so much.
fn tapped(home: &Home, script: &str, says: &str) -> Child {
    let tap = ["tap", "--name", "tapped", "--", "sh", "-c", script];
    let mut tap = home.command(&tap).stdin(Stdio::piped()).spawn().unwrap();
    let input = tap.stdin.as_mut().unwrap();
    input.write_all(says.as_bytes()).unwrap();
    tap
}

/// Ends what was started, also where the test fails.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let dies = format!("echo '{HOSTILE}' >&2; exit 3");
    tapped(&home, &dies, "").wait().unwrap();
    let arguments = json!({"name": "hangs", "arguments": {"path": HOSTILE, "turned": "ESCAPE"}});
    let call = json!({"id": 1, "method": "tools/call", "params": arguments});
    // Indented in the page, it must stay the escape that it was.
    let call = call.to_string().replace("ESCAPE", r"\u202e");
    let waits = Ends(tapped(&home, "cat >/dev/null", &format!("{call}\n")));
    until("a call is in flight", || {
        home.succeed(&["logs", "--status", "pending"])
            .contains("hangs")
    });
    home.succeed(&["report", "-o", "one.html", "-s", "2h"]);
    home.succeed(&["report", "-o", "two.html", "-s", "2h", "--against", "2h"]);
    drop(waits);
    let output = Command::new("node")
        .arg(packages.page())
        .arg(Packages::browser())
        .args([home.path("one.html"), home.path("two.html")])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
}
