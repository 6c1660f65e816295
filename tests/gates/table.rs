//! What the gates counted, as a table, and what they found wrong.

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
    pub(crate) undecided: usize,
    pub(crate) exceptions: usize,
    unsound: usize,
    unproven: usize,
    faults: Vec<String>,
}

impl Row {
    pub(crate) fn of(gate: &'static str) -> Self {
        Self {
            gate,
            ..Self::default()
        }
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

/// The table, then every fault; and how many there are.
pub(crate) fn report(rows: &[Row]) -> (String, usize) {
    let mut text = format!(
        "{:<34}{:>8}{:>8}{:>10}{:>8}{:>9}{:>9}{:>10}{:>9}{:>7}\n",
        "gate",
        "pairs",
        "proofs",
        "instances",
        "unsound",
        "breaking",
        "unproven",
        "undecided",
        "except.",
        "faults"
    );
    let mut faults = 0;
    for row in rows {
        faults += row.faults.len();
        writeln!(
            text,
            "{:<34}{:>8}{:>8}{:>10}{:>8}{:>9}{:>9}{:>10}{:>9}{:>7}",
            row.gate,
            row.pairs,
            row.proofs,
            row.instances,
            row.unsound,
            row.breaking,
            row.unproven,
            row.undecided,
            row.exceptions,
            row.faults.len()
        )
        .unwrap();
    }
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    let decided = sum(|row| row.proofs) + sum(|row| row.breaking);
    let undecided = sum(|row| row.undecided) * 1_000 / (decided + sum(|row| row.undecided)).max(1);
    let instances = sum(|row| row.instances);
    writeln!(
        text,
        "{instances} instances; undecided: {}.{} % of verdicts",
        undecided / 10,
        undecided % 10
    )
    .unwrap();
    for row in rows {
        for fault in row.faults.iter().take(MAX_SHOWN) {
            writeln!(text, "\n{}: {fault}", row.gate).unwrap();
        }
    }
    (text, faults)
}
