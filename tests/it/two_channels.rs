//! Calls that mcpr 0.5 both prints and posts, through the built program.

use super::program::{Home, capture};
use std::fs;

/// Rows without what says how they came in.
fn listed_calls(home: &Home) -> Vec<String> {
    let facts = [
        "ts",
        "proxy",
        "session_id",
        "request_id",
        "method",
        "tool",
        "resource_uri",
        "prompt_name",
        "latency_us",
        "upstream_us",
        "bytes_in",
        "bytes_out",
        "error_kind",
        "error_code",
    ];
    let rows = home.rows(&[]);
    let listed = rows
        .iter()
        .map(|row| facts.map(|fact| row[fact].to_string()).join(" "));
    let mut listed: Vec<String> = listed.collect();
    listed.sort();
    listed
}

#[test]
fn what_0_5_prints_and_what_it_posts_is_stored_once_and_whole_in_whatever_order_it_comes() {
    let printed =
        ["everything", "weather"].map(|name| capture(&format!("mcpr-0.5.44/{name}.stderr.log")));
    let posted = capture("mcpr-0.5.44/cloud.ndjson");
    let [first, second] = &printed;
    let posted_alone = Home::new();
    posted_alone.record(&[&posted]);
    let expected = listed_calls(&posted_alone);
    let orders: [&[&std::path::Path]; 3] = [
        &[first, second, &posted],
        &[&posted, first, second],
        &[first, &posted, second],
    ];
    for order in orders {
        let home = Home::new();
        for file in order {
            home.record(&[file]);
        }
        let listed = listed_calls(&home);
        assert_eq!(listed.len(), expected.len(), "{order:?}");
        // Posts do not say how a plain HTTP request ended of which no status came back; what is
        // printed does.
        let differ = listed.iter().filter(|row| !expected.contains(row));
        let differ: Vec<&String> = differ.collect();
        assert!(
            differ.len() <= 1 && differ.iter().all(|row| row.contains("\"rpc\"")),
            "{differ:?}"
        );
        // Once more, under other names: nothing is new.
        for (file, name) in order.iter().zip(["x.log", "y.log", "z.log"]) {
            let copy = home.path(name);
            fs::copy(file, &copy).unwrap();
            let again = home.record(&[&copy]);
            assert!(again.contains(" 0 stored"), "{again}");
        }
        let stats: serde_json::Value =
            serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
        assert_eq!(stats["undecided"], 0);
        home.succeed(&["store", "verify", "--full"]);
    }
}

#[test]
fn what_two_streams_may_both_have_reported_is_counted_where_nobody_knows() {
    let home = Home::new();
    let rpc = r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#;
    let result = r#"{"id":1,"jsonrpc":"2.0","result":{}}"#;
    let printed = format!(
        r#"{{"type":"transaction","ts":1795224532,"latency_us":70,"upstream_us":60,"request_id":"1","session_id":null,"request":{{"kind":"mcp","rpc":{rpc}}},"response":{{"kind":"mcp","result":{result}}}}}"#
    );
    let posted = format!(
        r#"{{"v":1,"ts":"2026-11-21T01:28:52.674172293+00:00","server":"p","kind":"request","payload":{{"kind":"mcp","request_id":"1","session_id":"","http_method":"POST","http_status":200,"latency_us":71,"upstream_us":60,"rpc":{rpc},"result":{result}}}}}"#
    );
    let messages = home.record(&[&home.write("p.log", format!("{printed}\n{posted}\n"))]);
    let what = "1 calls without a session id that two channels may both have reported";
    assert!(
        messages.contains("2 stored") && messages.contains(what),
        "{messages}"
    );
    let stats = home.succeed(&["store", "stats", "--json"]);
    assert!(stats.contains("\"undecided\":1"), "{stats}");
    assert!(home.succeed(&["store", "stats"]).contains("undecided"));
}

