//! The answer of `stats` while it is put together: rollups and requests in, lines out.

use super::tally::{Counted, Tally};
use super::{GroupBy, RequestRow, RollupRow, StatsKey, StatsQuestion, StatsRow};
use std::collections::BTreeMap;

/// Most lines that a fold distinguishes where fewer are shown: what is met after so many others counts with
/// what is put together. Only names without an end come to so many.
pub(super) const MAX_FOLDED: usize = if cfg!(test) { 100 } else { 20_000 };

/// The answer while it is put together. This is what the question means.
#[derive(Debug)]
pub struct StatsFold<'a> {
    question: &'a StatsQuestion,
    tallies: BTreeMap<StatsKey, Tally>,
    /// Calls that hourly sums hold in the hours that the edges touch, less the requests that are there.
    unplaced: BTreeMap<StatsKey, i64>,
}

impl<'a> StatsFold<'a> {
    /// An answer to which nothing was added yet.
    #[must_use]
    pub fn new(question: &'a StatsQuestion) -> Self {
        Self {
            question,
            tallies: BTreeMap::new(),
            unplaced: BTreeMap::new(),
        }
    }

    fn tally(&mut self, key: StatsKey) -> &mut Tally {
        let question = self.question;
        let key = question.bounded_key(key, &self.tallies);
        self.tallies.entry(key).or_insert_with(|| question.tally())
    }

    fn unplaced(&mut self, key: StatsKey) -> &mut i64 {
        let key = self.question.bounded_key(key, &self.unplaced);
        self.unplaced.entry(key).or_default()
    }

    /// Counts a request, which the filter of one of the edges has let through.
    pub fn request(&mut self, row: &RequestRow) {
        if !self.question.takes_request(row) {
            return;
        }
        let buckets = self.question.buckets;
        self.tally(self.question.key_of(row))
            .add(Counted::from(row), buckets);
    }

    /// Counts an hour, if it is asked for.
    pub fn hour(&mut self, rollup: &RollupRow) {
        let buckets = self.question.buckets;
        if self.question.takes_hour(&rollup.key) {
            self.tally(self.question.key_of_hour(&rollup.key))
                .add_hour(rollup, buckets);
        }
    }

    /// Takes in an hour that an edge touches: its calls are known, and perhaps not their requests.
    pub fn touched_hour(&mut self, rollup: &RollupRow) {
        let key = self.question.key_of_hour(&rollup.key);
        let calls = i64::try_from(rollup.calls).unwrap_or(i64::MAX);
        let sum = self.unplaced(key);
        *sum = sum.saturating_add(calls);
    }

    /// Takes in a request of an hour that an edge touches.
    pub fn touched_request(&mut self, row: &RequestRow) {
        if !self.question.takes_request(row) {
            return;
        }
        let key = match self.question.by {
            // Hourly sums do not know who called.
            GroupBy::Client => StatsKey::default(),
            _ => self.question.key_of(row),
        };
        let sum = self.unplaced(key);
        *sum = sum.saturating_sub(1);
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, key: StatsKey, tally: Tally) {
        // A line without any call would say that something was called.
        if tally.calls > 0 || tally.unplaced > 0 {
            self.tally(key).merge(tally);
        }
    }

    /// The lines: by hour in order of time, else those with the most calls first.
    #[must_use]
    pub fn finish(mut self) -> Vec<StatsRow> {
        for (key, calls) in std::mem::take(&mut self.unplaced) {
            if calls > 0 {
                self.tally(key).unplaced = calls.cast_unsigned();
            }
        }
        let most = self.question.most_lines();
        let other_key = self.question.other_key();
        // Whoever puts lines together before says so by the same key.
        let mut other = match most {
            usize::MAX => None,
            _ => self.tallies.remove(&other_key),
        };
        let rows = self.tallies.into_iter();
        let mut rows: Vec<_> = rows.map(|(key, tally)| StatsRow { key, tally }).collect();
        if self.question.by != GroupBy::Hour {
            rows.sort_by_key(|row| std::cmp::Reverse(row.tally.calls));
        }
        for row in rows.drain(most.min(rows.len())..) {
            match &mut other {
                Some(other) => other.merge(row.tally),
                None => other = Some(row.tally),
            }
        }
        rows.extend(other.map(|tally| StatsRow {
            key: other_key,
            tally,
        }));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Filter, OTHER};

    #[test]
    fn of_names_without_end_so_many_are_held() {
        let question = StatsQuestion {
            most: Some(2),
            ..StatsQuestion::sums(&Filter::default(), GroupBy::Tool)
        };
        let mut fold = StatsFold::new(&question);
        let calls = |tool: usize| RequestRow {
            method: "tools/call".to_owned(),
            tool: Some(format!("t{tool}")),
            ..RequestRow::default()
        };
        // What is called again is counted as itself, however much was met in between.
        for tool in (0..10 * MAX_FOLDED).chain([1, 1, 0]) {
            let row = calls(tool);
            fold.request(&row);
            fold.touched_request(&row);
            assert!(fold.tallies.len() <= MAX_FOLDED + 1);
            assert!(fold.unplaced.len() <= MAX_FOLDED + 1);
        }
        let listed: Vec<_> = fold
            .finish()
            .into_iter()
            .map(|row| (row.key.tool.unwrap_or_default(), row.tally.calls))
            .collect();
        let others = 10 * MAX_FOLDED as u64 - 2;
        let expected = [("t1", 3), ("t0", 2), (OTHER, others)];
        assert_eq!(
            listed,
            expected.map(|(tool, calls)| (tool.to_owned(), calls))
        );
    }
}
