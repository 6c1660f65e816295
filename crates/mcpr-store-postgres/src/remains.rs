//! What another store still counts of requests that are gone there, taken over in one transaction.

use crate::db::Db;
use crate::errors::DbFault;
use crate::names::KnownNames;
use crate::sessions::SessionStates;
use crate::store_row::StoreRow;
use crate::sums::{SumChanges, SumPlace};
use mcpr_model::{Batch, Event, SessionState, SessionUpdate, Text};
use mcpr_store::query::SessionRow;
use mcpr_store::{Remains, RollupRow};
use rustc_hash::FxHashMap;

/// Takes everything over, in a transaction that commits all of it or nothing.
pub(crate) fn take(db: &mut Db, names: &mut KnownNames, remains: &Remains) -> Result<(), DbFault> {
    let mut row = StoreRow::lock(db)?;
    names.begin(row.cares);
    // As events of a batch, so that names and sessions are found as for any other.
    let batch = as_batch(remains);
    let mut sessions = SessionStates::default();
    names.find_all(db, &batch)?;
    sessions.find_all(db, names, &batch)?;
    let mut sums: FxHashMap<SumPlace, RollupRow> = FxHashMap::default();
    for of in &remains.sums {
        let operation = names.operation(db, &mut row, &of.key.request())?;
        // There is room for so many targets: those beyond count together here, too.
        sums.entry((of.key.hour, operation.sums))
            .and_modify(|all| all.merge(of))
            .or_insert_with(|| of.clone());
    }
    // Sessions that are not there are made, also inferred ones.
    for of in &remains.sessions {
        let (name, version) = client_of(of);
        let proxy = names.proxy(&mut row, &Text::from(&of.proxy));
        let client = names.client(&mut row, name.as_ref(), version.as_ref());
        sessions.take_over(&mut row, proxy, client, of);
    }
    // Sums last: their rows are looked at once more.
    names.write(db)?;
    sessions.write(db)?;
    raise(db, sums)?;
    row.write(db)
}

/// Puts sums in the place of those that count fewer calls.
fn raise(db: &mut Db, sums: FxHashMap<SumPlace, RollupRow>) -> Result<(), DbFault> {
    let mut changes = SumChanges::default();
    for ((hour, operation), sums) in sums {
        let calls = sums.calls.cast_signed();
        // What stays counts at least as many.
        db.execute(
            "DELETE FROM rollups WHERE hour = $1 AND operation = $2 AND calls < $3",
            &[&hour, &operation, &calls],
        )?;
        let stays = db.number(
            "SELECT count(*) FROM rollups WHERE hour = $1 AND operation = $2",
            &[&hour, &operation],
        )?;
        if stays == 0 {
            changes.add((hour, operation), &sums);
        }
    }
    changes.write(db)
}

fn client_of(row: &SessionRow) -> (Option<Text>, Option<Text>) {
    let text = |text: &Option<String>| text.as_ref().map(Text::from);
    (text(&row.client_name), text(&row.client_version))
}

/// Events that name what the remains name. Nothing of them is ever stored.
fn as_batch(remains: &Remains) -> Batch {
    let requests = remains
        .sums
        .iter()
        .map(|row| Event::Request(row.key.request()));
    let sessions = remains.sessions.iter().map(|row| {
        let (client_name, client_version) = client_of(row);
        Event::Session(SessionUpdate {
            session_id: Text::from(&row.session_id),
            proxy: Some(Text::from(&row.proxy)),
            ts: row.last_seen_at,
            started_at: None,
            last_seen_at: None,
            state: SessionState::Active,
            client_name,
            client_version,
            conversation: None,
        })
    });
    Batch {
        events: requests.chain(sessions).collect(),
        ..Batch::default()
    }
}
