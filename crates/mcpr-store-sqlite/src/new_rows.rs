//! New requests on their way into their table, several by one statement: a statement of its own for each opens and closes
//! every index of the table, and looks for its end anew.
//!
//! Only what is surely new goes this way: what is later than all that is stored. The rest is asked about one by one.

use super::requests::{NO_LATENCY, RowPlace, StoredId};
use mcpr_model::{ErrorKind, Request, RequestId, SourceFormat, Text};
use rusqlite::{Statement, ToSql, Transaction};
use rustc_hash::FxHashSet;
use std::sync::LazyLock;

/// Rows of a statement: its values are to stay in a core's nearest cache.
const ROWS: usize = 16;
/// Events of a batch from which on it is worth one.
const WORTHWHILE_EVENTS: usize = 64;

/// The columns that hold numbers, in the order of [`NewRow::numbers`].
const NUMBERS: [&str; 13] = [
    "ts",
    "key",
    "operation",
    "session",
    "client",
    "latency_us",
    "upstream_us",
    "bytes_in",
    "bytes_out",
    "error_kind",
    "format",
    "http_status",
    "first_event_us",
];
const OTHERS: [&str; 3] = ["request_id", "error_code", "error_msg"];

/// A request as its row will be. It has no code of a call: such a one is merged, and goes by itself.
#[derive(Debug)]
struct NewRow {
    seq: i64,
    numbers: [Option<i64>; NUMBERS.len()],
    request_id: Option<RequestId>,
    error_code: Option<Text>,
    error_msg: Option<Text>,
}

/// The rows of a batch that are not in their table yet.
#[derive(Debug, Default)]
pub(super) struct NewRows {
    rows: Vec<NewRow>,
    /// Times and keys of this batch's rows that are later than the newest one before it.
    taken: FxHashSet<(i64, i64)>,
    /// The newest time that was stored before the batch; `None` where each row is asked about.
    newest: Option<i64>,
    /// The highest number of a row in the table.
    last: i64,
}

impl NewRows {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.taken.clear();
        self.newest = None;
    }

    /// Begins with a batch of so many events.
    pub(super) fn begin(&mut self, tx: &Transaction<'_>, events: usize) -> rusqlite::Result<()> {
        self.clear();
        if events < WORTHWHILE_EVENTS {
            return Ok(());
        }
        let (newest, last): (Option<i64>, Option<i64>) = tx
            .prepare_cached(
                "SELECT (SELECT max(ts) FROM requests), (SELECT max(seq) FROM requests)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.newest = Some(newest.unwrap_or(i64::MIN));
        self.last = last.unwrap_or(0);
        Ok(())
    }

    /// Takes a request that is surely new; `false` where that has to be asked.
    pub(super) fn take(&mut self, request: &Request, place: RowPlace, key: i64) -> bool {
        let is_late = self.newest.is_some_and(|newest| request.ts > newest);
        if !is_late || request.key.call.is_some() || !self.taken.insert((request.ts, key)) {
            return false;
        }
        let outcome = &request.outcome;
        self.rows.push(NewRow {
            seq: place.seq,
            numbers: [
                Some(request.ts),
                Some(key),
                Some(place.operation.id),
                place.session,
                place.client,
                Some(request.latency_us.unwrap_or(NO_LATENCY)),
                request.upstream_us,
                request.bytes_in,
                request.bytes_out,
                outcome.error_kind.map(ErrorKind::code),
                request.format.map(SourceFormat::code),
                request.http_status.map(i64::from),
                request.first_event_us,
            ],
            request_id: request.request_id.clone(),
            error_code: outcome.error_code.clone(),
            error_msg: outcome.error_msg.clone(),
        });
        true
    }

    /// Notes a row that was written by itself: another one of its time and key is not new.
    pub(super) fn note(&mut self, seq: i64, ts: i64, key: i64) {
        self.last = self.last.max(seq);
        if self.newest.is_some_and(|newest| ts > newest) {
            self.taken.insert((ts, key));
        }
    }

    /// Whether so many rows wait that they are to be written.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS
    }

    /// Puts the rows that wait into their table.
    pub(super) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for rows in self.rows.chunks(ROWS) {
            if rows.len() == ROWS {
                self.last = put(tx, rows, self.last)?;
                continue;
            }
            for row in rows {
                self.last = put(tx, std::slice::from_ref(row), self.last)?;
            }
        }
        self.rows.clear();
        Ok(())
    }
}

