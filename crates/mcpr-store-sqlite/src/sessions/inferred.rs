//! Inferred sessions: found by their neighbours in time, two look-ups however many there ever were.

use super::{COLUMNS, Session, Sessions, Slot};
use mcpr_model::{Request, Text};
use mcpr_store::SessionState;
use mcpr_store::query::{Neighbour, inferred_id};
use rusqlite::{OptionalExtension, Transaction, params};

/// A proxy and a client.
pub(super) type Pair = (i64, Option<i64>);

/// A span of time that begins with one inferred session of a proxy and client, and holds no other.
#[derive(Debug, Clone, Copy)]
pub(super) struct InferredSpan {
    /// The session that began last before it ends; `None` where none did.
    slot: Option<Slot>,
    /// When the next one began; `None` where none did.
    next: Option<i64>,
}

impl Sessions {
    /// The inferred session that a request without a session id belongs to, if there is one.
    pub(crate) fn find_inferred(
        &mut self,
        tx: &Transaction<'_>,
        pair: Pair,
        ts: i64,
    ) -> rusqlite::Result<Option<Slot>> {
        if let Some(&stretch) = self.inferred.get(&pair)
            && self.covers(stretch, ts)
        {
            match self.neighbour(stretch, ts) {
                Neighbour::Before => return Ok(stretch.slot),
                Neighbour::Neither => return Ok(None),
                // Its beginning would move: what is remembered ends before it.
                Neighbour::After => {}
            }
        }
        let stretch = self.stretch_at(tx, pair, ts)?;
        let found = match self.neighbour(stretch, ts) {
            Neighbour::Before => stretch.slot,
            Neighbour::Neither => None,
            Neighbour::After => {
                // Its beginning may move to `ts`: there is none in between.
                let after = stretch.next.unwrap_or(ts);
                let behind = self.stretch_at(tx, pair, after)?;
                // From here on requests of that time find it as the one before them.
                self.inferred.insert(pair, behind);
                return Ok(behind.slot);
            }
        };
        self.inferred.insert(pair, stretch);
        Ok(found)
    }

    fn covers(&self, stretch: InferredSpan, ts: i64) -> bool {
        stretch.next.is_none_or(|next| ts < next)
            && stretch
                .slot
                .is_none_or(|slot| self.slots[slot].state.started_at <= ts)
    }

    fn neighbour(&self, stretch: InferredSpan, ts: i64) -> Neighbour {
        let before = stretch.slot.map(|slot| self.slots[slot].state.last_seen_at);
        Neighbour::of(ts, before, stretch.next)
    }

    /// The stretch around a time, from the store.
    fn stretch_at(
        &mut self,
        tx: &Transaction<'_>,
        (proxy, client): Pair,
        ts: i64,
    ) -> rusqlite::Result<InferredSpan> {
        // The table is asked, and sessions of this batch are part of the answer.
        self.write_back(tx)?;
        let before = tx
            .prepare_cached(&before_sql())?
            .query_row(params![proxy, client, ts], Session::from_row)
            .optional()?;
        let next = tx
            .prepare_cached(AFTER)?
            .query_row(params![proxy, client, ts], |row| row.get(0))
            .optional()?;
        let slot = before.map(|session| {
            let of_proxy = self.by_id.get(&proxy);
            let known = of_proxy.and_then(|of_proxy| of_proxy.get(&session.id));
            // One session never has two slots: each would count for itself and write over the
            // other.
            known.copied().unwrap_or_else(|| self.remember(session))
        });
        Ok(InferredSpan { slot, next })
    }

    /// Makes the inferred session that starts with this request, of which
    /// [`Sessions::find_inferred`] found none.
    pub(crate) fn add_inferred(
        &mut self,
        tx: &Transaction<'_>,
        pair: Pair,
        request: &Request,
    ) -> rusqlite::Result<Slot> {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        let mut taken = 0;
        let session_id = loop {
            let id = inferred_id(&request.proxy, name, version, request.ts, taken);
            let id = Text::from(id);
            // A session with that beginning may be there: one that was moved back, or that a stream
            // named so.
            if self.find(tx, pair.0, &id)?.is_none() {
                break id;
            }
            taken += 1;
        };
        let slot = self.add(tx, pair.0, &session_id)?;
        let session = &mut self.slots[slot];
        session.inferred = true;
        session.client = pair.1;
        session.state = SessionState {
            has_client_name: name.is_some(),
            started_at: request.ts,
            last_seen_at: request.ts,
            ..SessionState::default()
        };
        // The look for it has just put the stretch around its time here: in that one it begins
        // last.
        if let Some(stretch) = self.inferred.get_mut(&pair) {
            stretch.slot = Some(slot);
        }
        Ok(slot)
    }

    /// Forgets what is known around a session that was changed by its id: its beginning, or its client,
    /// may be another one now.
    pub(super) fn forget_around(&mut self, slot: Slot) {
        let session = &self.slots[slot];
        if session.inferred {
            self.inferred.remove(&(session.proxy, session.client));
        }
    }
}

fn before_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM sessions s LEFT JOIN clients c ON c.id = s.client
         WHERE s.inferred = 1 AND s.proxy = ?1 AND s.client IS ?2 AND s.started_at <= ?3
         ORDER BY s.started_at DESC, s.session_id DESC LIMIT 1"
    )
}

const AFTER: &str = "SELECT started_at FROM sessions
     WHERE inferred = 1 AND proxy = ?1 AND client IS ?2 AND started_at > ?3
     ORDER BY started_at LIMIT 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::tests::{batch, plan_of, request};
    use mcpr_store::Writer;

    #[test]
    fn a_request_without_a_session_looks_at_its_neighbours_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&directory.path().join("store.db")).expect("a new store");
        for sql in [&before_sql(), AFTER] {
            let plan = plan_of(&store, sql);
            assert!(
                plan.contains("sessions_inferred (proxy=? AND client=? AND started_at"),
                "{plan}"
            );
            assert!(!plan.contains("SCAN"), "{plan}");
        }
    }

    #[test]
    fn an_old_request_joins_the_session_it_lies_beside_whatever_came_in_between() {
        const HOUR: i64 = 3_600_000;
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = SqliteStore::open(&directory.path().join("store.db")).expect("a new store");
        let call = |id: &str, ts: i64| Request {
            session_id: None,
            ..request(id, ts)
        };
        let hours = (0..50).map(|hour| call(&format!("h{hour}"), hour * HOUR));
        store.append(&batch(1, hours.collect())).expect("append");
        let minute = HOUR / 60;
        let late = vec![
            call("20+5", 20 * HOUR + 5 * minute),
            call("19-5", 19 * HOUR - 5 * minute),
            call("20+40", 20 * HOUR + 40 * minute),
            call("before all", -10 * HOUR),
            call("49+29", 49 * HOUR + 29 * minute),
        ];
        store.append(&batch(2, late)).expect("append");
        let starts: Vec<(i64, i64)> = store
            .reader()
            .expect("a reader")
            .sessions(
                &mcpr_store::query::SessionFilter::default(),
                &mcpr_store::query::SessionPage::oldest(100),
            )
            .expect("sessions")
            .iter()
            .filter(|row| row.total_calls > 1 || row.started_at < 0)
            .map(|row| (row.started_at / minute, row.last_seen_at / minute))
            .collect();
        let hour = 60;
        assert_eq!(
            starts,
            [
                (-10 * hour, -10 * hour),
                (19 * hour - 5, 19 * hour),
                (20 * hour, 20 * hour + 5),
                (20 * hour + 40, 21 * hour),
                (49 * hour, 49 * hour + 29),
            ]
        );
    }
}
