//! `mcpr report` through the built program: each format, what is left out, and what is refused.

use super::program::{Home, capture};
use serde_json::Value;

const WINDOW: [&str; 5] = ["--utc", "--since", "2026-11-21", "--until", "2026-11-22"];

fn recorded() -> Home {
    let home = Home::new();
    let file = capture("mcpr-0.5.44/cloud.ndjson");
    home.succeed(&["record", "--once", "--payloads", file.to_str().unwrap()]);
    home
}

fn report(home: &Home, arguments: &[&str]) -> String {
    home.succeed(&[&["report"], &WINDOW[..], arguments].concat())
}

/// The data in a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The rows of MCP; what proxies say of themselves is in no report.
fn calls_of(home: &Home) -> Vec<Value> {
    let rows = home.rows(&[]);
    rows.into_iter()
        .filter(|row| row["kind"] == "mcp")
        .collect()
}

#[test]
fn a_page_has_the_figures_of_the_store() {
    let home = recorded();
    let page = data(&report(&home, &[]));
    let window = &page["windows"][0];
    let rows = calls_of(&home);
    let failed = rows.iter().filter(|row| row["status"] != "ok").count();
    assert_eq!(window["total"]["calls"], rows.len());
    assert_eq!(window["total"]["errors"], failed);
    assert_eq!(window["requests"].as_array().unwrap().len(), rows.len());
    let failures = window["failures"].as_array().unwrap();
    assert_eq!(failures.len(), failed);
    assert!(failures.iter().any(|one| one["params"]["text"].is_string()));
    let changes = window["changes"].as_array().unwrap();
    assert!(
        changes
            .iter()
            .any(|change| change["method"] == "tools/list")
    );
    let without = data(&report(&home, &["--no-payloads"]));
    let failures = without["windows"][0]["failures"].as_array().unwrap();
    assert!(
        failures
            .iter()
            .all(|one| one["params"].is_null() && one["answer"].is_null())
    );
}

#[test]
fn a_session_and_two_windows_are_reported() {
    let home = recorded();
    let of_session = data(&home.succeed(&["report", "--session", "latest"]));
    let names = of_session["windows"][0]["total"]["sessions"].as_u64();
    assert_eq!(names, Some(1));
    let two = data(&report(&home, &["--against", "7d"]));
    let windows = two["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 2);
    assert_eq!(
        windows[0]["total"]["calls"], 0,
        "the earlier one comes first"
    );
}

#[test]
fn an_archive_holds_every_call_and_its_bodies() {
    let home = recorded();
    let archive: Value = serde_json::from_str(&report(&home, &["--format", "har"])).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), calls_of(&home).len());
    assert!(
        entries
            .iter()
            .any(|entry| entry["request"]["postData"]["text"].is_string())
    );
    assert!(entries.iter().all(|entry| {
        entry["request"]["url"]
            .as_str()
            .unwrap()
            .starts_with("mcp://")
    }));
}

#[test]
fn a_file_is_replaced_only_by_a_whole_report() {
    let home = recorded();
    home.write("report.md", "old");
    let ran = home.run(
        &[
            &["report", "--format", "md", "-o", "report.md"],
            &WINDOW[..],
        ]
        .concat(),
    );
    assert_eq!((ran.code, &*ran.out), (Some(0), ""), "{ran:?}");
    assert!(ran.err.contains("wrote report.md: "), "{}", ran.err);
    let text = std::fs::read_to_string(home.path("report.md")).unwrap();
    assert!(text.starts_with("# MCP traffic\n"), "{text}");
    let ran = home.run(&["report", "-o", "missing/report.html"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("missing/report.html"), "{}", ran.err);
}

#[test]
fn years_without_anything_are_not_drawn() {
    let home = recorded();
    let window = &["report", "--utc", "-s", "2020-01-01", "-u", "2200-01-01"];
    let page = data(&home.succeed(window));
    let drawn = &page["windows"][0]["buckets"];
    let times = home.rows(&[]).into_iter().map(|row| row["ts"].as_i64());
    // A store begins with an hour, as its sums do.
    let hour = times.min().flatten().map(|ts| ts - ts % 3_600_000);
    assert_eq!(drawn["from"].as_i64(), hour, "not years before it");
    assert!(drawn["to"].as_i64() < Some(4_000_000_000_000), "{drawn}");
}

#[test]
fn the_name_of_the_file_says_the_format() {
    let home = recorded();
    let cases = [
        ("x.har", "{\"log\""),
        ("x.MD", "# MCP traffic"),
        ("x.markdown", "# MCP traffic"),
        ("x.htm", "<!doctype html>"),
        ("x", "<!doctype html>"),
    ];
    for (name, begins) in cases {
        report(&home, &["-o", name]);
        let text = std::fs::read_to_string(home.path(name)).unwrap();
        assert!(text.starts_with(begins), "{name}");
    }
    report(&home, &["-o", "x.json", "--format", "har"]);
    let ran = home.run(&["report", "-o", "y.har", "--format", "md"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("different formats"), "{}", ran.err);
    assert!(!home.path("y.har").exists());
    // One that says another format is not a page under a false name.
    for name in ["z.json", "z.CSV", "z.pdf"] {
        let ran = home.run(&["report", "-o", name]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.err.contains("hint: name the file so, or say --format"),
            "{ran:?}"
        );
        assert!(!home.path(name).exists());
    }
}

#[test]
fn markdown_says_its_window_once() {
    let home = recorded();
    let text = report(&home, &["--format", "md", "-p", "*"]);
    assert_eq!(text.matches(" to 2026-11-22").count(), 1, "{text}");
    let id = home.rows(&[])[0]["session"].as_str().unwrap().to_owned();
    let text = home.succeed(&["report", "--format", "md", "-S", &id]);
    assert_eq!(text.matches(&id).count(), 1, "{text}");
}

#[test]
fn what_makes_no_report_is_reported() {
    let home = recorded();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--session", "nobody"], 1, "no session `nobody`"),
        (
            &["--format", "har", "--against", "7d"],
            2,
            "an archive holds one window",
        ),
        (
            &["--since", "2026-11-22", "--until", "2026-11-21"],
            2,
            "--since is after --until",
        ),
        (
            &["--against", "0s"],
            2,
            "--against is a window without any time in it",
        ),
    ];
    for (arguments, code, says) in cases {
        let ran = home.run(&[&["report"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn hints_of_reports_and_checks_can_be_left_out() {
    let home = recorded();
    for line in [
        &["report", "--format", "md", "-s", "1h"][..],
        &["check", "--fail-on", "p95>1s", "-s", "1h"],
    ] {
        let shown = home.run(line);
        let quiet = home.run(&[line, &["-q"]].concat());
        assert_eq!(quiet.code, shown.code, "{line:?}");
        assert!(shown.err.contains("hint"), "{shown:?}");
        assert!(!quiet.err.contains("hint"), "{quiet:?}");
    }
}
