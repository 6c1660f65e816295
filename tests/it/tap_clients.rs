//! `mcpr tap install`, `status` and `uninstall` on a machine with the files of many clients.

use super::clients_home::{self, CLIENT_FILES};
use super::program::{Home, json_lines};
use super::terminal::Terminal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of the home directory but those of mcpr, with its bytes.
pub(crate) fn files(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
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

pub(crate) fn status(home: &Home) -> Vec<Value> {
    let ran = home.run(&["tap", "status", "--json"]);
    let rows = json_lines(&ran.out);
    // Whatever is asked, a script sees whether the taps can work.
    let is_broken = rows.iter().any(|row| !row["problem"].is_null());
    assert_eq!(ran.code, Some(i32::from(is_broken)), "{ran:?}");
    rows
}

#[test]
fn a_dry_run_over_all_clients_writes_nothing_and_reports_all() {
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
fn status_reports_taps_that_cannot_work() {
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
