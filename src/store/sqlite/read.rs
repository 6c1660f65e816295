//! Answers: requests and gaps by page, sessions, totals.

use super::append::counter;
use super::conditions::{self, Conditions, matching_clients};
use super::errors::failed;
use super::requests::id_text;
use super::rollups::fill_sums;
use crate::model::{
    Checkpoint, Counts, ErrorKind, FileIdentity, Kind, Status, Target, TargetKind, Text,
};
use crate::query::{
    Entry, Filter, GapRow, Head, Order, Page, RequestRow, SessionFilter, SessionRow, SourceRow,
};
use crate::store::{Overview, Reader, RollupKey, RollupRow, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A request's id as text, from its stored form.
pub(super) const REQUEST_ID_TEXT: &str = "CASE typeof(r.request_id) WHEN 'blob' THEN
     lower(substr(hex(r.request_id), 1, 8) || '-' || substr(hex(r.request_id), 9, 4) || '-' ||
     substr(hex(r.request_id), 13, 4) || '-' || substr(hex(r.request_id), 17, 4) || '-' ||
     substr(hex(r.request_id), 21)) ELSE CAST(r.request_id AS TEXT) END";

const REQUEST_COLUMNS: &str = "r.seq, r.request_id, r.ts, p.name, o.kind, s.session_id, s.inferred,
     c.name, c.version, sc.name, sc.version, o.method, o.target_kind, o.target, r.latency_us,
     r.upstream_us, r.error_kind, r.error_code, r.error_msg, r.bytes_in, r.bytes_out";

/// LEFT joins, so that the sequence of `requests` always leads.
const REQUEST_TABLES: &str = "requests r LEFT JOIN operations o ON o.id = r.operation
     LEFT JOIN proxies p ON p.id = o.proxy LEFT JOIN sessions s ON s.id = r.session
     LEFT JOIN clients c ON c.id = r.client LEFT JOIN clients sc ON sc.id = s.client";

/// A store opened for reading only.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    path: PathBuf,
    identity: Option<FileIdentity>,
}

impl SqliteReader {
    pub(super) fn new(connection: Connection, path: PathBuf) -> Self {
        let identity = file_identity(&path);
        Self {
            connection,
            path,
            identity,
        }
    }

    /// Answers one question from one snapshot, which ends before the answer is used.
    fn ask<T>(
        &mut self,
        answer: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let snapshot = self.connection.transaction().and_then(|tx| answer(&tx));
        snapshot
            .map_err(failed("read the store"))
            .map_err(|error| error.at(&self.path))
    }
}

impl Reader for SqliteReader {
    fn entries(&mut self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        self.ask(|connection| entries(connection, filter, page))
    }

    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(|connection| sessions(connection, filter))
    }

    fn head(&mut self) -> Result<Head, StoreError> {
        self.ask(head)
    }

    fn is_current(&self) -> bool {
        self.identity.is_some() && self.identity == file_identity(&self.path)
    }

    fn overview(&mut self) -> Result<Overview, StoreError> {
        self.ask(overview)
    }

    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError> {
        self.ask(sources)
    }

    fn file_checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        self.ask(super::checkpoints)
    }

    fn rollups(&mut self) -> Result<Vec<RollupRow>, StoreError> {
        self.ask(rollups)
    }
}

fn file_identity(path: &Path) -> Option<FileIdentity> {
    path.metadata().ok().map(|metadata| FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let version = connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))?;
    let (mut store_id, mut last_seq) = (0, 0);
    let mut statement = connection.prepare_cached(
        "SELECT name = 'store_id', value FROM counters WHERE name IN ('store_id', 'last_seq')",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let value = if row.get(0)? {
            &mut store_id
        } else {
            &mut last_seq
        };
        *value = row.get(1)?;
    }
    Ok(Head {
        store_id,
        last_seq,
        version,
    })
}

fn entries(connection: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Vec<Entry>> {
    let page = Page {
        limit: page.limit.min(Page::MAX_LIMIT),
        ..page
    };
    let mut found = match conditions::of_filter(connection, filter)? {
        Some(conditions) => requests(connection, conditions, page)?,
        None => Vec::new(),
    };
    let gaps = gaps(connection, filter, page)?;
    if !gaps.is_empty() {
        found.extend(gaps);
        found.sort_by_key(Entry::seq);
        if page.order == Order::Descending {
            found.reverse();
        }
        found.truncate(page.limit);
    }
    Ok(found)
}

fn direction(page: Page) -> &'static str {
    match page.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    }
}

