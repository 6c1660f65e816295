//! What a store holds in all, by source and by hour.

use super::PAYLOADS_SINCE;
use crate::append::counter;
use crate::codes;
use crate::conditions::Conditions;
use crate::layout::{WAYS_SINCE, layout_of};
use crate::rollups::{fill_sums, late_counts};
use crate::shown::shown;
use crate::sums::rounded;
use mcpr_model::{BadLine, Counts, Text};
use mcpr_store::query::{BadLineRow, Cursor, NameKind, SourceRow};
use mcpr_store::{Overview, RollupKey, RollupRow};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

/// How many requests and gaps, at least, were removed between a place and the first one that is kept behind it.
/// Numbers are given out without a hole; those of bad lines are counted, or were once reported by their sources.
pub(super) fn gone_behind(connection: &Connection, place: Cursor) -> rusqlite::Result<u64> {
    let missing: i64 = connection
        .prepare_cached(
            "WITH span (first, last) AS (
                 SELECT ?1 + 1, ifnull(min(
                     ifnull((SELECT min(seq) FROM requests WHERE seq > ?1), 9223372036854775807),
                     ifnull((SELECT min(seq) FROM gaps WHERE seq > ?1), 9223372036854775807),
                     (SELECT value + 1 FROM counters WHERE name = 'last_seq')), ?1 + 1) - 1)
             SELECT last - first + 1
                    - (SELECT count(*) FROM bad_lines WHERE seq BETWEEN first AND last)
                    - max(0, (SELECT ifnull(sum(bad), 0) FROM sources)
                             - (SELECT count(*) FROM bad_lines))
             FROM span",
        )?
        .query_row([place.to_seq()], |row| row.get(0))?;
    Ok(u64::try_from(missing).unwrap_or(0))
}

pub(super) fn overview(connection: &Connection) -> rusqlite::Result<Overview> {
    let number = |sql: &str| -> rusqlite::Result<u64> {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    };
    let (payloads, payload_bytes) = if layout_of(connection)? < PAYLOADS_SINCE {
        (0, 0)
    } else {
        crate::payloads::totals(connection)?
    };
    Ok(Overview {
        payloads,
        payload_bytes,
        free_bytes: number(
            "SELECT page_size * freelist_count FROM pragma_page_size, pragma_freelist_count",
        )?,
        // Each table and each index has a page of its own from the beginning.
        base_bytes: number(
            "SELECT page_size * (SELECT count(*) FROM sqlite_schema WHERE rootpage > 0)
             FROM pragma_page_size",
        )?,
        // Batches count their requests, and are far fewer than these.
        requests: number(&format!("SELECT {} FROM batches", rounded("requests")))?,
        sessions: number("SELECT count(*) FROM sessions")?,
        gaps: number("SELECT count(*) FROM gaps")?,
        dropped: number(&format!("SELECT {} FROM gaps", rounded("count")))?,
        bad_lines_kept: number("SELECT count(*) FROM bad_lines")?,
        duplicates: counter(connection, "duplicates")?.cast_unsigned(),
        conflicts: counter(connection, "conflicts")?.cast_unsigned(),
        // A layout without this counter never had any.
        undecided: counter(connection, "undecided")
            .optional()?
            .unwrap_or_default()
            .cast_unsigned(),
        span: least_and_most(connection, "ts", "requests")?,
        last_seq: counter(connection, "last_seq")?,
        counts: counts(connection)?,
    })
}

/// Two look-ups at the ends of an index: asked for together, they would become a scan.
fn least_and_most(
    connection: &Connection,
    column: &str,
    table: &str,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let sql =
        format!("SELECT (SELECT min({column}) FROM {table}), (SELECT max({column}) FROM {table})");
    connection
        .prepare_cached(&sql)?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)))
}

pub(super) fn span(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let requests = least_and_most(connection, "ts", "requests")?;
    // Sums outlive the requests they were made of.
    let hours = least_and_most(connection, "hour", "rollups")?;
    Ok(match (requests, hours) {
        (Some((oldest, newest)), Some((first, last))) => {
            Some((oldest.min(first), newest.max(last)))
        }
        (requests, hours) => requests.or(hours),
    })
}

/// The first names of a kind that begin with a text.
pub(super) fn names(
    connection: &Connection,
    kind: NameKind,
    prefix: &str,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    let (name, names) = match kind {
        // A condition follows in any case, so that each has one to follow.
        NameKind::Proxy => ("name", "proxies WHERE 1"),
        NameKind::Method => ("method", "operations WHERE 1"),
        // Targets of the other kinds are resources and prompts.
        NameKind::Tool => ("target", "operations WHERE target_kind = 1"),
        NameKind::Client => ("name", "clients WHERE name IS NOT NULL"),
    };
    let mut conditions = Conditions::default();
    // Nobody completes what is longer than anything that is recorded today.
    conditions.add(&format!("octet_length({name}) <= 4096"), []);
    conditions.add_prefix(name, prefix);
    let sql = format!(
        "SELECT DISTINCT {name} FROM {names} AND {} ORDER BY {name} LIMIT ?",
        conditions.sql()
    );
    let mut values = conditions.values();
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect()
}

