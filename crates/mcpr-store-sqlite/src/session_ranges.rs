//! Where the requests of a session stand: ranges of the sequence, each with requests of others in between.
//!
//! Requests of a session mostly stand close together. An index over sessions would have an entry for each of them,
//! and every new row would touch one page more; a range is written once a batch.

use super::layout::layout_of;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// The layout that brought the table, in the place of an index over the sessions of requests.
const SINCE: i64 = 20;

/// How far the next request of a session may be from the one before it: as many rows are read in vain, at most, for
/// one that is found.
const MAX_STEP: i64 = 256;
/// A range lies in one such part of the sequence, so that those around a place are found by where they begin.
pub(super) const MAX_PLACES: i64 = 1 << 14;

/// From the first to the last request of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionRange {
    first: i64,
    last: i64,
}

impl SessionRange {
    /// The range of one request.
    pub(super) fn of(seq: i64) -> Self {
        Self {
            first: seq,
            last: seq,
        }
    }

    /// With the next request of its session; `None` where that begins a range of its own.
    pub(super) fn with(self, seq: i64) -> Option<Self> {
        let is_near = seq - self.last <= MAX_STEP && seq / MAX_PLACES == self.first / MAX_PLACES;
        is_near.then_some(Self { last: seq, ..self })
    }

    /// Writes it, or how far it reaches now.
    pub(super) fn write(self, tx: &Transaction<'_>, session: i64) -> rusqlite::Result<()> {
        tx.prepare_cached(
            "INSERT INTO session_ranges (session, first_seq, last_seq, seal)
             VALUES (?1, ?2, ?3, row_seal(?1, ?2, ?3))
             ON CONFLICT (session, first_seq) DO UPDATE SET last_seq = excluded.last_seq, seal = excluded.seal",
        )?
        .execute(params![session, self.first, self.last])
        .map(drop)
    }
}

/// The last range of a session.
pub(super) fn last_of(
    tx: &Transaction<'_>,
    session: i64,
) -> rusqlite::Result<Option<SessionRange>> {
    tx.prepare_cached(
        "SELECT first_seq, last_seq FROM session_ranges WHERE session = ?1 ORDER BY first_seq DESC LIMIT 1",
    )?
    .query_row([session], |row| {
        Ok(SessionRange {
            first: row.get(0)?,
            last: row.get(1)?,
        })
    })
    .optional()
}

/// The requests of sessions `?`, as numbers of the sequence: a query, for a list of what is meant.
macro_rules! seqs_of_session {
    ($session:literal) => {
        concat!(
            "SELECT q.seq FROM session_ranges g CROSS JOIN requests q
             ON q.seq BETWEEN g.first_seq AND g.last_seq AND q.session = g.session
             WHERE g.session = ",
            $session
        )
    };
}
pub(super) use seqs_of_session;

/// The condition that a request, by its column `seq`, is of the session `?`: each statement that asks for all of them.
pub(super) fn is_of_session(connection: &Connection) -> rusqlite::Result<&'static str> {
    Ok(if has_ranges(connection)? {
        concat!("r.seq IN (", seqs_of_session!("?"), ")")
    } else {
        "r.session = ?"
    })
}

/// Whether a store has ranges: older layouts have an index.
pub(super) fn has_ranges(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(layout_of(connection)? >= SINCE)
}

/// Gives the requests of a session to another one.
pub(super) fn merge(tx: &Transaction<'_>, from: i64, into: i64) -> rusqlite::Result<()> {
    let mut ranges: Vec<SessionRange> = Vec::new();
    {
        // Both in the order of the sequence, so that the ranges of the two become some that do not overlap.
        let mut seqs = tx.prepare_cached(concat!(
            seqs_of_session!("?1"),
            " UNION ALL ",
            seqs_of_session!("?2"),
            " ORDER BY 1"
        ))?;
        let mut seqs = seqs.query([from, into])?;
        while let Some(row) = seqs.next()? {
            let seq = row.get(0)?;
            match ranges
                .last_mut()
                .and_then(|last| Some((last.with(seq)?, last)))
            {
                Some((longer, last)) => *last = longer,
                None => ranges.push(SessionRange::of(seq)),
            }
        }
    }
    tx.prepare_cached(concat!(
        "UPDATE requests SET session = ?2 WHERE seq IN (",
        seqs_of_session!("?1"),
        ")"
    ))?
    .execute([from, into])?;
    for session in [from, into] {
        forget(tx, session)?;
    }
    ranges.iter().try_for_each(|range| range.write(tx, into))
}

/// Removes the ranges of a session whose requests are gone.
pub(super) fn forget(tx: &Transaction<'_>, session: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM session_ranges WHERE session = ?1")?
        .execute([session])
        .map(drop)
}

/// That no request of its session is left in a range `session_ranges`: a condition.
pub(super) const IS_EMPTY: &str = "NOT EXISTS (SELECT 1 FROM requests r
     WHERE r.seq BETWEEN session_ranges.first_seq AND session_ranges.last_seq
           AND r.session = session_ranges.session)";

