//! Places in sequences, of which a store knows beside those in files: how far other stores were carried over into it,
//! and how far it was sent to targets.

use crate::render::text::escape;
use crate::render::units::grouped;
use mcpr_model::Checkpoint;
use mcpr_store::query::SourceRow;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How far others were taken in, and how far this one was sent.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    stores: Vec<Checkpoint>,
    targets: Vec<Checkpoint>,
}

impl Sequences {
    /// Takes them out from among files and sources.
    pub(super) fn taken_from(files: &mut Vec<Checkpoint>, sources: &mut Vec<SourceRow>) -> Self {
        let stores: Vec<_> = files.extract_if(.., |it| it.is_of_store()).collect();
        // By marks in the checkpoints: their names may look like paths.
        let targets: Vec<_> = files.extract_if(.., |it| it.is_of_target()).collect();
        let is_one = |row: &SourceRow| {
            let mut all = stores.iter().chain(&targets);
            all.any(|it| *it.path == *row.name)
        };
        // Nothing is met in them: their rows only lead to where they stand.
        sources.retain(|row| !is_one(row) || row.counts != mcpr_model::Counts::default());
        Self { stores, targets }
    }

    pub(super) fn stores_as_json(&self) -> Vec<Value> {
        let stores = self.stores.iter();
        let one = |it: &Checkpoint| json!({"store": it.path.as_str(), "seq": it.offset});
        stores.map(one).collect()
    }

    pub(super) fn targets_as_json(&self, last_seq: i64) -> Vec<Value> {
        let one = |it: &Checkpoint| {
            json!({
                "target": it.path.as_str(), "seq": it.offset, "behind_rows": behind(it, last_seq),
            })
        };
        self.targets.iter().map(one).collect()
    }

    pub(super) fn as_text(&self, last_seq: i64) -> String {
        let mut text = String::new();
        for it in &self.stores {
            let (path, seq) = (escape(&it.path), it.offset);
            writeln!(text, "store       {path}: taken in up to row {seq}")
                .expect("a string takes any text");
        }
        for it in &self.targets {
            let path = escape(&it.path);
            let behind = match behind(it, last_seq) {
                0 => "has everything".to_owned(),
                rows => format!("{} rows behind", grouped(rows)),
            };
            writeln!(text, "target      {path}: {behind}").expect("a string takes any text");
        }
        text
    }
}

/// How many rows a target lacks, at most.
fn behind(target: &Checkpoint, last_seq: i64) -> u64 {
    // Rows that are gone count as well: nobody has numbered what is left.
    last_seq.cast_unsigned().saturating_sub(target.offset)
}
