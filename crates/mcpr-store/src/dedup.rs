//! Whether a request is in a store already: what a second delivery is compared by, and under which key a
//! backend finds the row. Meaning only; a backend reads the rows.

use crate::request_keys::{OWN, keys};
use mcpr_model::{ErrorKind, KeySource, Kind, Request, RequestId, TargetKind};

/// What two deliveries of a request are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts<'a> {
    /// The stream's own id.
    pub request_id: Option<RequestId>,
    /// MCP, HTTP or OAuth.
    pub kind: Kind,
    /// MCP method or HTTP verb.
    pub method: &'a str,
    /// Tool, prompt or resource.
    pub target: Option<(TargetKind, &'a str)>,
    /// The proxy.
    pub proxy: &'a str,
    /// The session id as the stream stated it; an inferred one was stated by nobody.
    pub session_id: Option<&'a str>,
    /// The client's name, where the event stated it.
    pub client_name: Option<&'a str>,
    /// The client's version, where the event stated it.
    pub client_version: Option<&'a str>,
    /// Whole duration, microseconds.
    pub latency_us: Option<i64>,
    /// The upstream's share, microseconds.
    pub upstream_us: Option<i64>,
    /// Size of the request in bytes.
    pub bytes_in: Option<i64>,
    /// Size of the answer in bytes.
    pub bytes_out: Option<i64>,
    /// The layer an error came from.
    pub error_kind: Option<ErrorKind>,
    /// JSON-RPC code or HTTP status.
    pub error_code: Option<&'a str>,
    /// The message of the answer.
    pub error_msg: Option<&'a str>,
}

impl<'a> RequestFacts<'a> {
    /// Those of a request.
    #[must_use]
    pub fn of(request: &'a Request) -> Self {
        let target = request.target.as_ref();
        let outcome = &request.outcome;
        Self {
            request_id: request.request_id.clone(),
            kind: request.kind,
            method: &request.method,
            target: target.map(|target| (target.kind, target.name.as_str())),
            proxy: &request.proxy,
            session_id: request.session_id.as_deref(),
            client_name: request.client_name.as_deref(),
            client_version: request.client_version.as_deref(),
            latency_us: request.latency_us,
            upstream_us: request.upstream_us,
            bytes_in: request.bytes_in,
            bytes_out: request.bytes_out,
            error_kind: outcome.error_kind,
            error_code: outcome.error_code.as_deref(),
            error_msg: outcome.error_msg.as_deref(),
        }
    }
}

/// What a stored row is to a request that comes at its time and under its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The same event, delivered before.
    Same,
    /// Another content under the same unique id.
    Conflict,
    /// Another event whose key happens to be the same.
    Stranger,
}

impl Likeness {
    /// Compares a stored row with a request, both of the same time and key.
    #[must_use]
    pub fn of(stored: &RequestFacts<'_>, request: &Request) -> Self {
        let came = RequestFacts::of(request);
        let same_id = came.request_id == stored.request_id;
        let same_question = came.kind == stored.kind
            && came.method == stored.method
            && came.target == stored.target
            && came.session_id == stored.session_id
            && came.upstream_us == stored.upstream_us
            && came.bytes_in == stored.bytes_in;
        // Logs of hosts report neither.
        let is_of_log = came.session_id.is_none() && came.upstream_us.is_none();
        // The caller is named once, at the top of a log: who begins to read below does not know.
        let is_nameless = came.client_name.is_none() || stored.client_name.is_none();
        let same_client =
            came.client_name == stored.client_name && came.client_version == stored.client_version;
        let same_content = same_question
            && (same_client || (is_of_log && is_nameless))
            && came.latency_us == stored.latency_us
            && came.bytes_out == stored.bytes_out
            && came.error_kind == stored.error_kind
            && came.error_code == stored.error_code
            && came.error_msg == stored.error_msg;
        // A line of a log that was once read with its answer and once without it.
        let never_answered = Some(ErrorKind::Timeout);
        let lacks_answer =
            is_of_log && (came.error_kind == never_answered || stored.error_kind == never_answered);
        match request.key.source {
            // A copied file may go by another proxy's name: the bytes decide, not the name.
            KeySource::Bytes if same_id && same_content => Self::Same,
            KeySource::Bytes if same_id && same_question && lacks_answer => Self::Same,
            KeySource::Id if same_id && same_content && came.proxy == stored.proxy => Self::Same,
            // An id that is unique in its stream came with another content. Where the bytes are
            // the key, ids repeat and say nothing.
            KeySource::Id if same_id => Self::Conflict,
            _ => Self::Stranger,
        }
    }
}

/// Where a request stands, or may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is stored.
    Again,
    /// It is not.
    First {
        /// A key that no row of its time has.
        key: i64,
        /// Whether its id is there with another content.
        is_conflict: bool,
    },
}

impl Delivery {
    /// Looks for a request among the rows of its time; `compare` says what the row under a key is to
    /// it, or that there is none. Beside the first key so many `neighbours` are looked at: rows that
    /// mcpr 0.6.0 put there, one by one. Other backends have none.
    ///
    /// # Errors
    /// When comparing fails.
    pub fn of<E>(
        request: &Request,
        neighbours: usize,
        mut compare: impl FnMut(i64) -> Result<Option<Likeness>, E>,
    ) -> Result<Self, E> {
        let mut is_conflict = false;
        for (nth, key) in keys(request).enumerate() {
            match compare(key)? {
                Some(Likeness::Same) => return Ok(Self::Again),
                Some(Likeness::Conflict) => is_conflict = true,
                Some(Likeness::Stranger) => {}
                // The key of its own id is for the first request with that id alone.
                None if nth == OWN && is_conflict => {}
                None => return Ok(Self::First { key, is_conflict }),
            }
            if nth > 0 {
                continue;
            }
            for neighbour in (key + 1..).take(neighbours) {
                match compare(neighbour)? {
                    Some(Likeness::Same) => return Ok(Self::Again),
                    Some(Likeness::Conflict) => is_conflict = true,
                    Some(Likeness::Stranger) => {}
                    // They left no holes, so that behind a free place there is none.
                    None => break,
                }
            }
        }
        // The keys have no end.
        Ok(Self::Again)
    }
}
