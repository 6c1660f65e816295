//! A client's configuration, rewritten: what stays, what changes, what is left alone.

use super::*;
use expect_test::{Expect, expect};

pub(super) fn install() -> Rewrite {
    Rewrite::Install {
        program: "/bin/mcpr".to_owned(),
        options: Vec::new(),
        is_gone: |program| program.starts_with("/gone/"),
        updates: false,
        addresses: Vec::new(),
        unserved: Vec::new(),
        kept: Vec::new(),
    }
}

/// Without what an installation kept: the bytes come back of the tap's own words.
pub(super) fn uninstall() -> Rewrite {
    Rewrite::Uninstall {
        addresses: Vec::new(),
        unserved: Vec::new(),
        kept: Vec::new(),
    }
}

fn described(servers: &[(String, ServerOutcome)]) -> Vec<String> {
    let one = |(name, outcome): &(String, ServerOutcome)| match outcome {
        ServerOutcome::Changed { .. } => format!("{name} changed"),
        ServerOutcome::Mended { why, .. } => format!("{name} mended: {why}"),
        ServerOutcome::AsWanted => format!("{name} as wanted"),
        ServerOutcome::LeftAlone(why) => format!("{name} left alone: {why}"),
    };
    servers.iter().map(one).collect()
}

/// Installs, which must change nothing when done again, and uninstalls, which must give the
/// text back.
fn check(text: &str, servers: &[&str], expected: &Expect) {
    let installed = rewrite(text, &[], &install()).expect("it is a configuration");
    assert_eq!(described(&installed.servers), servers);
    expected.assert_eq(&installed.text);
    let again = rewrite(&installed.text, &[], &install()).expect("it still is");
    assert_eq!(again.text, installed.text);
    let back = rewrite(&installed.text, &[], &uninstall()).expect("it still is");
    assert_eq!(back.text, text);
    let other = rewrite(text, &[], &uninstall()).expect("it is");
    assert_eq!(other.text, text, "nothing to take away");
}

#[test]
fn a_configuration_keeps_its_layout() {
    check(
        r#"{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/tmp"],
      "env": { "B": "1", "A": "2" }
    },
    "remote": { "url": "https://example.com/mcp" }
  },
  "theme": "dark"
}
"#,
        &[
            "files changed",
            "remote left alone: it is reached over the network",
        ],
        &expect![[r#"
                {
                  "mcpServers": {
                    "files": {
                      "command": "/bin/mcpr",
                      "args": ["tap", "--name=files", "--", "npx", "-y", "@modelcontextprotocol/server-filesystem", "/tmp"],
                      "env": { "B": "1", "A": "2" }
                    },
                    "remote": { "url": "https://example.com/mcp" }
                  },
                  "theme": "dark"
                }
            "#]],
    );
}

