//! What a person sees of calls through a tap at a URL: who called, what waits for input, and why a call was refused.

use super::super::program::{Home, json_lines};
use super::super::web::{Asked, Reply, Web};
use super::Relay;
use super::played::{Wire, message};
use super::ways::{call, of_port, post, result_of};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// A call of a client of 2026-07-28, which says in each request who it is.
fn modern(id: u64, client: &str, more: &Value) -> String {
    let mut params = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": client, "version": "1"},
    }});
    let more = more.as_object().unwrap().clone();
    params.as_object_mut().unwrap().extend(more);
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// Posts all of it through a tap.
fn record(
    home: &Home,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    bodies: &[String],
) {
    let web = Web::new(answer);
    let relay = Relay::start(home, &["--url", &of_port(web.port()), "--name", "far"]);
    for body in bodies {
        post(relay.authority(), body);
    }
    relay.end();
}

#[test]
fn each_request_of_a_modern_client_says_who_called() {
    let home = Home::new();
    let tool = json!({"name": "look"});
    let bodies = [
        modern(1, "alpha", &tool),
        modern(2, "beta", &tool),
        modern(3, "alpha", &tool),
    ];
    record(&home, result_of, &bodies);
    let rows = home.rows(&[]);
    let clients: Vec<_> = rows.iter().map(|row| &row["client_name"]).collect();
    assert_eq!(clients, ["alpha", "beta", "alpha"]);
    // One connection is not a session: each client's requests are a group of their own.
    assert_eq!(rows[0]["session"], rows[2]["session"]);
    assert_ne!(rows[0]["session"], rows[1]["session"]);
    let listed = json_lines(&home.succeed(&["clients", "--json"]));
    let mut named: Vec<_> = listed
        .iter()
        .map(|it| it["client_name"].as_str().unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, ["alpha", "beta"], "{listed:#?}");
    let shown = home.succeed(&["show", &rows[1]["seq"].to_string()]);
    assert!(shown.contains("client     beta 1"), "{shown}");
    let own = home.rows(&["--client", "beta"]);
    assert_eq!(own.len(), 1);
}

#[test]
fn an_operation_that_waits_for_input_says_so() {
    let home = Home::new();
    let asks_back = |asked: &Asked| {
        let result = json!({"resultType": "input_required", "requestState": "s1",
            "inputRequests": {"amount": {"method": "elicitation/create"}}});
        Reply::json(&json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result}))
    };
    record(
        &home,
        asks_back,
        &[modern(1, "alpha", &json!({"name": "order"}))],
    );
    let rows = home.rows(&[]);
    let session = rows[0]["session"].as_str().unwrap();
    let text = home.succeed(&["session", session]);
    assert!(text.contains("; it waits for input"), "{text}");
    let document: Value =
        serde_json::from_str(&home.succeed(&["session", session, "--json"])).unwrap();
    assert_eq!(
        document["operations"][0]["stage"], "input_required",
        "{document:#}"
    );
    let stats = home.succeed(&["stats", "--operations"]);
    let line = stats.lines().find(|line| line.contains("order"));
    assert!(line.is_some(), "{stats}");
    let lines = json_lines(&home.succeed(&["stats", "--operations", "--json"]));
    assert_eq!(lines[0]["operations"], 1, "{lines:#?}");
}

#[test]
fn what_a_server_says_with_a_400_is_shown() {
    let home = Home::new();
    let refuse = |asked: &Asked| match asked.body["id"].as_u64() {
        Some(1) => Reply::status("400 Not Like This", "the argument `to` is no address"),
        _ => Reply::status(
            "400 Bad Request",
            r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32020,"message":"Mcp-Name differs from the body"}}"#,
        ),
    };
    record(&home, refuse, &[call(1, "send"), call(2, "send")]);
    let shown = |at: &str| home.succeed(&["show", at]);
    let plain = shown("1");
    assert!(plain.contains("error (http), code 400"), "{plain}");
    // The words behind the status are the server's own, too.
    let message = "HTTP 400 Not Like This: the argument `to` is no address";
    assert!(plain.contains(message), "{plain}");
    let text = shown("2");
    assert!(text.contains("error (rpc), code -32020"), "{text}");
    assert!(text.contains("Mcp-Name differs from the body"), "{text}");
    assert!(text.contains("status 400"), "{text}");
}

#[test]
fn a_request_that_is_compressed_reaches_the_server_and_is_recorded() {
    let home = Home::new();
    let web = Web::new(|_| Reply::status("415 Unsupported Media Type", "send it plain"));
    let relay = Relay::start(&home, &["--url", &of_port(web.port())]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(call(1, "packed").as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let headers = [
        ("Host".to_owned(), relay.authority().to_owned()),
        ("Content-Encoding".to_owned(), "gzip".to_owned()),
        ("Content-Length".to_owned(), packed.len().to_string()),
    ];
    let mut wire = Wire::connect(relay.authority());
    let mut sent = message("POST /mcp HTTP/1.1", &headers, "");
    sent.extend(&packed);
    wire.send(&sent);
    let head = wire.head().unwrap();
    assert!(head.line.starts_with("HTTP/1.1 415"), "{head:?}");
    assert_eq!(wire.body(&head), b"send it plain");
    relay.end();
    let rows = home.rows(&[]);
    assert_eq!(rows[0]["tool"], "packed", "{rows:#?}");
    assert_eq!(rows[0]["error_code"], "415");
}
