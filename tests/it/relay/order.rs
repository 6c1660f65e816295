//! Answers on one connection to what was asked on another.

use super::Relay;
use super::played::{PlayedServer, Wire, message};
use crate::program::Home;

fn headers(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    more.iter().map(owned).collect()
}

fn chunk(event: &str) -> Vec<u8> {
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

#[test]
fn an_answer_on_the_stream_before_the_request_is_accepted_is_its_answer() {
    let home = Home::new();
    let server = PlayedServer::start();
    let url = format!("http://{}/sse", server.address);
    let relay = Relay::start(&home, &["--url", &url]);
    let mut stream = Wire::connect(relay.authority());
    let host = headers(&[("Host", relay.authority())]);
    stream.send(&message("GET /sse HTTP/1.1", &host, ""));
    let mut events = server.next();
    let head = headers(&[
        ("Content-Type", "text/event-stream"),
        ("Transfer-Encoding", "chunked"),
    ]);
    events.wire.send(&message("HTTP/1.1 200 OK", &head, ""));
    let place = "event: endpoint\ndata: /messages?sessionId=1\n\n";
    events.wire.send(&chunk(place));
    stream.head().unwrap();
    assert_eq!(stream.chunk(), place.as_bytes());

    // One of a known length, and one whose end is marked by an empty chunk.
    for (id, is_chunked) in [(1, false), (2, true)] {
        let asked = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let length = asked.len().to_string();
        let (framing, body) = if is_chunked {
            let pieces = [chunk(&asked), b"0\r\n\r\n".to_vec()].concat();
            let body = String::from_utf8(pieces).unwrap();
            (("Transfer-Encoding", "chunked"), body)
        } else {
            (("Content-Length", length.as_str()), asked)
        };
        let mut client = Wire::connect(relay.authority());
        let head = headers(&[("Host", relay.authority()), framing]);
        client.send(&message(
            "POST /messages?sessionId=1 HTTP/1.1",
            &head,
            &body,
        ));
        let mut posted = server.next();
        let answer = format!("data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n\n");
        events.wire.send(&chunk(&answer));
        // The client has its answer before the server says that it has accepted the request.
        assert_eq!(stream.chunk(), answer.as_bytes());
        let accepted = headers(&[("Content-Length", "0")]);
        posted
            .wire
            .send(&message("HTTP/1.1 202 Accepted", &accepted, ""));
        assert_eq!(client.head().unwrap().line, "HTTP/1.1 202 Accepted");
    }
    drop(stream);
    relay.end();
    let rows = home.rows(&[]);
    let statuses: Vec<_> = rows.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, [Some("ok"); 2], "{rows:?}");
}
