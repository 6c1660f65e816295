//! Operations of several requests through a tap at a URL: a call that asks back, a task with its polls; and streams,
//! which are none.

use super::super::program::{Home, json_lines, until};
use super::super::web::{Asked, Open, Reply, Web};
use super::Relay;
use super::played::{PlayedServer, Wire, message};
use super::ways::{of_port, post};
use serde_json::{Value, json};

/// A request of a client of 2026-07-28.
fn request(id: u64, method: &str, more: &Value) -> String {
    let mut params = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "1"},
    }});
    let more = more.as_object().unwrap().clone();
    params.as_object_mut().unwrap().extend(more);
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// A server whose one tool asks how much, and whose other one begins a task that takes two looks.
fn answer(asked: &Asked) -> Reply {
    let params = &asked.body["params"];
    let result = match (asked.method(), params["name"].as_str()) {
        ("tools/call", Some("order")) if params["requestState"] == "s1" => {
            json!({"resultType": "complete", "content": []})
        }
        ("tools/call", Some("order")) => json!({"resultType": "input_required",
            "requestState": "s1", "inputRequests": {"amount": {"method": "elicitation/create"}}}),
        ("tools/call", Some("build")) => json!({"resultType": "task",
            "taskId": "t1", "status": "working", "pollIntervalMs": 10}),
        ("tasks/get", _) => {
            let status = if asked.body["id"] == 12 {
                "completed"
            } else {
                "working"
            };
            json!({"resultType": "complete", "taskId": "t1", "status": status})
        }
        _ => json!({"resultType": "complete", "content": []}),
    };
    Reply::json(&json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result}))
}

fn stats(home: &Home, more: &[&str]) -> Vec<Value> {
    json_lines(&home.succeed(&[&["stats", "--json"], more].concat()))
}

fn recorded(home: &Home) {
    let web = Web::new(answer);
    let relay = Relay::start(home, &["--url", &of_port(web.port()), "--name", "far"]);
    let order = json!({"name": "order", "arguments": {}});
    let again = json!({"name": "order", "arguments": {}, "requestState": "s1",
        "inputResponses": {"amount": {"action": "accept"}}});
    let build = json!({"name": "build", "arguments": {}});
    let task = json!({"taskId": "t1"});
    let bodies = [
        request(1, "tools/call", &order),
        request(2, "tools/call", &again),
        request(10, "tools/call", &build),
        request(11, "tasks/get", &task),
        request(12, "tasks/get", &task),
    ];
    for body in bodies {
        let (head, answered) = post(relay.authority(), &body);
        assert!(head.line.starts_with("HTTP/1.1 200"), "{head:?} {answered}");
    }
    relay.end();
}

