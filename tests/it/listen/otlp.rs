//! Posts of OTLP through the built program: what exporters send, and the answers.

use super::client::{Client, Listener, Reply, reply_to};
use crate::program::{Home, capture, json_lines};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;

/// One captured post, as gzip.
struct CapturedPost {
    path: String,
    content_type: String,
    packed: Vec<u8>,
}

fn captured(run: &str) -> Vec<CapturedPost> {
    let directory = capture("otlp").join(run);
    let lines = json_lines(&fs::read_to_string(directory.join("posts.ndjson")).unwrap());
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
    let posts = lines.iter().map(|line| CapturedPost {
        path: text(line, "path"),
        content_type: text(line, "content_type"),
        packed: fs::read(directory.join(text(line, "file"))).unwrap(),
    });
    posts.collect()
}

impl CapturedPost {
    fn unpacked(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut reader = flate2::read::GzDecoder::new(&self.packed[..]);
        reader.read_to_end(&mut body).unwrap();
        body
    }

    /// Posts it on a connection that stays: packed or not, in pieces or with its length.
    fn send(&self, client: &mut Client, is_packed: bool, is_chunked: bool) -> Reply {
        let host = client.0.get_ref().peer_addr().unwrap();
        let (body, coding) = if is_packed {
            (self.packed.clone(), "content-encoding: gzip\r\n")
        } else {
            (self.unpacked(), "")
        };
        let framing = if is_chunked {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", body.len())
        };
        let (path, content_type) = (&self.path, &self.content_type);
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\ncontent-type: {content_type}\r\n{coding}{framing}\r\n\r\n"
        ));
        if is_chunked {
            for piece in body.chunks(4096) {
                client.send(format!("{:x}\r\n", piece.len()));
                client.send(piece);
                client.send("\r\n");
            }
            client.send("0\r\n\r\n");
        } else {
            client.send(&body);
        }
        client.reply().unwrap()
    }
}

/// How many rows there are of each method, tool and status.
fn counted(home: &Home) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in home.rows(&[]) {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let fact = format!(
            "{} {} {} {}",
            text("proxy"),
            text("method"),
            text("tool"),
            text("status")
        );
        *counts.entry(fact).or_default() += 1;
    }
    counts
}

const RUNS: [&str; 4] = [
    "mcp2-http-auto-proto",
    "mcp2-stdio-legacy-json",
    "codex-denied-proto",
    "mcp2-http-legacy-autoinstr",
];

#[test]
fn posts_in_every_form_give_each_operation_once_however_often_they_come() {
    for run in RUNS {
        let posts = captured(run);
        let mut all = Vec::new();
        for (is_packed, is_chunked) in [(false, false), (true, true)] {
            let home = Home::new();
            let listener = Listener::start(&home, &[]);
            let mut client = Client::connect(listener.address);
            for post in &posts {
                let reply = post.send(&mut client, is_packed, is_chunked);
                assert_eq!(reply.status, 200, "{run}: {reply:?}");
                assert!(
                    reply
                        .head
                        .contains(&format!("content-type: {}", post.content_type)),
                    "{reply:?}"
                );
                let is_json = post.content_type == "application/json";
                assert_eq!(
                    reply.body,
                    if is_json { "{}" } else { "" },
                    "all of it is taken"
                );
            }
            let messages = listener.stop();
            assert!(messages.contains(" 0 bad, 0 gaps"), "{messages}");
            let first = counted(&home);
            // Whoever did not hear the answer sends all of it again, to a recorder that knows nothing of it.
            for _ in 0..2 {
                let listener = Listener::start(&home, &[]);
                let mut client = Client::connect(listener.address);
                for post in posts.iter().rev() {
                    assert_eq!(post.send(&mut client, is_packed, is_chunked).status, 200);
                }
                listener.stop();
            }
            assert_eq!(counted(&home), first, "{run}: each once");
            home.succeed(&["store", "verify"]);
            all.push(first);
        }
        assert_eq!(all[0], all[1], "{run}");
        assert!(all[0].values().sum::<u64>() > 0, "{run}");
    }
}

