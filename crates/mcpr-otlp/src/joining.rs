//! One row of the accounts that several spans and records give of one operation. What may still be completed waits:
//! exporters of two processes post seconds apart, in either order.

use crate::record::HostCall;
use crate::remembered::Remembered;
use crate::span::{Account, Position, SpanId, joined, within};
use crate::vocabulary::OperationSide;
use mcpr_model::{CallKey, Channel, Outcome, Request, Text, TraceId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use xxhash_rust::xxh3::xxh3_64;

/// How long an account waits for the other side's, milliseconds: exporters post every five seconds, and come again
/// after one, two and four where they were refused.
pub const WAIT_MS: i64 = 15_000;
/// Most accounts that wait; the oldest become rows by themselves.
pub const MAX_WAITING: usize = 500;
/// Most positions of spans that are remembered, to know them again as parents.
const MAX_REMEMBERED: usize = 1 << 16;
/// Most parents that are gone through to find what a span is part of.
const MAX_DEPTH: usize = 64;
/// Most accounts of one trace that are compared with one that names no other.
const MAX_COMPARED: usize = 64;
/// Most calls of hosts that are remembered as refused.
const MAX_REFUSED: usize = 4096;

/// What both accounts of an operation have in common.
type LinkId = u64;

/// What comes of a post.
#[derive(Debug, Default, PartialEq)]
pub struct JoinedRows {
    /// Operations of which all is known that will be waited for.
    pub rows: Vec<Request>,
    /// Accounts that wait: what becomes a row if nothing more comes.
    pub held: Vec<Request>,
    /// The hashes of the keys of accounts that waited, and are part of another row now.
    pub withdrawn: Vec<u64>,
}

/// An account that waits for another.
#[derive(Debug)]
struct WaitingAccount {
    account: LinkedAccount,
    until_ms: i64,
}

/// An account with what it shares with its counterpart.
#[derive(Debug, Clone)]
struct LinkedAccount {
    link: Option<LinkId>,
    side: OperationSide,
    is_of_host: bool,
    /// Whether its counterpart may come.
    waits: bool,
    service: Text,
    position: Option<Position>,
    request: Request,
}

/// Joins accounts; one for each recorder.
#[derive(Debug, Default)]
pub struct Joiner {
    waiting: HashMap<LinkId, WaitingAccount>,
    /// Which of them wait in a trace, or in a session.
    by_group: HashMap<u64, Vec<LinkId>>,
    /// In the order in which they have waited enough.
    queue: VecDeque<LinkId>,
    /// By the span around it: which client's account stands within.
    inner: Remembered<LinkId>,
    refused: Remembered<()>,
    /// Whether payloads are kept.
    keeps_payloads: bool,
}

/// What a post reports.
#[derive(Default)]
pub(crate) struct PostAccounts<'a> {
    /// Where each span stands, also those that are not an operation.
    pub(crate) positions: &'a [Position],
    pub(crate) accounts: &'a [Account],
    pub(crate) calls: Vec<HostCall>,
    /// The ids of calls that were refused.
    pub(crate) refusals: Vec<Text>,
}

/// The spans of a post, by which it is found what a span is part of.
pub(crate) struct PostSpans<'a> {
    positions: HashMap<(TraceId, SpanId), &'a Position>,
    accounts: HashMap<(TraceId, SpanId), &'a Account>,
}

impl<'a> PostSpans<'a> {
    pub(crate) fn new(positions: &'a [Position], accounts: &'a [Account]) -> Self {
        let place = |it: &Position| (it.trace, it.id);
        Self {
            positions: positions.iter().map(|it| (place(it), it)).collect(),
            accounts: accounts
                .iter()
                .map(|it| (place(&it.position), it))
                .collect(),
        }
    }

    /// The nearest account around a span.
    fn around(&self, position: &Position) -> Option<&'a Account> {
        let mut parent = position.parent;
        for _ in 0..MAX_DEPTH {
            let place = (position.trace, parent?);
            if let Some(found) = self.accounts.get(&place) {
                return Some(found);
            }
            parent = self.positions.get(&place)?.parent;
        }
        None
    }
}

/// Whether a span can be within another of the same process: one that starts when the other is over is not a child,
/// whatever its parent says.
fn is_within(inner: &Position, outer: &Position) -> bool {
    (outer.start_ns..=outer.end_ns).contains(&inner.start_ns)
}

