//! The list of requests: a bounded piece of what the store holds, that slides over it both ways. Pure: what it
//! lacks it says, what comes it takes in.

mod server_deaths;

use super::queries::{
    FailureQuery, Query, RecheckQuery, Row, Rows, RowsQuery, ScanDirection, ScanProgress,
    ServerDeath,
};
use super::query_slots::ListQueries;
use super::view::ListView;
use mcpr_store::query::Cursor;
use std::collections::{HashSet, VecDeque};

/// Most rows in memory: what slides out at one end is read again when somebody goes there.
pub(super) const MAX_ROWS: usize = 2000;
/// Rows of one answer.
pub(super) const ROWS_AT_ONCE: usize = 300;
/// A follower that is so many numbers behind goes to the end at once; what it passes is in the store.
pub(super) const MAX_BEHIND: u64 = 2000;
/// Rows beyond the edge of the screen from which on more are fetched.
const MARGIN: usize = 100;
/// How often is looked whether the rows on screen are still in the store, in milliseconds.
const RECHECK_MS: i64 = 5_000;

/// What is known to lie beyond an end of the rows in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageEnd {
    /// Perhaps more.
    Open,
    /// Perhaps more, and it was asked for.
    Asked,
    /// Nothing.
    Nothing,
}

/// The piece of the list that is in memory, and what is seen of it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of the list what no other one does, in any combination"
)]
pub(super) struct RequestList {
    pub(super) query: Query,
    generation: u64,
    rows: VecDeque<Row>,
    /// The servers that died, in the order of that; those that are shown stand among the rows, too.
    deaths: Vec<ServerDeath>,
    deaths_until: Option<i64>,
    /// The rows are those of an earlier list, which stand there until the first of this one come.
    is_stale: bool,
    /// Everything between was looked at: from the first (inclusive) to the last (inclusive).
    low: Cursor,
    high: Cursor,
    older: PageEnd,
    is_newer_asked: bool,
    /// How far the store can be looked at: its last number, or the one at which it was paused.
    last: Cursor,
    pub(super) view: ListView,
    /// Whether the newest row is kept in sight.
    pub(super) follows: bool,
    /// A look for a failure is going on.
    seeks: Option<ScanDirection>,
    /// The row that is to be chosen as soon as it is there.
    aim: Option<Cursor>,
    /// It has come, and nobody knows yet.
    has_arrived: bool,
    /// When the rows were last compared with the store; unix milliseconds.
    rechecked_at: i64,
    must_recheck: bool,
}

impl Default for RequestList {
    fn default() -> Self {
        Self {
            query: Query::default(),
            generation: 0,
            rows: VecDeque::new(),
            deaths: Vec::new(),
            deaths_until: None,
            is_stale: false,
            low: Cursor::START.next(),
            high: Cursor::START,
            // Nothing is known of the store yet: `begin_at` says where to begin.
            older: PageEnd::Nothing,
            is_newer_asked: false,
            last: Cursor::START,
            view: ListView::default(),
            follows: true,
            seeks: None,
            aim: None,
            has_arrived: false,
            rechecked_at: 0,
            must_recheck: false,
        }
    }
}

impl RequestList {
    /// The rows in memory, oldest first.
    pub(super) fn rows(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// The row that is chosen.
    pub(super) fn chosen(&self) -> Option<&Row> {
        self.rows.get(self.view.chosen)
    }

    /// Whether older rows, or rows that match, are still being looked for.
    pub(super) fn is_looking(&self) -> bool {
        self.older == PageEnd::Asked || self.is_newer_asked && self.rows.is_empty()
    }

    /// Whether a look for a failure is going on.
    pub(super) fn seeks(&self) -> bool {
        self.seeks.is_some()
    }

    /// How much of the store a look for older rows has seen, in per cent.
    pub(super) fn looked_at_percent(&self) -> u64 {
        let seen = self.high.rows_since(self.low.previous());
        seen.saturating_mul(100) / self.high.rows_since(Cursor::START).max(1)
    }

    /// Rows that came since and are not in sight; of a list without a filter, their number.
    pub(super) fn behind(&self, head: Cursor) -> u64 {
        head.rows_since(self.high)
    }

    /// Lets go of what another store held.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.deaths.clear();
        self.view.first();
    }

    /// Begins anew beside a place: rows up to it are older, those behind it newer.
    pub(super) fn begin_at(&mut self, place: Cursor) {
        self.generation += 1;
        self.is_stale = true;
        (self.low, self.high) = (place.next(), place);
        self.older = if place > Cursor::START {
            PageEnd::Open
        } else {
            PageEnd::Nothing
        };
        self.is_newer_asked = false;
        self.seeks = None;
        self.aim = None;
    }

