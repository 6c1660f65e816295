//! `mcpr tap install`, `status` and `uninstall` on a machine with the files of many clients.

use super::clients_home::{self, CLIENT_FILES};
use super::program::{Home, json_lines};
use super::terminal::Terminal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of the home directory but those of mcpr, with its bytes.
fn files(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    fn add(directory: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, all);
            } else {
                let bytes = fs::read(&path).unwrap();
                all.insert(path, bytes);
            }
        }
    }
    let mut all = BTreeMap::new();
    add(&home.path(""), &mut all);
    let state = home.path(".local/state/mcpr");
    all.retain(|path, _| !path.starts_with(&state));
    all
}

fn filled() -> Home {
    let home = Home::new();
    clients_home::fill(&home);
    home
}

fn status(home: &Home) -> Vec<Value> {
    json_lines(&home.succeed(&["tap", "status", "--json"]))
}

#[test]
fn a_dry_run_over_all_clients_writes_nothing_and_tells_all() {
    let home = filled();
    let before = files(&home);
    let ran = home.run(&["tap", "install", "--all", "--dry-run"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(files(&home), before);
    assert!(!home.path(".local").exists(), "nothing is kept either");
    for file in CLIENT_FILES {
        let heading = format!("{}: {}", file.client, home.path(&file.path()).display());
        assert!(ran.out.contains(&heading), "{heading}: {ran:?}");
    }
    let servers: usize = CLIENT_FILES.iter().map(|file| file.servers[0]).sum();
    assert_eq!(ran.out.matches(" tap --name=").count(), servers, "{ran:?}");
    let at_urls: usize = CLIENT_FILES.iter().map(|file| file.servers[1]).sum();
    assert_eq!(
        ran.out.matches("+ http://127.0.0.1:8788/").count(),
        at_urls,
        "{ran:?}"
    );
}

#[test]
fn every_client_gets_its_bytes_back() {
    let home = filled();
    let before = files(&home);
    let installed = home.run(&["tap", "install", "--all"]);
    assert_eq!(installed.code, Some(0), "{installed:?}");
    assert!(
        installed.err.contains("then: mcpr logs -f"),
        "{installed:?}"
    );
    assert!(installed.err.contains("mcpr tap serve"), "{installed:?}");
    for file in CLIENT_FILES {
        let text = fs::read_to_string(home.path(&file.path())).unwrap();
        assert_ne!(text, file.text, "{}", file.client);
    }
    let after = files(&home);
    assert_eq!(
        after.len(),
        before.len(),
        "nothing lies beside a configuration"
    );
    assert!(
        status(&home).iter().all(|row| row["tapped"] == true),
        "{:#?}",
        status(&home)
    );
    home.succeed(&["tap", "install", "--all"]);
    assert_eq!(files(&home), after, "a second time changes nothing");
    home.succeed(&["tap", "uninstall", "--all"]);
    assert_eq!(files(&home), before);
    assert!(status(&home).iter().all(|row| row["tapped"] == false));
}

#[test]
fn only_the_clients_and_servers_that_are_named_are_changed() {
    let home = filled();
    let ran = home.run(&[
        "tap",
        "install",
        "--client",
        "claude-code",
        "--client",
        "cursor",
        "fetch",
        "far",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let tapped: Vec<_> = status(&home)
        .iter()
        .filter(|row| row["tapped"] == true)
        .map(|row| {
            format!(
                "{} {}",
                row["client"].as_str().unwrap(),
                row["server"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(tapped, ["claude-code fetch", "cursor far"]);
    assert!(
        ran.err
            .contains("restart the clients (claude-code, cursor), then"),
        "{ran:?}"
    );
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let home = Home::new();
    clients_home::write(
        &home,
        ".cursor/mcp.json",
        r#"{"mcpServers":{"a":{"command":"x"}}}"#,
    );
    for (arguments, words) in [
        (
            &["--client", "codex"][..],
            "codex: no configuration of it lists a server",
        ),
        (&["--client", "emacs"], "claude-desktop"),
        (&["--all", "nope"], "no configuration has a server nope"),
        (&["--all", "--config", "x"], "cannot be used with"),
        (
            &["--all", "--serve-at", "0.0.0.0:1"],
            "clients of this machine",
        ),
        (&[], "cursor          ~/.cursor/mcp.json: a"),
    ] {
        let ran = home.run(&[&["tap", "install"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
}

#[test]
fn servers_that_two_clients_share_have_one_address() {
    let home = Home::new();
    let url = "https://shared.example.com/mcp?key=secret";
    for (path, name) in [
        (".cursor/mcp.json", "one"),
        (".kiro/settings/mcp.json", "two"),
    ] {
        let text = format!(r#"{{"mcpServers":{{"{name}":{{"url":"{url}"}}}}}}"#);
        clients_home::write(&home, path, &text);
    }
    home.succeed(&["tap", "install", "--all"]);
    for path in [".cursor/mcp.json", ".kiro/settings/mcp.json"] {
        let text = fs::read_to_string(home.path(path)).unwrap();
        assert!(
            text.contains("\"http://127.0.0.1:8788/one/mcp\""),
            "the key stays with the tap: {text}"
        );
    }
    home.succeed(&["tap", "uninstall", "--client", "cursor"]);
    let kept = fs::read_to_string(home.path(".local/state/mcpr/servers.json")).unwrap();
    assert!(kept.contains(url), "kiro uses it still: {kept}");
    // Another place for the tap is another address, in place.
    home.succeed(&["tap", "install", "--all", "--serve-at", "127.0.0.1:9001"]);
    let text = fs::read_to_string(home.path(".kiro/settings/mcp.json")).unwrap();
    assert!(text.contains("http://127.0.0.1:9001/one/mcp"), "{text}");
    home.succeed(&["tap", "uninstall", "--all"]);
    for path in [".cursor/mcp.json", ".kiro/settings/mcp.json"] {
        assert!(fs::read_to_string(home.path(path)).unwrap().contains(url));
    }
    let kept = fs::read_to_string(home.path(".local/state/mcpr/servers.json")).unwrap();
    assert!(!kept.contains("secret"), "nobody uses it any more: {kept}");
}

#[test]
fn servers_at_urls_stay_where_that_is_asked() {
    let home = filled();
    home.succeed(&["tap", "install", "--all", "--no-urls"]);
    let rows = status(&home);
    for row in rows.iter().filter(|row| row["transport"] == "http") {
        assert_eq!(row["tapped"], false, "{row}");
    }
    assert!(!home.path(".local/state/mcpr/servers.json").exists());
}

#[test]
fn the_store_of_the_environment_is_written_into_the_taps() {
    let home = Home::new();
    let config = clients_home::write(
        &home,
        ".cursor/mcp.json",
        r#"{"mcpServers":{"a":{"command":"x","args":["y"]}}}"#,
    );
    let install = |db: &str, more: &[&str]| {
        let arguments = [&["tap", "install", "--client", "cursor"], more].concat();
        let mut command = home.command(&arguments);
        if !db.is_empty() {
            command.env("MCPR_DB", db);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(&config).unwrap()
    };
    assert!(install("/srv/one.db", &[]).contains("\"--db\", \"/srv/one.db\", \"--\", \"x\""));
    // Other options are put in the place of those that are there.
    assert!(install("/srv/two.db", &[]).contains("\"--db\", \"/srv/two.db\", \"--\", \"x\""));
    assert!(install("", &["--update"]).contains("\"--name=a\", \"--\", \"x\""));
    home.succeed(&["tap", "uninstall", "--all"]);
    let text = fs::read_to_string(&config).unwrap();
    assert_eq!(text, r#"{"mcpServers":{"a":{"command":"x","args":["y"]}}}"#);
}

#[test]
fn status_tells_of_taps_that_cannot_work() {
    let home = Home::new();
    let text = r#"{"mcpServers":{"a":{"command":"/nonexistent/mcpr","args":["tap","--name=a","--","x"]},"b":{"url":"https://b.example.com/mcp"}}}"#;
    clients_home::write(&home, ".cursor/mcp.json", text);
    // A port on which nobody listens: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    home.succeed(&[
        "tap",
        "install",
        "--all",
        "b",
        "--serve-at",
        &free.to_string(),
    ]);
    let rows = status(&home);
    assert!(
        rows[0]["problem"].as_str().unwrap().contains("is gone"),
        "{rows:#?}"
    );
    assert!(
        rows[1]["problem"]
            .as_str()
            .unwrap()
            .contains("mcpr tap serve"),
        "{rows:#?}"
    );
}

#[test]
fn a_project_s_configuration_is_changed_where_it_is_named_alone() {
    let home = Home::new();
    let text = r#"{"mcpServers":{"a":{"command":"x"}}}"#;
    let project = home.write(".mcp.json", text);
    let ran = home.run(&["tap", "install", "--all"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(fs::read_to_string(&project).unwrap(), text);
    assert_eq!(status(&home)[0]["kind"], "project");
    home.succeed(&["tap", "install", "--config", ".mcp.json"]);
    assert_eq!(status(&home)[0]["tapped"], true);
}

#[test]
fn a_person_chooses_by_number_or_name() {
    for (keys, expected) in [
        ("2\n", &["kiro"][..]),
        ("cursor, kiro\n", &["cursor", "kiro"]),
        ("all\n", &["cursor", "kiro"]),
        ("\n", &[]),
    ] {
        let home = Home::new();
        for path in [".cursor/mcp.json", ".kiro/settings/mcp.json"] {
            clients_home::write(&home, path, r#"{"mcpServers":{"a":{"command":"x"}}}"#);
        }
        let session = Terminal::of(&home).start(&["tap", "install"]);
        session.expect("  2  kiro");
        session.expect("Which of them?");
        session.type_in(keys);
        let ran = session.finish();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let rows = status(&home);
        let tapped: Vec<_> = rows.iter().filter(|row| row["tapped"] == true).collect();
        let clients: Vec<_> = tapped
            .iter()
            .map(|row| row["client"].as_str().unwrap())
            .collect();
        assert_eq!(clients, expected, "{keys:?}");
        assert_eq!(
            ran.out.contains("nothing was chosen"),
            expected.is_empty(),
            "{ran:?}"
        );
    }
}

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
        let told = "far (cursor): nobody knows what its address stands for: write";
        assert!(table.err.contains(told), "nothing cuts it: {table:?}");
        for what in ["uninstall", "install"] {
            let ran = home.run(&["tap", what, "--client", "cursor", "far"]);
            assert_eq!(ran.code, Some(2), "{ran:?}");
            let told = "far: left alone, it is at an address of mcpr tap serve";
            assert!(ran.out.contains(told), "{ran:?}");
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
        ("\"url\":7", "its URL is no text in one line"),
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
        "a: left alone, its command is no text in one line: write it so, in quotes",
        "b: left alone, its arguments are not each a text in one line: write them so, in quotes",
        "c: left alone, its URL is no text in one line: write it so, in quotes",
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
            let told = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(2), "{told}");
            assert!(told.contains("~/.pgpass"), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
            assert_eq!(fs::read_to_string(&config).unwrap(), CURSOR_AT_URL);
        }
    }
    home.succeed(&["tap", "install", "--all", "--db", "postgres://me@host/db"]);
}