/// The column of secrets taken out, of which an older layout knows nothing.
fn redacted_column(connection: &Connection) -> rusqlite::Result<&'static str> {
    Ok(if layout_of(connection)? < PAYLOADS_SINCE {
        "0"
    } else {
        "redacted"
    })
}

/// The columns of the formats that were met and of samples, of which an older layout knows nothing.
fn ways_columns(connection: &Connection) -> rusqlite::Result<[&'static str; 2]> {
    let is_there = layout_of(connection)? >= WAYS_SINCE;
    Ok(if is_there {
        ["formats", "sampled"]
    } else {
        ["0", "0"]
    })
}

/// What is longer names no source and no file: they are cut at 4 KiB when they are recorded, and a page of names
/// of megabytes would be gigabytes.
const NAMES_A_SOURCE: &str = "octet_length(name) <= 65536";

pub(super) fn sources(
    connection: &Connection,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<SourceRow>> {
    let redacted = redacted_column(connection)?;
    let [formats, sampled] = ways_columns(connection)?;
    let mut conditions = Conditions::default();
    conditions.add(NAMES_A_SOURCE, []);
    // Only where there is a bound: with a term for both cases each page would go through all before it.
    if let Some(after) = after {
        conditions.add("name > ?", [after.to_owned().into()]);
    }
    let sql = format!(
        "SELECT lines, events, text, bad, unknown, filtered, dropped, nul_bytes, {redacted},
                {formats}, {sampled}, name, last_at
         FROM sources WHERE {} ORDER BY name LIMIT ?",
        conditions.sql()
    );
    let mut values = conditions.values();
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            let (name, last_at) = (row.get(11)?, row.get(12)?);
            Ok(SourceRow {
                name,
                counts: counts_of(row)?,
                last_at,
            })
        })?
        .collect()
}

/// The newest lines that did not decode, newest first.
pub(super) fn bad_lines(
    connection: &Connection,
    limit: usize,
) -> rusqlite::Result<Vec<BadLineRow>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            shown!("source", "seq"),
            ", offset, ",
            shown!("reason", "seq"),
            // As much as is ever recorded.
            ", substr(excerpt, 1, 4096), ts, seq FROM bad_lines ORDER BY seq DESC LIMIT ?1",
        ))?
        .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            let line = BadLine {
                source: Text::from(row.get_ref(0)?.as_str()?),
                offset: row.get::<_, i64>(1)?.cast_unsigned(),
                reason: row.get(2)?,
                excerpt: row.get(3)?,
                ts: row.get(4)?,
            };
            let seq = row.get(5)?;
            Ok(BadLineRow { seq, line })
        })?
        .collect()
}

fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let redacted = redacted_column(connection)?;
    // Each of these sums ends at the largest number instead of failing.
    let columns = [
        "lines",
        "events",
        "text",
        "bad",
        "unknown",
        "filtered",
        "dropped",
        "nul_bytes",
        redacted,
    ];
    let [_, sampled] = ways_columns(connection)?;
    let sql = format!(
        "SELECT {}, 0, ifnull(max({sampled}), 0) FROM sources",
        columns.map(rounded).join(", ")
    );
    connection.query_row(&sql, [], counts_of)
}

/// Reads the eleven columns `lines` … `sampled`, the first ones of a row.
fn counts_of(row: &Row<'_>) -> rusqlite::Result<Counts> {
    let mut numbers = [0; Counts::NUMBERS];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.get::<_, i64>(at)?.cast_unsigned();
    }
    Ok(Counts::from_numbers(&numbers))
}

/// Shows every rollup to `take`, hour by hour.
pub(super) fn rollups(
    connection: &Connection,
    take: &mut dyn FnMut(RollupRow),
) -> rusqlite::Result<()> {
    // By its short form: the name of a proxy is sorted with each of its sums.
    let [died, unseen, denied] = late_counts(connection)?;
    let names = concat!(
        "SELECT u.hour, ",
        shown!("p.name", "p.id"),
        ", o.kind, ",
        shown!("o.method", "o.id"),
        ", o.target_kind, ",
        shown!("o.target", "o.id"),
    );
    let mut statement = connection.prepare_cached(&format!(
        "{names}, u.calls, u.errors_rpc, u.errors_tool, u.errors_http, u.errors_cancelled,
                u.errors_timeout, {died}, {unseen}, {denied}, u.latency_sum_us, u.latency_min_us, u.latency_max_us,
                u.bytes_in, u.bytes_out, u.sketch
         FROM rollups u CROSS JOIN operations o ON o.id = u.operation CROSS JOIN proxies p NOT INDEXED ON p.id = o.proxy
         ORDER BY u.hour, 2, o.kind, 4, o.target_kind, 6",
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut sums = RollupRow::new(RollupKey {
            hour: row.get(0)?,
            proxy: Text::from(row.get_ref(1)?.as_str()?),
            kind: codes::kind(row, 2)?,
            method: Text::from(row.get_ref(3)?.as_str()?),
            target: codes::target(row, 4)?,
        });
        fill_sums(&mut sums, row, 6)?;
        take(sums);
    }
    Ok(())
}
