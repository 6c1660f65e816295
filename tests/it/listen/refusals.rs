//! What is refused: with the right status and a short JSON error, and nothing of it is stored.

use super::client::{Client, Listener, Reply, reply_to};
use crate::kill::line;
use crate::program::{Home, Ran};

const JSON: &str = "Content-Type: application/json\r\n";

/// An answer that refuses: short, JSON, open to no web page, and the last one of its connection.
fn is_refused(reply: &Reply, status: u16, words: &str) {
    assert_eq!(reply.status, status, "{words}: {reply:?}");
    let error = reply.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains(words), "{words}: {reply:?}");
    assert!(reply.head.contains("connection: close"), "{reply:?}");
    assert!(!reply.head.contains("access-control"), "{reply:?}");
}

#[test]
fn each_refusal_has_its_status_and_nothing_is_stored() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let address = listener.address;
    let check = |request: &str, head: &str, status: u16, words: &str| {
        is_refused(&reply_to(address, request, head, &line(0)), status, words);
    };
    let with = |more: &str| format!("{JSON}{more}\r\n");
    check(
        "POST /",
        &with("Origin: http://127.0.0.1"),
        403,
        "web pages",
    );
    check("POST /", &with("Origin: null"), 403, "web pages");
    check(
        "OPTIONS /",
        &with("Origin: https://evil.example"),
        403,
        "web pages",
    );
    let port = address.port();
    for host in [
        format!("evil.example:{port}"),
        "127.0.0.1:1".to_owned(),
        "127.0.0.1".to_owned(),
        format!("127.0.0.2:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("evil@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}"),
        String::new(),
    ] {
        check(
            "POST /",
            &with(&format!("Host: {host}")),
            403,
            "not the host",
        );
    }
    check(
        &format!("POST http://evil.example:{port}/"),
        JSON,
        403,
        "not the host",
    );
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        check(&format!("{method} /"), JSON, 405, "POST");
    }
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
    ] {
        let head = format!("Content-Type: {content_type}\r\n");
        check("POST /", &head, 415, "application/x-ndjson");
    }
    check("POST /", "", 415, "application/json");
    check("POST /", &with(JSON.trim_end()), 415, "application/json");
    check("POST /", &with("Content-Encoding: gzip"), 415, "encoded");
    let reply = reply_to(address, "POST /", JSON, "plain text");
    is_refused(&reply, 400, "neither a JSON object nor an array");
    is_refused(&reply_to(address, "POST /", JSON, ""), 400, "neither");
    is_refused(
        &reply_to(address, "POST /", JSON, "[mcpr] started"),
        400,
        "neither",
    );
    assert!(home.rows(&[]).is_empty());
    let messages = listener.stop();
    assert!(messages.contains("recorded 0 lines"), "{messages}");
}

#[test]
fn too_much_is_refused_before_and_after_it_is_sent() {
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let address = listener.address;
    let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\n{JSON}");
    // Reported beforehand, and not sent at all.
    let mut client = Client::connect(address);
    client.send(format!(
        "{head}Expect: 100-continue\r\nContent-Length: 8388609\r\n\r\n"
    ));
    is_refused(&client.reply().unwrap(), 413, "8388608");
    // Sent whole, by a client that reads the answer only then.
    let large = format!("[{}]", " ".repeat(8 << 20));
    is_refused(&reply_to(address, "POST /", JSON, &large), 413, "8388608");
    // Never ending.
    let mut client = Client::connect(address);
    client.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(1 << 16));
    for _ in 0..160 {
        client.send(&chunk);
    }
    is_refused(&client.reply().unwrap(), 413, "8388608");
    // What is just small enough is taken.
    let fits = format!("[{}]", " ".repeat((8 << 20) - 2));
    assert_eq!(Client::connect(address).post("/", &fits).status, 200);
    // A head without an end is not a request.
    let mut client = Client::connect(address);
    client.send(format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20)));
    assert!(client.reply().is_none_or(|reply| reply.status == 431));
    assert!(listener.stop().contains(", 0 events,"));
}