fn limit_value(page: Page) -> Value {
    Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX))
}

fn requests(
    connection: &Connection,
    mut conditions: Conditions,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    conditions.add_page("r.seq", page);
    let sql = format!(
        "SELECT {REQUEST_COLUMNS} FROM {REQUEST_TABLES} WHERE {} ORDER BY r.seq {} LIMIT ?",
        conditions.sql(),
        direction(page)
    );
    let mut values = conditions.values();
    values.push(limit_value(page));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            request_row(row).map(|row| Entry::Request(Box::new(row)))
        })?
        .collect()
}

fn gaps(connection: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Vec<Entry>> {
    let mut conditions = Conditions::default();
    if let Some(since) = filter.since {
        conditions.add("to_ts >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("from_ts < ?", [until.into()]);
    }
    conditions.add_page("seq", page);
    let sql = format!(
        "SELECT seq, source, count, from_ts, to_ts FROM gaps WHERE {} ORDER BY seq {} LIMIT ?",
        conditions.sql(),
        direction(page)
    );
    let mut values = conditions.values();
    values.push(limit_value(page));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            Ok(Entry::Gap(GapRow {
                seq: row.get(0)?,
                source: row.get(1)?,
                count: row.get::<_, i64>(2)?.cast_unsigned(),
                from_ts: row.get(3)?,
                to_ts: row.get(4)?,
            }))
        })?
        .collect()
}

fn request_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let listed: Option<String> = row.get(5)?;
    let inferred = row.get::<_, Option<bool>>(6)?.unwrap_or(false);
    let own: (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    let of_session: (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
    let (client_name, client_version) = if own.0.is_none() && of_session.0.is_some() {
        of_session
    } else {
        own
    };
    let target_kind: Option<usize> = row.get(12)?;
    let target = |kind: TargetKind| -> rusqlite::Result<Option<String>> {
        if target_kind == Some(kind as usize + 1) {
            row.get(13)
        } else {
            Ok(None)
        }
    };
    let error_kind = error_kind(row.get(16)?);
    Ok(RequestRow {
        seq: row.get(0)?,
        request_id: id_text(row.get_ref(1)?),
        ts: row.get(2)?,
        proxy: row.get(3)?,
        kind: kind(row.get(4)?),
        session_id: if inferred { None } else { listed.clone() },
        session: listed,
        client_name,
        client_version,
        method: row.get(11)?,
        tool: target(TargetKind::Tool)?,
        resource_uri: target(TargetKind::Resource)?,
        prompt_name: target(TargetKind::Prompt)?,
        latency_us: row.get(14)?,
        upstream_us: row.get(15)?,
        status: error_kind.map_or(Status::Ok, ErrorKind::status),
        error_kind,
        error_code: row.get(17)?,
        error_msg: row.get(18)?,
        bytes_in: row.get(19)?,
        bytes_out: row.get(20)?,
    })
}

fn kind(number: usize) -> Kind {
    Kind::ALL.get(number).copied().unwrap_or(Kind::Http)
}

fn error_kind(number: Option<usize>) -> Option<ErrorKind> {
    number.and_then(|number| ErrorKind::ALL.get(number.wrapping_sub(1)).copied())
}

fn sessions(connection: &Connection, filter: &SessionFilter) -> rusqlite::Result<Vec<SessionRow>> {
    let mut conditions = Conditions::default();
    if !filter.with_empty {
        conditions.add("s.total_calls > 0", []);
    }
    if let Some(proxy) = &filter.proxy {
        conditions.add("p.name = ?", [proxy.clone().into()]);
    }
    if let Some(since) = filter.since {
        conditions.add("s.last_seen_at >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("s.started_at < ?", [until.into()]);
    }
    if let Some(now) = filter.active_at {
        let least = now - SessionRow::ACTIVE_MS;
        conditions.add("s.ended_at IS NULL AND s.last_seen_at >= ?", [least.into()]);
    }
    if let Some(pattern) = &filter.client {
        let list = serde_json::to_string(&matching_clients(connection, pattern)?)
            .expect("numbers are JSON");
        conditions.add(
            "s.client IN (SELECT value FROM json_each(?))",
            [list.into()],
        );
    }
    if let Some(prefix) = filter.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
        conditions.add("s.session_id >= ?", [prefix.clone().into()]);
        conditions.add(
            "substr(s.session_id, 1, ?) = ?",
            [
                Value::Integer(i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX)),
                prefix.clone().into(),
            ],
        );
        if let Some(end) = after_prefix(prefix) {
            conditions.add("s.session_id < ?", [end.into()]);
        }
    }
    let sql = format!(
        "SELECT s.session_id, s.inferred, p.name, c.name, c.version, s.started_at, s.last_seen_at,
                s.ended_at, s.total_calls, s.total_errors
         FROM sessions s JOIN proxies p ON p.id = s.proxy LEFT JOIN clients c ON c.id = s.client
         WHERE {} ORDER BY s.last_seen_at DESC, s.started_at DESC, p.name, s.session_id LIMIT ?",
        conditions.sql()
    );
    let mut values = conditions.values();
    let limit = filter
        .limit
        .and_then(|limit| i64::try_from(limit).ok())
        .unwrap_or(-1);
    values.push(limit.into());
    let mut found: Vec<SessionRow> = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), session_row)?
        .collect::<rusqlite::Result<_>>()?;
    found.sort_by(|left, right| {
        (left.started_at, &left.proxy, &left.session_id).cmp(&(
            right.started_at,
            &right.proxy,
            &right.session_id,
        ))
    });
    Ok(found)
}

