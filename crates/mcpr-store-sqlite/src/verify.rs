//! Looking for damage: SQLite's own check, the layout, the checksum of every batch, the seal of every
//! other row that is shown, counters against rows.
//!
//! Reads only. SQLite's check alone is not enough: most single flipped bits pass it unnoticed.
//!
//! A row that was changed, put in or taken out is found in every table: a changed one by its seal, the
//! others by the census, and both of requests by their batch. What retention or a deletion removed is in
//! neither, so that it is not a fault.

use super::census;
use super::layout::layout_of;
use super::limits::StepLimit;
use super::migrate::fresh;
use super::names::{OperationTexts, operation_hash};
use super::open;
use super::read::SUMS_OF_OTHERS_SINCE;
use super::request_ids;
use super::requests::{hashed_columns, stored_row_hash};
use super::rollups::{late_counts, untimed_column};
use super::seal::{self, Sealed};
use super::{session_blocks, session_ranges, sums};
use mcpr_model::{Kind, Sketch, Target, TargetKind, Text};
use mcpr_store::{Depth, Findings, StoreError, StoreErrorKind};
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;
use std::path::Path;

/// Most problems that are reported of one sort.
const MAX_REPORTED: usize = 20;

/// Looks through a store.
///
/// # Errors
/// When it cannot be opened at all, for another reason than damage.
pub fn verify(path: &Path, depth: Depth) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let (connection, steps) = match open::open_reader(path) {
        Ok(connection) => connection,
        // Damage that keeps a store from opening is an answer, not a failure.
        Err(mut error) if error.kind == StoreErrorKind::Corrupt => {
            // Whoever reads what was found knows which store was looked through.
            error.path = None;
            findings.problems.push(format!("{error:#}"));
            return Ok(findings);
        }
        Err(error) => return Err(error),
    };
    look_through(&connection, &steps, depth, &mut findings);
    Ok(findings)
}

pub(super) fn look_through(
    connection: &Connection,
    steps: &StepLimit,
    depth: Depth,
    findings: &mut Findings,
) {
    let mut checks: Vec<Check> = vec![
        check_pages(depth),
        check_layout,
        check_operations,
        check_batches,
        check_seals,
    ];
    // These join every request with something else, which takes longest.
    if depth == Depth::Full {
        checks.extend([
            check_references as Check,
            check_sequence,
            check_sessions,
            check_session_blocks,
            check_rollups,
        ]);
    }
    for check in checks {
        // One snapshot a check: a recorder may be at work.
        let mut found = Findings::default();
        let outcome = connection.unchecked_transaction().and_then(|snapshot| {
            // Each check has the steps of a question of its own.
            steps.allow(&snapshot)?;
            check(&snapshot, &mut found)
        });
        // Also what was found before a check failed: the failure is reported beside it.
        findings.requests += found.requests;
        findings.batches += found.batches;
        findings.problems.append(&mut found.problems);
        if let Err(error) = outcome {
            findings.problems.push(format!("reading failed: {error}"));
        }
    }
}

type Check = fn(&Connection, &mut Findings) -> rusqlite::Result<()>;

fn check_pages(depth: Depth) -> Check {
    match depth {
        Depth::Quick => |connection, findings| pragma(connection, "quick_check", findings),
        Depth::Full => |connection, findings| pragma(connection, "integrity_check", findings),
    }
}

fn pragma(connection: &Connection, name: &str, findings: &mut Findings) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA {name}({MAX_REPORTED})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let problem: String = row.get(0)?;
        if problem != "ok" {
            findings.problems.push(format!("SQLite: {problem}"));
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
    let layouts = usize::try_from(layout_of(connection)?).unwrap_or(0);
    let fresh = fresh(layouts)?;
    for (kind, name, _) in parts(&fresh)?.difference(&parts(connection)?) {
        report(
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
            report(
                findings,
                format!("operation {id}: its texts are not those it was stored with"),
            );
        }
    }
    Ok(())
}

