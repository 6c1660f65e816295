//! Another store as a target: rows are appended with the place that they lead to, in one transaction there.

use super::noted::Noted;
use super::{Followed, Forward, News, OnNews, WATCH, is_stopped, open};
use crate::carry::{Carrier, Sent};
use crate::unix_ms;
use mcpr_connect::connect;
use mcpr_store::query::Cursor;
use mcpr_store::{StoreError, StoreUrl};
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

/// How often what is in no row is looked for while the store goes on.
const NEWS_EVERY: Duration = Duration::from_secs(2);

/// Follows until it is asked to stop, or something fails.
pub(super) fn follow(
    task: &Forward,
    url: &StoreUrl,
    stop: &AtomicBool,
    on_news: OnNews<'_>,
) -> Result<Cursor, StoreError> {
    // All of it anew after each failure: a connection that broke is of no more use.
    let Followed { from, mut local } = open(task)?;
    let target = connect(url)?;
    let mut to = target.writer(task.writer.clone())?;
    let there = target.reader()?;
    let mut noted = Noted::read(local.as_mut(), &url.to_string())?;
    let name = task.from.to_string();
    let mut carrier = Carrier::resume(from.as_ref(), to.as_mut(), &name, task.with_payloads)?;
    let mut sent = Sent::default();
    let mut news_at: Option<Instant> = None;
    loop {
        let gone = carrier.gone()?;
        if gone > 0 {
            on_news(News::Gone(gone));
        }
        let mut failed = None;
        let head = carrier.rows(&mut |place| {
            // The target has it: that it cannot be noted is found out by the next look.
            failed = failed.take().or(noted.note(place).err());
            on_news(News::Sent(place));
            if failed.is_some() || is_stopped(stop) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if news_at.is_none_or(|at| at.elapsed() >= NEWS_EVERY) {
            carrier.news(there.as_ref(), &mut sent, unix_ms(SystemTime::now()))?;
            news_at = Some(Instant::now());
        }
        if task.once || is_stopped(stop) {
            return Ok(carrier.position());
        }
        // Not for long, so that a signal is answered.
        from.watch(head, WATCH)?;
    }
}
