//! A store of plain rows, for tests: what a filter means is asked of the filter itself.

use super::args::{ReadArgs, View};
use crate::console::Console;
use mcpr_model::{Checkpoint, ErrorKind, Kind, Payload, ServerRun, Status};
use mcpr_store::query::{
    BadLineRow, ClientRow, Cursor, Entry, Filter, GapRow, Head, NameKind, OpenRow, Order, Page,
    Pattern, RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow, SourceRow,
    StatsQuestion, StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage,
};
use mcpr_store::{Overview, Reader, RollupRow, StoreError, fold};
use std::cell::Cell;
use std::time::Duration;

/// 2026-11-21T01:30:08.318Z.
pub(super) const NOW: i64 = 1_795_224_608_318;

/// Rows in memory.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) entries: Vec<Entry>,
    pub(super) sessions: Vec<SessionRow>,
    /// What is in flight.
    pub(super) open: Vec<OpenRow>,
    /// The servers of taps, all of which died.
    pub(super) runs: Vec<ServerRun>,
    /// Requests that were removed behind whatever place is asked for.
    pub(super) gone: u64,
    /// The most entries that were ever fetched at once.
    pub(super) largest: Cell<usize>,
    /// How many entries and sessions were fetched in all, and in how many pages.
    pub(super) fetched: Cell<usize>,
    pub(super) pages: Cell<usize>,
    /// What servers showed.
    pub(super) surfaces: Surfaces,
    /// The most versions of lists that were ever fetched at once, and the most bytes of texts.
    pub(super) most_versions: Cell<usize>,
    pub(super) most_text: Cell<usize>,
}

impl Rows {
    fn fetch(&self, count: usize) {
        self.largest.set(self.largest.get().max(count));
        self.fetched.set(self.fetched.get() + count);
        self.pages.set(self.pages.get() + 1);
    }

    /// Hands over versions of lists, and remembers how much of them at most.
    fn versions(&self, versions: &[SurfaceRow]) {
        let text = versions.iter().map(|row| row.payload.len()).sum();
        self.most_text.set(self.most_text.get().max(text));
        let count = versions.len();
        self.most_versions.set(self.most_versions.get().max(count));
    }

    fn one(&self, found: Option<&SurfaceRow>) -> Option<SurfaceRow> {
        self.versions(found.map(std::slice::from_ref).unwrap_or_default());
        found.cloned()
    }
}

