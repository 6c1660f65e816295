//! Sessions, folded from the log: which there are, which requests are theirs, what they count.

use super::Logged;
use crate::model::{Kind, Request, SessionState, SessionUpdate, Status, TargetKind, Text};
use crate::query::{INFERRED_GAP_MS, RequestRow, SessionKey, SessionRow, inferred_id};
use std::cmp::Reverse;
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
    pub(super) fn of(log: &[Logged]) -> Self {
        let mut listing = Self::default();
        for logged in log {
            match logged {
                Logged::Request(seq, request, Some(key)) => listing.request(*seq, request, key),
                Logged::Update(update) => listing.update(update),
                Logged::Summary(key, row) => drop(listing.rows.insert(key.clone(), row.clone())),
                Logged::Removal(key) => drop(listing.rows.remove(key)),
                Logged::Request(_, _, None) | Logged::Gap(..) => {}
            }
        }
        listing
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

    fn request(&mut self, seq: i64, request: &Request, key: &SessionKey) {
        let row = self
            .rows
            .entry(key.clone())
            .or_insert_with(|| blank(key, request.ts));
        row.inferred = request.session_id.is_none();
        row.started_at = row.started_at.min(request.ts);
        row.last_seen_at = row.last_seen_at.max(request.ts);
        offer_client(
            row,
            request.client_name.as_ref(),
            request.client_version.as_ref(),
        );
        if row.inferred {
            // What an inferred session is told by, also where the name is not known.
            row.client_version = request.client_version.as_ref().map(Text::to_string);
        }
        if request.kind == Kind::Mcp {
            row.total_calls += 1;
            row.total_errors += i64::from(request.outcome.status() != Status::Ok);
        }
        self.members.insert(seq, key.clone());
    }

    /// The session a request belongs to, also where there is none of that id yet.
    pub(super) fn session_of(&self, request: &Request) -> Option<SessionKey> {
        let proxy = request.proxy.to_string();
        match &request.session_id {
            Some(id) => Some(SessionKey {
                proxy,
                id: id.to_string(),
            }),
            None if request.kind == Kind::Mcp => Some(self.inferred_session_of(request)),
            None => None,
        }
    }

    /// The inferred session of the same proxy and client without too long a gap; of several, the one
    /// last seen latest, then the one with the smallest id; else a new one.
    fn inferred_session_of(&self, request: &Request) -> SessionKey {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        let fits = |row: &&SessionRow| {
            row.inferred
                && row.proxy == request.proxy
                && row.client_name.as_deref() == name
                && row.client_version.as_deref() == version
                && row.started_at - INFERRED_GAP_MS <= request.ts
                && request.ts <= row.last_seen_at + INFERRED_GAP_MS
        };
        let found = self.rows.values().filter(fits);
        if let Some(row) = found.max_by_key(|row| (row.last_seen_at, Reverse(&row.session_id))) {
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
            let is_alive = update.state == SessionState::Active;
            let started_at = update.started_at.unwrap_or(update.ts);
            let mut seen = update.last_seen_at.or(is_alive.then_some(update.ts));
            let row = self.rows.entry(key.clone()).or_insert_with(|| {
                // Of a session that nothing else is known of, its end was its last use.
                let last_seen_at = *seen.get_or_insert(update.ts);
                SessionRow {
                    last_seen_at,
                    ..blank(&key, started_at)
                }
            });
            row.started_at = row.started_at.min(started_at);
            row.last_seen_at = row.last_seen_at.max(seen.unwrap_or(i64::MIN));
            if !is_alive {
                row.ended_at = row.ended_at.max(Some(update.ts));
            }
            offer_client(
                row,
                update.client_name.as_ref(),
                update.client_version.as_ref(),
            );
            let said = || text(update.conversation.as_ref());
            row.conversation = row.conversation.take().or_else(said);
        }
    }

    /// A stored request with its session and its caller.
    pub(super) fn row(&self, seq: i64, request: &Request) -> RequestRow {
        let key = self.members.get(&seq);
        let session = key.and_then(|key| self.rows.get(key));
        let own = (
            text(request.client_name.as_ref()),
            text(request.client_version.as_ref()),
        );
        let (client_name, client_version) = match session {
            Some(row) if own.0.is_none() && row.client_name.is_some() => {
                (row.client_name.clone(), row.client_version.clone())
            }
            _ => own,
        };
        let target = |kind: TargetKind| {
            request
                .target
                .as_ref()
                .filter(|it| it.kind == kind)
                .map(|it| it.name.to_string())
        };
        RequestRow {
            seq,
            request_id: request.request_id.as_ref().map(ToString::to_string),
            ts: request.ts,
            proxy: request.proxy.to_string(),
            kind: request.kind,
            session_id: text(request.session_id.as_ref()),
            session: key.map(|key| key.id.clone()),
            client_name,
            client_version,
            method: request.method.to_string(),
            tool: target(TargetKind::Tool),
            resource_uri: target(TargetKind::Resource),
            prompt_name: target(TargetKind::Prompt),
            latency_us: Some(request.latency_us),
            upstream_us: request.upstream_us,
            status: request.outcome.status(),
            error_kind: request.outcome.error_kind,
            error_code: text(request.outcome.error_code.as_ref()),
            error_msg: text(request.outcome.error_msg.as_ref()),
            bytes_in: request.bytes_in,
            bytes_out: request.bytes_out,
        }
    }
}

fn text(text: Option<&Text>) -> Option<String> {
    text.map(Text::to_string)
}

fn blank(key: &SessionKey, ts: i64) -> SessionRow {
    SessionRow {
        session_id: key.id.clone(),
        inferred: false,
        proxy: key.proxy.clone(),
        client_name: None,
        client_version: None,
        started_at: ts,
        last_seen_at: ts,
        ended_at: None,
        total_calls: 0,
        total_errors: 0,
        conversation: None,
    }
}

/// The first client that is named stays.
fn offer_client(row: &mut SessionRow, name: Option<&Text>, version: Option<&Text>) {
    if row.client_name.is_none() && name.is_some() {
        row.client_name = text(name);
        row.client_version = text(version);
    }
}
