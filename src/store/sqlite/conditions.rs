//! A filter as SQL: conditions with bound values only.

use crate::model::{ErrorKind, Status};
use crate::query::{Filter, Page, Pattern};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

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

    /// Adds the condition that a column holds one of some numbers.
    pub(super) fn add_list(&mut self, column: &str, numbers: &[i64]) {
        let condition = format!("{column} IN (SELECT value FROM json_each(?))");
        self.add(&condition, [number_list(numbers)]);
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
            self.add(&format!("{column} > ?"), [after.into()]);
        }
        if let Some(before) = page.before {
            self.add(&format!("{column} < ?"), [before.into()]);
        }
    }
}

/// A filter as far as it has been turned into SQL.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) conditions: Conditions,
    /// The numbers of the operations that are meant; `None` is all. To be added by the asker.
    pub(super) operations: Option<Vec<i64>>,
}

/// The conditions of a filter on `requests r` joined with `operations o`, `sessions s`,
/// `clients c` (the request's own) and `clients sc` (its session's).
///
/// `None` when nothing can match, since a name it asks for was never recorded.
pub(super) fn of_filter(
    connection: &Connection,
    filter: &Filter,
) -> rusqlite::Result<Option<Selection>> {
    let mut conditions = Conditions::default();
    let operations = operations(connection, filter)?;
    if operations.as_ref().is_some_and(Vec::is_empty)
        || !add_session(connection, filter, &mut conditions)?
        || !add_client(connection, filter, &mut conditions)?
    {
        return Ok(None);
    }
    add_window(connection, filter, &mut conditions)?;
    add_outcome(filter, &mut conditions);
    if let Some(text) = &filter.grep {
        add_grep(text, &mut conditions);
    }
    Ok(Some(Selection {
        conditions,
        operations,
    }))
}

fn number_list(numbers: &[i64]) -> Value {
    serde_json::to_string(numbers)
        .expect("numbers are JSON")
        .into()
}

/// Proxy, kind, method and tool all belong to the operation: the few that match are looked up.
fn operations(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Vec<i64>>> {
    let by_name = !filter.methods.is_empty() || !filter.tools.is_empty();
    if !by_name && filter.proxy.is_none() && filter.kind.is_none() {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(
        "SELECT o.id, o.method, CASE o.target_kind WHEN 1 THEN o.target END,
                (?1 IS NULL OR p.name = ?1) AND (?2 IS NULL OR o.kind = ?2)
         FROM operations o JOIN proxies p ON p.id = o.proxy",
    )?;
    let kind = filter.kind.map(|kind| kind as i64);
    let mut rows = statement.query(params![filter.proxy, kind])?;
    let (mut wanted, mut total) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        total += 1;
        let matches = row.get(3)?
            && Pattern::any_matches(&filter.methods, Some(row.get_ref(1)?.as_str()?))
            && Pattern::any_matches(&filter.tools, row.get_ref(2)?.as_str_or_null()?);
        if matches {
            wanted.push(row.get(0)?);
        }
    }
    Ok((wanted.len() < total || total == 0).then_some(wanted))
}

fn add_session(
    connection: &Connection,
    filter: &Filter,
    conditions: &mut Conditions,
) -> rusqlite::Result<bool> {
    let Some(key) = &filter.session else {
        return Ok(true);
    };
    let found: Option<i64> = connection
        .prepare_cached(
            "SELECT s.id FROM sessions s JOIN proxies p ON p.id = s.proxy
             WHERE s.session_id = ?1 AND p.name = ?2",
        )?
        .query_row([&key.id, &key.proxy], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        conditions.add("r.session = ?", [id.into()]);
    }
    Ok(found.is_some())
}

fn add_client(
    connection: &Connection,
    filter: &Filter,
    conditions: &mut Conditions,
) -> rusqlite::Result<bool> {
    let Some(pattern) = &filter.client else {
        return Ok(true);
    };
    let wanted = matching_clients(connection, pattern)?;
    let list = number_list(&wanted);
    conditions.add(
        "CASE WHEN c.name IS NULL THEN s.client ELSE r.client END
         IN (SELECT value FROM json_each(?))",
        [list],
    );
    Ok(!wanted.is_empty())
}

/// The numbers of the clients whose name matches.
pub(super) fn matching_clients(
    connection: &Connection,
    pattern: &Pattern,
) -> rusqlite::Result<Vec<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT id, name FROM clients WHERE name IS NOT NULL")?;
    let mut rows = statement.query([])?;
    let mut wanted = Vec::new();
    while let Some(row) = rows.next()? {
        if pattern.matches(row.get_ref(1)?.as_str()?) {
            wanted.push(row.get(0)?);
        }
    }
    Ok(wanted)
}

/// The time window, and with it the part of the sequence that the batches' own spans leave over.
fn add_window(
    connection: &Connection,
    filter: &Filter,
    conditions: &mut Conditions,
) -> rusqlite::Result<()> {
    if let Some(since) = filter.since {
        conditions.add("r.ts >= ?", [since.into()]);
        let first: Option<i64> = connection
            .prepare_cached("SELECT min(first_seq) FROM batches WHERE max_ts >= ?1")?
            .query_row([since], |row| row.get(0))?;
        conditions.add("r.seq >= ?", [first.unwrap_or(i64::MAX).into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("r.ts < ?", [until.into()]);
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(last_seq) FROM batches WHERE min_ts < ?1")?
            .query_row([until], |row| row.get(0))?;
        conditions.add("r.seq <= ?", [last.unwrap_or(0).into()]);
    }
    Ok(())
}

fn add_outcome(filter: &Filter, conditions: &mut Conditions) {
    let timeout = ErrorKind::Timeout as i64 + 1;
    match filter.status {
        None => {}
        Some(Status::Ok) => conditions.add("r.error_kind IS NULL", []),
        Some(Status::Timeout) => conditions.add("r.error_kind = ?", [timeout.into()]),
        Some(Status::Error) => conditions.add("r.error_kind <> ?", [timeout.into()]),
    }
    if let Some(kind) = filter.error_kind {
        conditions.add("r.error_kind = ?", [(kind as i64 + 1).into()]);
    }
    if let Some(code) = &filter.error_code {
        conditions.add("r.error_code = ?", [code.clone().into()]);
    }
    if let Some(least) = filter.min_latency_us {
        conditions.add("r.latency_us >= ?", [least.into()]);
    }
}

/// The fields of [`Filter::grep_fields`]; `LIKE` does not tell case apart within ASCII.
fn add_grep(text: &str, conditions: &mut Conditions) {
    let mut like = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            like.push('\\');
        }
        like.push(character);
    }
    like.push('%');
    let fields = [
        "o.method",
        "o.target",
        "CASE WHEN c.name IS NULL THEN sc.name ELSE c.name END",
        "r.error_code",
        "r.error_msg",
        super::read::REQUEST_ID_TEXT,
        "s.session_id",
    ];
    let clauses: Vec<String> = fields
        .iter()
        .map(|field| format!("{field} LIKE ? ESCAPE '\\'"))
        .collect();
    let values = fields.map(|_| Value::from(like.clone()));
    conditions.add(&format!("({})", clauses.join(" OR ")), values);
}
