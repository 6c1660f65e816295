//! Sessions of another program's store: those it lists, and those that only its requests name.
//!
//! Calls are MCP requests here as everywhere; both programs count HTTP traffic among them, or lag.

use super::{Fault, Held, Source, requests};
use mcpr_model::{Kind, Status};
use mcpr_store::query::{SessionKey, SessionRow};
use rusqlite::Row;
use std::collections::HashMap;

/// What the stored requests of one session come to.
#[derive(Debug, Clone, Copy)]
struct ForeignCounts {
    calls: i64,
    errors: i64,
    http: i64,
    http_errors: i64,
    first: i64,
    last: i64,
}

impl Default for ForeignCounts {
    fn default() -> Self {
        Self {
            calls: 0,
            errors: 0,
            http: 0,
            http_errors: 0,
            // The ends that the first request moves.
            first: i64::MAX,
            last: i64::MIN,
        }
    }
}

impl ForeignCounts {
    /// Adds requests of one method that all ended well or all did not.
    fn add(&mut self, kind: Kind, status: Status, count: i64, first: i64, last: i64) {
        // Counted apart, for a session's own counters there have both together.
        let (calls, errors) = match kind {
            Kind::Mcp => (&mut self.calls, &mut self.errors),
            Kind::Http | Kind::Oauth => (&mut self.http, &mut self.http_errors),
        };
        *calls += count;
        *errors += if status == Status::Ok { 0 } else { count };
        self.first = self.first.min(first);
        self.last = self.last.max(last);
    }

    /// Puts right what the session's own row says. Its counters may know of requests that were
    /// deleted since, but count HTTP traffic too.
    fn correct(self, row: &mut SessionRow) {
        row.total_calls = self.calls.max(row.total_calls.saturating_sub(self.http));
        row.total_errors = self
            .errors
            .max(row.total_errors.saturating_sub(self.http_errors));
        row.started_at = row.started_at.min(self.first);
        row.last_seen_at = row.last_seen_at.max(self.last);
    }
}

/// Every session there is.
pub(super) fn all(source: &Source<'_>) -> Result<Vec<SessionRow>, Fault> {
    let mut held = Held::default();
    let mut tallies = tallies(source, &mut held)?;
    let mut statement = source.connection.prepare_cached(source.layout.sessions)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut session = listed(row).map_err(|error| {
            let id = row.get_ref(0).ok().and_then(|id| id.as_str().ok());
            Fault::in_row(format!("session `{}`", id.unwrap_or_default()), error)
        })?;
        // Taken out, so that those which are left have no row of their own.
        let tally = tallies.remove(&session.key()).unwrap_or_default();
        tally.correct(&mut session);
        let client = [&session.client_name, &session.client_version];
        let client = client.map(|text| text.as_deref().unwrap_or_default());
        held.take_in::<SessionRow>(&[&session.session_id, &session.proxy, client[0], client[1]])?;
        found.push(session);
    }
    found.extend(tallies.into_iter().map(|(key, tally)| unlisted(key, tally)));
    Ok(found)
}

/// What the requests of each session come to.
type Tallies = HashMap<SessionKey, ForeignCounts>;

/// The counts of a session, which may be the first of it.
fn tally_of<'a>(
    tallies: &'a mut Tallies,
    key: SessionKey,
    held: &mut Held,
) -> Result<&'a mut ForeignCounts, Fault> {
    if !tallies.contains_key(&key) {
        // Also as the row that is made of it, where the session is not listed.
        held.take_in::<(SessionKey, ForeignCounts, SessionRow)>(&[&key.proxy, &key.id])?;
    }
    Ok(tallies.entry(key).or_default())
}

fn tallies(source: &Source<'_>, held: &mut Held) -> Result<Tallies, Fault> {
    let mut tallies = Tallies::new();
    let mut statement = source.connection.prepare_cached(source.layout.tally)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let counted = CountedRequests::of(row)
            .map_err(|error| Fault::in_row("the requests of a session".to_owned(), error))?;
        let CountedRequests {
            key,
            kind,
            status,
            count,
            first,
            last,
        } = counted;
        tally_of(&mut tallies, key, held)?.add(kind, status, count, first, last);
    }
    // The query counts by the session of the request, which these do not have.
    for (seq, answer) in source.pairs.iter() {
        let row = requests::paired(source, seq, answer)?;
        let Some(id) = row.session else {
            continue;
        };
        let key = SessionKey {
            proxy: row.proxy,
            id,
        };
        let tally = tally_of(&mut tallies, key, held)?;
        tally.add(row.kind, row.status, 1, row.ts, row.ts);
    }
    Ok(tallies)
}

/// Requests of one session and method that all ended well or all did not.
struct CountedRequests {
    key: SessionKey,
    kind: Kind,
    status: Status,
    count: i64,
    first: i64,
    last: i64,
}

impl CountedRequests {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: SessionKey {
                proxy: row.get(0)?,
                id: row.get(1)?,
            },
            // What is MCP is decided here by the same rule as for our own rows, not in SQL.
            kind: Kind::of_method(row.get_ref(2)?.as_str()?),
            status: if row.get(3)? {
                Status::Ok
            } else {
                Status::Error
            },
            count: row.get(4)?,
            first: row.get(5)?,
            last: row.get(6)?,
        })
    }
}

fn listed(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        session_id: row.get(0)?,
        inferred: false,
        proxy: row.get(1)?,
        client_name: requests::text(row, 2)?,
        client_version: requests::text(row, 3)?,
        started_at: row.get(4)?,
        last_seen_at: row.get(5)?,
        ended_at: row.get(6)?,
        total_calls: row.get(7)?,
        total_errors: row.get(8)?,
        conversation: None,
    })
}

/// A session that nothing is known of but its requests.
fn unlisted(key: SessionKey, tally: ForeignCounts) -> SessionRow {
    SessionRow {
        session_id: key.id,
        inferred: false,
        proxy: key.proxy,
        client_name: None,
        client_version: None,
        started_at: tally.first,
        last_seen_at: tally.last,
        ended_at: None,
        total_calls: tally.calls,
        total_errors: tally.errors,
        conversation: None,
    }
}