fn hash_of_texts(row: &Row<'_>) -> rusqlite::Result<Option<i64>> {
    let kind = Kind::from_code(row.get(2)?);
    let proxy: Option<String> = row.get(3)?;
    let method: String = row.get(4)?;
    let target_kind: Option<i64> = row.get(5)?;
    let target: Option<String> = row.get(6)?;
    let target = target_kind
        .and_then(TargetKind::from_code)
        .zip(target)
        .map(|(kind, name)| Target {
            kind,
            name: name.into(),
        });
    let (Some(kind), Some(proxy)) = (kind, proxy) else {
        return Ok(None);
    };
    let (proxy, method) = (Text::from(proxy), Text::from(method));
    let called = OperationTexts {
        kind,
        proxy: &proxy,
        method: &method,
        target: target.as_ref(),
    };
    Ok(Some(operation_hash(&mut Vec::new(), called)))
}

/// What a batch's row says, and what its requests come to.
struct StoredBatch {
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
        Ok(StoredBatch {
            id: row.get(0)?,
            last_seq: row.get(1)?,
            requests: row.get(2)?,
            checksum: row.get(3)?,
        })
    })?;
    // Both in the order of the sequence, so that one walk over each is enough. LEFT: a request
    // whose operation is gone has to show up as a wrong hash.
    let columns = hashed_columns(layout_of(connection)?);
    let mut requests = connection.prepare(&format!(
        "SELECT {columns}
         FROM requests r LEFT JOIN operations o ON o.id = r.operation ORDER BY r.seq"
    ))?;
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
        // Where the number is wrong the sum is as well: one problem is reported for one fault.
        if count != batch.requests {
            let (id, should) = (batch.id, batch.requests);
            report(
                findings,
                format!("batch {id}: {count} requests where {should} were stored"),
            );
        } else if sum != batch.checksum {
            let (id, last) = (batch.id, batch.last_seq);
            report(
                findings,
                format!("batch {id} (up to seq {last}): its checksum does not match"),
            );
        }
    }
    if row.is_some() {
        report(
            findings,
            "there are requests that belong to no batch".to_owned(),
        );
    }
    Ok(())
}

/// Every row that has a seal is the one that was sealed, and all that were stored are there.
fn check_seals(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    // A reader's connection does not have the function: only here does one need it.
    seal::register(connection)?;
    let has_census = layout_of(connection)? >= census::SINCE;
    for sealed in seal::sealed(connection)? {
        let (table, shown_by) = (&sealed.table, sealed.shown_by());
        let found = looked_at(connection, &sealed)?;
        if let Some((count, name)) = found.changed {
            report(
                findings,
                format!(
                    "rows of {table} that are not as they were stored: {count}, one of them {name}; \
                     {shown_by} may show what never was"
                ),
            );
        }
        if !has_census || !census::counts(&sealed) {
            continue;
        }
        let (rows, seals) = census::of(connection, table)?.unwrap_or_default();
        if rows != found.rows {
            let there = found.rows;
            report(
                findings,
                format!(
                    "{there} rows of {table} are there and {rows} were stored; {shown_by} may not show \
                     what was"
                ),
            );
        } else if seals != found.seals {
            report(
                findings,
                format!(
                    "rows of {table} are not those that were stored; {shown_by} may show others"
                ),
            );
        }
    }
    Ok(())
}

/// What the rows of a table come to.
#[derive(Default)]
struct SealedRows {
    rows: i64,
    seals: i64,
    /// How many are not as they were sealed, and one of them.
    changed: Option<(u64, String)>,
}

