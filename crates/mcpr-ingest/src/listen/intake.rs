//! From a body to the store: decoded like a line of a file, offered to the queue, and waited for.

use super::answer::{BodyReport, Refusal};
use super::body::WholeBody;
use super::gate::Wish;
use super::limits::{ASK_AGAIN, COMMIT, POSTS};
use crate::{LineDecoder, OnCommit, Screened, SourceHandle, unix_ms};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::{Mutex as Turn, Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

/// The way of bodies into the store.
#[derive(Debug)]
pub struct Intake {
    decoder: Mutex<LineDecoder>,
    handle: SourceHandle,
    /// Whose body is decoded and offered to the queue: one at a time, for events outside the queue
    /// take a multiple of their text.
    turn: Turn<()>,
    posts: Arc<Semaphore>,
}

/// The events of a body that waits for its commit.
struct QueuedBody {
    delivery: Screened,
    found: BodyReport,
    committed: oneshot::Receiver<()>,
}

impl Intake {
    /// Bodies are decoded by `decoder` and delivered through `handle`.
    #[must_use]
    pub fn new(decoder: LineDecoder, handle: SourceHandle) -> Self {
        Self {
            decoder: Mutex::new(decoder),
            handle,
            turn: Turn::default(),
            posts: Arc::new(Semaphore::new(POSTS)),
        }
    }

    /// Whether bodies are still taken.
    pub(super) fn is_open(&self) -> bool {
        !self.handle.is_closed()
    }

    fn decoder(&self) -> MutexGuard<'_, LineDecoder> {
        self.decoder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores what a body holds and says what was in it, once it is committed. A caller that does not
    /// wait that long changes nothing for the store.
    pub(super) async fn store(
        self: &Arc<Self>,
        asked: Wish,
        whole: WholeBody,
    ) -> Result<BodyReport, Refusal> {
        let posts = Arc::clone(&self.posts);
        // Refused, not kept waiting: a post that waits holds its body.
        let place = posts.try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let intake = Arc::clone(self);
        // Of its own, so that a client that goes leaves nothing half done.
        let storing = tokio::spawn(async move {
            let WholeBody { bytes, room } = whole;
            let stored = intake.store_by(asked, bytes, Instant::now() + COMMIT).await;
            drop((room, place));
            stored
        });
        storing.await.unwrap_or(Err(Refusal::Ending))
    }

    async fn store_by(
        self: &Arc<Self>,
        asked: Wish,
        body: Vec<u8>,
        until: Instant,
    ) -> Result<BodyReport, Refusal> {
        let turn = timeout_at(until, self.turn.lock());
        let turn = turn.await.map_err(|_| Refusal::Full)?;
        // A body that has no room yet is smaller as it is.
        while !self.handle.has_room_for(body.len()) {
            self.wait_for_room(until).await?;
        }
        let intake = Arc::clone(self);
        // A body of megabytes would hold up every connection of this thread.
        let decoding = spawn_blocking(move || intake.decode(asked, &body));
        let QueuedBody {
            mut delivery,
            found,
            committed,
        } = decoding.await.unwrap_or(Err(Refusal::Ending))?;
        while let Err(back) = self.handle.offer(delivery) {
            delivery = back;
            self.wait_for_room(until).await?;
        }
        // The next body is decoded while this one waits for its commit.
        drop(turn);
        match timeout_at(until, committed).await {
            Ok(Ok(())) => Ok(found),
            // What would have told of the commit was dropped uncalled.
            Ok(Err(_)) => Err(Refusal::Ending),
            Err(_) => Err(Refusal::NotCommitted),
        }
    }

    async fn wait_for_room(&self, until: Instant) -> Result<(), Refusal> {
        if !self.is_open() {
            return Err(Refusal::Ending);
        }
        if Instant::now() >= until {
            return Err(Refusal::Full);
        }
        // The queue wakes threads, not tasks.
        sleep(ASK_AGAIN).await;
        Ok(())
    }

    /// What a body holds, ready to be stored.
    fn decode(&self, asked: Wish, body: &[u8]) -> Result<QueuedBody, Refusal> {
        let now = unix_ms(SystemTime::now());
        let mut decoder = self.decoder();
        let mut delivery = if asked == Wish::Lines {
            decoder.lines(body, now);
            decoder.take()
        } else {
            decoder.document(body, now).ok_or(Refusal::NotJson)?
        };
        drop(decoder);
        let found = BodyReport::of(&delivery);
        let (commit, committed) = oneshot::channel();
        delivery.on_commit = Some(OnCommit::new(move || {
            // A client that has gone does not want to know.
            let _ = commit.send(());
        }));
        Ok(QueuedBody {
            delivery: self.handle.screened(Box::new(delivery)),
            found,
            committed,
        })
    }

    /// Says that nothing more is posted: what waits for an answer is stored as never answered. The
    /// post that it came with was called stored.
    pub(super) async fn end(&self) {
        let delivery = {
            let mut decoder = self.decoder();
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
