//! What a store holds in all, by source and by hour.

use super::PAYLOADS_SINCE;
use super::entries::kind;
use crate::model::{BadLine, Counts, Target, TargetKind, Text};
use crate::query::{Names, SourceRow};
use crate::store::sqlite::append::counter;
use crate::store::sqlite::open::layout_of;
use crate::store::sqlite::rollups::fill_sums;
use crate::store::sqlite::sums::rounded;
use crate::store::{Overview, RollupKey, RollupRow};
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;

pub(super) fn overview(connection: &Connection) -> rusqlite::Result<Overview> {
    let number = |sql: &str| -> rusqlite::Result<u64> {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    };
    let (payloads, payload_bytes) = if layout_of(connection)? < PAYLOADS_SINCE {
        (0, 0)
    } else {
        crate::store::sqlite::payloads::totals(connection)?
    };
    Ok(Overview {
        payloads,
        payload_bytes,
        requests: number(&format!("SELECT {} FROM batches", rounded("requests")))?,
        sessions: number("SELECT count(*) FROM sessions")?,
        gaps: number("SELECT count(*) FROM gaps")?,
        dropped: number(&format!("SELECT {} FROM gaps", rounded("count")))?,
        bad_lines_kept: number("SELECT count(*) FROM bad_lines")?,
        duplicates: counter(connection, "duplicates")?.cast_unsigned(),
        conflicts: counter(connection, "conflicts")?.cast_unsigned(),
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
    let hours = least_and_most(connection, "hour", "rollups")?;
    Ok(match (requests, hours) {
        (Some((oldest, newest)), Some((first, last))) => {
            Some((oldest.min(first), newest.max(last)))
        }
        (requests, hours) => requests.or(hours),
    })
}

pub(super) fn names(connection: &Connection) -> rusqlite::Result<Names> {
    let all = |sql: &str| -> rusqlite::Result<BTreeSet<String>> {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    Ok(Names {
        proxies: all("SELECT name FROM proxies")?,
        methods: all("SELECT DISTINCT method FROM operations")?,
        tools: all("SELECT DISTINCT target FROM operations WHERE target_kind = 1")?,
        clients: all("SELECT DISTINCT name FROM clients WHERE name IS NOT NULL")?,
    })
}

/// The column of secrets taken out, of which an older layout knows nothing.
fn redacted_column(connection: &Connection) -> rusqlite::Result<&'static str> {
    Ok(if layout_of(connection)? < PAYLOADS_SINCE {
        "0"
    } else {
        "redacted"
    })
}

pub(super) fn sources(connection: &Connection) -> rusqlite::Result<Vec<SourceRow>> {
    let redacted = redacted_column(connection)?;
    connection
        .prepare_cached(&format!(
            "SELECT lines, events, text, bad, unknown, filtered, dropped, nul_bytes, {redacted},
                    name, last_at
             FROM sources ORDER BY name"
        ))?
        .query_map([], |row| {
            let (name, last_at) = (row.get(9)?, row.get(10)?);
            Ok(SourceRow {
                name,
                counts: counts_of(row)?,
                last_at,
            })
        })?
        .collect()
}

/// The newest lines that did not decode, newest first.
pub(super) fn bad_lines(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<BadLine>> {
    connection
        .prepare_cached(
            "SELECT source, offset, reason, excerpt, ts FROM bad_lines ORDER BY seq DESC LIMIT ?1",
        )?
        .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok(BadLine {
                source: Text::from(row.get_ref(0)?.as_str()?),
                offset: row.get::<_, i64>(1)?.cast_unsigned(),
                reason: row.get(2)?,
                excerpt: row.get(3)?,
                ts: row.get(4)?,
            })
        })?
        .collect()
}

fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let redacted = redacted_column(connection)?;
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
    let sql = format!("SELECT {} FROM sources", columns.map(rounded).join(", "));
    connection.query_row(&sql, [], counts_of)
}

/// Reads the nine columns `lines` … `redacted`, the first ones of a row.
fn counts_of(row: &Row<'_>) -> rusqlite::Result<Counts> {
    Ok(Counts {
        lines: row.get(0)?,
        events: row.get(1)?,
        text: row.get(2)?,
        bad: row.get(3)?,
        unknown: row.get(4)?,
        filtered: row.get(5)?,
        dropped: row.get(6)?,
        nul_bytes: row.get(7)?,
        redacted: row.get(8)?,
    })
}

pub(super) fn rollups(connection: &Connection) -> rusqlite::Result<Vec<RollupRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT u.hour, p.name, o.kind, o.method, o.target_kind, o.target,
                u.calls, u.errors_rpc, u.errors_tool, u.errors_http, u.errors_cancelled,
                u.errors_timeout, u.latency_sum_us, u.latency_min_us, u.latency_max_us,
                u.bytes_in, u.bytes_out, u.sketch
         FROM rollups u JOIN operations o ON o.id = u.operation JOIN proxies p ON p.id = o.proxy
         ORDER BY u.hour, p.name, o.kind, o.method, o.target_kind, o.target",
    )?;
    let rows = statement.query_map([], |row| {
        let name: Option<String> = row.get(5)?;
        let target_kind = row
            .get::<_, Option<usize>>(4)?
            .and_then(|number| TargetKind::ALL.get(number.wrapping_sub(1)).copied());
        let mut sums = RollupRow::new(RollupKey {
            hour: row.get(0)?,
            proxy: Text::from(row.get_ref(1)?.as_str()?),
            kind: kind(row.get(2)?),
            method: Text::from(row.get_ref(3)?.as_str()?),
            target: target_kind.zip(name).map(|(kind, name)| Target {
                kind,
                name: name.into(),
            }),
        });
        fill_sums(&mut sums, row, 6)?;
        Ok(sums)
    })?;
    rows.collect()
}
