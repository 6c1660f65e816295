//! A filter as SQL: conditions with bound values only.

use super::layout::{TRACES_SINCE, WAYS_SINCE, layout_of};
use super::recall::{NamesMatched, Recall, number_list};
use super::session_ranges;
use super::shown::shown;
use mcpr_model::{ErrorKind, Status};
use mcpr_store::query::{Cursor, Filter, Page, Search, SessionKey};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

/// A request's id as text, from its stored form.
// As the view `request_log` shows it, so that what is searched is what is seen. Other bytes than those of a UUID
// are written by nobody but who made the file on purpose: of megabytes every `hex` would write all out.
const REQUEST_ID_TEXT: &str = concat!(
    "CASE WHEN typeof(r.request_id) = 'blob' AND octet_length(r.request_id) = 16 THEN
     lower(substr(hex(r.request_id), 1, 8) || '-' || substr(hex(r.request_id), 9, 4) || '-' ||
     substr(hex(r.request_id), 13, 4) || '-' || substr(hex(r.request_id), 17, 4) || '-' ||
     substr(hex(r.request_id), 21)) ELSE ",
    shown!("r.request_id", "r.seq"),
    " END"
);

/// The smallest text that is greater than every text with this prefix, where there is one.
fn after_prefix(prefix: &str) -> Option<String> {
    let last = prefix.chars().next_back()?;
    let next = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32)?;
    let mut end = prefix[..prefix.len() - last.len_utf8()].to_owned();
    end.push(next);
    Some(end)
}

/// A `WHERE` clause being put together.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    clauses: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition; each `?` in it takes the next of `values`.
    pub(super) fn add(&mut self, clause: &str, values: impl IntoIterator<Item = Value>) {
        self.clauses.push(clause.to_owned());
        self.values.extend(values);
    }

    /// Adds the condition that an operation is meant.
    pub(super) fn add_operations(&mut self, operations: &NamesMatched) {
        self.add_matched("r.operation", operations);
    }

    /// Adds the condition that what a column refers to is meant.
    pub(super) fn add_matched(&mut self, column: &str, matched: &NamesMatched) {
        match matched {
            NamesMatched::All => {}
            // Still a condition, for a page is asked for and has to come out empty.
            NamesMatched::None => self.add("0", []),
            NamesMatched::These(numbers) => self.add_list(column, numbers),
            NamesMatched::Asked(function) => self.add(&format!("{function}({column})"), []),
        }
    }

    /// Adds the bounds of the time. With a `+` before the column no index over times is used.
    pub(super) fn add_times(&mut self, filter: &Filter, column: &str) {
        if let Some(since) = filter.since {
            self.add(&format!("{column} >= ?"), [since.into()]);
        }
        if let Some(until) = filter.until {
            self.add(&format!("{column} < ?"), [until.into()]);
        }
    }

    /// Adds the condition that a column holds one of some numbers.
    pub(super) fn add_list(&mut self, column: &str, numbers: &[i64]) {
        // One value however many numbers: the text of the statement stays the same, so that it
        // stays prepared.
        let condition = format!("{column} IN (SELECT value FROM json_each(?))");
        self.add(&condition, [number_list(numbers)]);
    }

    /// Adds the condition that a column's text begins with another: a range, which an index can find.
    pub(super) fn add_prefix(&mut self, column: &str, prefix: &str) {
        if prefix.is_empty() {
            return;
        }
        let length = Value::Integer(i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX));
        self.add(&format!("{column} >= ?"), [prefix.to_owned().into()]);
        let begins = format!("substr({column}, 1, ?) = ?");
        self.add(&begins, [length, prefix.to_owned().into()]);
        if let Some(end) = after_prefix(prefix) {
            self.add(&format!("{column} < ?"), [end.into()]);
        }
    }

    /// The clause, which is never empty.
    pub(super) fn sql(&self) -> String {
        if self.clauses.is_empty() {
            "1".to_owned()
        } else {
            self.clauses.join(" AND ")
        }
    }

    /// The values of its place holders, in order.
    pub(super) fn values(self) -> Vec<Value> {
        self.values
    }

    /// Adds the bounds of a page on a sequence column.
    pub(super) fn add_page(&mut self, column: &str, page: Page) {
        if let Some(after) = page.after {
            self.add(&format!("{column} > ?"), [after.to_seq().into()]);
        }
        if let Some(before) = page.before {
            self.add(&format!("{column} < ?"), [before.to_seq().into()]);
        }
    }
}

