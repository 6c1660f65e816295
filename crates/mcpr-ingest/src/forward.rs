//! What is recorded, sent on: a store is followed, and what is new in it goes to another store or to a collector of
//! OTLP. A target that is away costs delay and no row: the store itself is the buffer.

mod collector;
mod noted;
mod store;

pub use collector::{Collector, TargetError};
pub use noted::{Target, sent_up_to};

use mcpr_connect::connect;
use mcpr_store::query::Cursor;
use mcpr_store::{Reader, StoreError, StoreErrorKind, StoreUrl, Writer, WriterOptions};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The first pause after a failure; each one that follows is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long news of the store are waited for, before a stop is looked for.
const WATCH: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Debug)]
pub struct Forward {
    /// The store that is followed.
    pub from: StoreUrl,
    /// Who writes: rows into targets that are stores, and where it was sent up to into the store itself.
    pub writer: WriterOptions,
    /// Whether payloads go along.
    pub with_payloads: bool,
    /// Whether to end where the store ends.
    pub once: bool,
}

/// What happens meanwhile.
#[derive(Debug)]
pub enum News<'a> {
    /// The target has everything up to here.
    Sent(Cursor),
    /// It failed, and is tried again after this time.
    Failed(&'a StoreError, Duration),
    /// It works again.
    Back,
    /// So many rows went before they were sent: they are a gap.
    Gone(u64),
    /// The target took so many rows for good and refused them, and why.
    Refused(u64, &'a str),
}

/// Called with what happens.
pub type OnNews<'a> = &'a mut dyn FnMut(News<'_>);

/// Follows a store and sends what is new, until it is asked to stop.
///
/// # Errors
/// When the store or the target fail in a way that time does not mend, or at all where it is to end by itself.
pub fn forward(
    task: &Forward,
    target: &Target,
    stop: &AtomicBool,
    on_news: OnNews<'_>,
) -> Result<Cursor, StoreError> {
    let mut pause = FIRST_PAUSE;
    let mut is_failing = false;
    loop {
        let mut on_sent = |news: News<'_>| {
            if matches!(news, News::Sent(_)) && std::mem::take(&mut is_failing) {
                pause = FIRST_PAUSE;
                on_news(News::Back);
            }
            on_news(news);
        };
        let sent = match target {
            Target::Store(url) => store::follow(task, url, stop, &mut on_sent),
            Target::Collector(collector) => collector.follow(task, stop, &mut on_sent),
        };
        let error = match sent {
            Err(error) if is_passing(&error) && !task.once => error,
            sent => return sent,
        };
        if is_stopped(stop) {
            return Err(error);
        }
        is_failing = true;
        on_news(News::Failed(&error, pause));
        wait(pause, stop);
        if is_stopped(stop) {
            return Err(error);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the same may succeed later, by itself or because somebody mends what is outside.
fn is_passing(error: &StoreError) -> bool {
    matches!(
        error.kind,
        StoreErrorKind::Retryable
            | StoreErrorKind::Gone
            | StoreErrorKind::InUse
            | StoreErrorKind::Missing
    )
}

fn is_stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}

/// Waits, and looks now and then whether to stop.
fn wait(length: Duration, stop: &AtomicBool) {
    let mut left = length;
    while !left.is_zero() && !is_stopped(stop) {
        let piece = left.min(WATCH);
        std::thread::sleep(piece);
        left -= piece;
    }
}

/// The store that is followed, open twice.
struct Followed {
    from: Box<dyn Reader>,
    /// To note what was sent.
    local: Box<dyn Writer>,
}

fn open(task: &Forward) -> Result<Followed, StoreError> {
    let backend = connect(&task.from)?;
    let from = backend.reader()?;
    let local = backend.writer(task.writer.clone())?;
    Ok(Followed { from, local })
}

#[cfg(test)]
mod tests;
