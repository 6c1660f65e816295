//! Configurations as clients and people write them: what is installed is taken away again to the byte.

use super::tests::{install, uninstall};
use super::{Rewrite, rewrite};

/// One a client and a habit.
const CONFIGS: &[(&str, &str)] = &[
    (
        "Claude Desktop",
        "{\n  \"mcpServers\": {\n    \"files\": {\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"server-files\", \"/home/a\"],\n      \"env\": { \"KEY\": \"x\" }\n    }\n  },\n  \"globalShortcut\": \"\"\n}\n",
    ),
    (
        "Claude Code",
        "{\n  \"numStartups\": 3,\n  \"mcpServers\": {\"a\": {\"type\": \"stdio\", \"command\": \"uvx\", \"args\": [\"server-a\"], \"env\": {}}},\n  \"projects\": {\n    \"/home/a/b~c\": {\n      \"mcpServers\": {\n        \"a\": {\n          \"command\": \"node\",\n          \"args\": [\n            \"x.js\"\n          ]\n        }\n      }\n    },\n    \"/q\": {}\n  }\n}",
    ),
    (
        "Cursor, no arguments",
        "{\n  \"mcpServers\": {\n    \"bare\": {\n      \"command\": \"server\"\n    },\n    \"empty\": { \"command\": \"server\", \"args\": [] },\n    \"spaced\": { \"args\": [ ], \"command\": \"server\" }\n  }\n}\n",
    ),
    (
        "VS Code",
        "{\n\t// what I use\n\t\"inputs\": [\n\t\t{ \"id\": \"key\", \"type\": \"promptString\" },\n\t],\n\t\"servers\": {\n\t\t/* a /* b */\n\t\t\"fetch\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"uvx\", // from PyPI\n\t\t\t\"args\": [\n\t\t\t\t// the package\n\t\t\t\t\"mcp-server-fetch\", // pinned\n\t\t\t\t\"--fast\",\n\t\t\t],\n\t\t},\n\t\t\"web\": { \"type\": \"http\", \"url\": \"https://example.com/mcp\" },\n\t},\n}\n",
    ),
    (
        "VS Code settings",
        "{\n  \"editor.tabSize\": 2,\n  \"mcp\": {\n    \"servers\": {\n      \"a\": { \"command\": \"a\", \"args\": [\"b\"] }\n    }\n  }\n}\n",
    ),
    (
        "Windsurf",
        "{\"mcpServers\":{\"a\":{\"command\":\"npx\",\"args\":[\"-y\",\"a\"]},\"b\":{\"command\":\"b\"},\"c\":{\"serverUrl\":\"https://c\"}}}",
    ),
    (
        "Cline",
        "{\n    \"mcpServers\": {\n        \"a\": {\n            \"autoApprove\": [\"x\", \"y\"],\n            \"disabled\": false,\n            \"timeout\": 60,\n            \"command\": \"python\",\n            \"args\": [\n                \"-m\",   \"server\"\n            ],\n            \"transportType\": \"stdio\"\n        }\n    }\n}\n",
    ),
    (
        "Zed",
        "// settings\n{\n  \"theme\": \"One\",\n  \"context_servers\": {\n    \"new\": {\n      \"source\": \"custom\",\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"a\"],\n      \"env\": null,\n    },\n    \"older\": {\n      \"command\": {\n        \"path\": \"npx\",\n        \"args\": [\"b\"],\n        \"env\": {}\n      },\n      \"settings\": {}\n    }\n  }\n}\n",
    ),
    (
        "Gemini",
        "{\n  \"security\": { \"auth\": { \"selectedType\": \"oauth\" } },\n  \"mcpServers\": {\n    \"a\": { \"command\": \"docker\", \"args\": [\"run\", \"-i\", \"--rm\", \"mcp/a\"], \"trust\": true, \"cwd\": \"./x\" },\n    \"b\": { \"httpUrl\": \"https://b\" }\n  }\n}\n",
    ),
    (
        "opencode",
        "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  \"mcp\": {\n    \"a\": {\n      \"type\": \"local\",\n      \"command\": [\"npx\", \"-y\", \"a\"],\n      \"enabled\": true\n    },\n    \"lines\": {\n      \"type\": \"local\",\n      \"command\": [\n        \"bun\",\n        \"x\"\n      ]\n    },\n    \"alone\": { \"type\": \"local\", \"command\": [\"server\"] },\n    \"far\": { \"type\": \"remote\", \"url\": \"https://x\" }\n  }\n}\n",
    ),
    (
        "Copilot",
        "{ \"mcpServers\" : { \"a\" : { \"type\" : \"local\" , \"command\" : \"a\" , \"args\" : [ \"b\" , \"c\" ] , \"tools\" : [ \"*\" ] } } }\n",
    ),
    (
        "Amp",
        "{\n  \"amp.mcpServers\": {\n    \"a\": { \"command\": \"npx\", \"args\": [\"a\"] }\n  }\n}",
    ),
    (
        "odd spellings",
        "{\"mcpServers\":{\"\\u0061\":{\"command\":\"n\\u0070x\",\"args\":[\"\\/tmp\",\"\\\"q\\\"\",\"é\",\"\\ud83e\\udd80\"]}}}",
    ),
    (
        "arguments first",
        "{\"mcpServers\":{\"a\":{\"args\":[\"x\"],\"env\":{},\"command\":\"b\"}}}",
    ),
    (
        "comments everywhere",
        "{ // 1\n \"mcpServers\" /* 2 */ : { // 3\n  \"a\": /* 4 */ { \"command\" /* 5 */ : /* 6 */ \"b\" /* 7 */ , \"args\" : [ /* 8 */ \"c\" /* 9 */ , /* 10 */ \"d\" // 11\n ] // 12\n } } }\n// 13",
    ),
    (
        "Codex",
        "# mine\nmodel = \"o3\"\n\n[mcp_servers.files]\ncommand = \"npx\" # from npm\nargs = [\"-y\", \"server-files\"]\n\n[mcp_servers.files.env]\nKEY = \"x\"\n\n[mcp_servers.\"a b\"]\ncommand = 'uvx'\nargs = [\n  \"server\", # pinned\n  '--fast',\n]\nstartup_timeout_sec = 20\n\n[mcp_servers.web]\nurl = \"https://x\"\n\n[tui]\ntheme = \"dark\"\n",
    ),
    (
        "Codex, no arguments",
        "[mcp_servers.bare]\ncommand = \"server\" # mine\n\n[mcp_servers.empty]\n  command = \"server\"\n  args = []\n  enabled = true\n\n[mcp_servers]\ninline = { command = \"server\" }\nwhole = { command = \"server\", args = [ ], env = { A = \"b\" } }\nlisted = { command = \"server\", args = [ \"x\" ] }\ndotted.command = \"server\"\n",
    ),
    (
        "goose",
        "# mine\nGOOSE_MODEL: x\nextensions:\n  developer:\n    enabled: true\n    type: builtin\n  memory:\n    type: stdio\n    cmd: npx  # from npm\n    args:\n      - -y\n      - '@x/server-memory' # pinned\n    envs: {}\n  flow:\n    cmd: \"uvx\"\n    args: [flow-server, \"--fast\"]\n  bare:\n    type: stdio\n    cmd: server # mine\n    timeout: 300\n  empty:\n    args: []\n    cmd: server\n  braced: { cmd: server, type: stdio }\n  far:\n    type: sse\n    uri: https://x\nlast: 1\n",
    ),
    (
        "Continue",
        "name: mine\nmcpServers:\n  - name: My SQLite\n    command: npx\n    args:\n      - \"-y\"\n      - mcp-sqlite\n    env:\n      A: b\n  - command: bare-server\n    name: bare\n  -   name: é\n      command: 'it''s'\n      args:\n      - x\n  - name: far\n    url: https://x\n",
    ),
    (
        "blank lines",
        "\n\n{\n\n  \"mcpServers\": {\n\n    \"a\": {\n\n      \"command\": \"b\",\n\n      \"args\": [\n\n        \"c\"\n\n      ]\n\n    }\n\n  }\n\n}\n\n",
    ),
];

