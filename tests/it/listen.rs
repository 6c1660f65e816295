//! `mcpr record --listen` through the built program: what is posted is stored once.

pub(crate) mod client;
mod formats;
#[cfg(target_os = "linux")]
mod held;
mod hostile;
mod otlp;
mod refusals;
mod stopping;

use super::kill::line;
use super::program::{Home, capture, until};
use super::redaction::{bytes_of, found_in, planted, stream};
use client::{Client, Listener, reply_to};
use std::fs;
use std::process::{Command, Stdio};

/// The bodies of a capture, as the proxy posted them.
fn bodies(name: &str) -> Vec<String> {
    let text = fs::read_to_string(capture(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Everything in a store that does not show how it came in.
fn content(home: &Home) -> Vec<String> {
    let rows = home.rows(&[]).into_iter().map(|mut row| {
        row.as_object_mut().unwrap().remove("seq");
        row.to_string()
    });
    let sessions = home.succeed(&["sessions", "--all", "--json", "--limit", "1000"]);
    rows.chain(sessions.lines().map(str::to_owned)).collect()
}

#[test]
fn what_the_proxies_post_is_stored_as_from_a_file_however_often_it_comes() {
    for name in ["mcpr-0.4.64/cloud.ndjson", "mcpr-0.5.44/cloud.ndjson"] {
        let (posted, read) = (Home::new(), Home::new());
        read.record(&[&capture(name)]);
        let expected = content(&read);
        let listener = Listener::start(&posted, &[]);
        let mut client = Client::connect(listener.address);
        let bodies = bodies(name);
        for body in &bodies {
            let reply = client.post("/v1/events", body);
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(reply.json()["events"].as_u64().unwrap() >= 1, "{reply:?}");
            assert_eq!(reply.json()["bad"], 0, "{reply:?}");
        }
        assert_eq!(content(&posted), expected, "{name}");
        for body in &bodies {
            assert_eq!(client.post("/", body).status, 200);
        }
        let answered = listener.stop();
        assert!(answered.contains(" 0 bad, 0 gaps"), "{answered}");
        assert_eq!(content(&posted), expected, "{name}, twice");
    }
}

#[test]
fn a_lone_object_an_array_and_lines_are_all_taken() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let numbered = |number: u64| line(number).trim_end().to_owned();
    let pretty = format!("\n [{},\n\n {}] \n", numbered(1), numbered(2));
    let lines = format!("{}plain text\n{{\"type\":\n{}", line(3), numbered(4));
    let cases = [
        ("application/json", numbered(0), (1, 0)),
        ("application/json; charset=utf-8", pretty, (2, 0)),
        ("Application/X-NDJSON", lines, (2, 1)),
        ("application/json", "[]".to_owned(), (0, 0)),
        ("application/x-ndjson", String::new(), (0, 0)),
    ];
    for (content_type, body, (events, bad)) in cases {
        let head = format!("Content-Type: {content_type}\r\n");
        let reply = reply_to(listener.address, "POST /", &head, &body);
        assert_eq!(reply.status, 200, "{reply:?}");
        let answered = reply.json();
        assert_eq!(
            (&answered["events"], &answered["bad"]),
            (&events.into(), &bad.into())
        );
    }
    assert_eq!(home.rows(&[]).len(), 5);
    let answered = listener.stop();
    assert!(
        answered.contains("5 stored") && answered.contains("1 text, 1 bad"),
        "{answered}"
    );
}

#[test]
fn a_post_with_an_element_that_is_no_utf8_and_one_with_nan_loses_nothing_else() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let good: Vec<String> = (0..99)
        .map(|number| line(number).trim_end().to_owned())
        .collect();
    let mut body = format!("[{},", good.join(",")).into_bytes();
    let bad_at = body.len();
    body.extend(b"{\"type\":\"request\",\"id\":\"\xff\"},");
    let nan_at = body.len();
    body.extend(b"{\"type\":\"request\",\"ts\":NaN}]");
    let mut client = Client::connect(listener.address);
    let (address, length) = (listener.address, body.len());
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    ));
    client.send(&body);
    let reply = client.reply().unwrap();
    let answered = reply.json();
    assert_eq!(
        (reply.status, &answered["events"], &answered["bad"]),
        (200, &99.into(), &2.into())
    );
    let errors = answered["errors"].as_array().unwrap();
    let offsets: Vec<_> = errors.iter().map(|error| error["offset"].clone()).collect();
    assert_eq!(offsets, [bad_at, nan_at]);
    listener.stop();
    assert_eq!(home.rows(&[]).len(), 99);
    let stats: serde_json::Value =
        serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    assert_eq!(stats["kept_bad_lines"].as_array().unwrap().len(), 2);
}