/// A filter as far as it has been turned into SQL.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) conditions: Conditions,
    /// The operations that are meant. To be added by the asker.
    pub(super) operations: NamesMatched,
    /// The number of the session that is meant. To be added by the asker.
    pub(super) session: Option<i64>,
}

impl Selection {
    /// The conditions with those on the operation and on the time: for a question that is asked once.
    pub(super) fn whole(
        mut self,
        connection: &Connection,
        filter: &Filter,
    ) -> rusqlite::Result<Conditions> {
        let everything = Page {
            after: None,
            before: None,
            ..Page::after(Cursor::START, 0)
        };
        // Nothing to remember from one page to the next: there is one.
        let page = Recall::default().narrow(connection, filter, everything)?;
        self.conditions.add_operations(&self.operations);
        self.add_session(connection)?;
        self.conditions.add_times(filter, "r.ts");
        self.conditions.add_page("r.seq", page);
        Ok(self.conditions)
    }

    /// Adds the condition that a request is of the session that is meant.
    pub(super) fn add_session(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(session) = self.session {
            let clause = session_ranges::is_of_session(connection)?;
            self.conditions.add(clause, [session.into()]);
        }
        Ok(())
    }
}

/// The conditions of a filter on `requests r` joined with `operations o`, `sessions s`,
/// `clients c` (the request's own) and `clients sc` (its session's); those on the time are the asker's to
/// add.
///
/// `None` when nothing can match, since a name it asks for was never recorded.
pub(super) fn of_filter(
    connection: &Connection,
    recall: &mut Recall,
    filter: &Filter,
) -> rusqlite::Result<Option<Selection>> {
    let mut conditions = Conditions::default();
    // The small tables are asked first: a name that nobody ever had answers the whole question.
    let operations = recall.operations(connection, filter)?;
    let session = match &filter.session {
        Some(key) => Some(session_number(connection, key)?),
        None => None,
    };
    if operations == NamesMatched::None
        || session == Some(None)
        || !add_client(&recall.clients(connection, filter)?, &mut conditions)
        || !add_trace(connection, filter, &mut conditions)?
        || !add_parts(connection, filter, &mut conditions)?
    {
        return Ok(None);
    }
    add_outcome(filter, &mut conditions);
    if let Some(search) = &filter.grep {
        add_search(connection, recall, search, &mut conditions)?;
    }
    Ok(Some(Selection {
        conditions,
        operations,
        session: session.flatten(),
    }))
}

fn session_number(connection: &Connection, key: &SessionKey) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT s.id FROM sessions s JOIN proxies p ON p.id = s.proxy
             WHERE s.session_id = ?1 AND p.name = ?2",
        )?
        .query_row([&key.id, &key.proxy], |row| row.get(0))
        .optional()
}

fn add_client(clients: &NamesMatched, conditions: &mut Conditions) -> bool {
    // A request that names no client is taken to be from the one of its session, as in
    // `request_log`.
    const CLIENT: &str = "CASE WHEN c.name IS NULL THEN s.client ELSE r.client END";
    conditions.add_matched(CLIENT, clients);
    *clients != NamesMatched::None
}

