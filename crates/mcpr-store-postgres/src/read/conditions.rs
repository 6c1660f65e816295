//! A filter as SQL: conditions with bound values only.

use crate::db::{Db, Value};
use crate::errors::DbFault;
use crate::values::{code, kind, optional_string, string, target};
use mcpr_model::{ErrorKind, Status, TargetKind};
use mcpr_store::query::{Filter, Page, Pattern};
use postgres::types::ToSql;

/// A `WHERE` clause being put together.
#[derive(Default)]
pub(super) struct Conditions {
    clauses: Vec<String>,
    values: Vec<Box<dyn ToSql + Sync>>,
}

impl Conditions {
    /// Adds a condition; each `?` in it takes the next of `values`.
    pub(super) fn add(
        &mut self,
        clause: &str,
        values: impl IntoIterator<Item = Box<dyn ToSql + Sync>>,
    ) {
        let mut values = values.into_iter();
        let mut text = String::new();
        for part in clause.split_inclusive('?') {
            match part.strip_suffix('?') {
                Some(before) => {
                    self.values.extend(values.next());
                    text.push_str(before);
                    text.push('$');
                    text.push_str(&self.values.len().to_string());
                }
                None => text.push_str(part),
            }
        }
        self.clauses.push(text);
    }

    /// Adds a condition with one value.
    pub(super) fn add_one(&mut self, clause: &str, value: impl ToSql + Sync + 'static) {
        self.add(clause, [boxed(value)]);
    }

    /// Adds a value behind those of the conditions; says how it is written.
    pub(super) fn value(&mut self, value: impl ToSql + Sync + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// Adds the bounds of the time on a column.
    pub(super) fn add_times(&mut self, filter: &Filter, column: &str) {
        if let Some(since) = filter.since {
            self.add_one(&format!("{column} >= ?"), since);
        }
        if let Some(until) = filter.until {
            self.add_one(&format!("{column} < ?"), until);
        }
    }

    /// Adds the bounds of a page on a sequence column.
    pub(super) fn add_page(&mut self, column: &str, page: Page) {
        if let Some(after) = page.after {
            self.add_one(&format!("{column} > ?"), after.to_seq());
        }
        if let Some(before) = page.before {
            self.add_one(&format!("{column} < ?"), before.to_seq());
        }
    }

    /// Adds the condition that a column of text begins with another.
    pub(super) fn add_prefix(&mut self, column: &str, prefix: &str) {
        if prefix.is_empty() {
            return;
        }
        let length = i32::try_from(prefix.len()).unwrap_or(i32::MAX);
        let prefix = prefix.as_bytes().to_vec();
        let clause = format!("{column} >= ? AND substring({column} FROM 1 FOR ?) = ?");
        self.add(
            &clause,
            [boxed(prefix.clone()), boxed(length), boxed(prefix)],
        );
    }

    /// The clause, which is never empty.
    pub(super) fn sql(&self) -> String {
        if self.clauses.is_empty() {
            "true".to_owned()
        } else {
            self.clauses.join(" AND ")
        }
    }

    /// The values of its place holders, in order.
    pub(super) fn values(&self) -> Vec<Value<'_>> {
        self.values
            .iter()
            .map(|value| -> Value<'_> { &**value })
            .collect()
    }
}

pub(super) fn boxed(value: impl ToSql + Sync + 'static) -> Box<dyn ToSql + Sync> {
    Box::new(value)
}

/// The rows of a table of names that a filter matches.
pub(super) enum MeantNames {
    /// All of them.
    All,
    /// Those with these numbers.
    These(Vec<i64>),
}

impl MeantNames {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::These(ids) if ids.is_empty())
    }
}

/// What a filter selects of `requests r`.
pub(super) struct Selection {
    pub(super) conditions: Conditions,
    /// Whose requests are meant, beside the conditions: they may be asked for one operation after the other.
    pub(super) operations: MeantNames,
}

impl Selection {
    /// All of it as conditions.
    pub(super) fn whole(self) -> Conditions {
        let mut conditions = self.conditions;
        if let MeantNames::These(ids) = self.operations {
            conditions.add_one("r.operation = ANY(?::bigint[])", ids);
        }
        conditions
    }
}

/// What a filter selects, but for its time and for what it searches for: the asker adds the one, and looks at the rows
/// for the other. `None` when nothing can match, since a name it asks for was never recorded.
pub(super) fn of_filter(db: &mut Db, filter: &Filter) -> Result<Option<Selection>, DbFault> {
    let mut conditions = Conditions::default();
    // The small tables are asked first: a name that nobody ever had answers the whole question.
    let operations = operations(db, filter)?;
    // No row can be of an operation that there is not.
    if operations.is_nothing() {
        return Ok(None);
    }
    if let Some(key) = &filter.session {
        let found = db.row(
            "SELECT s.id FROM proxies p JOIN sessions s ON s.proxy = p.id
             WHERE s.session_id = $1 AND p.name = $2",
            &[&key.id.as_bytes(), &key.proxy.as_bytes()],
        )?;
        let Some(found) = found else { return Ok(None) };
        conditions.add_one("r.session = ?", found.try_get::<_, i64>(0)?);
    }
    if let Some(pattern) = &filter.client
        && !add_client(db, pattern, &mut conditions)?
    {
        return Ok(None);
    }
    if let Some(trace) = filter.trace_id {
        let clause = "r.seq IN (SELECT n.seq FROM request_notes n WHERE n.trace = ?)";
        conditions.add_one(clause, trace.bytes().to_vec());
    } else if filter.has_trace {
        let clause = "r.seq IN (SELECT n.seq FROM request_notes n WHERE n.trace IS NOT NULL)";
        conditions.add(clause, []);
    }
    if filter.is_part {
        let clause = "r.seq IN (SELECT n.seq FROM request_notes n WHERE n.stage IS NOT NULL)";
        conditions.add(clause, []);
    }
    add_outcome(filter, &mut conditions);
    Ok(Some(Selection {
        conditions,
        operations,
    }))
}

