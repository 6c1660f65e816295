//! What `mcpr tap install`, `status` and `uninstall` report about what they do not do.

use super::clients_home;
use super::program::Home;
use super::tap_clients::{files, status};
use std::fs;

/// Two clients, each with a server of the same name at a URL of its own.
fn two_of_one_name() -> Home {
    let home = Home::new();
    for (path, host) in [(".cursor/mcp.json", "a"), (".kiro/settings/mcp.json", "b")] {
        let text =
            format!(r#"{{"mcpServers":{{"far":{{"url":"https://{host}.example.com/mcp"}}}}}}"#);
        clients_home::write(&home, path, &text);
    }
    home
}

#[test]
fn a_dry_run_gave_one_address_to_two_servers_of_one_name() {
    let home = two_of_one_name();
    let dry = home.run(&["tap", "install", "--all", "--dry-run"]);
    for address in ["8788/far/mcp\n", "8788/far-2/mcp\n"] {
        assert_eq!(dry.out.matches(address).count(), 1, "{dry:?}");
    }
    let done = home.run(&["tap", "install", "--all"]);
    assert_eq!(done.out, dry.out, "what was shown is what is done");
}

#[test]
fn files_that_cannot_be_read_were_passed_over_in_silence() {
    let home = Home::new();
    let good = r#"{"mcpServers":{"a":{"command":"x"}}}"#;
    let kiro = clients_home::write(&home, ".kiro/settings/mcp.json", good);
    for (path, text) in [
        (".cursor/mcp.json", "{\"mcpServers\": {"),
        (
            ".gemini/settings.json",
            "{\"mcpServers\":{\"a\":{\"command\":\"x\"},\n\"a\":{\"command\":\"y\"}}}",
        ),
        (
            ".codex/config.toml",
            "model = \"o3\n[mcp_servers.a]\ncommand = \"x\"\n",
        ),
        (
            ".config/goose/config.yaml",
            "extensions:\n  a: &a\n    cmd: x\n  b: *a\n",
        ),
        (".continue/config.yaml", "mcpServers: [\n"),
    ] {
        clients_home::write(&home, path, text);
    }
    let reasons = [
        ("cursor", ".cursor/mcp.json: not JSON: "),
        ("gemini", "the key \"a\" stands twice, in lines 1 and 2"),
        ("codex", ".codex/config.toml: not TOML: line 1: "),
        (
            "goose",
            "it cannot be changed place by place: line 2: an anchor",
        ),
        ("continue", ".continue/config.yaml: not YAML: line "),
    ];
    let ran = home.run(&["tap", "install", "--all"]);
    assert_eq!(ran.code, Some(2), "not all was done: {ran:?}");
    for (client, reason) in reasons {
        assert!(ran.err.contains(reason), "{reason}: {ran:?}");
        let own = home.run(&["tap", "install", "--client", client]);
        assert_eq!(own.code, Some(2), "{own:?}");
        assert!(own.err.contains(reason), "{reason}: {own:?}");
        assert!(!own.err.contains("lists a server"), "{own:?}");
    }
    assert!(fs::read_to_string(&kiro).unwrap().contains("--name=a"));
    let named = home.run(&["tap", "install", "--all", "z"]);
    assert!(
        named.err.contains("no configuration has a server z"),
        "{named:?}"
    );
    assert!(
        named.err.contains("not TOML"),
        "it may stand there: {named:?}"
    );
}

#[test]
fn an_address_of_the_tap_whose_server_is_forgotten_was_as_it_should_be() {
    for more in [&[][..], &["--serve-at", "127.0.0.1:9011"]] {
        let home = two_of_one_name();
        home.succeed(&[&["tap", "install", "--client", "cursor"], more].concat());
        fs::remove_dir_all(home.path(".local/state/mcpr")).unwrap();
        let before = files(&home);
        let row = &status(&home)[0];
        assert_eq!(row["tapped"], true, "{row}");
        assert!(
            row["problem"].as_str().unwrap().contains("by hand"),
            "{row}"
        );
        let table = home.run(&["tap", "status"]);
        let shown = "far (cursor): nobody knows what its address stands for: write";
        assert!(table.err.contains(shown), "nothing cuts it: {table:?}");
        for what in ["uninstall", "install"] {
            let ran = home.run(&["tap", what, "--client", "cursor", "far"]);
            assert_eq!(ran.code, Some(2), "{ran:?}");
            let shown = "far: left alone, it is at an address of mcpr tap serve";
            assert!(ran.out.contains(shown), "{ran:?}");
            assert!(ran.out.contains("own URL there by hand"), "{ran:?}");
        }
        assert_eq!(files(&home), before, "the tap is not put before itself");
    }
}

#[test]
fn servers_that_stay_as_they_are_had_an_untrue_reason() {
    let home = Home::new();
    let servers = [
        (
            "\"url\":\"https://me:pw@x.example.com/mcp\"",
            "a user and a password: move them into a header",
        ),
        (
            "\"url\":\"https://x.example.com/${input:key}/mcp\"",
            "a variable, which its client alone fills in",
        ),
        (
            "\"url\":\"https://x.example.com/{env:KEY}\"",
            "a variable, which its client alone fills in",
        ),
        (
            "\"url\":\"ws://x.example.com\"",
            "begins with neither https:// nor http://",
        ),
        ("\"url\":7", "its URL is not text in one line"),
        ("\"disabled\":true", "it has neither a command nor a URL"),
    ];
    let listed = servers.iter().enumerate();
    let listed: Vec<String> = listed
        .map(|(at, (server, _))| format!("\"s{at}\":{{{server}}}"))
        .collect();
    let text = format!("{{\"mcpServers\":{{{}}}}}", listed.join(","));
    home.write("mcp.json", &text);
    let ran = home.run(&["tap", "install", "--config", "mcp.json"]);
    assert_eq!(
        ran.code,
        Some(0),
        "nothing of it was asked for by name: {ran:?}"
    );
    for (at, (_, why)) in servers.iter().enumerate() {
        let mut lines = ran.out.lines();
        let line = lines.find(|line| line.starts_with(&format!("s{at}: left alone, ")));
        assert!(line.unwrap().contains(why), "{why}: {ran:?}");
    }
    let named = home.run(&["tap", "install", "--config", "mcp.json", "s0"]);
    assert_eq!(named.code, Some(2), "{named:?}");
    let left = home.run(&["tap", "uninstall", "--config", "mcp.json"]);
    assert_eq!(left.code, Some(0), "no tap stands there: {left:?}");
    home.write("mcp.json", CURSOR_AT_URL);
    let ran = home.run(&["tap", "install", "--config", "mcp.json", "--no-urls"]);
    assert!(ran.out.contains("it is at a URL (--no-urls)"), "{ran:?}");
}

const CURSOR_AT_URL: &str = r#"{"mcpServers":{"a":{"url":"https://x.example.com/mcp"}}}"#;

#[test]
fn yaml_over_several_lines_had_an_untrue_reason() {
    let home = Home::new();
    let text = "extensions:\n  a:\n    cmd: >-\n      npx\n    args: []\n  b:\n    cmd: npx\n    args:\n      - |\n        x\n  c:\n    uri: >-\n      https://x.example.com/mcp\n";
    home.write("config.yaml", text);
    let ran = home.run(&["tap", "install", "--config", "config.yaml"]);
    for line in [
        "a: left alone, its command is not text in one line: write it so, in quotes",
        "b: left alone, its arguments are not each a text in one line: write them so, in quotes",
        "c: left alone, its URL is not text in one line: write it so, in quotes",
    ] {
        assert!(ran.out.contains(line), "{line}: {ran:?}");
    }
}

#[test]
fn a_password_was_written_into_a_client_s_file() {
    let home = Home::new();
    let config = clients_home::write(&home, ".cursor/mcp.json", CURSOR_AT_URL);
    for url in [
        "postgres://me:s3cr3t@host/db",
        "postgres://host/db?password=s3cr3t",
    ] {
        for is_set in [false, true] {
            let mut command = home.command(&["tap", "install", "--all"]);
            if is_set {
                command.env("MCPR_DB", url);
            } else {
                command.args(["--db", url]);
            }
            let ran = command.output().unwrap();
            let shown = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(2), "{shown}");
            assert!(shown.contains("~/.pgpass"), "{shown}");
            assert!(!shown.contains("s3cr3t"), "{shown}");
            assert_eq!(fs::read_to_string(&config).unwrap(), CURSOR_AT_URL);
        }
    }
    home.succeed(&["tap", "install", "--all", "--db", "postgres://me@host/db"]);
}

