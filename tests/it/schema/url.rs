//! `mcpr schema snapshot` and `check` against a server at a URL: Streamable HTTP of both eras, and all
//! that can be in its way.

use super::super::program::{Home, Ran};
use super::super::web::{Asked, Open, Reply, Web, free_port, raw, tls_file};
use super::tool;
use serde_json::{Value, json};

const TOKEN: &str = "s3cr3t-of-the-tests";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Legacy,
    Modern,
}

/// How answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Events(Open),
}

/// Answers in a form; a stream has more in it than the answer.
fn formed(form: Form, asked: &Asked, member: &str, value: &Value) -> Reply {
    let answer = json!({"jsonrpc": "2.0", "id": asked.body["id"], member: value});
    let Form::Events(open) = form else {
        return Reply::json(&answer);
    };
    let ping = json!({"jsonrpc": "2.0", "id": "p", "method": "ping"});
    let ping = if asked.method() == "tools/list" {
        format!("data: {ping}\n\n")
    } else {
        String::new()
    };
    let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}});
    let stream = format!(
        ": hello\n\nid: 1\ndata:\n\n{ping}event: message\ndata: {note}\n\ndata: {answer}\n\n"
    );
    Reply::Events(Vec::new(), stream, open)
}

fn refusal(status: &'static str, code: i64) -> Reply {
    let error = json!({"code": code, "message": "not so"});
    Reply::status(
        status,
        &json!({"jsonrpc": "2.0", "id": null, "error": error}).to_string(),
    )
}

/// What both eras answer alike: two pages of tools, prompts that are promised and not there.
fn lists(form: Form, asked: &Asked, shown: &[Value; 2]) -> Reply {
    match (asked.method(), asked.body["params"]["cursor"].as_str()) {
        ("tools/list", None) => {
            let page = json!({"tools": [shown[0]], "nextCursor": "2", "resultType": "complete"});
            formed(form, asked, "result", &page)
        }
        ("tools/list", Some("2")) => formed(form, asked, "result", &json!({"tools": [shown[1]]})),
        _ => formed(
            form,
            asked,
            "error",
            &json!({"code": -32601, "message": "unknown"}),
        ),
    }
}

fn about_server() -> Value {
    json!({"protocolVersion": "2025-06-18", "serverInfo": {"name": "s", "version": "1.0.0"},
        "capabilities": {"tools": {}, "prompts": {}}})
}

fn legacy(form: Form, asked: &Asked, shown: &[Value; 2]) -> Reply {
    let session = asked.header("mcp-session-id");
    if asked.method() == "initialize" {
        let answer = formed(form, asked, "result", &about_server());
        return if session.is_empty() {
            answer.with("Mcp-Session-Id", "s-1")
        } else {
            refusal("400 Bad Request", -32600)
        };
    }
    if session != "s-1" || asked.header("mcp-protocol-version") != "2025-06-18" {
        return refusal("400 Bad Request", -32000);
    }
    if asked.verb == "DELETE" {
        return Reply::status("200 OK", "");
    }
    // A notification, or the answer to our ping.
    if asked.body.get("id").is_none() || asked.method().is_empty() {
        return Reply::status("202 Accepted", "");
    }
    lists(form, asked, shown)
}

fn modern(form: Form, asked: &Asked, shown: &[Value; 2]) -> Reply {
    if asked.method() == "initialize" {
        return refusal("400 Bad Request", -32022);
    }
    if asked.method().is_empty() {
        return Reply::status("202 Accepted", "");
    }
    let meta = &asked.body["params"]["_meta"];
    let version = asked.header("mcp-protocol-version");
    let is_agreed =
        version == "2026-07-28" && meta["io.modelcontextprotocol/protocolVersion"] == version;
    if !is_agreed
        || asked.header("mcp-method") != asked.method()
        || !asked.header("mcp-session-id").is_empty()
    {
        return refusal("400 Bad Request", -32020);
    }
    match asked.method() {
        "server/discover" => formed(form, asked, "result", &about_server()),
        // Unknown methods are a status here.
        "prompts/list" => refusal("404 Not Found", -32601),
        _ => lists(form, asked, shown),
    }
}

