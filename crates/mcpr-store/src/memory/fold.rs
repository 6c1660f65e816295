//! Sessions, folded from the log: which there are, which requests are theirs, what they count.

use super::Logged;
use crate::query::{Neighbour, RequestRow, SessionKey, SessionRow, inferred_id};
use crate::{Membership, SessionState};
use mcpr_model::{Request, SessionUpdate, Text};
use std::collections::BTreeMap;

/// The sessions of a log.
#[derive(Debug, Default)]
pub(super) struct Listing {
    rows: BTreeMap<SessionKey, SessionRow>,
    /// The session of each request that has one, by sequence number.
    members: BTreeMap<i64, SessionKey>,
}

impl Listing {
    /// Folds a log, from its beginning to its end.
    ///
    /// `first_ts` has the times that requests were first told with, where these are others now: an inferred
    /// session's span is made of them, one with an id holds both.
    pub(super) fn of(log: &[Logged], first_ts: &BTreeMap<i64, i64>) -> Self {
        let mut listing = Self::default();
        for logged in log {
            match logged {
                Logged::Request(seq, request, Some(key)) => {
                    let ts = first_ts.get(seq).copied().unwrap_or(request.ts);
                    listing.request(*seq, ts, request, key);
                }
                Logged::Update(update) => listing.update(update),
                Logged::Summary(key, row) => drop(listing.rows.insert(key.clone(), row.clone())),
                Logged::Removal(key) => drop(listing.rows.remove(key)),
                Logged::Remains(row) => listing.remains(row),
                Logged::Request(_, _, None) | Logged::Gap(..) => {}
            }
        }
        listing
    }

    fn remains(&mut self, of: &SessionRow) {
        let key = of.key();
        let is_new = !self.rows.contains_key(&key);
        let row = self.rows.entry(key).or_insert_with_key(blank);
        if is_new {
            row.inferred = of.inferred;
        }
        if is_new || (row.client_name.is_none() && of.client_name.is_some()) {
            row.client_name.clone_from(&of.client_name);
            row.client_version.clone_from(&of.client_version);
        }
        let said = || of.conversation.clone();
        row.conversation = row.conversation.take().or_else(said);
        let state = state_of(row).raised_to(of);
        set_state(row, state);
    }

    pub(super) fn get(&self, key: &SessionKey) -> Option<SessionRow> {
        self.rows.get(key).cloned()
    }

    pub(super) fn rows(&self) -> Vec<SessionRow> {
        self.rows.values().cloned().collect()
    }

    /// The sequence numbers of a session's requests.
    pub(super) fn members_of(&self, key: &SessionKey) -> Vec<i64> {
        self.members
            .iter()
            .filter(|(_, of)| *of == key)
            .map(|(seq, _)| *seq)
            .collect()
    }

    fn request(&mut self, seq: i64, ts: i64, request: &Request, key: &SessionKey) {
        let row = self.rows.entry(key.clone()).or_insert_with(|| blank(key));
        row.inferred = request.session_id.is_none();
        let mut state = state_of(row);
        state.count(&Request {
            ts,
            ..request.clone()
        });
        // The time that is known by now, beside the one that was told first.
        state.recount(request, request);
        let (name, version) = (&request.client_name, &request.client_version);
        take_client(row, &mut state, name.as_ref(), version.as_ref());
        if row.inferred {
            // What an inferred session is told by, also where the name is not known.
            row.client_version = text(version.as_ref());
        }
        set_state(row, state);
        self.members.insert(seq, key.clone());
    }

    /// The session a request belongs to, also where there is none of that id yet.
    pub(super) fn session_of(&self, request: &Request) -> Option<SessionKey> {
        let proxy = request.proxy.to_string();
        match Membership::of(request) {
            Membership::SurfaceContent(id) => Some(SessionKey {
                proxy,
                id: id.to_string(),
            }),
            Membership::Inferred => Some(self.inferred_session_of(request)),
            Membership::None => None,
        }
    }

