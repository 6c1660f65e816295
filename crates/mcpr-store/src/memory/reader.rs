//! The answers of a store in memory: each from a look at everything.

use super::{Logged, MemoryStore};
use crate::query::{
    BadLineRow, ClientRow, Cursor, Entry, Filter, GapRow, Head, NameKind, OpenRow, Order, Page,
    Pattern, RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow, SourceRow,
    StatsQuestion, StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage,
};
use crate::{Overview, PollSchedule, Reader, RollupRow, StoreError, fold};
use mcpr_model::{Checkpoint, Counts, Payload, ServerRun};
use std::time::Duration;

impl MemoryStore {
    /// What passes a filter, in no order.
    fn listed(&self, filter: &Filter) -> Vec<Entry> {
        let state = self.state();
        let listing = state.sessions();
        let requests = state
            .requests()
            .map(|(seq, request)| listing.row(seq, request))
            .filter(|row| filter.matches(row, state.payloads.get(&row.seq)))
            .map(|row| Entry::Request(Box::new(row)));
        let gaps = state
            .gaps()
            .map(|(seq, gap)| GapRow {
                seq,
                source: gap.source.to_string(),
                count: gap.count,
                from_ts: gap.from_ts,
                to_ts: gap.to_ts,
            })
            .filter(|gap| filter.matches_gap(gap))
            .map(Entry::Gap);
        requests.chain(gaps).collect()
    }
}

