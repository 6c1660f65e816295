//! Requests as rows, with the names that their numbers stand for, and their payloads.

use crate::db::Db;
use crate::errors::DbFault;
use crate::figures::Figures;
use crate::values::{
    error_kind, id_bytes, id_hash, kind, optional_string, request_id, string, target, unpack,
};
use mcpr_model::{
    Body, ErrorKind, OperationLink, OperationPart, OperationStage, Payload, RequestId, Status,
    TargetKind, TraceId,
};
use mcpr_store::query::RequestRow;
use postgres::Row;

/// The columns of [`row_of`].
pub(super) const COLUMNS: &str = "r.seq, r.request_id, r.ts, p.name, o.kind, s.session_id, s.inferred, c.name,
     c.version, sc.name, sc.version, o.method, o.target_kind, o.target, r.latency_us, r.error_kind, n.error_code,
     n.error_msg, n.retyped, n.trace, r.figures, n.follows, n.leaves, n.stage";

/// The tables that they stand in.
pub(super) const TABLES: &str = "requests r JOIN operations o ON o.id = r.operation
     JOIN proxies p ON p.id = o.proxy LEFT JOIN sessions s ON s.id = r.session
     LEFT JOIN clients c ON c.id = r.client LEFT JOIN clients sc ON sc.id = s.client
     LEFT JOIN request_notes n ON n.seq = r.seq";

/// The requests at some places of the sequence, in that order. Whoever sorts or limits, does it by numbers first.
pub(super) fn at(db: &mut Db, seqs: &[i64]) -> Result<Vec<RequestRow>, DbFault> {
    // Mostly a listing has more statements than rows at its end.
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE r.seq = ANY($1) ORDER BY r.seq");
    db.rows(&sql, &[&seqs])?.iter().map(row_of).collect()
}

/// The newest requests with an id, newest first.
pub(super) fn with_id(db: &mut Db, id: &str, limit: usize) -> Result<Vec<RequestRow>, DbFault> {
    // In the form in which it is stored, so that the index finds it.
    let id = id_bytes(&RequestId::from_text(id));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = db.rows(
        "SELECT seq FROM requests WHERE id_hash = $1 AND request_id = $2 ORDER BY ts DESC, seq DESC LIMIT $3",
        &[&id_hash(&id), &id, &limit],
    )?;
    let seqs: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    // They come in the order of the sequence.
    let mut found = at(db, &seqs)?;
    found.sort_by_key(|row| std::cmp::Reverse((row.ts, row.seq)));
    Ok(found)
}

pub(super) fn row_of(row: &Row) -> Result<RequestRow, DbFault> {
    let figures = Figures::from_bytes(row.try_get(20)?)?;
    let listed = optional_string(row, 5)?;
    let inferred = row.try_get::<_, Option<bool>>(6)?.unwrap_or(false);
    let own = (optional_string(row, 7)?, optional_string(row, 8)?);
    let of_session = (optional_string(row, 9)?, optional_string(row, 10)?);
    // Name and version together: the name of one and the version of the other would make a third client.
    let (client_name, client_version) = if own.0.is_none() && of_session.0.is_some() {
        of_session
    } else {
        own
    };
    // One of the three at most.
    let target = target(row, 12)?;
    let of_kind = |kind: TargetKind| {
        let target = target.as_ref().filter(|it| it.kind == kind);
        target.map(|it| it.name.to_string())
    };
    let error_kind = error_kind(row, 15)?;
    // Noted beside the row, as few have one.
    let trace: Option<&[u8]> = row.try_get(19)?;
    let trace = trace.and_then(|trace| <[u8; 16]>::try_from(trace).ok());
    Ok(RequestRow {
        seq: row.try_get(0)?,
        request_id: request_id(row.try_get(1)?).map(|id| id.to_string()),
        ts: row.try_get(2)?,
        proxy: string(row, 3)?,
        kind: kind(row, 4)?,
        // An inferred session is ours: its id was stated by nobody.
        session_id: listed.clone().filter(|_| !inferred),
        session: listed,
        client_name,
        client_version,
        method: string(row, 11)?,
        tool: of_kind(TargetKind::Tool),
        resource_uri: of_kind(TargetKind::Resource),
        prompt_name: of_kind(TargetKind::Prompt),
        latency_us: row.try_get(14)?,
        upstream_us: figures.upstream_us,
        status: error_kind.map_or(Status::Ok, ErrorKind::status),
        error_kind,
        error_code: optional_string(row, 16)?,
        error_msg: optional_string(row, 17)?,
        retyped: row.try_get::<_, Option<bool>>(18)?.unwrap_or(false),
        bytes_in: figures.bytes_in,
        bytes_out: figures.bytes_out,
        trace_id: trace.map(TraceId::of_bytes),
        format: figures.format,
        http_status: figures.http_status,
        first_event_us: figures.first_event_us,
        part: part_of(row)?,
        flight: None,
    })
}

/// The place in an operation of several requests.
fn part_of(row: &Row) -> Result<Option<OperationPart>, DbFault> {
    let link = |at: usize| -> Result<Option<OperationLink>, DbFault> {
        Ok(row
            .try_get::<_, Option<i64>>(at)?
            .map(OperationLink::from_code))
    };
    let stage: Option<i16> = row.try_get(23)?;
    // A stage of a later version is one that this one knows nothing of.
    let Some(stage) = stage.and_then(|stage| OperationStage::from_code(stage.into())) else {
        return Ok(None);
    };
    Ok(Some(OperationPart {
        follows: link(21)?,
        leaves: link(22)?,
        stage,
    }))
}

/// The payloads of requests, of those of which they are kept; in order.
pub(super) fn payloads(db: &mut Db, seqs: &[i64]) -> Result<Vec<(i64, Payload)>, DbFault> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = db.rows(
        "SELECT seq, params, params_bytes, params_cut, answer, answer_bytes, answer_cut
         FROM payloads WHERE seq = ANY($1) ORDER BY seq",
        &[&seqs],
    )?;
    rows.iter()
        .map(|row| {
            let payload = Payload {
                params: body(row, 1)?,
                answer: body(row, 4)?,
            };
            Ok((row.try_get(0)?, payload))
        })
        .collect()
}

fn body(row: &Row, at: usize) -> Result<Option<Body>, DbFault> {
    let packed: Option<&[u8]> = row.try_get(at)?;
    let Some(packed) = packed else {
        return Ok(None);
    };
    let bytes: Option<i64> = row.try_get(at + 1)?;
    Ok(Some(Body {
        // Nothing longer was ever stored: a frame that claims more is damaged.
        text: unpack(packed, Body::MAX_BYTES)?.into(),
        bytes: bytes.unwrap_or(0).cast_unsigned(),
        is_cut: row.try_get(at + 2)?,
    }))
}
