//! Requests and gaps, page by page: in order of storing, or of time.

use super::by_operation::{Listed, is_of_few};
use super::conditions::{self, Conditions, Selection, boxed};
use super::rows;
use crate::db::Db;
use crate::errors::DbFault;
use crate::values::string;
use mcpr_model::Payload;
use mcpr_store::query::{Cursor, Entry, Filter, GapRow, Order, Page, Place, RequestRow, TimePage};
use postgres::Row;

/// Requests whose payloads are read at once to be searched: each may be two megabytes.
const SEARCHED: usize = 32;

/// One page in order of storing.
pub(super) fn entries(db: &mut Db, filter: &Filter, page: Page) -> Result<Vec<Entry>, DbFault> {
    let page = Page {
        limit: page.limit.min(Page::MAX_LIMIT),
        ..page
    };
    let mut found = Vec::new();
    let mut rest = page;
    while found.len() < page.limit {
        let Some(mut selection) = conditions::of_filter(db, filter)? else {
            break;
        };
        selection.conditions.add_times(filter, "r.ts");
        // Behind what was looked at, which may be more than what was found.
        selection.conditions.add_page("r.seq", rest);
        let listed = Listed {
            columns: "r.ts, r.seq",
            order: &format!("{{r}}.seq {}", direction(page.order)),
            limit: page.limit,
        };
        let (sql, conditions) = listed.of_all(selection);
        let places = places(db, &sql, &conditions)?;
        // A full page may be the last one, too: that costs one empty page and needs no count.
        let is_last = places.len() < page.limit;
        match (page.order, places.last()) {
            (Order::Ascending, Some(last)) => rest.after = Some(last.cursor()),
            (Order::Descending, Some(last)) => rest.before = Some(last.cursor()),
            (_, None) => {}
        }
        add_matching(db, filter, &places, page.limit, &mut found)?;
        if is_last {
            break;
        }
    }
    let mut of_gaps = page;
    // Behind the last request of a full page a gap belongs to a later one.
    if let Some(last) = found.last().filter(|_| found.len() >= page.limit) {
        let last = Cursor::from_seq(last.seq);
        match page.order {
            Order::Ascending => of_gaps.before = Some(last),
            Order::Descending => of_gaps.after = Some(last),
        }
    }
    let mut conditions = gap_conditions(filter);
    conditions.add_page("seq", of_gaps);
    let order = format!("seq {}", direction(page.order));
    let gaps = gaps(db, conditions, &order, page.limit)?;
    let mut entries = put_together(found, gaps);
    entries.sort_by_key(Entry::seq);
    Ok(ordered(entries, page.order, page.limit))
}

/// One page in order of time.
pub(super) fn timeline(
    db: &mut Db,
    filter: &Filter,
    page: TimePage,
) -> Result<Vec<Entry>, DbFault> {
    let page = TimePage {
        limit: page.limit.min(Page::MAX_LIMIT),
        ..page
    };
    let mut found = Vec::new();
    let mut rest = page;
    while found.len() < page.limit {
        let Some(mut selection) = conditions::of_filter(db, filter)? else {
            break;
        };
        selection.conditions.add_times(filter, "r.ts");
        add_time_page(&mut selection.conditions, rest, "r.ts", "r.seq");
        let places = places_in_time(db, filter, selection, page)?;
        let is_last = places.len() < page.limit;
        match (page.order, places.last()) {
            (Order::Ascending, Some(last)) => rest.after = Some(*last),
            (Order::Descending, Some(last)) => rest.before = Some(*last),
            (_, None) => {}
        }
        add_matching(db, filter, &places, page.limit, &mut found)?;
        if is_last {
            break;
        }
    }
    let mut conditions = gap_conditions(filter);
    add_time_page(&mut conditions, page, "from_ts", "seq");
    let way = direction(page.order);
    let gaps = gaps(
        db,
        conditions,
        &format!("from_ts {way}, seq {way}"),
        page.limit,
    )?;
    let mut entries = put_together(found, gaps);
    entries.sort_by_key(Entry::place);
    Ok(ordered(entries, page.order, page.limit))
}

fn put_together(requests: Vec<RequestRow>, gaps: Vec<Entry>) -> Vec<Entry> {
    let requests = requests.into_iter();
    let requests = requests.map(|row| Entry::Request(Box::new(row)));
    requests.chain(gaps).collect()
}

/// Entries that are sorted upwards, as a page has them.
fn ordered(mut entries: Vec<Entry>, order: Order, limit: usize) -> Vec<Entry> {
    if order == Order::Descending {
        entries.reverse();
    }
    entries.truncate(limit);
    entries
}

fn direction(order: Order) -> &'static str {
    match order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    }
}

