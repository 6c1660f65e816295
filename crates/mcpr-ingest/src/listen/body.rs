//! Reads bodies within their limits: each has a size and a time, and all together a size.

use super::answer::Refusal;
use super::limits::{ALL_BODIES_BYTES, BODY, BODY_BYTES, LINGER};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{EXPECT, HeaderMap};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The memory that all bodies share.
#[derive(Debug, Clone)]
pub(super) struct BodyRoom(Arc<Semaphore>);

impl BodyRoom {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ALL_BODIES_BYTES)))
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).ok()
    }
}

/// A body that has come.
#[derive(Debug, Default)]
pub(super) struct WholeBody {
    pub(super) bytes: Vec<u8>,
    /// The room that it takes, kept until its answer is there: its events take no less.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Reads a body to its end.
pub(super) async fn read(body: &mut Incoming, room: &BodyRoom) -> Result<WholeBody, Refusal> {
    timeout(BODY, read_all(body, room))
        .await
        .unwrap_or(Err(Refusal::TooSlow))
}

async fn read_all(body: &mut Incoming, room: &BodyRoom) -> Result<WholeBody, Refusal> {
    let mut whole = WholeBody::default();
    // What is declared is set aside, and not taken before it comes.
    let declared = body.size_hint().lower().min(BODY_BYTES);
    whole
        .bytes
        .reserve_exact(usize::try_from(declared).unwrap_or_default());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else {
            continue; // trailers say nothing about events
        };
        if (whole.bytes.len() + data.len()) as u64 > BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        // Room is taken for what has come: a header alone must keep nobody out.
        let taken = room.take(data.len()).ok_or(Refusal::Full)?;
        match &mut whole.room {
            Some(room) => room.merge(taken),
            None => whole.room = Some(taken),
        }
        whole.bytes.extend_from_slice(&data);
    }
    Ok(whole)
}

/// Throws away the rest of a refused body: a client that still writes would lose the answer. One
/// that waits to be asked for its body is not asked.
pub(super) async fn discard(body: &mut Incoming, headers: &HeaderMap) {
    if headers.contains_key(EXPECT) || body.is_end_stream() {
        return;
    }
    let mut left = BODY_BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(len) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // The answer is sent either way.
    let _ = timeout(LINGER, reading).await;
}
