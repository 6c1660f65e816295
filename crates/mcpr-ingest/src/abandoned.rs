//! What recorders that were killed have left in flight: nobody will ever say how it ended, so that it becomes rows
//! without an answer, each once.

use super::recorder::writer_id;
use super::unix_ms;
use mcpr_model::{Batch, ErrorKind, Event, Outcome, Request};
use mcpr_store::{StoreError, Writer};
use std::collections::HashSet;
use std::time::SystemTime;

/// Ends what was found abandoned and still is: what its recorder left beside the store was taken in meanwhile.
pub(super) fn end(store: &mut dyn Writer, found: &[Request]) -> Result<(), StoreError> {
    let found: HashSet<u64> = found.iter().map(|request| request.key.hash).collect();
    let mut left = store.abandoned()?;
    left.retain(|request| found.contains(&request.key.hash));
    if left.is_empty() {
        return Ok(());
    }
    let rows = left.into_iter().map(|request| {
        Event::Request(Request {
            outcome: Outcome {
                error_kind: Some(ErrorKind::Timeout),
                ..Outcome::default()
            },
            ..request
        })
    });
    // Two that do this at once bring rows of the same keys, of which the second are duplicates.
    let batch = Batch {
        writer: writer_id(),
        number: 1,
        now: unix_ms(SystemTime::now()),
        events: rows.collect(),
        sources: Vec::new(),
    };
    store.append(&batch).map(drop)
}
