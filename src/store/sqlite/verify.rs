//! Looking for damage: SQLite's own check, the layout, the checksum of every batch, the seal of every
//! other row that is shown, counters against rows.
//!
//! Reads only. SQLite's check alone is not enough: most single flipped bits pass it unnoticed.

use super::names::operation_hash;
use super::open;
use super::requests::stored_row_hash;
use super::seal::{self, SEALED};
use super::sums;
use crate::model::{Kind, Sketch, Target, TargetKind, Text};
use crate::store::{StoreError, StoreErrorKind};
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;
use std::path::Path;

/// Most problems that are told of one sort.
const MAX_TOLD: usize = 20;

/// How thoroughly to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// SQLite's quick check, batches, names and seals.
    Quick,
    /// Also every index, and counters and rollups against rows.
    Full,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Requests whose hash was taken.
    pub requests: u64,
    /// Batches whose checksum was compared.
    pub batches: u64,
    /// What is damaged, in words; empty where nothing is.
    pub problems: Vec<String>,
}

/// Looks through a store.
///
/// # Errors
/// When it cannot be opened at all, for another reason than damage.
pub fn verify(path: &Path, depth: Depth) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let connection = match open::open_reader(path) {
        Ok(connection) => connection,
        Err(error) if error.kind == StoreErrorKind::Corrupt => {
            findings.problems.push(error.message);
            return Ok(findings);
        }
        Err(error) => return Err(error),
    };
    let mut checks: Vec<Check> = vec![
        check_pages(depth),
        check_layout,
        check_operations,
        check_batches,
        check_seals,
    ];
    if depth == Depth::Full {
        checks.extend([check_sequence as Check, check_sessions, check_rollups]);
    }
    for check in checks {
        // One snapshot a check: a recorder may be at work.
        let mut found = Findings::default();
        let outcome = connection
            .unchecked_transaction()
            .and_then(|snapshot| check(&snapshot, &mut found));
        findings.requests += found.requests;
        findings.batches += found.batches;
        findings.problems.append(&mut found.problems);
        if let Err(error) = outcome {
            findings.problems.push(format!("reading failed: {error}"));
        }
    }
    Ok(findings)
}

type Check = fn(&Connection, &mut Findings) -> rusqlite::Result<()>;

fn check_pages(depth: Depth) -> Check {
    match depth {
        Depth::Quick => |connection, findings| pragma(connection, "quick_check", findings),
        Depth::Full => |connection, findings| pragma(connection, "integrity_check", findings),
    }
}

fn pragma(connection: &Connection, name: &str, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA {name}({MAX_TOLD})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let told: String = row.get(0)?;
        if told != "ok" {
            findings.problems.push(format!("SQLite: {told}"));
        }
    }
    Ok(())
}

/// Tables, indexes and views are those that the migrations make.
fn check_layout(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    type Part = (String, String, Option<String>);
    let parts = |connection: &Connection| -> rusqlite::Result<BTreeSet<Part>> {
        connection
            .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect()
    };
    let layouts = usize::try_from(open::layout_of(connection)?).unwrap_or(0);
    let fresh = Connection::open_in_memory()?;
    for sql in open::MIGRATIONS.iter().take(layouts) {
        fresh.execute_batch(sql)?;
    }
    for (kind, name, _) in parts(&fresh)?.difference(&parts(connection)?) {
        tell(
            findings,
            format!("the {kind} {name} is not as layout {layouts} has it"),
        );
    }
    Ok(())
}

/// Every operation's hash is that of its texts: requests are hashed by it.
fn check_operations(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT o.id, o.hash, o.kind, p.name, o.method, o.target_kind, o.target
         FROM operations o LEFT JOIN proxies p ON p.id = o.proxy",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stored: i64 = row.get(1)?;
        if hash_of_texts(row)? != Some(stored) {
            let id: i64 = row.get(0)?;
            tell(
                findings,
                format!("operation {id}: its texts are not those it was stored with"),
            );
        }
    }
    Ok(())
}

