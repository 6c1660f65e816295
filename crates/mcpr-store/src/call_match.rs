//! Two channels of one proxy report the same call: which stored row it is, and the row that merges what
//! both know. Meaning only; a backend finds the rows and writes them.

use mcpr_model::{CallKey, Channel, Channels, ErrorKind, Outcome, Request, RequestId};

/// Most rows under the codes of one call that are looked at: a client that uses an id again and again
/// must not make each call cost more than the last.
pub const MAX_CANDIDATES: usize = 64;

/// A stored row that may be of the same call.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its sequence number.
    pub seq: i64,
    /// The code that it was found by.
    pub code: i64,
    /// The row, as far as it is stored.
    pub request: Request,
}

/// How a reported call relates to the calls that are stored.
#[derive(Debug)]
pub enum CallMatch {
    /// Nothing of the call is stored.
    New {
        /// Another channel has reported a call without a session id that may be this one.
        is_undecided: bool,
    },
    /// The same channel has reported it before.
    Duplicate,
    /// Another channel has reported it: the stored row takes in what this one knows.
    Merge {
        /// The channels that have reported it now.
        channels: Channels,
        /// The row as it stands, and where.
        stored: Box<Candidate>,
        /// The row as it has to be.
        merged: Box<Request>,
    },
}

/// Decides how a request from one of a proxy's channels relates to the stored ones, given the first
/// [`MAX_CANDIDATES`] rows under [`CallKey::codes`] in the order in which they were stored.
#[must_use]
pub fn match_call(incoming: &Request, call: CallKey, candidates: Vec<Candidate>) -> CallMatch {
    let of = |it: &Candidate| Channels::of_code(it.code);
    let (known, mut open): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|it| of(it).include(call.channels()));
    // Ids are used again by some clients: equal times make it the same call.
    if let Some(at) = open.iter().position(|it| is_alike(incoming, call, it)) {
        let stored = open.swap_remove(at);
        let merged = Box::new(merged(&stored, incoming));
        return CallMatch::Merge {
            channels: of(&stored).and(call.channels()),
            stored: Box::new(stored),
            merged,
        };
    }
    let is_known = |it: &Candidate| {
        // Two posts of different moments are two calls. Where the row's own time comes from a channel
        // with whole seconds, it says less.
        let is_coarse = call.is_unique()
            || call.channels().is_only(Channel::Stderr)
            || it.request.ts % 1000 == 0
            || it.request.ts.div_euclid(1000) != incoming.ts.div_euclid(1000);
        is_alike(incoming, call, it) && (is_coarse || it.request.ts == incoming.ts)
    };
    if known.iter().any(is_known) {
        return CallMatch::Duplicate;
    }
    let is_like = |it: &Candidate| it.request.proxy == incoming.proxy;
    CallMatch::New {
        is_undecided: incoming.session_id.is_none() && open.iter().any(is_like),
    }
}

/// Whether the measured times say that it is the same call, or an id that is not used again does. A
/// proxy's own store holds other times than its streams, and each id once in a session.
fn is_alike(incoming: &Request, call: CallKey, it: &Candidate) -> bool {
    // What was found by a key that nothing else has needs no measure.
    if call.is_unique() {
        return true;
    }
    let is_imported = call.channels().is_only(Channel::Store)
        || Channels::of_code(it.code).is_only(Channel::Store);
    matches!(incoming.request_id, Some(RequestId::Uuid(_)))
        || (is_imported && incoming.session_id.is_some())
        || (it.request.latency_us == incoming.latency_us
            && it.request.upstream_us == incoming.upstream_us)
}

/// The row with what both reports know of a call. The latency stays as it was stored, for sums were made of it.
fn merged(candidate: &Candidate, incoming: &Request) -> Request {
    let stored = &candidate.request;
    // Within the second the finer time is taken; which hour a call is summed in stays as it is.
    let is_coarse = !incoming.key.call.is_some_and(|call| call.is_unique())
        && Channels::of_code(candidate.code).is_only(Channel::Stderr)
        && incoming.ts.div_euclid(1000) == stored.ts.div_euclid(1000);
    let is_of_spans = incoming.key.call.is_some_and(|call| call.is_unique());
    let knows = |outcome: &Outcome| {
        let (level, details) = knowledge(outcome);
        (
            if is_of_spans {
                level_of_span(outcome)
            } else {
                level
            },
            details,
        )
    };
    let named = if stored.client_name.is_some() {
        stored
    } else {
        incoming
    };
    Request {
        ts: if is_coarse { incoming.ts } else { stored.ts },
        client_name: named.client_name.clone(),
        client_version: named.client_version.clone(),
        upstream_us: stored.upstream_us.or(incoming.upstream_us),
        bytes_in: stored.bytes_in.or(incoming.bytes_in),
        bytes_out: stored.bytes_out.or(incoming.bytes_out),
        http_status: stored.http_status.or(incoming.http_status),
        first_event_us: stored.first_event_us.or(incoming.first_event_us),
        outcome: if knows(&incoming.outcome) > knows(&stored.outcome) {
            incoming.outcome.clone()
        } else {
            stored.outcome.clone()
        },
        ..stored.clone()
    }
}

/// The same of two spans: a client that gave up never read what its server still did.
fn level_of_span(outcome: &Outcome) -> u8 {
    match outcome.error_kind {
        Some(ErrorKind::Unseen) => 0,
        None => 1,
        Some(ErrorKind::Cancelled) => 3,
        Some(ErrorKind::Timeout) => 4,
        Some(_) => 2,
    }
}

/// How much an outcome says: that an answer came is more than that none did, what failed is more than
/// that nothing is known to have failed, and each detail is more.
fn knowledge(outcome: &Outcome) -> (u8, usize) {
    let level = match outcome.error_kind {
        // A server that is gone has not answered either.
        // Where nobody saw the end, there may have been an answer as well as none.
        Some(ErrorKind::Timeout | ErrorKind::Died | ErrorKind::Unseen) => 0,
        None => 1,
        Some(ErrorKind::Http) => 2,
        Some(_) => 3,
    };
    let details = [&outcome.error_code, &outcome.error_msg];
    (level, details.into_iter().flatten().count())
}
