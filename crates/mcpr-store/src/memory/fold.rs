//! Sessions, folded from the log: which there are, which requests are theirs, what they count.

use super::Logged;
use crate::Membership;
use crate::query::{Neighbour, RequestRow, SessionKey, SessionRow, inferred_id};
use mcpr_model::{Request, SessionUpdate};
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
    /// `first_ts` has the times that requests were first reported with, where these are others now: an inferred
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
        let row = self.rows.entry(key).or_insert_with_key(SessionRow::blank);
        row.raise_to(of, is_new);
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
        let blank = || SessionRow::blank(key);
        let row = self.rows.entry(key.clone()).or_insert_with(blank);
        row.count(&Request {
            ts,
            ..request.clone()
        });
        // The time that is known by now, beside the one that was reported first.
        let mut state = row.state();
        state.recount(request, request);
        row.set_state(state);
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
            let row = self.rows.entry(key).or_insert_with_key(SessionRow::blank);
            row.apply(update);
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
