//! How far a file may go with us: the longest value, and the most steps of one question.
//!
//! A damaged file, or one made on purpose, can have pages that lead in circles; a question that is
//! asked of it ends all the same.

use rusqlite::Connection;
use rusqlite::limits::Limit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest text or blob, bytes; the longest that is stored is a list of 16 MiB with its frame.
const MAX_VALUE_BYTES: i32 = 128 << 20;
/// Steps of SQLite's machine between two looks at how many are left.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// Steps that every question has; and for each byte of the file so many more. The most that a real
/// question takes is about five for a byte.
const BASE_STEPS: u64 = 20_000_000;
const STEPS_PER_BYTE: u64 = 100;

/// The steps that the running question has left.
#[derive(Debug, Clone, Default)]
pub(super) struct StepLimit(Arc<AtomicU64>);

impl StepLimit {
    /// Limits what a connection reads. Until [`StepLimit::allow`] is called there are steps enough to
    /// look at the layout.
    pub(super) fn limit(connection: &mut Connection) -> rusqlite::Result<Self> {
        limit_values(connection)?;
        // No question names a second file, and a crafted one must not either.
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        let steps = Self(Arc::new(AtomicU64::new(BASE_STEPS)));
        let left = Arc::clone(&steps.0);
        let handler = move || take(&left, STEPS_BETWEEN_LOOKS.unsigned_abs().into());
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(handler))?;
        Ok(steps)
    }

    /// Allows the next question what a file of this size can need.
    pub(super) fn allow(&self, connection: &Connection) -> rusqlite::Result<()> {
        // Before the size is asked for: that takes steps as well, and the last question may have
        // left none.
        self.0.store(BASE_STEPS, Ordering::Relaxed);
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let bytes = number("page_count")?.saturating_mul(number("page_size")?);
        let steps = BASE_STEPS.saturating_add(bytes.saturating_mul(STEPS_PER_BYTE));
        self.0.store(steps, Ordering::Relaxed);
        Ok(())
    }
}

/// Takes steps away; says whether there are none left.
fn take(left: &AtomicU64, steps: u64) -> bool {
    // Relaxed is enough: steps are given and taken by the one thread that asks.
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(steps)
    });
    taken.is_err()
}

/// Limits how long a value can be.
pub(super) fn limit_values(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_end_ends() {
        let mut connection = Connection::open_in_memory().expect("a store");
        let steps = StepLimit::limit(&mut connection).expect("limits");
        steps.allow(&connection).expect("a size");
        let sql =
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
        let error = connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .expect_err("without an end");
        let failure = crate::errors::failed("ask")(error);
        assert!(failure.to_string().contains("steps"), "{failure}");
        steps.allow(&connection).expect("a size");
        let one: i64 = connection
            .query_row("SELECT 1", [], |row| row.get(0))
            .expect("the next question has its own steps");
        assert_eq!(one, 1);
        let long = connection.query_row("SELECT length(hex(zeroblob(200000000)))", [], |_| Ok(()));
        assert!(long.is_err(), "no value takes gigabytes");
    }
}