fn undecided(home: &Home) -> u64 {
    let stats = home.succeed(&["store", "stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    stats["undecided"].as_u64().unwrap()
}

/// A call of 0.5 as it prints it and as it posts it.
fn printed_and_posted(session: &str, ms: u64, latency_us: u64) -> [String; 2] {
    let rpc = r#"{"id":1,"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#;
    let result = r#"{"id":1,"jsonrpc":"2.0","result":{}}"#;
    let (seconds, rest) = (ms / 1000, ms % 1000);
    let printed_session = serde_json::Value::from((!session.is_empty()).then_some(session));
    [
        format!(
            r#"{{"type":"transaction","ts":{},"latency_us":{latency_us},"upstream_us":60,"request_id":"1","session_id":{printed_session},"request":{{"kind":"mcp","rpc":{rpc}}},"response":{{"kind":"mcp","result":{result}}}}}"#,
            1_795_224_532 + seconds
        ),
        format!(
            r#"{{"v":1,"ts":"2026-11-21T01:28:{}.{rest:03}000000+00:00","server":"p","kind":"request","payload":{{"kind":"mcp","request_id":"1","session_id":"{session}","http_method":"POST","http_status":200,"latency_us":{latency_us},"upstream_us":60,"rpc":{rpc},"result":{result}}}}}"#,
            52 + seconds
        ),
    ]
}

#[test]
fn a_post_of_another_call_is_not_swallowed_where_one_id_is_used_again() {
    // Every second call was printed only by chance; the posts report all.
    let calls = [
        (250, 100),
        (750, 200),
        (1250, 300),
        (1750, 400),
        (2250, 500),
    ];
    let listed = calls.map(|(ms, latency)| printed_and_posted("s", ms, latency));
    let printed: Vec<&str> = listed
        .iter()
        .step_by(2)
        .map(|[it, _]| it.as_str())
        .collect();
    let posted: Vec<&str> = listed.iter().map(|[_, it]| it.as_str()).collect();
    let (printed, posted) = (printed.join("\n") + "\n", posted.join("\n") + "\n");
    for order in [["printed", "posted"], ["posted", "printed"]] {
        let home = Home::new();
        home.write("printed", &printed);
        home.write("posted", &posted);
        for name in order {
            home.record(&[&home.path(name)]);
        }
        let mut latencies: Vec<u64> = (home.rows(&[]).iter())
            .map(|row| row["latency_us"].as_u64().unwrap())
            .collect();
        latencies.sort_unstable();
        assert_eq!(latencies, calls.map(|(_, latency)| latency), "{order:?}");
    }
}

#[test]
fn undecided_calls_are_counted_over_runs() {
    let [printed, _] = printed_and_posted("", 0, 70);
    let [_, posted] = printed_and_posted("", 674, 71);
    for order in [["printed", "posted"], ["posted", "printed"]] {
        let home = Home::new();
        home.write("printed", format!("{printed}\n"));
        home.write("posted", format!("{posted}\n"));
        for name in order {
            home.record(&["--proxy".as_ref(), "p".as_ref(), home.path(name).as_path()]);
        }
        assert_eq!(
            (home.rows(&[]).len(), undecided(&home)),
            (2, 1),
            "{order:?}"
        );
    }
}

#[test]
fn what_went_through_an_export_or_an_import_is_recognised_by_the_other_stream() {
    let printed = capture("mcpr-0.5.44/everything.stderr.log");
    let posted = capture("mcpr-0.5.44/cloud.ndjson");
    let both = Home::new();
    both.record(&[&printed]);
    both.record(&[&posted]);
    let expected = listed_calls(&both);

    let first = Home::new();
    first.record(&[&printed]);
    let exported = Home::new();
    exported.record(&[&exported.write("all.ndjson", first.succeed(&["store", "export"]))]);
    exported.record(&[&posted]);
    assert_eq!(listed_calls(&exported), expected);

    let imported = Home::new();
    imported.succeed(&["store", "import", first.store().to_str().unwrap()]);
    imported.record(&[&posted]);
    assert_eq!(listed_calls(&imported), expected);

    let again = Home::new();
    again.record(&[&again.write("all.ndjson", both.succeed(&["store", "export"]))]);
    let count = listed_calls(&again).len();
    for file in [&printed, &posted] {
        again.record(&[file]);
    }
    assert_eq!(
        (count, listed_calls(&again).len()),
        (expected.len(), expected.len())
    );
}

#[test]
fn calls_that_the_proxys_own_store_holds_too_are_one_row_or_counted() {
    let files =
        ["everything", "weather"].map(|name| capture(&format!("mcpr-0.5.44/{name}.stderr.log")));
    let store = capture("mcpr-0.5.44/store.db");
    let import = |home: &Home| home.succeed(&["store", "import", store.to_str().unwrap()]);
    let of_streams = Home::new();
    of_streams.record(&[&files[0], &files[1]]);
    let (rows, in_a_session) = counted(&of_streams);
    for import_first in [false, true] {
        let home = Home::new();
        if import_first {
            import(&home);
        }
        home.record(&[&files[0], &files[1]]);
        if !import_first {
            import(&home);
        }
        let (all, with_session) = counted(&home);
        assert_eq!(with_session, in_a_session, "{import_first}");
        let twice = (all - rows) as u64;
        assert!(
            undecided(&home) >= twice,
            "{twice} rows twice, {} counted",
            undecided(&home)
        );
        home.succeed(&["store", "verify", "--full"]);
    }
}

/// How many calls there are, and how many of them in a session that the proxy named.
fn counted(home: &Home) -> (usize, usize) {
    let rows = home.rows(&[]);
    let calls = || rows.iter().filter(|row| row["kind"] == "mcp");
    let named = calls().filter(|row| row["session_id"].is_string());
    (calls().count(), named.count())
}
