//! What the screen asks of the store, and the answers. Plain data: neither side knows more of the other.

use crate::render::ServerFailure;
use mcpr_model::{Payload, ServerRun};
use mcpr_store::query::{
    ChangeRow, Cursor, Entry, Filter, Head, OpenRow, Pattern, RequestRow, SessionFilter,
    SessionKey, SessionPlace, SessionRow, Summary,
};

/// Which requests are meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Query {
    /// What the store looks at by itself.
    pub(super) filter: Filter,
    /// Only requests with this text in a field, in what was asked or in what was answered.
    pub(super) text: String,
}

/// The direction in which a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanDirection {
    /// From a place to the first row.
    Older,
    /// From a place to the last row.
    Newer,
}

/// Asks for rows beside a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowsQuery {
    /// The list that asks; what is answered to an earlier one is dropped.
    pub(super) generation: u64,
    pub(super) query: Query,
    pub(super) toward: ScanDirection,
    /// The place: rows before the one that it stands behind, or after it.
    pub(super) from: Cursor,
    /// How far is looked on the way to newer rows.
    pub(super) last: Cursor,
    /// Most rows.
    pub(super) limit: usize,
}

/// Asks for the next request that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FailureQuery(pub(super) RowsQuery);

/// Asks which of the rows on screen are still in the store.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RecheckQuery {
    pub(super) generation: u64,
    pub(super) first: Cursor,
    pub(super) last: Cursor,
}

/// Asks under which number a request is stored that was in flight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EndedQuery {
    /// What it was known by in flight.
    pub(super) key: i64,
    /// As it was then.
    pub(super) row: RequestRow,
}

/// Asks what servers wrote.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OutputsQuery(pub(super) Option<Pattern>);

/// Asks for sessions, those used last first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SessionsQuery {
    pub(super) generation: u64,
    pub(super) filter: SessionFilter,
    /// Only sessions with this text in their id, proxy or client.
    pub(super) text: String,
    /// Those behind this place.
    pub(super) after: Option<SessionPlace>,
}

/// Asks for sums over a window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolsQuery {
    pub(super) filter: Filter,
    /// How far back, in milliseconds; `None` is everything.
    pub(super) window_ms: Option<i64>,
    /// Whether a longer window is taken where this one holds nothing.
    pub(super) may_widen: bool,
    pub(super) now_ms: i64,
}

/// Sums over a window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolSums {
    pub(super) rows: Vec<Summary>,
    /// The window that was taken; `None` is everything.
    pub(super) window_ms: Option<i64>,
    /// How long the window is, for rates.
    pub(super) length_ms: i64,
}

/// One request with its bodies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenedRequest {
    pub(super) row: RequestRow,
    pub(super) payload: Option<Payload>,
    /// What its server wrote before it died, where it did.
    pub(super) output: Option<String>,
    /// What `mcpr show` says of it above the bodies.
    pub(super) facts: Vec<(&'static str, String)>,
    /// What `mcpr show --json` prints.
    pub(super) document: String,
}

/// A server that died, or could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerDeath {
    pub(super) session: SessionKey,
    /// Unix milliseconds.
    pub(super) at: i64,
    /// How, and its message about that.
    pub(super) text: String,
}

impl ServerDeath {
    /// None where it runs still.
    pub(super) fn of(run: &ServerRun) -> Option<Self> {
        Some(Self {
            session: SessionKey::of_run(run),
            at: run.ended_at()?,
            text: run.ending()?,
        })
    }
}

/// A row of the list of requests.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    Stored {
        entry: Entry,
        /// The arguments in short, where they are kept.
        arguments: Option<String>,
    },
    /// It is stored with its session, and has no number among requests.
    ServerDeath(ServerDeath),
}

impl Row {
    pub(super) fn seq(&self) -> Option<i64> {
        self.entry().map(Entry::seq)
    }

    /// The place right behind it.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.entry().map(Entry::cursor)
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Stored { entry, .. } => Some(entry),
            Self::ServerDeath(_) => None,
        }
    }

    /// The request, unless it is something else.
    pub(super) fn request(&self) -> Option<&RequestRow> {
        match self.entry()? {
            Entry::Request(row) => Some(row),
            Entry::Gap(_) => None,
        }
    }

    /// When what it reports was over, unix milliseconds: that is when it was stored, about.
    pub(super) fn over_at(&self) -> i64 {
        match self {
            Self::Stored {
                entry: Entry::Request(row),
                ..
            } => row.ts.saturating_add(row.latency_us.unwrap_or(0) / 1000),
            Self::Stored {
                entry: Entry::Gap(gap),
                ..
            } => gap.to_ts,
            Self::ServerDeath(end) => end.at,
        }
    }
}

/// How far a scan for rows has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanProgress {
    /// It goes on.
    Looking,
    /// As many rows as were asked for were found.
    Full,
    /// Nothing is left on this side.
    Edge,
}

/// Rows, in the order in which they were met.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_field_names,
    reason = "the rows themselves have no other name"
)]
pub(super) struct Rows {
    pub(super) generation: u64,
    pub(super) toward: ScanDirection,
    pub(super) rows: Vec<Row>,
    /// The row up to which everything was looked at, whether it is there or not.
    pub(super) reached: Cursor,
    pub(super) progress: ScanProgress,
}

/// What the store says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// Where the store stands; sent when that changes.
    Head(Head),
    Rows(Rows),
    /// A request that failed: the place behind it, where there is one.
    Failure {
        generation: u64,
        toward: ScanDirection,
        found: Option<Cursor>,
    },
    /// The rows of a range that are still there.
    Present {
        ask: RecheckQuery,
        rows: Vec<Cursor>,
    },
    /// One request; `None` where it is not in the store any more.
    Whole {
        seq: i64,
        whole: Option<Box<OpenedRequest>>,
    },
    /// Under which number a request is stored that was in flight; `None` where it is not.
    Ended {
        key: i64,
        seq: Option<i64>,
    },
    Sessions {
        ask: Box<SessionsQuery>,
        rows: Vec<SessionRow>,
        /// Those whose server failed, among others.
        failed: Vec<(SessionKey, ServerFailure)>,
        more: bool,
    },
    Tools {
        tools: ToolSums,
        /// How long the answer took, in milliseconds.
        took_ms: i64,
    },
    Changes(Vec<ChangeRow>),
    /// What servers wrote, the latest at the end.
    Outputs(Vec<ServerRun>),
    /// The servers that died, in the order of that; sent when they change.
    ServerDeaths(Vec<ServerDeath>),
    /// The requests in flight, all of them; sent when they change.
    Open(Vec<OpenRow>),
    /// The store cannot be read now and is waited for; `None` when it can again.
    Trouble(Option<String>),
    /// The store cannot be read, and waiting does not help.
    Failed(String),
}
