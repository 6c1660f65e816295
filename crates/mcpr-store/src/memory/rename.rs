//! A proxy that gets another name, in memory.

use super::{Logged, State};
use crate::query::{SessionKey, SessionRow};
use crate::surface_lists::AllLoaded;
use crate::{Renamed, RollupKey, SessionSpan, merge_sessions};
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl State {
    /// Gives another name to a proxy, with everything that is recorded under it.
    pub(super) fn rename_proxy(&mut self, old: &str, new: &str) -> Option<Renamed> {
        if !self.knows(old) {
            return None;
        }
        let is_merged = old != new && self.knows(new);
        let of_old = |(_, request): &(i64, &mcpr_model::Request)| *request.proxy == *old;
        let requests = self.requests().filter(of_old).count() as u64;
        let sessions = self.sessions_as_one(old, new, is_merged);
        for logged in &mut self.log {
            rename_logged(logged, old, new, &sessions.keys);
        }
        // The log alone would count what was summed up before only once, and remove what is there again.
        let rows = sessions.rows.into_iter();
        self.log
            .extend(rows.map(|row| Logged::Summary(row.key(), row)));
        self.rename_rollups(old, new);
        self.summed.rename(old, new);
        let Ok(()) = self.shown.rename(old, new, &mut AllLoaded);
        self.rename_flight(old, new);
        self.commits += 1;
        Some(Renamed {
            requests,
            is_merged,
        })
    }

    /// Whether anything is recorded under a name.
    fn knows(&self, proxy: &str) -> bool {
        self.requests().any(|(_, request)| *request.proxy == *proxy)
            || self.sessions().rows().iter().any(|row| row.proxy == proxy)
            || self.rollups.keys().any(|key| *key.proxy == *proxy)
            || self.shown.knows(proxy)
    }

    /// The sessions of both names, as they are once these are one.
    fn sessions_as_one(&self, old: &str, new: &str, is_merged: bool) -> Sessions {
        let of_both = |row: &SessionRow| row.proxy == old || row.proxy == new;
        let mut rows = self.sessions().rows();
        rows.retain(of_both);
        let clients: BTreeSet<_> = rows.iter().map(client_of).collect();
        let clients: Vec<_> = clients.into_iter().collect();
        let span = |row: &SessionRow| SessionSpan {
            is_old: row.proxy == old,
            id: row.session_id.clone(),
            inferred: row.inferred,
            client: clients
                .binary_search(&client_of(row))
                .map_or(-1, |at| i64::try_from(at).unwrap_or(-1)),
            started_at: row.started_at,
            last_seen_at: row.last_seen_at,
        };
        let moves = if is_merged {
            merge_sessions(rows.iter().map(span).collect())
        } else {
            Vec::new()
        };
        let mut finals: Vec<usize> = (0..rows.len()).collect();
        for (from, into) in moves {
            let from_row = rows[from].clone();
            rows[into].merge(&from_row);
            for at in finals.iter_mut().filter(|at| **at == from) {
                *at = into;
            }
        }
        let key = |at: usize| SessionKey {
            proxy: new.to_owned(),
            id: rows[at].session_id.clone(),
        };
        let keys = finals.iter().enumerate();
        let keys = keys
            .map(|(at, &into)| (rows[at].key(), key(into)))
            .collect();
        let stays = finals.iter().enumerate().filter(|(at, into)| at == *into);
        let rows = stays.map(|(at, _)| SessionRow {
            proxy: new.to_owned(),
            ..rows[at].clone()
        });
        Sessions {
            rows: rows.collect(),
            keys,
        }
    }

    fn rename_rollups(&mut self, old: &str, new: &str) {
        let rollups = std::mem::take(&mut self.rollups);
        let (moved, mut rest): (HashMap<_, _>, HashMap<_, _>) =
            rollups.into_iter().partition(|(key, _)| *key.proxy == *old);
        for (key, mut row) in moved {
            let key = RollupKey {
                proxy: new.into(),
                ..key
            };
            row.key = key.clone();
            if let Some(there) = rest.remove(&key) {
                row.merge(&there);
            }
            rest.insert(key, row);
        }
        self.rollups = rest;
    }
}

/// The sessions of two names that became one.
struct Sessions {
    rows: Vec<SessionRow>,
    /// What each is called afterwards.
    keys: BTreeMap<SessionKey, SessionKey>,
}

fn client_of(row: &SessionRow) -> (Option<String>, Option<String>) {
    (row.client_name.clone(), row.client_version.clone())
}

fn rename_logged(
    logged: &mut Logged,
    old: &str,
    new: &str,
    keys: &BTreeMap<SessionKey, SessionKey>,
) {
    let rename = |key: &mut SessionKey| {
        if let Some(other) = keys.get(key) {
            key.clone_from(other);
        } else if key.proxy == old {
            new.clone_into(&mut key.proxy);
        }
    };
    match logged {
        Logged::Request(_, request, session) => {
            if *request.proxy == *old {
                request.proxy = new.into();
            }
            if let Some(key) = session {
                rename(key);
            }
        }
        Logged::Update(update) => {
            if update.proxy.as_deref() == Some(old) {
                update.proxy = Some(new.into());
            }
        }
        Logged::Summary(key, row) => {
            rename(key);
            row.proxy.clone_from(&key.proxy);
            row.session_id.clone_from(&key.id);
        }
        Logged::Removal(key) => rename(key),
        Logged::Remains(row) => {
            let mut key = row.key();
            rename(&mut key);
            (row.proxy, row.session_id) = (key.proxy, key.id);
        }
        Logged::Gap(..) => {}
    }
}
