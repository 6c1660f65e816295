//! From a body to the store: decoded like a line of a file, offered to the queue, and waited for.

use super::answer::{BodyReport, Refusal};
use super::body::WholeBody;
use super::gate::Wish;
use super::limits::{ASK_AGAIN, COMMIT, LOOK_AT_WAITING, POSTS};
use super::otlp;
use crate::{Delivery, LineDecoder, OnCommit, Screened, SourceHandle, unix_ms};
use mcpr_model::Event;
use mcpr_otlp::Joiner;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::{Mutex as Turn, Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

/// The way of bodies into the store.
#[derive(Debug)]
pub struct Intake {
    decoder: Mutex<LineDecoder>,
    /// What posts of OTLP have reported about operations that another post may complete.
    joiner: Mutex<Joiner>,
    /// Whether it was reported that spans are a sample.
    is_sampled: AtomicBool,
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
            joiner: Mutex::default(),
            is_sampled: AtomicBool::new(false),
            handle,
            turn: Turn::default(),
            posts: Arc::new(Semaphore::new(POSTS)),
        }
    }

    /// Whether bodies are still taken.
    pub(super) fn is_open(&self) -> bool {
        !self.handle.is_closed()
    }

    fn joiner(&self) -> MutexGuard<'_, Joiner> {
        self.joiner.lock().unwrap_or_else(PoisonError::into_inner)
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
            // What would have reported the commit was dropped uncalled.
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
        let mut rejected = None;
        let mut delivery = match asked {
            Wish::Lines => {
                decoder.lines(body, now);
                decoder.take()
            }
            Wish::Otlp(post) => {
                let read = {
                    let mut joiner = self.joiner();
                    joiner.keep_payloads(decoder.keeps_bodies());
                    post.read(&mut joiner, body, now)?
                };
                rejected.clone_from(&read.rejected);
                // Once: it does not change while a program runs.
                if read.sampled > 0 && !self.is_sampled.swap(true, Ordering::Relaxed) {
                    decoder.note_sampled();
                }
                let mut delivery = decoder.take();
                delivery.bytes = body.len();
                otlp::deliver(read, |method| decoder.admits(method), &mut delivery);
                delivery
            }
            _ => decoder.document(body, now).ok_or(Refusal::NotJson)?,
        };
        drop(decoder);
        let mut found = BodyReport::of(&delivery);
        found.rejected = rejected;
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
        // What waits has waited enough.
        let rows = self.joiner().overdue(i64::MAX);
        self.offer(delivery, rows).await;
    }

    /// Makes rows of what has waited long enough for another account, again and again.
    pub(super) async fn give_up_waiting(self: Arc<Self>) {
        while self.is_open() {
            sleep(LOOK_AT_WAITING).await;
            // In the order of posts: one that is being decoded may complete what waits.
            let turn = self.turn.lock().await;
            let rows = self.joiner().overdue(unix_ms(SystemTime::now()));
            if !rows.is_empty() {
                let delivery = self.decoder().take();
                self.offer(delivery, rows).await;
            }
            drop(turn);
        }
    }

    /// Offers a delivery with more rows until it is taken, or nothing is taken any more. What is not taken then is
    /// in the store already, as what waits.
    async fn offer(&self, mut delivery: Delivery, rows: Vec<mcpr_model::Request>) {
        {
            let decoder = self.decoder();
            let wanted = rows.into_iter().filter(|row| decoder.admits(&row.method));
            delivery.events.extend(wanted.map(Event::Request));
        }
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
