//! The layout of mcpr 0.5: requests and answers in two tables, joined on session and request id.
//!
//! What it stores wrongly is put right where its own rows allow it: a session's counters and last
//! use, and the session of an `initialize` (see [`super::pairs`]).

use super::Fault;
use super::layout::{
    CLIENT, Layout, METHOD, PROMPT, PROXY, REQUEST_ID, RESOURCE, SESSION, TOOL, named, require,
};
use crate::shown::shown;
use mcpr_model::ErrorKind;
use rusqlite::Connection;

const REQUESTS: [&str; 10] = [
    "id",
    "ts",
    "proxy",
    "session_id",
    "request_id",
    "method",
    "tool",
    "resource_uri",
    "prompt_name",
    "bytes_in",
];

const RESPONSES: [&str; 8] = [
    "id",
    "ts",
    "session_id",
    "request_id",
    "status",
    "error_code",
    "error_msg",
    "bytes_out",
];

const SESSIONS: [&str; 7] = [
    "id",
    "proxy",
    "state",
    "client_name",
    "client_version",
    "created_at",
    "last_active",
];

/// Both times are of the same moment in 0.5.44, however long the request took: then the latency is
/// not known.
const LATENCY: &str = "CASE WHEN p.id IS NULL THEN NULL
     WHEN typeof(p.ts) <> 'integer' OR typeof(r.ts) <> 'integer' THEN p.ts
     WHEN p.ts > r.ts THEN (p.ts - r.ts) * 1000 END AS answered_at";

/// `request_count` lags behind the rows, so the rows are counted.
const LISTED: &str = concat!(
    "SELECT ",
    named!("id", "0", "id"),
    ", ",
    named!("proxy", "0", "proxy"),
    ", ",
    named!("client_name", "0", "client_name"),
    ", ",
    named!("client_version", "0", "client_version"),
    ", created_at, last_active, CASE state WHEN 'closed' THEN last_active END, 0, 0 FROM sessions"
);

const TALLY: &str = concat!(
    "SELECT ",
    named!("r.proxy", "r.id", "proxy"),
    ", ",
    named!("r.session_id", "r.id", "session_id"),
    ", ",
    named!("r.method", "r.id", "method"),
    ", ifnull(p.status = 'ok' AND p.error_code IS NULL, 0) AS is_ok, count(*), min(r.ts), max(r.ts)
     FROM requests r
     LEFT JOIN responses p ON p.id = (SELECT min(a.id) FROM responses a
         WHERE a.session_id = r.session_id AND a.request_id = r.request_id)
     WHERE r.session_id <> '' GROUP BY 1, 2, 3, 4"
);

// Cut as the requests' own, so that both lead to the same session.
/// The session that an answer was filed under.
const SESSION_OF_ANSWER: &str = named!("p.session_id", "p.id", "session_id");
const ERROR_CODE: &str = named!("p.error_code", "p.id", "error_code");
const ERROR_MSG: &str = named!("p.error_msg", "p.id", "error_msg");
const STATUS: &str = concat!(
    "CASE WHEN p.id IS NULL THEN 'timeout' ELSE ",
    shown!("p.status", "p.id"),
    " END AS status"
);

/// The layout, if the tables are complete.
pub(super) fn layout(connection: &Connection) -> Result<Layout, Fault> {
    require(connection, "requests", &REQUESTS)?;
    require(connection, "responses", &RESPONSES)?;
    require(connection, "sessions", &SESSIONS)?;
    let columns = |session: &str| {
        format!(
            "SELECT r.id, {REQUEST_ID}, r.ts, {PROXY}, {session}, {METHOD}, {TOOL}, {RESOURCE},
                    {PROMPT}, {LATENCY}, {STATUS}, {ERROR_CODE}, {ERROR_MSG}, r.bytes_in,
                    p.bytes_out, {CLIENT}
             FROM requests r"
        )
    };
    Ok(Layout {
        // Of several answers to one id within a session the first is taken, and a request without
        // any is still a row.
        requests: format!(
            "{} LEFT JOIN responses p ON p.id = (SELECT min(a.id) FROM responses a
                 WHERE a.session_id = r.session_id AND a.request_id = r.request_id)
             LEFT JOIN sessions s ON s.id = r.session_id AND s.proxy = r.proxy",
            columns(SESSION)
        ),
        // The session is that of the answer here: the request of such a pair was filed without one.
        paired: Some(format!(
            "{} JOIN responses p ON p.id = ?2
             LEFT JOIN sessions s ON s.id = p.session_id AND s.proxy = r.proxy WHERE r.id = ?1",
            columns(SESSION_OF_ANSWER)
        )),
        sessions: LISTED,
        tally: TALLY,
        uncoded: ErrorKind::Rpc,
    })
}
