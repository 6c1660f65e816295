//! Short names, labels of several words, options beside their arguments, and what only looks like a secret: each
//! kind with both its sides.

use super::forms::{kept, kept_of_json};
use super::redactor;

/// `§` is a secret.
#[rustfmt::skip]
const TEXTS: &[(&str, &[&str])] = &[
    ("session in an address", &[
        "https://h/x?sessionid=§",
        "https://h/x?a=1&session_id=§&b=2",
        "GET /messages?sessionId=§ HTTP/1.1",
    ]),
    ("short name", &[
        "{\"hmac\": \"§\", \"size\": 1",
        "said {'pw': '§'}",
        "said {\"db_pw\":\"§\" and",
        "--pw=§",
    ]),
    ("escaped sign", &[
        "sasl.jaas.config=Plain required username\\=\"bob\" password\\=\"§\";",
        "password\\=§",
        "db.password\\:§\nx=1",
    ]),
    ("a secret of Kubernetes", &[
        "apiVersion: v1\nkind: Secret\nstringData:\n  tls.key: §\n  user: §\n",
        "stringData:\n  tls.key: §\n",
        "metadata:\n  name: x\nstringData:\n  tls.key: §\ntype: Opaque\nkind: Secret\n",
        "spec:\n  template:\n    stringData:\n      tls.crt: §\n      a: \"§\"\n",
    ]),
    ("user of an address", &[
        "https://§@example.com/path",
        "git clone https://§@example.com/x.git",
    ]),
    ("header that is filled in", &[
        "-H \"Authorization: Bearer §\" -H \"X: ${TOKEN}\"",
        "-H \"X: ${TOKEN}\" -H \"Authorization: Bearer §\"",
        "Authorization: Bearer \"§\"",
        "\"Authorization: Bearer\\r\\n §\\r\\nHost: x\"",
    ]),
    ("element", &[
        "<token>§</token>",
        "<Token type=\"bearer\">§§§</Token>",
        "<password kind=\"plain\">§</password>",
    ]),
];

#[rustfmt::skip]
const DOCUMENTS: &[(&str, &[&str])] = &[
    ("label", &[
        r#"{"label":"API Key","value":"§"}"#,
        r#"{"value":"§","label":"API key:"}"#,
        r#"{"fields":[{"title":"Private Key *","value":"§"},{"placeholder":"access key","value":"§"}]}"#,
        r#"{"element":"Recovery phrase","value":"§"}"#,
    ]),
    ("option", &[
        r#"{"option":"--token","argument":"§"}"#,
        r#"{"argument":"§","option":"--token"}"#,
        r#"{"flag":"--password","value":"§"}"#,
        r#"{"flag":"--api-key","arg":"§"}"#,
        r#"{"argument":"--token","value":"§"}"#,
        r#"{"value":"§","argument":"password"}"#,
    ]),
    ("short name", &[
        r#"{"hmac":"§","sig":"§","pw":"§"}"#,
        r#"{"db_pw":"§","userPw":"§","x-hmac":"§","url_sig":"§"}"#,
        r#"{"pw":"longwordofletters","sig":"§"}"#,
    ]),
];

/// Ordinary text of the same forms.
#[rustfmt::skip]
const ORDINARY: &[&str] = &[
    "fetch(u, { credentials: 'same-origin' }); fetch(u, { credentials: 'include' }); fetch(u, {credentials: \"omit\"})",
    "{\"credentials\":\"same-origin\"} {\"credentials\":\"include\"}",
    "-H \"Authorization: Bearer ${GITHUB_TOKEN}\"",
    "curl -H 'Authorization: Bearer ${GITHUB_TOKEN}' -H \"X-Api-Key: ${API_KEY}\" h",
    "-H \"Authorization: Bearer $TOKEN\" -H \"Authorization: Bearer <token>\"",
    "-H \"Authorization: token ${{ secrets.GITHUB_TOKEN }}\"",
    "password: changeme",
    "password=change-me\nDB_PASSWORD=changeme\ntoken: placeholder",
    "<Token kind=\"ident\">foo</Token><Token kind=\"punct\">;</Token><token pos='3'>return</token>",
    "https://user@example.com/path",
    "https://jane.doe@example.com/x.git and https://git@example.com https://Bob@example.com",
    "https://h/x?session_id=12&page=3",
    "stringData: of a secret is not encoded",
    "kind: ConfigMap\nstringdata:\n  colour: abc12345",
    "def connect(user, pw): return login(user=user, pw=pw)",
    "kubectl get pods; nm -g sig; the hmac of a message; \"sig\" and \"hmac\" are names",
    r#"{"pw":12,"sig":"fn f(a: u8) -> u8","hmac":"HMAC-SHA256","x":1}"#,
    r#"{"hmac":"SHA256withRSA","sig":"RS256","pw":null,"sigma":"a1b2c3d4e5"}"#,
    r#"{"label":"Sort Key","value":"abc12345"}"#,
    r#"{"label":"Primary key","value":"a1b2c3d4e5f6a7b8"}"#,
    r#"{"option":"--colour","argument":"abc12345"}"#,
    r#"{"argument":"path","value":"abc12345"}"#,
    r#"{"argument":"token","type":"string","description":"which one"}"#,
    r#"{"flag":"--max-tokens","value":"4096"}"#,
];

#[test]
fn a_secret_goes_beside_its_short_name_label_or_option() {
    let kept = kept(TEXTS);
    assert!(kept.is_empty(), "kept\n{}", kept.join("\n\n"));
    let kept = kept_of_json(DOCUMENTS);
    assert!(kept.is_empty(), "kept\n{}", kept.join("\n\n"));
}

#[test]
fn ordinary_text_beside_such_names_stays() {
    let mut changed = Vec::new();
    for text in ORDINARY {
        if let Some((clean, _)) = redactor().text(text) {
            changed.push(format!("{text}\n=> {clean}"));
        }
        let json = serde_json::json!({ "text": text, "size": 1 }).to_string();
        let clean = redactor().json(&json, usize::MAX);
        if clean.text != json {
            changed.push(format!("{json}\n=> {}", clean.text));
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n\n"));
}

/// Where nothing but addresses is looked at, they are those of servers: a single word may be a token of letters.
#[test]
fn the_user_of_a_server_s_address_goes_whatever_it_is_called() {
    let (clean, _) = crate::addresses("https://word@host/x").expect("it has one");
    assert_eq!(clean, "https://[redacted:url]@host/x");
}
