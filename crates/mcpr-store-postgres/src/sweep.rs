//! Retention at work: what of a class is to go, slice by slice, each a transaction of its own, so that a writer who
//! waits for its end hardly notices.

mod names;

use crate::db::Db;
use crate::errors::DbFault;
use crate::runs;
use crate::store_row::StoreRow;
use crate::surfaces::versions;
use mcpr_model::time::HOUR_MS;
use mcpr_store::{Class, Oldest, Retention};
use postgres::Row;

/// Most rows deleted in one transaction.
const SLICE: i64 = 2000;

/// What is to go, and how far that has come.
#[derive(Debug)]
pub(crate) struct RetentionSweep {
    what: Retention,
    /// The kind of row whose turn it is.
    stage: usize,
    /// A slice of what goes by time begins here.
    from: i64,
}

/// What a slice has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SweptSlice {
    /// Rows of the class that went.
    pub(crate) removed: u64,
    /// Whether there is nothing left of this kind of row.
    is_last: bool,
}

impl SweptSlice {
    /// Of so many rows, of which there is one slice after the other until none is full.
    fn of(removed: u64) -> Self {
        Self {
            removed,
            is_last: removed < SLICE.cast_unsigned(),
        }
    }

    /// The same of rows that are not counted.
    fn uncounted(removed: u64) -> Self {
        Self {
            removed: 0,
            ..Self::of(removed)
        }
    }

    fn last(removed: u64) -> Self {
        Self {
            removed,
            is_last: true,
        }
    }
}

impl RetentionSweep {
    /// Everything that retention means.
    pub(crate) fn of(what: &Retention) -> Self {
        Self {
            what: what.clone(),
            stage: 0,
            from: i64::MIN,
        }
    }

    /// Takes the next slice; `None` when nothing is left.
    pub(crate) fn slice(
        &mut self,
        db: &mut Db,
        row: &mut StoreRow,
    ) -> Result<Option<u64>, DbFault> {
        // Asked for by each slice: names come and go between two of them.
        let proxy = proxy_number(db, self.what.proxy.as_deref())?;
        let before = self.what.before;
        let slice = match (self.what.class, self.stage) {
            (Class::Requests, 0) => self.requests(db, row, proxy)?,
            // A gap or a bad line has a source and no proxy.
            (Class::Requests, 1) if proxy.is_none() => {
                SweptSlice::of(delete(db, "gaps", "to_ts < $1", before)?)
            }
            (Class::Requests, 2) if proxy.is_none() => {
                SweptSlice::uncounted(delete(db, "bad_lines", "ts < $1", before)?)
            }
            (Class::Requests, 1 | 2) => SweptSlice::last(0),
            (Class::Requests, 3) => SweptSlice::uncounted(empty_sessions(db, before, proxy)?),
            (Class::Payloads, 0) => self.payloads(db, proxy)?,
            (Class::Payloads, 1) => {
                runs::forget_outputs(db, before, proxy)?;
                SweptSlice::last(0)
            }
            (Class::Sums, 0) => SweptSlice::of(sums(db, before, proxy)?),
            (Class::Surfaces, 0) => SweptSlice::of(superseded(db, before, proxy)?),
            (Class::Surfaces, 1) => {
                parts_of_lists(db, before, proxy)?;
                SweptSlice::last(0)
            }
            (Class::Names, 0) => SweptSlice::last(names::remove(db, before)?),
            (Class::Names, 1) => SweptSlice::last(names::remove_sources(db, before)?),
            _ => return Ok(None),
        };
        // The next kind begins at its own beginning.
        if slice.is_last {
            self.stage += 1;
            self.from = i64::MIN;
        }
        // Also where nothing went: another kind may follow.
        Ok(Some(slice.removed))
    }

    /// The time at which a slice of a table ends.
    fn edge(&self, db: &mut Db, table: &str) -> Result<Option<i64>, DbFault> {
        let sql = format!(
            "SELECT ts FROM {table} WHERE ts >= $1 AND ts < $2 ORDER BY ts OFFSET $3 LIMIT 1"
        );
        let edge = db.row(&sql, &[&self.from, &self.what.before, &SLICE])?;
        Ok(edge.map(|row| row.try_get(0)).transpose()?)
    }

