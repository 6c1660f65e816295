//! A proxy that gets another name. Requests stay as they are: what they name is renamed, and only those of sessions that
//! become one with another get its number.

use crate::rows;
use crate::txn::Txn;
use crate::{flight, names, runs, sessions, sums, surfaces};
use mcpr_store::query::SessionRow;
use mcpr_store::{Renamed, SessionSpan, StoreError, merge_sessions};
use std::collections::BTreeSet;

/// What is recorded under a name.
struct Recorded {
    requests: u64,
    is_known: bool,
}

fn recorded(txn: &Txn<'_>, proxy: &str) -> Result<Recorded, StoreError> {
    let view = &txn.view;
    let summed = sums::operations(view)?;
    let (mut requests, mut is_known) = (0, false);
    names::each_operation(view, &mut |number, it| {
        if it.proxy == proxy {
            requests += it.rows;
            is_known |= it.rows > 0 || summed.contains(&number);
        }
    })?;
    is_known |= !surfaces::lists_of(view, Some(proxy))?.is_empty();
    sessions::each(view, &mut |_, row| {
        is_known |= row.proxy == proxy;
        Ok(())
    })?;
    Ok(Recorded { requests, is_known })
}

pub(crate) fn proxy(
    txn: &mut Txn<'_>,
    old: &str,
    new: &str,
) -> Result<Option<Renamed>, StoreError> {
    let Recorded { requests, is_known } = recorded(txn, old)?;
    if !is_known {
        return Ok(None);
    }
    // A proxy that takes its own name is known, and nothing of it changes.
    let is_merged = old != new && recorded(txn, new)?.is_known;
    if old != new {
        rename_sessions(txn, old, new, is_merged)?;
        // Sums are rewritten by what this says: of two operations of one name, one takes in the other's.
        let renamed = names::rename(&txn.view, &mut txn.batch, old, new)?;
        sums::rename(&txn.view, &mut txn.batch, &renamed)?;
        txn.rename_lists(old, new)?;
        flight::rename(txn, old, new)?;
    }
    Ok(Some(Renamed {
        requests,
        is_merged,
    }))
}

type Client = (Option<String>, Option<String>);

fn client_of(row: &SessionRow) -> Client {
    (row.client_name.clone(), row.client_version.clone())
}

fn rename_sessions(
    txn: &mut Txn<'_>,
    old: &str,
    new: &str,
    is_merged: bool,
) -> Result<(), StoreError> {
    let mut of_both: Vec<(u64, SessionRow)> = Vec::new();
    sessions::each(&txn.view, &mut |number, row| {
        if row.proxy == old || row.proxy == new {
            of_both.push((number, row));
        }
        Ok(())
    })?;
    // In one order, whatever their numbers: of sessions that become one, the first stays.
    of_both.sort_by_key(|(_, row)| row.key());
    let mut finals: Vec<usize> = (0..of_both.len()).collect();
    if is_merged {
        for (from, into) in merge_sessions(spans(&of_both, old)) {
            let taken = of_both[from].1.clone();
            of_both[into].1.merge(&taken);
            for at in finals.iter_mut().filter(|at| **at == from) {
                *at = into;
            }
        }
    }
    for (at, &into) in finals.iter().enumerate() {
        let (number, row) = &of_both[at];
        // Asked for, so that it can be changed.
        txn.sessions.get(&txn.view, *number)?;
        if at == into {
            let renamed = SessionRow {
                proxy: new.to_owned(),
                ..row.clone()
            };
            txn.sessions.change(*number, |row| *row = renamed);
        } else {
            move_rows(txn, *number, of_both[into].0)?;
            runs::give(txn, *number, of_both[into].0)?;
            txn.sessions.remove(&mut txn.state, *number);
        }
    }
    Ok(())
}

fn spans(of_both: &[(u64, SessionRow)], old: &str) -> Vec<SessionSpan> {
    let clients: BTreeSet<Client> = of_both.iter().map(|(_, row)| client_of(row)).collect();
    let clients: Vec<Client> = clients.into_iter().collect();
    let span = |(_, row): &(u64, SessionRow)| SessionSpan {
        is_old: row.proxy == old,
        id: row.session_id.clone(),
        inferred: row.inferred,
        client: clients
            .binary_search(&client_of(row))
            .map_or(-1, |at| i64::try_from(at).unwrap_or(-1)),
        started_at: row.started_at,
        last_seen_at: row.last_seen_at,
    };
    of_both.iter().map(span).collect()
}

/// Gives the requests of a session to another one.
fn move_rows(txn: &mut Txn<'_>, from: u64, session: u64) -> Result<(), StoreError> {
    for seq in txn.seqs_of(from)? {
        if let Some(row) = rows::row(&txn.view, seq)? {
            let mut moved = row.clone();
            moved.session = session;
            txn.rows.put(seq, Some(row), moved);
        }
    }
    Ok(())
}
