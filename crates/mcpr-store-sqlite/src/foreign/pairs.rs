//! Which answer belongs to a request that mcpr 0.5 filed without a session.
//!
//! An `initialize` comes before its session has an id, so its row has none; its answer is filed with
//! the session that it opened. What leads from one to the other is the request id, the proxy and the
//! time. Each answer is given away once, to the nearest request before it.

use super::layout::named;
use super::{Fault, Held, Layout};
use rusqlite::{Connection, Row};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// Longest time from a request to its answer, milliseconds.
const MAX_WAIT_MS: i64 = 60_000;

/// How much earlier than its `initialize` a session may say it began, milliseconds: 0.5 takes the
/// time of a row when it writes it.
const MAX_LAG_MS: i64 = 5000;

/// A request without a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoneRequest {
    pub(super) seq: i64,
    pub(super) ts: i64,
    pub(super) proxy: String,
    pub(super) request_id: String,
    pub(super) method: String,
}

/// An answer without a request: the first of its session, or one without a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoneAnswer {
    pub(super) id: i64,
    pub(super) ts: i64,
    pub(super) request_id: String,
    pub(super) session: Option<String>,
    /// The session's proxy and beginning, where the session is listed.
    pub(super) opened: Option<(String, i64)>,
}

impl LoneAnswer {
    /// Whether this may be the answer of a request at or before it.
    fn fits(&self, request: &LoneRequest) -> bool {
        let opened = self.opened.as_ref().is_none_or(|(proxy, began)| {
            *proxy == request.proxy && *began >= request.ts.saturating_sub(MAX_LAG_MS)
        });
        // Nothing but an `initialize` is answered in a session that its request did not name.
        opened && (self.session.is_none() || request.method == "initialize")
    }
}

/// The answers that were found, by the number of their request.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// The state of the store they were found in.
    pub(super) version: i64,
    answers: HashMap<i64, (i64, Option<String>)>,
}

impl Pairs {
    /// Pairs what a store holds; nothing in a layout that keeps a request and its answer together.
    pub(super) fn load(
        connection: &Connection,
        layout: &Layout,
        version: i64,
    ) -> Result<Self, Fault> {
        let mut pairs = Self {
            version,
            ..Self::default()
        };
        if layout.paired.is_some() {
            let asked = asked(connection)?;
            // Without such requests the answers need not be read.
            if !asked.is_empty() {
                pairs.answers = pair(&asked, answered(connection)?);
            }
        }
        Ok(pairs)
    }

    /// The answer of a request, if one was found for it.
    pub(super) fn answer_of(&self, seq: i64) -> Option<i64> {
        self.answers.get(&seq).map(|(answer, _)| *answer)
    }

    /// The requests whose answers are of a session.
    pub(super) fn of_session(&self, id: &str) -> Vec<i64> {
        self.answers
            .iter()
            .filter(|(_, (_, session))| session.as_deref() == Some(id))
            .map(|(seq, _)| *seq)
            .collect()
    }

    /// Every request with its answer, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.answers
            .iter()
            .map(|(seq, (answer, _))| (*seq, *answer))
    }
}

/// Requests with one id, by time; at the same time the one stored first is the last. The third number
/// is the place in the list of all.
type Waiting = BTreeSet<(i64, Reverse<i64>, usize)>;

/// Gives each answer to the nearest request before it that it fits; of several at the same time, to
/// the one that was stored first.
fn pair(
    asked: &[LoneRequest],
    mut answers: Vec<LoneAnswer>,
) -> HashMap<i64, (i64, Option<String>)> {
    let mut waiting: HashMap<&str, Waiting> = HashMap::new();
    for (index, request) in asked.iter().enumerate() {
        waiting.entry(&request.request_id).or_default().insert((
            request.ts,
            Reverse(request.seq),
            index,
        ));
    }
    // In time, so that an earlier answer has its choice first and an id that is used again is not
    // mixed up.
    answers.sort_by_key(|answer| (answer.ts, answer.id));
    let mut pairs = HashMap::new();
    for answer in answers {
        let Some(waiting) = waiting.get_mut(answer.request_id.as_str()) else {
            continue;
        };
        let earliest = answer.ts.saturating_sub(MAX_WAIT_MS);
        let found = waiting
            // The nearest one is at the end of the range, so that the search mostly ends with its
            // first step.
            .range((earliest, Reverse(i64::MAX), 0)..=(answer.ts, Reverse(i64::MIN), usize::MAX))
            .rev()
            .find(|(_, _, index)| answer.fits(&asked[*index]))
            .copied();
        if let Some(found) = found {
            // An answer belongs to one request, and a request has one answer.
            waiting.remove(&found);
            pairs.insert(asked[found.2].seq, (answer.id, answer.session));
        }
    }
    pairs
}

fn asked(connection: &Connection) -> Result<Vec<LoneRequest>, Fault> {
    collect(
        connection,
        concat!(
            "SELECT r.id, r.ts, ",
            named!("r.proxy", "r.id", "proxy"),
            ", ",
            named!("r.request_id", "r.id", "request_id"),
            ", ",
            named!("r.method", "r.id", "method"),
            " FROM requests r WHERE r.session_id IS NULL OR r.session_id = ''"
        ),
        "request",
        |row| {
            Ok(LoneRequest {
                seq: row.get(0)?,
                ts: row.get(1)?,
                proxy: row.get(2)?,
                request_id: row.get(3)?,
                method: row.get(4)?,
            })
        },
        |request| [&request.proxy, &request.request_id, &request.method],
    )
}

fn answered(connection: &Connection) -> Result<Vec<LoneAnswer>, Fault> {
    collect(
        connection,
        concat!(
            "SELECT p.id, p.ts, ",
            named!("p.request_id", "p.id", "request_id"),
            ", ",
            named!("p.session_id", "p.id", "session_id"),
            ", ",
            named!("s.proxy", "p.id", "proxy"),
            ", s.created_at
         FROM responses p LEFT JOIN sessions s ON s.id = p.session_id
         WHERE p.session_id IS NULL OR p.session_id = ''
            OR p.id IN (SELECT min(id) FROM responses WHERE session_id <> '' GROUP BY session_id)
               AND NOT EXISTS (SELECT 1 FROM requests r
                   WHERE r.session_id = p.session_id AND r.request_id = p.request_id)"
        ),
        "response",
        |row| {
            let proxy: Option<String> = row.get(4)?;
            Ok(LoneAnswer {
                id: row.get(0)?,
                ts: row.get(1)?,
                request_id: row.get(2)?,
                session: super::requests::text(row, 3)?,
                opened: proxy.zip(row.get(5)?),
            })
        },
        |answer| {
            let opened = answer.opened.as_ref();
            let proxy = opened.map_or("", |(proxy, _)| proxy.as_str());
            let session = answer.session.as_deref().unwrap_or_default();
            [&answer.request_id, session, proxy]
        },
    )
}

fn collect<T>(
    connection: &Connection,
    sql: &str,
    what: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    texts: impl Fn(&T) -> [&str; 3],
) -> Result<Vec<T>, Fault> {
    let mut held = Held::default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let value = read(row).map_err(|error| Fault::in_row(format!("{what} {id}"), error))?;
        held.take_in::<T>(&texts(&value))?;
        found.push(value);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