    /// Removes requests that are older than a time, from a time on. A slice is so many requests of any proxy: those that
    /// stay are not looked at again by each.
    fn requests(
        &mut self,
        db: &mut Db,
        row: &mut StoreRow,
        proxy: Option<i64>,
    ) -> Result<SweptSlice, DbFault> {
        // By the index over times, so that no row is looked at twice.
        let edge = self.edge(db, "requests")?;
        // All of one time go together: a row whose key was taken is found by the one that has taken it.
        let end = edge.map_or(self.what.before, |ts| {
            ts.saturating_add(1).min(self.what.before)
        });
        let removed = remove_requests(
            db,
            "ts >= $1 AND ts < $2 AND ($3::bigint IS NULL OR operation IN
                 (SELECT o.id FROM operations o WHERE o.proxy = $3))",
            &[&self.from, &end, &proxy],
        )?;
        row.requests -= removed.cast_signed();
        self.from = end;
        Ok(SweptSlice {
            removed,
            is_last: edge.is_none(),
        })
    }

    fn payloads(&mut self, db: &mut Db, proxy: Option<i64>) -> Result<SweptSlice, DbFault> {
        let edge = self.edge(db, "payloads")?;
        let end = edge.map_or(self.what.before, |ts| {
            ts.saturating_add(1).min(self.what.before)
        });
        let removed = db.execute(
            "DELETE FROM payloads WHERE ts >= $1 AND ts < $2 AND ($3::bigint IS NULL OR $3 = (
                 SELECT o.proxy FROM requests r JOIN operations o ON o.id = r.operation
                 WHERE r.seq = payloads.seq))",
            &[&self.from, &end, &proxy],
        )?;
        self.from = end;
        Ok(SweptSlice {
            removed,
            is_last: edge.is_none(),
        })
    }
}

/// Removes requests, with what is kept beside them; says how many.
pub(crate) fn remove_requests(
    db: &mut Db,
    condition: &str,
    values: &[crate::db::Value<'_>],
) -> Result<u64, DbFault> {
    let sql = format!("DELETE FROM requests WHERE {condition} RETURNING seq");
    let rows = db.rows(&sql, values)?;
    let seqs: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    // By their numbers, which nobody gets again.
    if !seqs.is_empty() {
        for table in ["payloads", "request_notes"] {
            let sql = format!("DELETE FROM {table} WHERE seq = ANY($1)");
            db.execute(&sql, &[&seqs])?;
        }
    }
    Ok(seqs.len() as u64)
}

/// Removes a slice of a table whose key is `seq`.
fn delete(db: &mut Db, table: &str, condition: &str, before: i64) -> Result<u64, DbFault> {
    let sql = format!(
        "DELETE FROM {table} WHERE seq IN
         (SELECT seq FROM {table} WHERE {condition} ORDER BY seq LIMIT $2)"
    );
    db.execute(&sql, &[&before, &SLICE])
}

/// Removes sessions that have no requests any more and were not seen for so long.
fn empty_sessions(db: &mut Db, before: i64, proxy: Option<i64>) -> Result<u64, DbFault> {
    let rows = db.rows(
        "DELETE FROM sessions WHERE id IN (
             SELECT s.id FROM sessions s
             WHERE s.last_seen_at < $1 AND ($2::bigint IS NULL OR s.proxy = $2)
                   AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.session = s.id)
             LIMIT $3) RETURNING id",
        &[&before, &proxy, &SLICE],
    )?;
    forget_runs(db, &rows)?;
    Ok(rows.len() as u64)
}

/// Forgets what is known of the servers of sessions that have gone.
fn forget_runs(db: &mut Db, sessions: &[Row]) -> Result<(), DbFault> {
    let ids: Vec<i64> = sessions
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM server_runs WHERE session = ANY($1)";
    db.execute(sql, &[&ids]).map(drop)
}

/// Removes hours that ended before a time.
fn sums(db: &mut Db, before: i64, proxy: Option<i64>) -> Result<u64, DbFault> {
    // An hour that has begun before the time and ends after it stays whole.
    // Hours are removed as a whole.
    let last_hour = before.saturating_sub(HOUR_MS);
    db.execute(
        "DELETE FROM rollups WHERE (hour, operation) IN (
             SELECT u.hour, u.operation FROM rollups u JOIN operations o ON o.id = u.operation
             WHERE u.hour <= $1 AND ($2::bigint IS NULL OR o.proxy = $2)
             ORDER BY u.hour, u.operation LIMIT $3)",
        &[&last_hour, &proxy, &SLICE],
    )
}

/// The versions that are not the one seen last of their list, of one proxy or of all.
// What was seen last of a list is what its server shows now: it never goes for its age.
const SUPERSEDED: &str = "($1::bigint IS NULL OR s.proxy = $1)
     AND EXISTS (SELECT 1 FROM surfaces n WHERE n.proxy = s.proxy AND n.method = s.method
                 AND (n.last_seen_at, n.version) > (s.last_seen_at, s.version))";

fn superseded(db: &mut Db, before: i64, proxy: Option<i64>) -> Result<u64, DbFault> {
    let sql = format!(
        "SELECT s.id FROM surfaces s WHERE {SUPERSEDED} AND s.last_seen_at < $2 ORDER BY s.id LIMIT $3"
    );
    let rows = db.rows(&sql, &[&proxy, &before, &SLICE])?;
    let ids: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    // With their texts, where no other version has them.
    versions::remove(db, &ids)?;
    Ok(ids.len() as u64)
}

