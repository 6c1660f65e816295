//! `logs`: recorded requests, in order of time or of their sequence numbers, with gaps in their place.

use super::{Cursor, Flight};
use mcpr_model::{
    ErrorKind, EventKey, Kind, OperationPart, Outcome, Request, SourceFormat, Status, Target,
    TargetKind, Text, TraceId,
};

/// One stored request with everything a command can show of it. The default is an MCP request that
/// ended well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// The session id as the stream stated it.
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
    /// Whole duration, microseconds; `None` where nobody knows it.
    pub latency_us: Option<i64>,
    /// The upstream's share, microseconds.
    pub upstream_us: Option<i64>,
    /// How it ended, in one word.
    pub status: Status,
    /// The layer an error came from.
    pub error_kind: Option<ErrorKind>,
    /// JSON-RPC code or HTTP status.
    pub error_code: Option<String>,
    /// The message of the answer.
    pub error_msg: Option<String>,
    /// Whether the answer came under an id of another JSON type than the request's.
    pub retyped: bool,
    /// Size of the request in bytes.
    pub bytes_in: Option<i64>,
    /// Size of the answer in bytes.
    pub bytes_out: Option<i64>,
    /// The status of the HTTP answer.
    pub http_status: Option<u16>,
    /// From the request to the first byte of its answer, microseconds.
    pub first_event_us: Option<i64>,
    /// The format that it came in.
    pub format: Option<SourceFormat>,
    /// The trace that it is a part of.
    pub trace_id: Option<TraceId>,
    /// Its place in an operation of several requests.
    pub part: Option<OperationPart>,
    /// Set where it is in flight: it has no number and no outcome yet.
    pub flight: Option<Flight>,
}

impl RequestRow {
    /// The row of a request, without its session, and with the client that the request itself names.
    #[must_use]
    pub fn of_request(seq: i64, request: &Request) -> Self {
        let text = |text: &Option<Text>| text.as_ref().map(Text::to_string);
        let target = |kind: TargetKind| {
            let target = request.target.as_ref().filter(|it| it.kind == kind);
            target.map(|it| it.name.to_string())
        };
        Self {
            seq,
            request_id: request.request_id.as_ref().map(ToString::to_string),
            ts: request.ts,
            proxy: request.proxy.to_string(),
            kind: request.kind,
            session_id: text(&request.session_id),
            session: None,
            client_name: text(&request.client_name),
            client_version: text(&request.client_version),
            method: request.method.to_string(),
            tool: target(TargetKind::Tool),
            resource_uri: target(TargetKind::Resource),
            prompt_name: target(TargetKind::Prompt),
            latency_us: request.latency_us,
            upstream_us: request.upstream_us,
            status: request.outcome.status(),
            error_kind: request.outcome.error_kind,
            error_code: text(&request.outcome.error_code),
            error_msg: text(&request.outcome.error_msg),
            retyped: request.outcome.retyped,
            bytes_in: request.bytes_in,
            bytes_out: request.bytes_out,
            http_status: request.http_status,
            first_event_us: request.first_event_us,
            format: request.format,
            trace_id: request.trace_id.as_deref().copied(),
            part: request.part.as_deref().copied(),
            flight: None,
        }
    }

    /// The request as an event, under a key: the way back of [`RequestRow::of_request`].
    #[must_use]
    pub fn to_request(&self, key: EventKey) -> Request {
        let text = |text: &Option<String>| text.as_ref().map(Text::from);
        let (proxy, method) = (Text::from(&self.proxy), Text::from(&self.method));
        Request {
            request_id: self
                .request_id
                .as_deref()
                .map(mcpr_model::RequestId::from_text),
            session_id: text(&self.session_id),
            client_name: text(&self.client_name),
            client_version: text(&self.client_version),
            target: Target::of_names(
                text(&self.tool),
                text(&self.prompt_name),
                text(&self.resource_uri),
            ),
            latency_us: self.latency_us,
            upstream_us: self.upstream_us,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            http_status: self.http_status,
            first_event_us: self.first_event_us,
            format: self.format,
            trace_id: self.trace_id.map(Box::new),
            part: self.part.map(Box::new),
            outcome: Outcome {
                error_kind: self.error_kind,
                error_code: text(&self.error_code),
                error_msg: text(&self.error_msg),
                retyped: self.retyped,
            },
            ..Request::new(key, self.ts, proxy, self.kind, method)
        }
    }

