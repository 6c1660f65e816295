//! Rows with what their numbers stand for, each of which is read once for a question.

use crate::names;
use crate::records::{Client, Operation, Row, RowNames};
use crate::sessions;
use crate::view::View;
use mcpr_store::StoreError;
use mcpr_store::query::{Filter, RequestRow, SessionRow};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::rc::Rc;

/// Most of each that is remembered; all of it is forgotten then.
const MAX_REMEMBERED: usize = 10_000;

pub(super) struct NamedRows<'a> {
    view: &'a View<'a>,
    operations: RefCell<FxHashMap<u64, Rc<Operation>>>,
    clients: RefCell<FxHashMap<u64, Rc<Client>>>,
    sessions: RefCell<FxHashMap<u64, Option<Rc<SessionRow>>>>,
}

/// What is remembered under a number, read where it is not.
fn remembered<T: Clone>(
    known: &RefCell<FxHashMap<u64, T>>,
    number: u64,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if let Some(found) = known.borrow().get(&number) {
        return Ok(found.clone());
    }
    let found = read()?;
    let mut known = known.borrow_mut();
    // Forgetting all is simple, and so rare that which are kept makes no difference.
    if known.len() >= MAX_REMEMBERED {
        known.clear();
    }
    known.insert(number, found.clone());
    Ok(found)
}

impl<'a> NamedRows<'a> {
    pub(super) fn of(view: &'a View<'a>) -> Self {
        Self {
            view,
            operations: RefCell::default(),
            clients: RefCell::default(),
            sessions: RefCell::default(),
        }
    }

    fn operation(&self, number: u64) -> Result<Rc<Operation>, StoreError> {
        remembered(&self.operations, number, || {
            names::operation(self.view, number).map(Rc::new)
        })
    }

    /// Whether a row can be meant by a filter at all, by what is known without its session.
    pub(super) fn may_match(&self, row: &Row, filter: &Filter) -> Result<bool, StoreError> {
        if !filter.holds_time(row.ts)
            || (filter.is_of_failed() && row.error == 0)
            || filter
                .min_latency_us
                .is_some_and(|least| row.latency_us < Some(least))
        {
            return Ok(false);
        }
        // The time and the outcome stand in the row, and spare this step for most of them.
        let operation = self.operation(row.operation)?;
        let tool = operation
            .target()
            .filter(|it| it.kind == mcpr_model::TargetKind::Tool);
        let tool = tool.as_ref().map(|it| it.name.as_str());
        let (kind, proxy, method) = (operation.kind(), &operation.proxy, &operation.method);
        Ok(filter.takes_operation(kind, proxy, method, tool))
    }

    /// A row as it is listed.
    pub(super) fn listed(&self, seq: i64, row: &Row) -> Result<RequestRow, StoreError> {
        let operation = self.operation(row.operation)?;
        let client = match row.client {
            0 => None,
            number => Some(remembered(&self.clients, number, || {
                names::client(self.view, number).map(Rc::new)
            })?),
        };
        let session = match row.session {
            0 => None,
            number => remembered(&self.sessions, number, || {
                Ok(sessions::by_number(self.view, number)?.map(Rc::new))
            })?,
        };
        let request = row.request(RowNames {
            operation: &operation,
            session: session.as_deref().map(|it| it.session_id.as_str()),
            client: client.as_deref(),
        });
        let mut listed = RequestRow::of_request(seq, &request);
        if let Some(session) = session {
            listed.session = Some(session.session_id.clone());
            // Name and version together, as every backend has them.
            if listed.client_name.is_none() && session.client_name.is_some() {
                listed.client_name.clone_from(&session.client_name);
                listed.client_version.clone_from(&session.client_version);
            }
        }
        Ok(listed)
    }
}