impl Reader for MemoryStore {
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.listed(filter);
        entries.retain(|entry| page.holds(entry.cursor()));
        entries.sort_by_key(Entry::seq);
        if page.order == Order::Descending {
            entries.reverse();
        }
        entries.truncate(page.limit.min(Page::MAX_LIMIT));
        Ok(entries)
    }

    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.listed(filter);
        entries.retain(|entry| page.holds(entry));
        entries.sort_by_key(Entry::place);
        if page.order == Order::Descending {
            entries.reverse();
        }
        entries.truncate(page.limit.min(Page::MAX_LIMIT));
        Ok(entries)
    }

    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        let state = self.state();
        let mut requests = state.requests();
        let found = requests.find(|(stored, _)| *stored == seq);
        Ok(found.map(|(seq, request)| state.sessions().row(seq, request)))
    }

    fn open_requests(&self, filter: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        Ok(self.state().open_rows(filter))
    }

    fn server_run(&self, session: &SessionKey) -> Result<Option<ServerRun>, StoreError> {
        Ok(self.state().runs.get(session).cloned())
    }

    fn server_deaths(
        &self,
        since: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        Ok(self.state().deaths(since, until, limit))
    }

    fn server_outputs(
        &self,
        proxy: Option<&Pattern>,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        Ok(self.state().outputs(proxy, limit))
    }

    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError> {
        Ok(page.of(filter, self.state().sessions().rows()))
    }

    fn head(&self) -> Result<Head, StoreError> {
        let state = self.state();
        Ok(Head {
            store_id: 0,
            cursor: Cursor::from_seq(state.last_seq),
            version: state.commits,
        })
    }

    fn gone_behind(&self, place: Cursor) -> Result<u64, StoreError> {
        let state = self.state();
        let kept = state.requests().map(|(seq, _)| seq);
        let kept = kept.chain(state.gaps().map(|(seq, _)| seq));
        let first = kept.filter(|seq| *seq > place.to_seq()).min();
        let end = first.unwrap_or(state.last_seq + 1);
        let missing = end - place.to_seq() - 1;
        // Bad lines have numbers too, of which nothing is known here.
        let bad = i64::try_from(state.bad_lines.len()).unwrap_or(i64::MAX);
        Ok(u64::try_from(missing - bad).unwrap_or(0))
    }

    fn watch(&self, seen: Head, timeout: Duration) -> Result<Head, StoreError> {
        let mut wait = |timeout| {
            std::thread::sleep(timeout);
            false
        };
        PollSchedule::default().watch(seen, timeout, &mut wait, &mut || self.head())
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        fold::span(self)
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

    fn overview(&self) -> Result<Overview, StoreError> {
        let state = self.state();
        let times = || state.requests().map(|(_, request)| request.ts);
        Ok(Overview {
            requests: state.requests().count() as u64,
            sessions: state.sessions().rows().len() as u64,
            gaps: state.gaps().count() as u64,
            dropped: state
                .gaps()
                .fold(0, |sum: u64, (_, gap)| sum.saturating_add(gap.count)),
            bad_lines_kept: state.bad_lines.len() as u64,
            duplicates: state.duplicates,
            conflicts: state.conflicts,
            undecided: state.undecided,
            payloads: state.payloads.len() as u64,
            payload_bytes: state
                .payloads
                .values()
                .map(|it| it.len_bytes() as u64)
                .sum(),
            // In memory nothing is laid out.
            free_bytes: 0,
            base_bytes: 0,
            span: times().min().zip(times().max()),
            last_seq: state.last_seq,
            counts: state
                .sources
                .values()
                .fold(Counts::default(), |mut sum, row| {
                    sum.add(&row.counts);
                    sum
                }),
        })
    }

    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        let state = self.state();
        let listing = state.sessions();
        let mut rows: Vec<RequestRow> = state
            .requests()
            .map(|(seq, request)| listing.row(seq, request))
            .filter(|row| row.request_id.as_deref() == Some(id))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.ts, row.seq)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn bad_lines(&self, limit: usize) -> Result<Vec<BadLineRow>, StoreError> {
        let state = self.state();
        let newest = state.bad_lines.iter().rev().take(limit);
        Ok(newest.cloned().collect())
    }

    fn sources(&self, after: Option<&str>, limit: usize) -> Result<Vec<SourceRow>, StoreError> {
        let state = self.state();
        let rows = state.sources.values();
        let rows = rows.filter(|row| after.is_none_or(|after| *row.name > *after));
        Ok(rows.take(limit.min(Page::MAX_LIMIT)).cloned().collect())
    }

    fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError> {
        let state = self.state();
        let kept = state.payloads.iter();
        let kept = kept.filter(|(seq, _)| seqs.contains(seq));
        Ok(kept.map(|(seq, payload)| (*seq, payload.clone())).collect())
    }

    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError> {
        let payloads = &self.state().payloads;
        let (first, last) = (payloads.keys().min(), payloads.keys().max());
        let cursor = |seq: Option<&i64>| seq.copied().map(Cursor::from_seq);
        Ok(cursor(first).zip(cursor(last)))
    }

    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError> {
        let state = self.state();
        let mut surfaces = state.shown.surfaces().on(page);
        let sessions = state.sessions();
        for version in &mut surfaces.versions {
            let of_session = |row: &&SessionRow| {
                row.proxy == version.proxy && Some(&row.session_id) == version.session_id.as_ref()
            };
            if version.client_name.is_none()
                && let Some(session) = sessions.rows().iter().find(of_session)
            {
                version.client_name.clone_from(&session.client_name);
            }
        }
        Ok(surfaces)
    }

    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        let known = fold::surfaces(self, Some(proxy))?;
        Ok(known.in_force(proxy, method, at).cloned())
    }

    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        let known = fold::surfaces(self, Some(proxy))?;
        Ok(known.version_of(proxy, method, version).cloned())
    }

    fn surface_count(&self) -> Result<u64, StoreError> {
        Ok(fold::surfaces(self, None)?.versions.len() as u64)
    }

    fn keys(&self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
        let of_gap = |logged: &Logged| match logged {
            Logged::Gap(seq, _, key) => Some(StoredKey {
                seq: *seq,
                key: *key,
                names_client: false,
                call: None,
            }),
            _ => None,
        };
        let keys = self
            .state()
            .log
            .iter()
            .filter_map(of_gap)
            .collect::<Vec<_>>();
        let is_asked = |key: &StoredKey| (first..=last).contains(&key.seq);
        Ok(keys.into_iter().filter(is_asked).collect())
    }

    fn file_checkpoints(
        &self,
        after: Option<&Checkpoint>,
        limit: usize,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let place = |it: &Checkpoint| (it.path.clone(), it.identity);
        let mut checkpoints: Vec<_> = self.state().checkpoints.values().cloned().collect();
        checkpoints.retain(|it| after.is_none_or(|after| place(it) > place(after)));
        checkpoints.sort_by_key(place);
        checkpoints.truncate(limit.min(Page::MAX_LIMIT));
        Ok(checkpoints)
    }

    fn rollups(&self, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
        let mut rows: Vec<_> = self.state().rollups.values().cloned().collect();
        RollupRow::sort(&mut rows);
        rows.into_iter().for_each(take);
        Ok(())
    }
}