    /// Shows what another query lets through, from the newest on.
    pub(super) fn show(&mut self, query: Query) {
        self.query = query;
        self.follows = true;
        self.begin_at(self.last);
        self.place_server_deaths();
    }

    /// Goes to the newest row.
    pub(super) fn go_to_last(&mut self) {
        if self.is_complete() {
            self.view.last(self.rows.len());
        } else {
            self.begin_at(self.last);
        }
        self.follows = true;
    }

    /// Goes to the oldest row.
    pub(super) fn go_to_first(&mut self) {
        self.follows = false;
        if self.older == PageEnd::Nothing {
            self.view.first();
        } else {
            self.begin_at(Cursor::START);
        }
    }

    /// Moves the choice; on the newest row it follows again.
    pub(super) fn go(&mut self, rows: isize) {
        self.view.go(rows, self.rows.len());
        self.follows = rows > 0 && self.view.chosen + 1 == self.rows.len() && self.is_complete();
    }

    /// Whether the first row of all is chosen, or there is none.
    pub(super) fn is_at_first(&self) -> bool {
        self.view.chosen == 0 && self.older == PageEnd::Nothing
    }

    /// Chooses the row with a number, where it is in memory.
    pub(super) fn choose_number(&mut self, seq: i64) {
        if let Some(at) = self.rows.iter().position(|row| row.seq() == Some(seq))
            && at != self.view.chosen
        {
            self.follows = false;
            self.view.choose(at, self.rows.len());
        }
    }

    /// Whether nothing that may be looked at lies beyond the newest row.
    fn is_complete(&self) -> bool {
        self.high >= self.last
    }

    /// The store goes up to this number now.
    pub(super) fn reaches(&mut self, last: Cursor) {
        // A store that ends earlier than it did is another one.
        if last < self.high || (self.follows && last.rows_since(self.high) > MAX_BEHIND) {
            self.begin_at(last);
        }
        self.last = last;
    }

    /// Something was committed, perhaps the removal of rows.
    pub(super) fn may_have_lost_rows(&mut self) {
        self.must_recheck = true;
    }

    /// When rows are compared with the store although nothing happens; unix milliseconds.
    pub(super) fn due_at(&self) -> Option<i64> {
        let is_waiting = self.must_recheck && !self.rows.is_empty();
        is_waiting.then(|| self.rechecked_at.saturating_add(RECHECK_MS))
    }

    /// What the list lacks, once for each lack.
    pub(super) fn queries(&mut self, now_ms: i64, queries: &mut ListQueries) {
        // A screen that is not full yet, or the end of it, needs rows.
        let (rows, top) = if self.is_stale {
            (0, 0)
        } else {
            (self.rows.len(), self.view.top)
        };
        if self.older == PageEnd::Open && top < MARGIN {
            self.older = PageEnd::Asked;
            queries.older = Some(self.ask(ScanDirection::Older, self.low));
        }
        let below = rows.saturating_sub(top + self.view.height);
        if !self.is_newer_asked && !self.is_complete() && (self.follows || below < MARGIN) {
            self.is_newer_asked = true;
            queries.newer = Some(self.ask(ScanDirection::Newer, self.high));
        }
        let is_due = !self.is_stale && now_ms.saturating_sub(self.rechecked_at) >= RECHECK_MS;
        if let (true, Some(first), Some(last)) = (
            self.must_recheck && is_due,
            self.first_stored(),
            self.last_stored(),
        ) {
            queries.recheck = Some(RecheckQuery {
                generation: self.generation,
                first,
                last,
            });
            self.rechecked_at = now_ms;
            self.must_recheck = false;
        }
    }

    fn ask(&self, toward: ScanDirection, from: Cursor) -> RowsQuery {
        RowsQuery {
            generation: self.generation,
            query: self.query.clone(),
            toward,
            from,
            last: self.last,
            limit: ROWS_AT_ONCE,
        }
    }

    /// Takes in rows; whether anything changed.
    pub(super) fn take(&mut self, found: Rows) -> bool {
        if found.generation != self.generation {
            return false;
        }
        if std::mem::take(&mut self.is_stale) {
            self.rows.clear();
            self.view = ListView {
                height: self.view.height,
                ..ListView::default()
            };
        }
        let is_over = found.progress != ScanProgress::Looking;
        match found.toward {
            ScanDirection::Older => {
                self.low = self.low.min(found.reached);
                if is_over {
                    let at_edge = found.progress == ScanProgress::Edge;
                    self.older = if at_edge {
                        PageEnd::Nothing
                    } else {
                        PageEnd::Open
                    };
                }
                self.view.shift(found.rows.len(), self.rows.is_empty());
                for row in found.rows {
                    self.rows.push_front(row);
                }
                self.choose_aim();
                self.trim_newer();
            }
            ScanDirection::Newer => {
                self.high = self.high.max(found.reached);
                self.is_newer_asked &= !is_over;
                self.rows.extend(found.rows);
                self.trim_older();
            }
        }
        self.place_server_deaths();
        self.settle();
        true
    }

