//! The JSON Schema of snapshots against what servers of both eras show.

use super::super::program::Home;
use super::super::web::{Asked, Reply, Web};
use super::{keys, schema, validator};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Shows a bit of everything, or of itself alone.
fn answer(asked: &Asked, is_modern: bool, capabilities: &Value) -> Reply {
    let result = match (asked.method(), is_modern) {
        ("initialize", false) => {
            json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
            "serverInfo": {"name": "s", "version": "1"}, "instructions": "Ask first."})
        }
        ("server/discover", true) => json!({"supportedVersions": ["2026-07-28"],
            "capabilities": capabilities, "ttlMs": 5,
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}}}),
        ("tools/list", _) => json!({"tools": [{"name": "b"}, {"name": "a"}]}),
        ("prompts/list", _) => json!({"prompts": [{"name": "p"}]}),
        ("resources/list", _) => json!({"resources": [{"uri": "file:///x", "name": "x"}]}),
        ("resources/templates/list", _) => {
            json!({"resourceTemplates": [{"uriTemplate": "file:///{x}", "name": "x"}]})
        }
        ("notifications/initialized", _) => return Reply::status("202 Accepted", ""),
        _ => {
            let error = json!({"code": -32601, "message": "unknown"});
            let id = &asked.body["id"];
            return Reply::json(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    };
    Reply::json(&json!({"jsonrpc": "2.0", "id": asked.body["id"], "result": result}))
}

fn snapshot(is_modern: bool, capabilities: Value) -> Value {
    let web = Web::new(move |asked: &Asked| answer(asked, is_modern, &capabilities));
    let url = format!("http://127.0.0.1:{}/", web.port());
    let shown = Home::new().succeed(&["schema", "snapshot", "--url", &url]);
    serde_json::from_str(&shown).unwrap()
}

#[test]
fn snapshots_are_what_their_schema_says() {
    let schema = schema("snapshot");
    let known = keys(&schema["properties"]);
    let all = json!({"tools": {}, "prompts": {}, "resources": {}});
    let mut seen = BTreeSet::new();
    for (is_modern, capabilities) in [(false, &all), (true, &all), (false, &json!({}))] {
        let snapshot = snapshot(is_modern, capabilities.clone());
        let errors: Vec<String> = validator("snapshot")
            .iter_errors(&snapshot)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{snapshot}");
        seen.extend(keys(&snapshot).into_iter().map(str::to_owned));
    }
    // Neither says more than the other.
    assert_eq!(seen, known.into_iter().map(str::to_owned).collect());
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let whole = snapshot(false, json!({"tools": {}}));
    assert!(validator("snapshot").is_valid(&whole));
    for (key, wrong) in [
        ("mcpr_snapshot", json!(2)),
        ("sha256", json!("0a")),
        ("capabilities", json!([])),
        ("tools", json!({})),
        ("tools", json!(["a"])),
    ] {
        let mut snapshot = whole.clone();
        snapshot[key] = wrong;
        assert!(!validator("snapshot").is_valid(&snapshot), "{key}");
    }
    for key in ["mcpr_snapshot", "sha256", "capabilities"] {
        let mut snapshot = whole.clone();
        snapshot.as_object_mut().unwrap().remove(key);
        assert!(!validator("snapshot").is_valid(&snapshot), "without {key}");
    }
}
