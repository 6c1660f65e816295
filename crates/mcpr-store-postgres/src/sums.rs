//! Hourly sums while a batch is written: added up in memory, put together with their rows at its end.

use crate::db::{Cell, Db, cell};
use crate::errors::DbFault;
use mcpr_model::time::hour_of;
use mcpr_model::{ErrorKind, Request, Sketch};
use mcpr_store::{RollupChange, RollupKey, RollupRow};
use postgres::Row;
use postgres::types::Type;
use rustc_hash::{FxHashMap, FxHashSet};

/// An hour and an operation.
pub(crate) type SumPlace = (i64, i64);

/// What a batch adds to sums.
#[derive(Debug, Default)]
pub(crate) struct SumChanges {
    added: FxHashMap<SumPlace, RollupRow>,
    changes: FxHashMap<SumPlace, Vec<RollupChange>>,
}

/// The columns of a sum, in the order of [`fill`].
pub(crate) const COLUMNS: &str =
    "u.calls, u.errors, u.latency_sum_us, u.latency_min_us, u.latency_max_us, u.bytes_in,
     u.bytes_out, u.sketch";

impl SumChanges {
    /// Counts a newly stored request.
    pub(crate) fn count(&mut self, operation: i64, request: &Request) {
        let place = (hour_of(request.ts), operation);
        self.added
            .entry(place)
            .or_insert_with(|| RollupRow::new(RollupKey::of_hour(place.0)))
            .add(request);
    }

    /// Changes what a request counts for that is counted already; its hour and latency stay.
    pub(crate) fn amend(&mut self, operation: i64, before: &Request, after: &Request) {
        let change = RollupChange::between(before, after);
        if change != RollupChange::default() {
            let place = (hour_of(before.ts), operation);
            self.changes.entry(place).or_default().push(change);
        }
    }

    /// Adds sums that were made elsewhere.
    pub(crate) fn add(&mut self, place: SumPlace, sums: &RollupRow) {
        self.added
            .entry(place)
            .or_insert_with(|| RollupRow::new(RollupKey::of_hour(place.0)))
            .merge(sums);
    }

    /// Puts everything together with what is stored.
    pub(crate) fn write(mut self, db: &mut Db) -> Result<(), DbFault> {
        let mut places: Vec<SumPlace> = self
            .added
            .keys()
            .chain(self.changes.keys())
            .copied()
            .collect();
        places.sort_unstable();
        places.dedup();
        if places.is_empty() {
            return Ok(());
        }
        let (hours, operations): (Vec<i64>, Vec<i64>) = places.into_iter().unzip();
        let sql = format!(
            "SELECT {COLUMNS}, u.hour, u.operation
             FROM unnest($1::bigint[], $2::bigint[]) AS k (hour, operation)
             JOIN rollups u ON u.hour = k.hour AND u.operation = k.operation"
        );
        let stored = db.rows(&sql, &[&hours, &operations])?;
        // Put together here, because SQL cannot merge two sketches.
        for row in &stored {
            let place: SumPlace = (row.try_get(8)?, row.try_get(9)?);
            let mut sums = RollupRow::new(RollupKey::of_hour(place.0));
            fill(&mut sums, row, 0)?;
            self.add(place, &sums);
        }
        for (place, changes) in self.changes {
            // What is not there any more has nothing to be changed.
            if let Some(sums) = self.added.get_mut(&place) {
                for change in &changes {
                    sums.amend(change);
                }
            }
        }
        let places = stored
            .iter()
            .map(|row| Ok((row.try_get(8)?, row.try_get(9)?)));
        let places: FxHashSet<SumPlace> = places.collect::<Result<_, DbFault>>()?;
        let mut rows: Vec<(SumPlace, RollupRow)> = self.added.into_iter().collect();
        // In the order of the index.
        rows.sort_unstable_by_key(|(place, _)| *place);
        let (changed, rows): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|(place, _)| places.contains(place));
        if !changed.is_empty() {
            update(db, &changed)?;
        }
        let into = "rollups (hour, operation, calls, errors, latency_sum_us, latency_min_us, latency_max_us, bytes_in,
                             bytes_out, sketch)";
        db.copy(
            into,
            &TYPES,
            rows.iter().map(|(place, sums)| row_of(*place, sums)),
        )
    }
}

