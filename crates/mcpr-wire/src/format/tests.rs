//! What formats say of themselves, held against their samples, the docs and each other.

use super::*;
use crate::{Bodies, decode_line};
use mcpr_model::{ErrorKind, Event, Request};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of each format, none of another one. The messages of a log lead to rows only where they are
/// paired, and have no rows here.
const SAMPLES: [(&str, &[&str]); 9] = [
    (
        "mcpr_v04",
        &["mcpr-0.4.64/proxy.log", "mcpr-0.4.64/cloud.ndjson"],
    ),
    (
        "mcpr_v05_stderr",
        &[
            "mcpr-0.5.44/everything.stderr.log",
            "mcpr-0.5.44/weather.stderr.log",
        ],
    ),
    ("mcpr_v05_cloud", &["mcpr-0.5.44/cloud.ndjson"]),
    ("toolhive", &["formats/toolhive.ndjson"]),
    ("mcpproxy_go", &["formats/mcpproxy_go.ndjson"]),
    ("codex_rollout", &["formats/codex_rollout.ndjson"]),
    ("kong", &["formats/kong.ndjson"]),
    ("envoy_ai_gateway", &["formats/envoy_ai_gateway.ndjson"]),
    ("agentgateway", &["formats/agentgateway.log"]),
];

/// The name that comes from the source, where the stream says none.
const OF_SOURCE: &str = "the source's own name";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn format(name: &str) -> &'static dyn Format {
    let found = FORMATS.iter().find(|format| format.name() == name);
    *found.expect("a format of that name")
}

fn events(sample: &str) -> Vec<Event> {
    let text = fs::read_to_string(root("tests/data").join(sample)).expect("a sample");
    let context = LineContext {
        proxy: OF_SOURCE,
        bodies: Bodies::Kept,
    };
    let mut events = Vec::new();
    for line in text.lines() {
        let mut decoded = Decoded::default();
        decode_line(line.as_bytes(), context, &mut decoded);
        assert_eq!(decoded.bad, [], "{sample}: {line}");
        events.extend(decoded.events);
    }
    events
}

/// Whether an event holds something that only a format with this fact can know.
fn shows(fact: Fact, event: &Event) -> bool {
    let of_request = |request: &Request| match fact {
        Fact::Proxy => request.proxy != OF_SOURCE,
        Fact::SessionId => request.session_id.is_some(),
        Fact::RequestId => request.request_id.is_some(),
        Fact::Client => request.client_name.is_some() || request.client_version.is_some(),
        Fact::EveryMethod => request.method != "tools/call",
        Fact::UpstreamTime => request.upstream_us.is_some(),
        Fact::BytesIn => request.bytes_in.is_some(),
        Fact::BytesOut => request.bytes_out.is_some(),
        Fact::HttpStatus => request.http_status.is_some(),
        Fact::RpcError => request.outcome.error_kind == Some(ErrorKind::Rpc),
        Fact::ToolError => request.outcome.error_kind == Some(ErrorKind::Tool),
        Fact::Bodies => request.payload.is_some(),
        Fact::Surface => request.surface.is_some(),
    };
    match event {
        Event::Request(request) => of_request(request),
        Event::Session(update) => match fact {
            Fact::SessionId => true,
            Fact::Client => update.client_name.is_some(),
            _ => false,
        },
        Event::Surface(_) => fact == Fact::Surface,
        // What is in flight is reported by whoever pairs, not by a format.
        _ => false,
    }
}

/// Facts that a format knows and that its captures have no example of.
const WITHOUT_EXAMPLE: [(&str, Fact); 1] = [("mcpr_v04", Fact::RpcError)];

#[test]
fn no_format_shows_what_it_does_not_know() {
    for (name, samples) in SAMPLES {
        let events: Vec<Event> = samples.iter().flat_map(|sample| events(sample)).collect();
        assert!(!events.is_empty(), "{name}");
        for fact in Fact::ALL {
            let shown = events.iter().find(|event| shows(fact, event));
            let is_shown = shown.is_some() || WITHOUT_EXAMPLE.contains(&(name, fact));
            assert_eq!(
                is_shown,
                format(name).knows().has(fact),
                "{name}: {fact:?}: {shown:?}"
            );
        }
    }
}

