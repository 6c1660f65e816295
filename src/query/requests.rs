//! `logs`: recorded requests in the order of their sequence numbers, with gaps in their place.

use crate::model::{ErrorKind, Kind, Status};

/// One stored request with everything a command can show of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Position in the store: positive, strictly growing, never reused.
    pub seq: i64,
    /// The stream's own id.
    pub request_id: Option<String>,
    /// Unix milliseconds.
    pub ts: i64,
    /// The proxy that saw it.
    pub proxy: String,
    /// MCP, HTTP or OAuth.
    pub kind: Kind,
    /// The session id as the stream said it.
    pub session_id: Option<String>,
    /// The id under which `sessions` lists its session: the same, or an inferred one.
    pub session: Option<String>,
    /// The caller's name: from the request, else from its session.
    pub client_name: Option<String>,
    /// The caller's version, from the same place as its name.
    pub client_version: Option<String>,
    /// MCP method or HTTP verb.
    pub method: String,
    /// Tool of a `tools/call`.
    pub tool: Option<String>,
    /// URI of a resource request.
    pub resource_uri: Option<String>,
    /// Prompt of a `prompts/get`.
    pub prompt_name: Option<String>,
    /// Whole duration, microseconds; `None` where a store of another program has no answer.
    pub latency_us: Option<i64>,
    /// The upstream's share, microseconds.
    pub upstream_us: Option<i64>,
    /// How it ended, in one word.
    pub status: Status,
    /// The layer an error came from.
    pub error_kind: Option<ErrorKind>,
    /// JSON-RPC code or HTTP status.
    pub error_code: Option<String>,
    /// What the answer said.
    pub error_msg: Option<String>,
    /// Size of the request in bytes.
    pub bytes_in: Option<i64>,
    /// Size of the answer in bytes.
    pub bytes_out: Option<i64>,
}

impl RequestRow {
    /// The tool, prompt or resource it names, whichever it has.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.tool
            .as_deref()
            .or(self.prompt_name.as_deref())
            .or(self.resource_uri.as_deref())
    }
}

/// What a second delivery of a stored request is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    /// The request's position.
    pub seq: i64,
    /// Its key: the low 23 bits of its event's hash, or where those were taken the next free number.
    pub key: i64,
    /// Whether its event named the client itself, instead of its session alone.
    pub names_client: bool,
}

/// Events that were dropped at this place of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    /// Position in the store, in the same sequence as requests.
    pub seq: i64,
    /// The source they were dropped from.
    pub source: String,
    /// How many.
    pub count: u64,
    /// Time of the first, unix milliseconds.
    pub from_ts: i64,
    /// Time of the last, unix milliseconds.
    pub to_ts: i64,
}

/// What a listing of requests holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A request.
    Request(Box<RequestRow>),
    /// A gap. Gaps pass every filter but the time window: what was dropped might have matched.
    Gap(GapRow),
}

impl Entry {
    /// Whether it is a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// Its position in the store.
    #[must_use]
    pub fn seq(&self) -> i64 {
        match self {
            Self::Request(row) => row.seq,
            Self::Gap(gap) => gap.seq,
        }
    }
}

/// Which way a page runs through the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// A bounded piece of a listing. Bounds are exclusive sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only what is stored after this position.
    pub after: Option<i64>,
    /// Only what is stored before this position.
    pub before: Option<i64>,
    /// Which end comes first.
    pub order: Order,
    /// Most entries; at most [`Page::MAX_LIMIT`].
    pub limit: usize,
}

impl Page {
    /// Most entries fetched at once, so that no reader holds a snapshot for long.
    pub const MAX_LIMIT: usize = 1000;

    /// The oldest entries after a position.
    #[must_use]
    pub fn after(after: i64, limit: usize) -> Self {
        Self {
            after: Some(after),
            before: None,
            order: Order::Ascending,
            limit,
        }
    }

    /// The newest entries before a position.
    #[must_use]
    pub fn newest(before: Option<i64>, limit: usize) -> Self {
        Self {
            after: None,
            before,
            order: Order::Descending,
            limit,
        }
    }

    /// Whether a position lies within the bounds.
    #[must_use]
    pub fn holds(&self, seq: i64) -> bool {
        self.after.is_none_or(|after| seq > after) && self.before.is_none_or(|before| seq < before)
    }
}
