//! What recorders that were killed have left: requests in flight, of which nobody will ever say how they ended, so that
//! they become rows without an answer, each once; and sessions without an end.

use super::recorder::writer_id;
use super::unix_ms;
use mcpr_model::{Batch, Event, SessionState, SessionUpdate};
use mcpr_store::{Abandoned, StoreError, Writer};
use std::collections::HashSet;
use std::time::SystemTime;

/// Ends what was found abandoned and still is: what its recorder left beside the store was taken in meanwhile.
pub(super) fn end(store: &mut dyn Writer, found: Abandoned) -> Result<(), StoreError> {
    let keys = found.requests.iter().map(|request| request.key.hash);
    let keys: HashSet<u64> = keys.collect();
    let mut left = store.abandoned()?.requests;
    left.retain(|request| keys.contains(&request.key.hash));
    // Where what was left beside the store has reported an end, that is the later one, which counts.
    let ends = found.sessions.into_iter().map(|(key, at)| {
        Event::Session(SessionUpdate {
            session_id: key.id.into(),
            proxy: Some(key.proxy.into()),
            ts: at,
            started_at: None,
            last_seen_at: None,
            state: SessionState::Closed,
            client_name: None,
            client_version: None,
            conversation: None,
        })
    });
    let ends: Vec<Event> = ends.collect();
    if left.is_empty() && ends.is_empty() {
        return Ok(());
    }
    let rows = left.into_iter().map(Event::Request);
    // Two that do this at once bring rows of the same keys, of which the second are duplicates.
    let batch = Batch {
        writer: writer_id(),
        number: 1,
        now: unix_ms(SystemTime::now()),
        events: rows.chain(ends).collect(),
        sources: Vec::new(),
    };
    store.append(&batch).map(drop)
}
