//! Sums over requests: hours from the rollups, the edges of the window from the rows, both by the
//! numbers that stand for texts.

mod counted;
mod groups;

use super::SUMS_OF_OTHERS_SINCE;
use super::entries::REQUEST_TABLES;
use crate::codes;
use crate::conditions::{self, Conditions};
use crate::layout::layout_of;
use crate::recall::Recall;
use crate::requests::latency;
use crate::rollups::{fill_sums, late_counts};
use groups::Groups;
use mcpr_model::time::hour_of;
use mcpr_store::query::{
    Counted, Filter, GroupBy, RollupKey, RollupRow, StatsFold, StatsKey, StatsQuestion, StatsRow,
    Tally,
};
use rusqlite::{Connection, params_from_iter};
use rustc_hash::FxHashMap;

pub(super) fn stats(
    connection: &Connection,
    recall: &mut Recall,
    question: &StatsQuestion,
) -> rusqlite::Result<Vec<StatsRow>> {
    let mut sums = Sums {
        groups: Groups::of(connection, recall, question)?,
        question,
        tallies: FxHashMap::default(),
        unplaced: FxHashMap::default(),
    };
    sums.add_hours(connection)?;
    // Hours that lie only partly in the window: their sums cannot be divided.
    for edge in question.edges() {
        sums.add_touched_hours(connection, &edge)?;
        sums.add_requests(connection, recall, &edge)?;
    }
    Ok(sums.finish())
}

/// The answer while it is put together, by line: the place of a group, or an hour.
struct Sums<'a> {
    question: &'a StatsQuestion,
    groups: Groups<'a>,
    tallies: FxHashMap<i64, Tally>,
    /// Calls that hourly sums hold in hours that an edge touches, less the requests that are there.
    unplaced: FxHashMap<i64, i64>,
}