/// Looks at each row of a table once.
fn looked_at(connection: &Connection, sealed: &Sealed) -> rusqlite::Result<SealedRows> {
    let (table, seal, name) = (&sealed.table, sealed.expression(), sealed.row_name());
    let mut statement = connection.prepare(&format!(
        "SELECT seal, CASE WHEN seal IS NOT {seal} THEN ifnull({name}, '(no name)') END FROM {table}"
    ))?;
    let mut rows = statement.query([])?;
    let mut found = SealedRows::default();
    while let Some(row) = rows.next()? {
        found.rows += 1;
        found.seals = found.seals.wrapping_add(row.get(0)?);
        if let Some(name) = row.get(1)? {
            let (count, _) = found.changed.get_or_insert((0, name));
            *count += 1;
        }
    }
    Ok(found)
}

/// What rows refer to is there: a name, a session, a text that was removed is missed by those that use it.
fn check_references(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    // Each missing row once, however many refer to it. Keys of several columns have a row for each.
    let mut missing = connection.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2",
    )?;
    let mut rows = missing.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(1)?);
        let count: i64 = row.get(2)?;
        report(
            findings,
            format!("{count} rows of {table} refer to rows of {parent} that are gone"),
        );
    }
    // Requests have no foreign keys, which would cost a look-up each while recording.
    for (column, table) in [("client", "clients"), ("session", "sessions")] {
        ask(
            connection,
            findings,
            &format!(
                "SELECT 'requests refer to row ' || {column} || ' of {table}, which is gone'
                 FROM (SELECT DISTINCT {column} FROM requests WHERE {column} IS NOT NULL)
                 WHERE {column} NOT IN (SELECT id FROM {table})"
            ),
        )?;
    }
    let layout = layout_of(connection)?;
    if layout >= request_ids::SINCE {
        ask(connection, findings, &request_ids::missing(layout))?;
    }
    match session_ranges::missing(connection)? {
        Some(sql) => ask(connection, findings, sql),
        None => Ok(()),
    }
}

