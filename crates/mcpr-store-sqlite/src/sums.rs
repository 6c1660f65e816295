//! Sums in SQL over numbers that came from outside: they end at the largest number instead of failing.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};

/// Makes `saturated_sum(x)` known to a connection: what comes of adding each `x` that is there, in any
/// order, where each step stops at the ends of 64 bits. `NULL` where that depends on the order.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_aggregate_function("saturated_sum", 1, flags, SaturatedSum)
}

/// The SQL of the sum of a column, 0 where there are no rows: exact up to 2^53, and the largest number
/// instead of a failure.
pub(super) fn rounded(column: &str) -> String {
    // `sum` fails past 64 bits; `total` goes on in floating point, and the cast ends at the largest
    // number.
    format!("CAST(total({column}) AS INTEGER)")
}

struct SaturatedSum;

/// What is above and what is below zero; 2^63 rows of 64 bits fit.
#[derive(Default)]
struct SumParts {
    positive: i128,
    negative: i128,
}

impl SumParts {
    fn add(&mut self, number: i64) {
        let part = if number < 0 {
            &mut self.negative
        } else {
            &mut self.positive
        };
        *part += i128::from(number);
    }

    fn sum(&self) -> Option<i64> {
        match (i64::try_from(self.positive), i64::try_from(self.negative)) {
            // Whatever the order, no step leaves what both parts span.
            (Ok(positive), Ok(negative)) => Some(positive + negative),
            // With numbers of one sign only, every order of adding ends at the same end.
            (Err(_), _) if self.negative == 0 => Some(i64::MAX),
            (_, Err(_)) if self.positive == 0 => Some(i64::MIN),
            _ => None,
        }
    }
}

impl Aggregate<SumParts, Option<i64>> for SaturatedSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<SumParts> {
        Ok(SumParts::default())
    }

    fn step(&self, row: &mut Context<'_>, parts: &mut SumParts) -> rusqlite::Result<()> {
        if let Some(number) = row.get(0)? {
            parts.add(number);
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        parts: Option<SumParts>,
    ) -> rusqlite::Result<Option<i64>> {
        Ok(parts.unwrap_or_default().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_stops_at_the_ends() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let (least, most) = (i64::MIN, i64::MAX);
        for (numbers, expected) in [
            (&[][..], Some(0)),
            (&[None], Some(0)),
            (&[Some(1), None, Some(-3)], Some(-2)),
            (&[Some(most), Some(least)], Some(-1)),
            (&[Some(most), Some(1)], Some(most)),
            (&[Some(most), Some(most), Some(most)], Some(most)),
            (&[Some(least), Some(-1)], Some(least)),
            (&[Some(most), Some(1), Some(-1)], None),
        ] {
            let list = serde_json::to_string(numbers).unwrap();
            let sql = "SELECT saturated_sum(value) FROM json_each(?1)";
            let found: Option<i64> = connection
                .query_row(sql, [&list], |row| row.get(0))
                .unwrap();
            assert_eq!(found, expected, "{list}");
        }
    }
}
