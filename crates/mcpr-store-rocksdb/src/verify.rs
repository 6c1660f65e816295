//! Looking for damage: the engine's own checksums over every block, ours over every record, and what belongs together
//! against one another.

use crate::codec::unpack;
use crate::columns::Column;
use crate::engine::Engine;
use crate::keys::{Key, KeyParts};
use crate::records::Row;
use crate::rows::{self, SEAL_ROWS, seal_of};
use crate::state::State;
use crate::view::View;
use crate::{names, sessions, surfaces};
use mcpr_store::query::Order;
use mcpr_store::{Depth, Findings, StoreError};
use rustc_hash::FxHashMap;

/// Most problems of one sort that are listed.
const MOST: usize = 20;

pub(crate) fn verify(engine: &Engine, depth: Depth) -> Result<Findings, StoreError> {
    let view = engine.view()?;
    let mut findings = Findings::default();
    for column in Column::ALL {
        // A block that does not have its checksum ends the walk; other column families may be whole.
        if let Err(error) = read_all(&view, column) {
            findings
                .problems
                .push(format!("{}: {error:#}", column.name()));
        }
    }
    let mut look = DamageLook {
        view: &view,
        findings,
    };
    let looked = look.seals().and_then(|()| match depth {
        Depth::Quick => Ok(()),
        Depth::Full => look.everything(),
    });
    if let Err(error) = looked {
        look.add(format!("{error:#}"));
    }
    Ok(look.findings)
}

/// Reads every key and record of a column family, and checks those that have a checksum of ours.
fn read_all(view: &View<'_>, column: Column) -> Result<(), StoreError> {
    // Indexes hold nothing but keys, and requests have one sum for a block of them.
    let is_sealed = |key: &[u8]| match column {
        Column::Names
        | Column::Sums
        | Column::Sources
        | Column::Checkpoints
        | Column::BadLines
        | Column::Seals
        | Column::Surfaces
        | Column::Meta => true,
        Column::Payloads => key.first() == Some(&crate::append::PAYLOAD),
        Column::Gaps => key.first() == Some(&crate::append::GAP),
        _ => false,
    };
    view.walk(
        column,
        Key::new().all(),
        Order::Ascending,
        &mut |key, bytes| {
            if is_sealed(key) {
                crate::codec::check(key, bytes)?;
            }
            Ok(true)
        },
    )
}

struct DamageLook<'a> {
    view: &'a View<'a>,
    findings: Findings,
}