#[test]
fn an_address_of_the_tap_that_somebody_wrote_by_name_was_not_known() {
    let home = Home::new();
    let config = clients_home::write(&home, ".cursor/mcp.json", CURSOR_AT_URL);
    home.succeed(&["tap", "install", "--all"]);
    let named = |home: &Home| {
        let text = fs::read_to_string(&config).unwrap();
        home.write(".cursor/mcp.json", text.replace("127.0.0.1", "localhost"));
    };
    named(&home);
    assert_eq!(status(&home)[0]["tapped"], true);
    let again = home.run(&["tap", "install", "--all"]);
    assert!(again.out.contains("a: as it should be"), "{again:?}");
    home.succeed(&["tap", "install", "--all", "--serve-at", "127.0.0.1:9001"]);
    let moved = fs::read_to_string(&config).unwrap();
    assert!(moved.contains("http://127.0.0.1:9001/a/mcp"), "{moved}");
    named(&home);
    home.succeed(&["tap", "uninstall", "--all"]);
    assert_eq!(fs::read_to_string(&config).unwrap(), CURSOR_AT_URL);
    home.succeed(&["tap", "install", "--all"]);
    home.write(".local/state/mcpr/servers.json", "garbage");
    let broken = home.run(&["tap", "uninstall", "--all"]);
    assert_eq!(broken.code, Some(2), "{broken:?}");
    assert!(
        broken.err.contains("move it away, then try again"),
        "{broken:?}"
    );
}