/// Those of them that write YAML.
const YAML_CLIENTS: [&str; 2] = ["goose", "Continue"];

/// What becomes of a text.
type Rewriting = fn(&str) -> String;

/// What editors and systems make of a file.
const HABITS: &[(&str, Rewriting)] = &[
    ("as it is", str::to_owned),
    ("CRLF", |text| text.replace('\n', "\r\n")),
    ("tabs", |text| text.replace("  ", "\t")),
    ("a byte order mark", |text| format!("\u{feff}{text}")),
    ("no end of line", |text| text.trim_end().to_owned()),
    ("one blank more", |text| format!("{text} \n")),
];

/// The habits that a client's files can show: YAML has no tabs.
fn habits_of(client: &str) -> impl Iterator<Item = &'static (&'static str, Rewriting)> {
    let is_yaml = YAML_CLIENTS.contains(&client);
    HABITS
        .iter()
        .filter(move |(habit, _)| !(is_yaml && *habit == "tabs"))
}

#[test]
fn the_same_bytes_come_back_from_every_client_and_habit() {
    for (client, config) in CONFIGS {
        for (habit, change) in habits_of(client) {
            let text = change(config);
            let named = format!("{client}, {habit}");
            let installed = rewrite(&text, &[], &install()).expect(&named);
            assert!(!installed.entries.is_empty(), "{named}");
            let again = rewrite(&installed.text, &[], &install()).expect(&named);
            assert_eq!(again.text, installed.text, "{named}");
            let kept = Rewrite::Uninstall {
                addresses: Vec::new(),
                unserved: Vec::new(),
                kept: installed.entries.clone(),
            };
            let back = rewrite(&installed.text, &[], &kept).expect(&named);
            assert_eq!(back.text, text, "{named}");
        }
    }
}

