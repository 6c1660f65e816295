//! One atomic change of a store: everything that belongs to a batch is read through it, changed in memory, and written in
//! one piece.

use crate::append;
use crate::columns::Column;
use crate::engine::Engine;
use crate::errors::damaged;
use crate::memory::Memory;
use crate::names::Names;
use crate::records::{Row, RowNames};
use crate::rows::{self, RowChanges};
use crate::sessions::SessionChanges;
use crate::state::State;
use crate::sums::HourlySumChanges;
use crate::surfaces::ListChanges;
use crate::view::View;
use mcpr_model::Request;
use mcpr_store::StoreError;
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;

pub(crate) struct Txn<'a> {
    pub(crate) view: View<'a>,
    pub(crate) batch: WriteBatch,
    pub(crate) state: State,
    pub(crate) names: &'a mut Names,
    /// What is in flight, by the hash of its key, and whose it is.
    pub(crate) open: &'a mut FxHashMap<u64, i64>,
    pub(crate) sessions: SessionChanges,
    pub(crate) rows: RowChanges,
    pub(crate) sums: HourlySumChanges,
    pub(crate) lists: ListChanges,
}

/// Does something with a store as one change, by who alone may change it.
pub(crate) fn commit<T>(
    engine: &Engine,
    work: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    // Held for the whole change: two threads of a process write one after the other.
    let mut memory = engine.memory();
    let done = engine
        .check_there()
        .and_then(|()| run(engine, &mut memory, work));
    if done.is_err() {
        // What was remembered may belong to what was not written.
        memory.clear();
    }
    done.map_err(|error| match error.path {
        Some(_) => error,
        None => error.at(engine.path()),
    })
}

fn run<T>(
    engine: &Engine,
    memory: &mut Memory,
    work: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let view = engine.own_view()?;
    let state = match memory.state.take() {
        Some(state) => state,
        None => State::stored(&view)?,
    };
    if memory.open.is_none() {
        memory.open = Some(crate::flight::open(&view)?);
    }
    memory.names.trim();
    let mut txn = Txn {
        view,
        batch: WriteBatch::default(),
        state,
        names: &mut memory.names,
        open: memory.open.get_or_insert_default(),
        sessions: SessionChanges::default(),
        rows: RowChanges::default(),
        sums: HourlySumChanges::default(),
        lists: ListChanges::default(),
    };
    // A commit that changes nothing must not wake those that follow the store.
    let before = txn.state.clone();
    let done = work(&mut txn)?;
    let Txn {
        view,
        mut batch,
        mut state,
        names,
        sessions,
        rows,
        sums,
        lists,
        ..
    } = txn;
    rows.write(&view, &mut batch)?;
    sessions.write(&view, &mut batch)?;
    sums.write(&view, &mut batch)?;
    lists.write(&view, &mut batch, &mut state)?;
    // The state comes behind all of these: how many versions there are is known once the lists are written.
    names.write(&view, &mut batch)?;
    if !batch.is_empty() || state != before {
        state.commits += 1;
        let key = State::key();
        let record = crate::codec::seal(key.as_ref(), &state)?;
        batch.put_cf(view.column(Column::Meta), &key, record);
        engine.write(batch)?;
    }
    memory.state = Some(state);
    Ok(done)
}

/// As [`commit`], of what removes or renames: what writers remember of names may stand for nothing then.
pub(crate) fn care<T>(
    engine: &Engine,
    work: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let done = commit(engine, work);
    // Also after success: a name that was removed or given away would be used for the next request.
    engine.memory().clear();
    done
}

impl Txn<'_> {
    /// The request that a row was.
    pub(crate) fn request_of(&mut self, row: &Row) -> Result<Request, StoreError> {
        let operation = self.names.operation(&self.view, row.operation)?;
        let client = self.names.client(&self.view, row.client)?;
        let session = self.sessions.get(&self.view, row.session)?;
        Ok(row.request(RowNames {
            operation: &operation,
            session: session.map(|it| it.session_id.as_str()),
            client: client.as_deref(),
        }))
    }

    /// Removes a request with all that is kept of it alone.
    pub(crate) fn remove_row(&mut self, seq: i64, row: &Row) -> Result<(), StoreError> {
        self.rows.remove(&self.view, &mut self.batch, seq, row)?;
        self.names
            .count(&self.view, row.operation, row.client, -1)?;
        self.state.requests = self.state.requests.saturating_sub(1);
        // Most stores keep none.
        if self.state.payloads > 0 {
            self.remove_payload(seq)?;
        }
        Ok(())
    }

    /// Removes the payload of a request; says whether there was one.
    pub(crate) fn remove_payload(&mut self, seq: i64) -> Result<bool, StoreError> {
        let Some((bytes, ts)) = append::payload_facts(&self.view, seq)? else {
            return Ok(false);
        };
        let column = self.view.column(Column::Payloads);
        self.batch.delete_cf(column, append::payload_key(seq));
        self.batch
            .delete_cf(column, append::payload_time_key(ts, seq));
        self.state.payloads = self.state.payloads.saturating_sub(1);
        self.state.payload_bytes = self.state.payload_bytes.saturating_sub(bytes);
        Ok(true)
    }

    /// Removes every request of a session, and its part of the index in one piece; says how many went.
    pub(crate) fn remove_rows_of(&mut self, session: u64) -> Result<u64, StoreError> {
        let mut removed = 0;
        let seqs = self.seqs_of(session)?;
        for seq in seqs {
            let row = rows::row(&self.view, seq)?;
            let row = row.ok_or_else(|| damaged(format!("request {seq} is gone, and listed")))?;
            self.remove_row(seq, &row)?;
            removed += 1;
        }
        let (first, end) = rows::session_key(session).all();
        let column = self.view.column(Column::BySession);
        // One mark for the whole range: a walk over it need not step over each key that is gone.
        self.batch.delete_range_cf(column, first, end);
        Ok(removed)
    }

    /// The numbers of the requests of a session.
    pub(crate) fn seqs_of(&self, session: u64) -> Result<Vec<i64>, StoreError> {
        let mut seqs = Vec::new();
        let order = mcpr_store::query::Order::Ascending;
        self.view.walk_under(
            Column::BySession,
            rows::session_key(session),
            order,
            &mut |key, _| {
                let seq = crate::keys::KeyParts(&key[8..]).seq();
                seqs.push(seq.ok_or_else(|| damaged("a request of a session does not decode"))?);
                Ok(true)
            },
        )?;
        Ok(seqs)
    }
}
