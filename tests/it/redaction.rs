//! Secrets through the built program: planted wherever a stream can carry one, looked for in every
//! byte that the store's files hold. Tokens are put together here, so that no scanner takes this
//! file for a leak.

use super::program::{Home, until};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Child;

/// What is planted: the secret itself, and the text it stands in.
pub(crate) fn planted() -> Vec<(String, String)> {
    let run = |seed: &str, len: usize| seed.chars().cycle().take(len).collect::<String>();
    let inside = |secret: &str, text: &str| (secret.to_owned(), text.replace("{}", secret));
    vec![
        inside("hunter2", "login failed: password={} was refused"),
        inside("correct-horse", r#"config {"db_password": "{}"} is wrong"#),
        inside("s3cr3tk3y", "X-Api-Key: {}"),
        inside("Zm9vOmJhcg9", "Authorization: Basic {}"),
        inside("sid-77zz88", "Cookie: session={}; path=/"),
        inside(
            "pw-in-url-1",
            "cannot reach postgres://admin:{}@db.example.com/x",
        ),
        inside("lone-word-22", "cannot reach https://{}@example.com/x"),
        inside(
            "signed-33",
            "GET https://h.example.com/a?id=1&sig={}&b=2 was refused",
        ),
        inside("flagged-44", "tool --api-key {} --verbose exited"),
        inside(&run("b3", 30), "upstream said Bearer {} is expired"),
        inside(&format!("ghp_{}", run("x7Yz", 36)), "token {} is revoked"),
        inside(&format!("sk-ant-api03-{}", run("k9Q", 40)), "bad key {}"),
        inside(&format!("AKIA{}", run("R2D2", 16)), "no such key: {}"),
        inside(&format!("xoxb-{}", run("12345", 30)), "slack {} refused"),
        inside(
            &format!("eyJ{0}.eyJ{0}.{0}", run("aB3", 24)),
            "jwt {} is over",
        ),
        inside(
            &format!("MIIE{}", run("q8", 60)),
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
        ),
    ]
}

/// Lines of mcpr 0.4, of 0.5 and of its posts with a text in every place where text can stand, and lines that
/// begin like JSON and do not decode.
pub(crate) fn stream(texts: &[(String, String)]) -> String {
    let mut lines = Vec::new();
    for ((_, text), number) in texts.iter().zip(1_000..) {
        let uri = format!("https://example.com/?q={text}");
        let call = |method: &str, params: &Value| json!({"id": number, "jsonrpc": "2.0", "method": method, "params": params});
        let transaction = |rpc: Value, answer: Value| {
            json!({"type": "transaction", "ts": 1_795_224_000 + number, "request_id": "1",
                "session_id": "s", "latency_us": 5, "upstream_us": 4,
                "request": {"kind": "mcp", "rpc": rpc},
                "response": {"kind": "mcp", "result": answer}})
        };
        let arguments = json!({"name": "echo", "arguments": {"note": text, "password": "pw-5"}});
        lines.extend([
            json!({"type": "request", "id": format!("{number:08}-0000-4000-8000-000000000000"),
                "ts": 1_795_224_000_000_i64 + number, "proxy": "p", "method": "POST",
                "mcp_method": "resources/read", "resource_uri": uri, "status": 200,
                "latency_us": 9, "note": "", "error_code": text, "error_msg": text}),
            transaction(
                call("tools/call", &arguments),
                json!({"id": number, "error": {"code": -1, "message": text}}),
            ),
            transaction(
                call("tools/call", &arguments),
                json!({"id": number, "result": {"isError": true,
                    "content": [{"type": "text", "text": text}]}}),
            ),
            json!({"v": 1, "ts": "2026-11-21T01:30:08.318Z", "server": "c", "kind": "request",
                "payload": {"kind": "mcp", "request_id": "7", "session_id": "t",
                    "http_method": "POST", "uri": "/", "http_status": 200, "latency_us": 3,
                    "upstream_us": 2, "rpc": call("resources/read", &json!({"uri": uri})),
                    "result": {"id": number, "error": {"code": 2, "message": text}}}}),
            json!({"type": "schema_version_created", "ts": 1_795_224_000_000_i64,
                "upstream_id": "p", "upstream_url": uri, "method": "tools/list", "version": 1,
                "version_id": "x", "content_hash": "y", "payload": {"tools": []}}),
            json!({"type": "request", "ts": text}),
        ]);
    }
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let mut stream = lines.join("\n") + "\n";
    for (_, text) in texts {
        let long = "x".repeat(4096 - 20);
        let text = text.replace('\n', "\\n");
        let cut = format!("{{\"cut\":\"{text}\n{{\"pad\":\"{long}\",\"note\":\"{text}\"\n");
        stream.push_str(&cut);
    }
    stream
}

/// Every byte of the store's files. The log comes first: what leaves it meanwhile is in the store by then.
pub(crate) fn bytes_of(store: &Path) -> Vec<u8> {
    ["-wal", ""]
        .iter()
        .filter_map(|suffix| std::fs::read(format!("{}{suffix}", store.display())).ok())
        .flatten()
        .collect()
}

pub(crate) fn found_in(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

struct Recorder(Child);

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records while the log still holds what was written, and gives the bytes of all files.
fn recorded(home: &Home, arguments: &[&str], rows: usize) -> Vec<u8> {
    let file = home.path("p.log");
    let all = [&["record", file.to_str().unwrap()], arguments].concat();
    let _recorder = Recorder(home.command(&all).spawn().unwrap());
    until("every row is there", || home.rows_or_none().len() == rows);
    bytes_of(&home.store())
}

#[test]
fn no_planted_secret_reaches_the_store() {
    let planted = planted();
    let rows = planted.len() * 4;
    let home = Home::new();
    home.write("p.log", stream(&planted));
    let open = recorded(&home, &["--no-redact"], rows);
    let hidden = Home::new();
    hidden.write("p.log", stream(&planted));
    let bytes = recorded(&hidden, &[], rows);
    for (secret, text) in &planted {
        assert!(found_in(&open, secret), "the test would see {secret}");
        assert!(
            !found_in(&bytes, secret),
            "{secret} of {text:?} is in the store"
        );
    }
    assert!(found_in(&bytes, "[redacted:"));

    // A store that has them hands none on.
    let copy = hidden.path("copy.db");
    let from = home.store();
    let arguments = [
        "store",
        "import",
        from.to_str().unwrap(),
        "--db",
        copy.to_str().unwrap(),
    ];
    hidden.succeed(&arguments);
    let bytes = bytes_of(&copy);
    for (secret, _) in &planted {
        assert!(!found_in(&bytes, secret), "{secret} was imported");
    }
}

#[test]
fn patterns_of_a_user_are_taken_out_and_counted() {
    let home = Home::new();
    let texts = [(
        "ACME-123".to_owned(),
        "ticket ACME-123 is closed".to_owned(),
    )];
    let file = home.write("p.log", stream(&texts));
    let file = file.to_str().unwrap();
    let ran = home.run(&["record", "--once", "--redact", "ACME-[0-9]+", file]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("secrets redacted"), "{}", ran.err);
    assert!(!found_in(&bytes_of(&home.store()), "ACME-123"));
    let rows = home.rows(&["--grep", "[redacted:pattern]", "-F"]);
    assert_eq!(rows.len(), 4, "each says where something was");
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    assert!(stats["redacted"].as_u64().unwrap() >= 8, "{stats}");
    assert_eq!(stats["sources"][0]["redacted"], stats["redacted"]);
    let ran = home.run(&["record", "--once", "--redact", "a(", file]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("--redact: `a(`: unclosed group"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("hint:"), "{}", ran.err);
}