#[test]
fn the_same_bytes_come_back_without_what_was_kept() {
    for (client, config) in CONFIGS {
        for (habit, change) in habits_of(client) {
            let text = change(config);
            let installed = rewrite(&text, &[], &install()).expect(client);
            let back = rewrite(&installed.text, &[], &uninstall()).expect(client);
            assert_eq!(back.text, text, "{client}, {habit}: {}", installed.text);
        }
    }
}

/// A file that is being written, or was damaged, is refused or given back as it was.
#[test]
fn the_same_bytes_come_back_from_damaged_files() {
    for (client, config) in CONFIGS {
        for (at, sign) in config.char_indices() {
            let without = [&config[..at], &config[at + sign.len_utf8()..]].concat();
            for text in [&config[..at], &without] {
                let Ok(installed) = rewrite(text, &[], &install()) else {
                    continue;
                };
                let kept = Rewrite::Uninstall {
                    addresses: Vec::new(),
                    unserved: Vec::new(),
                    kept: installed.entries.clone(),
                };
                let back = rewrite(&installed.text, &[], &kept);
                let back = back.unwrap_or_else(|error| panic!("{client}: {error}: {text}"));
                assert_eq!(back.text, text, "{client}");
            }
        }
    }
}

/// A client that writes its configuration anew does so in its own way.
#[test]
fn an_empty_list_of_arguments_comes_back_from_a_configuration_that_was_written_anew() {
    for text in [
        r#"{"mcpServers":{"a":{"command":"server","args":[]},"b":{"command":"server"}}}"#,
        r#"{"mcpServers":{"a":{"args":[],"command":"server"},"b":{"command":"server","env":{}}}}"#,
    ] {
        let installed = rewrite(text, &[], &install()).expect("a configuration");
        let value: serde_json::Value = serde_json::from_str(&installed.text).expect("it is JSON");
        for anew in [value.to_string(), format!("{value:#}")] {
            let back = rewrite(&anew, &[], &uninstall()).expect("a configuration");
            let back: serde_json::Value = serde_json::from_str(&back.text).expect("it is JSON");
            let expected = serde_json::json!({"command": "server", "args": []});
            assert_eq!(back["mcpServers"]["a"], expected, "{anew}");
        }
    }
}

