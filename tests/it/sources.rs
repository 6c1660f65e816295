//! `mcpr sources` and `mcpr record --discover`: what a machine has, and its logs recorded without being named.

use super::clients_home::{self, CLIENT_FILES};
use super::program::{Home, capture, json_lines, until};
use serde_json::Value;
use std::fs;

fn sources(home: &Home) -> Vec<Value> {
    json_lines(&home.succeed(&["sources", "--json"]))
}

/// A log of Codex with one call.
const ROLLOUT: &str = concat!(
    "{\"timestamp\":\"2026-11-21T10:00:00.000Z\",\"type\":\"session_meta\",\"payload\":{\"id\":\"019a\",\"cwd\":\"/w\",\"cli_version\":\"0.60.0\"}}\n",
    "{\"timestamp\":\"2026-11-21T10:00:01.000Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"mcp_tool_call_end\",\"call_id\":\"c1\",\"invocation\":{\"server\":\"docs\",\"tool\":\"search\",\"arguments\":{\"q\":\"x\"}},\"duration\":{\"secs\":0,\"nanos\":5000000},\"result\":{\"Ok\":{\"content\":[],\"isError\":false}}}}\n",
);

const ROLLOUT_PLACE: &str = ".codex/sessions/2026/11/21/rollout-2026-11-21T10-00-00-019a.jsonl";

#[test]
fn the_servers_of_every_client_are_listed() {
    let home = Home::new();
    clients_home::fill(&home);
    let rows = sources(&home);
    for file in CLIENT_FILES {
        let path = home.path(&file.path());
        let own: Vec<_> = rows
            .iter()
            .filter(|row| row["path"] == path.to_str().unwrap())
            .collect();
        assert!(
            own.iter().all(|row| row["client"] == file.client),
            "{own:#?}"
        );
        let by = |transport: &str| {
            own.iter()
                .filter(|row| row["transport"] == transport)
                .count()
        };
        assert_eq!(
            [by("stdio"), by("http")],
            file.servers,
            "{}: {own:#?}",
            file.client
        );
        assert!(own.iter().all(|row| row["tapped"] == false), "{own:#?}");
        assert!(
            own.iter().all(|row| row["size"] == file.text.len()),
            "{own:#?}"
        );
    }
}

#[test]
fn a_table_shows_what_is_tapped_and_hints_at_the_rest() {
    let home = Home::new();
    clients_home::write(
        &home,
        ".cursor/mcp.json",
        &format!(
            r#"{{"mcpServers":{{"a":{{"command":"x"}},"b":{{"command":{:?},"args":["tap","--name=b","--","y"]}}}}}}"#,
            env!("CARGO_BIN_EXE_mcpr"),
        ),
    );
    let ran = home.run(&["sources"]);
    let line = |name: &str| {
        let mut lines = ran.out.lines();
        lines.find(|line| line.contains(name)).unwrap().to_owned()
    };
    assert!(line(" a ").contains(" no "), "{ran:?}");
    assert!(line(" b ").contains(" yes "), "{ran:?}");
    assert!(line(" a ").ends_with("~/.cursor/mcp.json"), "{ran:?}");
    assert!(ran.err.contains("mcpr tap install"), "{ran:?}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_reported_with_its_reason() {
    let home = Home::new();
    clients_home::write(&home, ".cursor/mcp.json", "{\"mcpServers\": {");
    clients_home::write(&home, ".kiro/settings/mcp.json", "{\"mcpServers\": {}}");
    let rows = sources(&home);
    let of = |client: &str| rows.iter().find(|row| row["client"] == client).unwrap();
    assert!(
        of("cursor")["problem"]
            .as_str()
            .unwrap()
            .contains("not JSON"),
        "{rows:#?}"
    );
    assert_eq!(of("kiro")["problem"], Value::Null);
    // A table reports it below, and the file once.
    home.write(".cursor/mcp.json", [0xff]);
    let table = home.run(&["sources"]);
    let shown = "~/.cursor/mcp.json: it is not UTF-8 text\n";
    assert!(table.err.starts_with(shown), "{table:?}");
    assert_eq!(of("kiro")["server"], Value::Null);
}

#[test]
fn logs_and_stores_are_listed_with_format_size_and_age() {
    let home = Home::new();
    clients_home::write(&home, ROLLOUT_PLACE, ROLLOUT);
    clients_home::write(&home, &ROLLOUT_PLACE.replace("019a", "019b"), ROLLOUT);
    fs::create_dir_all(home.path(".mcpr/proxies/weather")).unwrap();
    fs::copy(
        capture("mcpr-0.4.64/proxy.log"),
        home.path(".mcpr/proxies/weather/proxy.log"),
    )
    .unwrap();
    fs::copy(capture("mcpr-0.4.64/store.db"), home.path(".mcpr/store.db")).unwrap();
    let rows = sources(&home);
    let of = |client: &str, kind: &str| {
        let mut rows = rows.iter();
        rows.find(|row| row["client"] == client && row["kind"] == kind)
            .unwrap()
    };
    let codex = of("codex", "log");
    assert_eq!(codex["format"], "codex_rollout");
    assert_eq!(codex["files"], 2, "one row for all of them");
    assert_eq!(codex["size"], 2 * ROLLOUT.len());
    assert!(codex["newest_at"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(of("mcpr", "log")["format"], "mcpr_v04");
    assert!(
        of("mcpr", "store")["path"]
            .as_str()
            .unwrap()
            .ends_with("/.mcpr/store.db")
    );
}

#[test]
fn a_machine_without_any_says_what_can_be_named() {
    let home = Home::new();
    let ran = home.run(&["sources"]);
    assert_eq!((ran.code, &ran.out[..]), (Some(0), ""), "{ran:?}");
    assert!(ran.err.contains("mcpr record FILE"), "{ran:?}");
    assert_eq!(home.succeed(&["sources", "--format", "json"]), "[]\n");
}

#[test]
fn discover_records_what_sources_lists() {
    let home = Home::new();
    let ran = home.run(&["record", "--discover", "--once"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("there are no logs yet"), "{ran:?}");
    clients_home::write(&home, ROLLOUT_PLACE, ROLLOUT);
    // A configuration is none, and must not be read as one.
    clients_home::fill(&home);
    home.succeed(&["record", "--discover", "--once"]);
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(
        (&rows[0]["proxy"], &rows[0]["tool"]),
        (&"docs".into(), &"search".into())
    );
}

#[test]
fn discover_records_what_appears_later() {
    let home = Home::new();
    let mut recorder = home.command(&["record", "--discover"]).spawn().unwrap();
    until("the store is there", || home.store().exists());
    clients_home::write(&home, ROLLOUT_PLACE, ROLLOUT);
    until("the new log is recorded", || home.rows_or_none().len() == 1);
    recorder.kill().unwrap();
    recorder.wait().unwrap();
}
