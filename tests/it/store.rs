//! Care of the store through the built program: export, import, vacuum, removal of a session.

use crate::program::{Home, capture, json_lines};
use serde_json::Value;
use std::path::Path;

/// Every capture of streams, each recorded once.
const STREAMS: [&str; 3] = [
    "mcpr-0.4.64/proxy.log",
    "mcpr-0.5.44/everything.stderr.log",
    "mcpr-0.5.44/weather.stderr.log",
];

fn recorded() -> Home {
    let home = Home::new();
    let files = STREAMS.map(capture);
    home.record(&files.each_ref().map(AsRef::as_ref));
    home
}

/// What the reading commands say of a store.
fn answers(home: &Home, db: &Path) -> Vec<String> {
    let db = db.to_str().unwrap();
    [
        "logs --json --tail all --kind all",
        "sessions --json --all --limit all",
        "stats --json --kind all --since @0",
        "clients --json --since @0",
    ]
    .map(|line| {
        let words: Vec<&str> = line.split(' ').chain(["--db", db]).collect();
        home.succeed(&words)
    })
    .to_vec()
}

fn number(document: &str, key: &str) -> u64 {
    let document: Value = serde_json::from_str(document).unwrap();
    document[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key}: {document}"))
}

#[test]
fn what_is_exported_is_the_same_after_being_recorded() {
    let home = recorded();
    let export = home.succeed(&["store", "export"]);
    let file = home.write("export.ndjson", &export);
    let copy = home.path("copy.db");
    home.succeed(&[
        "record",
        "--once",
        "--db",
        copy.to_str().unwrap(),
        file.to_str().unwrap(),
    ]);
    assert_eq!(answers(&home, &copy), answers(&home, &home.store()));
    let again = home.succeed(&["store", "export", "--db", copy.to_str().unwrap()]);
    assert_eq!(again, export);
    let before = home.rows(&[]).len();
    home.record(&[&file]);
    assert_eq!(home.rows(&[]).len(), before, "its own export adds nothing");
}

#[test]
fn an_import_done_twice_is_done_once() {
    let home = recorded();
    let to = home.path("to.db");
    let import = |from: &Path| {
        let words = ["store", "import", from.to_str().unwrap(), "--json", "--db"];
        home.succeed(&[&words[..], &[to.to_str().unwrap()]].concat())
    };
    let rows = home.rows(&[]).len() as u64;
    let first = import(&home.store());
    assert_eq!(
        (number(&first, "stored"), number(&first, "duplicates")),
        (rows, 0)
    );
    let second = import(&home.store());
    assert_eq!(
        (number(&second, "stored"), number(&second, "duplicates")),
        (0, rows)
    );
    assert_eq!(answers(&home, &to), answers(&home, &home.store()));
}

