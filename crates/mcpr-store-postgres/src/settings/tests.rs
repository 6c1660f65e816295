//! What URLs and the environment come to.

use super::*;

fn settings(url: &str, variables: &[(&str, &str)]) -> Result<ConnectionSettings, StoreError> {
    let url = StoreUrl::parse(url).expect("a URL");
    let variable = |name: &str| {
        let found = variables.iter().find(|(it, _)| *it == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    ConnectionSettings::of(&url, &variable)
}

#[test]
fn a_url_stands_above_the_environment() {
    let variables = [
        ("PGUSER", "bob"),
        ("PGPORT", "7"),
        ("PGPASSWORD", "hidden"),
        ("PGDATABASE", "other"),
    ];
    let found = settings("postgres://ada@db.example,[::1]:8/mcpr", &variables).expect("settings");
    assert_eq!(found.user.as_deref(), Some("ada"));
    assert_eq!(found.database.as_deref(), Some("mcpr"));
    let host = |name: &str, port| Host {
        name: name.to_owned(),
        port,
    };
    assert_eq!(found.hosts, [host("db.example", 5432), host("::1", 8)]);
    let config = found.connection_to(&found.hosts[0]).expect("a connection");
    assert_eq!(config.get_password(), Some(&b"hidden"[..]));
    assert_eq!(config.get_application_name(), Some("mcpr"));
}

#[test]
fn what_leaves_the_machine_is_protected_unless_somebody_says_otherwise() {
    let cases = [
        ("postgres://db.example/d", TlsMode::Require),
        ("postgres://localhost/d", TlsMode::Prefer),
        ("postgres:///d?host=/run/x", TlsMode::Disable),
        ("postgres://db.example/d?sslmode=disable", TlsMode::Disable),
        ("postgres://db.example/d?sslmode=prefer", TlsMode::Prefer),
        (
            "postgres://db.example/d?sslmode=require&sslrootcert=/ca.pem",
            TlsMode::VerifyCa,
        ),
        (
            "postgres://db.example/d?sslmode=verify-full",
            TlsMode::VerifyFull,
        ),
    ];
    for (url, expected) in cases {
        let found = settings(url, &[]).expect(url);
        assert_eq!(found.tls(&found.hosts[0]), expected, "{url}");
    }
}

#[test]
fn what_nobody_understands_is_refused_without_the_password() {
    for url in [
        "postgres://u:secret@h/d?sslmode=maybe",
        "postgres://u:secret@h/d?colour=red",
        "postgres://u:secret@h:port/d",
        "postgres://u:secret@h/d?target_session_attrs=best",
        "postgres://u:secret@h/d?service=none",
        "postgres://u:secret@h/%zz",
    ] {
        let error = settings(url, &[]).err().expect(url);
        let shown = format!("{error:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
