//! What the gates counted, as a table, and what they found wrong.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many faults of one gate are shown whole.
const MAX_SHOWN: usize = 5;

/// One gate's counts.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) gate: &'static str,
    pub(crate) pairs: usize,
    /// Verdicts that say that nothing is refused.
    pub(crate) proofs: usize,
    pub(crate) instances: usize,
    pub(crate) breaking: usize,
    /// Verdicts that say that nothing can be sent at all.
    pub(crate) empty: usize,
    pub(crate) undecided: usize,
    pub(crate) exceptions: usize,
    unsound: usize,
    unproven: usize,
    /// The first pairs that were not decided.
    doubts: Vec<String>,
    /// How many were not decided, by what stands in them.
    kinds: BTreeMap<&'static str, usize>,
    faults: Vec<String>,
}

impl Row {
    pub(crate) fn of(gate: &'static str) -> Self {
        Self {
            gate,
            ..Self::default()
        }
    }

    /// A verdict says that it cannot say.
    pub(crate) fn doubt(&mut self, old: &Value, new: &Value) {
        self.undecided += 1;
        *self.kinds.entry(kind(old, new)).or_default() += 1;
        if self.doubts.len() < 3 * MAX_SHOWN {
            self.doubts.push(format!("{old}\n{new}"));
        }
    }

    /// All verdicts, decided or not.
    pub(crate) fn verdicts(&self) -> usize {
        self.proofs + self.breaking + self.empty + self.undecided
    }

    pub(crate) fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Too many of them.
    pub(crate) fn too_many_doubts(&mut self) {
        let count = self.undecided;
        let doubts = self.doubts.join("\n\n");
        self.fault(format!("{count} verdicts are undecided:\n{doubts}"));
    }

    /// Something safe was refused.
    pub(crate) fn unsound(&mut self, what: &str) {
        self.unsound += 1;
        self.fault(format!("unsound: {what}"));
    }

    /// Something breaking has no proof.
    pub(crate) fn unproven(&mut self, what: String) {
        self.unproven += 1;
        self.fault(what);
    }

    /// Anything else that must not be.
    pub(crate) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }
}

/// Keywords that make a comparison hard, the hardest first.
const KINDS: &[&str] = &[
    "unevaluatedProperties",
    "unevaluatedItems",
    "$ref",
    "$dynamicRef",
    "if",
    "dependentSchemas",
    "not",
    "contains",
    "propertyNames",
    "oneOf",
    "dependentRequired",
    "patternProperties",
    "anyOf",
    "allOf",
    "uniqueItems",
    "multipleOf",
    "pattern",
];

/// What kind of pair it is: the hardest keyword in it.
fn kind(old: &Value, new: &Value) -> &'static str {
    let text = format!("{old}{new}");
    let stands = |name: &&&str| text.contains(&format!("\"{name}\":"));
    KINDS.iter().find(stands).copied().unwrap_or("plain")
}

/// The table, then every fault; and how many there are.
pub(crate) fn report(rows: &[Row]) -> (String, usize) {
    let mut text = format!(
        "{:<34}{:>8}{:>8}{:>10}{:>8}{:>9}{:>9}{:>7}{:>10}{:>9}{:>7}\n",
        "gate",
        "pairs",
        "proofs",
        "instances",
        "unsound",
        "breaking",
        "unproven",
        "empty",
        "undecided",
        "except.",
        "faults"
    );
    let mut faults = 0;
    for row in rows {
        faults += row.faults.len();
        writeln!(
            text,
            "{:<34}{:>8}{:>8}{:>10}{:>8}{:>9}{:>9}{:>7}{:>10}{:>9}{:>7}",
            row.gate,
            row.pairs,
            row.proofs,
            row.instances,
            row.unsound,
            row.breaking,
            row.unproven,
            row.empty,
            row.undecided,
            row.exceptions,
            row.faults.len()
        )
        .unwrap();
    }
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    let undecided = sum(|row| row.undecided) * 1_000 / sum(Row::verdicts).max(1);
    let instances = sum(|row| row.instances);
    writeln!(
        text,
        "{instances} instances; undecided: {}.{} % of verdicts",
        undecided / 10,
        undecided % 10
    )
    .unwrap();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for (kind, count) in rows.iter().flat_map(|row| &row.kinds) {
        *kinds.entry(kind).or_default() += count;
    }
    writeln!(text, "undecided by the hardest keyword: {kinds:?}").unwrap();
    for row in rows {
        for fault in row.faults.iter().take(MAX_SHOWN) {
            writeln!(text, "\n{}: {fault}", row.gate).unwrap();
        }
    }
    (text, faults)
}
