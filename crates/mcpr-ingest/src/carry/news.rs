//! What changes behind the place up to which a store was carried over: sessions that go on or end, servers that end,
//! versions of lists that are seen again. Nothing numbers such changes, so they are looked for.

use super::{Carrier, events};
use crate::import::update_of;
use mcpr_model::Event;
use mcpr_store::query::{
    Page, SessionFilter, SessionKey, SessionPage, SessionRow, SurfacePage, SurfaceRow,
};
use mcpr_store::{Reader, StoreError};
use std::collections::HashMap;

/// Sessions that were used within this time are looked at each time; the others once an hour.
const RECENT_MS: i64 = 24 * 60 * 60 * 1000;
/// How often all are looked at.
const ALL_MS: i64 = 60 * 60 * 1000;
/// Most sessions whose state is remembered; past that, all are forgotten, and reported once more.
const MAX_REMEMBERED: usize = 65_536;

/// What was reported of sessions before.
#[derive(Debug, Default)]
pub struct Sent {
    sessions: HashMap<SessionKey, SessionRow>,
    all_at: Option<i64>,
}

impl Carrier<'_> {
    /// Carries over what has changed of sessions, servers and lists; `target` says what it has of lists.
    ///
    /// # Errors
    /// When one of the stores fails; what was carried over before stays.
    pub fn news(
        &mut self,
        target: &dyn Reader,
        sent: &mut Sent,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let is_all = sent.all_at.is_none_or(|at| now_ms >= at + ALL_MS);
        let filter = SessionFilter {
            with_empty: true,
            since: (!is_all).then(|| now_ms.saturating_sub(RECENT_MS)),
            ..SessionFilter::default()
        };
        self.changed_sessions(&filter, sent)?;
        self.versions_seen_again(target)?;
        // Nothing shows when such an item was seen again, and hardly any store has one.
        if is_all {
            self.items()?;
            sent.all_at = Some(now_ms);
        }
        Ok(())
    }

    fn changed_sessions(
        &mut self,
        filter: &SessionFilter,
        sent: &mut Sent,
    ) -> Result<(), StoreError> {
        let mut page = SessionPage::oldest(Page::MAX_LIMIT);
        loop {
            let sessions = self.from.sessions(filter, &page)?;
            let is_last = sessions.len() < page.limit;
            page.after = sessions.last().map(SessionRow::place).or(page.after);
            let mut events = Vec::new();
            for row in sessions.into_iter().filter(|row| !row.inferred) {
                let key = row.key();
                // Its row says all that would be reported.
                if sent.sessions.get(&key) == Some(&row) {
                    continue;
                }
                events.push(Event::Session(update_of(&row)));
                // One that runs would be taken for one that this process runs.
                let run = self.from.server_run(&key)?;
                let ended = run.filter(|run| run.ended_at().is_some());
                events.extend(ended.map(Box::new).map(Event::Server));
                if sent.sessions.len() >= MAX_REMEMBERED {
                    sent.sessions.clear();
                }
                sent.sessions.insert(key, row);
            }
            if !events.is_empty() {
                self.append(events, self.position)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn versions_seen_again(&mut self, target: &dyn Reader) -> Result<(), StoreError> {
        let mut page = SurfacePage::without_texts(None);
        let mut known = (String::new(), HashMap::new());
        loop {
            let found = self.from.surfaces(&page)?;
            let Some(last) = found.lists().pop_last() else {
                return Ok(());
            };
            for row in found.versions {
                // Rows of one proxy stand together.
                if known.0 != row.proxy || known.1.is_empty() {
                    known = (row.proxy.clone(), last_seen(target, &row.proxy)?);
                }
                // By its text: in the target it may have another number.
                let text = (row.method.clone(), row.sha256.clone());
                if known.1.get(&text).is_some_and(|at| *at >= row.last_seen_at) {
                    continue;
                }
                // Only now its text, which may be long.
                let whole = self
                    .from
                    .surface_version(&row.proxy, &row.method, row.version)?;
                if let Some(whole) = whole {
                    self.append(vec![events::version(whole)], self.position)?;
                }
            }
            page.after = Some(last);
        }
    }
}

/// When a store has seen each text of a proxy's lists last, by method and hash.
fn last_seen(
    store: &dyn Reader,
    proxy: &str,
) -> Result<HashMap<(String, String), i64>, StoreError> {
    let mut page = SurfacePage::without_texts(Some(proxy));
    let mut all = HashMap::new();
    loop {
        let found = store.surfaces(&page)?;
        let Some(last) = found.lists().pop_last() else {
            return Ok(all);
        };
        let one = |row: SurfaceRow| ((row.method, row.sha256), row.last_seen_at);
        all.extend(found.versions.into_iter().map(one));
        page.after = Some(last);
    }
}
