//! Requests by the id they came with: two bytes of a hash say at which places it may stand.

use super::entries::rows_at;
use crate::layout::layout_of;
use crate::request_ids::{self, candidates, stretches};
use crate::requests::StoredId;
use mcpr_model::RequestId;
use mcpr_store::query::{Place, RequestRow};
use rusqlite::{Connection, OptionalExtension, params};

/// How far a request's time may move after it was stored: one stream reports whole seconds only.
const MOVES_MS: i64 = 1000;

/// The request with a number.
pub(super) fn at(connection: &Connection, seq: i64) -> rusqlite::Result<Option<RequestRow>> {
    Ok(rows_at(connection, &[seq])?.pop())
}

/// The newest requests with an id, newest first.
pub(super) fn with_id(
    connection: &Connection,
    id: &str,
    limit: usize,
) -> rusqlite::Result<Vec<RequestRow>> {
    let id = RequestId::from_text(id);
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    if layout_of(connection)? < request_ids::SINCE {
        let mut statement = connection.prepare_cached(
            "SELECT seq FROM requests WHERE request_id = ?1 ORDER BY ts DESC, seq DESC LIMIT ?2",
        )?;
        let seqs = statement.query_map(params![StoredId(&id), most], |row| row.get(0))?;
        let mut found = rows_at(connection, &seqs.collect::<rusqlite::Result<Vec<i64>>>()?)?;
        found.sort_by_key(|row| std::cmp::Reverse((row.ts, row.seq)));
        return Ok(found);
    }
    let mut at = connection.prepare_cached(REQUEST_AT)?;
    let mut newest = NewestPlaces {
        limit,
        places: Vec::new(),
    };
    for stretch in stretches(connection)? {
        // Stretches come with the newest first: behind this one nothing newer follows.
        if newest.are_all(stretch.max_ts()) {
            break;
        }
        for (max_ts, seqs) in candidates(connection, stretch, &id)? {
            if newest.are_all(max_ts) {
                break;
            }
            for seq in seqs {
                // The statement compares the id itself: another one may have the same mark.
                let ts = at.query_row(params![seq, StoredId(&id)], |row| row.get(0));
                let ts: Option<i64> = ts.optional()?;
                newest.places.extend(ts.map(|ts| Place { ts, seq }));
            }
            newest.cut();
        }
    }
    let seqs: Vec<i64> = newest.places.iter().map(|place| place.seq).collect();
    let mut found = rows_at(connection, &seqs)?;
    found.sort_by_key(|row| std::cmp::Reverse((row.ts, row.seq)));
    Ok(found)
}

/// Compares the id in the row itself.
const REQUEST_AT: &str = "SELECT ts FROM requests WHERE seq = ?1 AND request_id = ?2";

/// The places of the newest requests with an id that were found so far.
struct NewestPlaces {
    limit: usize,
    places: Vec<Place>,
}

impl NewestPlaces {
    /// Whether none of a stretch can be among them, whose newest request has this time.
    fn are_all(&self, max_ts: i64) -> bool {
        let newest = max_ts.saturating_add(MOVES_MS);
        let oldest = self.places.last();
        self.places.len() >= self.limit && oldest.is_none_or(|oldest| oldest.ts > newest)
    }

    fn cut(&mut self) {
        self.places.sort_by_key(|place| std::cmp::Reverse(*place));
        self.places.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::tests::plan_of;

    #[test]
    fn an_id_is_looked_for_at_its_places_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&directory.path().join("store.db")).expect("a new store");
        let plan = plan_of(&store, REQUEST_AT);
        assert!(plan.contains("INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
        assert!(!plan.contains("SCAN"), "{plan}");
    }
}
