//! Sums over requests: whole hours from the hourly sums, the edges of a window from the requests; and the slowest.

use super::by_operation::{Listed, is_of_few};
use super::conditions::{self, SLOW_INDEX_US};
use super::{listing, rows};
use crate::db::Db;
use crate::errors::DbFault;
use crate::sums::{COLUMNS as SUM_COLUMNS, fill};
use crate::values::{kind, target, text};
use mcpr_store::query::{
    Filter, Page, RequestRow, RollupKey, RollupRow, Slowest, StatsFold, StatsQuestion, StatsRow,
};
use std::ops::Range;

/// Shows the hourly sums of some hours, hour by hour, and by proxy, method and target within one.
pub(super) fn rollups(
    db: &mut Db,
    hours: Range<i64>,
    take: &mut dyn FnMut(RollupRow) -> Result<(), DbFault>,
) -> Result<(), DbFault> {
    let sql = format!(
        "SELECT u.hour, p.name, o.kind, o.method, o.target_kind, o.target, {SUM_COLUMNS}
         FROM rollups u JOIN operations o ON o.id = u.operation JOIN proxies p ON p.id = o.proxy
         WHERE u.hour >= $1 AND u.hour < $2
         ORDER BY u.hour, p.name, o.kind, o.method, o.target_kind NULLS FIRST, o.target NULLS FIRST"
    );
    db.each(&sql, &[&hours.start, &hours.end], &mut |row| {
        let mut sums = RollupRow::new(RollupKey {
            hour: row.try_get(0)?,
            proxy: text(row, 1)?,
            kind: kind(row, 2)?,
            method: text(row, 3)?,
            target: target(row, 4)?,
        });
        fill(&mut sums, row, 6)?;
        take(sums)?;
        Ok(true)
    })
}

/// The answer of [`mcpr_store::Reader::stats`], folded from what comes in one stream.
pub(super) fn stats(db: &mut Db, question: &StatsQuestion) -> Result<Vec<StatsRow>, DbFault> {
    let mut fold = StatsFold::new(question);
    let (first, end) = question.whole_hours();
    if first < end {
        rollups(db, first..end, &mut |rollup| {
            fold.hour(&rollup);
            Ok(())
        })?;
    }
    for edge in question.edges() {
        // Of an hour that the window cuts, rows are counted one by one; its sum shows how many of them are gone.
        let (first, end) = StatsQuestion::hours_of(&edge);
        rollups(db, first..end, &mut |rollup| {
            if question.takes_rollup(&rollup.key) {
                fold.touched_hour(&rollup);
            }
            Ok(())
        })?;
        // Whole hours are read: rows outside the window still have to be taken off their hour's sum.
        each_request(db, &StatsQuestion::widened(&edge), &mut |row| {
            fold.touched_request(&row);
            if edge.holds_time(row.ts) {
                fold.request(&row);
            }
        })?;
    }
    Ok(fold.finish())
}

/// Shows every request that a filter lets through, in no order.
fn each_request(
    db: &mut Db,
    filter: &Filter,
    take: &mut dyn FnMut(RequestRow),
) -> Result<(), DbFault> {
    let Some(selection) = conditions::of_filter(db, filter)? else {
        return Ok(());
    };
    let mut conditions = selection.whole();
    conditions.add_times(filter, "r.ts");
    // The server cannot search as the expressions mean it.
    if filter.grep.is_some() {
        return each_page(db, filter, take);
    }
    let sql = format!(
        "SELECT {} FROM {} WHERE {}",
        rows::COLUMNS,
        rows::TABLES,
        conditions.sql()
    );
    db.each(&sql, &conditions.values(), &mut |row| {
        take(rows::row_of(row)?);
        Ok(true)
    })
}

/// The same of what is searched for in texts, page by page: payloads are read beside the rows.
fn each_page(
    db: &mut Db,
    filter: &Filter,
    take: &mut dyn FnMut(RequestRow),
) -> Result<(), DbFault> {
    use mcpr_store::query::{Cursor, Entry};
    let mut page = Page::after(Cursor::START, Page::MAX_LIMIT);
    loop {
        let entries = listing::entries(db, filter, page)?;
        let is_last = entries.len() < page.limit;
        page.after = entries.last().map(Entry::cursor).or(page.after);
        for entry in entries {
            if let Entry::Request(row) = entry {
                take(*row);
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The requests that took longest.
pub(super) fn slowest(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<RequestRow>, DbFault> {
    let mut slowest = Slowest::new(limit);
    if filter.grep.is_some() {
        each_page(db, filter, &mut |row| slowest.offer(row))?;
        return Ok(slowest.finish());
    }
    let Some(mut selection) = conditions::of_filter(db, filter)? else {
        return Ok(Vec::new());
    };
    selection.conditions.add_times(filter, "r.ts");
    // By numbers first: what is sorted would carry the names of each row.
    let mut listed = Listed {
        columns: "r.latency_us, r.seq",
        order: "{r}.latency_us DESC, {r}.seq DESC",
        limit,
    };
    let (sql, conditions) = if is_of_few(filter, filter.min_latency_us >= Some(SLOW_INDEX_US)) {
        listed.by_operation(selection)
    } else {
        listed.order = "{r}.latency_us DESC NULLS LAST, {r}.seq DESC";
        listed.of_all(selection)
    };
    let found = db.rows(&sql, &conditions.values())?;
    let seqs = found.iter().map(|row| row.try_get(1));
    let seqs: Vec<i64> = seqs.collect::<Result<_, _>>()?;
    for seqs in seqs.chunks(Page::MAX_LIMIT) {
        rows::at(db, seqs)?
            .into_iter()
            .for_each(|row| slowest.offer(row));
    }
    Ok(slowest.finish())
}
