//! Who may see what at the address of the metrics.

use crate::kill::line;
use crate::listen::client::{Listener, reply_to};
use crate::program::Home;

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn metrics_need_the_token_and_health_does_not() {
    let home = Home::new();
    let token = home.write("token", "a-token-of-some-length\n");
    let listener = Listener::metrics(&home, &["--token-file", token.to_str().unwrap()]);
    let status = |path: &str, head: &str| {
        reply_to(listener.address, &format!("GET {path}"), head, "").status
    };
    let shown = "Authorization: Bearer a-token-of-some-length\r\n";
    assert_eq!(status("/metrics", ""), 401);
    assert_eq!(
        status("/metrics", "Authorization: Bearer another-token\r\n"),
        401
    );
    assert_eq!(status("/metrics", shown), 200);
    assert_eq!(status("/healthz", ""), 200);
    assert_eq!(status("/readyz", ""), 200);
    assert_eq!(status("/other", ""), 401);
    assert!(!listener.stop().contains("a-token"));
}

#[test]
fn web_pages_and_foreign_names_see_nothing() {
    let home = Home::new();
    let listener = Listener::metrics(&home, &[]);
    for path in ["/metrics", "/healthz", "/readyz"] {
        for head in ["Origin: http://127.0.0.1\r\n", "Host: evil.example\r\n"] {
            let reply = reply_to(listener.address, &format!("GET {path}"), head, "");
            assert_eq!(reply.status, 403, "{path} {head}");
        }
    }
    listener.stop();
}

#[test]
fn where_only_metrics_are_shown_nothing_can_be_posted() {
    let home = Home::new();
    let listener = Listener::metrics(&home, &[]);
    for request in ["POST /", "POST /metrics", "GET /", "DELETE /metrics"] {
        let reply = reply_to(listener.address, request, JSON, &line(0));
        assert_eq!(reply.status, 404, "{request}: {reply:?}");
        assert!(reply.body.contains("/metrics"), "{reply:?}");
    }
    listener.stop();
    assert!(home.rows_or_none().is_empty());
}

#[test]
fn other_machines_see_metrics_only_with_a_token() {
    let home = Home::new();
    for (arguments, hint) in [
        (&["record", "--metrics", "0.0.0.0:0"][..], "--allow-remote"),
        (
            &["record", "--metrics", "0.0.0.0:0", "--allow-remote"],
            "needs a token",
        ),
        (
            &["record", "--once", "--metrics", "127.0.0.1:0", "x"],
            "--once",
        ),
        (&["record", "x", "--allow-remote"], "--listen"),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(hint), "{arguments:?}: {ran:?}");
    }
    assert!(!home.store().exists());
}

#[test]
fn an_address_of_the_configuration_shows_metrics() {
    let home = Home::new();
    let config = home.write("config.toml", "metrics = \"192.0.2.1:1\"\n");
    let mut command = home.command(&["record"]);
    let output = command.env("MCPR_CONFIG", config).output().unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    // It is used: other machines reach it.
    assert!(
        printed.contains("other machines reach 192.0.2.1:1"),
        "{printed}"
    );
}