#[test]
fn a_call_that_asks_back_and_a_task_are_linked_wherever_they_are_shown() {
    let home = Home::new();
    recorded(&home);
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 5);
    let seq = |id: &str| {
        let row = rows.iter().find(|row| row["request_id"] == id).unwrap();
        row["seq"].clone()
    };
    let (asks, task) = ([seq("1"), seq("2")], [seq("10"), seq("11"), seq("12")]);
    // From any of its parts `show` leads to all of them.
    for part in &task {
        let shown = home.succeed(&["show", &part.to_string(), "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["operation"]["seqs"], json!(task), "{shown:#}");
        assert_eq!(shown["operation"]["stage"], "completed");
    }
    let text = home.succeed(&["show", &asks[1].to_string()]);
    assert!(text.contains("operation"), "{text}");
    let session = rows[0]["session"].as_str().unwrap();
    let document = home.succeed(&["session", session, "--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    let answered: Vec<&Value> = document["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["seqs"])
        .collect();
    assert_eq!(answered, [&json!(asks), &json!(task)], "{document:#}");
    let lines = stats(&home, &["--operations"]);
    let of = |tool: &str| {
        let line = lines.iter().find(|line| line["tool"] == tool);
        let line = line.unwrap_or_else(|| panic!("{lines:#?}"));
        (line["calls"].clone(), line["operations"].clone())
    };
    assert_eq!(of("order"), (json!(2), json!(1)));
    assert_eq!(of("build"), (json!(1), json!(1)));
}

#[test]
fn polls_of_a_task_are_in_no_sum_unless_they_are_asked_for() {
    let home = Home::new();
    recorded(&home);
    let calls = |lines: &[Value]| {
        lines
            .iter()
            .map(|it| it["calls"].as_u64().unwrap())
            .sum::<u64>()
    };
    for by in ["tool", "method", "client", "proxy", "hour"] {
        for exact in [&[][..], &["--exact"]] {
            let lines = stats(&home, &[&["--by", by], exact].concat());
            assert_eq!(calls(&lines), 3, "{by} {exact:?}: {lines:#?}");
        }
    }
    let polls = stats(&home, &["--method", "tasks/*"]);
    assert_eq!(calls(&polls), 2, "{polls:#?}");
    let table = home.run(&["stats"]);
    assert!(
        table.err.contains("2 polls of tasks are not counted"),
        "{table:?}"
    );
    let slow = |more: &[&str]| {
        let all = [&["slow", "--threshold", "0", "--json"], more].concat();
        json_lines(&home.succeed(&all)).len()
    };
    assert_eq!((slow(&[]), slow(&["--method", "tasks/get"])), (3, 2));
}

#[test]
fn a_stream_of_notifications_is_open_until_its_client_closes_it() {
    let home = Home::new();
    let web = Web::new(|asked| match asked.method() {
        "subscriptions/listen" => {
            let event = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}"#;
            Reply::Events(Vec::new(), format!("data: {event}\n\n"), Open::Left)
        }
        _ => answer(asked),
    });
    let relay = Relay::start(&home, &["--url", &of_port(web.port()), "--name", "far"]);
    post(
        relay.authority(),
        &request(1, "tools/call", &json!({"name": "t"})),
    );
    let mut stream = Wire::connect(relay.authority());
    let body = request(2, "subscriptions/listen", &json!({}));
    let headers = [
        ("Host".to_owned(), relay.authority().to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    stream.send(&message("POST /mcp HTTP/1.1", &headers, &body));
    stream.head().unwrap();
    assert!(!stream.chunk().is_empty());
    let open = || {
        let rows = json_lines(&home.run(&["logs", "--pending", "--json"]).out);
        let rows = rows.into_iter().filter(|row| row["seq"].is_null());
        rows.collect::<Vec<Value>>()
    };
    until("the stream is open", || open().len() == 1);
    assert_eq!(open()[0]["status"], "open");
    let waiting = home.run(&["logs", "--status", "pending", "--json"]);
    assert_eq!(waiting.out, "", "{waiting:?}");
    drop(stream);
    until("the stream is over", || open().is_empty());
    relay.end();
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 1, "a stream is not a row: {rows:#?}");
}

#[test]
fn a_client_that_closes_before_it_is_answered_has_cancelled() {
    let home = Home::new();
    let web = Web::new(|_| Reply::Silence);
    let relay = Relay::start(&home, &["--url", &of_port(web.port()), "--name", "far"]);
    let mut client = Wire::connect(relay.authority());
    let body = request(1, "tools/call", &json!({"name": "slow"}));
    let headers = [
        ("Host".to_owned(), relay.authority().to_owned()),
        ("Content-Length".to_owned(), body.len().to_string()),
    ];
    client.send(&message("POST /mcp HTTP/1.1", &headers, &body));
    until("the server is asked", || !web.asked().is_empty());
    drop(client);
    until("the call has ended", || !home.rows_or_none().is_empty());
    relay.end();
    let rows = home.rows(&["--pending"]);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (
            &rows[0]["status"],
            &rows[0]["error_kind"],
            &rows[0]["http_status"]
        ),
        (&json!("error"), &json!("cancelled"), &Value::Null)
    );
}

#[test]
fn what_is_asked_again_after_its_answer_broke_off_is_marked() {
    let home = Home::new();
    let server = PlayedServer::start();
    let url = format!("http://{}/mcp", server.address);
    let relay = Relay::start(&home, &["--url", &url, "--name", "far"]);
    let send = |id: u64, tool: &str| {
        let body = request(
            id,
            "tools/call",
            &json!({"name": tool, "arguments": {"a": 1}}),
        );
        let headers = [
            ("Host".to_owned(), relay.authority().to_owned()),
            ("Content-Length".to_owned(), body.len().to_string()),
        ];
        let mut client = Wire::connect(relay.authority());
        client.send(&message("POST /mcp HTTP/1.1", &headers, &body));
        (client, server.next())
    };
    let (mut client, mut arrived) = send(1, "t");
    let headers = [
        ("Content-Type".to_owned(), "text/event-stream".to_owned()),
        ("Transfer-Encoding".to_owned(), "chunked".to_owned()),
    ];
    arrived
        .wire
        .send(&message("HTTP/1.1 200 OK", &headers, "7\r\ndata: {\r\n"));
    client.head().unwrap();
    assert_eq!(client.chunk(), b"data: {");
    drop(arrived);
    assert!(client.is_closed(), "the client sees that it broke");
    // Under new ids, as a stream of this protocol is not taken up: the same, and something else.
    for (id, tool) in [(2, "u"), (3, "t")] {
        let (mut client, mut arrived) = send(id, tool);
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}}).to_string();
        let headers = [
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Content-Length".to_owned(), answer.len().to_string()),
        ];
        arrived
            .wire
            .send(&message("HTTP/1.1 200 OK", &headers, &answer));
        let head = client.head().unwrap();
        assert_eq!(client.body(&head), answer.as_bytes());
    }
    relay.end();
    let rows = home.rows(&[]);
    let ids: Vec<Value> = rows.iter().map(|row| row["request_id"].clone()).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(rows[0]["error_kind"], "http", "{rows:#?}");
    let shown = home.succeed(&["show", &rows[2]["seq"].to_string(), "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let operation = &shown["operation"];
    assert_eq!(
        operation["seqs"],
        json!([rows[0]["seq"], rows[2]["seq"]]),
        "{shown:#}"
    );
    assert_eq!(
        (&operation["retries"], &operation["failed"]),
        (&json!(1), &json!(false))
    );
    let text = home.succeed(&["show", &rows[0]["seq"].to_string()]);
    assert!(
        text.contains("asked again after its answer broke off"),
        "{text}"
    );
    home.succeed(&["store", "verify", "--full"]);
}
