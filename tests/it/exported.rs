//! `mcpr store export` and what `mcpr record` makes of its lines.

use super::program::{Home, capture, json_lines};
use super::schemas::{keys, required, schema, validator};
use super::tap::Tap;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Answers the call `1` under the id `"1"`, and the call `2` as it should.
const RETYPES: &str = r#"read -r line; printf '{"jsonrpc":"2.0","id":"1","result":{}}\n'
    read -r line; printf '{"jsonrpc":"2.0","id":2,"result":{}}\n'; cat > /dev/null"#;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A store with an answer under an id of another type, to a request of a trace.
fn tapped() -> Home {
    let home = Home::new();
    let mut tap = Tap::start(&home, &[], RETYPES);
    let traced = format!("{{\"traceparent\":\"00-{TRACE}-00f067aa0ba902b7-01\"}}");
    let asked = format!("{{\"id\":1,\"method\":\"ping\",\"params\":{{\"_meta\":{traced}}}}}\n");
    tap.send(asked.as_bytes());
    tap.send(b"{\"id\":2,\"method\":\"ping\"}\n");
    tap.end();
    home
}

fn export(home: &Home, db: &Path) -> String {
    home.succeed(&["store", "export", "--db", db.to_str().unwrap()])
}

/// Records lines of an export into a store of their own.
fn recorded_again(home: &Home, lines: &str) -> PathBuf {
    let file = home.write("lines.ndjson", lines);
    let db = home.path("again.db");
    let words = ["record", "--once", "--db"].map(Path::new);
    let words = [&words[..], &[&db, &file]].concat();
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    home.succeed(&words);
    db
}

/// What `show` says of the note on a request, in both of its forms.
fn is_noted(home: &Home, db: &Path, id: &str) -> bool {
    let show = ["show", id, "--db", db.to_str().unwrap()];
    let document = home.succeed(&[&show[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&document).unwrap();
    let is_retyped = document["retyped"].as_bool().unwrap();
    let text = home.succeed(&show);
    assert_eq!(text.contains("id of another type"), is_retyped, "{text}");
    is_retyped
}

#[test]
fn an_export_loses_no_note_of_an_answer_of_another_type() {
    let home = tapped();
    let first = export(&home, &home.store());
    let again = recorded_again(&home, &first);
    let imported = home.path("imported.db");
    let from = again.to_str().unwrap();
    let to = ["--db", imported.to_str().unwrap()];
    home.succeed(&[&["store", "import", from], &to[..]].concat());
    for db in [&home.store(), &again, &imported] {
        let noted = ["1", "2"].map(|id| is_noted(&home, db, id));
        assert_eq!(noted, [true, false], "{}", db.display());
        assert_eq!(export(&home, db), first, "{}", db.display());
    }
}

#[test]
fn the_trace_of_a_request_is_kept_shown_asked_for_and_exported() {
    let home = Home::new();
    let server = r#"while read -r line; do printf '{"jsonrpc":"2.0","id":%d,"result":{}}\n' $((n+=1)); done"#;
    let mut tap = Tap::start(&home, &[], server);
    let meta = format!(r#"{{"_meta":{{"traceparent":"00-{TRACE}-00f067aa0ba902b7-01"}}}}"#);
    // What is no trace, or not written as one, is none.
    let others = [
        r#"{"_meta":{"traceparent":7}}"#,
        r#"{"_meta":{"traceparent":"00-x-y-01"}}"#,
    ];
    for (id, params) in (1..).zip([&meta, "{}", others[0], others[1], &meta]) {
        tap.send(format!("{{\"id\":{id},\"method\":\"ping\",\"params\":{params}}}\n").as_bytes());
    }
    tap.end();
    let first = export(&home, &home.store());
    let again = recorded_again(&home, &first);
    for db in [&home.store(), &again] {
        let db = ["--db", db.to_str().unwrap()];
        for trace in [TRACE, &format!("00-{TRACE}-00f067aa0ba902b7-01")] {
            let rows = home.succeed(&[&["logs", "--json", "--trace", trace][..], &db].concat());
            let rows = json_lines(&rows);
            let ids: Vec<_> = rows.iter().map(|row| &row["request_id"]).collect();
            assert_eq!(ids, ["1", "5"], "{rows:?}");
        }
        for (id, trace) in [("1", TRACE.into()), ("2", Value::Null), ("4", Value::Null)] {
            let show = [&["show", id][..], &db].concat();
            let document = home.succeed(&[&show[..], &["--json"]].concat());
            let document: Value = serde_json::from_str(&document).unwrap();
            assert_eq!(document["trace_id"], trace, "{document}");
            assert_eq!(home.succeed(&show).contains(TRACE), trace == TRACE);
        }
        assert_eq!(export(&home, Path::new(db[1])), first);
    }
    let refused = home.run(&["logs", "--trace", "4bf92f"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("32 hexadecimal digits"), "{refused:?}");
}

#[test]
fn exported_lines_are_what_their_schema_says() {
    let home = tapped();
    let gap = r#"{"type":"mcpr_gap","source":"a.log","count":3,"from_ts":1795224422000,"to_ts":1795224423000}"#;
    let gap = home.write("gap.log", gap.to_owned() + "\n");
    home.record(&[&gap, &capture("mcpr-0.5.44/everything.stderr.log")]);
    // What none of these reports: a first round over HTTP.
    let exported = export(&home, &home.store());
    let mut round = json_lines(&exported)
        .into_iter()
        .find(|line| line["type"] == "mcpr_request")
        .unwrap();
    let fields = round.as_object_mut().unwrap();
    fields.retain(|key, _| key != "key" && key != "call");
    fields.insert("request_id".into(), "a round".into());
    fields.insert("first_event_us".into(), 5.into());
    let part = json!({"follows": null, "leaves": 7, "stage": "input_required"});
    fields.insert("part".into(), part);
    home.record(&[&home.write("round.ndjson", format!("{round}\n"))]);
    // The stores of the proxies keep no keys, and no session of a client.
    let foreign = home.path("foreign.db");
    std::fs::copy(capture("mcpr-0.4.64/store.db"), &foreign).unwrap();
    let text = export(&home, &home.store()) + &export(&home, &foreign);
    let lines = json_lines(&text);
    let (schema, validator) = (schema("store-export"), validator("store-export"));
    for line in &lines {
        let errors: Vec<_> = validator.iter_errors(line).collect();
        assert!(errors.is_empty(), "{errors:?}\n{line}");
    }
    for name in ["request", "session", "gap"] {
        let described = &schema["$defs"][name];
        let tag = &described["properties"]["type"]["const"];
        let of_it = lines.iter().filter(|line| line["type"] == *tag);
        let printed: Vec<BTreeSet<&str>> = of_it.map(keys).collect();
        let some: BTreeSet<&str> = printed.iter().flatten().copied().collect();
        let every = printed.iter().cloned().reduce(|left, right| &left & &right);
        let mut known = keys(&described["properties"]);
        // Bodies are part of a whole export alone.
        known.retain(|key| !matches!(*key, "params" | "answer"));
        assert_eq!(some, known, "{name}");
        assert_eq!(every.unwrap(), required(described), "{name}");
    }
}
