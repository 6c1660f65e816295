//! What taps know of the servers that they run: a record a session.

use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::sessions;
use crate::txn::Txn;
use crate::view::{KeyRange, View};
use mcpr_model::{Batch, Event, OutputTail, ServerRun};
use mcpr_store::StoreError;
use mcpr_store::query::{Order, Pattern, SessionKey};

/// The sorts of records in [`Column::Flight`]: by session, by the time of the last news of those that have something to
/// show, and by the end of those that died.
const RUN: u8 = b'r';
const REPORTED: u8 = b't';
const DIED: u8 = b'd';

fn key_of(session: u64) -> Key {
    Key::of(RUN).unsigned(session)
}

fn has_output(run: &ServerRun) -> bool {
    let has_text = |tail: &Option<OutputTail>| tail.as_ref().is_some_and(|it| !it.text.is_empty());
    has_text(&run.stderr) || has_text(&run.stray)
}

fn index_keys(session: u64, run: &ServerRun) -> Vec<Key> {
    let key = |sort, at| {
        let key = Key::of(sort).signed(at).text(&run.session_id);
        key.unsigned(session)
    };
    let listed = (run.is_death || has_output(run)).then(|| key(REPORTED, run.ts));
    let died = run.ended_at().filter(|_| run.is_death);
    listed
        .into_iter()
        .chain(died.map(|at| key(DIED, at)))
        .collect()
}

/// What is known of the server of a session that has a number.
fn by_number(view: &View<'_>, session: u64) -> Result<Option<ServerRun>, StoreError> {
    let Some(mut run) = view.get_json::<ServerRun>(Column::Flight, &key_of(session))? else {
        return Ok(None);
    };
    // Its proxy may have another name since.
    if let Some(row) = sessions::by_number(view, session)? {
        run.proxy = row.proxy.into();
    }
    Ok(Some(run))
}

fn put(
    txn: &mut Txn<'_>,
    session: u64,
    before: Option<&ServerRun>,
    run: &ServerRun,
) -> Result<(), StoreError> {
    remove_keys(txn, session, before);
    let column = txn.view.column(Column::Flight);
    for key in index_keys(session, run) {
        txn.batch.put_cf(column, key, []);
    }
    let key = key_of(session);
    let record = crate::codec::seal_json(key.as_ref(), run)?;
    txn.batch.put_cf(column, key, record);
    Ok(())
}

fn remove_keys(txn: &mut Txn<'_>, session: u64, run: Option<&ServerRun>) {
    let column = txn.view.column(Column::Flight);
    for key in run.into_iter().flat_map(|run| index_keys(session, run)) {
        txn.batch.delete_cf(column, key);
    }
}

/// Adds what a batch says of servers, of those whose sessions there are: a session that was deleted is not brought back
/// by the end of its server.
pub(crate) fn take(txn: &mut Txn<'_>, batch: &Batch) -> Result<(), StoreError> {
    // What one batch says of a session several times is put together before it is written.
    let mut changed: Vec<(u64, Option<ServerRun>, ServerRun)> = Vec::new();
    for event in &batch.events {
        let Event::Server(statement) = event else {
            continue;
        };
        let number = txn
            .sessions
            .number(&txn.view, &statement.proxy, &statement.session_id)?;
        let Some(number) = number else { continue };
        let known = changed.iter().position(|(known, ..)| *known == number);
        let at = if let Some(at) = known {
            at
        } else {
            let stored = by_number(&txn.view, number)?;
            let run = stored.clone().unwrap_or_default();
            changed.push((number, stored, run));
            changed.len() - 1
        };
        let run = &mut changed[at].2;
        run.add((**statement).clone());
        // A run that nothing was reported about before has none yet.
        (run.proxy, run.session_id) = (statement.proxy.clone(), statement.session_id.clone());
    }
    for (number, stored, run) in changed {
        put(txn, number, stored.as_ref(), &run)?;
    }
    Ok(())
}