#[test]
fn other_changes_since_the_installation_stay() {
    let (_, text) = CONFIGS[0];
    let installed = rewrite(text, &[], &install()).expect("a configuration");
    let changed = installed
        .text
        .replace("\"globalShortcut\": \"\"", "\"globalShortcut\": \"F1\"");
    let kept = Rewrite::Uninstall {
        addresses: Vec::new(),
        unserved: Vec::new(),
        kept: installed.entries.clone(),
    };
    let back = rewrite(&changed, &[], &kept).expect("it still is");
    assert_eq!(
        back.text,
        text.replace("\"globalShortcut\": \"\"", "\"globalShortcut\": \"F1\"")
    );
    // An entry that somebody changed is not put back as it was: only the tap goes.
    let changed = installed.text.replace("/home/a", "/home/b");
    let back = rewrite(&changed, &[], &kept).expect("it still is");
    assert_eq!(back.text, text.replace("/home/a", "/home/b"));
}

#[test]
fn what_is_installed_is_what_the_client_reads() {
    for (client, config) in CONFIGS {
        let installed = rewrite(config, &[], &install()).expect(client);
        for entry in &installed.entries {
            // A table of TOML in braces stands behind its name.
            let inline = format!("x = {}", entry.installed);
            // A piece of YAML has lost the blanks before its first line.
            let whole = YAML_CLIENTS.contains(client) && super::parsed(&installed.text).is_ok();
            let is_read =
                whole || super::parsed(&entry.installed).is_ok() || super::parsed(&inline).is_ok();
            assert!(is_read, "{client}: {}", entry.installed);
            assert!(
                entry.installed.contains("\"/bin/mcpr\""),
                "{client}: {}",
                entry.installed
            );
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_an_error_with_both_lines() {
    for (text, name, lines) in [
        (
            "{\"mcpServers\":{\"a\":{\n\"command\":\"old\",\n\"command\":\"new\",\"args\":[\"2\"]}}}",
            "command",
            (2, 3),
        ),
        (
            "{\"mcpServers\":{\"a\":{\"command\":\"x\",\n\"args\":[],\n\n\"\\u0061rgs\":[]}}}",
            "args",
            (2, 4),
        ),
        (
            "{\"mcpServers\":{\n\"a\":{\"command\":\"x\"},\n\"a\":{\"command\":\"y\"}}}",
            "a",
            (2, 3),
        ),
        (
            "{\"mcpServers\":{},\n\"x\":1,\n\"mcpServers\":{\"a\":{\"command\":\"y\"}}}",
            "mcpServers",
            (1, 3),
        ),
        (
            "[mcp_servers.a]\ncommand = \"old\"\nargs = []\ncommand = \"new\"\n",
            "command",
            (2, 4),
        ),
        (
            "[mcp_servers.a]\ncommand = \"x\"\n\n[mcp_servers.b]\ncommand = \"y\"\n[mcp_servers.a]\ncommand = \"z\"\n",
            "a",
            (1, 6),
        ),
        (
            "[mcp_servers]\na = { command = \"x\", args = [], \"command\" = \"y\" }\n",
            "command",
            (2, 2),
        ),
    ] {
        let expected = super::ConfigError::Doubled {
            name: name.to_owned(),
            lines,
        };
        assert_eq!(rewrite(text, &[], &install()), Err(expected), "{text}");
    }
}
