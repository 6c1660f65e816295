//! The JSON Schemas of the repository against what the built program prints: neither says more or
//! less than the other.

mod snapshot;
mod times;

use super::clients_home;
use super::program::{Home, capture, json_lines};
use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

const NAMES: [&str; 22] = [
    "request",
    "session",
    "session-document",
    "request-document",
    "stats",
    "trace",
    "clients",
    "store-stats",
    "store-verify",
    "store-vacuum",
    "store-copy",
    "store-import",
    "store-export",
    "schema",
    "schema-changes",
    "schema-unused",
    "schema-rules",
    "schema-diff",
    "snapshot",
    "check",
    "config",
    "sources",
];

pub(crate) fn schema(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("schemas").join(format!("{name}.schema.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Finds the schemas that lie beside one another.
struct Beside;

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let (_, file) = uri.as_str().rsplit_once('/').ok_or("no path")?;
        let name = file.strip_suffix(".schema.json").ok_or("no schema")?;
        Ok(schema(name))
    }
}

pub(crate) fn validator(name: &str) -> Validator {
    let options = jsonschema::options()
        .with_base_uri("https://schemas.invalid/")
        .with_retriever(Beside)
        .should_validate_formats(true);
    options.build(&schema(name)).unwrap()
}

pub(crate) fn keys(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

pub(crate) fn required(schema: &Value) -> BTreeSet<&str> {
    let keys = schema["required"].as_array().unwrap().iter();
    keys.filter_map(Value::as_str).collect()
}

fn check(name: &str, printed: &[Value]) {
    let (schema, validator) = (schema(name), validator(name));
    assert!(!printed.is_empty(), "{name}");
    for value in printed {
        let errors: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{value}");
        assert_eq!(keys(value), keys(&schema["properties"]), "{name}");
    }
}

/// A store with everything that a row can be: both captured versions, HTTP rows, a gap.
fn recorded() -> Home {
    let home = Home::new();
    let gap = r#"{"type":"mcpr_gap","source":"weather.log","count":3,"from_ts":1795224422000,"to_ts":1795224423000}"#;
    let gap = home.write(
        "gap.log",
        format!("{gap}\nplain\n{{\"type\":\"request\"}}\n"),
    );
    home.record(&[
        &capture("mcpr-0.5.44/everything.stderr.log"),
        &capture("mcpr-0.5.44/weather.stderr.log"),
        &capture("mcpr-0.4.64/proxy.log"),
        &gap,
    ]);
    home
}

fn document(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&home.succeed(arguments)).unwrap()
}

#[test]
fn every_schema_is_sound_and_describes_each_key_in_a_sentence() {
    fn walk(name: &str, schema: &Value) {
        for (key, property) in schema["properties"].as_object().unwrap() {
            let words = property["description"].as_str().unwrap_or_default();
            assert!(
                words.ends_with('.') && !words.contains(". "),
                "{name}: {key}: {words}"
            );
            let has_unit = |unit: &str| words.contains(unit);
            match key {
                key if key.ends_with("_us") => assert!(has_unit("microseconds"), "{name}: {key}"),
                key if key.ends_with("_bytes") || key.starts_with("bytes_") => {
                    assert!(has_unit("bytes"), "{name}: {key}");
                }
                key if key.ends_with("_at") => assert!(has_unit("milliseconds"), "{name}: {key}"),
                _ => {}
            }
            if property["items"]["properties"].is_object() {
                walk(name, &property["items"]);
            }
        }
        // A server leaves out of a snapshot what it does not have; of what is left out of some exported
        // lines, their own test says that it is in others.
        let all = keys(&schema["properties"]);
        let required = required(schema);
        let may_lack = ["snapshot", "store-export"].contains(&name);
        let is_whole = required == all || may_lack && required.is_subset(&all);
        assert!(is_whole, "{name}: {required:?}");
        assert_eq!(schema["additionalProperties"], true, "keys are added");
    }
    for name in NAMES {
        let schema = schema(name);
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert!(
            schema["$schema"].as_str().unwrap().contains("2020-12"),
            "{name}"
        );
        match schema["$defs"].as_object() {
            Some(several) => several.values().for_each(|schema| walk(name, schema)),
            None => walk(name, &schema),
        }
    }
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas"));
    assert_eq!(
        files.unwrap().count(),
        NAMES.len(),
        "every schema is tested"
    );
}

#[test]
fn a_schema_refuses_what_is_not_its_own() {
    let home = recorded();
    let row = &home.rows(&[])[0];
    let session = &json_lines(&home.succeed(&["sessions", "--json"]))[0];
    for (key, wrong) in [
        ("ts", Value::from("2026-11-21")),
        ("status", Value::from("fine")),
        ("latency_us", Value::from(1.5)),
        ("seq", Value::from(0)),
        ("time", Value::from("yesterday")),
    ] {
        let mut row = row.clone();
        row[key] = wrong;
        assert!(!validator("request").is_valid(&row), "{key}");
    }
    assert!(!validator("request").is_valid(session));
    let mut document = document(&home, &["session", "2bdb", "--json"]);
    document["requests"][0]["kind"] = "smtp".into();
    assert!(
        !validator("session-document").is_valid(&document),
        "rows of a document are requests"
    );
}

#[test]
fn lists_print_what_their_schemas_say() {
    let home = recorded();
    let rows = home.rows(&[]);
    for kind in ["mcp", "http", "gap"] {
        assert!(
            rows.iter().any(|row| row["kind"] == kind),
            "there is a {kind}"
        );
    }
    check("request", &rows);
    let since = ["--since", "2026-11-01", "--json"];
    let list = |arguments: &[&str]| json_lines(&home.succeed(&[arguments, &since].concat()));
    check("request", &list(&["slow", "--threshold", "0"]));
    check("request", &list(&["logs", "--follow", "--max", "5"]));
    check("session", &list(&["sessions", "--all"]));
    check("clients", &list(&["clients", "--all"]));
    clients_home::fill(&home);
    check(
        "sources",
        &json_lines(&home.succeed(&["sources", "--json"])),
    );
    for by in ["tool", "method", "client", "proxy", "hour"] {
        check("stats", &list(&["stats", "--kind", "all", "--by", by]));
    }
    check("stats", &list(&["stats", "--operations"]));
    // No captured stream is of a trace.
    let traced = r#"{"type":"mcpr_request","ts":1795224422000,"kind":"mcp","request_id":"a","proxy":"p","method":"ping","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#;
    home.record(&[&home.write("traced.log", format!("{traced}\n"))]);
    check("trace", &list(&["stats", "--by", "trace"]));
}

#[test]
fn documents_are_what_their_schemas_say() {
    let home = recorded();
    for session in json_lines(&home.succeed(&["sessions", "--all", "--json", "--limit", "5"])) {
        let id = session["session_id"].as_str().unwrap();
        let proxy = session["proxy"].as_str().unwrap();
        check(
            "session-document",
            &[document(
                &home,
                &["session", id, "--proxy", proxy, "--json"],
            )],
        );
    }
    for row in home.rows(&[]).iter().filter(|row| row["kind"] != "gap") {
        let seq = row["seq"].to_string();
        check(
            "request-document",
            &[document(&home, &["show", &seq, "--json"])],
        );
    }
    let bad = home.write("bad.log", "{\"type\":\n");
    home.record(&[&bad]);
    let stats = document(&home, &["store", "stats", "--json"]);
    check("store-stats", std::slice::from_ref(&stats));
    for key in ["sources", "files", "kept_bad_lines"] {
        let list = &stats[key];
        let items = &schema("store-stats")["properties"][key]["items"]["properties"];
        assert!(!list.as_array().unwrap().is_empty(), "{key}");
        for item in list.as_array().unwrap() {
            assert_eq!(keys(item), keys(items), "{key}");
        }
    }
    std::fs::remove_file(home.path("gap.log")).unwrap();
    check(
        "store-stats",
        &[document(&home, &["store", "stats", "--json"])],
    );
    let store = home.store();
    let import = [
        "store",
        "import",
        store.to_str().unwrap(),
        "--json",
        "--db",
        "other.db",
    ];
    check("store-import", &[document(&home, &import)]);
    for arguments in [
        &["store", "verify", "--json"][..],
        &["store", "verify", "--full", "--json"],
    ] {
        check("store-verify", &[document(&home, arguments)]);
    }
    for what in [
        &["--before", "2026-01-01", "--dry-run"][..],
        &["--max-size", "1G"],
        &["--before", "now", "--yes"],
    ] {
        let arguments = [&["store", "vacuum", "--json"], what].concat();
        check("store-vacuum", &[document(&home, &arguments)]);
    }
    check(
        "store-stats",
        &[document(&home, &["store", "stats", "--json"])],
    );
}

#[test]
fn surfaces_are_reported_as_their_schemas_say() {
    let home = recorded();
    let list = |arguments: &[&str]| json_lines(&home.succeed(arguments));
    check("schema", &list(&["schema", "--json"]));
    check("schema-changes", &list(&["schema", "changes", "--json"]));
    let unused = ["schema", "unused", "--json", "--since", "@0"];
    check("schema-unused", &list(&unused));
    check("schema-rules", &list(&["schema", "rules", "--json"]));
    let diff = ["schema", "diff", "--json", "--since", "@0"];
    let more: [&[&str]; 3] = [
        &["--proxy", "weather"],
        &[
            "--proxy",
            "weather",
            "--from",
            "2",
            "--to",
            "1",
            "--fail-on",
            "never",
        ],
        &[
            "--proxy",
            "weather",
            "--against",
            "everything",
            "--fail-on",
            "never",
        ],
    ];
    for more in more {
        let document = document(&home, &[&diff, more].concat());
        let properties = &schema("schema-diff")["properties"];
        for part in ["findings", "versions", "usage"] {
            for item in document[part].as_array().unwrap() {
                assert_eq!(
                    keys(item),
                    keys(&properties[part]["items"]["properties"]),
                    "{part}"
                );
            }
        }
        check("schema-diff", &[document]);
    }
}

#[test]
fn checks_are_reported_as_their_schema_says() {
    let home = recorded();
    let since = ["--since", "2026-11-01", "--by", "tool", "--json"];
    let conditions = ["--fail-on", "calls>1000000", "--fail-on", "gaps>9"];
    let document = document(&home, &[&["check"], &since[..], &conditions].concat());
    for item in document["conditions"].as_array().unwrap() {
        let properties = &schema("check")["properties"]["conditions"]["items"]["properties"];
        assert_eq!(keys(item), keys(properties));
    }
    check("check", &[document]);
    check("config", &[self::document(&home, &["config", "--json"])]);
}

#[test]
fn damage_is_reported_as_the_schema_says() {
    let home = recorded();
    let store = rusqlite::Connection::open(home.store()).unwrap();
    store
        .execute("DELETE FROM requests WHERE seq = 5", [])
        .unwrap();
    drop(store);
    let ran = home.run(&["store", "verify", "--full", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["ok"], false);
    check("store-verify", &[document]);
}

#[test]
fn stores_of_other_programs_are_listed_by_the_same_schemas() {
    for db in ["mcpr-0.4.64/store.db", "mcpr-0.5.44/store.db"] {
        let home = Home::new();
        let copy = home.path("copy.db");
        std::fs::copy(capture(db), &copy).unwrap();
        let from = [
            "--db",
            copy.to_str().unwrap(),
            "--json",
            "--since",
            "2026-11-01",
        ];
        let list = |arguments: &[&str]| json_lines(&home.succeed(&[arguments, &from].concat()));
        check(
            "request",
            &list(&["logs", "--tail", "all", "--kind", "all"]),
        );
        check("session", &list(&["sessions", "--all"]));
        check("stats", &list(&["stats"]));
        check("clients", &list(&["clients", "--all"]));
    }
}

/// A list in every format, as rows of the same cells.
fn rows_of(home: &Home, arguments: &[&str], format: &str) -> Vec<Vec<String>> {
    let text = home.succeed(&[arguments, &["--format", format]].concat());
    let fields: Vec<&str> = arguments.last().unwrap().split(',').collect();
    let of_json = |row: &Value| -> Vec<String> {
        let cells = fields.iter().map(|field| match &row[*field] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        cells.collect()
    };
    match format {
        "json" => {
            let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
            rows.iter().map(of_json).collect()
        }
        "ndjson" => json_lines(&text).iter().map(of_json).collect(),
        "csv" => {
            let mut lines = text.split_terminator("\r\n");
            assert_eq!(lines.next(), Some(*arguments.last().unwrap()));
            let cell = |cell: &str| if cell.is_empty() { "-" } else { cell }.to_owned();
            lines
                .map(|line| line.split(',').map(cell).collect())
                .collect()
        }
        _ => {
            let lines = text.lines().skip(1);
            lines
                .map(|line| line.split_whitespace().map(str::to_owned).collect())
                .collect()
        }
    }
}

#[test]
fn every_format_holds_the_same_rows() {
    let home = recorded();
    for arguments in [
        &[
            "logs",
            "--tail",
            "all",
            "--kind",
            "mcp",
            "--since",
            "2026-11-21 01:28",
            "--fields",
            "seq,proxy,method,tool,status,error_kind",
        ][..],
        &[
            "sessions",
            "--all",
            "--limit",
            "all",
            "--fields",
            "proxy,client_name,client_platform,total_calls,total_errors",
        ],
        &[
            "slow",
            "--threshold",
            "0",
            "--since",
            "2026-11-01",
            "--fields",
            "seq,method,tool,status",
        ],
        &[
            "stats",
            "--since",
            "2026-11-01",
            "--fields",
            "proxy,method,tool,calls,errors",
        ],
        &[
            "clients",
            "--since",
            "2026-11-01",
            "--fields",
            "client_name,client_version,sessions,total_calls",
        ],
    ] {
        let expected = rows_of(&home, arguments, "ndjson");
        assert!(expected.len() > 1, "{arguments:?}");
        for format in ["json", "csv", "table"] {
            assert_eq!(
                rows_of(&home, arguments, format),
                expected,
                "{arguments:?} {format}"
            );
        }
    }
}

#[test]
fn csv_has_the_columns_of_the_schema() {
    let home = recorded();
    for (list, name) in [
        ("logs", "request"),
        ("sessions", "session"),
        ("slow", "request"),
        ("stats", "stats"),
        ("clients", "clients"),
    ] {
        let csv = home.succeed(&[list, "--format", "csv"]);
        let header: BTreeSet<&str> = csv.lines().next().unwrap().split(',').collect();
        assert_eq!(header, keys(&schema(name)["properties"]), "{list}");
    }
}
