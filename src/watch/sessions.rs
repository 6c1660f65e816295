//! The list of sessions, those used last first: some pages of it, that slide over the whole list. Pure.

use super::queries::SessionsQuery;
use super::query_slots::ListQueries;
use super::view::ListView;
use crate::render::ServerFailure;
use mcpr_store::query::{SessionFilter, SessionKey, SessionPlace, SessionRow};
use std::collections::{HashMap, HashSet, VecDeque};

/// Most pages in memory.
const MAX_PAGES: usize = 4;
/// How many failed servers are known before those are dropped that no row is of.
const MAX_FAILED: usize = 2_000;
/// Rows beyond the edge of the screen from which on more are fetched.
const MARGIN: usize = 40;
/// How often the first page is read again while something is recorded, in milliseconds.
const REFRESH_MS: i64 = 1_000;

/// One page, and the place behind which it begins.
#[derive(Debug)]
struct LoadedPage {
    after: Option<SessionPlace>,
    rows: Vec<SessionRow>,
}

/// The pages of the list that are in memory, and what is seen of them.
#[derive(Debug, Default)]
pub(super) struct SessionList {
    pub(super) text: String,
    /// Which sessions are shown at all.
    pub(super) filter: SessionFilter,
    generation: u64,
    pages: VecDeque<LoadedPage>,
    /// Where the pages begin that slid out at the top: one place for each, which is all that is needed to
    /// read it again.
    above: Vec<Option<SessionPlace>>,
    /// How the servers failed of sessions in memory.
    failed: HashMap<SessionKey, ServerFailure>,
    more: bool,
    /// What was asked for and is not answered yet.
    asked: Option<SessionsQuery>,
    pub(super) view: ListView,
    is_stale: bool,
    refreshed_at: i64,
}

impl SessionList {
    /// The rows in memory.
    pub(super) fn rows(&self) -> impl Iterator<Item = &SessionRow> {
        self.pages.iter().flat_map(|page| &page.rows)
    }

    /// How the server of a session failed, where it did.
    pub(super) fn failure_of(&self, row: &SessionRow) -> Option<ServerFailure> {
        self.failed.get(&row.key()).copied()
    }

    /// Takes in which servers failed.
    pub(super) fn learn_failed(&mut self, failed: Vec<(SessionKey, ServerFailure)>) {
        if self.failed.len() > MAX_FAILED {
            // Those of pages that slid out go; what is read again brings them back.
            let in_memory: HashSet<SessionKey> = self.rows().map(SessionRow::key).collect();
            self.failed.retain(|key, _| in_memory.contains(key));
        }
        self.failed.extend(failed);
    }

    fn len(&self) -> usize {
        self.pages.iter().map(|page| page.rows.len()).sum()
    }

    /// The session that is chosen.
    pub(super) fn chosen(&self) -> Option<&SessionRow> {
        self.rows().nth(self.view.chosen)
    }

    /// Whether nothing was read yet.
    pub(super) fn is_loading(&self) -> bool {
        self.pages.is_empty() && (self.is_stale || self.asked.is_some())
    }

    /// Reads the list anew, from those used last on.
    pub(super) fn begin(&mut self) {
        self.generation += 1;
        self.pages.clear();
        self.above.clear();
        self.more = false;
        self.asked = None;
        self.view = ListView {
            height: self.view.height,
            ..ListView::default()
        };
        self.is_stale = true;
        self.refreshed_at = 0;
    }

    /// Something was recorded since.
    pub(super) fn may_have_changed(&mut self) {
        self.is_stale = true;
    }

    /// When the list is to be read again although nobody does anything.
    pub(super) fn due_at(&self) -> Option<i64> {
        let is_waiting = self.is_stale && self.asked.is_none() && self.is_at_top();
        is_waiting.then(|| self.refreshed_at + REFRESH_MS)
    }

