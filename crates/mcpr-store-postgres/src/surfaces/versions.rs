//! Versions of lists as rows, and their texts, each distinct one once.

use super::{ListWriter, encoded, method_bytes};
use crate::db::Db;
use crate::errors::DbFault;
use crate::store_row::StoreRow;
use crate::values::{bytes, optional_bytes, optional_string, pack, string, unpack};
use mcpr_model::SurfaceUpdate;
use mcpr_surface::canonical::sha256_hex;
use mcpr_surface::capture::{NewVersion, last_seen_of, negotiated, upstream_of};
use postgres::Row;

/// Longest text that is read back. A list is no longer than what waits of it and one line more.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// A version, without its text.
#[derive(Debug, Clone)]
pub(crate) struct VersionRow {
    pub(crate) id: i64,
    pub(crate) number: i64,
    pub(crate) sha256: String,
    /// The number of its text.
    pub(crate) content: i64,
    pub(crate) first_seen_at: i64,
    pub(crate) last_seen_at: i64,
    pub(crate) protocol: Option<String>,
    /// Whether it was seen again since it was read.
    pub(super) is_changed: bool,
}

impl VersionRow {
    pub(super) fn new(id: i64, content: i64, update: &SurfaceUpdate, new: &NewVersion) -> Self {
        Self {
            id,
            number: new.version,
            sha256: new.sha256.clone(),
            content,
            first_seen_at: update.ts,
            last_seen_at: last_seen_of(update),
            protocol: negotiated(update),
            is_changed: false,
        }
    }

    fn of_row(row: &Row) -> Result<Self, DbFault> {
        Ok(Self {
            id: row.try_get(0)?,
            number: row.try_get(1)?,
            sha256: string(row, 2)?,
            content: row.try_get(3)?,
            first_seen_at: row.try_get(4)?,
            last_seen_at: row.try_get(5)?,
            protocol: optional_string(row, 6)?,
            is_changed: false,
        })
    }
}

/// The versions of a list, by their numbers.
pub(crate) fn of_list(db: &mut Db, proxy: i64, method: &str) -> Result<Vec<VersionRow>, DbFault> {
    let rows = db.rows(
        "SELECT id, version, sha256, content, first_seen_at, last_seen_at, protocol FROM surfaces
         WHERE proxy = $1 AND method = $2 ORDER BY version",
        &[&proxy, &method.as_bytes()],
    )?;
    rows.iter().map(VersionRow::of_row).collect()
}

/// The number of a text, which is stored if it is new.
pub(super) fn content(db: &mut Db, row: &mut StoreRow, text: &str) -> Result<i64, DbFault> {
    // Not the hash of the list, which is over its canonical form: here the very bytes count.
    let sha256 = bytes(&sha256_hex(text.as_bytes()));
    let known = db.row("SELECT id FROM surface_texts WHERE sha256 = $1", &[&sha256])?;
    if let Some(known) = known {
        return Ok(known.try_get(0)?);
    }
    let id = row.next_id();
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    db.execute(
        "INSERT INTO surface_texts (id, sha256, bytes, content) VALUES ($1, $2, $3, $4)",
        &[&id, &sha256, &length, &pack(text)?],
    )?;
    Ok(id)
}

/// A text by its number.
pub(crate) fn text_of(db: &mut Db, content: i64) -> Result<String, DbFault> {
    let sql = "SELECT content, bytes FROM surface_texts WHERE id = $1";
    let row = db.row(sql, &[&content])?;
    let row = row.ok_or_else(|| DbFault::damaged("the text of a list is gone"))?;
    unpacked(row.try_get(0)?, row.try_get(1)?)
}

/// A text from its frame, which says how long it is; what a damaged one says must not take the memory.
pub(crate) fn unpacked(frame: &[u8], length: i64) -> Result<String, DbFault> {
    let most = usize::try_from(length).unwrap_or(0).min(MAX_TEXT_BYTES);
    unpack(frame, most)
}

/// Stores a version.
pub(super) fn insert(
    to: &mut ListWriter<'_>,
    update: &SurfaceUpdate,
    new: &NewVersion,
    version: &VersionRow,
    announced: bool,
) -> Result<(), DbFault> {
    to.db
        .execute(
            "INSERT INTO surfaces (id, proxy, method, version, content, first_seen_at, last_seen_at, seq, announced,
                                   sha256, session_id, client_name, upstream, protocol, peculiar, changes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            &[
                &version.id,
                &to.proxy,
                &method_bytes(update),
                &version.number,
                &version.content,
                &version.first_seen_at,
                &version.last_seen_at,
                &to.row.last_seq,
                &announced,
                &bytes(&version.sha256),
                &optional_bytes(update.session_id.as_deref()),
                &optional_bytes(update.client_name.as_deref()),
                &optional_bytes(upstream_of(update)),
                &optional_bytes(version.protocol.as_deref()),
                &encoded(&new.peculiar)?,
                &encoded(&new.changes)?,
            ],
        )
        .map(drop)
}

/// Writes when a version was last seen.
pub(super) fn write_seen(db: &mut Db, version: &VersionRow) -> Result<(), DbFault> {
    let protocol = optional_bytes(version.protocol.as_deref());
    db.execute(
        "UPDATE surfaces SET last_seen_at = $2, protocol = $3 WHERE id = $1",
        &[&version.id, &version.last_seen_at, &protocol],
    )
    .map(drop)
}

/// Removes versions, and their texts unless another version has them, too.
pub(crate) fn remove(db: &mut Db, ids: &[i64]) -> Result<(), DbFault> {
    let rows = db.rows("SELECT content FROM surfaces WHERE id = ANY($1)", &[&ids])?;
    let contents: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    db.execute("DELETE FROM surfaces WHERE id = ANY($1)", &[&ids])?;
    // Afterwards, when the versions that had them are gone.
    db.execute(
        "DELETE FROM surface_texts t WHERE t.id = ANY($1)
         AND NOT EXISTS (SELECT 1 FROM surfaces s WHERE s.content = t.id)",
        &[&contents],
    )
    .map(drop)
}