/// The smallest text that is greater than every text with this prefix, where there is one.
fn after_prefix(prefix: &str) -> Option<String> {
    let last = prefix.chars().next_back()?;
    let next = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32)?;
    let mut end = prefix[..prefix.len() - last.len_utf8()].to_owned();
    end.push(next);
    Some(end)
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        session_id: row.get(0)?,
        inferred: row.get(1)?,
        proxy: row.get(2)?,
        client_name: row.get(3)?,
        client_version: row.get(4)?,
        started_at: row.get(5)?,
        last_seen_at: row.get(6)?,
        ended_at: row.get(7)?,
        total_calls: row.get(8)?,
        total_errors: row.get(9)?,
    })
}

fn overview(connection: &Connection) -> rusqlite::Result<Overview> {
    let number = |sql: &str| -> rusqlite::Result<u64> {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    };
    let span = connection.query_row(
        "SELECT (SELECT min(ts) FROM requests), (SELECT max(ts) FROM requests)",
        [],
        |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)),
    )?;
    Ok(Overview {
        requests: number("SELECT ifnull(sum(requests), 0) FROM batches")?,
        sessions: number("SELECT count(*) FROM sessions")?,
        gaps: number("SELECT count(*) FROM gaps")?,
        dropped: number("SELECT ifnull(sum(count), 0) FROM gaps")?,
        bad_lines_kept: number("SELECT count(*) FROM bad_lines")?,
        duplicates: counter(connection, "duplicates")?.cast_unsigned(),
        conflicts: counter(connection, "conflicts")?.cast_unsigned(),
        span,
        last_seq: counter(connection, "last_seq")?,
        counts: counts(connection)?,
    })
}

fn sources(connection: &Connection) -> rusqlite::Result<Vec<SourceRow>> {
    connection
        .prepare_cached(
            "SELECT lines, events, text, bad, unknown, filtered, dropped, nul_bytes, name, last_at
             FROM sources ORDER BY name",
        )?
        .query_map([], |row| {
            let (name, last_at) = (row.get(8)?, row.get(9)?);
            Ok(SourceRow {
                name,
                counts: counts_of(row)?,
                last_at,
            })
        })?
        .collect()
}

fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    connection.query_row(
        "SELECT ifnull(sum(lines), 0), ifnull(sum(events), 0), ifnull(sum(text), 0),
                ifnull(sum(bad), 0), ifnull(sum(unknown), 0), ifnull(sum(filtered), 0),
                ifnull(sum(dropped), 0), ifnull(sum(nul_bytes), 0) FROM sources",
        [],
        counts_of,
    )
}

/// Reads the eight columns `lines` … `nul_bytes`, the first ones of a row.
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
    })
}

fn rollups(connection: &Connection) -> rusqlite::Result<Vec<RollupRow>> {
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
