//! Versions of lists as rows, and their texts, each distinct one once.

use crate::packing::{pack, unpack};
use crate::seal;
use mcpr_model::SurfaceUpdate;
use mcpr_surface::canonical::sha256_hex;
use mcpr_surface::capture::{
    KnownVersion, Latest, MAX_VERSIONS, NewVersion, is_announced, is_flapping, last_seen_of,
    negotiated, upstream_of,
};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// Longest text that is read back. A list is no longer than what waits of it and one line more.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// The text of a version: a frame that comes to so many bytes, or in an older layout the text itself.
pub(super) fn text(row: &Row<'_>, column: usize, bytes: usize) -> rusqlite::Result<String> {
    match row.get_ref(column)? {
        ValueRef::Blob(frame) => {
            // The row says how long it is; what a damaged one says must not take the memory.
            let most = row.get::<_, usize>(bytes)?.min(MAX_TEXT_BYTES);
            unpack(frame, most)
        }
        _ => row.get(column),
    }
}

/// The version that was seen last, with its number in the store.
pub(super) fn latest(
    tx: &Transaction<'_>,
    proxy: i64,
    method: &str,
) -> rusqlite::Result<Option<(i64, Latest)>> {
    tx.prepare_cached(
        "SELECT s.id, (SELECT max(version) FROM surfaces WHERE proxy = ?1 AND method = ?2),
                s.sha256, s.last_seen
         FROM surfaces s
         WHERE s.id = (SELECT id FROM surfaces WHERE proxy = ?1 AND method = ?2
                       ORDER BY last_seen DESC, version DESC LIMIT 1)",
    )?
    .query_row(params![proxy, method], |row| {
        let latest = Latest {
            // The highest number, which need not be that of the version seen last: the next one
            // counts on from it.
            version: row.get(1)?,
            sha256: row.get(2)?,
            last_seen_at: row.get(3)?,
        };
        Ok((row.get(0)?, latest))
    })
    .optional()
}

/// The text of a version.
pub(crate) fn text_of(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<String> {
    tx.prepare_cached(
        "SELECT x.text, x.bytes FROM surfaces s JOIN surface_texts x ON x.id = s.text
         WHERE s.id = ?1",
    )?
    .query_row([id], |row| text(row, 0, 1))
}

/// Of a list that came back once too often, the version that is seen once more.
pub(super) fn flapping(
    tx: &Transaction<'_>,
    proxy: i64,
    method: &str,
    sha256: &str,
) -> rusqlite::Result<Option<i64>> {
    // Not by their ids: versions of two names of a proxy may have been put together. With `+` they are found by
    // the hash and then sorted; the index that has them sorted goes through all versions of the list.
    let versions: Vec<i64> = tx
        .prepare_cached(
            "SELECT id FROM surfaces WHERE proxy = ?1 AND method = ?2 AND sha256 = ?3
             ORDER BY +version",
        )?
        .query_map(params![proxy, method, sha256], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let newest = versions.last().copied();
    Ok(newest.filter(|_| is_flapping(versions.len())))
}

/// A version that has a text, with its number in the store.
pub(super) struct StoredVersion {
    pub(super) id: i64,
    pub(super) known: KnownVersion,
    pub(super) last_seen_at: i64,
}

/// The versions of a list whose canonical form has a hash, by their numbers.
pub(super) fn of_text(
    tx: &Transaction<'_>,
    proxy: i64,
    method: &str,
    sha256: &str,
) -> rusqlite::Result<Vec<StoredVersion>> {
    tx.prepare_cached(
        "SELECT id, version, first_seen, last_seen FROM surfaces
         WHERE proxy = ?1 AND method = ?2 AND sha256 = ?3 ORDER BY +version",
    )?
    .query_map(params![proxy, method, sha256], |row| {
        Ok(StoredVersion {
            id: row.get(0)?,
            known: KnownVersion {
                version: row.get(1)?,
                first_seen_at: row.get(2)?,
            },
            last_seen_at: row.get(3)?,
        })
    })?
    .collect()
}

/// A number for a version: the one that is wished for, unless another version of the list has it.
pub(super) fn free_number(
    tx: &Transaction<'_>,
    proxy: i64,
    method: &str,
    wished: i64,
) -> rusqlite::Result<i64> {
    tx.prepare_cached(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM surfaces
                                  WHERE proxy = ?1 AND method = ?2 AND version = ?3)
                THEN (SELECT max(version) + 1 FROM surfaces WHERE proxy = ?1 AND method = ?2)
                ELSE ?3 END",
    )?
    .query_row(params![proxy, method, wished], |row| row.get(0))
}

/// Stores a version, and lets those go that are too many.
pub(super) fn insert(
    tx: &Transaction<'_>,
    proxy: i64,
    update: &SurfaceUpdate,
    new: &NewVersion,
    last_seq: i64,
    before: Option<&Latest>,
) -> rusqlite::Result<i64> {
    let announced_at: Option<i64> = tx
        .prepare_cached("SELECT ts FROM surface_announcements WHERE proxy = ?1 AND method = ?2")?
        .query_row(params![proxy, update.method.as_str()], |row| row.get(0))
        .optional()?;
    // The text first, for its row is referred to.
    let text = text_number(tx, proxy, update, new)?;
    tx.prepare_cached(
        "INSERT INTO surfaces (proxy, method, version, sha256, text, first_seen, last_seen, seq,
                               session_id, client_name, upstream, announced, peculiar, protocol)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                 ?12, ?13, ?14)",
    )?
    .execute(params![
        proxy,
        update.method.as_str(),
        new.version,
        new.sha256,
        text,
        update.ts,
        last_seen_of(update),
        last_seq,
        update.session_id.as_deref(),
        update.client_name.as_deref(),
        upstream_of(update),
        is_announced(before, announced_at, update),
        new.peculiar.join("\n"),
        negotiated(update),
    ])?;
    // Before its changes go in, whose rows have numbers of their own.
    let surface = tx.last_insert_rowid();
    // A whole list says more than what was seen of it before.
    tx.prepare_cached("DELETE FROM surface_items WHERE proxy = ?1 AND method = ?2")?
        .execute(params![proxy, update.method.as_str()])?;
    let mut statement = tx.prepare_cached(
        "INSERT INTO surface_changes (surface, change, item) VALUES (?1, ?2, ?3)",
    )?;
    for (change, item) in &new.changes {
        statement.execute(params![surface, change, item])?;
    }
    seal::renew(tx, "surface_changes", "surface = ?1", [surface])?;
    seal::renew(tx, "surfaces", "id = ?1", [surface])?;
    // Versions are numbered from 1 on, so that there are no more of them than that.
    if usize::try_from(new.version).is_ok_and(|version| version > MAX_VERSIONS) {
        trim(tx, proxy, &update.method)?;
    }
    Ok(surface)
}

