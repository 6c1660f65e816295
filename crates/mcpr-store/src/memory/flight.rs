//! What is in flight, and what taps know of their servers, in memory.

use super::State;
use crate::query::{Filter, Flight, MAX_OPEN_REQUESTS, OpenRow, Pattern, SessionKey};
use mcpr_model::{Batch, Event, OpenRequest, OutputTail, ServerRun};

impl State {
    /// Takes a request in flight, as far as its writer has room for one more.
    pub(super) fn put_open(&mut self, writer: i64, open: &OpenRequest) {
        let key = open.request.key.hash;
        let own = self.open.values().filter(|(of, _)| *of == writer).count();
        if own < MAX_OPEN_REQUESTS || self.open.get(&key).is_some_and(|(of, _)| *of == writer) {
            self.open.insert(key, (writer, open.clone()));
        }
    }

    /// Takes what a batch says of servers, of those whose sessions there are.
    pub(super) fn put_runs(&mut self, batch: &Batch) {
        let sessions = self.sessions();
        for event in &batch.events {
            let Event::Server(statement) = event else {
                continue;
            };
            let key = SessionKey {
                proxy: statement.proxy.to_string(),
                id: statement.session_id.to_string(),
            };
            if sessions.get(&key).is_some() {
                let run = self.runs.entry(key).or_insert_with(|| ServerRun {
                    proxy: statement.proxy.clone(),
                    session_id: statement.session_id.clone(),
                    ..ServerRun::default()
                });
                run.add((**statement).clone());
            }
        }
    }

    /// Forgets what is known of the servers of sessions that are not there any more.
    pub(super) fn forget_runs(&mut self) {
        let sessions = self.sessions();
        self.runs.retain(|key, _| sessions.get(key).is_some());
    }

    /// Forgets what is in flight in a session.
    pub(super) fn forget_open(&mut self, session: &SessionKey) {
        self.open.retain(|_, (_, open)| {
            let request = &open.request;
            *request.proxy != *session.proxy
                || request.session_id.as_deref() != Some(session.id.as_str())
        });
    }

    /// Gives what is in flight, and what is known of servers, to another name.
    pub(super) fn rename_flight(&mut self, old: &str, new: &str) {
        for (_, open) in self.open.values_mut() {
            if *open.request.proxy == *old {
                open.request.proxy = new.into();
            }
        }
        for (key, mut run) in std::mem::take(&mut self.runs) {
            if key.proxy == old {
                run.proxy = new.into();
                let id = key.id;
                // Of two sessions that become one, what was reported under the new name stays.
                let key = SessionKey {
                    proxy: new.to_owned(),
                    id,
                };
                self.runs.entry(key).or_insert(run);
            } else {
                self.runs.insert(key, run);
            }
        }
    }

    /// Removes what servers wrote before a time, as the payloads of that time go.
    pub(super) fn forget_outputs(&mut self, before: i64, means: &dyn Fn(&str) -> bool) {
        for (key, run) in &mut self.runs {
            if run.ts < before && means(&key.proxy) {
                (run.stderr, run.stray) = (None, None);
            }
        }
    }

    pub(super) fn open_rows(&self, filter: &Filter) -> Vec<OpenRow> {
        let sessions = self.sessions();
        // What is over is not a request in flight: it only waits for more to be reported.
        let open = self.open.values().filter(|(_, open)| !open.is_over);
        let rows = open.map(|(_, open)| {
            let mut found = OpenRow::of_request(&open.request, Flight::Pending);
            let row = &mut found.row;
            let key = row.session.clone().map(|id| SessionKey {
                proxy: row.proxy.clone(),
                id,
            });
            let session = key.and_then(|key| sessions.get(&key));
            if let Some(session) = session
                && row.client_name.is_none()
            {
                (row.client_name, row.client_version) =
                    (session.client_name, session.client_version);
            }
            found
        });
        OpenRow::listed(rows.collect(), filter)
    }

    pub(super) fn outputs(&self, proxy: Option<&Pattern>, limit: usize) -> Vec<ServerRun> {
        // An output whose time to be kept is over has its size alone.
        let has_text =
            |tail: &Option<OutputTail>| tail.as_ref().is_some_and(|it| !it.text.is_empty());
        let is_meant = |run: &&ServerRun| {
            let is_listed = has_text(&run.stderr) || has_text(&run.stray) || run.is_death;
            is_listed && proxy.is_none_or(|proxy| proxy.matches(&run.proxy))
        };
        let mut found: Vec<ServerRun> = self.runs.values().filter(is_meant).cloned().collect();
        found.sort_by(|a, b| {
            let rank = |run: &ServerRun| (run.ts, run.session_id.clone(), run.proxy.clone());
            rank(a).cmp(&rank(b))
        });
        let skipped = found.len().saturating_sub(limit);
        found.split_off(skipped)
    }

    pub(super) fn deaths(&self, since: i64, until: i64, limit: usize) -> Vec<ServerRun> {
        let mut ended: Vec<(i64, ServerRun)> = self
            .runs
            .values()
            .filter(|run| run.is_death)
            .filter_map(|run| run.ended_at().map(|at| (at, run.clone())))
            .filter(|(at, _)| (since..until).contains(at))
            .collect();
        ended.sort_by_key(|(at, run)| (*at, run.session_id.clone()));
        let skipped = ended.len().saturating_sub(limit);
        let newest = ended.into_iter().skip(skipped);
        newest
            .map(|(_, run)| ServerRun { stray: None, ..run })
            .collect()
    }
}
