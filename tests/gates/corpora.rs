//! The corpora: labelled pairs with the exceptions that were reviewed, and real edits of tools.

use super::table::Row;
use super::truth::{Run, compared};
use expect_test::expect_file;
use mcpr_surface::Report;
use mcpr_surface::compat::{Caller, Inclusion, comparing};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Pairs that the comparison leaves undecided, or judges otherwise than their label, and why.
const REASONS: &[(&str, &str)] = &[
    (
        "test_boolean.py:154",
        "a text that does not contain a match, stated once by `not`, once by a pattern",
    ),
    (
        "test_boolean.py:156",
        "a text that does not contain a match, stated once by `not`, once by a pattern",
    ),
    (
        "test_numeric.py:650",
        "3 is ten times 0.3, yet binary division may leave a remainder: validators differ",
    ),
    (
        "test_string.py:145",
        "needs a union of lengths and patterns to be weighed as one set of texts",
    ),
];

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/corpora")
        .join(name)
}

fn rows(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(corpus(name)).unwrap();
    let rows = text.lines().map(|row| serde_json::from_str(row).unwrap());
    rows.collect()
}

/// Every real edit.
pub(crate) fn edits() -> Vec<Value> {
    rows("tool-edits.ndjson")
}

fn with_draft(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(map) = &mut schema {
        let draft = "http://json-schema.org/draft-07/schema#";
        map.insert("$schema".to_owned(), json!(draft));
    }
    schema
}

/// Gate 3.
pub(crate) fn labelled_pairs(run: &mut Run) -> Row {
    let mut row = Row::of("3 labelled pairs");
    let mut exceptions = String::from("id\tlabel\tverdict\treason\n");
    for pair in rows("subschema-pairs.ndjson") {
        let (old, new) = (with_draft(&pair["old"]), with_draft(&pair["new"]));
        let verdict =
            match comparing(|comparer| comparer.includes(&old, &new, Caller::Any)).unwrap() {
                Inclusion::Holds => "accepts all",
                Inclusion::Fails(_) => "refuses some",
                Inclusion::Undecided(_) => "undecided",
            };
        let label = if pair["accepts_all"] == true {
            "accepts all"
        } else {
            "refuses some"
        };
        if verdict != label {
            let id = pair["id"].as_str().unwrap();
            let reason = REASONS.iter().find(|(known, _)| *known == id);
            match reason {
                Some((_, reason)) => {
                    row.exceptions += 1;
                    writeln!(exceptions, "{id}\t{label}\t{verdict}\t{reason}").unwrap();
                }
                None => row.fault(format!("{id}: {verdict}, labelled {label}\n{old}\n{new}")),
            }
        }
        run.inclusion(&mut row, &old, &new, Caller::Any);
    }
    expect_file![corpus("exceptions.tsv")].assert_eq(&exceptions);
    row
}

/// The exceptions among the labelled pairs, each with its reason.
pub(crate) fn exceptions() -> String {
    let reasons = REASONS.iter().map(|(id, why)| format!("  {id}: {why}\n"));
    reasons.collect()
}

/// Gates 1, 2 and 5 on real edits, there and back.
pub(crate) fn real_edits(run: &mut Run) -> Row {
    let mut row = Row::of("1 2 5 real edits, both ways");
    for edit in edits() {
        let (old, new) = (&edit["old"]["inputSchema"], &edit["new"]["inputSchema"]);
        if old != new && old.is_object() && new.is_object() {
            run.verdicts(&mut row, old, new);
            run.verdicts(&mut row, new, old);
        }
    }
    if row.undecided > 0 {
        row.fault("a real edit is undecided".to_owned());
    }
    row
}

/// Gate 6: the verdicts about real edits are those that were reviewed, and what only spells out
/// what held before is silent.
pub(crate) fn reviewed_edits() -> Row {
    let mut row = Row::of("6 real edits, reviewed");
    let table = fs::read_to_string(corpus("tool-edits.verdicts.tsv")).unwrap();
    let table = table.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?, (cells.next()?, cells.next()?)))
    });
    let table = table.collect::<BTreeMap<_, _>>();
    let mut silent = 0;
    for edit in edits() {
        row.pairs += 1;
        let (old, new) = (&edit["old"], &edit["new"]);
        let report = compared(old, new);
        let id = edit["id"].as_str().unwrap();
        let found = (report.compatibility.as_str(), report.security.as_str());
        if table.get(id) != Some(&found) {
            row.fault(format!("{id}: {found:?}, reviewed as {:?}", table.get(id)));
        }
        if effective(old) == effective(new) {
            silent += 1;
            check_silent(&mut row, id, &report);
        }
    }
    if silent < 3 {
        row.fault(format!("only {silent} edits change nothing"));
    }
    row
}

fn check_silent(row: &mut Row, id: &str, report: &Report) {
    if !report.findings.is_empty() {
        row.fault(format!("{id} is not silent: {:#?}", report.findings));
    }
}

/// A tool with every hint spelled out.
fn effective(tool: &Value) -> Value {
    let mut tool = tool.clone();
    let annotations = tool["annotations"].take();
    let mut hints = annotations.as_object().cloned().unwrap_or_default();
    let defaults = [
        ("readOnlyHint", false),
        ("destructiveHint", true),
        ("idempotentHint", false),
        ("openWorldHint", true),
    ];
    for (name, value) in defaults {
        hints.entry(name).or_insert(json!(value));
    }
    if hints["readOnlyHint"] == true {
        hints.remove("destructiveHint");
        hints.remove("idempotentHint");
    }
    tool["annotations"] = Value::Object(hints);
    tool
}
