//! How far each source of a recorder has come, and what was met in it.

use crate::db::Db;
use crate::errors::DbFault;
use crate::values::{identity, string, text, unsigned};
use mcpr_model::{Checkpoint, Counts, FileIdentity, Fingerprint, FormatSet, SourceProgress};
use mcpr_store::query::SourceRow;
use postgres::Row;
use std::collections::BTreeMap;

/// Counts in the order in which they are stored.
fn stored(counts: &Counts) -> Vec<i64> {
    let numbers = [
        counts.lines,
        counts.events,
        counts.text,
        counts.bad,
        counts.unknown,
        counts.filtered,
        counts.dropped,
        counts.nul_bytes,
        counts.redacted,
        // Bits, and one of how many: both are put together, and not added up.
        counts.formats.bits(),
        u64::from(counts.sampled),
    ];
    numbers.map(u64::cast_signed).to_vec()
}

/// Counts from their stored form. What a version did not know yet is 0.
fn counts_of(stored: &[i64]) -> Counts {
    // By place: a later version adds numbers at the end.
    let at = |place: usize| stored.get(place).copied().unwrap_or(0).cast_unsigned();
    Counts {
        lines: at(0),
        events: at(1),
        text: at(2),
        bad: at(3),
        unknown: at(4),
        filtered: at(5),
        dropped: at(6),
        nul_bytes: at(7),
        redacted: at(8),
        formats: FormatSet::from_bits(at(9)),
        sampled: u32::try_from(at(10)).unwrap_or(u32::MAX),
    }
}

/// Adds what a batch brought of the sources of a recorder.
pub(crate) fn write(
    db: &mut Db,
    recorder: i64,
    sources: &[SourceProgress],
    now: i64,
) -> Result<(), DbFault> {
    // A batch has a few.
    for source in sources {
        if let Some(checkpoint) = &source.checkpoint {
            write_checkpoint(db, recorder, checkpoint, now)?;
        }
        // A path may be longer than a key of an index.
        let key = identity(&[Some(source.name.as_bytes())]);
        let sql = "SELECT counts FROM sources WHERE recorder = $1 AND identity = $2";
        // Added up here and not in SQL: a count that is too large stays the largest.
        let mut counts = match db.row(sql, &[&recorder, &key])? {
            Some(row) => counts_of(&row.try_get::<_, Vec<i64>>(0)?),
            None => Counts::default(),
        };
        counts.add(&source.counts);
        db.execute(
            "INSERT INTO sources (recorder, identity, name, counts, last_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (recorder, identity)
             DO UPDATE SET counts = excluded.counts, last_at = excluded.last_at",
            &[
                &recorder,
                &key,
                &source.name.as_bytes(),
                &stored(&counts),
                &now,
            ],
        )?;
    }
    Ok(())
}

fn write_checkpoint(
    db: &mut Db,
    recorder: i64,
    checkpoint: &Checkpoint,
    now: i64,
) -> Result<(), DbFault> {
    db.execute(
        "INSERT INTO checkpoints (recorder, device, inode, path, head_len, head_hash, marker_len, marker_hash, place,
                                  seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (recorder, device, inode) DO UPDATE SET path = excluded.path, head_len = excluded.head_len,
             head_hash = excluded.head_hash, marker_len = excluded.marker_len,
             marker_hash = excluded.marker_hash, place = excluded.place, seen_at = excluded.seen_at",
        &[
            &recorder,
            &checkpoint.identity.device.cast_signed(),
            &checkpoint.identity.inode.cast_signed(),
            &checkpoint.path.as_bytes(),
            &checkpoint.head.len.cast_signed(),
            &checkpoint.head.hash.cast_signed(),
            &checkpoint.marker.len.cast_signed(),
            &checkpoint.marker.hash.cast_signed(),
            &checkpoint.offset.cast_signed(),
            &now,
        ],
    )
    .map(drop)
}

/// Each name once, with what all recorders met under it.
const BY_NAME: &str = "SELECT name, counts, last_at FROM sources
     WHERE name = ANY(SELECT DISTINCT name FROM sources WHERE $1::bytea IS NULL OR name > $1
                      ORDER BY name LIMIT $2)";

/// The sources after one of a name, by name, at most so many.
pub(crate) fn listed(
    db: &mut Db,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<SourceRow>, DbFault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // Two machines may have a source of one name: a person sees it once.
    let mut found: BTreeMap<String, SourceRow> = BTreeMap::new();
    for row in db.rows(BY_NAME, &[&after.map(str::as_bytes), &limit])? {
        let name = string(&row, 0)?;
        let counts = counts_of(&row.try_get::<_, Vec<i64>>(1)?);
        let last_at: i64 = row.try_get(2)?;
        let source = found.entry(name.clone()).or_insert_with(|| SourceRow {
            name,
            counts: Counts::default(),
            last_at,
        });
        source.counts.add(&counts);
        source.last_at = source.last_at.max(last_at);
    }
    Ok(found.into_values().collect())
}

/// What was met in all sources together.
pub(crate) fn total(db: &mut Db) -> Result<Counts, DbFault> {
    let mut total = Counts::default();
    db.each("SELECT counts FROM sources", &[], &mut |row| {
        total.add(&counts_of(&row.try_get::<_, Vec<i64>>(0)?));
        Ok(true)
    })?;
    Ok(total)
}

const COLUMNS: &str = "device, inode, path, head_len, head_hash, marker_len, marker_hash, place";

/// The checkpoints after one, by path and identity, at most so many: of one recorder, or of all.
pub(crate) fn checkpoints(
    db: &mut Db,
    recorder: Option<i64>,
    after: Option<&Checkpoint>,
    limit: usize,
) -> Result<Vec<Checkpoint>, DbFault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let path = after.map(|it| it.path.as_bytes());
    let device = after.map(|it| it.identity.device.cast_signed());
    let inode = after.map(|it| it.identity.inode.cast_signed());
    let sql = format!(
        "SELECT {COLUMNS} FROM checkpoints
         WHERE ($1::bigint IS NULL OR recorder = $1)
               AND ($2::bytea IS NULL OR (path, device, inode) > ($2, $3::bigint, $4::bigint))
         ORDER BY path, device, inode LIMIT $5"
    );
    let rows = db.rows(&sql, &[&recorder, &path, &device, &inode, &limit])?;
    rows.iter().map(checkpoint_of).collect()
}

fn checkpoint_of(row: &Row) -> Result<Checkpoint, DbFault> {
    Ok(Checkpoint {
        identity: FileIdentity {
            device: unsigned(row, 0)?,
            inode: unsigned(row, 1)?,
        },
        path: text(row, 2)?,
        head: Fingerprint {
            len: unsigned(row, 3)?,
            hash: unsigned(row, 4)?,
        },
        marker: Fingerprint {
            len: unsigned(row, 5)?,
            hash: unsigned(row, 6)?,
        },
        offset: unsigned(row, 7)?,
    })
}
