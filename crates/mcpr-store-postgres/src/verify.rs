//! A look for damage: what must agree in a store that nothing else has written.

use crate::connect::{ConnectionRole, Server};
use crate::db::{Db, TransactionKind};
use crate::errors::DbFault;
use crate::layout;
use crate::sums::{COLUMNS, fill};
use crate::values::unpack;
use mcpr_model::Body;
use mcpr_store::{Depth, Findings, RollupKey, RollupRow, StoreError};

/// What finds rows that cannot be, each with what they are.
const QUICK: [(&str, &str); 8] = [
    (
        "requests beside what the store counts",
        "SELECT abs((SELECT count(*) FROM requests) - (SELECT s.requests FROM mcpr_store s WHERE s.id = 1))",
    ),
    (
        "rows with a number that was never given out",
        "SELECT (SELECT count(*) FROM requests WHERE seq < 1 OR seq > (SELECT last_seq FROM mcpr_store))
              + (SELECT count(*) FROM gaps WHERE seq < 1 OR seq > (SELECT last_seq FROM mcpr_store))
              + (SELECT count(*) FROM bad_lines WHERE seq < 1 OR seq > (SELECT last_seq FROM mcpr_store))",
    ),
    (
        "requests without an operation, or of a session that is not there",
        "SELECT count(*) FROM requests r LEFT JOIN operations o ON o.id = r.operation
              LEFT JOIN sessions s ON s.id = r.session
         WHERE o.id IS NULL OR (r.session <> 0 AND s.id IS NULL)",
    ),
    (
        "operations and sessions of a proxy that is not there",
        "SELECT (SELECT count(*) FROM operations o LEFT JOIN proxies p ON p.id = o.proxy WHERE p.id IS NULL)
              + (SELECT count(*) FROM sessions s LEFT JOIN proxies p ON p.id = s.proxy WHERE p.id IS NULL)",
    ),
    (
        "hourly sums of an operation that is not there",
        "SELECT count(*) FROM rollups u LEFT JOIN operations o ON o.id = u.operation WHERE o.id IS NULL",
    ),
    (
        "payloads and notes of requests that are not there",
        "SELECT (SELECT count(*) FROM payloads p LEFT JOIN requests r ON r.seq = p.seq WHERE r.seq IS NULL)
              + (SELECT count(*) FROM request_notes n LEFT JOIN requests r ON r.seq = n.seq WHERE r.seq IS NULL)",
    ),
    (
        "versions of lists without their text",
        "SELECT count(*) FROM surfaces s LEFT JOIN surface_texts x ON x.id = s.content WHERE x.id IS NULL",
    ),
    (
        "sessions that count fewer calls than they have",
        "SELECT count(*) FROM (
             SELECT r.session, count(*) AS calls FROM requests r JOIN operations o ON o.id = r.operation
             WHERE o.kind = 0 AND r.session <> 0 GROUP BY r.session) n
         JOIN sessions s ON s.id = n.session WHERE s.total_calls < n.calls",
    ),
];

/// Looks at the store of a server.
pub(crate) fn verify(server: &Server, depth: Depth) -> Result<Findings, StoreError> {
    let mut db = server.connect(ConnectionRole::Reader)?;
    let found = layout::check(&mut db)
        .and_then(|()| db.transaction(TransactionKind::Snapshot, |db| look(db, depth)));
    found.map_err(|fault| fault.at(&server.url, "read the store"))
}

fn look(db: &mut Db, depth: Depth) -> Result<Findings, DbFault> {
    let mut findings = Findings {
        requests: db
            .number("SELECT count(*) FROM requests", &[])?
            .cast_unsigned(),
        batches: db
            .number("SELECT commits FROM mcpr_store", &[])?
            .cast_unsigned(),
        problems: Vec::new(),
    };
    // Each is one walk of the server, of which only the number comes here.
    for (what, sql) in QUICK {
        let count = db.number(sql, &[])?;
        if count > 0 {
            findings.problems.push(format!("{count} {what}"));
        }
    }
    // What is packed is read as a whole, which takes as long as it is.
    if depth == Depth::Full {
        look_at_texts(db, &mut findings)?;
    }
    Ok(findings)
}

/// Reads what is packed: each has to come back.
fn look_at_texts(db: &mut Db, findings: &mut Findings) -> Result<(), DbFault> {
    let mut wrong = 0_u64;
    // Row by row: of sums there may be any number.
    let sql = format!("SELECT {COLUMNS} FROM rollups u");
    db.each(&sql, &[], &mut |row| {
        let mut sums = RollupRow::new(RollupKey::of_hour(0));
        wrong += u64::from(fill(&mut sums, row, 0).is_err());
        Ok(true)
    })?;
    if wrong > 0 {
        findings
            .problems
            .push(format!("{wrong} hourly sums that do not decode"));
    }
    let mut wrong = 0_u64;
    db.each("SELECT params, answer FROM payloads", &[], &mut |row| {
        for at in [0, 1] {
            // Only what was asked, or only the answer, may be kept.
            let packed: Option<&[u8]> = row.try_get(at)?;
            let is_wrong = packed.is_some_and(|packed| unpack(packed, Body::MAX_BYTES).is_err());
            wrong += u64::from(is_wrong);
        }
        Ok(true)
    })?;
    if wrong > 0 {
        findings
            .problems
            .push(format!("{wrong} payloads that do not decode"));
    }
    Ok(())
}
