//! What a recorder shows of itself: `/metrics`, `/readyz`, and who may see them.

mod access;
mod exposition;
mod promtool;

use super::kill::line;
use super::listen::client::{Client, Listener, reply_to};
use super::program::{Home, capture, until};
use exposition::{Exposition, labels};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

/// The bounds of the OpenTelemetry conventions for MCP, in microseconds.
const BOUNDS_US: [i64; 14] = [
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
];

/// The metrics of a recorder, which must be well formed.
fn scrape(address: SocketAddr) -> Exposition {
    let reply = reply_to(address, "GET /metrics", "", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    let prometheus = "content-type: text/plain; version=0.0.4; charset=utf-8\r\n";
    assert!(reply.head.contains(prometheus), "{reply:?}");
    let exposition = Exposition::of(&reply.body);
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let open = reply_to(address, "GET /metrics", accept, "");
    let openmetrics = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(open.head.contains(openmetrics), "{open:?}");
    let text = open.body.strip_suffix("# EOF\n").unwrap();
    Exposition::of(text);
    exposition
}

/// The labels that a row counts under.
fn labels_of(row: &Value) -> Vec<(&str, String)> {
    let text = |key: &str| row[key].as_str().map(str::to_owned);
    let error = match row["error_kind"].as_str() {
        None => None,
        Some("tool") => Some("tool_error".to_owned()),
        Some("rpc" | "http") => text("error_code"),
        Some(other) => Some(other.to_owned()),
    };
    [
        ("proxy", text("proxy")),
        ("mcp_method_name", text("method")),
        ("gen_ai_tool_name", text("tool")),
        ("error_type", error),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Every bucket, sum and count of both histograms against the rows of the store.
fn assert_equal_to_rows(exposition: &Exposition, rows: &[Value]) {
    let is_mcp = |row: &&Value| row["kind"] == "mcp";
    let mut series = 0;
    for (name, key) in [
        ("mcp_server_operation_duration_seconds", "latency_us"),
        ("mcp_client_operation_duration_seconds", "upstream_us"),
    ] {
        let listed = |row: &&Value| row[key].is_i64();
        let mut groups: Vec<_> = rows
            .iter()
            .filter(is_mcp)
            .filter(listed)
            .map(labels_of)
            .collect();
        groups.sort();
        groups.dedup();
        for group in &groups {
            let of_group = rows.iter().filter(is_mcp).filter(listed);
            let durations: Vec<i64> = of_group
                .filter(|row| labels_of(row) == *group)
                .map(|row| row[key].as_i64().unwrap())
                .collect();
            let base: Vec<_> = group
                .iter()
                .map(|(name, value)| (*name, &**value))
                .collect();
            for bound in BOUNDS_US {
                let le = seconds(bound).to_string();
                let mut bucket = base.clone();
                bucket.push(("le", &le));
                let expected = durations.iter().filter(|us| **us <= bound).count();
                let shown = exposition.value(&format!("{name}_bucket"), &labels(&bucket));
                assert_eq!(shown, Some(count(expected)), "{name} {bucket:?}");
            }
            let sum: i64 = durations.iter().sum();
            let shown = exposition
                .value(&format!("{name}_sum"), &labels(&base))
                .unwrap();
            assert!(
                (shown - seconds(sum)).abs() < 1e-9,
                "{name} {base:?}: {shown}"
            );
            let shown = exposition.value(&format!("{name}_count"), &labels(&base));
            assert_eq!(shown, Some(count(durations.len())), "{name} {base:?}");
        }
        let shown = exposition.named(&format!("{name}_count")).count();
        assert_eq!(shown, groups.len(), "{name}");
        series += shown;
    }
    assert!(series > 0, "nothing was compared");
}

#[expect(clippy::cast_precision_loss, reason = "a sum of a few seconds")]
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows")]
fn count(rows: usize) -> f64 {
    rows as f64
}

#[test]
fn buckets_equal_the_rows_of_what_was_posted() {
    for name in ["mcpr-0.4.64/cloud.ndjson", "mcpr-0.5.44/cloud.ndjson"] {
        let home = Home::new();
        let listener = Listener::start(&home, &[]);
        let first = scrape(listener.address);
        assert_eq!(
            first
                .named("mcp_server_operation_duration_seconds_count")
                .count(),
            0
        );
        let bodies = fs::read_to_string(capture(name)).unwrap();
        let mut client = Client::connect(listener.address);
        // Twice: what comes again is no further row.
        for body in bodies.lines().chain(bodies.lines()) {
            assert_eq!(client.post("/", body).status, 200);
        }
        let shown = scrape(listener.address);
        let rows = home.rows(&[]);
        assert_equal_to_rows(&shown, &rows);
        let stored = shown.value("mcpr_stored_requests_total", &labels(&[]));
        assert_eq!(stored, Some(count(rows.len())), "{name}");
        let again = shown.value("mcpr_duplicate_requests_total", &labels(&[]));
        assert_eq!(again, Some(count(rows.len())), "{name}");
        listener.stop();
    }
}

#[test]
fn buckets_equal_the_rows_of_a_file_and_of_what_others_record_beside_it() {
    let home = Home::new();
    let source = home.write("p.log", "");
    let listener = Listener::metrics(&home, &[source.to_str().unwrap()]);
    let lines = fs::read_to_string(capture("mcpr-0.5.44/everything.stderr.log")).unwrap();
    fs::write(&source, &lines).unwrap();
    let read = || scrape(listener.address).value("mcpr_lines_total", &labels(&[]));
    until("the file is read", || {
        read() == Some(count(lines.lines().count()))
    });
    tap_a_call(&home);
    let rows = home.rows(&[]);
    assert!(rows.iter().any(|row| row["proxy"] == "tapped"), "{rows:?}");
    assert_equal_to_rows(&scrape(listener.address), &rows);
    listener.stop();
}

/// One call through a tap that records into the same store.
fn tap_a_call(home: &Home) {
    let answer = "read line; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}'";
    let mut command = home.command(&["tap", "--name", "tapped", "--", "sh", "-c", answer]);
    let mut tap = command.stdin(Stdio::piped()).spawn().unwrap();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet"}}"#;
    writeln!(tap.stdin.take().unwrap(), "{call}").unwrap();
    assert!(tap.wait_with_output().unwrap().status.success());
}

#[test]
fn what_the_recorder_says_of_itself_is_what_it_did() {
    let home = Home::new();
    let text = format!("plain\n{}{{\"type\":\n{}", line(0), line(1));
    let source = home.write("p.log", &text);
    let listener = Listener::metrics(&home, &[source.to_str().unwrap()]);
    let value = |name: &str| scrape(listener.address).value(name, &labels(&[]));
    until("it is read", || {
        value("mcpr_stored_requests_total") == Some(2.0)
    });
    let of_source = labels(&[("source", source.to_str().unwrap())]);
    // Where files stand is taken down now and then, and a queue is free a moment after a commit.
    until("nothing is left", || {
        let shown = scrape(listener.address);
        shown.value("mcpr_source_lag_bytes", &of_source) == Some(0.0)
            && shown.value("mcpr_queue_bytes", &labels(&[])) == Some(0.0)
    });
    let shown = scrape(listener.address);
    let plain = |name: &str| shown.value(name, &labels(&[])).unwrap();
    for (name, expected) in [
        // Without the ends of the lines.
        ("mcpr_input_bytes_total", count(text.len() - 4)),
        ("mcpr_lines_total", 4.0),
        ("mcpr_events_total", 2.0),
        ("mcpr_text_lines_total", 1.0),
        ("mcpr_bad_lines_total", 1.0),
        ("mcpr_dropped_events_total", 0.0),
        ("mcpr_gaps_total", 0.0),
        ("mcpr_failed_commits_total", 0.0),
        ("mcpr_queue_events", 0.0),
        ("mcpr_queue_bytes", 0.0),
        ("mcpr_queue_max_events", 10_000.0),
        ("mcpr_queue_max_bytes", 67_108_864.0),
        ("mcpr_ready", 1.0),
    ] {
        assert!(
            (plain(name) - expected).abs() < 1e-9,
            "{name}: {}",
            plain(name)
        );
    }
    assert!(plain("mcpr_commits_total") >= 1.0);
    assert!(plain("mcpr_last_commit_timestamp_seconds") >= plain("mcpr_start_timestamp_seconds"));
    let last = shown.value("mcpr_source_last_commit_timestamp_seconds", &of_source);
    assert!(last >= Some(plain("mcpr_start_timestamp_seconds")));
    let size = shown.value("mcpr_store_size_bytes", &labels(&[("part", "store")]));
    assert!(size > Some(4096.0));
    let version = labels(&[("version", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(shown.value("mcpr_build_info", &version), Some(1.0));
    listener.stop();
}

/// A line of a call of a tool with this name, written as JSON.
fn call_of(number: u64, tool: &str) -> String {
    let mut event: Value = serde_json::from_str(line(number).trim_end()).unwrap();
    event["tool"] = tool.into();
    event.to_string()
}

#[test]
fn hostile_names_stay_labels_without_secrets_and_bounded_in_number() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    scrape(listener.address);
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
    let odd = [
        "quote\"} 1\nmcpr_ready 0",
        "\n# EOF\n",
        "back\\slash\\",
        "\u{1b}[31mred\u{202e}",
        "ünïcode ★",
        &"x".repeat(300),
        secret,
    ];
    let named = odd.into_iter().map(str::to_owned);
    let invented = (0..2000).map(|number| format!("invented-{number}"));
    let calls: Vec<String> = (0..)
        .zip(named.chain(invented))
        .map(|(number, tool)| call_of(number, &tool))
        .collect();
    let body = format!("[{}]", calls.join(","));
    assert_eq!(
        Client::connect(listener.address).post("/", &body).status,
        200
    );
    let shown = scrape(listener.address);
    let counts = "mcp_server_operation_duration_seconds_count";
    let tools: Vec<&str> = shown
        .named(counts)
        .map(|sample| &*sample.labels["gen_ai_tool_name"])
        .collect();
    for tool in &odd[..5] {
        assert!(tools.contains(tool), "{tool} in {tools:?}");
    }
    assert!(tools.contains(&"[redacted:token]"), "{tools:?}");
    assert!(!format!("{shown:?}").contains(secret));
    assert_eq!(tools.len(), 101, "a hundred, and the others");
    let all: f64 = shown.named(counts).map(|sample| sample.value).sum();
    assert!((all - count(calls.len())).abs() < 1e-9, "each call counts");
    assert_eq!(shown.value("mcpr_ready", &labels(&[])), Some(1.0));
    listener.stop();
}

#[test]
fn a_recorder_is_not_ready_while_its_store_takes_no_commit() {
    let home = Home::new();
    let source = home.write("p.log", line(0));
    let listener = Listener::metrics(&home, &[source.to_str().unwrap()]);
    let ready = || reply_to(listener.address, "GET /readyz", "", "");
    let stored = |rows: f64| {
        let name = "mcpr_stored_requests_total";
        scrape(listener.address).value(name, &labels(&[])) == Some(rows)
    };
    until("the line is stored", || stored(1.0));
    assert_eq!(
        (ready().status, &ready().json()["status"]),
        (200, &"ready".into())
    );
    let other = rusqlite::Connection::open(home.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fs::write(&source, line(0) + &line(1)).unwrap();
    until("it says so", || ready().status == 503);
    let listed = ready();
    assert_eq!(listed.json()["reason"], "the store does not take commits");
    assert!(
        !listed.body.contains(home.path("").to_str().unwrap()),
        "{listed:?}"
    );
    let alive = reply_to(listener.address, "GET /healthz", "", "");
    assert_eq!(alive.status, 200, "it is alive all the same");
    let shown = scrape(listener.address);
    assert_eq!(shown.value("mcpr_ready", &labels(&[])), Some(0.0));
    assert!(shown.value("mcpr_failed_commits_total", &labels(&[])) >= Some(1.0));
    other.execute_batch("ROLLBACK").unwrap();
    until("it commits again", || ready().status == 200);
    until("nothing was lost", || stored(2.0));
    listener.stop();
}

#[test]
fn a_file_that_is_not_read_is_behind() {
    let home = Home::new();
    let source = home.write("p.log", line(0));
    let listener = Listener::metrics(&home, &[source.to_str().unwrap()]);
    let lag = || {
        let of_source = labels(&[("source", source.to_str().unwrap())]);
        scrape(listener.address).value("mcpr_source_lag_bytes", &of_source)
    };
    until("it is read", || lag() == Some(0.0));
    let other = rusqlite::Connection::open(home.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // More than the queue takes while nothing is committed.
    let lines: String = (0..30_000).map(line).collect();
    fs::write(&source, lines).unwrap();
    until("it is behind", || lag() > Some(0.0));
    other.execute_batch("ROLLBACK").unwrap();
    until("it is read to its end", || lag() == Some(0.0));
    listener.stop();
}