#[test]
fn comments_commas_and_several_lines_of_arguments_stay() {
    check(
        "{\n\t// the servers\n\t\"servers\": {\n\t\t\"a\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"uvx\", // from PyPI\n\t\t\t\"args\": [\n\t\t\t\t\"server-a\", // pinned\n\t\t\t\t\"--fast\",\n\t\t\t],\n\t\t},\n\t},\n}\n",
        &["a changed"],
        &expect![[r#"
                {
                	// the servers
                	"servers": {
                		"a": {
                			"type": "stdio",
                			"command": "/bin/mcpr", // from PyPI
                			"args": [
                				"tap",
                				"--name=a",
                				"--",
                				"uvx",
                				"server-a", // pinned
                				"--fast",
                			],
                		},
                	},
                }
            "#]],
    );
}

#[test]
fn a_server_without_arguments_gets_them_and_loses_them() {
    let text = r#"{"mcpServers":{"bare":{"command":"server"}}}"#;
    let installed = rewrite(text, &[], &install()).expect("it is a configuration");
    let value: serde_json::Value = serde_json::from_str(&installed.text).expect("JSON");
    let bare = &value["mcpServers"]["bare"];
    let arguments = serde_json::json!(["tap", "--name=bare", "--", "server"]);
    assert_eq!(
        (&bare["command"], &bare["args"]),
        (&"/bin/mcpr".into(), &arguments)
    );
    let back = rewrite(&installed.text, &[], &uninstall()).expect("it still is");
    let back: serde_json::Value = serde_json::from_str(&back.text).expect("JSON");
    let original: serde_json::Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(back, original);
}

#[test]
fn options_are_written_and_not_changed_behind_ones_back() {
    let install = |options: &[&str]| Rewrite::Install {
        program: "/bin/mcpr".to_owned(),
        options: options.iter().map(|&it| it.to_owned()).collect(),
        is_gone: |_| false,
        updates: false,
        addresses: Vec::new(),
        unserved: Vec::new(),
        kept: Vec::new(),
    };
    let text = r#"{"mcpServers":{"a":{"command":"x","args":["y"]}}}"#;
    let options = ["--payloads", "--redact=--", "--payload-limit", "9"];
    let first = rewrite(text, &[], &install(&options)).expect("it is a configuration");
    let arguments = r#"["tap", "--name=a", "--payloads", "--redact=--", "--payload-limit", "9", "--", "x", "y"]"#;
    assert!(first.text.contains(arguments), "{}", first.text);
    for options in [&options[..], &[]] {
        let again = rewrite(&first.text, &[], &install(options)).expect("it still is");
        assert_eq!(described(&again.servers), ["a as wanted"]);
        assert_eq!(again.text, first.text);
    }
    let other = rewrite(&first.text, &[], &install(&["--no-redact"])).expect("it still is");
    assert_eq!(
        described(&other.servers),
        ["a mended: its tap was another one"]
    );
    let arguments = r#"["tap", "--name=a", "--no-redact", "--", "x", "y"]"#;
    assert!(other.text.contains(arguments), "{}", other.text);
    let back = rewrite(&other.text, &[], &uninstall()).expect("it still is");
    assert_eq!(back.text, text);
    let back = rewrite(&first.text, &[], &uninstall()).expect("it still is");
    assert_eq!(back.text, text);
}

#[test]
fn an_update_takes_the_program_and_the_options_of_today() {
    let update = Rewrite::Install {
        program: "/new/mcpr".to_owned(),
        options: vec!["--db".to_owned(), "/d".to_owned()],
        is_gone: |_| false,
        updates: true,
        addresses: Vec::new(),
        unserved: Vec::new(),
        kept: Vec::new(),
    };
    for (text, server) in [
        (
            "{\"servers\": {\n  \"a\": { \"command\": \"s\", \"args\": [\"y\"] } // mine\n}}\n",
            "\"/new/mcpr\", \"args\": [\"tap\", \"--name=a\", \"--db\", \"/d\", \"--\", \"s\", \"y\"]",
        ),
        (
            "[mcp_servers.a]\ncommand = \"s\" # mine\n",
            "\"/new/mcpr\"\nargs = [\"tap\", \"--name=a\", \"--db\", \"/d\", \"--\", \"s\"]",
        ),
    ] {
        let first = rewrite(text, &[], &install()).expect("it is a configuration");
        let other = rewrite(&first.text, &[], &update).expect("it still is");
        assert!(other.text.contains(server), "{}", other.text);
        assert_eq!(
            described(&other.servers),
            ["a mended: its tap was another one"]
        );
        assert_eq!(other.entries[0].original, first.entries[0].installed);
        let again = rewrite(&other.text, &[], &update).expect("it still is");
        assert_eq!(described(&again.servers), ["a as wanted"]);
        let back = rewrite(&other.text, &[], &uninstall()).expect("it still is");
        assert_eq!(back.text, text);
    }
}

#[test]
fn a_server_at_a_url_is_reached_through_the_tap() {
    let addresses = vec![ServedAddress {
        url: "https://h.example.com/mcp?key=1".to_owned(),
        local: "http://127.0.0.1:8788/h/mcp".to_owned(),
    }];
    let with = |kept: Vec<KeptEntry>| Rewrite::Uninstall {
        addresses: addresses.clone(),
        unserved: Vec::new(),
        kept,
    };
    let mut install = install();
    if let Rewrite::Install { addresses: own, .. } = &mut install {
        own.clone_from(&addresses);
    }
    for (text, expected) in [
        (
            r#"{"mcpServers":{"h":{"type":"http","url":"https:\/\/h.example.com/mcp?key=1","headers":{"A":"b"}}}}"#,
            r#"{"mcpServers":{"h":{"type":"http","url":"http://127.0.0.1:8788/h/mcp","headers":{"A":"b"}}}}"#,
        ),
        (
            "[mcp_servers.h]\nurl = 'https://h.example.com/mcp?key=1' # far\n",
            "[mcp_servers.h]\nurl = \"http://127.0.0.1:8788/h/mcp\" # far\n",
        ),
        (
            "extensions:\n  h:\n    type: sse\n    uri: https://h.example.com/mcp?key=1\n",
            "extensions:\n  h:\n    type: sse\n    uri: \"http://127.0.0.1:8788/h/mcp\"\n",
        ),
    ] {
        let installed = rewrite(text, &[], &install).expect("it is a configuration");
        assert_eq!(installed.text, expected);
        let again = rewrite(&installed.text, &[], &install).expect("it still is");
        assert_eq!(described(&again.servers), ["h as wanted"]);
        let back = rewrite(&installed.text, &[], &with(installed.entries)).expect("it still is");
        assert_eq!(back.text, text);
        // Without what was kept, the address is the same in other letters.
        let back = rewrite(&again.text, &[], &with(Vec::new())).expect("it still is");
        assert!(
            back.text.contains("\"https://h.example.com/mcp?key=1\""),
            "{}",
            back.text
        );
    }
}

#[test]
fn servers_are_found_where_clients_keep_them() {
    let cases = [
        (r#"{"mcpServers":{"a":{"command":"x"}}}"#, 1),
        (r#"{"servers":{"a":{"command":"x"}},"inputs":[]}"#, 1),
        (r#"{"mcp":{"servers":{"a":{"command":"x"}}}}"#, 1),
        (
            r#"{"mcpServers":{"a":{"command":"x"}},"projects":{"/p":{"mcpServers":{"b":{"command":"y"}}},"/q":{}}}"#,
            2,
        ),
    ];
    for (text, expected) in cases {
        let rewritten = rewrite(text, &[], &install()).expect(text);
        assert_eq!(rewritten.servers.len(), expected, "{text}");
        assert_eq!(
            rewritten.text.matches("/bin/mcpr").count(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn only_named_servers_are_changed() {
    let text = r#"{"mcpServers":{"a":{"command":"x"},"b":{"command":"y"}}}"#;
    let rewritten = rewrite(text, &["b".to_owned()], &install()).expect("it has a b");
    assert_eq!(described(&rewritten.servers), ["b changed"]);
    assert!(
        rewritten.text.contains(r#""a":{"command":"x"}"#),
        "{}",
        rewritten.text
    );
}

#[test]
fn what_is_no_configuration_is_refused() {
    let known = vec!["a".to_owned()];
    let name = "c".to_owned();
    let cases = [
        ("{}", ConfigError::NoServers),
        ("[]", ConfigError::NoServers),
        (
            r#"{"mcpServers":{"a":{"command":"x"}}}"#,
            ConfigError::Unknown { name, known },
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            rewrite(text, &["c".to_owned()], &install()),
            Err(expected),
            "{text}"
        );
    }
    let broken = rewrite("{\"a\": ", &[], &install());
    assert!(matches!(broken, Err(ConfigError::NotJson(_))), "{broken:?}");
}

#[test]
fn odd_servers_are_left_alone() {
    let text = r#"{"servers":{"a":{"command":7},"b":{"command":"x","args":[1]},"c":{"command":"x","args":"y"},"d":{"command":"/other/mcpr","args":["tap","--","s"]}}}"#;
    let rewritten = rewrite(text, &[], &install()).expect("it is a configuration");
    assert_eq!(
        described(&rewritten.servers),
        [
            "a left alone: its command is not text in one line: write it so, in quotes",
            "b left alone: its arguments are not each a text in one line: write them so, in quotes",
            "c left alone: its arguments are not a list: write them as one, a text each",
            "d as wanted",
        ]
    );
    assert_eq!(rewritten.text, text);
}

/// A configuration of one server, and what it becomes.
fn check_one(name: &str, server: &str, outcome: &str, expected: &str) {
    let of = |server: &str| format!(r#"{{"mcpServers":{{"{name}":{server}}}}}"#);
    let text = of(server);
    let installed = rewrite(&text, &[], &install()).expect("it is a configuration");
    assert_eq!(described(&installed.servers), [format!("{name} {outcome}")]);
    assert_eq!(installed.text, of(expected));
    let again = rewrite(&installed.text, &[], &install()).expect("it still is");
    assert_eq!(described(&again.servers), [format!("{name} as wanted")]);
    assert_eq!(again.text, installed.text);
    let back = rewrite(&installed.text, &[], &uninstall()).expect("it still is");
    assert_eq!(back.text, of(r#"{"command":"s","args":["y"]}"#));
    let back = rewrite(&text, &[], &uninstall()).expect("it is");
    assert_eq!(back.text, of(r#"{"command":"s","args":["y"]}"#));
}

#[test]
fn names_that_begin_with_a_dash_are_tapped() {
    for name in ["-x", "--", "--name", "--db"] {
        let expected =
            format!(r#"{{"command":"/bin/mcpr","args":["tap", "--name={name}", "--", "s", "y"]}}"#);
        check_one(
            name,
            r#"{"command":"s","args":["y"]}"#,
            "changed",
            &expected,
        );
        let older =
            format!(r#"{{"command":"/bin/mcpr","args":["tap","--name","{name}","--","s","y"]}}"#);
        let outcome = "mended: its tap is refused: the name begins with -";
        let mended =
            format!(r#"{{"command":"/bin/mcpr","args":["tap","--name={name}","--","s","y"]}}"#);
        check_one(name, &older, outcome, &mended);
    }
}

#[test]
fn taps_of_earlier_installations_stay_as_they_are() {
    let older = r#"{"command":"/bin/mcpr","args":["tap","--name","a","--","s","y"]}"#;
    check_one("a", older, "as wanted", older);
    let other = r#"{"command":"mcpr","args":["tap","--name=a","--","s","y"]}"#;
    check_one("a", other, "as wanted", other);
}

#[test]
fn a_program_that_is_gone_gives_way_to_the_present_one() {
    let outcome = "mended: the program of its tap is gone from there";
    for (before, after) in [
        (r#""tap","--name","a","--""#, r#""tap","--name","a","--""#),
        (
            r#""tap","--name=a","--db","/d","--""#,
            r#""tap","--name=a","--db","/d","--""#,
        ),
    ] {
        let before = format!(r#"{{"command":"/gone/mcpr","args":[{before},"s","y"]}}"#);
        let after = format!(r#"{{"command":"/bin/mcpr","args":[{after},"s","y"]}}"#);
        check_one("a", &before, outcome, &after);
    }
    let before =
        r#"{"command":"/gone/mcpr","args":["tap","--name","-x","--payloads","--","s","y"]}"#;
    let after = r#"{"command":"/bin/mcpr","args":["tap","--name=-x","--payloads","--","s","y"]}"#;
    check_one("-x", before, outcome, after);
}

#[test]
fn lines_and_comments_of_a_mended_tap_stay() {
    let text = "{\"servers\": {\n  \"-x\": {\n    \"command\": \"/gone/mcpr\", // mine\n    \"args\": [\n      \"tap\",\n      \"--name\",\n      \"-x\",\n      \"--\",\n      \"s\", // pinned\n    ]\n  }\n}}\n";
    let mended = rewrite(text, &[], &install()).expect("it is a configuration");
    expect![[r#"
        {"servers": {
          "-x": {
            "command": "/bin/mcpr", // mine
            "args": [
              "tap",
              "--name=-x",
              "--",
              "s", // pinned
            ]
          }
        }}
    "#]]
    .assert_eq(&mended.text);
}

#[test]
fn a_byte_order_mark_is_kept() {
    let text = "\u{feff}{\"servers\":{\"a\":{\"command\":\"x\",\"args\":[\"y\"]}}}";
    let installed = rewrite(text, &[], &install()).expect("it is a configuration");
    assert!(
        installed.text.starts_with("\u{feff}{"),
        "{}",
        installed.text
    );
    let back = rewrite(&installed.text, &[], &uninstall()).expect("it still is");
    assert_eq!(back.text, text);
}
