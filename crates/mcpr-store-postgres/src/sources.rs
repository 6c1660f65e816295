//! How far each source of a recorder has come, and what was met in it.

use crate::db::Db;
use crate::errors::DbFault;
use crate::values::{identity, string, text, unsigned};
use mcpr_model::{Checkpoint, Counts, FileIdentity, Fingerprint, SourceProgress};
use mcpr_store::query::SourceRow;
use postgres::Row;
use std::collections::BTreeMap;

/// Sequences that no machine writes: how far another store was carried over into this one, and this
/// one was sent to a target. Whoever goes on with it does so where it stands, whatever he is called.
pub(crate) const NOBODY: i64 = 0;

fn stored(counts: &Counts) -> Vec<i64> {
    counts.to_numbers().map(u64::cast_signed).to_vec()
}

fn counts_of(stored: &[i64]) -> Counts {
    let numbers: Vec<u64> = stored.iter().map(|number| number.cast_unsigned()).collect();
    Counts::from_numbers(&numbers)
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
    let owner = if checkpoint.is_of_file() {
        recorder
    } else {
        NOBODY
    };
    db.execute(
        "INSERT INTO checkpoints (recorder, device, inode, path, head_len, head_hash, marker_len, marker_hash, place,
                                  seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (recorder, device, inode) DO UPDATE SET path = excluded.path, head_len = excluded.head_len,
             head_hash = excluded.head_hash, marker_len = excluded.marker_len,
             marker_hash = excluded.marker_hash, place = excluded.place, seen_at = excluded.seen_at",
        &[
            &owner,
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

/// The checkpoints after one, by path and identity, at most so many: of one recorder with those of nobody, or of all.
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
         WHERE ($1::bigint IS NULL OR recorder IN ($1, {NOBODY}))
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