#[test]
fn a_token_is_asked_for_and_never_shown() {
    let home = Home::new();
    let file = home.write("token", "a-token-of-some-length\n");
    let listener = Listener::start(&home, &["--token-file", file.to_str().unwrap()]);
    let reply = |more: &str| {
        reply_to(
            listener.address,
            "POST /",
            &format!("{JSON}{more}"),
            &line(0),
        )
    };
    for shown in [
        "",
        "Authorization: Bearer a-token-of-some-lengt\r\n",
        "Authorization: Bearer a-token-of-some-length2\r\n",
        "Authorization: Basic a-token-of-some-length\r\n",
        "Authorization: Bearer a-token-of-some-length\r\nAuthorization: Bearer x\r\n",
    ] {
        let refused = reply(shown);
        is_refused(&refused, 401, "bearer token");
        assert!(
            refused.head.contains("www-authenticate: bearer"),
            "{refused:?}"
        );
    }
    assert!(home.rows(&[]).is_empty());
    let taken = reply("Authorization: Bearer a-token-of-some-length\r\n");
    assert_eq!(taken.status, 200, "{taken:?}");
    let health = reply_to(listener.address, "GET /healthz", "", "");
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &"ok".into())
    );
    assert!(!listener.stop().contains("a-token"));
    assert_eq!(home.rows(&[]).len(), 1);
}

#[test]
fn a_further_name_of_the_host_is_taken_where_it_was_given() {
    let home = Home::new();
    let listener = Listener::start(&home, &["--allow-host", "host.docker.internal"]);
    let reply = |host: &str| {
        let head = format!("Host: {host}\r\n{JSON}");
        reply_to(listener.address, "POST /", &head, &line(0)).status
    };
    assert_eq!(reply("Host.Docker.internal:4711"), 200);
    assert_eq!(reply("other.docker.internal:4711"), 403);
    assert_eq!(
        reply(&format!("localhost:{}", listener.address.port())),
        200
    );
    listener.stop();
}

fn is_wrong(ran: &Ran, words: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains(words), "{words}: {ran:?}");
    assert!(ran.out.is_empty(), "{ran:?}");
}

#[test]
fn what_cannot_be_listened_on_is_refused_before_anything_is_made() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let short = home.write("short", "abc\n");
    let short = short.to_str().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["--listen", &taken], "hint: choose another port"),
        (
            &["--listen", "0.0.0.0:0"],
            "--allow-remote and --token-file",
        ),
        (
            &["--listen", "0.0.0.0:0", "--allow-remote"],
            "needs a token",
        ),
        (
            &["--listen", "[::]:0", "--token-file", short],
            "shorter than 8",
        ),
        (
            &["--listen", "127.0.0.1:0", "--token-file", "none"],
            "none: the token cannot be read",
        ),
        (&["--listen", "8787"], "127.0.0.1:8787"),
        (&["--listen", "127.0.0.1:0", "--once"], "--once"),
        (&["--token-file", short], "--listen"),
        (
            &["--listen", "127.0.0.1:0", "none/none.log"],
            "no such file",
        ),
    ];
    for (arguments, words) in cases {
        is_wrong(&home.run(&[&["record"], arguments].concat()), words);
    }
    assert!(!home.path(".mcpr").exists(), "nothing was made");
}

#[test]
fn other_machines_are_let_in_with_a_token_from_the_environment() {
    let home = Home::new();
    let mut command = home.command(&["record", "--listen", "0.0.0.0:0", "--allow-remote"]);
    command.env("MCPR_LISTEN_TOKEN", "a-token-of-some-length");
    let listener = Listener::of(command);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], listener.address.port()));
    let reply = |head: &str| reply_to(address, "POST /", &format!("{JSON}{head}"), &line(0)).status;
    let shown = "Authorization: Bearer a-token-of-some-length\r\n";
    assert_eq!(reply(""), 401);
    assert_eq!(reply(shown), 200);
    assert_eq!(reply(&format!("{shown}Host: evil.example\r\n")), 403);
    listener.stop();
}