    /// The tool, prompt or resource it names, whichever it has.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.tool
            .as_deref()
            .or(self.prompt_name.as_deref())
            .or(self.resource_uri.as_deref())
    }
}

/// What a second delivery of a stored request or gap is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    /// Its position.
    pub seq: i64,
    /// A request's key: the low 23 bits of its event's hash, and where those were taken, bits above
    /// them. A gap's: a hash of which writer brought it where.
    pub key: i64,
    /// Whether its event named the client itself, instead of its session alone.
    pub names_client: bool,
    /// What another stream's report of a request finds it by, see [`mcpr_model::CallKey`].
    pub call: Option<i64>,
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

    /// The place right behind it in the order of storing.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::from_seq(self.seq())
    }

    /// Its place in the order of time: a gap stands where it began.
    #[must_use]
    pub fn place(&self) -> Place {
        let ts = match self {
            Self::Request(row) => row.ts,
            Self::Gap(gap) => gap.from_ts,
        };
        Place {
            ts,
            seq: self.seq(),
        }
    }
}

/// A place in the order of time; what happened in the same millisecond stands as it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Unix milliseconds.
    pub ts: i64,
    /// Position in the store.
    pub seq: i64,
}

impl Place {
    /// The place right behind it in the order of storing.
    #[must_use]
    pub fn cursor(self) -> Cursor {
        Cursor::from_seq(self.seq)
    }

    /// A place that nothing stands at, right before this one.
    #[must_use]
    pub fn just_before(self) -> Self {
        let seq = self.seq.saturating_sub(1);
        Self { seq, ..self }
    }

    /// A place that nothing stands at, right behind this one.
    #[must_use]
    pub fn just_behind(self) -> Self {
        let seq = self.seq.saturating_add(1);
        Self { seq, ..self }
    }
}

/// A bounded piece of a listing in order of time. Bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePage {
    /// Only what is stored before the row that this stands behind.
    pub stored_before: Option<Cursor>,
    /// Only what stands after this place.
    pub after: Option<Place>,
    /// Only what stands before this place.
    pub before: Option<Place>,
    /// Which end comes first.
    pub order: Order,
    /// Most entries; at most [`Page::MAX_LIMIT`].
    pub limit: usize,
}

impl TimePage {
    /// Whether an entry lies within the bounds.
    #[must_use]
    pub fn holds(&self, entry: &Entry) -> bool {
        self.has(entry.place())
    }

    /// Whether a place lies within the bounds.
    #[must_use]
    pub fn has(&self, place: Place) -> bool {
        self.stored_before
            .is_none_or(|before| place.cursor() < before)
            && self.after.is_none_or(|after| place > after)
            && self.before.is_none_or(|before| place < before)
    }
}

/// Which way a page runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// A bounded piece of a listing in order of storing. Bounds are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only what is stored after this.
    pub after: Option<Cursor>,
    /// Only what is stored before the row that this stands behind.
    pub before: Option<Cursor>,
    /// Which end comes first.
    pub order: Order,
    /// Most entries; at most [`Page::MAX_LIMIT`].
    pub limit: usize,
}

impl Page {
    /// Most entries fetched at once, so that no reader holds a snapshot for long.
    pub const MAX_LIMIT: usize = 1000;

    /// The oldest entries after a place.
    #[must_use]
    pub fn after(after: Cursor, limit: usize) -> Self {
        Self {
            after: Some(after),
            before: None,
            order: Order::Ascending,
            limit,
        }
    }

    /// The newest entries before a row.
    #[must_use]
    pub fn newest(before: Option<Cursor>, limit: usize) -> Self {
        Self {
            after: None,
            before,
            order: Order::Descending,
            limit,
        }
    }

    /// Whether a row lies within the bounds.
    #[must_use]
    pub fn holds(&self, row: Cursor) -> bool {
        self.after.is_none_or(|after| row > after) && self.before.is_none_or(|before| row < before)
    }
}