#[test]
fn bad_parts_are_reported_kept_and_counted_and_the_rest_is_stored() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let body = format!(
        "[{},5,{{\"type\":\"request\"}},{{\"type\":\"odd\"}}]",
        line(0).trim_end()
    );
    let reply = Client::connect(listener.address).post("/", &body);
    assert_eq!(reply.status, 200);
    let answered = reply.json();
    assert_eq!(
        (&answered["events"], &answered["bad"], &answered["unknown"]),
        (&1.into(), &2.into(), &1.into())
    );
    let second = body.find(",5,").unwrap() + 1;
    assert_eq!(answered["errors"][0]["offset"], second);
    assert!(
        answered["errors"][1]["reason"]
            .as_str()
            .unwrap()
            .contains("missing field"),
        "{answered}"
    );
    // A million broken elements are counted, and do not become a million texts.
    let many = format!("[{}0]", "0,".repeat(1_000_000));
    let reply = Client::connect(listener.address).post("/", &many);
    assert_eq!(reply.json()["bad"], 1_000_001);
    assert!(reply.body.len() < 8192, "{}", reply.body.len());
    let name = format!("http {}", listener.address);
    listener.stop();
    let store = rusqlite::Connection::open(home.store()).unwrap();
    let kept: i64 = store
        .query_row("SELECT count(*) FROM bad_lines", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1000);
    assert!(home.succeed(&["store", "stats"]).contains(&name));
}