fn add_time_page(conditions: &mut Conditions, page: TimePage, ts: &str, seq: &str) {
    if let Some(before) = page.stored_before {
        conditions.add_one(&format!("{seq} < ?"), before.to_seq());
    }
    // The first bound alone is what an index over times is sought by.
    if let Some(Place {
        ts: at,
        seq: number,
    }) = page.after
    {
        let clause = format!("{ts} >= ? AND ({ts}, {seq}) > (?, ?)");
        conditions.add(&clause, [boxed(at), boxed(at), boxed(number)]);
    }
    if let Some(Place {
        ts: at,
        seq: number,
    }) = page.before
    {
        let clause = format!("{ts} <= ? AND ({ts}, {seq}) < (?, ?)");
        conditions.add(&clause, [boxed(at), boxed(at), boxed(number)]);
    }
}

/// The first places in order of time.
fn places_in_time(
    db: &mut Db,
    filter: &Filter,
    selection: Selection,
    page: TimePage,
) -> Result<Vec<Place>, DbFault> {
    let way = direction(page.order);
    let listed = Listed {
        columns: "r.ts, r.seq",
        order: &format!("{{r}}.ts {way}, {{r}}.seq {way}"),
        limit: page.limit,
    };
    let (sql, conditions) = if is_of_few(filter, filter.is_of_failed()) {
        listed.by_failure(selection, filter)
    } else {
        listed.of_all(selection)
    };
    places(db, &sql, &conditions)
}

fn places(db: &mut Db, sql: &str, conditions: &Conditions) -> Result<Vec<Place>, DbFault> {
    let rows = db.rows(sql, &conditions.values())?;
    rows.iter()
        .map(|row| {
            Ok(Place {
                ts: row.try_get(0)?,
                seq: row.try_get(1)?,
            })
        })
        .collect()
}

/// Adds the requests at some places, of those in which is what is searched for.
fn add_matching(
    db: &mut Db,
    filter: &Filter,
    places: &[Place],
    limit: usize,
    found: &mut Vec<RequestRow>,
) -> Result<(), DbFault> {
    // With payloads a whole page would be gigabytes.
    let step = if filter.grep.is_some() {
        SEARCHED
    } else {
        Page::MAX_LIMIT
    };
    for places in places.chunks(step) {
        if found.len() >= limit {
            break;
        }
        let seqs: Vec<i64> = places.iter().map(|place| place.seq).collect();
        let mut rows = rows::at(db, &seqs)?;
        // In the order of the page.
        let at = |seq: i64| places.iter().position(|place| place.seq == seq);
        rows.sort_by_cached_key(|row| at(row.seq));
        found.extend(matching(db, filter, rows)?);
    }
    Ok(())
}

/// Those in which is what a filter searches for.
pub(super) fn matching(
    db: &mut Db,
    filter: &Filter,
    mut rows: Vec<RequestRow>,
) -> Result<Vec<RequestRow>, DbFault> {
    let Some(search) = &filter.grep else {
        return Ok(rows);
    };
    let payloads: Vec<(i64, Payload)> = if search.bodies.any() {
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        rows::payloads(db, &seqs)?
    } else {
        Vec::new()
    };
    rows.retain(|row| {
        // A few dozen at most.
        let mut kept = payloads.iter();
        let payload = kept.find(|(seq, _)| *seq == row.seq);
        filter.matches(row, payload.map(|(_, payload)| payload))
    });
    Ok(rows)
}

fn gap_conditions(filter: &Filter) -> Conditions {
    let mut conditions = Conditions::default();
    if let Some(since) = filter.since {
        // A gap that reaches into the window is part of it: what was lost may have been within.
        conditions.add_one("to_ts >= ?", since);
    }
    if let Some(until) = filter.until {
        conditions.add_one("from_ts < ?", until);
    }
    conditions
}

fn gaps(
    db: &mut Db,
    mut conditions: Conditions,
    order: &str,
    limit: usize,
) -> Result<Vec<Entry>, DbFault> {
    let limit = conditions.value(i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT seq, source, count, from_ts, to_ts FROM gaps WHERE {} ORDER BY {order} LIMIT {limit}",
        conditions.sql()
    );
    let rows = db.rows(&sql, &conditions.values())?;
    rows.iter()
        .map(|row| Ok(Entry::Gap(gap_of(row)?)))
        .collect()
}

fn gap_of(row: &Row) -> Result<GapRow, DbFault> {
    Ok(GapRow {
        seq: row.try_get(0)?,
        source: string(row, 1)?,
        count: row.try_get::<_, i64>(2)?.cast_unsigned(),
        from_ts: row.try_get(3)?,
        to_ts: row.try_get(4)?,
    })
}