/// Puts rows in by one statement, behind the last one; says which is the last then.
fn put(tx: &Transaction<'_>, rows: &[NewRow], last: i64) -> rusqlite::Result<i64> {
    // Gaps and bad lines have numbers as well, and what was removed may have been the newest.
    let numbering = if (last + 1..).zip(rows).all(|(seq, row)| row.seq == seq) {
        Numbering::Next
    } else {
        Numbering::Own
    };
    let sql = match (numbering, rows.len()) {
        (Numbering::Next, 1) => &*ONE_NEXT,
        (Numbering::Next, _) => &*MANY_NEXT,
        (Numbering::Own, 1) => &*ONE_OWN,
        (Numbering::Own, _) => &*MANY_OWN,
    };
    let mut statement = tx.prepare_cached(sql)?;
    let mut values = Values(&mut statement, 0);
    for row in rows {
        for number in row.numbers {
            values.add(number)?;
        }
        values.add(row.request_id.as_ref().map(StoredId))?;
        values.add(row.error_code.as_deref())?;
        values.add(row.error_msg.as_deref())?;
        if numbering == Numbering::Own {
            values.add(Some(row.seq))?;
        }
    }
    statement.raw_execute()?;
    let last = tx.last_insert_rowid();
    if rows.last().is_none_or(|row| row.seq != last) {
        // What was summed and hashed is of other numbers: nothing of it may be committed.
        let what = "rows got other numbers than they were hashed with";
        return Err(rusqlite::Error::UserFunctionError(what.into()));
    }
    Ok(last)
}

/// The values of a statement, one behind the other.
struct Values<'a, 'tx>(&'a mut Statement<'tx>, usize);

impl Values<'_, '_> {
    fn add(&mut self, value: Option<impl ToSql>) -> rusqlite::Result<()> {
        self.1 += 1;
        // A statement comes out of its cache with nothing but NULL.
        value.map_or(Ok(()), |value| self.0.raw_bind_parameter(self.1, value))
    }
}

/// Who gives the rows of a statement their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// SQLite, each the next one behind the last row: it does not look for each number whether it is taken.
    Next,
    /// The rows themselves.
    Own,
}

static ONE_NEXT: LazyLock<String> = LazyLock::new(|| insertion(Numbering::Next, 1));
static MANY_NEXT: LazyLock<String> = LazyLock::new(|| insertion(Numbering::Next, ROWS));
static ONE_OWN: LazyLock<String> = LazyLock::new(|| insertion(Numbering::Own, 1));
static MANY_OWN: LazyLock<String> = LazyLock::new(|| insertion(Numbering::Own, ROWS));