fn server(era: Era, form: Form, shown: [Value; 2]) -> impl Fn(&Asked) -> Reply + Send + Sync {
    move |asked| match (era, asked.path.as_str(), asked.header("authorization")) {
        (_, "/mcp?set=all", authorization) if authorization != format!("Bearer {TOKEN}") => {
            let error = json!({"error": "invalid_token", "got": authorization});
            Reply::status("401 Unauthorized", &error.to_string())
        }
        (Era::Legacy, "/mcp?set=all", _) => legacy(form, asked, &shown),
        (Era::Modern, "/mcp?set=all", _) => modern(form, asked, &shown),
        _ => Reply::status("404 Not Found", "Not Found"),
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/mcp?set=all")
}

fn with_token(home: &Home, words: &[&str]) -> Ran {
    let words = [&["schema"], words].concat();
    let output = home
        .command(&words)
        .env("MCPR_SCHEMA_TOKEN", TOKEN)
        .output()
        .unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn two() -> [Value; 2] {
    [tool("b", &[]), tool("a", &[])]
}

#[test]
fn servers_of_both_eras_show_the_same_in_json_and_in_events() {
    let home = Home::new();
    let mut first = None;
    for era in [Era::Legacy, Era::Modern] {
        for form in [
            Form::Json,
            Form::Events(Open::Left),
            Form::Events(Open::Ended),
        ] {
            let web = Web::new(server(era, form, two()));
            let ran = with_token(&home, &["snapshot", "--url", &url(web.port())]);
            assert_eq!(
                (ran.code, &*ran.err),
                (Some(0), ""),
                "{era:?} {form:?}: {ran:?}"
            );
            let first = first.get_or_insert_with(|| ran.out.clone());
            assert_eq!(&ran.out, first, "{era:?} {form:?}");
            let asked = web.asked();
            let answered = asked
                .iter()
                .filter(|it| it.body["id"] == "p" && it.body["result"] == json!({}));
            let is_stream = form != Form::Json;
            assert_eq!(
                answered.count(),
                if is_stream { 2 } else { 0 },
                "{asked:#?}"
            );
            let last = asked.last().unwrap();
            assert_eq!(last.verb == "DELETE", era == Era::Legacy, "{asked:#?}");
            for question in asked.iter().filter(|it| it.verb == "POST") {
                assert_eq!(
                    question.header("accept"),
                    "application/json, text/event-stream"
                );
                assert_eq!(question.header("content-type"), "application/json");
                assert!(question.header("user-agent").starts_with("mcpr/"));
            }
        }
    }
    let shown: Value = serde_json::from_str(&first.unwrap()).unwrap();
    assert_eq!(
        (&shown["tools"][0]["name"], &shown["tools"][1]["name"]),
        (&json!("a"), &json!("b"))
    );
    assert!(shown.get("prompts").is_none());
}

#[test]
fn a_check_of_a_url_says_no_until_the_snapshot_is_updated() {
    let home = Home::new();
    let old = Web::new(server(Era::Legacy, Form::Json, two()));
    let ran = with_token(
        &home,
        &[
            "snapshot",
            "-o",
            "tools.lock.json",
            "--url",
            &url(old.port()),
        ],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let new = Web::new(server(
        Era::Modern,
        Form::Json,
        [tool("a", &["a"]), tool("b", &[])],
    ));
    let check = |port: u16, more: &[&str]| {
        let url = url(port);
        let words = ["check", "--baseline", "tools.lock.json", "--url", &url];
        with_token(&home, &[&words[..], more].concat())
    };
    assert_eq!(check(old.port(), &[]).code, Some(0));
    let ran = check(new.port(), &[]);
    assert_eq!(
        (ran.code, ran.out.contains("required-added")),
        (Some(1), true),
        "{ran:?}"
    );
    assert!(!ran.out.contains("set=all"), "{ran:?}");
    assert_eq!(check(new.port(), &["--update"]).code, Some(0));
    assert_eq!(check(new.port(), &[]).code, Some(0));
}

/// Asks a URL that does not answer as it should; the message has all of these words.
fn fails(home: &Home, words: &[&str], says: &[&str]) {
    let ran = with_token(home, &[&["snapshot"], words].concat());
    assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{words:?}: {ran:?}");
    for expected in says {
        assert!(ran.err.contains(expected), "{words:?}, {expected}: {ran:?}");
    }
    for secret in ["s3cr3t", "set=all"] {
        assert!(!ran.err.contains(secret), "{words:?}: {ran:?}");
    }
}

#[test]
fn what_is_not_mcp_is_reported_as_that() {
    let home = Home::new();
    let check = |answer: fn(&Asked) -> Reply, says: &[&str]| {
        let web = Web::new(answer);
        fails(&home, &["--url", &url(web.port())], says);
    };
    let html = |_: &Asked| {
        Reply::Whole(
            "200 OK",
            vec![("Content-Type", "text/html; charset=x".to_owned())],
            "<p>hello".to_owned(),
        )
    };
    check(
        html,
        &["is not an MCP server: it sent text/html", "often /mcp"],
    );
    check(
        |_| Reply::json(&json!({"hello": 1})),
        &["is not an MCP server: what it sent is not a message"],
    );
    check(
        |_| Reply::status("202 Accepted", ""),
        &["/mcp has no answer to initialize: it sent nothing (202 Accepted)"],
    );
    check(
        |_| Reply::status("404 Not Found", "no page\nmore"),
        &["answers initialize with 404 Not Found: no page", "HTTP+SSE"],
    );
    check(
        |_| Reply::status("403 Forbidden", &refused_text()),
        &["403 Forbidden: key [redacted", "--token-file"],
    );
    check(
        |_| Reply::status("503 Service Unavailable", "<html>"),
        &["answers initialize with 503 Service Unavailable\n"],
    );
    check(
        |_| Reply::status("307 Temporary Redirect", "").with("Location", "/elsewhere?key=s3cr3t"),
        &[
            "307 Temporary Redirect: it is at http://127.0.0.1:",
            "/elsewhere\n",
            "give --url where it is now",
        ],
    );
    check(
        |asked| {
            Reply::json(&json!({"jsonrpc": "2.0", "id": 77, "result": {}, "asked": asked.method()}))
        },
        &["has no answer to initialize: it answers another question"],
    );
    check(
        |_| {
            Reply::Events(
                Vec::new(),
                "data: {\"jsonrpc\":\"2.0\"\n".to_owned(),
                Open::Ended,
            )
        },
        &["has no answer to initialize: its stream of events ended"],
    );
}

#[test]
fn what_is_not_reached_is_reported_as_that() {
    let home = Home::new();
    let port = free_port();
    fails(
        &home,
        &["--url", &url(port)],
        &[
            "cannot reach http://127.0.0.1:",
            "the connection is refused",
            "HTTPS_PROXY",
        ],
    );
    fails(
        &home,
        &["--url", &url(raw(b"220 mail\r\n\r\n"))],
        &["is not an MCP server: it does not speak HTTP"],
    );
    fails(
        &home,
        &["--url", &url(raw(b""))],
        &["cannot reach", "the connection was closed"],
    );
}

fn refused_text() -> String {
    json!({"error": {"message": "key ghp_0123456789abcdefghijklmnopqrstuvwxyzAB is no good"}})
        .to_string()
}

#[test]
fn a_server_that_is_silent_is_given_up_in_time() {
    let home = Home::new();
    for answer in [
        |_: &Asked| Reply::Silence,
        |_: &Asked| Reply::Events(Vec::new(), ": wait\n\n".to_owned(), Open::Left),
    ] {
        let web = Web::new(answer);
        let words = ["--timeout", "400ms", "--url", &url(web.port())];
        fails(
            &home,
            &words,
            &["no answer to initialize within 400 ms", "--timeout"],
        );
    }
}

#[test]
fn a_session_that_goes_away_is_reported() {
    let home = Home::new();
    let web = Web::new(|asked: &Asked| match asked.method() {
        "tools/list" => refusal("404 Not Found", -32001),
        _ => legacy(Form::Json, asked, &two()),
    });
    fails(
        &home,
        &["--url", &url(web.port())],
        &["has no answer to tools/list: its session is gone (404)"],
    );
}

#[test]
fn who_is_kept_out_gets_a_hint_how_to_show_a_secret() {
    let home = Home::new();
    let web = Web::new(server(Era::Legacy, Form::Json, two()));
    let address = url(web.port());
    let asked =
        |words: &[&str]| home.run(&[&["schema", "snapshot", "--url", &address], words].concat());
    let ran = asked(&[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err.contains("401 Unauthorized: invalid_token") && ran.err.contains("--token-file"),
        "{ran:?}"
    );
    home.write("token", format!("{TOKEN}\n"));
    assert_eq!(asked(&["--token-file", "token"]).code, Some(0));
    home.write(
        "headers",
        format!("X-Set: all\n\nauthorization: Bearer {TOKEN}\n"),
    );
    assert_eq!(asked(&["--header", "@headers"]).code, Some(0));
    assert_eq!(web.asked().last().unwrap().header("x-set"), "all");
    let words = [
        "schema",
        "snapshot",
        "--url",
        &address,
        "--header",
        "Authorization=SECRET",
    ];
    let mut with_variable = home.command(&words);
    let status = with_variable
        .env("SECRET", format!("Bearer {TOKEN}"))
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn secrets_on_the_command_line_are_refused_and_not_repeated() {
    let home = Home::new();
    home.write("bad", "Authorization Bearer s3cr3t");
    let address = url(free_port());
    let check = |words: &[&str], says: &str| fails(&home, words, &[says]);
    let given = |header: &str, says: &str| check(&["--url", &address, "--header", header], says);
    given("Authorization: Bearer s3cr3t", "could be read by others");
    given("X-Key=s3cr3t-word", "could be read by others");
    given(
        "X-Key=s3cr3t",
        "--header X-Key: no variable of that name is set",
    );
    given("@bad", "bad:1: a header is `Name: value`");
    given("@none", "none: it cannot be read");
    given("Host=HOME", "the header Host is the client's own");
    given(
        "Authorization=HOME",
        "the header authorization is given twice",
    );
    check(
        &["--url", "http://me:s3cr3t@127.0.0.1/"],
        "no user and no password",
    );
    check(
        &["--url", "127.0.0.1/s3cr3t"],
        "begins with http:// or https://",
    );
    let ran = home.run(&["schema", "snapshot", "--url", &address, "--", "server"]);
    assert!(
        ran.code == Some(2) && ran.err.contains("cannot be used with"),
        "{ran:?}"
    );
    let ran = home.run(&["schema", "snapshot"]);
    assert!(ran.code == Some(2) && ran.err.contains("--url"), "{ran:?}");
}

#[test]
fn a_secure_server_is_asked_when_its_authority_is_trusted() {
    let home = Home::new();
    let web = Web::secure(server(Era::Legacy, Form::Json, two()));
    let authority = tls_file("ca.pem");
    let ask = |address: &str, authority: &std::path::Path| {
        let words = ["schema", "snapshot", "--timeout", "20s", "--url", address];
        let mut command = home.command(&words);
        command
            .env("MCPR_SCHEMA_TOKEN", TOKEN)
            .env("SSL_CERT_FILE", authority);
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let named = format!("https://localhost:{}/mcp?set=all", web.port());
    assert_eq!(ask(&named, &authority), (Some(0), String::new()));
    let check = |address: &str, authority: &std::path::Path, says: &str| {
        let (code, err) = ask(address, authority);
        assert!(code == Some(2) && err.contains(says), "{address}: {err}");
    };
    let numbered = format!("https://127.0.0.1:{}/mcp?set=all", web.port());
    check(
        &numbered,
        &authority,
        "no secure connection to https://127.0.0.1",
    );
    // The server's own certificate is of no authority.
    check(&named, &tls_file("server.pem"), "invalid peer certificate");
    check(
        &named,
        &home.path("none.pem"),
        "no certificates of authorities are found",
    );
    // An answer in plain text to the beginning of TLS.
    let port = raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let plain = format!("https://localhost:{port}/mcp?set=all");
    check(
        &plain,
        &authority,
        "no secure connection to https://localhost",
    );
    let secure = format!("http://localhost:{}/mcp?set=all", web.port());
    check(&secure, &authority, "http://localhost");
}
