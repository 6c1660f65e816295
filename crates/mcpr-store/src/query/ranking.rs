//! The orders in which sums and sessions are listed when somebody names one, and what is beyond the lines that are
//! shown. Pure.

use super::{
    ClientRow, GroupBy, OTHER, SessionOrder, SessionRow, StatsQuestion, StatsRow, Summary,
};
use std::cmp::{Ordering, Reverse};

/// What the lines of `stats` go by, the most first; names in the order of their letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsOrder {
    /// Requests.
    Calls,
    /// Requests that did not end `ok`.
    Errors,
    /// Their share.
    ErrorRate,
    /// The sum of latencies.
    Spent,
    /// The median latency.
    P50,
    /// What 95 % stay below.
    P95,
    /// What 99 % stay below.
    P99,
    /// The longest latency.
    Max,
    /// Bytes of requests.
    BytesIn,
    /// Bytes of answers.
    BytesOut,
    /// The names of a line.
    Name,
}

impl StatsOrder {
    /// The figure of a line, which is worked out once per line: a quantile is not free.
    fn figure(self, row: &StatsRow) -> i64 {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let summary = || Summary::from(row.clone());
        let quantile = |at: usize| summary().quantiles_us[at].unwrap_or(-1);
        match self {
            Self::Calls => signed(row.tally.calls),
            Self::Errors => signed(row.tally.total_errors()),
            // In whole millionths, which compare exactly.
            Self::ErrorRate => {
                let millionths = u128::from(row.tally.total_errors()) * 1_000_000;
                let share = millionths / u128::from(row.tally.seen_calls().max(1));
                i64::try_from(share).unwrap_or(i64::MAX)
            }
            Self::Spent => row.tally.total_us,
            Self::P50 => quantile(0),
            Self::P95 => quantile(1),
            Self::P99 => quantile(2),
            Self::Max => row.tally.latency_range_us.map_or(-1, |(_, high)| high),
            Self::BytesIn => row.tally.bytes_in,
            Self::BytesOut => row.tally.bytes_out,
            Self::Name => 0,
        }
    }

    fn sort(self, rows: &mut [StatsRow]) {
        if self == Self::Name {
            rows.sort_by(|left, right| left.key.cmp(&right.key));
        } else {
            // Stable: among equals the order of the answer stays.
            rows.sort_by_cached_key(|row| Reverse(self.figure(row)));
        }
    }
}

/// What the lines of `clients` go by, the most or the latest first; names in the order of their letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientOrder {
    /// Requests.
    Calls,
    /// Requests that did not end `ok`.
    Errors,
    /// Sessions.
    Sessions,
    /// When it was first seen.
    FirstSeen,
    /// When it was last seen.
    LastSeen,
    /// Name and version.
    Name,
}

impl ClientOrder {
    fn sort(self, rows: &mut [ClientRow]) {
        let figure = |row: &ClientRow| match self {
            Self::Calls => row.total_calls,
            Self::Errors => row.total_errors,
            Self::Sessions => i64::try_from(row.sessions).unwrap_or(i64::MAX),
            Self::FirstSeen => row.first_seen_at,
            Self::LastSeen => row.last_seen_at,
            Self::Name => 0,
        };
        if self == Self::Name {
            let name = |row: &ClientRow| (row.client_name.clone(), row.client_version.clone());
            rows.sort_by_cached_key(name);
        } else {
            rows.sort_by_key(|row| Reverse(figure(row)));
        }
    }
}

/// What the most of which a session has puts it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRank {
    /// When it was last used.
    Used,
    /// Requests.
    Calls,
    /// Requests that did not end `ok`.
    Errors,
}

impl SessionRank {
    /// Which of two sessions comes first.
    fn compare(self, left: &SessionRow, right: &SessionRow) -> Ordering {
        let figure = |row: &SessionRow| match self {
            Self::Used => row.last_seen_at,
            Self::Calls => row.total_calls,
            Self::Errors => row.total_errors,
        };
        let by_figure = figure(right).cmp(&figure(left));
        by_figure.then_with(|| left.place().compare(&right.place(), SessionOrder::Used))
    }
}