fn check_sequence(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let sql = "SELECT (SELECT value FROM counters WHERE name = 'last_seq'),
                      max(ifnull((SELECT max(seq) FROM requests), 0),
                          ifnull((SELECT max(seq) FROM gaps), 0),
                          ifnull((SELECT max(seq) FROM bad_lines), 0))";
    let (last, highest): (i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Lower is not a fault: the newest rows may have been removed.
    if highest > last {
        report(
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

/// The sums of a block are what its sessions come to.
fn check_session_blocks(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    for block in session_blocks::wrong(connection, MAX_REPORTED)? {
        let (first, last) = session_blocks::sessions_of(block);
        report(
            findings,
            format!("the sums of sessions {first} to {last} are not what these come to"),
        );
    }
    Ok(())
}

/// An hour's rollup agrees with itself, and counts at least the requests that are there. Where none of
/// them were removed, it says of them what they say.
fn check_rollups(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    check_sketches(connection, findings)?;
    // The recorder's sums stop at the ends of 64 bits, and SQL's own would fail there.
    sums::register(connection)?;
    // Older layouts know no operation whose calls are in the sums of another.
    let summed_as = if layout_of(connection)? < SUMS_OF_OTHERS_SINCE {
        "NULL"
    } else {
        "o.summed_as"
    };
    let [died, unseen, denied] = late_counts(connection)?;
    ask(
        connection,
        findings,
        // A vacuum that makes one of many sums does so in steps: they count as one before, too.
        &format!(
            "WITH sums AS MATERIALIZED (
             SELECT u.hour AS hour, ifnull({summed_as}, u.operation) AS operation,
                    sum(u.calls) AS calls, min(u.latency_min_us) AS latency_min_us,
                    max(u.latency_max_us) AS latency_max_us,
                    saturated_sum(u.latency_sum_us) AS latency_sum_us,
                    sum(u.errors_rpc) AS errors_rpc, sum(u.errors_tool) AS errors_tool,
                    sum(u.errors_http) AS errors_http,
                    sum(u.errors_cancelled) AS errors_cancelled,
                    sum(u.errors_timeout) AS errors_timeout, sum({died}) AS errors_died,
                    sum({unseen}) AS unseen, sum({denied}) AS errors_denied,
                    saturated_sum(u.bytes_in) AS bytes_in, saturated_sum(u.bytes_out) AS bytes_out
             FROM rollups u LEFT JOIN operations o ON o.id = u.operation GROUP BY 1, 2)
         SELECT 'rollup of hour ' || r.hour || ', operation ' || r.operation || ': ' || r.calls ||
                ' requests are there and ' || ifnull(u.calls, 0) || ' are counted'
         FROM (SELECT ts - ((ts % 3600000) + 3600000) % 3600000 AS hour,
                      ifnull({summed_as}, o.id) AS operation,
                      count(*) AS calls, saturated_sum(nullif(latency_us, -1)) AS latency_us,
                      ifnull(min(nullif(latency_us, -1)), 9223372036854775807) AS least,
                      ifnull(max(nullif(latency_us, -1)), 0) AS most,
                      sum(error_kind IS 1) AS rpc, sum(error_kind IS 2) AS tool,
                      sum(error_kind IS 3) AS http, sum(error_kind IS 4) AS cancelled,
                      sum(error_kind IS 5) AS timeout, sum(error_kind IS 6) AS died,
                      sum(error_kind IS 7) AS unseen, sum(error_kind IS 8) AS denied,
                      saturated_sum(bytes_in) AS bytes_in,
                      saturated_sum(bytes_out) AS bytes_out
               FROM requests q LEFT JOIN operations o ON o.id = q.operation GROUP BY 1, 2) r
              LEFT JOIN sums u ON u.hour = r.hour AND u.operation = r.operation
         WHERE r.calls > ifnull(u.calls, 0)
            OR (r.calls = u.calls
                AND ((r.least, r.most) IS NOT (u.latency_min_us, u.latency_max_us)
                     OR (r.rpc, r.tool, r.http, r.cancelled, r.timeout, r.died, r.unseen, r.denied)
                         IS NOT (u.errors_rpc, u.errors_tool, u.errors_http, u.errors_cancelled,
                                 u.errors_timeout, u.errors_died, u.unseen, u.errors_denied)
                     -- A sum that depends on the order of adding is NULL: it says nothing.
                     OR r.latency_us <> u.latency_sum_us OR r.bytes_in <> u.bytes_in
                     OR r.bytes_out <> u.bytes_out))"
        ),
    )
}

/// A rollup's sketch holds each latency that is known, and no more calls failed than there were.
fn check_sketches(connection: &Connection, findings: &mut Findings) -> rusqlite::Result<()> {
    let [died, unseen, denied] = late_counts(connection)?;
    let untimed = untimed_column(connection)?;
    let mut statement = connection.prepare(&format!(
        "SELECT hour, operation, calls - {untimed}, sketch,
                calls < {untimed} OR (calls > {untimed} AND latency_min_us > latency_max_us)
                OR calls < errors_rpc + errors_tool + errors_http + errors_cancelled
                           + errors_timeout + {died} + {unseen} + {denied}
         FROM rollups"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (hour, operation): (i64, i64) = (row.get(0)?, row.get(1)?);
        let timed = row.get::<_, i64>(2)?;
        let sketch = Sketch::from_bytes(row.get_ref(3)?.as_blob()?);
        // A sketch that does not decode holds nothing, which is never right.
        let held = sketch.map(|sketch| sketch.count().cast_signed());
        if held != Some(timed) || row.get(4)? {
            report(
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
        report(findings, row.get(0)?);
    }
    Ok(())
}

fn report(findings: &mut Findings, problem: String) {
    if findings.problems.len() < MAX_REPORTED {
        findings.problems.push(problem);
    } else if findings.problems.len() == MAX_REPORTED {
        findings
            .problems
            .push("there is more damage, not listed".to_owned());
    }
}