/// The statement that puts in so many rows. It has no way around a row that is there, which would be damage: all of the
/// transaction is taken back then. So SQLite need not keep what each page was before the statement.
fn insertion(numbering: Numbering, rows: usize) -> String {
    let seq = (numbering == Numbering::Own).then_some("seq");
    let columns: Vec<&str> = NUMBERS.into_iter().chain(OTHERS).chain(seq).collect();
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    format!(
        "INSERT OR ROLLBACK INTO requests ({}) VALUES {}",
        columns.join(", "),
        vec![row; rows].join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, request};
    use crate::{SqliteStore, verify};
    use mcpr_model::{BadLine, Batch, CallFacts, CallKey, Channel, Event, EventKey, Gap, Outcome};
    use mcpr_store::{Depth, Writer};
    use rusqlite::types::Value;
    use std::path::Path;

    /// Requests of all sorts in the order of time, and some of which came before or are there already.
    fn event_at(at: i64) -> Event {
        let plain = request(&format!("id-{at}"), 1_000_000 + at * 10);
        let earlier =
            |back: i64| request(&format!("id-{}", at - back), 1_000_000 + (at - back) * 10);
        let outcome = |code: Option<&str>| Outcome {
            error_kind: Some(ErrorKind::Rpc),
            error_code: code.map(Text::from),
            error_msg: Some("wäs nicht ging".into()),
            retyped: false,
        };
        let (latency_us, http_status) = (None, Some(404));
        Event::Request(match at % 16 {
            0 => Request {
                request_id: Some(RequestId::Int(at)),
                ..plain
            },
            1 => Request {
                request_id: Some(RequestId::Uuid([7; 16])),
                session_id: None,
                ..plain
            },
            2 => Request {
                request_id: None,
                outcome: outcome(Some("-32601")),
                ..plain
            },
            3 => Request {
                outcome: outcome(None),
                latency_us,
                http_status,
                ..plain
            },
            // The same again, the same with another content, and one from long before.
            4 => earlier(4 + 3),
            5 => Request {
                bytes_out: Some(at),
                ..earlier(5 + 2)
            },
            6 => request(&format!("old-{at}"), at),
            7 => {
                let facts = CallFacts {
                    session_id: Some("s"),
                    id: "1",
                    method: "m",
                    target: "t",
                };
                let call = CallKey::of_call(Channel::Stderr, facts);
                let key = EventKey::of_bytes(&at.to_le_bytes(), 0).with_call(call);
                Request { key, ..plain }
            }
            8 => {
                return Event::Gap(Gap {
                    source: "-".into(),
                    count: 1,
                    from_ts: at,
                    to_ts: at,
                    key: Some(at),
                });
            }
            9 => {
                return Event::BadLine(BadLine {
                    source: "-".into(),
                    offset: 1,
                    reason: "none".to_owned(),
                    excerpt: vec![1],
                    ts: at,
                });
            }
            _ => plain,
        })
    }

    /// Every value of every request, and what their batches come to.
    fn stored(path: &Path, batches: Vec<Vec<Event>>) -> (Vec<Vec<Value>>, i64) {
        let mut store = SqliteStore::open(path).expect("a new store");
        for (number, events) in (1..).zip(batches) {
            let batch = Batch {
                events,
                ..batch(number, Vec::new())
            };
            store.append(&batch).expect("append");
        }
        let sql = "SELECT * FROM requests ORDER BY seq";
        let mut statement = store.connection.prepare(sql).expect("a statement");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        let rows = rows.expect("rows").collect::<Result<_, _>>().expect("rows");
        let sql = "SELECT wrapped_sum(checksum) FROM batches";
        let sum = store.connection.query_row(sql, [], |row| row.get(0));
        (rows, sum.expect("a sum"))
    }

    #[test]
    fn rows_that_go_in_together_are_those_that_go_in_one_by_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let all: Vec<Event> = (0..2000).map(event_at).collect();
        let one_by_one = all.iter().map(|event| vec![event.clone()]).collect();
        let [first, second] = ["one.db", "together.db"].map(|name| directory.path().join(name));
        let expected = stored(&first, one_by_one);
        assert!(expected.0.len() > 1500, "{}", expected.0.len());
        assert_eq!(
            stored(&second, all.chunks(900).map(<[Event]>::to_vec).collect()),
            expected
        );
        for path in [first, second] {
            assert_eq!(
                verify(&path, Depth::Full).expect("a store").problems,
                [""; 0]
            );
        }
    }

    #[test]
    fn most_rows_of_a_batch_in_the_order_of_time_go_in_together() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = SqliteStore::open(&directory.path().join("store.db")).expect("a new store");
        let tx = store.connection.transaction().expect("a transaction");
        let mut rows = NewRows::default();
        rows.begin(&tx, 1000).expect("begun");
        let operation = crate::names::OperationRef {
            id: 1,
            proxy: 1,
            hash: 1,
            sums: 1,
        };
        let place = |seq| RowPlace {
            seq,
            operation,
            session: None,
            client: None,
        };
        assert!(rows.take(&request("a", 5), place(1), 1));
        assert!(
            !rows.take(&request("a", 5), place(2), 1),
            "its place is taken by one that waits"
        );
        rows.note(1, 5, 2);
        assert!(
            !rows.take(&request("b", 5), place(2), 2),
            "its place was taken by itself"
        );
        rows.write(&tx).expect("written");
        rows.begin(&tx, 1000).expect("begun");
        assert!(
            !rows.take(&request("c", 5), place(2), 3),
            "as late as the newest that is stored"
        );
        assert!(rows.take(&request("c", 6), place(2), 3));
        rows.begin(&tx, WORTHWHILE_EVENTS - 1).expect("begun");
        assert!(
            !rows.take(&request("d", 7), place(2), 4),
            "few are not worth a statement"
        );
    }
}
