//! A store of plain rows, for tests: what a filter means is asked of the filter itself.

use super::args::{ReadArgs, View};
use crate::console::Console;
use crate::model::{Checkpoint, ErrorKind, Kind, Status};
use crate::query::{
    Entry, Filter, GapRow, Order, Page, RequestRow, SessionFilter, SessionKey, SessionRow,
    SourceRow,
};
use crate::store::{Overview, Reader, RollupRow, StoreError};

/// 2026-11-21T01:30:08.318Z.
pub(super) const NOW: i64 = 1_795_224_608_318;

/// Rows in memory.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) entries: Vec<Entry>,
    pub(super) sessions: Vec<SessionRow>,
    /// The most entries that were ever fetched at once.
    pub(super) largest: usize,
}

impl Reader for Rows {
    fn entries(&mut self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        assert!((1..=Page::MAX_LIMIT).contains(&page.limit));
        let mut found: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| page.holds(entry.seq()))
            .filter(|entry| match entry {
                Entry::Request(row) => filter.matches(row),
                Entry::Gap(gap) => filter.matches_gap(gap),
            })
            .cloned()
            .collect();
        if page.order == Order::Descending {
            found.reverse();
        }
        found.truncate(page.limit);
        self.largest = self.largest.max(found.len());
        Ok(found)
    }

    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<SessionRow>, StoreError> {
        let mut found: Vec<_> = self
            .sessions
            .iter()
            .filter(|row| filter.matches(row))
            .cloned()
            .collect();
        found.sort_by_key(|row| row.last_seen_at);
        if let Some(limit) = filter.limit {
            found.drain(..found.len().saturating_sub(limit));
        }
        found.sort_by_key(|row| (row.started_at, row.proxy.clone(), row.session_id.clone()));
        Ok(found)
    }

    fn overview(&mut self) -> Result<Overview, StoreError> {
        let times = self.entries.iter().filter_map(|entry| match entry {
            Entry::Request(row) => Some(row.ts),
            Entry::Gap(_) => None,
        });
        Ok(Overview {
            last_seq: self.entries.iter().map(Entry::seq).max().unwrap_or(0),
            requests: times.clone().count() as u64,
            sessions: self.sessions.len() as u64,
            span: times.clone().min().zip(times.max()),
            ..Overview::default()
        })
    }

    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError> {
        Ok(Vec::new())
    }

    fn file_checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        Ok(Vec::new())
    }

    fn rollups(&mut self) -> Result<Vec<RollupRow>, StoreError> {
        Ok(Vec::new())
    }
}

/// A request of one second each, from 2026-11-21T01:27:02Z on.
pub(super) fn request(seq: i64, session: &str, tool: &str) -> RequestRow {
    RequestRow {
        seq,
        request_id: Some(seq.to_string()),
        ts: 1_795_224_422_000 + seq * 1_000,
        proxy: "everything".into(),
        kind: Kind::Mcp,
        session_id: Some(session.into()),
        session: Some(session.into()),
        client_name: Some("claude-desktop".into()),
        client_version: Some("1.2.0".into()),
        method: "tools/call".into(),
        tool: Some(tool.into()),
        resource_uri: None,
        prompt_name: None,
        latency_us: Some(5_295),
        upstream_us: None,
        status: Status::Ok,
        error_kind: None,
        error_code: None,
        error_msg: None,
        bytes_in: Some(163),
        bytes_out: Some(7_705),
    }
}

/// A request that was refused.
pub(super) fn refused(seq: i64, session: &str) -> RequestRow {
    RequestRow {
        status: Status::Error,
        error_kind: Some(ErrorKind::Rpc),
        error_code: Some("-32602".into()),
        error_msg: Some("tool nope not found".into()),
        ..request(seq, session, "nope")
    }
}

pub(super) fn gap(seq: i64, count: u64) -> Entry {
    let from_ts = 1_795_224_422_000 + seq * 1_000;
    Entry::Gap(GapRow {
        seq,
        source: "weather.log".into(),
        count,
        from_ts,
        to_ts: from_ts + 500,
    })
}

pub(super) fn session(key: &SessionKey, calls: i64) -> SessionRow {
    SessionRow {
        session_id: key.id.clone(),
        inferred: key.id.starts_with('~'),
        proxy: key.proxy.clone(),
        client_name: Some("claude-desktop".into()),
        client_version: Some("1.2.0".into()),
        started_at: 1_795_224_422_000,
        last_seen_at: 1_795_224_432_000,
        ended_at: None,
        total_calls: calls,
        total_errors: 1,
        conversation: None,
    }
}

pub(super) fn key(proxy: &str, id: &str) -> SessionKey {
    SessionKey {
        proxy: proxy.into(),
        id: id.into(),
    }
}

pub(super) const FIRST: &str = "2bdb4dcf-b09f-4c41-9733-03bc3e2ef539";
pub(super) const SECOND: &str = "e31fd88f-8982-403c-a091-6ef7e8f748bd";

/// Ten requests and a gap in two sessions, and one session without a call.
pub(super) fn sample() -> Rows {
    let mut entries: Vec<Entry> = (1..=10)
        .map(|seq| match seq {
            4 => gap(seq, 1_204),
            6 => Entry::Request(Box::new(refused(seq, SECOND))),
            7.. => Entry::Request(Box::new(request(seq, SECOND, "get-sum"))),
            _ => Entry::Request(Box::new(request(seq, FIRST, "echo"))),
        })
        .collect();
    let mut http = request(11, SECOND, "x");
    http.kind = Kind::Http;
    http.method = "DELETE".into();
    http.tool = None;
    entries.push(Entry::Request(Box::new(http)));
    let sessions = vec![
        session(&key("everything", FIRST), 4),
        session(&key("everything", SECOND), 5),
        session(&key("everything", "~0123abcd"), 0),
    ];
    Rows {
        entries,
        sessions,
        largest: 0,
    }
}

/// The view that these arguments give at [`NOW`] off a terminal.
pub(super) fn view(read: &ReadArgs, console: &mut Console) -> View {
    read.view(NOW, console).expect("sound arguments")
}
