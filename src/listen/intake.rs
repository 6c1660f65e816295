//! From a body to the store: decoded like a line of a file, offered to the queue, and waited for.

use super::answer::{Found, Refusal};
use super::gate::Asked;
use super::limits::{ASK_AGAIN, COMMIT};
use crate::ingest::{Delivery, LineDecoder, OnCommit, SourceHandle, unix_ms};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

/// The way of bodies into the store.
#[derive(Debug)]
pub struct Intake {
    decoder: Mutex<LineDecoder>,
    handle: SourceHandle,
}

impl Intake {
    /// Bodies are decoded by `decoder` and delivered through `handle`.
    #[must_use]
    pub fn new(decoder: LineDecoder, handle: SourceHandle) -> Self {
        let decoder = Mutex::new(decoder);
        Self { decoder, handle }
    }

    /// Whether bodies are still taken.
    pub(super) fn is_open(&self) -> bool {
        !self.handle.is_closed()
    }

    /// What a body holds, ready to be stored.
    pub(super) fn decode(&self, asked: Asked, body: &[u8]) -> Result<Box<Delivery>, Refusal> {
        let now = unix_ms(SystemTime::now());
        let mut decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        if asked == Asked::Lines {
            decoder.lines(body, now);
            return Ok(Box::new(decoder.take()));
        }
        let delivery = decoder.document(body, now).ok_or(Refusal::NotJson)?;
        Ok(Box::new(delivery))
    }

    /// Stores a delivery and says what was in it, once it is committed. A caller that does not wait
    /// that long changes nothing for the store.
    pub(super) async fn store(&self, mut delivery: Box<Delivery>) -> Result<Found, Refusal> {
        let until = Instant::now() + COMMIT;
        let found = Found::of(&delivery);
        let (committed, commit) = oneshot::channel();
        delivery.on_commit = Some(OnCommit::new(move || {
            // A client that has gone does not want to know.
            let _ = committed.send(());
        }));
        let mut delivery = self.handle.screened(delivery);
        while let Err(back) = self.handle.offer(delivery) {
            if !self.is_open() {
                return Err(Refusal::Ending);
            }
            if Instant::now() >= until {
                return Err(Refusal::Full);
            }
            delivery = back;
            sleep(ASK_AGAIN).await;
        }
        match timeout_at(until, commit).await {
            Ok(Ok(())) => Ok(found),
            Ok(Err(_)) => Err(Refusal::Ending),
            Err(_) => Err(Refusal::NotCommitted),
        }
    }

    /// Says that nothing more is posted: what waits for an answer is stored as never answered. The
    /// post that it came with was called stored.
    pub(super) async fn end(&self) {
        let delivery = {
            let mut decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
            decoder.end();
            decoder.take()
        };
        let mut delivery = self.handle.screened(Box::new(delivery));
        while let Err(back) = self.handle.offer(delivery) {
            if !self.is_open() {
                return;
            }
            delivery = back;
            sleep(ASK_AGAIN).await;
        }
    }
}
