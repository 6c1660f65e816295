//! How far each source has come, and what was met in it.

use crate::columns::Column;
use crate::keys::Key;
use crate::view::View;
use mcpr_model::{Checkpoint, Counts, FileIdentity, SourceProgress};
use mcpr_store::StoreError;
use mcpr_store::query::{Order, SourceRow};
use rocksdb::WriteBatch;
use serde::{Deserialize, Serialize};

/// The sorts of records in [`Column::Checkpoints`]: in the order of paths, and the path of a file.
const BY_PATH: u8 = b'p';
const BY_FILE: u8 = b'f';

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Source {
    counts: Counts,
    last_at: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptCheckpoint {
    pub(crate) checkpoint: Checkpoint,
    /// When its file last moved on, unix milliseconds.
    pub(crate) seen_at: i64,
}

fn path_key(of: &Checkpoint) -> Key {
    let FileIdentity { device, inode } = of.identity;
    Key::of(BY_PATH)
        .text(&of.path)
        .unsigned(device)
        .unsigned(inode)
}

// A file is known by device and inode, so that its place is kept through renames and rotation.
fn file_key(of: FileIdentity) -> Key {
    Key::of(BY_FILE).unsigned(of.device).unsigned(of.inode)
}

fn source_key(name: &str) -> Key {
    Key::new().text(name)
}

/// Adds what a batch brought of its sources.
pub(crate) fn write(
    view: &View<'_>,
    batch: &mut WriteBatch,
    sources: &[SourceProgress],
    now: i64,
) -> Result<(), StoreError> {
    // Two of a batch may go by one name: a file, and the one that took its place.
    let mut seen: Vec<(Key, Source)> = Vec::new();
    for progress in sources {
        if let Some(checkpoint) = &progress.checkpoint {
            put_checkpoint(view, batch, checkpoint, now)?;
        }
        let key = source_key(&progress.name);
        let of_batch = seen.iter().position(|(known, _)| *known == key);
        let at = if let Some(at) = of_batch {
            at
        } else {
            let stored = view.get_json::<Source>(Column::Sources, &key)?;
            let counts = stored.map_or_else(Counts::default, |it| it.counts);
            let last_at = now;
            seen.push((key, Source { counts, last_at }));
            seen.len() - 1
        };
        seen[at].1.counts.add(&progress.counts);
    }
    for (key, source) in seen {
        batch.put_cf(
            view.column(Column::Sources),
            &key,
            crate::codec::seal_json(key.as_ref(), &source)?,
        );
    }
    Ok(())
}

fn put_checkpoint(
    view: &View<'_>,
    batch: &mut WriteBatch,
    checkpoint: &Checkpoint,
    seen_at: i64,
) -> Result<(), StoreError> {
    let column = view.column(Column::Checkpoints);
    let (file, path) = (file_key(checkpoint.identity), path_key(checkpoint));
    // A file that was renamed has one checkpoint all the same.
    let before = view.get_json::<Checkpoint>(Column::Checkpoints, &file)?;
    if let Some(before) = before
        .map(|it| path_key(&it))
        .filter(|before| *before != path)
    {
        // Its old path would be taken for a second file with the same place.
        batch.delete_cf(column, before);
    }
    let kept = KeptCheckpoint {
        checkpoint: checkpoint.clone(),
        seen_at,
    };
    batch.put_cf(
        column,
        &file,
        crate::codec::seal_json(file.as_ref(), checkpoint)?,
    );
    batch.put_cf(
        column,
        &path,
        crate::codec::seal_json(path.as_ref(), &kept)?,
    );
    Ok(())
}

/// Forgets where a file stood.
pub(crate) fn forget(view: &View<'_>, batch: &mut WriteBatch, of: &Checkpoint) {
    let column = view.column(Column::Checkpoints);
    batch.delete_cf(column, path_key(of));
    batch.delete_cf(column, file_key(of.identity));
}

/// The checkpoints after one, by path and identity, at most so many.
pub(crate) fn checkpoints(
    view: &View<'_>,
    after: Option<&Checkpoint>,
    limit: usize,
) -> Result<Vec<KeptCheckpoint>, StoreError> {
    let (first, end) = Key::of(BY_PATH).all();
    let from = after.map_or(first, |after| path_key(after).next());
    let mut found = Vec::new();
    view.walk(
        Column::Checkpoints,
        (from, end),
        Order::Ascending,
        &mut |key, bytes| {
            if found.len() < limit {
                found.push(crate::codec::unseal_json(key, bytes)?);
            }
            Ok(found.len() < limit)
        },
    )?;
    Ok(found)
}

/// The sources after one of a name, by name, at most so many.
pub(crate) fn listed(
    view: &View<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<SourceRow>, StoreError> {
    let from = after.map_or_else(Key::new, |after| source_key(after).next());
    let mut found = Vec::new();
    view.walk(
        Column::Sources,
        (from, Key::new().end()),
        Order::Ascending,
        &mut |key, bytes| {
            if found.len() < limit {
                let source: Source = crate::codec::unseal_json(key, bytes)?;
                let name = crate::keys::KeyParts(key).text();
                let name = name.ok_or_else(|| {
                    crate::errors::damaged("the name of a source does not decode")
                })?;
                let Source { counts, last_at } = source;
                found.push(SourceRow {
                    name,
                    counts,
                    last_at,
                });
            }
            Ok(found.len() < limit)
        },
    )?;
    Ok(found)
}

/// Removes a source.
pub(crate) fn remove(view: &View<'_>, batch: &mut WriteBatch, name: &str) {
    batch.delete_cf(view.column(Column::Sources), source_key(name));
}