    /// The place of the first row that the store has a number for.
    fn first_stored(&self) -> Option<Cursor> {
        self.rows.iter().find_map(Row::cursor)
    }

    fn last_stored(&self) -> Option<Cursor> {
        self.rows.iter().rev().find_map(Row::cursor)
    }

    /// Lets the newest rows go that are too many.
    fn trim_newer(&mut self) {
        if self.rows.len() <= MAX_ROWS {
            return;
        }
        // Whoever follows looks at the newest rows: then the oldest are too many.
        if self.follows {
            return self.trim_older();
        }
        self.rows.truncate(MAX_ROWS);
        self.high = self.last_stored().unwrap_or(self.high);
    }

    /// Lets the oldest rows go that are too many.
    fn trim_older(&mut self) {
        let excess = self.rows.len().saturating_sub(MAX_ROWS);
        if excess == 0 {
            return;
        }
        self.rows.drain(..excess);
        self.view.unshift(excess);
        self.low = self.first_stored().unwrap_or(self.low);
        if self.older == PageEnd::Nothing {
            self.older = PageEnd::Open;
        }
    }

    /// Lets rows go that are not in the store any more; whether there were any.
    pub(super) fn keep_present(&mut self, ask: &RecheckQuery, rows: &[Cursor]) -> bool {
        if ask.generation != self.generation {
            return false;
        }
        let present: HashSet<Cursor> = rows.iter().copied().collect();
        let is_kept = |row: &Row| {
            row.cursor()
                .is_none_or(|row| !(ask.first..=ask.last).contains(&row) || present.contains(&row))
        };
        let before = self.rows.len();
        let above = self.rows.iter().take(self.view.chosen);
        let gone_above = above.filter(|row| !is_kept(row)).count();
        self.rows.retain(is_kept);
        self.view.unshift(gone_above);
        self.place_server_deaths();
        self.view.settle(self.rows.len());
        self.rows.len() != before
    }

    /// Goes to the next request that failed. Those in memory are looked at here; for the others a look
    /// into the store is returned.
    pub(super) fn seek_failure(&mut self, toward: ScanDirection) -> Option<FailureQuery> {
        let failed = |row: &Row| row.request().is_some_and(|row| row.status.is_failure());
        let chosen = self.view.chosen;
        let found = match toward {
            // Nothing of this list is here yet.
            _ if self.is_stale => None,
            ScanDirection::Newer => {
                (chosen + 1..self.rows.len()).find(|&at| failed(&self.rows[at]))
            }
            ScanDirection::Older => (0..chosen.min(self.rows.len()))
                .rev()
                .find(|&at| failed(&self.rows[at])),
        };
        if let Some(at) = found {
            self.follows = false;
            self.view.choose(at, self.rows.len());
            return None;
        }
        self.seeks = Some(toward);
        // Behind what was looked at here.
        let from = match toward {
            ScanDirection::Older => self.low,
            ScanDirection::Newer => self.high,
        };
        Some(FailureQuery(RowsQuery {
            limit: 1,
            ..self.ask(toward, from)
        }))
    }

    /// Takes in where the next failure is; what to say where there is none.
    pub(super) fn take_failure(
        &mut self,
        generation: u64,
        toward: ScanDirection,
        found: Option<Cursor>,
    ) -> Option<&'static str> {
        if generation != self.generation || self.seeks.take() != Some(toward) {
            return None;
        }
        let Some(place) = found else {
            return Some(match toward {
                ScanDirection::Older => "no earlier failure",
                ScanDirection::Newer => "no later failure",
            });
        };
        self.follows = false;
        self.begin_at(place);
        self.aim = Some(place);
        None
    }

    /// Whether the row that was gone to has come; reported once.
    pub(super) fn take_arrived(&mut self) -> bool {
        std::mem::take(&mut self.has_arrived)
    }

    /// Keeps what is seen within the list.
    pub(super) fn settle(&mut self) {
        if self.follows {
            self.view.last(self.rows.len());
        }
        self.view.settle(self.rows.len());
    }

    /// Chooses the row that was gone to, if it is there.
    fn choose_aim(&mut self) {
        let Some(aim) = self.aim else { return };
        if let Some(at) = self.rows.iter().position(|row| row.cursor() == Some(aim)) {
            self.aim = None;
            self.has_arrived = true;
            // In the middle: what happened before and after is what one asks next.
            self.view.top = at.saturating_sub(self.view.height / 2);
            self.view.choose(at, self.rows.len());
        }
    }
}
