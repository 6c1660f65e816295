//! The rules against real edits.

use crate::schema::{Surface, diff};
use serde_json::{Value, json};

#[test]
fn real_edits() {
    let text = std::fs::read_to_string("tests/data/corpora/tool-edits.ndjson").unwrap();
    let mut counts = std::collections::BTreeMap::new();
    let start = std::time::Instant::now();
    for line in text.lines() {
        let edit: Value = serde_json::from_str(line).unwrap();
        let side = |name: &str| Surface::from_value(&json!({"tools": [edit[name]]})).unwrap();
        let report = diff(&side("old"), &side("new"));
        *counts
            .entry(format!("{} {}", report.compatibility, report.security))
            .or_insert(0) += 1;
        println!(
            "{} {} {}",
            edit["id"].as_str().unwrap(),
            report.compatibility,
            report.security
        );
        for f in &report.findings {
            let short = |v: &Option<Value>| {
                v.as_ref()
                    .map(|v| v.to_string().chars().take(90).collect::<String>())
                    .unwrap_or_default()
            };
            println!(
                "    {} {} {} {} | {} -> {} | {}",
                f.rule,
                f.compatibility,
                f.security,
                f.pointer,
                short(&f.before),
                short(&f.after),
                short(&f.witness)
            );
        }
    }
    println!("{counts:?} {:?}", start.elapsed());
}