impl Reader for Rows {
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        assert!((1..=Page::MAX_LIMIT).contains(&page.limit));
        let mut found: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| page.holds(entry.cursor()))
            .filter(|entry| match entry {
                Entry::Request(row) => filter.matches(row, None),
                Entry::Gap(gap) => filter.matches_gap(gap),
            })
            .cloned()
            .collect();
        if page.order == Order::Descending {
            found.reverse();
        }
        found.truncate(page.limit);
        self.fetch(found.len());
        Ok(found)
    }

    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        assert!((1..=Page::MAX_LIMIT).contains(&page.limit));
        let mut found: Vec<Entry> = self
            .entries
            .iter()
            .filter(|entry| page.holds(entry))
            .filter(|entry| match entry {
                Entry::Request(row) => filter.matches(row, None),
                Entry::Gap(gap) => filter.matches_gap(gap),
            })
            .cloned()
            .collect();
        found.sort_by_key(Entry::place);
        if page.order == Order::Descending {
            found.reverse();
        }
        found.truncate(page.limit);
        self.fetch(found.len());
        Ok(found)
    }

    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        Ok(self.entries.iter().find_map(|entry| match entry {
            Entry::Request(row) if row.seq == seq => Some((**row).clone()),
            _ => None,
        }))
    }

    fn open_requests(&self, filter: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        Ok(OpenRow::listed(self.open.clone(), filter))
    }

    fn server_run(&self, session: &SessionKey) -> Result<Option<ServerRun>, StoreError> {
        let is_it =
            |run: &&ServerRun| *run.proxy == *session.proxy && *run.session_id == *session.id;
        Ok(self.runs.iter().find(is_it).cloned())
    }

    fn server_deaths(&self, _: i64, _: i64, _: usize) -> Result<Vec<ServerRun>, StoreError> {
        Ok(self.runs.clone())
    }

    fn server_outputs(&self, _: Option<&Pattern>, _: usize) -> Result<Vec<ServerRun>, StoreError> {
        Ok(self.runs.clone())
    }

    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let found = page.of(filter, self.sessions.clone());
        self.fetch(found.len());
        Ok(found)
    }

    fn head(&self) -> Result<Head, StoreError> {
        let last_seq = self.overview()?.last_seq;
        Ok(Head {
            store_id: 0,
            cursor: Cursor::from_seq(last_seq),
            version: last_seq,
        })
    }

    fn gone_behind(&self, _: Cursor) -> Result<u64, StoreError> {
        Ok(self.gone)
    }

    fn watch(&self, _: Head, _: Duration) -> Result<Head, StoreError> {
        self.head()
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(self.overview()?.span)
    }

    fn slowest(&self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        fold::slowest(self, filter, limit)
    }

    fn stats(&self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        fold::stats(self, question)
    }

    fn clients(&self, filter: &SessionFilter, most: usize) -> Result<Vec<ClientRow>, StoreError> {
        fold::clients(self, filter, most)
    }

    fn names(&self, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        fold::names(self, kind, prefix, limit)
    }

    fn payloads(&self, _: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError> {
        Ok(Vec::new())
    }

    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError> {
        Ok(None)
    }

    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError> {
        let found = self.surfaces.clone().on(page);
        self.versions(&found.versions);
        Ok(found)
    }

    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        Ok(self.one(self.surfaces.in_force(proxy, method, at)))
    }

    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        Ok(self.one(self.surfaces.version_of(proxy, method, version)))
    }

    fn surface_count(&self) -> Result<u64, StoreError> {
        Ok(self.surfaces.versions.len() as u64)
    }

    fn bad_lines(&self, _: usize) -> Result<Vec<BadLineRow>, StoreError> {
        Ok(Vec::new())
    }

    fn keys(&self, _: i64, _: i64) -> Result<Vec<StoredKey>, StoreError> {
        Ok(Vec::new())
    }

    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        let rows = self.entries.iter().rev().filter_map(|entry| match entry {
            Entry::Request(row) if row.request_id.as_deref() == Some(id) => Some((**row).clone()),
            _ => None,
        });
        Ok(rows.take(limit).collect())
    }

    fn overview(&self) -> Result<Overview, StoreError> {
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

    fn sources(&self, _: Option<&str>, _: usize) -> Result<Vec<SourceRow>, StoreError> {
        Ok(Vec::new())
    }

    fn file_checkpoints(
        &self,
        _: Option<&Checkpoint>,
        _: usize,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        Ok(Vec::new())
    }

    fn rollups(&self, _: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A request of one second each, from 2026-11-21T01:27:02Z on.
pub(super) fn request(seq: i64, session: &str, tool: &str) -> RequestRow {
    RequestRow {
        seq,
        request_id: Some(seq.to_string()),
        ts: 1_795_224_422_000 + seq * 1_000,
        proxy: "everything".into(),
        session_id: Some(session.into()),
        session: Some(session.into()),
        client_name: Some("claude-desktop".into()),
        client_version: Some("1.2.0".into()),
        method: "tools/call".into(),
        tool: Some(tool.into()),
        latency_us: Some(5_295),
        bytes_in: Some(163),
        bytes_out: Some(7_705),
        ..RequestRow::default()
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
        ..Rows::default()
    }
}

/// The view that these arguments give at [`NOW`] off a terminal.
pub(super) fn view(read: &ReadArgs, console: &mut Console) -> View {
    read.view(NOW, console).expect("sound arguments")
}