/// Forgets what is known of the server of a session.
pub(crate) fn forget(txn: &mut Txn<'_>, session: u64) -> Result<(), StoreError> {
    if let Some(run) = by_number(&txn.view, session)? {
        remove_keys(txn, session, Some(&run));
        let column = txn.view.column(Column::Flight);
        txn.batch.delete_cf(column, key_of(session));
    }
    Ok(())
}

/// Gives what is known of the server of a session to the one that it became, where nothing is known of its own.
pub(crate) fn give(txn: &mut Txn<'_>, from: u64, to: u64) -> Result<(), StoreError> {
    let Some(run) = by_number(&txn.view, from)? else {
        return Ok(());
    };
    // In any case: the session is gone whose number it has.
    forget(txn, from)?;
    if by_number(&txn.view, to)?.is_none() {
        put(txn, to, None, &run)?;
    }
    Ok(())
}

/// What is known of the server of a session.
pub(crate) fn of_session(
    view: &View<'_>,
    key: &SessionKey,
) -> Result<Option<ServerRun>, StoreError> {
    match sessions::number_of_key(view, key)? {
        Some(number) => by_number(view, number),
        None => Ok(None),
    }
}

/// Shows runs of an index from its end on, while it is asked to go on.
fn each_back(
    view: &View<'_>,
    range: KeyRange,
    take: &mut dyn FnMut(ServerRun) -> bool,
) -> Result<(), StoreError> {
    view.walk(Column::Flight, range, Order::Descending, &mut |key, _| {
        let number = key
            .len()
            .checked_sub(8)
            .and_then(|at| KeyParts(&key[at..]).unsigned());
        let number = number.ok_or_else(|| damaged("a server does not decode"))?;
        let run = by_number(view, number)?;
        Ok(take(run.ok_or_else(|| {
            damaged("a server is gone that is listed")
        })?))
    })
}

/// The servers that died in a window, in order of that: so many of the newest.
pub(crate) fn died(
    view: &View<'_>,
    since: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<ServerRun>, StoreError> {
    let range = (Key::of(DIED).signed(since), Key::of(DIED).signed(until));
    let mut found = Vec::new();
    each_back(view, range, &mut |run| {
        // Nobody asked for what it wrote, and it is long.
        if found.len() < limit {
            found.push(ServerRun { stray: None, ..run });
        }
        found.len() < limit
    })?;
    // The newest are found first, and are shown last.
    found.reverse();
    Ok(found)
}

/// What servers wrote that is kept, and the ends of those that died: so many of which something was reported last.
pub(crate) fn outputs(
    view: &View<'_>,
    proxy: Option<&Pattern>,
    limit: usize,
) -> Result<Vec<ServerRun>, StoreError> {
    let mut found = Vec::new();
    each_back(view, Key::of(REPORTED).all(), &mut |run| {
        if found.len() < limit && proxy.is_none_or(|proxy| proxy.matches(&run.proxy)) {
            found.push(run);
        }
        found.len() < limit
    })?;
    found.reverse();
    Ok(found)
}

/// Removes what servers wrote before a time: it goes as payloads go.
pub(crate) fn forget_outputs(
    txn: &mut Txn<'_>,
    before: i64,
    means: &dyn Fn(&str) -> bool,
) -> Result<(), StoreError> {
    let mut old = Vec::new();
    let range = (Key::of(REPORTED), Key::of(REPORTED).signed(before));
    txn.view
        .walk(Column::Flight, range, Order::Ascending, &mut |key, _| {
            let number = key
                .len()
                .checked_sub(8)
                .and_then(|at| KeyParts(&key[at..]).unsigned());
            old.extend(number);
            Ok(true)
        })?;
    // After the walk: the same keys are written anew.
    for number in old {
        let Some(run) =
            by_number(&txn.view, number)?.filter(|run| means(&run.proxy) && has_output(run))
        else {
            continue;
        };
        let mut silent = run.clone();
        for tail in [&mut silent.stderr, &mut silent.stray]
            .into_iter()
            .flatten()
        {
            // How much it was stays known.
            tail.text = "".into();
        }
        put(txn, number, Some(&run), &silent)?;
    }
    Ok(())
}