fn hash_of_texts(row: &Row<'_>) -> rusqlite::Result<Option<i64>> {
    let kind = Kind::ALL.get(row.get::<_, usize>(2)?).copied();
    let proxy: Option<String> = row.get(3)?;
    let method: String = row.get(4)?;
    let target_kind = row.get::<_, Option<usize>>(5)?;
    let target: Option<String> = row.get(6)?;
    let target = target_kind
        .and_then(|number| TargetKind::ALL.get(number.wrapping_sub(1)).copied())
        .zip(target)
        .map(|(kind, name)| Target {
            kind,
            name: name.into(),
        });
    let (Some(kind), Some(proxy)) = (kind, proxy) else {
        return Ok(None);
    };
    let (proxy, method) = (Text::from(proxy), Text::from(method));
    Ok(Some(operation_hash(
        &mut Vec::new(),
        kind,
        (&proxy, &method),
        target.as_ref(),
    )))
}

/// What a batch's row says, and what its requests come to.
struct Batch {
    id: i64,
    last_seq: i64,
    requests: i64,
    checksum: i64,
}

/// The sum of each batch's hashes is the stored one, and no request is outside of all batches.
fn check_batches(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut batches = connection
        .prepare("SELECT id, last_seq, requests, checksum FROM batches ORDER BY first_seq")?;
    let mut batches = batches.query_map([], |row| {
        Ok(Batch {
            id: row.get(0)?,
            last_seq: row.get(1)?,
            requests: row.get(2)?,
            checksum: row.get(3)?,
        })
    })?;
    let mut requests = connection.prepare(
        "SELECT r.seq, r.ts, r.key, o.hash, r.session, r.client, r.latency_us, r.upstream_us,
                r.bytes_in, r.bytes_out, r.error_kind, r.request_id, r.error_code, r.error_msg
         FROM requests r LEFT JOIN operations o ON o.id = r.operation ORDER BY r.seq",
    )?;
    let mut requests = requests.query([])?;
    let mut row = requests.next()?;
    for batch in &mut batches {
        let batch = batch?;
        let (mut count, mut sum) = (0, 0_i64);
        while let Some(request) = row {
            if request.get::<_, i64>(0)? > batch.last_seq {
                break;
            }
            count += 1;
            sum = sum.wrapping_add(stored_row_hash(request)?);
            row = requests.next()?;
        }
        findings.batches += 1;
        findings.requests += u64::try_from(count).unwrap_or(0);
        if count != batch.requests {
            let (id, should) = (batch.id, batch.requests);
            tell(
                findings,
                format!("batch {id}: {count} requests where {should} were stored"),
            );
        } else if sum != batch.checksum {
            let (id, last) = (batch.id, batch.last_seq);
            tell(
                findings,
                format!("batch {id} (up to seq {last}): its checksum does not match"),
            );
        }
    }
    if row.is_some() {
        tell(
            findings,
            "there are requests that belong to no batch".to_owned(),
        );
    }
    Ok(())
}

/// Every row that has a seal is the one that was sealed.
fn check_seals(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let layout = open::layout_of(connection)?;
    seal::teach(connection)?;
    for sealed in SEALED.iter().filter(|sealed| sealed.since <= layout) {
        let (table, seal) = (sealed.table, sealed.expression());
        let (name, shown_by) = (sealed.row_name, sealed.shown_by);
        ask(
            connection,
            findings,
            &format!(
                "SELECT 'rows of {table} that are not as they were stored: ' || count(*) ||
                        ', one of them ' || ifnull(min({name}), '(no name)') ||
                        '; {shown_by} may show what never was'
                 FROM {table} WHERE seal IS NOT {seal} HAVING count(*) > 0"
            ),
        )?;
    }
    Ok(())
}