    /// The inferred session of the same proxy and client that the request's neighbours in time say, or
    /// a new one.
    fn inferred_session_of(&self, request: &Request) -> SessionKey {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        let alike = self.rows.values().filter(|row| {
            row.inferred
                && row.proxy == request.proxy
                && row.client_name.as_deref() == name
                && row.client_version.as_deref() == version
        });
        let (before, after): (Vec<&SessionRow>, Vec<_>) =
            alike.partition(|row| row.started_at <= request.ts);
        let order = |row: &&&SessionRow| (row.started_at, row.session_id.clone());
        let before = before.iter().max_by_key(order);
        let after = after.iter().min_by_key(order);
        let neighbour = Neighbour::of(
            request.ts,
            before.map(|row| row.last_seen_at),
            after.map(|row| row.started_at),
        );
        let found = match neighbour {
            Neighbour::Before => before,
            Neighbour::After => after,
            Neighbour::Neither => None,
        };
        if let Some(row) = found {
            return row.key();
        }
        let proxy = request.proxy.to_string();
        (0..u32::MAX)
            .map(|taken| SessionKey {
                proxy: proxy.clone(),
                id: inferred_id(&proxy, name, version, request.ts, taken),
            })
            .find(|key| !self.rows.contains_key(key))
            .expect("some id is free")
    }

    fn update(&mut self, update: &SessionUpdate) {
        let id = update.session_id.to_string();
        let keys: Vec<SessionKey> = match &update.proxy {
            Some(proxy) => vec![SessionKey {
                proxy: proxy.to_string(),
                id,
            }],
            None => self
                .rows
                .keys()
                .filter(|key| key.id == id)
                .cloned()
                .collect(),
        };
        for key in keys {
            let row = self.rows.entry(key).or_insert_with_key(blank);
            let mut state = state_of(row);
            state.apply(update);
            let (name, version) = (&update.client_name, &update.client_version);
            take_client(row, &mut state, name.as_ref(), version.as_ref());
            set_state(row, state);
            let said = || text(update.conversation.as_ref());
            row.conversation = row.conversation.take().or_else(said);
        }
    }

    /// A stored request with its session and its caller.
    pub(super) fn row(&self, seq: i64, request: &Request) -> RequestRow {
        let key = self.members.get(&seq);
        let session = key.and_then(|key| self.rows.get(key));
        let mut row = RequestRow::of_request(seq, request);
        row.session = key.map(|key| key.id.clone());
        // Name and version together, as every backend has them.
        if let Some(session) = session.filter(|_| row.client_name.is_none())
            && session.client_name.is_some()
        {
            row.client_name.clone_from(&session.client_name);
            row.client_version.clone_from(&session.client_version);
        }
        row
    }
}

fn text(text: Option<&Text>) -> Option<String> {
    text.map(Text::to_string)
}

fn blank(key: &SessionKey) -> SessionRow {
    let state = SessionState::default();
    SessionRow {
        session_id: key.id.clone(),
        inferred: false,
        proxy: key.proxy.clone(),
        client_name: None,
        client_version: None,
        started_at: state.started_at,
        last_seen_at: state.last_seen_at,
        ended_at: state.ended_at,
        total_calls: state.total_calls,
        total_errors: state.total_errors,
        conversation: None,
    }
}

pub(super) fn state_of(row: &SessionRow) -> SessionState {
    SessionState {
        started_at: row.started_at,
        last_seen_at: row.last_seen_at,
        ended_at: row.ended_at,
        total_calls: row.total_calls,
        total_errors: row.total_errors,
        has_client_name: row.client_name.is_some(),
    }
}

fn set_state(row: &mut SessionRow, state: SessionState) {
    row.started_at = state.started_at;
    row.last_seen_at = state.last_seen_at;
    row.ended_at = state.ended_at;
    row.total_calls = state.total_calls;
    row.total_errors = state.total_errors;
}

fn take_client(
    row: &mut SessionRow,
    state: &mut SessionState,
    name: Option<&Text>,
    version: Option<&Text>,
) {
    if state.takes_client(name.is_some()) {
        row.client_name = text(name);
        row.client_version = text(version);
    }
}
