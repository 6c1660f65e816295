//! The layouts of mcpr 0.3 and 0.4: one table of requests, answers included.
//!
//! Columns came one by one (`meta.schema_version` 1 to 5), so those that are there are taken.

use super::Fault;
use super::layout::{
    CLIENT, Layout, METHOD, PROMPT, PROXY, REQUEST_ID, RESOURCE, SESSION, TOOL, columns, named,
    require,
};
use mcpr_model::ErrorKind;
use rusqlite::Connection;

const REQUESTS: [&str; 12] = [
    "id",
    "request_id",
    "ts",
    "proxy",
    "session_id",
    "method",
    "tool",
    "status",
    "error_code",
    "error_msg",
    "bytes_in",
    "bytes_out",
];

const SESSIONS: [&str; 9] = [
    "session_id",
    "proxy",
    "started_at",
    "last_seen_at",
    "ended_at",
    "client_name",
    "client_version",
    "total_calls",
    "total_errors",
];

const STATUS: &str = named!("r.status", "r.id", "status");
const ERROR_CODE: &str = named!("r.error_code", "r.id", "error_code");
const ERROR_MSG: &str = named!("r.error_msg", "r.id", "error_msg");

const SESSIONS_LISTED: &str = concat!(
    "SELECT ",
    named!("session_id", "0", "session_id"),
    ", ",
    named!("proxy", "0", "proxy"),
    ", ",
    named!("client_name", "0", "client_name"),
    ", ",
    named!("client_version", "0", "client_version"),
    ", started_at, last_seen_at, ended_at, total_calls, total_errors FROM sessions"
);

// A request that names a session with a text of megabytes has it cut with a number of its own: it is in no
// session that is listed, as before it was in none that could be distinguished from another.
const TALLY: &str = concat!(
    "SELECT ",
    named!("r.proxy", "r.id", "proxy"),
    ", ",
    named!("r.session_id", "r.id", "session_id"),
    ", ",
    named!("r.method", "r.id", "method"),
    ", r.status = 'ok' AND r.error_code IS NULL AS is_ok, count(*), min(r.ts), max(r.ts)
     FROM requests r WHERE r.session_id <> '' GROUP BY 1, 2, 3, 4"
);

/// Milliseconds of layouts 1 to 3. What is not a number is left as it is, and reported as such.
const FROM_MS: &str = "CASE typeof(r.latency_ms) WHEN 'integer' THEN r.latency_ms * 1000
     ELSE r.latency_ms END AS latency_ms";

/// The layout as its columns show it.
pub(super) fn layout(connection: &Connection) -> Result<Layout, Fault> {
    require(connection, "requests", &REQUESTS)?;
    require(connection, "sessions", &SESSIONS)?;
    let found = columns(connection, "requests")?;
    let has = |name: &str| found.iter().any(|column| column == name);
    let latency = match (has("latency_us"), has("latency_ms")) {
        // Microseconds where there are any: they say more.
        (true, _) => "r.latency_us",
        (false, true) => FROM_MS,
        (false, false) => {
            return Err(Fault::Shape(
                "`requests` has no column `latency_us`".to_owned(),
            ));
        }
    };
    let if_there = |name: &'static str, column: &'static str| {
        if has(name) { column } else { "NULL" }
    };
    let resource = if_there("resource_uri", RESOURCE);
    let prompt = if_there("prompt_name", PROMPT);
    Ok(Layout {
        requests: format!(
            "SELECT r.id, {REQUEST_ID}, r.ts, {PROXY}, {SESSION}, {METHOD}, {TOOL}, {resource},
                    {prompt}, {latency}, {STATUS}, {ERROR_CODE}, {ERROR_MSG}, r.bytes_in,
                    r.bytes_out, {CLIENT}
             FROM requests r
             LEFT JOIN sessions s ON s.session_id = r.session_id AND s.proxy = r.proxy"
        ),
        paired: None,
        sessions: SESSIONS_LISTED,
        tally: TALLY,
        // An error that the proxy could not read as JSON-RPC is one of HTTP.
        uncoded: ErrorKind::Http,
    })
}