#[test]
fn formats_have_names_and_facts_of_their_own() {
    let names: BTreeSet<&str> = FORMATS.iter().map(|format| format.name()).collect();
    assert_eq!(names.len(), FORMATS.len());
    let glossary = fs::read_to_string(root("docs/glossary.md")).expect("the glossary");
    for format in FORMATS {
        let name = format.name();
        assert!(
            glossary.contains(&format!("`{name}`")),
            "{name} in the glossary"
        );
        let facts = format.knows().0;
        for (at, fact) in facts.iter().enumerate() {
            assert!(!facts[..at].contains(fact), "{name}: {fact:?} twice");
        }
    }
}

/// The table of the docs: a line per format, a column per fact.
fn matrix() -> String {
    let titles = Fact::ALL.map(Fact::title);
    let mut lines = vec![
        format!("| format | {} |", titles.join(" | ")),
        format!("|---|{}", "---|".repeat(titles.len())),
    ];
    lines.extend(FORMATS.iter().map(|format| {
        let knows = format.knows();
        let cells = Fact::ALL.map(|fact| if knows.has(fact) { "yes" } else { "–" });
        format!("| `{}` | {} |", format.name(), cells.join(" | "))
    }));
    lines.join("\n")
}

/// `UPDATE_EXPECT=1` writes the table anew.
#[test]
fn the_docs_say_what_each_format_knows() {
    let path = root("docs/formats.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once("| format |").expect("a table");
    let (_, after) = rest.split_once("\n\n").expect("something behind it");
    let fresh = format!("{before}{}\n\n{after}", matrix());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &fresh).expect("the page is written");
        return;
    }
    assert_eq!(page, fresh, "UPDATE_EXPECT=1 writes it anew");
    for format in FORMATS {
        let heading = format!("## `{}`", format.name());
        assert!(page.contains(&heading), "{heading} in {}", path.display());
    }
}

#[test]
fn a_tag_that_stands_twice_shows_no_format() {
    let read = |json: &str| {
        let mut decoded = Decoded::default();
        let context = LineContext {
            proxy: OF_SOURCE,
            bodies: Bodies::Left,
        };
        decode_line(json.as_bytes(), context, &mut decoded);
        (decoded.known, decoded.unknown, decoded.bad.len())
    };
    assert_eq!(read(r#"{"type":"heartbeat"}"#), (1, 0, 0));
    assert_eq!(read(r#"{"type":"heartbeat","type":"x"}"#), (0, 0, 1));
    assert_eq!(read(r#"{"type":"heartbeat","x":1,"x":2}"#), (1, 0, 0));
    assert_eq!(
        read(r#"{"type":null,"kind":"heartbeat","payload":{}}"#),
        (1, 0, 0)
    );
    assert_eq!(read(r#"{"type":5}"#), (0, 1, 0));
}

#[test]
fn no_format_claims_a_line_of_another() {
    let directory = fs::read_dir(root("tests/data/formats")).expect("samples");
    for entry in directory {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a sample");
        for line in text.lines() {
            let context = LineContext {
                proxy: OF_SOURCE,
                bodies: Bodies::Left,
            };
            let mut decoded = Decoded::default();
            let claims = FORMATS
                .iter()
                .filter(|format| match serde_json::from_str(line) {
                    Ok(tags) => format.claims(&tags),
                    Err(_) => format.text(line.as_bytes(), context, &mut decoded),
                });
            let names: Vec<&str> = claims.map(|format| format.name()).collect();
            assert!(names.len() <= 1, "{names:?}: {line}");
            // A sample is named by its format, before its ending.
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a name");
            for name in names {
                assert!(stem.ends_with(name), "{name}: {line}");
            }
        }
    }
}