/// A span by which an operation is known: with its method, for a server may do more below a client's span.
fn link_of_span(trace: TraceId, id: SpanId, method: &str) -> LinkId {
    xxh3_64(&[&trace.bytes()[..], &id[..], method.as_bytes()].concat())
}

fn link_of_call(call: &Text) -> LinkId {
    xxh3_64(format!("call {call}").as_bytes())
}

impl Joiner {
    /// Says whether payloads are kept: of what is not, nothing waits in memory.
    pub fn keep_payloads(&mut self, keeps: bool) {
        self.keeps_payloads = keeps;
    }

    /// Takes off a request what is not kept.
    pub(crate) fn screen(&self, request: &mut mcpr_model::Request) {
        if !self.keeps_payloads {
            request.payload = None;
        }
    }

    /// Takes the accounts of a post, and the calls and refusals of hosts in it.
    pub(crate) fn take(&mut self, post: PostAccounts<'_>, now_ms: i64) -> JoinedRows {
        let PostAccounts {
            positions,
            accounts,
            calls,
            refusals,
        } = post;
        let mut joined = JoinedRows::default();
        for call in refusals {
            self.refused.put(link_of_call(&call), (), MAX_REFUSED);
        }
        for call in calls {
            let account = self.of_host(call);
            self.add(account, now_ms, &mut joined);
        }
        // Parents first: what stands around another is part of it, and no account of its own.
        let spans = PostSpans::new(positions, accounts);
        let mut outer = BTreeMap::<usize, Vec<usize>>::new();
        let mut linked = Vec::new();
        let place: HashMap<_, _> = (accounts.iter().enumerate())
            .map(|(at, it)| ((it.position.trace, it.position.id), at))
            .collect();
        for (at, account) in accounts.iter().enumerate() {
            let around = spans.around(&account.position);
            match (account.side, around) {
                // A mounted server, or one that calls itself: part of the operation around it.
                (OperationSide::Server, Some(it))
                    if it.side == OperationSide::Server && is_part(account, it) =>
                {
                    continue;
                }
                (OperationSide::Client, Some(it))
                    if it.side == OperationSide::Client && is_part(account, it) =>
                {
                    let around = place[&(it.position.trace, it.position.id)];
                    outer.entry(around).or_default().push(at);
                }
                _ => {}
            }
            linked.push((at, linked_account(account, around)));
        }
        self.take_outer(&mut linked, &outer, accounts);
        // Servers first, so that a client finds its server's account whichever stands first in the post.
        linked.sort_by_key(|(_, it)| it.side == OperationSide::Client);
        for (_, account) in linked {
            self.add(account, now_ms, &mut joined);
        }
        self.expire(now_ms, &mut joined);
        joined
    }

    /// Puts accounts that stand around others of the same client into those.
    fn take_outer(
        &mut self,
        linked: &mut Vec<(usize, LinkedAccount)>,
        outer: &BTreeMap<usize, Vec<usize>>,
        accounts: &[Account],
    ) {
        for (around, inner) in outer {
            // Of several rounds the last one brought the answer that the outer span has read.
            let last = inner
                .iter()
                .max_by_key(|at| accounts[**at].position.start_ns);
            let last = linked.iter_mut().find(|(at, _)| Some(at) == last);
            if let Some((_, last)) = last {
                within(&mut last.request, &accounts[*around].request);
            }
        }
        linked.retain(|(at, _)| !outer.contains_key(at));
        linked.retain(|(_, it)| !self.is_outer_of_waiting(it));
    }

    /// Whether an account stands around one of an earlier post, which then takes in what it says.
    fn is_outer_of_waiting(&mut self, outer: &LinkedAccount) -> bool {
        let (OperationSide::Client, Some(position)) = (outer.side, outer.position) else {
            return false;
        };
        let own = link_of_span(position.trace, position.id, &outer.request.method);
        let Some(link) = self.inner.get(own) else {
            return false;
        };
        // One that is a row already has all that it will have.
        if let Some(it) = self.waiting.get_mut(link) {
            within(&mut it.account.request, &outer.request);
        }
        true
    }

