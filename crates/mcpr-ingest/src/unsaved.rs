//! What a recorder has taken and not committed yet: held where it can be taken away from a writer
//! that waits for its store.

use super::batcher::{Batcher, Thresholds};
use super::queue::{Delivery, OnCommit, Popped, Queue};
use super::unix_ms;
use mcpr_model::Batch;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Events in a batch that is made for a file: whether there is time for the next is asked between them.
const MAX_FILED_EVENTS: usize = 1000;

/// The batch that is filled, and the one that is being committed.
#[derive(Debug)]
pub(super) struct Unsaved {
    pub(super) batcher: Batcher,
    in_flight: Option<Arc<Batch>>,
    writer: i64,
    number: i64,
    is_taken: bool,
}

impl Unsaved {
    pub(super) fn new(thresholds: Thresholds, writer: i64) -> Self {
        Self {
            batcher: Batcher::new(thresholds),
            in_flight: None,
            writer,
            number: 0,
            is_taken: false,
        }
    }

    /// The batch to be committed now, which is in flight until [`Unsaved::landed`].
    pub(super) fn next_batch(&mut self) -> (Arc<Batch>, Vec<OnCommit>) {
        // Numbered once: however often and wherever it is written, the store recognises it.
        let batch = Arc::new(self.numbered());
        self.in_flight = Some(Arc::clone(&batch));
        (batch, self.batcher.take_on_commit())
    }

    fn numbered(&mut self) -> Batch {
        self.number += 1;
        let now = unix_ms(SystemTime::now());
        self.batcher.take(self.writer, self.number, now)
    }

    /// The batch in flight is committed.
    pub(super) fn landed(&mut self, batch: Arc<Batch>) {
        self.in_flight = None;
        if let Ok(batch) = Arc::try_unwrap(batch) {
            self.batcher.recycle(batch.events);
        }
    }

    /// Whether everything was taken away: the writer has nothing more to do.
    pub(super) fn is_taken(&self) -> bool {
        self.is_taken
    }

    /// Takes everything that is not committed, in order: the batch in flight, which may be committed
    /// all the same, what waits in a queue that is closed, and what was left before it.
    pub(super) fn take(&mut self, queue: &Queue, left: Vec<Delivery>) -> Vec<Arc<Batch>> {
        self.is_taken = true;
        let mut batches: Vec<Arc<Batch>> = self.in_flight.take().into_iter().collect();
        // The queue is closed, so that this does not wait.
        let waiting = std::iter::from_fn(|| match queue.pop(None) {
            Popped::Delivery(delivery, _) => Some(*delivery),
            Popped::Nothing | Popped::Closed => None,
        });
        batches.extend(self.fill(waiting.chain(left)));
        batches
    }

    /// Makes batches of deliveries, behind what waits.
    pub(super) fn fill(&mut self, deliveries: impl Iterator<Item = Delivery>) -> Vec<Arc<Batch>> {
        let mut batches = Vec::new();
        for delivery in deliveries {
            let (bytes, now) = (delivery.weight(), Instant::now());
            self.batcher.add(delivery, bytes, now);
            // Never as if the queue were dry: more may follow, and fewer batches are fewer lines.
            if self.batcher.is_due(now, false) || self.batcher.len() >= MAX_FILED_EVENTS {
                batches.push(Arc::new(self.numbered()));
            }
        }
        if !self.batcher.is_empty() {
            batches.push(Arc::new(self.numbered()));
        }
        batches
    }
}
