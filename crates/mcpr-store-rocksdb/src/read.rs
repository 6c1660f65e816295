//! The answers of a store.

mod listing;
mod named;
mod totals;

use crate::append::payload;
use crate::engine::Engine;
use crate::view::View;
use crate::{flight, runs, sources, sums, surfaces};
use listing::Listing;
use mcpr_model::{Checkpoint, Payload, ServerRun};
use mcpr_store::query::{
    BadLineRow, ClientRow, Cursor, Entry, Filter, Head, NameKind, OpenRow, Page, Pattern,
    RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow, SourceRow, StatsQuestion,
    StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage, in_force,
};
use mcpr_store::{Overview, PollSchedule, Reader, RollupRow, StoreError, fold};
use mcpr_tail::Waker;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// A store opened for reading.
#[derive(Debug)]
pub(crate) struct RocksdbReader {
    engine: Arc<Engine>,
    waker: RefCell<Waker>,
    schedule: RefCell<PollSchedule>,
}

impl RocksdbReader {
    pub(crate) fn of(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            waker: RefCell::new(Waker::new()),
            schedule: RefCell::new(PollSchedule::default()),
        }
    }

    /// Asks the store as it is now.
    fn ask<T>(
        &self,
        ask: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = self.engine.view().and_then(|view| ask(&view));
        answer.map_err(|error| error.at(self.engine.path()))
    }
}

impl Reader for RocksdbReader {
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        self.ask(|view| Listing::of(view, filter).entries(page))
    }

    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        self.ask(|view| Listing::of(view, filter).timeline(page))
    }

    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        self.ask(|view| Listing::of(view, &Filter::default()).request(seq))
    }

    fn open_requests(&self, filter: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        self.ask(|view| flight::listed(&self.engine, view, filter))
    }

    fn server_run(&self, session: &SessionKey) -> Result<Option<ServerRun>, StoreError> {
        self.ask(|view| runs::of_session(view, session))
    }

    fn server_deaths(
        &self,
        since: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        self.ask(|view| runs::died(view, since, until, limit))
    }

    fn server_outputs(
        &self,
        proxy: Option<&Pattern>,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        self.ask(|view| runs::outputs(view, proxy, limit))
    }

    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|view| Listing::of(view, &Filter::default()).with_id(id, limit))
    }

    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(|view| totals::sessions(view, filter, page))
    }

    fn head(&self) -> Result<Head, StoreError> {
        self.ask(totals::head)
    }

    fn gone_behind(&self, place: Cursor) -> Result<u64, StoreError> {
        self.ask(|view| totals::gone_behind(view, place))
    }

    fn watch(&self, seen: Head, timeout: Duration) -> Result<Head, StoreError> {
        let mut waker = self.waker.borrow_mut();
        // Each time: the directory may have been made anew, and its watch went with the old one.
        waker.watch(vec![self.engine.path().to_owned()]);
        let mut wait = |timeout| waker.wait(timeout);
        self.schedule
            .borrow_mut()
            .watch(seen, timeout, &mut wait, &mut || {
                self.engine.check_there()?;
                self.head()
            })
    }

    fn overview(&self) -> Result<Overview, StoreError> {
        self.ask(totals::overview)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(|view| {
            // Sums outlive the requests that they are of, and begin earlier than any of them.
            let hours = sums::span(view)?;
            let requests = totals::span(view)?;
            let both = requests.into_iter().chain(hours);
            Ok(both.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))))
        })
    }

    fn slowest(&self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|view| Listing::of(view, filter).slowest(limit))
    }

    fn stats(&self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        fold::stats_of(self, question, &|filter, take| {
            self.ask(|view| Listing::of(view, filter).each(take))
        })
    }

    fn clients(&self, filter: &SessionFilter, most: usize) -> Result<Vec<ClientRow>, StoreError> {
        fold::clients(self, filter, most)
    }

    fn names(&self, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        fold::names(self, kind, prefix, limit)
    }

    fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError> {
        let mut seqs = seqs.to_vec();
        seqs.sort_unstable();
        // Each is answered once, however often it was asked for.
        seqs.dedup();
        self.ask(|view| {
            let found = seqs.iter().map(|&seq| Ok((seq, payload(view, seq)?)));
            let found: Vec<_> = found.collect::<Result<_, StoreError>>()?;
            let kept = found.into_iter();
            Ok(kept.filter_map(|(seq, kept)| Some((seq, kept?))).collect())
        })
    }

    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError> {
        self.ask(totals::payload_span)
    }

    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError> {
        self.ask(|view| surfaces::page(view, page))
    }

    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        self.ask(|view| surfaces::version(view, proxy, method, |rows| in_force(rows, at).cloned()))
    }

    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        self.ask(|view| {
            surfaces::version(view, proxy, method, |rows| {
                rows.iter().find(|row| row.version == version).cloned()
            })
        })
    }

    fn surface_count(&self) -> Result<u64, StoreError> {
        self.ask(|view| Ok(crate::state::State::stored(view)?.versions))
    }

    fn bad_lines(&self, limit: usize) -> Result<Vec<BadLineRow>, StoreError> {
        self.ask(|view| totals::bad_lines(view, limit))
    }

    fn sources(&self, after: Option<&str>, limit: usize) -> Result<Vec<SourceRow>, StoreError> {
        self.ask(|view| sources::listed(view, after, limit.min(Page::MAX_LIMIT)))
    }

    fn keys(&self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
        self.ask(|view| listing::keys(view, first, last))
    }

    fn file_checkpoints(
        &self,
        after: Option<&Checkpoint>,
        limit: usize,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let limit = limit.min(Page::MAX_LIMIT);
        let found = self.ask(|view| sources::checkpoints(view, after, limit))?;
        Ok(found.into_iter().map(|kept| kept.checkpoint).collect())
    }

    fn rollups(&self, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
        self.ask(|view| sums::rollups(view, take))
    }
}
