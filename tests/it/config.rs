//! The configuration file: what stands above it, what it may not say, and who says what holds.

use super::program::{Home, Ran, capture};
use serde_json::Value;

const FILE: &str = ".config/mcpr/config.toml";

fn home_with(text: &str) -> Home {
    let home = Home::new();
    std::fs::create_dir_all(home.path(".config/mcpr")).unwrap();
    home.write(FILE, text);
    home
}

fn run_with(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = home.command(arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Variables of the environment, with their values.
type Variables = &'static [(&'static str, &'static str)];

#[test]
fn a_flag_stands_above_a_variable_above_the_file_above_the_default() {
    let home = home_with("store = \"~/of-file.db\"\n");
    let source = capture("mcpr-0.4.64/proxy.log");
    let source = source.to_str().unwrap();
    let cases: [(&[&str], Variables, &str); 4] = [
        (
            &["--db", "of-flag.db"],
            &[("MCPR_DB", "of-variable.db")],
            "of-flag.db",
        ),
        (&[], &[("MCPR_DB", "of-variable.db")], "of-variable.db"),
        (&[], &[], "of-file.db"),
        (&[], &[("MCPR_CONFIG", "/dev/null")], ".mcpr/recorder.db"),
    ];
    for (flags, variables, made) in cases {
        assert!(!home.path(made).exists(), "{made}");
        let ran = run_with(
            &home,
            variables,
            &[&["record", "--once", source], flags].concat(),
        );
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(home.path(made).exists(), "{made}");
    }
    assert_eq!(home.rows(&[]).len(), 141, "readers share it");
}

#[test]
fn what_is_kept_and_taken_out_is_configured_too() {
    let home = home_with("payloads = true\nredact = [\"longest-[a-z]+\"]\n");
    let line = |id: u32, text: &str| {
        let rpc = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\
             \"arguments\":{{\"a\":\"{text}\"}}}}}}"
        );
        format!(
            "{{\"type\":\"transaction\",\"ts\":179526240000{id},\"request_id\":\"{id}\",\"session_id\":\"s\",\
             \"latency_us\":5,\"upstream_us\":4,\"request\":{{\"kind\":\"mcp\",\"rpc\":{rpc}}},\
             \"response\":{{\"kind\":\"mcp\",\"result\":{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}}}}}\n"
        )
    };
    let first = home.write("a.log", line(1, "longest-word other-word"));
    home.succeed(&[
        "record",
        "--once",
        "--redact",
        "other-[a-z]+",
        first.to_str().unwrap(),
    ]);
    let shown = home.succeed(&["show", "1", "--json"]);
    assert!(!shown.contains("longest-word"), "{shown}");
    assert!(!shown.contains("other-word"), "{shown}");
    let second = home.write("b.log", line(2, "plain"));
    home.succeed(&[
        "record",
        "--once",
        "--no-payloads",
        second.to_str().unwrap(),
    ]);
    let shown = home.succeed(&["show", "2", "--json"]);
    assert!(!shown.contains("plain"), "a flag stands above it: {shown}");
}

#[test]
fn a_slip_in_the_file_is_an_error_with_its_place() {
    let home = home_with("# mine\npaylods = true\n");
    for arguments in [
        &["logs"][..],
        &["record", "--once", "x.log"],
        &["config"],
        &["stats"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(
            ran.err
                .contains("config.toml:2: no key `paylods`; did you mean `payloads`?"),
            "{}",
            ran.err
        );
    }
    for arguments in [
        &["--help"][..],
        &["logs", "--help"],
        &["completions", "bash"],
    ] {
        assert_eq!(home.run(arguments).code, Some(0), "{arguments:?}");
    }
    let ran = run_with(&home, &[("MCPR_CONFIG", "nowhere.toml")], &["config"]);
    assert_eq!(ran.code, Some(2), "one that is named must be there");
}

#[cfg(feature = "tap")]
#[test]
fn a_session_goes_on_over_a_file_that_means_nothing() {
    let home = home_with("paylods = true\n");
    let ran = home.run(&["tap", "--", "/bin/sh", "-c", "echo '{}'; exit 7"]);
    assert_eq!(ran.code, Some(7), "{ran:?}");
    assert_eq!(ran.out, "{}\n");
    assert!(
        ran.err.contains("paylods") && ran.err.contains("not recorded"),
        "{}",
        ran.err
    );
}

#[cfg(feature = "tap")]
#[test]
fn an_installed_tap_reads_the_file_itself() {
    let home = home_with("payloads = true\nstore = \"~/a.db\"\n");
    let config = home.write(
        "mcp.json",
        "{\"mcpServers\": {\"a\": {\"command\": \"srv\"}}}\n",
    );
    home.succeed(&["tap", "install", "--config", config.to_str().unwrap()]);
    let text = std::fs::read_to_string(config).unwrap();
    assert!(
        text.contains("tap") && !text.contains("payloads") && !text.contains("a.db"),
        "{text}"
    );
}

#[test]
fn what_holds_is_shown_with_who_says_so() {
    let home = home_with("\npayload_limit = 2048\nredact = [\"a+\", \"b\\u001b\"]\n");
    let ran = run_with(&home, &[("MCPR_DB", "/x.db")], &["config"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let line = |key: &str| {
        let line = ran.out.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("store "), "/x.db MCPR_DB");
    assert_eq!(line("payloads "), "false default; `tap` keeps them");
    assert!(
        line("payload_limit ").ends_with("config.toml:2"),
        "{}",
        ran.out
    );
    assert!(line("redact ").starts_with("a+, b\\x1b /"), "{}", ran.out);
    assert_eq!(line("listen "), "- default");
    let document: Value = serde_json::from_str(&home.succeed(&["config", "--json"])).unwrap();
    assert_eq!(document["settings"][0]["key"], "store");
    assert_eq!(document["file"], home.path(FILE).to_str().unwrap());
}

#[test]
fn a_recorder_needs_something_to_record() {
    let ran = Home::new().run(&["record"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no SOURCE is named"), "{}", ran.err);
    // An address of the file is one; one that cannot be listened on shows that it is used.
    let ran = home_with("listen = \"192.0.2.1:1\"\n").run(&["record"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("other machines reach 192.0.2.1:1"),
        "{}",
        ran.err
    );
}
