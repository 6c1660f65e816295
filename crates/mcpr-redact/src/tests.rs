//! What is a secret and what is not. Tokens are put together here, so that no scanner takes this
//! file for a leak.

use super::*;

mod forms;
mod kinds;
mod known;
mod ordinary;
mod places;
mod prose;
mod shortcuts;
mod smaller;

fn redactor() -> Redactor {
    Redactor::default()
}

fn check(text: &str, expected: &str) {
    let got = redactor().text(text);
    let got = got.as_ref().map_or(text, |(text, _)| text);
    assert_eq!(got, expected, "{text}");
}

/// A run of letters and digits that looks like a token's.
fn run(len: usize) -> String {
    "a1B2c3D4e5F6".chars().cycle().take(len).collect()
}

#[test]
fn values_of_secret_keys_go() {
    let cases = [
        ("password=hunter2 rest", "password=[redacted:key] rest"),
        ("Password: hunter2", "Password: [redacted:key]"),
        (r#"{"api_key":"k"}"#, r#"{"api_key":"[redacted:key]"}"#),
        (r#"{"api_key": "a\"b"}"#, r#"{"api_key": "[redacted:key]"}"#),
        (
            r#"text \"password\":\"a b\", \"x\":1"#,
            r#"text \"password\":\"[redacted:key]\", \"x\":1"#,
        ),
        ("DB_PASSWORD='a b' x", "DB_PASSWORD='[redacted:key]' x"),
        ("client_secret=s&x=1", "client_secret=[redacted:key]&x=1"),
        ("X-Api-Key: abc", "X-Api-Key: [redacted:key]"),
        (
            "Authorization: Basic dXNlcjpwYXNz; more",
            "Authorization: [redacted:key]",
        ),
        (
            "curl -H \"Authorization: Bearer x y\" z",
            "curl -H \"Authorization: [redacted:key]\" z",
        ),
        ("Set-Cookie: a=b; c=d\nx", "Set-Cookie: [redacted:key]\nx"),
        ("run --api-key abc --x", "run --api-key [redacted:key] --x"),
        ("token: abc123", "token: [redacted:key]"),
        ("token=abcdef", "token=[redacted:key]"),
        (
            "pässword=é password=é",
            "pässword=é password=[redacted:key]",
        ),
        (
            r#"said {"auth":"abc"}"#,
            r#"said {"auth":"[redacted:key]"}"#,
        ),
        (
            r#"text \"x-auth\":\"a b\", \"x\":1"#,
            r#"text \"x-auth\":\"[redacted:key]\", \"x\":1"#,
        ),
        (
            "signature=a1B2c3D4e5F6a1B2 end",
            "signature=[redacted:key] end",
        ),
    ];
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn what_is_no_secret_stays() {
    let cases = [
        "",
        "Unexpected token: }",
        "invalid token: expected a brace",
        "max_tokens=100",
        "nextPageToken=abc123",
        "progressToken: 12",
        "the key: value",
        "primary_key=12",
        "tool nope not found",
        "bearer token missing",
        "basic authentication failed",
        "password is wrong",
        "file:///home/user/a.txt",
        "npm://@scope/name",
        "pkg://name@1.0",
        "ssh://git@example.com/x",
        "https://example.com/@user?page=2",
        "mail a@example.com",
        "sk-learn is installed",
        "the task_key monkey=banana",
        "auth: 401 Unauthorized",
        "auth=none",
        "bad signature: expected 2 arguments",
        "author: \"Jane\"",
        "oauth: \"configured\"",
        "pin: 13",
    ];
    for text in cases {
        check(text, text);
    }
}

#[test]
fn addresses_lose_their_credentials_only() {
    let cases = [
        (
            "postgres://u:p@host/db",
            "postgres://[redacted:url]@host/db",
        ),
        ("https://u:p@ss@host/x", "https://[redacted:url]@host/x"),
        ("https://a1B2c3D4@host/x", "https://[redacted:url]@host/x"),
        (
            "https://wordwordwordword@host/x",
            "https://[redacted:url]@host/x",
        ),
        (
            "https://h/x?a=1&sig=abc&b=2#f",
            "https://h/x?a=1&sig=[redacted:url]&b=2#f",
        ),
        (
            r#""uri":"https:\/\/u:p@host\/x""#,
            r#""uri":"https:\/\/[redacted:url]@host\/x""#,
        ),
    ];
    for (text, expected) in cases {
        check(text, expected);
        let (got, count) = addresses(text).expect(text);
        assert_eq!((&*got, count), (expected, 1), "{text}");
    }
    let schema = r#"{"description":"password=x at https://h/?page=1, a@b","password":"y"}"#;
    assert_eq!(addresses(schema), None, "only addresses are looked at");
}

/// One token of every known shape.
fn tokens() -> Vec<(String, &'static str)> {
    let jwt = format!("eyJ{}.eyJ{}.{}", run(20), run(20), run(20));
    let shapes = [
        ("ghp_", 36),
        ("github_pat_", 50),
        ("glpat-", 20),
        ("sk-proj-", 40),
        ("sk-ant-api03-", 40),
        ("sk_live_", 24),
        ("xoxb-", 30),
        ("npm_", 36),
        ("hf_", 34),
        ("AIza", 35),
        ("ya29.", 40),
        ("hvs.", 24),
        ("whsec_", 32),
    ];
    let mut all: Vec<_> = shapes
        .iter()
        .map(|(prefix, len)| (format!("{prefix}{}", run(*len)), "token"))
        .collect();
    all.push((format!("AKIA{}", "Q7".repeat(8)), "token"));
    all.push((format!("123456789:AA{}", run(33)), "token"));
    all.push((jwt, "jwt"));
    all
}

#[test]
fn known_tokens_go_wherever_they_stand() {
    for (token, kind) in tokens() {
        for (before, after) in [
            ("", ""),
            ("key ", " end"),
            ("(", ")"),
            ("\"", "\","),
            ("é", "é"),
        ] {
            let text = format!("{before}{token}{after}");
            check(&text, &format!("{before}[redacted:{kind}]{after}"));
        }
    }
    check(
        &format!("failed with Bearer {}", run(30)),
        "failed with Bearer [redacted:bearer]",
    );
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
    check(&format!("a {key} b"), "a [redacted:private-key] b");
    check(
        "-----BEGIN PRIVATE KEY-----\nMIIE",
        "[redacted:private-key]",
    );
}

#[test]
fn a_token_cut_by_the_end_goes_too() {
    for (token, kind) in tokens() {
        let short = &token[..token.len().min(15)];
        let text = format!("said {short}");
        let (got, _) = redactor().head_of_text(&text).unwrap_or((text, 0));
        let is_gone = got == "said [redacted:token]" || got == format!("said [redacted:{kind}]");
        // A bot's number says nothing of the secret behind it.
        assert!(is_gone || token.starts_with('1'), "{got}");
    }
    assert_eq!(redactor().head_of_text("plain words"), None);
}

#[test]
fn json_keeps_its_spelling() {
    let cases = [
        (
            r#"{ "a" : 1.50, "Password" : "x\"y", "b":[true,"é"] }"#,
            r#"{ "a" : 1.50, "Password" : "[redacted:key]", "b":[true,"é"] }"#,
        ),
        (
            r#"{"credentials":{"user":"u","list":["]"]},"token":null,"otp":12345}"#,
            r#"{"credentials":"[redacted:key]","token":null,"otp":"[redacted:key]"}"#,
        ),
        (
            r#"[{"name":"Authorization","value":"abc"},{"name":"x","value":"abc"}]"#,
            r#"[{"name":"Authorization","value":"[redacted:key]"},{"name":"x","value":"abc"}]"#,
        ),
        (
            r#"{"text":"{\"password\":\"a b\"}","progressToken":"t1"}"#,
            r#"{"text":"{\"password\":\"[redacted:key]\"}","progressToken":"t1"}"#,
        ),
        (
            r#"{"pass\u0077ord":"x"}"#,
            r#"{"pass\u0077ord":"[redacted:key]"}"#,
        ),
        (r#"{"password":""}"#, r#"{"password":""}"#),
        (r#""password=x""#, r#""password=[redacted:key]""#),
        ("12345678901234567890.0", "12345678901234567890.0"),
        (
            r#"{"https://u:p@host/x":[-1e+5]}"#,
            r#"{"https://[redacted:url]@host/x":[-1e+5]}"#,
        ),
        // What is not JSON any more is gone over as text.
        (
            r#"{"a":"b"] word https://u:p@host/x "c"#,
            r#"{"a":"b"] word https://[redacted:url]@host/x "c"#,
        ),
    ];
    for (json, expected) in cases {
        let got = redactor().json(json, 1 << 16);
        assert_eq!(got.text, expected, "{json}");
        assert!(!got.is_cut);
        assert_eq!(
            shorten(json, 1 << 16).text,
            json,
            "nothing was to be taken out"
        );
    }
}

#[test]
fn keys_of_json_that_hold_secrets_and_such_that_do_not() {
    let secret = [
        "auth",
        "Auth",
        "AUTH",
        "x_auth",
        "X-Auth",
        "http.auth",
        "basicAuth",
        "bearer",
        "Bearer",
        "auth_bearer",
        "signature",
        "SIGNATURE",
        "x-signature",
        "webhook_signature",
    ];
    let harmless = [
        "author",
        "authority",
        "authors",
        "oauth",
        "co_author",
        "authenticated",
        "bearers",
        "bearing",
        "signatures",
        "functionSignature",
        "unauth",
        "é_author",
    ];
    let check = |json: &str, is_secret: bool| {
        let got = redactor().json(json, 1 << 16);
        assert_eq!(got.text.contains("[redacted:key]"), is_secret, "{json}");
        assert!(is_secret || got.text == json, "{}", got.text);
    };
    for (keys, is_secret) in [(&secret[..], true), (&harmless, false)] {
        for key in keys {
            for value in [r#""abc""#, "12", r#"{"a":"b"}"#, r#"["a"]"#] {
                check(&format!(r#"{{"{key}":{value},"x":1}}"#), is_secret);
            }
            check(&format!(r#"{{"{key}":true}}"#), false);
            check(&format!(r#"{{"{key}" : null}}"#), false);
        }
    }
    for (member, is_secret) in [
        (r#""pin":"1234""#, true),
        (r#""pin": 123456 "#, true),
        (r#""PIN" : "0000""#, true),
        (r#""card_pin":"1234","b":1"#, true),
        (r#""userPin":1234"#, true),
        (r#""pin":true"#, false),
        (r#""pin":13"#, false),
        (r#""pin":"A5""#, false),
        (r#""pin":1234.5"#, false),
        (r#""pin":"1234 Main Street""#, false),
        (r#""pin":{"lat":1,"lng":2}"#, false),
        (r#""pins":1234"#, false),
        (r#""spin":1234"#, false),
        (r#""otp":12345"#, true),
        (r#""otp":true"#, false),
    ] {
        check(&format!("{{{member}}}"), is_secret);
    }
}

#[test]
fn json_is_cut_at_its_limit_and_no_secret_is_left_at_the_edge() {
    let (token, _) = &tokens()[0];
    let json = format!(r#"{{"text":"{}{token}","b":1}}"#, "é".repeat(20));
    for limit in 0..json.len() {
        for cut in [redactor().json(&json, limit), shorten(&json, limit)] {
            assert!(cut.text.len() <= limit, "{limit}: {}", cut.text);
            assert!(
                cut.is_cut || json.len() <= limit + token.len(),
                "{limit}: {}",
                cut.text
            );
        }
        let cut = redactor().json(&json, limit);
        assert!(!cut.text.contains(&token[..6]), "{limit}: {}", cut.text);
    }
    assert!(!shorten(&json, json.len()).is_cut);
}

#[test]
fn patterns_of_a_user_are_held_to_something() {
    let patterns = ["ACME-[0-9]+".to_owned()];
    let own = Redactor::new(&patterns).expect("a sound pattern");
    let (got, count) = own.text("see ACME-12 and password=x").expect("found");
    assert_eq!(got, "see [redacted:pattern] and password=[redacted:key]");
    assert_eq!(count, 2);
    for (pattern, reason) in [
        ("a(", "unclosed group"),
        ("a*", "it matches the empty text"),
        ("(?:a{1000}){1000}", "exceeds size limit"),
    ] {
        let error = Redactor::new(&[pattern.to_owned()]).expect_err(pattern);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn going_over_a_text_again_changes_nothing() {
    const PARTS: [&str; 30] = [
        "password",
        "=",
        ": ",
        "\"",
        "\\\"",
        "token",
        "Bearer ",
        "hunter2",
        "https://",
        "u:p@",
        "host",
        "?sig=",
        "&",
        " ",
        "é",
        "ghp_0123456789abcdefghij",
        "eyJhbGciOiJI.eyJzdWIiOiIx",
        "--secret ",
        "{",
        "]",
        "%22",
        "&quot;",
        "\\u0022",
        "''",
        "[]",
        ".fill('",
        "name: ",
        "value",
        "\n  ",
        "<",
    ];
    let seed = mcpr_seed::seed();
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..50_000 {
        let parts = (0..random.usize(1..9)).map(|_| PARTS[random.usize(0..PARTS.len())]);
        let text: String = parts.collect();
        let Some((once, _)) = redactor().text(&text) else {
            continue;
        };
        let again = redactor().text(&once);
        assert_eq!(again, None, "seed {seed}, round {round}: {text} -> {once}");
    }
}

#[test]
fn hostile_texts_take_no_longer_than_others() {
    let began = std::time::Instant::now();
    for unit in [
        "?a=",
        "pagetoken=",
        "a://",
        "token:",
        "{\"a\":",
        "[",
        "\\\"",
        "-----BEGIN ",
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        let _ = redactor().text(&text);
        let _ = redactor().json(&text, 1 << 16);
        let _ = addresses(&text);
    }
    for unit in [
        "eyJ-",
        "sk-",
        "password=f(",
        "auth: [",
        "tokens: [",
        "Cookie:",
        "%22token%22:",
        "&quot;",
        "name: k value=",
        "'password').fill(",
        "password''",
        "\"Cookie:",
        "<password>",
        "value=",
        "1:AA",
        "@tcp(",
        "token: \"",
        "password: x y\n",
        "{\"value\":\"x\",\"a\":",
        "token=self.",
        "postgres://u:/",
        "-----BEGIN PRIVATE KEY-----\n",
    ] {
        let text = unit.repeat((1 << 17) / unit.len());
        let _ = redactor().text(&text);
        let _ = redactor().json(&text, 1 << 16);
        let _ = addresses(&text);
    }
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