/// Requests that stand in no range of their session, in words: a query.
pub(super) fn missing(connection: &Connection) -> rusqlite::Result<Option<&'static str>> {
    let sql = "SELECT 'request ' || min(r.seq) || ' and ' || (count(*) - 1) || ' others are in no range of their sessions; '
                      || '`session` may not show them'
               FROM requests r
               WHERE r.session IS NOT NULL AND ifnull(
                   (SELECT g.last_seq FROM session_ranges g WHERE g.session = r.session AND g.first_seq <= r.seq
                    ORDER BY g.first_seq DESC LIMIT 1) < r.seq, true)
               HAVING count(*) > 0";
    Ok(has_ranges(connection)?.then_some(sql))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, request};
    use crate::{SqliteStore, migrate, verify};
    use mcpr_model::Request;
    use mcpr_store::query::{Cursor, Filter, Page, SessionKey};
    use mcpr_store::{Depth, Writer};
    use std::path::Path;

    /// Requests of a busy session, of one that comes back now and then, and of many others.
    fn of(at: i64) -> Request {
        let session = match at {
            _ if at % 400 == 0 => "rare".to_owned(),
            _ if at % 5 == 0 => "busy".to_owned(),
            _ => format!("s-{}", at / 50),
        };
        Request {
            session_id: Some(session.as_str().into()),
            ..request(&format!("id-{at}"), at)
        }
    }

    fn filled(path: &Path, rows: i64) -> SqliteStore {
        let mut store = SqliteStore::open(path).expect("a new store");
        for first in (0..rows).step_by(700) {
            let requests = (first..rows.min(first + 700)).map(of).collect();
            store.append(&batch(first, requests)).expect("append");
        }
        store
    }

    /// A session's rows, page by page in both directions, each range of the store as it stands.
    fn shown(path: &Path, session: &str) -> [Vec<i64>; 2] {
        let reader = crate::open_reader(path).expect("a reader");
        let filter = Filter {
            session: Some(SessionKey {
                proxy: "weather".into(),
                id: session.into(),
            }),
            ..Filter::default()
        };
        let rows = |mut page: Page| {
            let mut all = Vec::new();
            loop {
                let found = reader.entries(&filter, page).expect("a page");
                let Some(last) = found.last() else { return all };
                match page.order {
                    mcpr_store::query::Order::Ascending => page.after = Some(last.cursor()),
                    mcpr_store::query::Order::Descending => page.before = Some(last.cursor()),
                }
                all.extend(found.iter().map(mcpr_store::query::Entry::seq));
            }
        };
        let mut newest = rows(Page::newest(None, 7));
        newest.reverse();
        [rows(Page::after(Cursor::START, 7)), newest]
    }

    fn ranges(store: &SqliteStore) -> Vec<(i64, i64, i64)> {
        let sql = "SELECT session, first_seq, last_seq FROM session_ranges ORDER BY 1, 2";
        let mut statement = store.connection.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.expect("rows")
            .collect::<Result<_, _>>()
            .expect("ranges")
    }

    fn expected(session: &str, rows: i64) -> Vec<i64> {
        let is_of = |at: &i64| of(*at).session_id.as_deref() == Some(session);
        // The sequence begins with 1.
        (0..rows).filter(is_of).map(|at| at + 1).collect()
    }

    #[test]
    fn a_session_is_read_by_ranges_page_by_page_in_both_directions() {
        const ROWS: i64 = 20_000;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let store = filled(&path, ROWS);
        for session in ["busy", "rare", "s-7", "s-399"] {
            let expected = expected(session, ROWS);
            assert_eq!(
                shown(&path, session),
                [expected.clone(), expected],
                "{session}"
            );
        }
        let all = ranges(&store);
        let busy = all.iter().filter(|range| range.2 - range.1 > 1000).count();
        assert_eq!(busy, 2, "one a part of the sequence: {all:?}");
        let singles = all.iter().filter(|range| range.1 == range.2).count();
        assert_eq!(
            singles,
            expected("rare", ROWS).len(),
            "what is far apart stands alone"
        );
        assert!(all.len() < 500, "{} ranges of {ROWS} requests", all.len());
    }

    #[test]
    fn a_migration_makes_the_ranges_that_a_writer_makes() {
        const ROWS: i64 = 20_000;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let store = filled(&path, ROWS);
        let written = ranges(&store);
        let connection = &store.connection;
        let back = "DROP TABLE session_ranges; PRAGMA user_version = 19;
                    CREATE INDEX requests_session ON requests (session) WHERE session IS NOT NULL;
                    DELETE FROM census WHERE name = 'session_ranges'";
        connection.execute_batch(back).expect("the layout before");
        migrate::lay_out(connection, 20).expect("migrated");
        assert_eq!(ranges(&store), written);
        drop(store);
        let found = verify(&path, Depth::Full).expect("a store");
        assert_eq!(found.problems, [""; 0]);
    }

    #[test]
    fn a_request_in_no_range_of_its_session_is_damage() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = filled(&path, 100);
        let tx = store.connection.transaction().expect("a transaction");
        forget(&tx, 1).expect("removed");
        crate::census::settle(&tx).expect("counted");
        tx.commit().expect("written");
        drop(store);
        let found = verify(&path, Depth::Full).expect("a store").problems;
        assert!(
            found.len() == 1 && found[0].contains("in no range"),
            "{found:?}"
        );
    }
}
