//! Requests of another program's store in order of time. Its tables may have no index for that, so the
//! places of many rows are read at once, and kept from page to page.

use super::requests::{conditions, each};
use super::{Conditions, Fault, Source};
use crate::places::{MAX_PLACES, Part};
use mcpr_store::query::{Cursor, Entry, Filter, Order, Page, Place, RequestRow, TimePage};
use rusqlite::params_from_iter;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The list that was read last: in which state of the store, and what its places are chosen by.
pub(super) type Listed = Part<(i64, String)>;

/// One page of the requests that match.
pub(super) fn page(
    source: &Source<'_>,
    part: &mut Listed,
    filter: &Filter,
    page: TimePage,
) -> Result<Vec<Entry>, Fault> {
    let limit = page.limit.min(Page::MAX_LIMIT);
    let mut begin = match page.order {
        Order::Ascending => page.after,
        Order::Descending => page.before,
    };
    let mut found = Vec::new();
    // Places are chosen by less than the whole filter, so that a page may need several loads.
    while found.len() < limit {
        let of = (source.pairs.version, listing(filter, page));
        let load = || load(source, filter, page, begin);
        let places = part.following(of, page.order, begin, load)?;
        let Some(last) = places.last() else {
            break;
        };
        begin = Some(*last);
        let mut rows = rows_at(source, &places)?;
        // Back into the order of the places: the rows come by their ids.
        let rows = places.iter().filter_map(|place| rows.remove(&place.seq));
        let entries = rows
            .filter(|row| filter.matches(row, None))
            .map(|row| Entry::Request(Box::new(row)))
            .filter(|entry| page.holds(entry));
        found.extend(entries);
    }
    found.truncate(limit);
    Ok(found)
}

fn rows_at(source: &Source<'_>, places: &[Place]) -> Result<HashMap<i64, RequestRow>, Fault> {
    let numbers: Vec<i64> = places.iter().map(|place| place.seq).collect();
    let mut here = Conditions::default();
    here.add_list("r.id", &numbers);
    let mut rows = HashMap::with_capacity(places.len());
    each(source, here, Order::Ascending, |row| {
        rows.insert(row.seq, row);
        ControlFlow::Continue(())
    })?;
    Ok(rows)
}

/// What makes two pages parts of one listing: what the places are chosen by.
fn listing(filter: &Filter, page: TimePage) -> String {
    let Filter {
        since,
        until,
        proxy,
        session,
        ..
    } = filter;
    format!(
        "{since:?} {until:?} {proxy:?} {session:?} {page:?}",
        page = page.order
    )
}

fn load(
    source: &Source<'_>,
    filter: &Filter,
    page: TimePage,
    begin: Option<Place>,
) -> Result<Vec<Place>, Fault> {
    let (sign, direction) = match page.order {
        Order::Ascending => ('>', "ASC"),
        Order::Descending => ('<', "DESC"),
    };
    let all = Page {
        after: None,
        ..Page::after(Cursor::START, Page::MAX_LIMIT)
    };
    let mut conditions = conditions(source, filter, all);
    if let Some(place) = begin {
        // The first term is implied by the second, and is one that an index over times can be used
        // for.
        let clause = format!("r.ts {sign}= ? AND (r.ts {sign} ? OR r.id {sign} ?)");
        conditions.add(
            &clause,
            [place.ts.into(), place.ts.into(), place.seq.into()],
        );
    }
    let sql = format!(
        "SELECT r.ts, r.id FROM requests r WHERE {} \
         ORDER BY r.ts {direction}, r.id {direction} LIMIT {MAX_PLACES}",
        conditions.sql()
    );
    let mut statement = source.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(1)?;
        let ts = row.get(0);
        let ts = ts.map_err(|error| Fault::in_row(format!("request {seq}"), error))?;
        places.push(Place { ts, seq });
    }
    Ok(places)
}