fn add_trace(
    connection: &Connection,
    filter: &Filter,
    conditions: &mut Conditions,
) -> rusqlite::Result<bool> {
    if !filter.has_trace && filter.trace_id.is_none() {
        return Ok(true);
    }
    // No writer of an older layout kept any.
    let is_kept = layout_of(connection)? >= TRACES_SINCE;
    let Some(trace) = filter.trace_id else {
        conditions.add(
            "r.seq IN (SELECT n.seq FROM request_notes n WHERE n.trace IS NOT NULL)",
            [],
        );
        return Ok(is_kept);
    };
    conditions.add(
        "r.seq IN (SELECT n.seq FROM request_notes n WHERE n.trace = ?)",
        [trace.bytes().to_vec().into()],
    );
    Ok(is_kept)
}

fn add_parts(
    connection: &Connection,
    filter: &Filter,
    conditions: &mut Conditions,
) -> rusqlite::Result<bool> {
    if !filter.is_part {
        return Ok(true);
    }
    conditions.add(
        "r.seq IN (SELECT n.seq FROM request_notes n WHERE n.stage IS NOT NULL)",
        [],
    );
    Ok(layout_of(connection)? >= WAYS_SINCE)
}

/// The codes that statuses are distinguished by.
const TIMEOUT: i64 = ErrorKind::Timeout.code();
const UNSEEN: i64 = ErrorKind::Unseen.code();

fn add_outcome(filter: &Filter, conditions: &mut Conditions) {
    // A status is not stored: it is derived from the kind of the error, of which success has none.
    let of_kind = |status| match status {
        Status::Ok => "r.error_kind IS NULL".to_owned(),
        // Rows that ended well have NULL, which is neither equal nor unequal: they stay out.
        Status::Error => format!("r.error_kind NOT IN ({TIMEOUT}, {UNSEEN})"),
        Status::Timeout => format!("r.error_kind = {TIMEOUT}"),
        Status::Unknown => format!("r.error_kind = {UNSEEN}"),
    };
    let asked = Status::ALL
        .into_iter()
        .filter(|status| filter.statuses.contains(status));
    let clauses: Vec<String> = asked.map(of_kind).collect();
    if !clauses.is_empty() && clauses.len() < Status::ALL.len() {
        // Whatever has a kind has failed or is unknown: so the index of those can be used.
        let is_of_kinds = !filter.statuses.contains(&Status::Ok);
        let indexed = if is_of_kinds && clauses.len() > 1 {
            "r.error_kind IS NOT NULL AND "
        } else {
            ""
        };
        conditions.add(&format!("{indexed}({})", clauses.join(" OR ")), []);
    }
    match filter.error_kinds[..] {
        [] => {}
        [kind] => conditions.add("r.error_kind = ?", [kind.code().into()]),
        ref kinds => {
            let codes: Vec<i64> = kinds.iter().map(|kind| kind.code()).collect();
            let clause = "r.error_kind IN (SELECT value FROM json_each(?))";
            conditions.add(clause, [number_list(&codes)]);
        }
    }
    if let Some(code) = &filter.error_code {
        conditions.add("r.error_code = ?", [code.clone().into()]);
    }
    if let Some(least) = filter.min_latency_us {
        conditions.add("r.latency_us >= ?", [least.into()]);
    }
}

/// The fields of [`Filter::grep_fields`].
fn add_search(
    connection: &Connection,
    recall: &Recall,
    search: &Search,
    conditions: &mut Conditions,
) -> rusqlite::Result<()> {
    // What is shown is what is searched: the client that a row shows may be that of its session.
    let fields = [
        shown!("o.method", "o.id"),
        shown!("o.target", "o.id"),
        concat!(
            "CASE WHEN c.name IS NULL THEN ",
            shown!("sc.name", "sc.id"),
            " ELSE ",
            shown!("c.name", "c.id"),
            " END"
        ),
        shown!("r.error_code", "r.seq"),
        shown!("r.error_msg", "r.seq"),
        REQUEST_ID_TEXT,
        shown!("s.session_id", "s.id"),
    ];
    let condition = recall.searched.condition(connection, search, &fields)?;
    conditions.add(&condition, []);
    Ok(())
}