    /// Only the beginning of the list is kept new: rows that one reads must not change places.
    fn is_at_top(&self) -> bool {
        self.above.is_empty() && self.view.top == 0
    }

    pub(super) fn go(&mut self, rows: isize) {
        self.view.go(rows, self.len());
    }

    /// Goes to the session used last.
    pub(super) fn go_to_first(&mut self) {
        if self.above.is_empty() {
            self.view.first();
        } else {
            self.begin();
        }
    }

    /// Keeps what is seen within the list.
    pub(super) fn settle(&mut self) {
        let len = self.len();
        self.view.settle(len);
    }

    /// Goes to the last session in memory; going on reads more.
    pub(super) fn go_to_last(&mut self) {
        let len = self.len();
        self.view.last(len);
    }

    /// Goes to the next session with an error, in the order of the list.
    pub(super) fn seek_failure(&mut self, down: bool) -> bool {
        let failed: Vec<usize> = self
            .rows()
            .enumerate()
            .filter(|(_, row)| row.total_errors > 0)
            .map(|(at, _)| at)
            .collect();
        let chosen = self.view.chosen;
        let found = if down {
            failed.into_iter().find(|&at| at > chosen)
        } else {
            failed.into_iter().rev().find(|&at| at < chosen)
        };
        if let Some(at) = found {
            self.view.choose(at, self.len());
        }
        found.is_some()
    }

    /// What the list lacks, once for each lack.
    pub(super) fn queries(&mut self, now_ms: i64, queries: &mut ListQueries) {
        if self.asked.is_some() {
            return;
        }
        let below = self.len().saturating_sub(self.view.top + self.view.height);
        let after = if self.pages.is_empty() {
            self.is_stale.then_some(None)
        } else if self.due_at().is_some_and(|due| now_ms >= due) {
            Some(None)
        } else if self.view.top < MARGIN && !self.above.is_empty() {
            self.above.last().cloned()
        } else if self.more && below < MARGIN {
            self.last_place().map(Some)
        } else {
            None
        };
        let Some(after) = after else { return };
        if after.is_none() {
            self.is_stale = false;
            self.refreshed_at = now_ms;
        }
        let ask = SessionsQuery {
            generation: self.generation,
            filter: self.filter.clone(),
            text: self.text.clone(),
            after,
        };
        self.asked = Some(ask.clone());
        queries.sessions = Some(ask);
    }

    fn last_place(&self) -> Option<SessionPlace> {
        self.pages.back()?.rows.last().map(SessionRow::place)
    }

    /// Takes in a page; whether anything changed.
    pub(super) fn take(&mut self, ask: &SessionsQuery, rows: Vec<SessionRow>, more: bool) -> bool {
        if self.asked.as_ref() != Some(ask) {
            return false;
        }
        self.asked = None;
        let chosen = self.chosen().map(SessionRow::key);
        let page = LoadedPage {
            after: ask.after.clone(),
            rows,
        };
        if self.above.last() == Some(&page.after) {
            self.above.pop();
            self.view.shift(page.rows.len(), false);
            self.pages.push_front(page);
            if self.pages.len() > MAX_PAGES {
                self.pages.pop_back();
                self.more = true;
            }
        } else if page.after.is_none() {
            // The order may be another one: all that follows is read again where it is needed.
            self.pages.clear();
            self.pages.push_back(page);
            self.more = more;
        } else {
            self.pages.push_back(page);
            self.more = more;
            if self.pages.len() > MAX_PAGES
                && let Some(gone) = self.pages.pop_front()
            {
                self.view.unshift(gone.rows.len());
                self.above.push(gone.after);
            }
        }
        // The choice stays with its session, unless it is whatever was used last.
        let place = chosen.filter(|_| self.view.chosen > 0);
        let at = place.and_then(|key| self.rows().position(|row| row.key() == key));
        self.view.choose(at.unwrap_or(self.view.chosen), self.len());
        true
    }
}
