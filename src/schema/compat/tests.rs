//! The comparison against labelled pairs.

use super::*;
use std::collections::BTreeMap;

#[test]
fn labelled_pairs() {
    let text = std::fs::read_to_string("tests/data/corpora/subschema-pairs.ndjson").unwrap();
    let mut counts = BTreeMap::new();
    let start = Instant::now();
    for line in text.lines() {
        let mut pair: Value = serde_json::from_str(line).unwrap();
        for side in ["old", "new"] {
            if let Some(map) = pair[side].as_object_mut() {
                map.insert(
                    "$schema".to_owned(),
                    "http://json-schema.org/draft-07/schema#".into(),
                );
            }
        }
        let label = pair["accepts_all"].as_bool().unwrap();
        let one = Instant::now();
        let verdict = includes(&pair["old"], &pair["new"], Caller::Any);
        let name = match &verdict {
            Inclusion::Holds => "holds",
            Inclusion::Fails(_) => "fails",
            Inclusion::Undecided(_) => "undecided",
        };
        *counts.entry((label, name)).or_insert(0) += 1;
        if one.elapsed().as_millis() > 300 {
            println!("slow {} {:?}", pair["id"], one.elapsed());
        }
        if (name == "holds") != label {
            println!(
                "{} {} {:?}\n   {}\n   {}",
                pair["id"], label, verdict, pair["old"], pair["new"]
            );
        }
    }
    println!("{counts:?} {:?}", start.elapsed());
}
