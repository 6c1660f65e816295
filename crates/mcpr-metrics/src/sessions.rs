//! Sessions that may end: those that a stored request belonged to, looked at until their end is stored.

use crate::Operations;
use mcpr_store::query::{Pattern, RequestRow, SessionFilter, SessionKey, SessionPage};
use mcpr_store::{Reader, StoreError};
use rustc_hash::FxHashSet;
use std::collections::VecDeque;

/// Most sessions that are looked at for their end; the one used longest ago is given up for a new one.
pub(crate) const MAX_OPEN: usize = 1024;
/// Most sessions whose end is remembered, so that a late request does not count it twice.
const MAX_ENDED: usize = 1024;
/// Most sessions that one look asks the store for.
pub(crate) const MAX_LOOKS: usize = 256;

/// Sessions in the order in which they came; each once.
#[derive(Debug, Default)]
struct Keys {
    known: FxHashSet<SessionKey>,
    order: VecDeque<SessionKey>,
}

impl Keys {
    fn push(&mut self, key: SessionKey, most: usize) {
        if !self.known.insert(key.clone()) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > most {
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<SessionKey> {
        let key = self.order.pop_front()?;
        self.known.remove(&key);
        Some(key)
    }
}

/// The sessions whose end is waited for.
#[derive(Debug, Default)]
pub(crate) struct OpenSessions {
    open: Keys,
    ended: Keys,
}

impl OpenSessions {
    /// Takes note of a request's session. An inferred one has no end.
    pub(crate) fn saw(&mut self, row: &RequestRow) {
        let Some(id) = &row.session_id else { return };
        let key = SessionKey {
            proxy: row.proxy.clone(),
            id: id.clone(),
        };
        if !self.ended.known.contains(&key) {
            self.open.push(key, MAX_OPEN);
        }
    }

    /// Counts the sessions that have ended, of those whose turn it is.
    pub(crate) fn look(
        &mut self,
        reader: &dyn Reader,
        operations: &mut Operations,
    ) -> Result<(), StoreError> {
        for _ in 0..self.open.order.len().min(MAX_LOOKS) {
            let Some(key) = self.open.order.front() else {
                break;
            };
            let filter = SessionFilter {
                proxy: Some(Pattern::name(&key.proxy)),
                id: Some(key.id.clone()),
                with_empty: true,
                ..SessionFilter::default()
            };
            let found = reader.sessions(&filter, &SessionPage::oldest(1))?.pop();
            // Not before the store has answered: what fails now is asked again.
            let Some(key) = self.open.pop() else { break };
            let Some(session) = found else { continue };
            match session.ended_at {
                Some(ended_at) => {
                    let duration_ms = ended_at.saturating_sub(session.started_at);
                    operations.add_session(&session.proxy, duration_ms.saturating_mul(1000));
                    self.ended.push(key, MAX_ENDED);
                }
                None => self.open.push(key, MAX_OPEN),
            }
        }
        Ok(())
    }
}