/// Keeps those of the sessions it is shown that come first.
#[derive(Debug)]
pub struct FirstSessions {
    rank: SessionRank,
    most: usize,
    rows: Vec<SessionRow>,
    seen: usize,
}

impl FirstSessions {
    /// Keeps at most so many.
    #[must_use]
    pub fn new(rank: SessionRank, most: usize) -> Self {
        Self {
            rank,
            most,
            rows: Vec::new(),
            seen: 0,
        }
    }

    /// Looks at more sessions.
    pub fn offer(&mut self, rows: Vec<SessionRow>) {
        self.seen += rows.len();
        self.rows.extend(rows);
        self.cut();
    }

    fn cut(&mut self) {
        let rank = self.rank;
        self.rows.sort_by(|left, right| rank.compare(left, right));
        self.rows.truncate(self.most);
    }

    /// Those that come first, in order, and how many there were beside them.
    #[must_use]
    pub fn finish(self) -> (Vec<SessionRow>, usize) {
        let beyond = self.seen - self.rows.len();
        (self.rows, beyond)
    }
}

/// The lines of sums as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedLines<T> {
    /// The lines, and behind them the one that puts the others together.
    pub rows: Vec<T>,
    /// How many lines are shown no more: put together in the last, or of hours left out.
    pub beyond: usize,
}

impl StatsQuestion {
    /// The answer in an order, of which so many lines are shown: all others are one more, [`OTHER`]. Of hours, which
    /// are not put together, the last stay where none of them is reported to be first.
    #[must_use]
    pub fn ranked(
        &self,
        mut rows: Vec<StatsRow>,
        order: Option<StatsOrder>,
        most: Option<usize>,
    ) -> RankedLines<StatsRow> {
        let is_of_hours = self.by == GroupBy::Hour;
        let other_key = self.other_key();
        let at = rows
            .iter()
            .position(|row| !is_of_hours && row.key == other_key);
        let mut other = at.map(|at| rows.remove(at));
        if let Some(order) = order {
            order.sort(&mut rows);
        }
        let most = most.unwrap_or(usize::MAX).min(rows.len());
        let beyond = rows.len() - most;
        if is_of_hours {
            match order {
                Some(_) => rows.truncate(most),
                None => drop(rows.drain(..beyond)),
            }
            return RankedLines { rows, beyond };
        }
        for row in rows.drain(most..) {
            match &mut other {
                Some(other) => other.tally.merge(row.tally),
                None => {
                    other = Some(StatsRow {
                        key: other_key.clone(),
                        ..row
                    });
                }
            }
        }
        rows.extend(other);
        RankedLines { rows, beyond }
    }
}

impl ClientRow {
    /// Whether it puts other clients together.
    #[must_use]
    pub fn is_other(&self) -> bool {
        self.client_name.as_deref() == Some(OTHER) && self.client_version.is_none()
    }