    fn of_host(&self, call: HostCall) -> LinkedAccount {
        let HostCall {
            call,
            may_pair,
            mut request,
        } = call;
        let link = call.as_ref().map(link_of_call);
        if link.is_some_and(|link| self.refused.get(link).is_some()) {
            request.outcome = Outcome {
                error_kind: Some(mcpr_model::ErrorKind::Denied),
                error_code: None,
                ..request.outcome
            };
        }
        // A call that was never sent has no span.
        let was_sent = request.outcome.error_kind != Some(mcpr_model::ErrorKind::Denied);
        LinkedAccount {
            link,
            side: OperationSide::Client,
            is_of_host: true,
            waits: may_pair && was_sent,
            service: request.proxy.clone(),
            position: None,
            request,
        }
    }

    /// Joins an account with the one that waits for it, lets it wait, or makes a row of it.
    fn add(&mut self, mut account: LinkedAccount, now_ms: i64, joined: &mut JoinedRows) {
        if let (OperationSide::Client, Some(position)) = (account.side, account.position)
            && let (Some(link), Some(parent)) = (account.link, position.parent)
        {
            let around = link_of_span(position.trace, parent, &account.request.method);
            self.inner.put(around, link, MAX_REMEMBERED);
        }
        // Nothing can find it: it is all that will be reported.
        let Some(link) = account.link else {
            joined.rows.push(account.request);
            return;
        };
        account.request.key = account
            .request
            .key
            .with_call(call_key(link, &[account.side]));
        let found = match self.waiting.get(&link) {
            Some(it) if it.account.side != account.side => Some(link),
            // It has come again, after an answer that its exporter did not get.
            Some(it) if it.account.request.key.hash == account.request.key.hash => {
                // Held once more: the post that brought it first may have been refused in the end.
                joined.held.push(it.account.request.clone());
                return;
            }
            // A client that has asked twice within one span.
            Some(_) => {
                account.request.key.call = None;
                joined.rows.push(account.request);
                return;
            }
            None => self.counterpart(&account),
        };
        if let Some(other) = found.and_then(|link| self.remove(link)) {
            let row = row_of_both(account, other);
            joined.withdrawn.extend(row.1);
            joined.rows.push(row.0);
            return;
        }
        // An emitter that passes no context on has no counterpart.
        if !account.waits {
            joined.rows.push(account.request);
            return;
        }
        joined.held.push(account.request.clone());
        for group in groups(&account) {
            self.by_group.entry(group).or_default().push(link);
        }
        let until_ms = now_ms.saturating_add(WAIT_MS);
        self.waiting
            .insert(link, WaitingAccount { account, until_ms });
        self.queue.push_back(link);
        // Those that were joined stand in it until their time comes.
        if self.queue.len() > 2 * MAX_WAITING {
            self.queue.retain(|link| self.waiting.contains_key(link));
        }
    }

    /// An account of the other side that shares the trace or the session, says the same and overlaps in time: for sides whose spans
    /// have spans of HTTP between them.
    fn counterpart(&self, account: &LinkedAccount) -> Option<LinkId> {
        let position = account.position?;
        let own = groups(account);
        let links = own.iter().filter_map(|group| self.by_group.get(group));
        let fits = |other: &LinkedAccount| {
            let is_alike = other.side != account.side
                && other.service != account.service
                && other.request.method == account.request.method
                && other.request.target == account.request.target;
            is_alike && other.position.is_some_and(|it| overlap(&it, &position))
        };
        let newest = links.flat_map(|links| links.iter().rev().take(MAX_COMPARED));
        let found = newest.filter_map(|link| Some((*link, &self.waiting.get(link)?.account)));
        let found = found.filter(|(_, it)| fits(it));
        // The innermost around a server's, where calls stand within each other.
        found
            .max_by_key(|(_, it)| it.position.map(|it| it.start_ns))
            .map(|(link, _)| link)
    }

    fn remove(&mut self, link: LinkId) -> Option<LinkedAccount> {
        let found = self.waiting.remove(&link)?.account;
        for group in groups(&found) {
            let Some(links) = self.by_group.get_mut(&group) else {
                continue;
            };
            links.retain(|it| *it != link);
            if links.is_empty() {
                self.by_group.remove(&group);
            }
        }
        Some(found)
    }

