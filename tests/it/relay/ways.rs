//! What a tap passes on and what it refuses, with servers that answer in all sorts of ways.

use super::super::program::{Home, until};
use super::super::web::{Asked, Open, Reply, Web, free_port, raw, tls_file};
use super::Relay;
use super::played::{Head, Wire, message};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Barrier;
use std::thread;

/// A call of a tool, as a client of 2026-07-28 posts it.
pub(super) fn call(id: u64, tool: &str) -> String {
    let client = json!({"name": "ways", "version": "1"});
    let meta = json!({"io.modelcontextprotocol/clientInfo": client});
    let params = json!({"name": tool, "arguments": {"a": 1}, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

pub(super) fn result_of(asked: &Asked) -> Reply {
    let content = json!([{"type": "text", "text": "done"}]);
    Reply::json(&json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": {"content": content}}))
}

/// One request on a connection of its own, and all of its answer.
fn ask(authority: &str, line: &str, headers: &[(&str, &str)], body: &str) -> (Head, String) {
    let mut wire = Wire::connect(authority);
    let mut all = vec![
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer s3cr3t"),
    ];
    if headers.iter().all(|(name, _)| *name != "Host") {
        all.push(("Host", authority));
    }
    all.extend(headers);
    let length = body.len().to_string();
    all.push(("Content-Length", &length));
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<_> = all.iter().map(owned).collect();
    wire.send(&message(&format!("{line} HTTP/1.1"), &headers, body));
    let head = wire.head().unwrap();
    let body = wire.body(&head);
    (head, String::from_utf8_lossy(&body).into_owned())
}

pub(super) fn post(authority: &str, body: &str) -> (Head, String) {
    ask(authority, "POST /mcp", &[], body)
}

pub(super) fn of_port(port: u16) -> String {
    format!("http://127.0.0.1:{port}/mcp")
}

/// What a row says of a failure.
fn failure(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {}",
        text("error_kind"),
        text("error_code"),
        text("error_msg")
    )
}

#[test]
fn refusals_are_passed_on_and_reported_by_their_status() {
    let home = Home::new();
    let web = Web::new(|asked| match asked.body["params"]["name"].as_str() {
        Some("locked") => Reply::status("401 Unauthorized", r#"{"error":"invalid_token"}"#)
            .with("WWW-Authenticate", "Bearer realm=\"x\""),
        Some("gone") => Reply::status("404 Not Found", "no such place"),
        Some("rpc") => Reply::status(
            "400 Bad Request",
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"not yet"}}"#,
        ),
        Some("page") => Reply::status("502 Bad Gateway", "<html>no</html>"),
        _ => result_of(asked),
    });
    let relay = Relay::start(&home, &["--url", &of_port(web.port())]);
    let authority = relay.authority();
    let (head, body) = post(authority, &call(1, "locked"));
    assert!(head.line.starts_with("HTTP/1.1 401"), "{head:?}");
    assert_eq!(head.get("www-authenticate"), Some("Bearer realm=\"x\""));
    assert_eq!(body, r#"{"error":"invalid_token"}"#);
    for (id, tool) in [(2, "gone"), (3, "rpc"), (4, "page"), (5, "fine")] {
        post(authority, &call(id, tool));
    }
    assert_eq!(web.asked()[0].header("authorization"), "Bearer s3cr3t");
    assert_eq!(relay.end(), "");
    let rows = home.rows(&[]);
    let answered: Vec<String> = rows.iter().map(failure).collect();
    let expected = [
        "http 401 HTTP 401 Unauthorized: invalid_token",
        "http 404 HTTP 404 Not Found: no such place",
        "rpc -32000 not yet",
        "http 502 HTTP 502 Bad Gateway: <html>no</html>",
        "- - -",
    ];
    assert_eq!(answered[..3], expected[..3]);
    assert!(
        answered[3].starts_with("http 502 HTTP 502 Bad Gateway"),
        "{}",
        answered[3]
    );
    assert_eq!(answered[4], expected[4]);
    assert!(rows.iter().all(|row| row["client_name"] == "ways"));
    let store = std::fs::read(home.store()).unwrap();
    let holds = |secret: &[u8]| store.windows(secret.len()).any(|window| window == secret);
    assert!(!holds(b"s3cr3t"), "a credential is in the store");
}

#[test]
fn servers_that_are_away_or_break_are_reported_and_the_tap_goes_on() {
    let home = Home::new();
    let away = Relay::start(&home, &["--url", &of_port(free_port())]);
    let (head, body) = post(away.authority(), &call(1, "away"));
    assert!(head.line.starts_with("HTTP/1.1 502"), "{head:?}");
    assert!(body.contains("cannot be reached"), "{body}");
    assert_eq!(away.end(), "");
    let half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"id\":1,";
    let broken = Relay::start(&home, &["--url", &of_port(raw(half))]);
    let mut wire = Wire::connect(broken.authority());
    let body = call(2, "half");
    let headers = [
        ("Host".to_owned(), broken.authority().to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    wire.send(&message("POST /mcp HTTP/1.1", &headers, &body));
    wire.head().unwrap();
    assert_eq!(wire.take(8), b"{\"id\":1,");
    assert!(wire.is_closed(), "the client must see that it broke");
    broken.end();
    let nothing = Relay::start(&home, &["--url", &of_port(raw(b""))]);
    let (head, _) = post(nothing.authority(), &call(3, "nothing"));
    assert!(head.line.starts_with("HTTP/1.1 502"), "{head:?}");
    nothing.end();
    let rows = home.rows(&[]);
    let answered: Vec<String> = rows.iter().map(failure).collect();
    assert_eq!(answered.len(), 3, "{answered:#?}");
    assert!(
        answered[0].starts_with("http - the server cannot be reached: "),
        "{}",
        answered[0]
    );
    assert!(
        answered[1].starts_with("http - the answer broke off: "),
        "{}",
        answered[1]
    );
    assert!(
        answered[2].starts_with("http - the connection to the server broke: "),
        "{}",
        answered[2]
    );
    let tools: Vec<_> = rows
        .iter()
        .map(|row| row["tool"].as_str().unwrap())
        .collect();
    assert_eq!(tools, ["away", "half", "nothing"]);
}

#[test]
fn pages_and_other_names_reach_no_server() {
    let home = Home::new();
    let web = Web::new(result_of);
    let relay = Relay::start(&home, &["--url", &of_port(web.port())]);
    let authority = relay.authority();
    let body = call(1, "x");
    let port = authority.rsplit(':').next().unwrap();
    let evil = format!("evil.example:{port}");
    for headers in [
        [("Origin", "http://evil.example")],
        [("Origin", "null")],
        [("Host", evil.as_str())],
        [("Host", "127.0.0.1:1")],
    ] {
        let (head, answered) = ask(authority, "POST /mcp", &headers, &body);
        assert!(
            head.line.starts_with("HTTP/1.1 403"),
            "{headers:?}: {head:?}"
        );
        assert!(answered.starts_with("mcpr tap: "), "{answered}");
        assert_eq!(head.get("access-control-allow-origin"), None);
    }
    let (head, _) = ask(
        authority,
        "OPTIONS /mcp",
        &[("Origin", "http://evil.example")],
        "",
    );
    assert!(head.line.starts_with("HTTP/1.1 403"), "{head:?}");
    let by_name = format!("localhost:{port}");
    let (head, _) = ask(authority, "POST /mcp", &[("Host", &by_name)], &body);
    assert!(head.line.starts_with("HTTP/1.1 200"), "{head:?}");
    assert_eq!(web.asked().len(), 1, "only that one has passed");
    relay.end();
    assert_eq!(home.rows(&[]).len(), 1);
    // Other machines are not listened to, and a far server is not believed blindly.
    let refused = home.run(&[
        "tap",
        "--url",
        "http://127.0.0.1:1/",
        "--listen",
        "0.0.0.0:0",
    ]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let refused = home.run(&["tap", "--url", "https://a.example/mcp", "--insecure"]);
    assert!(refused.err.contains("not on this machine"), "{refused:?}");
    let refused = home.run(&["tap", "--url", "https://u:s3cr3t@a.example/mcp"]);
    assert_eq!(refused.code, Some(2));
    assert!(!refused.err.contains("s3cr3t"), "{refused:?}");
}

#[test]
fn certificates_are_checked_by_whom_the_user_believes() {
    let home = Home::new();
    let web = Web::secure(result_of);
    let url = format!("https://localhost:{}/mcp?key=s3cr3t", web.port());
    let authority = tls_file("ca.pem");
    let authority = authority.to_str().unwrap();
    for (options, status) in [
        (&["--ca", authority][..], "200"),
        (&["--insecure"], "200"),
        (&["--ca", tls_file("server.pem").to_str().unwrap()], "502"),
    ] {
        let relay = Relay::start(&home, &[&["--url", &url], options].concat());
        assert!(
            relay.url().ends_with("/mcp"),
            "the key is not shown: {}",
            relay.url()
        );
        let (head, body) = post(relay.authority(), &call(1, "tls"));
        assert_eq!(
            head.line.split(' ').nth(1),
            Some(status),
            "{options:?}: {body}"
        );
        relay.end();
    }
    assert!(
        web.asked()
            .iter()
            .all(|asked| asked.path == "/mcp?key=s3cr3t")
    );
    let missing = home.run(&["tap", "--url", &url, "--ca", "nothing.pem"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.err.contains("nothing.pem"), "{missing:?}");
}

#[test]
fn what_is_compressed_passes_as_it_is_and_is_read() {
    let home = Home::new();
    let plain = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}"#;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n".to_vec();
    let length = packed.len();
    write!(
        answer,
        "Content-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    answer.extend(&packed);
    let relay = Relay::start(&home, &["--url", &of_port(raw(answer.leak()))]);
    let mut wire = Wire::connect(relay.authority());
    let body = call(1, "packed");
    let headers = [
        ("Host".to_owned(), relay.authority().to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    wire.send(&message("POST /mcp HTTP/1.1", &headers, &body));
    let head = wire.head().unwrap();
    assert_eq!(head.get("content-encoding"), Some("gzip"));
    assert_eq!(wire.body(&head), packed);
    relay.end();
    assert_eq!(home.rows(&[])[0]["error_kind"], "tool");

    // In another way it passes all the same, and what it holds is reported as missing: not as an answer.
    let other = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc";
    let relay = Relay::start(&home, &["--url", &of_port(raw(other))]);
    let (head, answered) = post(relay.authority(), &call(2, "packed"));
    assert_eq!(
        (head.get("content-encoding"), answered.as_str()),
        (Some("br"), "abc")
    );
    let messages = relay.end();
    assert!(
        messages.contains("1 messages were passed on and not recorded"),
        "{messages}"
    );
    let rows = home.rows(&[]);
    let requests = rows.iter().filter(|row| row["method"].is_string());
    assert_eq!(requests.count(), 1, "{rows:?}");
}

#[test]
fn an_event_passes_before_the_next_is_made() {
    let home = Home::new();
    let server = super::played::PlayedServer::start();
    let url = format!("http://{}/mcp", server.address);
    let relay = Relay::start(&home, &["--url", &url]);
    let mut client = Wire::connect(relay.authority());
    let body = call(1, "slow");
    let headers = [
        ("Host".to_owned(), relay.authority().to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    client.send(&message("POST /mcp HTTP/1.1", &headers, &body));
    let mut arrived = server.next();
    let kind = ("Content-Type".to_owned(), "text/event-stream".to_owned());
    let coding = ("Transfer-Encoding".to_owned(), "chunked".to_owned());
    arrived
        .wire
        .send(&message("HTTP/1.1 200 OK", &[kind, coding], ""));
    // The head alone, before there is any event.
    assert_eq!(
        client.head().unwrap().get("content-type"),
        Some("text/event-stream")
    );
    for step in 0..50 {
        let event = format!(
            "data: {{\"method\":\"notifications/progress\",\"params\":{{\"n\":{step}}}}}\n\n"
        );
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        arrived.wire.send(chunk.as_bytes());
        // Nothing more comes until this has come.
        assert_eq!(client.chunk(), event.as_bytes());
    }
    // Half an event passes, too: nothing is waited for.
    arrived.wire.send(b"5\r\ndata:\r\n");
    assert_eq!(client.chunk(), b"data:");
    drop(client);
    assert!(
        arrived.wire.is_closed(),
        "the server hears that the client has gone"
    );
    relay.end();
    assert_eq!(home.rows(&[])[0]["error_kind"], "cancelled");
}

#[test]
fn the_older_pair_of_a_stream_and_posts() {
    let home = Home::new();
    let web = Web::new(|asked| match asked.verb.as_str() {
        "GET" => Reply::Events(
            Vec::new(),
            "event: endpoint\ndata: /messages?sessionId=s3cr3t\n\n".to_owned()
                + "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n",
            Open::Left,
        ),
        _ => Reply::status("202 Accepted", "Accepted"),
    });
    let server = format!("old=http://127.0.0.1:{}/sse", web.port());
    let relay = Relay::start(&home, &["serve", "--server", &server]);
    assert!(relay.url().ends_with("/old/sse"), "{}", relay.url());
    // Answers are there before they are asked for, as this server is no real one.
    let asks = |id: u64| {
        let body = call(id, "old");
        let line = "POST /old/messages?sessionId=s3cr3t";
        let (head, answered) = ask(relay.authority(), line, &[], &body);
        assert_eq!(
            (head.line.as_str(), answered.as_str()),
            ("HTTP/1.1 202 Accepted", "Accepted")
        );
    };
    let mut stream = Wire::connect(relay.authority());
    let headers = [("Host".to_owned(), relay.authority().to_owned())];
    stream.send(&message("GET /old/sse HTTP/1.1", &headers, ""));
    stream.head().unwrap();
    let chunk = String::from_utf8(stream.chunk()).unwrap();
    assert!(
        chunk.starts_with("event: endpoint\ndata: /old/messages?sessionId=s3cr3t\n\n"),
        "{chunk}"
    );
    asks(7);
    drop(stream);
    until("the client's end is a row", || {
        !home.rows_or_none().is_empty()
    });
    relay.end();
    let rows = home.rows(&[]);
    assert_eq!(
        (rows[0]["error_kind"].as_str(), rows[0]["proxy"].as_str()),
        (Some("cancelled"), Some("old"))
    );
    assert_eq!(rows[0]["session_id"].as_str().map(str::len), Some(32));
}

#[test]
fn a_hundred_sessions_at_once() {
    const SESSIONS: usize = 100;
    let home = Home::new();
    let web = Web::new(|asked| {
        let reply = result_of(asked);
        match asked.method() {
            "initialize" => {
                let name = asked.body["params"]["clientInfo"]["name"].as_str().unwrap();
                reply.with("Mcp-Session-Id", &format!("session of {name}"))
            }
            _ => reply,
        }
    });
    let relay = Relay::start(&home, &["--url", &of_port(web.port())]);
    let authority = relay.authority();
    let together = Barrier::new(SESSIONS);
    thread::scope(|scope| {
        for number in 0..SESSIONS {
            let together = &together;
            scope.spawn(move || {
                let client = json!({"name": format!("client {number}"), "version": "1"});
                let params = json!({"protocolVersion": "2025-11-25", "clientInfo": client});
                let hello =
                    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
                let (head, _) = post(authority, &hello.to_string());
                let session = head.get("mcp-session-id").unwrap().to_owned();
                together.wait();
                for id in 1..=3 {
                    let asked = json!({"jsonrpc": "2.0", "id": id, "method": "ping"}).to_string();
                    let headers = [("Mcp-Session-Id", session.as_str())];
                    let (_, answered) = ask(authority, "POST /mcp", &headers, &asked);
                    assert!(answered.contains(&format!("\"id\":{id}")), "{answered}");
                }
            });
        }
    });
    assert_eq!(relay.end(), "");
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 4 * SESSIONS);
    let mut sessions = super::replay::sessions(&rows);
    assert_eq!(sessions.len(), SESSIONS, "by client");
    assert!(sessions.values_mut().all(|ids| ids.len() == 1));
    assert!(rows.iter().all(|row| row["status"] == "ok"));
}

#[test]
fn a_store_that_takes_nothing_slows_nobody() {
    let home = Home::new();
    // Made first, so that it can be held.
    let web = Web::new(result_of);
    Relay::start(&home, &["--url", &of_port(web.port())]).end();
    let holder = rusqlite::Connection::open(home.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let relay = Relay::start(&home, &["--url", &of_port(web.port())]);
    let began = std::time::Instant::now();
    for id in 0..200 {
        let (head, _) = post(relay.authority(), &call(id, "held"));
        assert!(head.line.starts_with("HTTP/1.1 200"));
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    holder.execute_batch("COMMIT").unwrap();
    until("the rows are stored", || home.rows_or_none().len() == 200);
    relay.end();
}

#[test]
fn several_servers_behind_one_address() {
    let home = Home::new();
    let (one, two) = (Web::new(result_of), Web::new(result_of));
    let directory = home.path(".config/mcpr");
    std::fs::create_dir_all(&directory).unwrap();
    let text = format!(
        "[servers]\none = \"{}?key=s3cr3t\"\ntwo = \"http://localhost:{}/a/b\"\n",
        of_port(one.port()),
        two.port()
    );
    std::fs::write(directory.join("config.toml"), text).unwrap();
    let relay = Relay::start_all(&home, &["serve", "--verbose"], 2);
    let authority = relay.authority().to_owned();
    assert_eq!(relay.urls[0], format!("http://{authority}/one/mcp"));
    assert_eq!(relay.urls[1], format!("http://{authority}/two/a/b"));
    ask(&authority, "POST /one/mcp", &[], &call(1, "x"));
    ask(&authority, "POST /two/a/b", &[], &call(1, "x"));
    let (head, _) = ask(&authority, "POST /three/mcp", &[], &call(1, "x"));
    assert!(head.line.starts_with("HTTP/1.1 404"), "{head:?}");
    assert_eq!(one.asked()[0].path, "/mcp?key=s3cr3t");
    assert_eq!(two.asked()[0].path, "/a/b");
    let messages = relay.end();
    assert!(messages.contains("2 requests, 2 stored"), "{messages}");
    let rows = home.rows(&[]);
    let proxies: Vec<_> = rows
        .iter()
        .map(|row| row["proxy"].as_str().unwrap())
        .collect();
    assert_eq!(proxies, ["one", "two"]);
    assert!(!home.succeed(&["config"]).contains("s3cr3t"));
    let other = home.run(&["tap", "serve", "--server", "a b=http://localhost/"]);
    assert_eq!(other.code, Some(2), "{other:?}");
}