    /// Clients in an order, of which so many are shown: all others are one more, [`OTHER`].
    #[must_use]
    pub fn ranked(
        mut rows: Vec<Self>,
        order: Option<ClientOrder>,
        most: Option<usize>,
    ) -> RankedLines<Self> {
        let other = rows.iter().position(Self::is_other);
        let other = other.map(|at| rows.remove(at));
        if let Some(order) = order {
            order.sort(&mut rows);
        }
        let most = most.unwrap_or(usize::MAX).min(rows.len());
        let beyond = rows.len() - most;
        let mut listed = super::ListedClients::new(most);
        // What is beyond follows the lines that are shown, and is put together there.
        for row in rows.into_iter().chain(other) {
            listed.add(row);
        }
        RankedLines {
            rows: listed.finish(),
            beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Filter, RequestRow, StatsFold, StatsKey};
    use mcpr_model::{ErrorKind, Status};

    fn question(by: GroupBy) -> StatsQuestion {
        StatsQuestion::sums(&Filter::default(), by)
    }

    /// `a` is called most, `b` fails most, `c` is slowest.
    fn answer(question: &StatsQuestion) -> Vec<StatsRow> {
        let mut fold = StatsFold::new(question);
        for (tool, calls, failed, latency) in [("a", 9, 1, 10), ("b", 5, 4, 20), ("c", 2, 1, 900)] {
            for n in 0..calls {
                let is_failed = n < failed;
                fold.request(&RequestRow {
                    method: "tools/call".to_owned(),
                    tool: Some(tool.to_owned()),
                    ts: n * 3_600_000,
                    latency_us: Some(latency),
                    status: if is_failed { Status::Error } else { Status::Ok },
                    error_kind: is_failed.then_some(ErrorKind::Tool),
                    ..RequestRow::default()
                });
            }
        }
        fold.finish()
    }

    fn names(ranked: &RankedLines<StatsRow>) -> String {
        let names = ranked.rows.iter();
        let names = names.map(|row| row.key.tool.clone().unwrap_or_default());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_go_by_what_is_named() {
        let question = question(GroupBy::Tool);
        let cases = [
            (StatsOrder::Calls, "a b c"),
            (StatsOrder::Errors, "b a c"),
            (StatsOrder::ErrorRate, "b c a"),
            (StatsOrder::Spent, "c b a"),
            (StatsOrder::P95, "c b a"),
            (StatsOrder::Max, "c b a"),
            (StatsOrder::BytesIn, "a b c"),
            (StatsOrder::Name, "a b c"),
        ];
        for (order, expected) in cases {
            let ranked = question.ranked(answer(&question), Some(order), None);
            assert_eq!(names(&ranked), expected, "{order:?}");
            assert_eq!(ranked.beyond, 0);
        }
    }

    #[test]
    fn what_is_beyond_is_put_together_and_nothing_is_lost() {
        let question = question(GroupBy::Tool);
        for (most, expected, calls) in [
            (1, "c (other)", 14),
            (0, "(other)", 16),
            (2, "c b (other)", 9),
        ] {
            let ranked = question.ranked(answer(&question), Some(StatsOrder::P95), Some(most));
            assert_eq!(names(&ranked), expected);
            assert_eq!(ranked.beyond, 3 - most);
            assert_eq!(ranked.rows[most].tally.calls, calls);
            let errors: u64 = ranked.rows.iter().map(|row| row.tally.total_errors()).sum();
            assert_eq!(errors, 6);
            // Ranked again, the line of the others stays the last.
            let again = question.ranked(ranked.rows, Some(StatsOrder::Calls), Some(0));
            assert_eq!(again.rows[0].tally.calls, 16);
            assert_eq!(again.rows.len(), 1);
        }
    }

    #[test]
    fn of_hours_the_last_are_shown() {
        let question = question(GroupBy::Hour);
        let hours = |order| {
            let ranked = question.ranked(answer(&question), order, Some(2));
            let hour = |row: &StatsRow| row.key.hour.expect("an hour") / 3_600_000;
            (
                ranked.rows.iter().map(hour).collect::<Vec<_>>(),
                ranked.beyond,
            )
        };
        assert_eq!(hours(None), (vec![7, 8], 7));
        assert_eq!(hours(Some(StatsOrder::Calls)), (vec![0, 1], 7));
        assert_eq!(question.other_key(), StatsKey::default());
    }

    #[test]
    fn clients_beyond_are_one_line() {
        let client = |name: &str, calls: i64, errors: i64, seen: i64| ClientRow {
            client_name: Some(name.to_owned()),
            client_version: None,
            sessions: 1,
            total_calls: calls,
            total_errors: errors,
            first_seen_at: seen,
            last_seen_at: 100 - seen,
        };
        let rows = || {
            vec![
                client("b", 9, 0, 1),
                client("a", 5, 4, 2),
                client(OTHER, 7, 7, 3),
            ]
        };
        let shown = |order, most| {
            let ranked = ClientRow::ranked(rows(), Some(order), most);
            let name = |row: &ClientRow| row.client_name.clone().unwrap_or_default();
            let calls: i64 = ranked.rows.iter().map(|row| row.total_calls).sum();
            assert_eq!(calls, 21);
            ranked.rows.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(ClientOrder::Name, None), "a b (other)");
        assert_eq!(shown(ClientOrder::Errors, Some(1)), "a (other)");
        assert_eq!(shown(ClientOrder::FirstSeen, Some(1)), "a (other)");
        assert_eq!(shown(ClientOrder::LastSeen, Some(1)), "b (other)");
    }
}