#[test]
fn the_stores_of_the_proxies_are_imported_as_they_are_read() {
    for name in ["mcpr-0.4.64/store.db", "mcpr-0.5.44/store.db"] {
        let home = Home::new();
        let from = capture(name);
        let bytes = std::fs::read(&from).unwrap();
        for _ in 0..2 {
            home.succeed(&["store", "import", from.to_str().unwrap()]);
        }
        let ids = |db: &Path| {
            let words = ["logs", "--json", "--tail", "all", "--kind", "all", "--db"];
            let text = home.succeed(&[&words[..], &[db.to_str().unwrap()]].concat());
            json_lines(&text)
                .iter()
                .map(|row| {
                    (
                        row["ts"].clone(),
                        row["request_id"].clone(),
                        row["status"].clone(),
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&home.store()), ids(&from), "{name}");
        assert_eq!(
            home.run(&["store", "verify", "--full"]).code,
            Some(0),
            "{name}"
        );
        assert_eq!(std::fs::read(&from).unwrap(), bytes, "{name} is as it was");
    }
}

#[test]
fn an_import_says_how_many_latencies_are_not_known() {
    for (name, is_known) in [
        ("mcpr-0.4.64/store.db", true),
        ("mcpr-0.5.44/store.db", false),
    ] {
        let home = Home::new();
        let from = capture(name);
        let rows = home.rows(&["--db", from.to_str().unwrap()]);
        let unknown = rows
            .iter()
            .filter(|row| row["latency_us"].is_null())
            .count();
        assert_eq!(unknown == 0, is_known, "{name}");
        let ran = home.run(&["store", "import", from.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let listed = format!("{unknown} requests of ");
        assert_eq!(ran.err.contains(&listed), !is_known, "{ran:?}");
        let imported = home.rows(&[]);
        let null = imported.iter().filter(|row| row["latency_us"].is_null());
        assert_eq!(
            null.count(),
            unknown,
            "{name}: a latency that nobody knows is none"
        );
        let lines = json_lines(&home.succeed(&[
            "stats",
            "--json",
            "--since",
            "2020-01-01",
            "--fields",
            "p50_us,total_us",
        ]));
        let spent = lines
            .iter()
            .all(|line| line["total_us"].is_null() == line["p50_us"].is_null());
        assert!(spent && !lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn a_log_is_not_imported_but_recorded() {
    let home = Home::new();
    let log = capture("mcpr-0.4.64/proxy.log");
    let ran = home.run(&["store", "import", log.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("`mcpr record --once FILE`"), "{ran:?}");
    assert!(!ran.err.contains("--db"), "{ran:?}");
}

#[test]
fn a_time_that_is_empty_is_no_time() {
    let ran = recorded().run(&["logs", "--since", ""]);
    assert!(
        ran.err.contains("is not a time") && !ran.err.contains("unit"),
        "{ran:?}"
    );
    assert!(ran.err.contains("hint"), "{ran:?}");
}

#[test]
fn bodies_belong_to_mcp_requests() {
    let home = recorded();
    let rows = home.succeed(&["logs", "--json", "--kind", "http"]);
    let rows = json_lines(&rows);
    let seq = rows[0]["seq"].to_string();
    let listed = home.succeed(&["show", &seq]);
    assert!(listed.contains("only MCP requests have one"), "{listed}");
}

#[test]
fn a_store_is_not_imported_into_itself() {
    let home = recorded();
    let ran = home.run(&["store", "import", home.store().to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("into itself"), "{ran:?}");
}

#[test]
fn a_vacuum_removes_rows_and_keeps_the_sums() {
    let home = recorded();
    let sums = home.succeed(&["stats", "--json", "--since", "@0"]);
    let all = home.rows(&[]);
    let middle = &all[all.len() / 2];
    let time = middle["time"].as_str().unwrap();
    let old = all
        .iter()
        .filter(|row| row["ts"].as_i64() < middle["ts"].as_i64())
        .count();
    let vacuum = |more: &[&str]| {
        home.succeed(&[&["store", "vacuum", "--json", "--before", time], more].concat())
    };
    let listed = vacuum(&["--dry-run"]);
    assert_eq!(number(&listed, "rows"), old as u64);
    assert_eq!(home.rows(&[]).len(), all.len(), "a dry run removes nothing");
    let ran = home.run(&["store", "vacuum", "--before", time]);
    assert_eq!(ran.code, Some(2), "nobody was asked: {ran:?}");
    assert_eq!(number(&vacuum(&["--yes"]), "rows"), old as u64);
    assert_eq!(number(&vacuum(&["--yes"]), "rows"), 0, "done is done");
    let left: Vec<_> = all
        .iter()
        .filter(|row| row["ts"].as_i64() >= middle["ts"].as_i64())
        .collect();
    assert_eq!(home.rows(&[]).iter().collect::<Vec<_>>(), left);
    assert_eq!(home.succeed(&["stats", "--json", "--since", "@0"]), sums);
    assert_eq!(home.run(&["store", "verify", "--full"]).code, Some(0));
}

#[test]
fn a_vacuum_of_one_proxy_leaves_the_others() {
    let home = recorded();
    home.succeed(&[
        "store",
        "vacuum",
        "--before",
        "@99999999999",
        "--proxy",
        "weather",
        "--yes",
    ]);
    let rows = home.rows(&[]);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["proxy"] == "everything"));
}

#[test]
fn a_vacuum_by_size_ends_below_it() {
    let home = recorded();
    let size = || std::fs::metadata(home.store()).unwrap().len();
    // The layout alone takes most of it: 276 KiB.
    let most = 284 * 1024;
    assert!(size() > most, "{} bytes are nothing to vacuum", size());
    home.succeed(&["store", "vacuum", "--max-size", "284K", "--yes"]);
    assert!(size() <= most, "{}", size());
    assert!(!home.rows(&[]).is_empty(), "what fits stays");
    let ran = home.run(&["store", "vacuum", "--max-size", "1K", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("no request is left to remove"), "{ran:?}");
    assert!(home.rows_or_none().is_empty());
}

#[test]
fn a_vacuum_of_one_proxy_by_size_speaks_of_that_proxy() {
    let home = recorded();
    let others = home.rows(&["--proxy", "everything"]).len();
    let vacuum = || {
        let of = ["--proxy", "weather", "--max-size", "1K", "--yes"];
        home.run(&[&["store", "vacuum"], &of[..]].concat())
    };
    let ran = vacuum();
    let listed = "no request of proxy `weather` is left to remove";
    assert!(ran.err.contains(listed), "{ran:?}");
    assert_eq!(home.rows(&[]).len(), others);
    let ran = vacuum();
    assert!(
        ran.out.contains("no request of proxy `weather` is left"),
        "{ran:?}"
    );
    assert_eq!(home.rows(&[]).len(), others);
}

#[test]
fn a_dry_run_counts_what_a_vacuum_removes() {
    let line = |kind: &str, rest: &str| format!("{{\"type\":\"mcpr_{kind}\",{rest}}}\n");
    let gap = line(
        "gap",
        r#""source":"-","count":3,"from_ts":1000,"to_ts":2000"#,
    );
    for what in [
        &["--max-size", "1K"][..],
        &["--max-size", "1K", "--proxy", "weather"],
        &["--before", "@99999999999"],
        &["--before", "@99999999999", "--proxy", "weather"],
    ] {
        let home = recorded();
        let log = home.write("gap.ndjson", &gap);
        home.record(&[&log]);
        let vacuum = |more: &[&str]| {
            let rows = home.succeed(&[&["store", "vacuum", "--json"], what, more].concat());
            number(&rows, "rows")
        };
        let expected = vacuum(&["--dry-run"]);
        assert!(expected > 100, "{what:?}: {expected}");
        assert_eq!(vacuum(&["--yes"]), expected, "{what:?}");
    }
}

#[test]
fn a_size_that_can_be_reached_is_a_guess() {
    let home = recorded();
    let listed = home.succeed(&["store", "vacuum", "--max-size", "300K", "--dry-run"]);
    assert!(listed.starts_with("would remove about "), "{listed}");
}

#[test]
fn a_removed_session_is_gone_and_stays_gone() {
    let home = recorded();
    let sessions = json_lines(&home.succeed(&["sessions", "--json"]));
    let id = sessions[0]["session_id"].as_str().unwrap();
    let of_session = |rows: &[Value]| rows.iter().filter(|row| row["session"] == id).count();
    let before = home.rows(&[]);
    let ran = home.run(&["session", "delete", id]);
    assert_eq!(ran.code, Some(2), "nobody was asked: {ran:?}");
    home.succeed(&["session", "delete", &id[..10], "--yes"]);
    let after = home.rows(&[]);
    assert_eq!(after.len(), before.len() - of_session(&before));
    assert_eq!(of_session(&after), 0);
    assert_eq!(home.run(&["session", id]).code, Some(1));
    let again = home.run(&["session", "delete", id, "--yes"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(home.run(&["store", "verify", "--full"]).code, Some(0));
}

#[test]
fn what_a_store_holds() {
    let home = recorded();
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    assert_eq!(stats["requests"], home.rows(&[]).len());
    assert_eq!(stats["files"].as_array().unwrap().len(), STREAMS.len());
    for file in stats["files"].as_array().unwrap() {
        assert_eq!(file["behind_bytes"], 0, "{file}");
    }
    let text = home.succeed(&["store", "stats", "--utc"]);
    assert!(text.contains("read to its end"), "{text}");
}

#[test]
fn a_store_of_many_sources_reports_some_and_how_many_are_left_out() {
    let home = Home::new();
    let line = r#"{"not":"an event"}"#;
    let files: Vec<_> = (0..13)
        .map(|number| home.write(&format!("{number:02}.log"), format!("{line}\n")))
        .collect();
    let paths: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
    home.record(&paths);
    let count = |arguments: &[&str]| {
        let ran = home.run(&[&["store", "stats"], arguments].concat());
        let of = |what: &str| {
            ran.out
                .lines()
                .filter(|line| line.starts_with(what))
                .count()
        };
        ((of("source  "), of("file  ")), ran.err)
    };
    let (shown, listed) = count(&[]);
    assert_eq!(shown, (10, 10));
    assert_eq!(
        listed,
        "3 sources and 3 files are not shown; -n all shows each\n"
    );
    assert_eq!(
        count(&["-n", "12"]).1,
        "1 source and 1 file are not shown; -n all shows each\n"
    );
    let (shown, listed) = count(&["-n", "all"]);
    assert_eq!((shown, &*listed), ((13, 13), ""));
    let json: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    assert_eq!(
        json["sources"].as_array().unwrap().len(),
        13,
        "a program gets all"
    );
}
