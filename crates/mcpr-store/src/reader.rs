//! What can be asked of a store.

use crate::query::{
    BadLineRow, ClientRow, Cursor, Entry, Filter, Head, NameKind, OpenRow, Page, Pattern,
    RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow, SourceRow, StatsQuestion,
    StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage,
};
use crate::{Overview, RollupRow, StoreError};
use mcpr_model::{Checkpoint, Payload, ServerRun};
use std::time::Duration;

/// A store opened for reading: never writes, never migrates, never blocks the writer.
///
/// Lists come in pages, sums as folds, so that no answer takes memory by how much is stored. A backend
/// that keeps nothing to answer a question with may call the functions of [`fold`](crate::fold), which
/// look at everything; none of them is a default here, so that nobody gets one unnoticed.
pub trait Reader: Send {
    /// One page of requests and gaps, in order of storing.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError>;

    /// One page of requests and gaps, in order of time.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError>;

    /// The request with a number.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError>;

    /// The requests in flight, in order of time. Cheap where there are none. Stores of other programs know of
    /// none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn open_requests(&self, filter: &Filter) -> Result<Vec<OpenRow>, StoreError>;

    /// What is known of the server that a tap ran for a session.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn server_run(&self, session: &SessionKey) -> Result<Option<ServerRun>, StoreError>;

    /// The servers that died, or could not be started, from a time on and before another, in order of that, at
    /// most so many of the newest; without what they wrote but for the end of their standard error.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn server_deaths(
        &self,
        since: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError>;

    /// What servers wrote beside their messages: those that wrote something which is kept, or died, and of which
    /// something was reported last, at most so many, the latest at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn server_outputs(
        &self,
        proxy: Option<&Pattern>,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError>;

    /// The newest requests that came with an id, newest first, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError>;

    /// One page of sessions.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError>;

    /// Where the store stands. Cheap enough to be asked many times per second.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&self) -> Result<Head, StoreError>;

    /// How many requests and gaps, at least, stood behind a place and before the first one that is kept there, and
    /// were removed; 0 where none are known to be. Stores of other programs know of none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn gone_behind(&self, place: Cursor) -> Result<u64, StoreError>;

    /// Waits until something is committed that was not when the store stood where it was last seen, or
    /// a time is over; says where it stands then. How it learns of news is the backend's own matter.
    ///
    /// # Errors
    /// [`Gone`](crate::StoreErrorKind::Gone) when the store that was opened is not at its place any more:
    /// it is to be opened anew. Else when it cannot be read.
    fn watch(&self, seen: Head, timeout: Duration) -> Result<Head, StoreError>;

    /// What the store holds in all.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn overview(&self) -> Result<Overview, StoreError>;

    /// The time of the oldest and newest thing that is known, unix milliseconds: of requests, and of
    /// hours whose requests are gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn span(&self) -> Result<Option<(i64, i64)>, StoreError>;

    /// The requests that took longest: slowest first, of equally slow ones the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn slowest(&self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError>;

    /// Sums by tool, method, client, proxy or hour.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn stats(&self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError>;

    /// Sums by client and version over the sessions that a filter lets through: at most so many, those with
    /// the most calls first, and all others together in one more, [`OTHER`](crate::query::OTHER).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn clients(&self, filter: &SessionFilter, most: usize) -> Result<Vec<ClientRow>, StoreError>;

    /// The first recorded names of a kind that begin with a text, in the order of their bytes, at most so
    /// many.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn names(&self, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError>;

    /// The payloads of requests, by their numbers, of those of which they are kept; in order. They are
    /// large: ask for a few at a time.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError>;

    /// The payload of one request, where it is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn payload(&self, seq: i64) -> Result<Option<Payload>, StoreError> {
        let found = self.payloads(&[seq])?.pop();
        Ok(found.map(|(_, payload)| payload))
    }

    /// The first and the last request whose payload is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError>;

    /// What servers showed, version by version: everything of some lists, which is bounded for each.
    /// [`fold::each_server`](crate::fold::each_server) goes through them without their texts;
    /// [`fold::surfaces`](crate::fold::surfaces) puts all of it together.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError>;

    /// The version of a list that was in force at a time, without what it brought.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError>;

    /// One version of a list, with what it brought.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError>;

    /// How many versions of lists there are: cheap enough to be asked many times per second.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn surface_count(&self) -> Result<u64, StoreError>;

    /// The lines that did not decode and are kept, newest first, at most so many. Stores of other
    /// programs keep none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn bad_lines(&self, limit: usize) -> Result<Vec<BadLineRow>, StoreError>;

    /// The sources after one of a name, by name, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sources(&self, after: Option<&str>, limit: usize) -> Result<Vec<SourceRow>, StoreError>;

    /// What a second delivery of each request and gap is recognised by, from `first` to `last`. Stores
    /// of other programs know of none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn keys(&self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError>;

    /// The checkpoints of file sources after one, by path and identity, at most so many.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn file_checkpoints(
        &self,
        after: Option<&Checkpoint>,
        limit: usize,
    ) -> Result<Vec<Checkpoint>, StoreError>;

    /// Shows every rollup to `take`: hour by hour, and by proxy, method and target within one. What it
    /// takes must not be long, for the store keeps what it shows until then.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn rollups(&self, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError>;
}