#[test]
fn many_clients_at_once_store_each_event_once() {
    const CLIENTS: u64 = 8;
    const POSTS: u64 = 200;
    const EVENTS: u64 = 5;
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let address = listener.address;
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for post in 0..POSTS {
                    let first = (number * POSTS + post) * EVENTS;
                    let lines: Vec<String> = (first..first + EVENTS).map(line).collect();
                    let body = format!("[{}]", lines.join(","));
                    assert_eq!(client.post("/", &body).json()["events"], EVENTS);
                    // A retry whose first answer was lost, now and then of what another one posts.
                    if post % 10 == 0 {
                        let mut other = Client::connect(address);
                        assert_eq!(other.post("/", &body).status, 200);
                    }
                }
            });
        }
    });
    let answered = listener.stop();
    assert!(
        answered.contains(&format!("{} stored", CLIENTS * POSTS * EVENTS)),
        "{answered}"
    );
    assert!(!answered.contains("in conflict"), "{answered}");
    let mut ids: Vec<String> = home
        .rows(&[])
        .iter()
        .map(|row| row["request_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    let expected: Vec<String> = (0..CLIENTS * POSTS * EVENTS)
        .map(|n| format!("00000000-0000-4000-8000-{n:012x}"))
        .collect();
    assert_eq!(ids, expected);
}

#[test]
fn files_are_followed_beside_it_and_each_source_has_its_name() {
    let home = Home::new();
    let file = home.write("p.log", line(0));
    let listener = Listener::start(&home, &[file.to_str().unwrap()]);
    assert_eq!(
        Client::connect(listener.address).post("/", &line(1)).status,
        200
    );
    until("both are stored", || home.rows_or_none().len() == 2);
    let name = format!("http {}", listener.address);
    listener.stop();
    let stats = home.succeed(&["store", "stats"]);
    assert!(stats.contains("p.log") && stats.contains(&name), "{stats}");
}

#[test]
fn the_proxy_of_a_stream_that_does_not_say_it_and_the_methods_are_chosen_as_for_files() {
    let home = Home::new();
    let listener = Listener::start(&home, &["--proxy", "weather", "--exclude", "tools/list"]);
    let text = fs::read_to_string(capture("mcpr-0.5.44/weather.stderr.log")).unwrap();
    let reply = reply_to(
        listener.address,
        "POST /",
        "Content-Type: application/x-ndjson\r\n",
        &text,
    );
    assert!(reply.json()["filtered"].as_u64().unwrap() > 0, "{reply:?}");
    listener.stop();
    let rows = home.rows(&[]);
    assert!(!rows.is_empty());
    assert!(
        rows.iter()
            .all(|row| row["proxy"] == "weather" && row["method"] != "tools/list")
    );
}

#[test]
fn what_was_asked_and_answered_is_kept_where_it_is_wanted() {
    let body = r#"{"v":1,"ts":"2026-11-21T01:30:08Z","server":"shop","kind":"request","payload":{"kind":"mcp","request_id":"1","session_id":"s","http_method":"POST","uri":"/mcp","http_status":200,"latency_us":5,"upstream_us":4,"rpc":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"order","arguments":{"city":"Bern"}}},"result":{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"it is on its way"}]}}}}"#;
    let whole: [(&[&str], bool); 2] = [
        (&["--payloads"], true),
        // The same screen cuts bodies and takes secrets out.
        (&["--payloads", "--payload-limit", "40"], false),
    ];
    for (options, is_whole) in whole {
        let home = Home::new();
        let listener = Listener::start(&home, options);
        let reply = Client::connect(listener.address).post("/", body);
        assert_eq!(reply.status, 200, "{reply:?}");
        listener.stop();
        let seq = home.rows(&[])[0]["seq"].to_string();
        let shown = home.succeed(&["show", "--json", &seq]);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let (params, answer) = (&shown["payload"]["params"], &shown["payload"]["answer"]);
        assert_eq!(answer["cut"], !is_whole, "{shown}");
        if is_whole {
            assert_eq!(params["value"]["arguments"]["city"], "Bern", "{shown}");
            let text = &answer["value"]["content"][0]["text"];
            assert_eq!(text, "it is on its way", "{shown}");
        } else {
            assert!(answer["value"].as_str().unwrap().len() <= 40, "{shown}");
        }
    }
}

#[test]
fn no_planted_secret_reaches_the_store() {
    let planted = planted();
    for options in [&["--payloads"][..], &["--payloads", "--no-redact"]] {
        let home = Home::new();
        let listener = Listener::start(&home, options);
        let head = "Content-Type: application/x-ndjson\r\n";
        let reply = reply_to(listener.address, "POST /", head, &stream(&planted));
        assert_eq!(reply.status, 200, "{reply:?}");
        listener.stop();
        // A payload is compressed, so that it is looked at as it is shown.
        let mut bytes = bytes_of(&home.store());
        for row in home.rows(&[]) {
            bytes.extend(home.succeed(&["show", &row["seq"].to_string()]).bytes());
        }
        for (secret, text) in &planted {
            let is_open = options.contains(&"--no-redact");
            assert_eq!(found_in(&bytes, secret), is_open, "{secret} of {text:?}");
        }
    }
}

#[test]
fn curl_posts_a_file() {
    let is_there = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if is_there.is_err() {
        return; // it is not installed here
    }
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let output = Command::new("curl")
        .args([
            "-sS",
            "-H",
            "Content-Type: application/x-ndjson",
            "--data-binary",
        ])
        .arg(format!(
            "@{}",
            capture("mcpr-0.5.44/cloud.ndjson").display()
        ))
        .arg(format!("http://localhost:{}/", listener.address.port()))
        .output()
        .unwrap();
    let answered: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answered["bad"], 0);
    assert!(listener.stop().contains(" 0 bad"));
    let read = Home::new();
    read.record(&[&capture("mcpr-0.5.44/cloud.ndjson")]);
    assert_eq!(content(&home), content(&read));
}
