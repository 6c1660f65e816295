//! `mcpr tap install` and `uninstall` through the built program.

use super::program::Home;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

const CONFIG: &str = r#"{
  // what I use
  "mcpServers": {
    "echo": { "command": "cat", "args": ["-u"] },
    "remote": { "url": "https://example.com/mcp" }
  }
}
"#;

#[test]
fn a_configuration_is_tapped_used_and_given_back() {
    let home = Home::new();
    let config = home.write("mcp.json", CONFIG);
    fs::set_permissions(&config, fs::Permissions::from_mode(0o640)).unwrap();
    let read = || fs::read_to_string(&config).unwrap();
    let install = ["tap", "install", "--config", "mcp.json"];

    let dry = home.run(&[&install[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, Some(0), "{dry:?}");
    assert!(dry.out.starts_with("echo:\n- cat -u\n+ /"), "{dry:?}");
    let remote = "remote:\n- https://example.com/mcp\n+ http://127.0.0.1:8788/remote/mcp\n";
    assert!(dry.out.contains(remote), "{dry:?}");
    assert_eq!(read(), CONFIG, "a dry run changes nothing");
    assert_eq!(backups(&home), Vec::<String>::new());

    let done = home.run(&[&install[..], &["--db", "own.db"]].concat());
    assert_eq!(done.out.lines().next(), dry.out.lines().next());
    let tapped = read();
    assert!(tapped.contains("// what I use"), "{tapped}");
    let mode = fs::metadata(&config).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(backups(&home), [CONFIG]);

    let again = home.run(&install);
    assert!(again.out.contains("echo: as it should be"), "{again:?}");
    assert_eq!(read(), tapped, "a second time changes nothing");
    assert_eq!(backups(&home).len(), 1);

    run_as_a_client_would(&home, &tapped);

    let undone = home.run(&["tap", "uninstall", "--config", "mcp.json", "echo", "remote"]);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    assert_eq!(read(), CONFIG);
    assert_eq!(backups(&home), [CONFIG, &tapped]);
    assert_eq!(
        beside(&config),
        0,
        "nothing is left beside the configuration"
    );
}

/// The backups of the one configuration, oldest first; nobody else may read them.
fn backups(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    for directory in fs::read_dir(home.path(".local/state/mcpr/configs"))
        .into_iter()
        .flatten()
    {
        let directory = directory.unwrap().path();
        assert_eq!(
            fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
            0o700
        );
        for file in fs::read_dir(directory).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            let name = path.file_name().unwrap().to_str().unwrap();
            if let Some(number) = name.strip_prefix("backup-") {
                found.push((
                    number.parse::<u32>().unwrap(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

/// How many files beside a configuration speak of us.
fn beside(config: &std::path::Path) -> usize {
    let names = fs::read_dir(config.parent().unwrap()).unwrap();
    let ours = |name: &std::ffi::OsStr| name.to_string_lossy().contains("mcpr-");
    names
        .filter(|entry| ours(&entry.as_ref().unwrap().file_name()))
        .count()
}

#[test]
fn a_configuration_without_arguments_comes_back_to_the_byte() {
    let home = Home::new();
    let text = "{\"mcpServers\": {\"a\": {\"command\": \"x\", \"args\": []}, \"b\": {\"command\": \"y\"}}}";
    let config = home.write("mcp.json", text);
    for _ in 0..2 {
        home.succeed(&["tap", "install", "--config", "mcp.json"]);
        assert!(fs::read_to_string(&config).unwrap().contains("--name=b"));
        home.succeed(&["tap", "uninstall", "--config", "mcp.json"]);
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
    }
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let home = Home::new();
    let text = "{\"mcpServers\":{\"a\":{\n\"command\":\"old\",\n\"command\":\"new\"}}}";
    let config = home.write("mcp.json", text);
    let ran = home.run(&["tap", "install", "--config", "mcp.json"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err
            .contains("\"command\" stands twice, in lines 2 and 3"),
        "{ran:?}"
    );
    assert_eq!(fs::read_to_string(config).unwrap(), text);
}

#[test]
fn a_second_name_of_a_configuration_has_the_change_too() {
    let home = Home::new();
    let config = home.write("mcp.json", CONFIG);
    fs::hard_link(&config, home.path("other.json")).unwrap();
    home.succeed(&["tap", "install", "--config", "mcp.json"]);
    assert!(
        fs::read_to_string(home.path("other.json"))
            .unwrap()
            .contains("tap")
    );
}

/// Runs the command that now stands in the configuration, and looks for its session.
fn run_as_a_client_would(home: &Home, config: &str) {
    run_tapped(home, config);
    let rows = home.rows(&["--db", "own.db", "--proxy", "echo", "--method", "ping"]);
    assert_eq!(
        rows.len(),
        2,
        "asked by the client, and by the server that gave it back"
    );
}

/// Runs the command that now stands in the configuration: everything comes back.
fn run_tapped(home: &Home, config: &str) {
    let config = config.replace("// what I use", "");
    let config: Value = serde_json::from_str(&config).unwrap();
    let server = &config["mcpServers"]["echo"];
    let arguments = server["args"].as_array().unwrap().iter();
    let arguments: Vec<&str> = arguments.map(|it| it.as_str().unwrap()).collect();
    assert_eq!(server["command"], env!("CARGO_BIN_EXE_mcpr"));
    let message = home.write("message", "{\"id\":1,\"method\":\"ping\"}\n");
    let mut command = home.command(&arguments);
    command.stdin(Stdio::from(fs::File::open(&message).unwrap()));
    let output = command
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .unwrap();
    assert_eq!(output.stdout, fs::read(&message).unwrap(), "{output:?}");
}

#[test]
fn what_is_to_be_kept_is_passed_on() {
    let home = Home::new();
    let config = home.write("mcp.json", CONFIG);
    let install = ["tap", "install", "--config", "mcp.json"];
    let with = |options: &[&str]| home.run(&[&install[..], options].concat());
    for (options, expected) in [
        (&["--payloads"][..], "\"--payloads\", \"--\", \"cat\""),
        (
            &["--payload-limit", "2K", "--redact=-[0-9]+", "--redact", "B"],
            "\"--payload-limit\", \"2048\", \"--redact=-[0-9]+\", \"--redact=B\", \"--\"",
        ),
        (&["--no-redact"], "\"--no-redact\", \"--\", \"cat\""),
        (
            &["--shared-directory", "--payloads"],
            "\"--shared-directory\", \"--payloads\", \"--\"",
        ),
    ] {
        let done = with(options);
        assert_eq!(done.code, Some(0), "{done:?}");
        let tapped = fs::read_to_string(&config).unwrap();
        assert!(tapped.contains(expected), "{tapped}");
        run_tapped(&home, &tapped);
        home.succeed(&["tap", "uninstall", "--config", "mcp.json"]);
        assert_eq!(fs::read_to_string(&config).unwrap(), CONFIG);
    }
    let refused = with(&["--redact", "("]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("--redact"), "{refused:?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), CONFIG);
}

#[test]
fn a_server_whose_name_begins_with_a_dash_runs() {
    for name in ["-x", "--", "--help"] {
        let home = Home::new();
        let config = home.write("mcp.json", CONFIG.replace("\"echo\"", &format!("{name:?}")));
        home.succeed(&["tap", "install", "--config", "mcp.json", "--db", "own.db"]);
        let tapped = fs::read_to_string(&config).unwrap();
        let named = format!("--name={name}");
        assert!(tapped.contains(&named), "{tapped}");
        run_tapped(
            &home,
            &tapped.replace(&format!("{name:?}: {{"), "\"echo\": {"),
        );
        let rows = home.rows(&["--db", "own.db", &format!("--proxy={name}")]);
        assert_eq!(rows.len(), 2, "{name}");
    }
}

#[test]
fn a_tap_whose_program_is_gone_gets_the_present_one() {
    let home = Home::new();
    let text = r#"{"mcpServers":{"echo":{"command":"/nonexistent/old/mcpr","args":["tap","--name","echo","--","cat"]}}}"#;
    let config = home.write("mcp.json", text);
    let install = ["tap", "install", "--config", "mcp.json"];
    let dry = home.run(&[&install[..], &["--dry-run"]].concat());
    let shown = "echo: the program of its tap is gone from there\n- /nonexistent/old/mcpr tap --name echo -- cat\n+ /";
    assert!(dry.out.starts_with(shown), "{dry:?}");
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
    let done = home.run(&install);
    assert_eq!(done.out, dry.out);
    let tapped = fs::read_to_string(&config).unwrap();
    let expected = text.replace("/nonexistent/old/mcpr", env!("CARGO_BIN_EXE_mcpr"));
    assert_eq!(tapped, expected);
    run_tapped(&home, &tapped);
    assert!(home.run(&install).out.contains("as it should be"));
}

#[test]
fn a_link_stays_a_link() {
    let home = Home::new();
    let real = home.write("real.json", CONFIG);
    symlink(&real, home.path("link.json")).unwrap();
    home.succeed(&["tap", "install", "--config", "link.json"]);
    assert!(home.path("link.json").is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("tap"));
}

#[test]
fn what_cannot_be_changed_is_refused_and_stays() {
    let home = Home::new();
    for (text, words) in [
        ("{", "not JSON"),
        ("{\"a\":1}", "lists no MCP servers"),
        (CONFIG, "no server nope"),
    ] {
        let config = home.write("mcp.json", text);
        let ran = home.run(&["tap", "install", "--config", "mcp.json", "nope"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
        assert_eq!(fs::read_to_string(config).unwrap(), text);
    }
    let ran = home.run(&["tap", "install", "--config", "none.json"]);
    assert!(
        ran.code == Some(2) && ran.err.contains("none.json"),
        "{ran:?}"
    );
    let ran = home.run(&["tap", "install"]);
    assert!(
        ran.code == Some(2) && ran.err.contains("--config"),
        "{ran:?}"
    );
}

#[test]
fn a_configuration_of_toml_is_tapped_used_and_given_back() {
    let home = Home::new();
    let text = "model = \"o3\"\r\n\r\n[mcp_servers.files]\r\ncommand = \"cat\" # echoes\r\n\r\n[tui]\r\nx = 1\r\n";
    let config = home.write("config.toml", text);
    let run = |what: &str| home.succeed(&["tap", what, "--config", "config.toml"]);
    run("install");
    let installed = fs::read_to_string(&config).unwrap();
    assert!(installed.contains("\"--name=files\""), "{installed}");
    assert!(installed.contains("\r\n[tui]\r\n"), "{installed}");
    run("uninstall");
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
}

#[test]
fn a_configuration_of_yaml_is_refused_with_what_to_write_where_it_repeats_itself() {
    let home = Home::new();
    let text =
        "extensions:\n  files: &files\n    cmd: npx\n    args: [-y, files]\n  more: *files\n";
    let config = home.write("config.yaml", text);
    let ran = home.run(&["tap", "install", "--config", "config.yaml"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err.contains("an anchor names what is used elsewhere"),
        "{ran:?}"
    );
    assert!(ran.err.contains("args: [tap, --name=NAME, --"), "{ran:?}");
    assert_eq!(fs::read_to_string(config).unwrap(), text);
}

#[test]
fn what_is_no_file_of_text_is_refused_at_once() {
    let home = Home::new();
    let pipe = home.path("pipe.json");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    home.write("wide.json", [0xff, 0xfe, b'{', 0]);
    for (config, words) in [
        ("pipe.json", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (".", "not a regular file"),
        ("wide.json", "not UTF-8 text"),
    ] {
        let ran = home.run(&["tap", "install", "--config", config]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}
