//! Where events are kept: what a backend gives ([`Backend`], [`Writer`], [`Reader`], [`Admin`]), and what
//! every question means.
//!
//! Names no backend, and knows nothing of stream formats or of the command line.

mod backend;

mod call_match;
#[cfg(any(test, feature = "contract"))]
#[allow(
    clippy::wildcard_imports,
    clippy::print_stdout,
    reason = "a suite of tests, compiled as a library for the backends"
)]
pub mod contract;
mod dedup;
mod error;
pub mod files;
pub mod fold;
#[cfg(any(test, feature = "reference"))]
pub mod memory;
mod poll_schedule;
pub mod query;
mod reader;
mod remains;
mod renaming;
mod request_keys;
mod retention;
mod session_state;
pub mod surface_lists;
mod url;

pub use crate::query::{RollupChange, RollupKey, RollupRow};
pub use backend::{
    Abandoned, Admin, Backend, Depth, Findings, Migrated, Oldest, Sizes, Trust, Writer,
    WriterOptions,
};
pub use call_match::{CallMatch, Candidate, MAX_CANDIDATES, match_call};
pub use dedup::{Delivery, Likeness, RequestFacts};
pub use error::{StoreError, StoreErrorKind};
pub use poll_schedule::{PollSchedule, replaced};
pub use reader::Reader;
pub use remains::Remains;
pub use renaming::{
    MergedVersion, Renamed, SessionSpan, VersionSpan, merge_sessions, merge_versions,
};
pub use request_keys::{first_key, keys};
pub use retention::{Class, Keep, Retention, uncounted};
pub use session_state::{Membership, SessionState};
pub use url::{Scheme, StoreUrl, StoreUrlError};

use mcpr_model::Counts;

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Requests that are new in the store.
    pub stored: u64,
    /// Requests that were there already.
    pub duplicates: u64,
    /// Requests stored although their id was there with another content (counted in `stored` too).
    pub conflicts: u64,
    /// Requests stored although another stream seems to have reported them: without a session id that
    /// cannot be decided (counted in `stored` too).
    pub undecided: u64,
    /// Gaps stored.
    pub gaps: u64,
    /// The batch had been committed before; nothing was done.
    pub repeated: bool,
}

/// What a store holds in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Requests.
    pub requests: u64,
    /// Sessions, also those without a call.
    pub sessions: u64,
    /// Gaps, and the events they stand for.
    pub gaps: u64,
    /// Events that were dropped, over all gaps.
    pub dropped: u64,
    /// Bad lines kept.
    pub bad_lines_kept: u64,
    /// Requests that came again.
    pub duplicates: u64,
    /// Requests that came again with another content.
    pub conflicts: u64,
    /// Requests without a session id that two channels seem to have reported, stored twice.
    pub undecided: u64,
    /// Requests whose payload is kept.
    pub payloads: u64,
    /// Bytes that these payloads take.
    pub payload_bytes: u64,
    /// Bytes of the store that are free: what is recorded next takes them.
    pub free_bytes: u64,
    /// Bytes that the store takes without any row.
    pub base_bytes: u64,
    /// Time of the oldest and newest request, unix milliseconds.
    pub span: Option<(i64, i64)>,
    /// The last sequence number given out; 0 in a new store.
    pub last_seq: i64,
    /// What was met in all sources together.
    pub counts: Counts,
}