    /// What has waited long enough, or must make room, becomes a row by itself.
    fn expire(&mut self, now_ms: i64, joined: &mut JoinedRows) {
        // All wait equally long, so that the first in the queue is the first to be over.
        while let Some(&link) = self.queue.front() {
            let is_over = match self.waiting.get(&link) {
                Some(it) => it.until_ms <= now_ms || self.waiting.len() > MAX_WAITING,
                // It was joined.
                None => true,
            };
            if !is_over {
                break;
            }
            self.queue.pop_front();
            if let Some(account) = self.remove(link) {
                joined.rows.push(account.request);
            }
        }
        // What became a row within the same post has not waited.
        let is_row = |it: &Request| joined.rows.iter().any(|row| row.key.hash == it.key.hash);
        joined.held.retain(|it| !is_row(it));
    }

    /// What has waited long enough by now.
    pub fn overdue(&mut self, now_ms: i64) -> Vec<Request> {
        let mut joined = JoinedRows::default();
        self.expire(now_ms, &mut joined);
        joined.rows
    }

    /// Whether anything waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// What an account and its counterpart may share beside a link: the trace, the session.
fn groups(account: &LinkedAccount) -> Vec<u64> {
    let trace = account.position.map(|it| xxh3_64(&it.trace.bytes()));
    let session = account
        .request
        .session_id
        .as_ref()
        .filter(|_| account.position.is_some());
    let session = session.map(|id| xxh3_64(format!("session {id}").as_bytes()));
    trace.into_iter().chain(session).collect()
}

/// Whether an account is part of the one around it: of the same process and method, while that goes on.
fn is_part(inner: &Account, outer: &Account) -> bool {
    inner.service == outer.service
        && inner.request.method == outer.request.method
        && is_within(&inner.position, &outer.position)
}

fn overlap(one: &Position, other: &Position) -> bool {
    one.start_ns <= other.end_ns && other.start_ns <= one.end_ns
}

fn linked_account(account: &Account, around: Option<&Account>) -> LinkedAccount {
    let position = account.position;
    let of_span = |id| link_of_span(position.trace, id, &account.request.method);
    let is_other = |it: &Account| {
        it.side == OperationSide::Client && it.request.method != account.request.method
    };
    let link = match (&account.call, account.side) {
        (Some(call), _) => Some(link_of_call(call)),
        (None, OperationSide::Client) => Some(of_span(position.id)),
        (None, OperationSide::Server) => {
            let client = around.filter(|it| {
                it.side == OperationSide::Client && it.request.method == account.request.method
            });
            // Below a client's span of another method stands what the server does by itself.
            let parent = position.parent.filter(|_| !around.is_some_and(is_other));
            let client = client.map(|it| it.position.id).or(parent);
            // A session is enough to be found by: then it waits under its own id.
            let own = account.request.session_id.as_ref().map(|_| position.id);
            client.or(own).map(of_span)
        }
    };
    let is_of_host = account.call.is_some();
    LinkedAccount {
        link,
        // Beside the host's record, its span takes the other place.
        side: if is_of_host {
            OperationSide::Server
        } else {
            account.side
        },
        is_of_host,
        waits: account.may_pair || is_of_host,
        service: account.service.clone(),
        position: Some(position),
        request: account.request.clone(),
    }
}

/// The row of two accounts, and the hash of the one that waited where the row has another key.
fn row_of_both(one: LinkedAccount, waited: LinkedAccount) -> (Request, Option<u64>) {
    let waited_key = waited.request.key.hash;
    let (client, server) = if one.side == OperationSide::Client {
        (one, waited)
    } else {
        (waited, one)
    };
    let link = client.link;
    let mut row = if client.is_of_host {
        // The host's record names the server; its span says what sort of error it was.
        let outcome = crate::ending::of_host(&client.request.outcome, &server.request.outcome);
        Request {
            outcome,
            trace_id: client.request.trace_id.or(server.request.trace_id),
            ..client.request
        }
    } else {
        joined(&client.request, &server.request)
    };
    // By the client's link, whichever came last: it is the same when both come again.
    if let Some(link) = link {
        row.key = row.key.with_call(call_key(
            link,
            &[OperationSide::Client, OperationSide::Server],
        ));
    }
    let withdrawn = (waited_key != row.key.hash).then_some(waited_key);
    (row, withdrawn)
}

/// The key by which a store knows an operation again, whichever side reports it later.
fn call_key(link: LinkId, sides: &[OperationSide]) -> CallKey {
    let channel = |side: &OperationSide| match side {
        OperationSide::Client => Channel::ClientSpan,
        OperationSide::Server => Channel::ServerSpan,
    };
    CallKey::of_span(link, sides.iter().map(channel))
}