fn check_sequence(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let sql = "SELECT (SELECT value FROM counters WHERE name = 'last_seq'),
                      max(ifnull((SELECT max(seq) FROM requests), 0),
                          ifnull((SELECT max(seq) FROM gaps), 0),
                          ifnull((SELECT max(seq) FROM bad_lines), 0))";
    let (last, highest): (i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if highest > last {
        tell(
            findings,
            format!("seq {highest} is in use and the last one given out is {last}"),
        );
    }
    Ok(())
}

/// A session counts at least the requests that are there (a vacuum leaves the counters alone).
fn check_sessions(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    ask(
        connection,
        findings,
        "SELECT 'session ' || ifnull(s.session_id, '(missing)') || ': ' || count(*) ||
                ' calls are there and ' || ifnull(s.total_calls, 0) || ' are counted'
         FROM requests r JOIN operations o ON o.id = r.operation
              LEFT JOIN sessions s ON s.id = r.session
         WHERE r.session IS NOT NULL AND o.kind = 0
         GROUP BY r.session HAVING count(*) > ifnull(s.total_calls, 0)",
    )
}

/// An hour's rollup agrees with itself, and counts at least the requests that are there. Where none of
/// them were removed, it says of them what they say.
fn check_rollups(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    check_sketches(connection, findings)?;
    sums::teach(connection)?;
    ask(
        connection,
        findings,
        "SELECT 'rollup of hour ' || r.hour || ', operation ' || r.operation || ': ' || r.calls ||
                ' requests are there and ' || ifnull(u.calls, 0) || ' are counted'
         FROM (SELECT ts - ((ts % 3600000) + 3600000) % 3600000 AS hour, operation,
                      count(*) AS calls, saturated_sum(latency_us) AS latency_us,
                      min(latency_us) AS least, max(latency_us) AS most,
                      sum(error_kind IS 1) AS rpc, sum(error_kind IS 2) AS tool,
                      sum(error_kind IS 3) AS http, sum(error_kind IS 4) AS cancelled,
                      sum(error_kind IS 5) AS timeout,
                      saturated_sum(bytes_in) AS bytes_in,
                      saturated_sum(bytes_out) AS bytes_out
               FROM requests GROUP BY 1, 2) r
              LEFT JOIN rollups u ON u.hour = r.hour AND u.operation = r.operation
         WHERE r.calls > ifnull(u.calls, 0)
            OR (r.calls = u.calls
                AND ((r.least, r.most) IS NOT (u.latency_min_us, u.latency_max_us)
                     OR (r.rpc, r.tool, r.http, r.cancelled, r.timeout)
                         IS NOT (u.errors_rpc, u.errors_tool, u.errors_http, u.errors_cancelled,
                                 u.errors_timeout)
                     -- A sum that depends on the order of adding is NULL: it says nothing.
                     OR r.latency_us <> u.latency_sum_us OR r.bytes_in <> u.bytes_in
                     OR r.bytes_out <> u.bytes_out))",
    )
}

/// A rollup's sketch holds a latency for each call, and no more calls failed than there were.
fn check_sketches(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT hour, operation, calls, sketch, latency_min_us > latency_max_us
                OR calls < errors_rpc + errors_tool + errors_http + errors_cancelled
                           + errors_timeout
         FROM rollups",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (hour, operation): (i64, i64) = (row.get(0)?, row.get(1)?);
        let calls = row.get::<_, i64>(2)?;
        let sketch = Sketch::from_bytes(row.get_ref(3)?.as_blob()?);
        let held = sketch.map(|sketch| sketch.count().cast_signed());
        if held != Some(calls) || row.get(4)? {
            tell(
                findings,
                format!("rollup of hour {hour}, operation {operation}: its sums disagree"),
            );
        }
    }
    Ok(())
}

/// Runs a query each of whose rows is a problem in words.
fn ask(connection: &Connection, findings: &mut Findings, sql: &str) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tell(findings, row.get(0)?);
    }
    Ok(())
}

fn tell(findings: &mut Findings, problem: String) {
    if findings.problems.len() < MAX_TOLD {
        findings.problems.push(problem);
    } else if findings.problems.len() == MAX_TOLD {
        findings
            .problems
            .push("there is more damage, not listed".to_owned());
    }
}
