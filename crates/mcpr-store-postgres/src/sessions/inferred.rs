//! Inferred sessions: found by their neighbours in time, which are read for a whole batch.

use super::{COLUMNS, Pair, SessionStates};
use crate::db::Db;
use crate::errors::DbFault;
use crate::store_row::StoreRow;
use mcpr_model::{Request, Text};
use mcpr_store::SessionState;
use mcpr_store::query::{Neighbour, inferred_id};
use rustc_hash::FxHashSet;

impl SessionStates {
    /// Reads the inferred sessions of a proxy and client around some times.
    pub(super) fn read_around(
        &mut self,
        db: &mut Db,
        pair: Pair,
        first: i64,
        last: i64,
    ) -> Result<(), DbFault> {
        // What is in memory is not read again: the store may hold it at another place.
        let known: Vec<i64> = self.all.keys().copied().collect();
        let of_pair = "s.inferred AND s.proxy = $1 AND s.client = $2 AND s.id <> ALL($5)";
        let from = "FROM sessions s LEFT JOIN clients c ON c.id = s.client";
        let sql = format!(
            "(SELECT {COLUMNS} {from} WHERE {of_pair} AND s.started_at <= $3
              ORDER BY s.started_at DESC, s.session_id DESC LIMIT 1)
             UNION ALL
             (SELECT {COLUMNS} {from} WHERE {of_pair} AND s.started_at > $3 AND s.started_at <= $4)
             UNION ALL
             (SELECT {COLUMNS} {from} WHERE {of_pair} AND s.started_at > $4
              ORDER BY s.started_at, s.session_id LIMIT 1)"
        );
        // The one before, those within, and the one behind.
        let rows = db.rows(&sql, &[&pair.0, &pair.1, &first, &last, &known])?;
        self.take_rows(&rows)?;
        self.read.insert(pair, (first, last));
        Ok(())
    }

    /// The inferred session that a request without a session id belongs to, made where there is none.
    pub(crate) fn inferred(
        &mut self,
        db: &mut Db,
        row: &mut StoreRow,
        pair: Pair,
        request: &Request,
    ) -> Result<i64, DbFault> {
        let ts = request.ts;
        let is_read = self.read.get(&pair);
        if is_read.is_none_or(|(first, last)| !(*first..=*last).contains(&ts)) {
            // Wide enough for what is already in memory as well.
            let (first, last) = is_read.copied().unwrap_or((ts, ts));
            self.read_around(db, pair, first.min(ts), last.max(ts))?;
        }
        let of_pair = self.inferred.entry(pair).or_default();
        // Behind all that begin at that time, whatever their names.
        let edge = (ts.saturating_add(1), Text::default());
        let before = of_pair.range(..edge.clone()).next_back();
        let after = of_pair.range(edge..).next();
        let before = before.map(|(_, id)| *id);
        let (after, start) = after.map(|((start, _), id)| (*id, *start)).unzip();
        let seen = |id: i64| self.all.get(&id).map(|it| it.state.last_seen_at);
        // Which of the two is decided in one place for all backends.
        let found = match Neighbour::of(ts, before.and_then(seen), start) {
            Neighbour::Before => before,
            Neighbour::After => after,
            Neighbour::Neither => None,
        };
        match found {
            Some(found) => Ok(found),
            None => self.add_inferred(db, row, pair, request),
        }
    }

    fn add_inferred(
        &mut self,
        db: &mut Db,
        row: &mut StoreRow,
        pair: Pair,
        request: &Request,
    ) -> Result<i64, DbFault> {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        let (proxy, client) = pair;
        // Eight digits: now and then two are the same.
        let mut taken = 0;
        let session_id = loop {
            let id = inferred_id(&request.proxy, name, version, request.ts, taken);
            let key = (proxy, Text::from(id));
            self.find(db, FxHashSet::from_iter([key.clone()]))?;
            // A session with that beginning may be there: one that was moved back, or that a stream named so.
            if self.known(proxy, &key.1).is_none() {
                break key.1;
            }
            taken += 1;
        };
        let id = self.add(row, proxy, session_id);
        let has_client_name = name.is_some();
        if let Some(session) = self.all.get_mut(&id) {
            session.inferred = true;
            session.client = client;
            session.state = SessionState {
                has_client_name,
                started_at: request.ts,
                last_seen_at: request.ts,
                ..SessionState::default()
            };
            let session = session.clone();
            self.place(&session);
        }
        Ok(id)
    }
}