/// Writes sums where they stand: deleted and inserted anew, each batch would leave its rows behind until the server
/// clears up.
fn update(db: &mut Db, changed: &[(SumPlace, RollupRow)]) -> Result<(), DbFault> {
    let column = |of: fn(&RollupRow) -> i64| -> Vec<i64> {
        changed.iter().map(|(_, sums)| of(sums)).collect()
    };
    let (hours, operations): (Vec<i64>, Vec<i64>) = changed.iter().map(|(place, _)| *place).unzip();
    // A list of lists is taken apart into numbers; as texts they stay one for each row.
    let errors = changed.iter().map(|(_, sums)| {
        let errors = sums.errors.map(|count| count.cast_signed().to_string());
        format!("{{{}}}", errors.join(","))
    });
    let errors: Vec<String> = errors.collect();
    let sketches: Vec<Vec<u8>> = changed
        .iter()
        .map(|(_, sums)| sums.sketch.to_bytes())
        .collect();
    db.execute(
        "UPDATE rollups u SET calls = k.calls, errors = k.errors::bigint[], latency_sum_us = k.latency_sum_us,
                latency_min_us = k.latency_min_us, latency_max_us = k.latency_max_us, bytes_in = k.bytes_in,
                bytes_out = k.bytes_out, sketch = k.sketch
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::bytea[])
              AS k (hour, operation, calls, errors, latency_sum_us, latency_min_us, latency_max_us, bytes_in,
                    bytes_out, sketch)
         WHERE u.hour = k.hour AND u.operation = k.operation",
        &[
            &hours,
            &operations,
            &column(|it| it.calls.cast_signed()),
            &errors,
            &column(|it| it.latency_sum_us),
            &column(|it| it.latency_min_us),
            &column(|it| it.latency_max_us),
            &column(|it| it.bytes_in),
            &column(|it| it.bytes_out),
            &sketches,
        ],
    )
    .map(drop)
}

const TYPES: [Type; 10] = [
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8_ARRAY,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::BYTEA,
];

fn row_of(place: SumPlace, sums: &RollupRow) -> Vec<Cell> {
    let (hour, operation) = place;
    let errors = sums.errors.map(u64::cast_signed).to_vec();
    vec![
        cell(hour),
        cell(operation),
        cell(sums.calls.cast_signed()),
        cell(errors),
        cell(sums.latency_sum_us),
        cell(sums.latency_min_us),
        cell(sums.latency_max_us),
        cell(sums.bytes_in),
        cell(sums.bytes_out),
        cell(sums.sketch.to_bytes()),
    ]
}

/// Reads the columns of [`COLUMNS`], from one on.
pub(crate) fn fill(sums: &mut RollupRow, row: &Row, at: usize) -> Result<(), DbFault> {
    sums.calls = row.try_get::<_, i64>(at)?.cast_unsigned();
    // An array, so that a new kind of error needs no new column.
    let errors: Vec<i64> = row.try_get(at + 1)?;
    if errors.len() > ErrorKind::ALL.len() {
        return Err(DbFault::damaged(
            "an hourly sum has more kinds of errors than there are",
        ));
    }
    // A version that knew fewer kinds wrote fewer.
    for (mine, stored) in sums.errors.iter_mut().zip(errors) {
        *mine = stored.cast_unsigned();
    }
    sums.latency_sum_us = row.try_get(at + 2)?;
    sums.latency_min_us = row.try_get(at + 3)?;
    sums.latency_max_us = row.try_get(at + 4)?;
    sums.bytes_in = row.try_get(at + 5)?;
    sums.bytes_out = row.try_get(at + 6)?;
    let sketch = Sketch::from_bytes(row.try_get(at + 7)?);
    sums.sketch =
        sketch.ok_or_else(|| DbFault::damaged("the sketch of an hourly sum does not decode"))?;
    Ok(())
}
