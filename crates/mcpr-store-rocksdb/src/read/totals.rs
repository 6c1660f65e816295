//! Sessions, and what a store holds in all.

use crate::append::{GAP, PAYLOAD, StoredLine, gap_seq};
use crate::columns::Column;
use crate::keys::Key;
use crate::rows::{self, of_time};
use crate::sessions;
use crate::sources;
use crate::state::State;
use crate::view::View;
use mcpr_model::{BadLine, Counts};
use mcpr_store::query::{
    BadLineRow, Cursor, Head, Order, Page, SessionFilter, SessionOrder, SessionPage, SessionRow,
};
use mcpr_store::{Overview, StoreError};

/// One page of sessions.
pub(super) fn sessions(
    view: &View<'_>,
    filter: &SessionFilter,
    page: &SessionPage,
) -> Result<Vec<SessionRow>, StoreError> {
    // An id or a beginning of one leaves few: these are sorted and cut as a whole.
    let prefix = filter.prefix.as_deref().filter(|prefix| !prefix.is_empty());
    if let Some(id) = filter.id.as_deref().or(prefix) {
        let mut rows = Vec::new();
        for number in sessions::numbers_of_id(view, id, filter.id.is_some())? {
            rows.extend(sessions::by_number(view, number)?);
        }
        return Ok(page.of(filter, rows));
    }
    let limit = page.limit.min(Page::MAX_LIMIT);
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    sessions::each_in_order(view, page.order, page.after.as_ref(), &mut |row| {
        // What comes behind is older, or younger, than all that is asked for.
        let is_past = match page.order {
            SessionOrder::Used => filter.since.is_some_and(|since| row.last_seen_at < since),
            SessionOrder::Started => filter.until.is_some_and(|until| row.started_at >= until),
        };
        if !is_past && filter.matches(&row) {
            found.push(row);
        }
        !is_past && found.len() < limit
    })?;
    Ok(found)
}

pub(super) fn head(view: &View<'_>) -> Result<Head, StoreError> {
    let state = State::stored(view)?;
    Ok(Head {
        store_id: state.store_id,
        cursor: Cursor::from_seq(state.last_seq),
        version: state.commits,
    })
}

/// The first number behind one under the keys of a sort.
fn first_behind(
    view: &View<'_>,
    column: Column,
    sort: Key,
    seq: i64,
) -> Result<Option<i64>, StoreError> {
    let end = sort.end();
    let from = sort.signed(seq.saturating_add(1));
    let found = view.first(column, (from, end), Order::Ascending)?;
    let seq_of = |key: &[u8]| match column {
        Column::Gaps => gap_seq(key),
        _ => rows::seq_of(key),
    };
    found.map(|(key, _)| seq_of(&key)).transpose()
}

pub(super) fn gone_behind(view: &View<'_>, place: Cursor) -> Result<u64, StoreError> {
    let (state, seq) = (State::stored(view)?, place.to_seq());
    let request = first_behind(view, Column::Requests, Key::new(), seq)?;
    let gap = first_behind(view, Column::Gaps, Key::of(GAP), seq)?;
    let first = request.into_iter().chain(gap).min();
    let first = first.unwrap_or(state.last_seq + 1);
    let mut kept: i64 = 0;
    let range = (rows::key_of(seq.saturating_add(1)), rows::key_of(first));
    view.walk(Column::BadLines, range, Order::Ascending, &mut |_, _| {
        // A bad line has a number of the same row, and is not missing.
        kept += 1;
        Ok(true)
    })?;
    // Lines that were once kept and made room for others had numbers, too.
    let counted = counts(view)?.bad.cast_signed();
    let removed = counted.saturating_sub(state.bad_lines.cast_signed()).max(0);
    let missing = first.saturating_sub(seq).saturating_sub(1);
    Ok(u64::try_from(missing - kept - removed).unwrap_or(0))
}

/// What was met in all sources together.
fn counts(view: &View<'_>) -> Result<Counts, StoreError> {
    let mut sum = Counts::default();
    for source in sources::listed(view, None, usize::MAX)? {
        sum.add(&source.counts);
    }
    Ok(sum)
}

/// The times of the oldest and the newest request.
pub(super) fn span(view: &View<'_>) -> Result<Option<(i64, i64)>, StoreError> {
    let end = |order| {
        let found = view.first(Column::Times, Key::new().all(), order)?;
        found
            .map(|(key, value)| Ok(of_time(&key, &value)?.0))
            .transpose()
    };
    let first: Option<i64> = end(Order::Ascending)?;
    Ok(first.zip(end(Order::Descending)?))
}

pub(super) fn overview(view: &View<'_>) -> Result<Overview, StoreError> {
    let state = State::stored(view)?;
    Ok(Overview {
        requests: state.requests,
        sessions: state.sessions,
        gaps: state.gaps,
        dropped: state.dropped,
        bad_lines_kept: state.bad_lines,
        duplicates: state.duplicates,
        conflicts: state.conflicts,
        undecided: state.undecided,
        payloads: state.payloads,
        payload_bytes: state.payload_bytes,
        // What is removed goes when its tables are written anew: no room is kept free for what comes.
        free_bytes: 0,
        base_bytes: 0,
        span: span(view)?,
        last_seq: state.last_seq,
        counts: counts(view)?,
    })
}

pub(super) fn payload_span(view: &View<'_>) -> Result<Option<(Cursor, Cursor)>, StoreError> {
    let end = |order| {
        let found = view.first(Column::Payloads, Key::of(PAYLOAD).all(), order)?;
        found
            .map(|(key, _)| Ok(Cursor::from_seq(rows::seq_of(&key[1..])?)))
            .transpose()
    };
    let first: Option<Cursor> = end(Order::Ascending)?;
    Ok(first.zip(end(Order::Descending)?))
}

/// The bad lines that are kept, the newest first.
pub(super) fn bad_lines(view: &View<'_>, limit: usize) -> Result<Vec<BadLineRow>, StoreError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(found);
    }
    view.walk(
        Column::BadLines,
        Key::new().all(),
        Order::Descending,
        &mut |key, bytes| {
            let stored: StoredLine = crate::codec::unseal(key, bytes)?;
            let line = BadLine {
                source: stored.source.into(),
                offset: stored.offset,
                reason: stored.reason,
                excerpt: stored.excerpt,
                ts: stored.ts,
            };
            found.push(BadLineRow {
                seq: rows::seq_of(key)?,
                line,
            });
            Ok(found.len() < limit)
        },
    )?;
    Ok(found)
}