/// The operations that a filter lets through.
pub(super) fn operations(db: &mut Db, filter: &Filter) -> Result<MeantNames, DbFault> {
    if !filter.is_of_names() && filter.proxy.is_none() && filter.kind.is_none() {
        return Ok(MeantNames::All);
    }
    let mut conditions = Conditions::default();
    let name = |pattern: &Pattern| pattern.as_name().map(|name| name.as_bytes().to_vec());
    if let Some(name) = filter.proxy.as_ref().and_then(name) {
        conditions.add_one("p.name = ?", name);
    }
    if let [method] = &filter.methods[..]
        && let Some(name) = name(method)
    {
        conditions.add_one("o.method = ?", name);
    }
    // Of names that the server itself has sorted out, nothing can be reported about the others.
    let is_part = !conditions.clauses.is_empty();
    let sql = format!(
        "SELECT o.id, o.kind, p.name, o.method, o.target_kind, o.target
         FROM operations o JOIN proxies p ON p.id = o.proxy WHERE {}",
        conditions.sql()
    );
    let mut total = 0_usize;
    let mut ids = Vec::new();
    db.each(&sql, &conditions.values(), &mut |row| {
        total += 1;
        let target = target(row, 4)?.filter(|it| it.kind == TargetKind::Tool);
        let tool = target.as_ref().map(|it| it.name.as_str());
        let (proxy, method) = (string(row, 2)?, string(row, 3)?);
        if filter.takes_operation(kind(row, 1)?, &proxy, &method, tool) {
            ids.push(row.try_get(0)?);
        }
        Ok(true)
    })?;
    // Where all are meant no condition is needed. Without any row nothing can be reported about all.
    if !is_part && total > 0 && ids.len() == total {
        return Ok(MeantNames::All);
    }
    Ok(MeantNames::These(ids))
}

/// The clients whose name matches, and those that have none.
pub(super) fn clients(db: &mut Db, pattern: &Pattern) -> Result<(Vec<i64>, Vec<i64>), DbFault> {
    let (mut meant, mut nameless) = (Vec::new(), Vec::new());
    db.each("SELECT id, name FROM clients", &[], &mut |row| {
        match optional_string(row, 1)? {
            None => nameless.push(row.try_get(0)?),
            Some(name) if pattern.matches(&name) => meant.push(row.try_get(0)?),
            Some(_) => {}
        }
        Ok(true)
    })?;
    Ok((meant, nameless))
}

fn add_client(
    db: &mut Db,
    pattern: &Pattern,
    conditions: &mut Conditions,
) -> Result<bool, DbFault> {
    let (meant, nameless) = clients(db, pattern)?;
    let is_any = !meant.is_empty();
    // A request that names no client is taken to be from the one of its session.
    let clause = "(r.client = ANY(?::bigint[]) OR ((r.client = 0 OR r.client = ANY(?::bigint[]))
         AND EXISTS (SELECT 1 FROM sessions s WHERE s.id = r.session AND s.client = ANY(?))))";
    conditions.add(
        clause,
        [boxed(meant.clone()), boxed(nameless), boxed(meant)],
    );
    Ok(is_any)
}

/// The codes that statuses are distinguished by.
const TIMEOUT: i64 = ErrorKind::Timeout.code();
const UNSEEN: i64 = ErrorKind::Unseen.code();

/// From this latency on requests are in the index of slow ones.
pub(super) const SLOW_INDEX_US: i64 = 100_000;

fn add_outcome(filter: &Filter, conditions: &mut Conditions) {
    // The words of the indexes of few requests: that a condition implies them, the server sees only where no value is
    // bound.
    if filter.is_of_failed() {
        conditions.add("r.error_kind <> 0", []);
    }
    if filter.min_latency_us >= Some(SLOW_INDEX_US) {
        conditions.add(&format!("r.latency_us >= {SLOW_INDEX_US}"), []);
    }
    // A status is not stored: it is derived from the kind of the error, of which success has none.
    let of_kind = |status| match status {
        Status::Ok => "r.error_kind = 0".to_owned(),
        Status::Error => format!("r.error_kind NOT IN (0, {TIMEOUT}, {UNSEEN})"),
        Status::Timeout => format!("r.error_kind = {TIMEOUT}"),
        Status::Unknown => format!("r.error_kind = {UNSEEN}"),
    };
    let asked = Status::ALL
        .into_iter()
        .filter(|status| filter.statuses.contains(status));
    let clauses: Vec<String> = asked.map(of_kind).collect();
    if !clauses.is_empty() && clauses.len() < Status::ALL.len() {
        conditions.add(&format!("({})", clauses.join(" OR ")), []);
    }
    if !filter.error_kinds.is_empty() {
        let codes = filter.error_kinds.iter().map(|kind| code(kind.code()));
        let codes: Vec<i16> = codes.collect();
        conditions.add_one("r.error_kind = ANY(?)", codes);
    }
    if let Some(code) = &filter.error_code {
        let clause =
            "EXISTS (SELECT 1 FROM request_notes n WHERE n.seq = r.seq AND n.error_code = ?)";
        conditions.add_one(clause, code.as_bytes().to_vec());
    }
    if let Some(least) = filter.min_latency_us {
        conditions.add_one("r.latency_us >= ?", least);
    }
}
