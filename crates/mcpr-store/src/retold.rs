//! Two streams of one proxy tell of the same call: which stored row that is, and what the row is that
//! holds what both know. Meaning only; a backend finds the rows and writes them.

use mcpr_model::{ErrorKind, Outcome, Request, RequestId, Teller, Tellers, ToldCall};

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

/// What a telling is to the store.
#[derive(Debug)]
pub enum Retold {
    /// Nothing of the call is stored.
    New {
        /// Another stream has told of a call without a session id that may be this one.
        is_undecided: bool,
    },
    /// The same stream has told of it before.
    Known,
    /// The other stream has told of it: the row is to hold what both know.
    Other {
        /// Who has told of it now.
        tellers: Tellers,
        /// The row as it stands, and where.
        stored: Box<Candidate>,
        /// The row as it has to be.
        fuller: Box<Request>,
    },
}

/// Decides what a request that one of a proxy's streams tells of is, given the first
/// [`MAX_CANDIDATES`] rows under [`ToldCall::codes`] in the order in which they were stored.
#[must_use]
pub fn retold(told: &Request, call: ToldCall, candidates: Vec<Candidate>) -> Retold {
    let of = |it: &Candidate| Tellers::of_code(it.code);
    let (known, mut open): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|it| of(it).include(call.tellers()));
    // Ids are used again by some clients: equal times make it the same call.
    if let Some(at) = open.iter().position(|it| is_alike(told, call, it)) {
        let stored = open.swap_remove(at);
        let fuller = Box::new(fuller(&stored, told));
        return Retold::Other {
            tellers: of(&stored).and(call.tellers()),
            stored: Box::new(stored),
            fuller,
        };
    }
    let is_known = |it: &Candidate| {
        // Two posts of different moments are two calls. Where the row's own time is that of a stream
        // that tells whole seconds, it says less.
        let is_coarse = call.tellers().is_only(Teller::Stderr)
            || it.request.ts % 1000 == 0
            || it.request.ts.div_euclid(1000) != told.ts.div_euclid(1000);
        is_alike(told, call, it) && (is_coarse || it.request.ts == told.ts)
    };
    if known.iter().any(is_known) {
        return Retold::Known;
    }
    let is_like = |it: &Candidate| it.request.proxy == told.proxy;
    Retold::New {
        is_undecided: told.session_id.is_none() && open.iter().any(is_like),
    }
}

/// Whether the measured times say that it is the same call, or an id that is not used again does. A
/// proxy's own store holds other times than its streams, and each id once in a session.
fn is_alike(told: &Request, call: ToldCall, it: &Candidate) -> bool {
    let is_imported =
        call.tellers().is_only(Teller::Store) || Tellers::of_code(it.code).is_only(Teller::Store);
    matches!(told.request_id, Some(RequestId::Uuid(_)))
        || (is_imported && told.session_id.is_some())
        || (it.request.latency_us == told.latency_us && it.request.upstream_us == told.upstream_us)
}

/// What both tellings know of a call. The latency stays as it was stored, for sums were made of it.
fn fuller(candidate: &Candidate, told: &Request) -> Request {
    let stored = &candidate.request;
    // Within the second the finer time is taken; which hour a call is summed in stays as it is.
    let is_coarse = Tellers::of_code(candidate.code).is_only(Teller::Stderr)
        && told.ts.div_euclid(1000) == stored.ts.div_euclid(1000);
    let named = if stored.client_name.is_some() {
        stored
    } else {
        told
    };
    Request {
        ts: if is_coarse { told.ts } else { stored.ts },
        client_name: named.client_name.clone(),
        client_version: named.client_version.clone(),
        upstream_us: stored.upstream_us.or(told.upstream_us),
        bytes_in: stored.bytes_in.or(told.bytes_in),
        bytes_out: stored.bytes_out.or(told.bytes_out),
        outcome: if knowledge(&told.outcome) > knowledge(&stored.outcome) {
            told.outcome.clone()
        } else {
            stored.outcome.clone()
        },
        ..stored.clone()
    }
}

/// How much an outcome says: that an answer came is more than that none did, what failed is more than
/// that nothing is known to have failed, and each detail is more.
fn knowledge(outcome: &Outcome) -> (u8, usize) {
    let level = match outcome.error_kind {
        Some(ErrorKind::Timeout) => 0,
        None => 1,
        Some(ErrorKind::Http) => 2,
        Some(_) => 3,
    };
    let details = [&outcome.error_code, &outcome.error_msg];
    (level, details.into_iter().flatten().count())
}
