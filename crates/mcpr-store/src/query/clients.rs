//! `clients`: who called, with which version, from which platform, how much.

use super::{OTHER, SessionRow};
use mcpr_model::Platform;
use std::collections::BTreeMap;

/// One client and version with the sums of its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// The client's name; `None` for sessions that never named it.
    pub client_name: Option<String>,
    /// The client's version.
    pub client_version: Option<String>,
    /// Its sessions.
    pub sessions: u64,
    /// Their MCP requests.
    pub total_calls: i64,
    /// Their MCP requests that did not end `ok`.
    pub total_errors: i64,
    /// When the first of them began, unix milliseconds.
    pub first_seen_at: i64,
    /// When one of them was last used, unix milliseconds.
    pub last_seen_at: i64,
}

impl ClientRow {
    /// The client's platform.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform::of_client(self.client_name.as_deref())
    }

    /// Counts what another client did to this one.
    fn take_in(&mut self, other: &Self) {
        self.sessions = self.sessions.saturating_add(other.sessions);
        self.total_calls = self.total_calls.saturating_add(other.total_calls);
        self.total_errors = self.total_errors.saturating_add(other.total_errors);
        self.first_seen_at = self.first_seen_at.min(other.first_seen_at);
        self.last_seen_at = self.last_seen_at.max(other.last_seen_at);
    }
}

/// Puts sessions together by client and version.
#[derive(Debug, Default)]
pub struct ClientsFold(BTreeMap<(Option<String>, Option<String>), ClientRow>);

impl ClientsFold {
    /// Counts a session.
    pub fn add(&mut self, session: &SessionRow) {
        let (name, version) = (&session.client_name, &session.client_version);
        let key = (name.clone(), version.clone());
        let client = self.0.entry(key).or_insert_with(|| ClientRow {
            client_name: name.clone(),
            client_version: version.clone(),
            sessions: 0,
            total_calls: 0,
            total_errors: 0,
            first_seen_at: session.started_at,
            last_seen_at: session.last_seen_at,
        });
        client.sessions += 1;
        client.total_calls = client.total_calls.saturating_add(session.total_calls);
        client.total_errors = client.total_errors.saturating_add(session.total_errors);
        client.first_seen_at = client.first_seen_at.min(session.started_at);
        client.last_seen_at = client.last_seen_at.max(session.last_seen_at);
    }

    /// The clients: those with the most calls first, and all beyond so many as one, [`OTHER`].
    #[must_use]
    pub fn finish(self, most: usize) -> Vec<ClientRow> {
        let mut rows: Vec<_> = self.0.into_values().collect();
        sort_clients(&mut rows);
        let mut listed = ListedClients::new(most);
        for row in rows {
            listed.add(row);
        }
        listed.finish()
    }
}

/// Clients as they are listed: so many, and all others as one.
#[derive(Debug)]
pub struct ListedClients {
    most: usize,
    rows: Vec<ClientRow>,
    others: Option<ClientRow>,
}

impl ListedClients {
    /// No clients yet, of at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            rows: Vec::new(),
            others: None,
        }
    }

    /// Adds the next client in the order of the answer.
    pub fn add(&mut self, row: ClientRow) {
        if self.rows.len() < self.most {
            self.rows.push(row);
            return;
        }
        match &mut self.others {
            Some(others) => others.take_in(&row),
            others => {
                // They have no version together, and a name that no client has.
                *others = Some(ClientRow {
                    client_name: Some(OTHER.to_owned()),
                    client_version: None,
                    ..row
                });
            }
        }
    }

    /// The clients, the others last.
    #[must_use]
    pub fn finish(mut self) -> Vec<ClientRow> {
        self.rows.extend(self.others);
        self.rows
    }
}

/// The order of the answer.
fn sort_clients(rows: &mut [ClientRow]) {
    rows.sort_by(|left, right| {
        let key = |row: &ClientRow| (row.total_calls, row.sessions);
        (key(right).cmp(&key(left)))
            .then_with(|| left.client_name.cmp(&right.client_name))
            .then_with(|| left.client_version.cmp(&right.client_version))
    });
}
