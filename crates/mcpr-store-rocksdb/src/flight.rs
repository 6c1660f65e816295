//! Requests in flight: a few records, nearly always none.

use crate::columns::Column;
use crate::engine::Engine;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::sessions;
use crate::txn::Txn;
use crate::view::View;
use mcpr_model::{Batch, OpenRequest, Request};
use mcpr_store::StoreError;
use mcpr_store::files::lease;
use mcpr_store::query::{Filter, Flight, MAX_OPEN_REQUESTS, OpenRow, Order, SessionKey};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// The sort of these records in [`Column::Flight`].
const OPEN: u8 = b'o';

/// A request in flight as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredOpen {
    writer: i64,
    /// When it was reported, unix milliseconds.
    seen_at: i64,
    open: OpenRequest,
}

fn key_of(hash: u64) -> Key {
    Key::of(OPEN).unsigned(hash)
}

fn each(
    view: &View<'_>,
    take: &mut dyn FnMut(u64, StoredOpen) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    view.walk_under(
        Column::Flight,
        Key::of(OPEN),
        Order::Ascending,
        &mut |key, bytes| {
            let hash = KeyParts(&key[1..]).unsigned();
            let hash = hash.ok_or_else(|| damaged("a request in flight does not decode"))?;
            take(hash, crate::codec::unseal_json(key, bytes)?)?;
            Ok(true)
        },
    )
}

/// What is in flight, and whose it is.
pub(crate) fn open(view: &View<'_>) -> Result<FxHashMap<u64, i64>, StoreError> {
    let mut open = FxHashMap::default();
    each(view, &mut |hash, it| {
        open.insert(hash, it.writer);
        Ok(())
    })?;
    Ok(open)
}

/// A request is over: its row is stored in the same batch, or there will be none.
pub(crate) fn ended(txn: &mut Txn<'_>, hash: u64) {
    if txn.open.remove(&hash).is_some() {
        let column = txn.view.column(Column::Flight);
        txn.batch.delete_cf(column, key_of(hash));
    }
}

/// Takes a request in flight, as far as its writer has room for one more.
pub(crate) fn put(txn: &mut Txn<'_>, batch: &Batch, open: &OpenRequest) -> Result<(), StoreError> {
    let hash = open.request.key.hash;
    let writer = batch.writer;
    // There are a thousand at most, and mostly none.
    let own = txn.open.values().filter(|of| **of == writer).count();
    // One that is there already may be reported anew: that takes no more room.
    if own >= MAX_OPEN_REQUESTS && txn.open.get(&hash) != Some(&writer) {
        return Ok(());
    }
    txn.open.insert(hash, writer);
    let (seen_at, open) = (batch.now, open.clone());
    put_stored(
        txn,
        hash,
        &StoredOpen {
            writer,
            seen_at,
            open,
        },
    )
}

fn put_stored(txn: &mut Txn<'_>, hash: u64, stored: &StoredOpen) -> Result<(), StoreError> {
    let key = key_of(hash);
    let record = crate::codec::seal_json(key.as_ref(), stored)?;
    let column = txn.view.column(Column::Flight);
    txn.batch.put_cf(column, key, record);
    Ok(())
}

/// What is in flight, in order of time.
pub(crate) fn listed(
    engine: &Engine,
    view: &View<'_>,
    filter: &Filter,
) -> Result<Vec<OpenRow>, StoreError> {
    let mut listed = Vec::new();
    let mut gone: FxHashMap<i64, bool> = FxHashMap::default();
    each(view, &mut |_, StoredOpen { writer, open, .. }| {
        // What is over is not a request in flight: it only waits for more to be reported.
        if open.is_over {
            return Ok(());
        }
        let is_gone = *gone
            .entry(writer)
            // Asked once for each writer: a look at a lock is a call of the system.
            .or_insert_with(|| lease::is_gone(&engine.lock_path(), writer));
        let flight = if is_gone {
            Flight::Unknown
        } else {
            Flight::Pending
        };
        let mut found = OpenRow::of_request(&open.request, flight);
        if found.row.client_name.is_none()
            // Who called is known from the session, as of a row.
            && let Some(id) = &open.request.session_id
        {
            let key = SessionKey {
                proxy: open.request.proxy.to_string(),
                id: id.to_string(),
            };
            let number = sessions::number_of_key(view, &key)?;
            let session = number.map(|number| sessions::by_number(view, number));
            if let Some(session) = session.transpose()?.flatten() {
                found.row.client_name = session.client_name;
                found.row.client_version = session.client_version;
            }
        }
        listed.push(found);
        Ok(())
    })?;
    Ok(OpenRow::listed(listed, filter))
}

/// The requests in flight of writers that are gone, but for those that are read again, which are removed. Each has the
/// time for which it is known to have waited.
pub(crate) fn abandoned(txn: &mut Txn<'_>, engine: &Engine) -> Result<Vec<Request>, StoreError> {
    let (mut left, mut resumed) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    each(&txn.view, &mut |hash, it| {
        found.push((hash, it));
        Ok(())
    })?;
    for (hash, StoredOpen { writer, open, .. }) in found {
        if !lease::is_gone(&engine.lock_path(), writer) {
            continue;
        }
        // Its source is read again and reports it itself.
        if open.resumes {
            resumed.push(hash);
            continue;
        }
        left.push(open.abandoned());
    }
    for hash in resumed {
        ended(txn, hash);
    }
    // In one order, whoever looks.
    left.sort_by_key(|request| (request.ts, request.key.hash));
    Ok(left)
}

/// Rewrites what is in flight; one that is not to stay is forgotten.
fn rewrite(
    txn: &mut Txn<'_>,
    change: &mut dyn FnMut(&mut OpenRequest) -> bool,
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    each(&txn.view, &mut |hash, it| {
        found.push((hash, it));
        Ok(())
    })?;
    // First read and then written: a walk must not go over what is changed under it.
    for (hash, mut stored) in found {
        let before = stored.open.clone();
        if !change(&mut stored.open) {
            ended(txn, hash);
        } else if stored.open != before {
            put_stored(txn, hash, &stored)?;
        }
    }
    Ok(())
}

/// Forgets what is in flight in a session.
pub(crate) fn forget_session(txn: &mut Txn<'_>, key: &SessionKey) -> Result<(), StoreError> {
    rewrite(txn, &mut |open| {
        let request = &open.request;
        *request.proxy != *key.proxy || request.session_id.as_deref() != Some(key.id.as_str())
    })
}

/// Gives what is in flight to another name.
pub(crate) fn rename(txn: &mut Txn<'_>, old: &str, new: &str) -> Result<(), StoreError> {
    rewrite(txn, &mut |open| {
        if *open.request.proxy == *old {
            open.request.proxy = new.into();
        }
        true
    })
}