impl Sums<'_> {
    fn tally(&mut self, line: i64) -> &mut Tally {
        let question = self.question;
        self.tallies.entry(line).or_insert_with(|| question.tally())
    }

    /// The line of an hour's sum; `None` where it is not asked for.
    fn line_of_sum(&mut self, hour: i64, operation: i64) -> rusqlite::Result<Option<i64>> {
        let Some(place) = self.groups.place_of_operation(operation)? else {
            return Ok(None);
        };
        Ok(Some(match self.question.by {
            GroupBy::Hour => hour,
            // Hourly sums do not know who called.
            GroupBy::Client => self.groups.place_of_nobody()?,
            GroupBy::Tool | GroupBy::Method | GroupBy::Proxy => place,
        }))
    }

    fn add_hours(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let (first, end) = self.question.whole_hours();
        if first >= end {
            return Ok(());
        }
        let [died, unseen, denied] = late_counts(connection)?;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT hour, operation, calls, errors_rpc, errors_tool, errors_http, errors_cancelled,
                    errors_timeout, {died}, {unseen}, {denied}, latency_sum_us, latency_min_us, latency_max_us, bytes_in,
                    bytes_out, sketch
             FROM rollups WHERE hour >= ?1 AND hour < ?2",
        ))?;
        let mut rows = statement.query([first, end])?;
        let buckets = self.question.buckets;
        while let Some(row) = rows.next()? {
            let hour = row.get(0)?;
            let Some(line) = self.line_of_sum(hour, row.get(1)?)? else {
                continue;
            };
            let mut sums = RollupRow::new(RollupKey::of_hour(hour));
            fill_sums(&mut sums, row, 2)?;
            self.tally(line).add_hour(&sums, buckets);
        }
        Ok(())
    }

    fn add_touched_hours(
        &mut self,
        connection: &Connection,
        edge: &Filter,
    ) -> rusqlite::Result<()> {
        let (first, end) = StatsQuestion::hours_of(edge);
        let mut statement = connection.prepare_cached(
            "SELECT hour, operation, calls FROM rollups WHERE hour >= ?1 AND hour < ?2",
        )?;
        let mut rows = statement.query([first, end])?;
        while let Some(row) = rows.next()? {
            if let Some(line) = self.line_of_sum(row.get(0)?, row.get(1)?)? {
                let calls = self.unplaced.entry(line).or_default();
                *calls = calls.saturating_add(row.get(2)?);
            }
        }
        Ok(())
    }

    fn add_requests(
        &mut self,
        connection: &Connection,
        recall: &mut Recall,
        edge: &Filter,
    ) -> rusqlite::Result<()> {
        let what = format!(
            "{}, {}, r.ts, r.latency_us, r.error_kind, r.bytes_in, r.bytes_out",
            number_of(self.question.by),
            summed_as(connection)?
        );
        // To the whole of the hours that it touches, since their sums are of whole hours.
        let widened = StatsQuestion::widened(edge);
        let Some(conditions) = requested(connection, recall, self.question, &widened)? else {
            return Ok(());
        };
        let sql = format!(
            "SELECT {what} FROM {REQUEST_TABLES} WHERE {}",
            conditions.sql()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(conditions.values()))?;
        let buckets = self.question.buckets;
        while let Some(row) = rows.next()? {
            let (number, operation, ts): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if let Some(line) = self.line_of_sum(hour_of(ts), operation)? {
                // What is left of a sum once the requests that are there are taken away are calls
                // whose requests are gone.
                let calls = self.unplaced.entry(line).or_default();
                *calls = calls.saturating_sub(1);
            }
            let line = match self.question.by {
                GroupBy::Hour => Some(number),
                GroupBy::Client => self.groups.place_of_client(number)?,
                GroupBy::Tool | GroupBy::Method | GroupBy::Proxy => {
                    self.groups.place_of_operation(number)?
                }
            };
            let Some(line) = line.filter(|_| edge.holds_time(ts)) else {
                continue;
            };
            let counted = Counted {
                ts,
                latency_us: latency(row, 3)?,
                error_kind: codes::error_kind(row, 4)?,
                bytes_in: row.get(5)?,
                bytes_out: row.get(6)?,
            };
            self.tally(line).add(counted, buckets);
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<StatsRow> {
        for (line, calls) in std::mem::take(&mut self.unplaced) {
            if calls > 0 {
                self.tally(line).unplaced = calls.cast_unsigned();
            }
        }
        // Names and their order are a matter of the fold that every backend uses; here there were
        // only numbers.
        let mut fold = StatsFold::new(self.question);
        for (line, tally) in self.tallies {
            let key = match self.question.by {
                GroupBy::Hour => StatsKey {
                    hour: Some(line),
                    ..StatsKey::default()
                },
                _ => self.groups.key_at(line),
            };
            fold.merge(key, tally);
        }
        fold.finish()
    }
}

/// A client's number where it has one, else that of nobody.
const CLIENT_NUMBER: &str =
    "ifnull(CASE WHEN c.name IS NULL AND sc.name IS NOT NULL THEN s.client ELSE r.client END, 0)";
// Rounded down, also before 1970, where `%` is negative.
const HOUR: &str = "r.ts - ((r.ts % 3600000) + 3600000) % 3600000";

/// What a request is counted under: an expression over its tables.
fn number_of(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Client => CLIENT_NUMBER,
        GroupBy::Hour => HOUR,
        GroupBy::Tool | GroupBy::Method | GroupBy::Proxy => "r.operation",
    }
}

/// The operation whose hourly sums hold a request: an expression over its tables.
fn summed_as(connection: &Connection) -> rusqlite::Result<&'static str> {
    Ok(if layout_of(connection)? < SUMS_OF_OTHERS_SINCE {
        "r.operation"
    } else {
        "ifnull(o.summed_as, r.operation)"
    })
}

/// The conditions on the requests of a window that are counted; `None` where there are none.
fn requested(
    connection: &Connection,
    recall: &mut Recall,
    question: &StatsQuestion,
    filter: &Filter,
) -> rusqlite::Result<Option<Conditions>> {
    let Some(selection) = conditions::of_filter(connection, recall, filter)? else {
        return Ok(None);
    };
    let mut conditions = selection.whole(connection, filter)?;
    if let Some(numbers) = groups::named(connection, question)? {
        conditions.add_list("r.operation", &numbers);
    }
    Ok(Some(conditions))
}