impl DamageLook<'_> {
    fn add(&mut self, problem: String) {
        if self.findings.problems.len() < MOST {
            self.findings.problems.push(problem);
        }
    }

    fn compare(&mut self, what: &str, counted: u64, stored: u64) {
        if counted != stored {
            self.add(format!(
                "{what}: {stored} are counted, and there are {counted}"
            ));
        }
    }

    /// Takes the sum of each block of requests anew.
    fn seals(&mut self) -> Result<(), StoreError> {
        let mut sums: FxHashMap<i64, u64> = FxHashMap::default();
        let mut requests = 0;
        self.view.walk(
            Column::Requests,
            Key::new().all(),
            Order::Ascending,
            &mut |key, bytes| {
                let seq = rows::seq_of(key)?;
                let sum = sums.entry(seq.div_euclid(SEAL_ROWS)).or_default();
                *sum = sum.wrapping_add(seal_of(seq, bytes));
                requests += 1;
                Ok(true)
            },
        )?;
        self.findings.requests = requests;
        let mut wrong = Vec::new();
        let mut blocks = 0;
        self.view.walk(
            Column::Seals,
            Key::new().all(),
            Order::Ascending,
            &mut |key, bytes| {
                let block = rows::seq_of(key)?;
                let seal: u64 = crate::codec::unseal(key, bytes)?;
                blocks += 1;
                if sums.remove(&block).unwrap_or(0) != seal {
                    // Not reported at once: the walk borrows what problems are added to.
                    wrong.push(block);
                }
                Ok(true)
            },
        )?;
        self.findings.batches = blocks;
        // What is left has requests and no seal.
        wrong.extend(sums.into_keys());
        for block in wrong {
            let (first, last) = (block * SEAL_ROWS, block * SEAL_ROWS + SEAL_ROWS - 1);
            self.add(format!(
                "requests {first} to {last} are not what was written"
            ));
        }
        Ok(())
    }

    /// Holds indexes and counters against what they are made of.
    fn everything(&mut self) -> Result<(), StoreError> {
        let mut wanted = [0_u64; Column::INDEXES.len()];
        let mut of_operation: FxHashMap<u64, u64> = FxHashMap::default();
        let mut of_client: FxHashMap<u64, u64> = FxHashMap::default();
        let (mut lacking, mut homeless) = (Vec::new(), Vec::new());
        let view = self.view;
        view.walk(
            Column::Requests,
            Key::new().all(),
            Order::Ascending,
            &mut |key, bytes| {
                let seq = rows::seq_of(key)?;
                let row: Row = unpack(bytes)?;
                *of_operation.entry(row.operation).or_default() += 1;
                *of_client.entry(row.client).or_default() += 1;
                for (column, key, value) in rows::index_keys(seq, &row) {
                    let at = Column::INDEXES.iter().position(|it| *it == column);
                    wanted[at.unwrap_or_default()] += 1;
                    let found = view.raw(column, &key)?;
                    if found.is_none_or(|found| *found != *value.as_ref()) {
                        lacking.push(format!(
                            "request {seq} is not in the index {}",
                            column.name()
                        ));
                    }
                }
                if row.session != 0 && sessions::by_number(view, row.session)?.is_none() {
                    homeless.push(format!("request {seq} has a session that is gone"));
                }
                Ok(true)
            },
        )?;
        for problem in lacking.into_iter().take(MOST).chain(homeless) {
            self.add(problem);
        }
        for (column, wanted) in Column::INDEXES.into_iter().zip(wanted) {
            let found = self.view.count(column)?;
            self.compare(
                &format!("keys of the index {}", column.name()),
                wanted,
                found,
            );
        }
        self.names(&of_operation, &of_client)?;
        self.counters()?;
        for problem in surfaces::check(self.view)? {
            self.add(problem);
        }
        Ok(())
    }

    fn names(
        &mut self,
        of_operation: &FxHashMap<u64, u64>,
        of_client: &FxHashMap<u64, u64>,
    ) -> Result<(), StoreError> {
        let mut wrong = Vec::new();
        names::each_operation(self.view, &mut |number, it| {
            let rows = of_operation.get(&number).copied().unwrap_or(0);
            if rows != it.rows {
                wrong.push((format!("requests of {}", it.method), rows, it.rows));
            }
        })?;
        names::each_client(self.view, &mut |number, it| {
            let rows = of_client.get(&number).copied().unwrap_or(0);
            if rows != it.rows {
                let name = it.name.unwrap_or_default();
                wrong.push((format!("requests of the client {name}"), rows, it.rows));
            }
        })?;
        for (what, counted, stored) in wrong {
            self.compare(&what, counted, stored);
        }
        Ok(())
    }

    fn counters(&mut self) -> Result<(), StoreError> {
        let view = self.view;
        let state = State::stored(view)?;
        let sort_of = |column, sort: u8| {
            let mut count = 0;
            view.walk_under(column, Key::of(sort), Order::Ascending, &mut |_, _| {
                count += 1;
                Ok(true)
            })?;
            Ok::<u64, StoreError>(count)
        };
        let mut sessions = 0;
        sessions::each(view, &mut |_, _| {
            sessions += 1;
            Ok(())
        })?;
        let (found, wanted) = sessions::count_of_keys(view)?;
        let last = view.first(Column::Requests, Key::new().all(), Order::Descending)?;
        let last = last
            .and_then(|(key, _)| KeyParts(&key).signed())
            .unwrap_or(0);
        let requests = self.findings.requests;
        self.compare("requests", requests, state.requests);
        self.compare("sessions", sessions, state.sessions);
        self.compare("keys of sessions", found, wanted);
        self.compare(
            "payloads",
            sort_of(Column::Payloads, crate::append::PAYLOAD)?,
            state.payloads,
        );
        self.compare(
            "gaps",
            sort_of(Column::Gaps, crate::append::GAP)?,
            state.gaps,
        );
        self.compare("bad lines", view.count(Column::BadLines)?, state.bad_lines);
        // The next request would get its number, and take its place.
        if last > state.last_seq {
            self.add(format!(
                "request {last} stands behind the last number, {}",
                state.last_seq
            ));
        }
        Ok(())
    }
}