/// The number of a version's text: that of another version of the list which is the same but for its
/// spelling, or of any version that has this very text, or a new one.
fn text_number(
    tx: &Transaction<'_>,
    proxy: i64,
    update: &SurfaceUpdate,
    new: &NewVersion,
) -> rusqlite::Result<i64> {
    let of_list: Option<i64> = tx
        .prepare_cached(
            "SELECT text FROM surfaces WHERE proxy = ?1 AND method = ?2 AND sha256 = ?3
             ORDER BY +version LIMIT 1",
        )?
        .query_row(params![proxy, update.method.as_str(), new.sha256], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(known) = of_list {
        return Ok(known);
    }
    // Not the hash of the list, which is over its canonical form: here the very bytes count.
    let sha256 = sha256_hex(new.payload.as_bytes());
    let of_any: Option<i64> = tx
        .prepare_cached("SELECT id FROM surface_texts WHERE sha256 = ?1")?
        .query_row([&sha256], |row| row.get(0))
        .optional()?;
    if let Some(known) = of_any {
        return Ok(known);
    }
    let frame = pack(new.payload.as_bytes())?;
    let id = tx
        .prepare_cached("INSERT INTO surface_texts (sha256, bytes, text) VALUES (?1, ?2, ?3)")?
        .insert(params![sha256, new.payload.len(), frame])?;
    seal::renew(tx, "surface_texts", "id = ?1", [id])?;
    Ok(id)
}

/// Removes the versions of a list that are too many, those seen longest ago.
pub(crate) fn trim(tx: &Transaction<'_>, proxy: i64, method: &str) -> rusqlite::Result<()> {
    let old: Vec<i64> = tx
        .prepare_cached(
            "SELECT id FROM surfaces WHERE proxy = ?1 AND method = ?2
             ORDER BY last_seen DESC, version DESC LIMIT -1 OFFSET ?3",
        )?
        .query_map(params![proxy, method, MAX_VERSIONS], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    old.into_iter().try_for_each(|id| remove_version(tx, id))
}

/// Removes a version with what it brought, and its text unless another version has it too.
pub(crate) fn remove_version(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    let text: Option<i64> = tx
        .prepare_cached("SELECT text FROM surfaces WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten();
    for sql in [
        "DELETE FROM surface_changes WHERE surface = ?1",
        "DELETE FROM surfaces WHERE id = ?1",
    ] {
        tx.prepare_cached(sql)?.execute([id])?;
    }
    // Last, for the version referred to it.
    if let Some(text) = text {
        tx.prepare_cached(
            "DELETE FROM surface_texts WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM surfaces WHERE text = ?1)",
        )?
        .execute([text])?;
    }
    Ok(())
}
