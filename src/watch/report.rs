//! The report of what the screen shows, made beside it: it may take a while, and keys do not wait for it.

use super::event::{Events, ScreenEvent};
use mcpr_store::query::Filter;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Makes a report of the requests that pass a filter; says where it is, or why there is none.
pub type ReportOf = Arc<dyn Fn(Filter) -> Result<String, String> + Send + Sync>;

/// Makes reports, one at a time.
pub(super) struct ReportMaker {
    pub(super) report_of: ReportOf,
    pub(super) events: Events,
    pub(super) is_busy: Arc<AtomicBool>,
}

impl fmt::Debug for ReportMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportMaker").finish_non_exhaustive()
    }
}

impl ReportMaker {
    /// Begins to make a report; what became of it comes as an event.
    pub(super) fn begin(&self, filter: Filter) -> Result<(), String> {
        // Whoever holds the key down gets one report, not a hundred threads.
        if self.is_busy.swap(true, Ordering::AcqRel) {
            return Err("the last report is not done yet".to_owned());
        }
        let (report_of, events) = (Arc::clone(&self.report_of), self.events.clone());
        let is_busy = Arc::clone(&self.is_busy);
        let work = move || {
            let outcome = report_of(filter);
            is_busy.store(false, Ordering::Release);
            events.send(ScreenEvent::Written(outcome));
        };
        let started = thread::Builder::new().name("report".to_owned()).spawn(work);
        started.map(drop).map_err(|error| {
            self.is_busy.store(false, Ordering::Release);
            format!("no report: {error}")
        })
    }
}