fn parts_of_lists(db: &mut Db, before: i64, proxy: Option<i64>) -> Result<(), DbFault> {
    // The pages first: they are found by their chains.
    db.execute(
        "DELETE FROM surface_page_items i WHERE EXISTS (
             SELECT 1 FROM surface_pages c WHERE c.proxy = i.proxy AND c.method = i.method AND c.chain = i.chain
             AND c.ts < $1 AND ($2::bigint IS NULL OR c.proxy = $2))",
        &[&before, &proxy],
    )?;
    let tables = [
        ("surface_pages", "ts"),
        ("surface_items", "last_seen_at"),
        ("surface_announcements", "ts"),
    ];
    for (table, ts) in tables {
        let sql =
            format!("DELETE FROM {table} WHERE {ts} < $1 AND ($2::bigint IS NULL OR proxy = $2)");
        db.execute(&sql, &[&before, &proxy])?;
    }
    Ok(())
}

/// How many rows a vacuum of requests (with gaps) or of payloads would remove.
pub(crate) fn count_of(db: &mut Db, what: &Retention) -> Result<u64, DbFault> {
    let proxy = proxy_number(db, what.proxy.as_deref())?;
    let of_proxy = "($2::bigint IS NULL OR operation IN
         (SELECT o.id FROM operations o WHERE o.proxy = $2))";
    let sql = match what.class {
        Class::Payloads => format!(
            "SELECT count(*) FROM payloads p WHERE p.ts < $1 AND ($2::bigint IS NULL OR EXISTS (
                 SELECT 1 FROM requests WHERE seq = p.seq AND {of_proxy}))"
        ),
        _ => format!(
            "SELECT (SELECT count(*) FROM requests WHERE ts < $1 AND {of_proxy})
                  + (SELECT count(*) FROM gaps WHERE to_ts < $1 AND $2::bigint IS NULL)"
        ),
    };
    Ok(db.number(&sql, &[&what.before, &proxy])?.cast_unsigned())
}

/// The time before which so many of the oldest requests lie; `None` where there are none.
pub(crate) fn time_after_oldest(
    db: &mut Db,
    proxy: Option<&str>,
    requests: u64,
) -> Result<Option<i64>, DbFault> {
    let proxy = proxy_number(db, proxy)?;
    let row = db.row(
        "SELECT max(ts) FROM (SELECT ts FROM requests
         WHERE $1::bigint IS NULL OR operation IN (SELECT o.id FROM operations o WHERE o.proxy = $1)
         ORDER BY ts LIMIT $2) n",
        &[&proxy, &requests.cast_signed()],
    )?;
    let ts: Option<i64> = row.map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(ts.map(|ts| ts.saturating_add(1)))
}

/// The oldest payloads, or superseded versions, that take so many bytes together.
pub(crate) fn oldest(
    db: &mut Db,
    class: Class,
    proxy: Option<&str>,
    bytes: u64,
) -> Result<Option<Oldest>, DbFault> {
    let proxy = proxy_number(db, proxy)?;
    let sql = if class == Class::Payloads {
        "SELECT p.ts, coalesce(octet_length(p.params), 0) + coalesce(octet_length(p.answer), 0)
         FROM payloads p WHERE $1::bigint IS NULL OR EXISTS (
             SELECT 1 FROM requests r JOIN operations o ON o.id = r.operation
             WHERE r.seq = p.seq AND o.proxy = $1)
         ORDER BY p.ts"
            .to_owned()
    } else {
        format!(
            "SELECT s.last_seen_at, octet_length(x.content) FROM surfaces s
             JOIN surface_texts x ON x.id = s.content WHERE {SUPERSEDED} ORDER BY s.last_seen_at"
        )
    };
    // Read in the order of time and no further than needed.
    let (mut sum, mut last) = (0_u64, None);
    db.each(&sql, &[&proxy], &mut |row| {
        let length: i32 = row.try_get(1)?;
        sum = sum.saturating_add(u64::from(length.unsigned_abs()));
        last = Some(Oldest {
            before: row.try_get::<_, i64>(0)?.saturating_add(1),
            bytes: sum,
        });
        Ok(sum < bytes)
    })?;
    Ok(last)
}

/// The number of a proxy; `None` where all are meant. One that was never recorded has a number that no row has.
pub(crate) fn proxy_number(db: &mut Db, name: Option<&str>) -> Result<Option<i64>, DbFault> {
    let Some(name) = name else { return Ok(None) };
    let row = db.row(
        "SELECT id FROM proxies WHERE name = $1",
        &[&name.as_bytes()],
    )?;
    Ok(Some(row.map_or(Ok(-1), |row| row.try_get(0))?))
}