#[test]
fn an_operation_of_which_one_side_is_reported_is_in_the_store_before_the_answer() {
    let home = Home::new();
    let posts = captured("mcp2-http-auto-proto");
    let expected = {
        let home = Home::new();
        let listener = Listener::start(&home, &[]);
        let mut client = Client::connect(listener.address);
        for post in &posts {
            post.send(&mut client, true, false);
        }
        listener.stop();
        counted(&home)
    };
    for post in &posts {
        // Killed after each post: what was answered is kept, and completed by what comes later.
        let mut listener = Listener::start(&home, &[]);
        let mut client = Client::connect(listener.address);
        assert_eq!(post.send(&mut client, true, false).status, 200);
        listener.kill();
    }
    let listener = Listener::start(&home, &[]);
    listener.stop();
    let found = counted(&home);
    let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
    assert_eq!(
        sum(&found),
        sum(&expected),
        "none is lost and none is doubled: {found:?}"
    );
    let failed = |counts: &BTreeMap<String, u64>| {
        let failed = counts
            .iter()
            .filter(|(fact, _)| fact.ends_with("error") || fact.ends_with("timeout"));
        failed.map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!(failed(&found), failed(&expected), "{found:?}");
    home.succeed(&["store", "verify"]);
}

fn refused(address: SocketAddr, line: &str, head: &str, body: &str) -> (u16, String, String) {
    let reply = reply_to(address, line, head, body);
    (reply.status, reply.head, reply.body)
}

#[test]
fn what_is_refused_is_reported_in_the_encoding_of_the_post() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let json = "Content-Type: application/json\r\n";
    let proto = "Content-Type: application/x-protobuf\r\n";
    let gzip = format!("{json}Content-Encoding: gzip\r\n");
    let brotli = format!("{json}Content-Encoding: br\r\n");
    let text = "Content-Type: text/plain\r\n";
    let cases = [
        ("POST /v1/traces", json, "{", 400, "3"),
        ("POST /v1/logs", json, "[]", 400, "3"),
        ("POST /v1/metrics", json, "", 400, "3"),
        ("POST /v1/traces", &gzip, "{}", 400, "3"),
        ("POST /v1/traces", &brotli, "{}", 415, "3"),
        ("POST /v1/traces", text, "{}", 415, "3"),
        ("GET /v1/traces", json, "", 405, "3"),
    ];
    for (line, head, body, status, code) in cases {
        let (found, head, body) = refused(listener.address, line, head, body);
        assert_eq!(found, status, "{line}: {body}");
        assert!(head.contains("content-type: application/json"), "{head}");
        let messages: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(messages["code"].to_string(), code, "{body}");
        assert!(!messages["message"].as_str().unwrap().is_empty());
    }
    let (found, head, body) = refused(listener.address, "POST /v1/traces", proto, "\u{7}nonsense");
    assert_eq!(found, 400);
    assert!(
        head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    assert!(body.contains("not a message of OTLP"), "{body}");
    let declared = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: {}\r\n{proto}Content-Length: 9000000\r\n\r\n",
        listener.address
    );
    let mut client = Client::connect(listener.address);
    client.send(declared);
    assert_eq!(client.reply().unwrap().status, 413);
    // A few bytes that stand for very many are not unpacked to the end.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::repeat(b' ').take(64 << 20), &mut packer).unwrap();
    let bomb = CapturedPost {
        path: "/v1/traces".to_owned(),
        content_type: "application/json".to_owned(),
        packed: packer.finish().unwrap(),
    };
    assert_eq!(
        bomb.send(&mut Client::connect(listener.address), true, false)
            .status,
        413
    );
    listener.stop();
    assert!(home.rows(&[]).is_empty());
}

#[test]
fn metrics_are_answered_and_what_cannot_be_used_is_reported() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let mut client = Client::connect(listener.address);
    let reply = client.post("/v1/metrics", r#"{"resourceMetrics":[{}]}"#);
    assert_eq!((reply.status, &*reply.body), (200, "{}"));
    let broken =
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00","name":"ping"}]}]}]}"#;
    let reply = client.post("/v1/traces", broken);
    assert_eq!(reply.status, 200);
    let messages = &reply.json()["partialSuccess"];
    assert_eq!(
        (&messages["rejectedSpans"], &messages["errorMessage"]),
        (&"1".into(), &"a trace id has 16 bytes".into())
    );
    let messages = listener.stop();
    assert!(messages.contains(" 1 bad, 0 gaps"), "{messages}");
}

#[test]
fn secrets_in_a_status_are_taken_out() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let mut client = Client::connect(listener.address);
    let body = r#"{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"fastmcp"},"spans":[{"traceId":"5b8aa5a2d2c872e8321cf37308d69df2",
        "spanId":"00f067aa0ba902b7","kind":2,"name":"tools/call echo","startTimeUnixNano":"1795932248906719168",
        "endTimeUnixNano":"1795932248906719168","attributes":[{"key":"mcp.method.name","value":{"stringValue":"tools/call"}},
        {"key":"error.type","value":{"stringValue":"tool_error"}}],"status":{"code":2,"message":"bad password=hunter22 given"}}]}]}]}"#;
    assert_eq!(client.post("/v1/traces", body).status, 200);
    listener.stop();
    let row = &home.rows(&[])[0];
    assert_eq!(
        row["error_msg"], "bad password=[redacted:key] given",
        "{row}"
    );
    assert_eq!(
        (&row["proxy"], &row["status"]),
        (&"unknown_service".into(), &"error".into())
    );
}
