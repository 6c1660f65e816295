//! The list of tools: sums over a window, sorted by any column. Pure.

use super::needle::Needle;
use super::queries::{ToolSums, ToolsQuery};
use super::view::ListView;
use mcpr_model::ErrorKind;
use mcpr_model::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use mcpr_store::query::{Filter, StatsKey, Summary};
use std::cmp::Ordering;

/// The windows that `+` and `-` go through; `None` is everything.
pub(super) const WINDOWS_MS: [Option<i64>; 8] = [
    Some(MINUTE_MS),
    Some(5 * MINUTE_MS),
    Some(15 * MINUTE_MS),
    Some(HOUR_MS),
    Some(6 * HOUR_MS),
    Some(DAY_MS),
    Some(7 * DAY_MS),
    None,
];
/// The window that is shown first, if it holds something.
const FIRST_WINDOW: usize = 2;
/// Bars over the window.
pub(super) const BARS: usize = 24;
/// How many of them are put together where the screen is narrow.
pub(super) const BARS_IN_ONE: usize = 2;
/// How often sums are made anew, at the most, in milliseconds.
const REFRESH_MS: i64 = 1_000;
/// How often they are although nothing was recorded, since the window moves on.
const MOVE_ON_MS: i64 = 10_000;
/// Sums may take this part of the time: on a large store they come less often.
const REST: i64 = 20;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SortBy {
    Name,
    Calls,
    Errors,
    P50,
    P95,
    Longest,
}

impl SortBy {
    pub(super) const ALL: [Self; 6] = [
        Self::Name,
        Self::Calls,
        Self::Errors,
        Self::P50,
        Self::P95,
        Self::Longest,
    ];

    /// Names go up from A; of figures the largest is looked for.
    fn compare(self, a: &Summary, b: &Summary) -> Ordering {
        match self {
            Self::Name => name_of(a).cmp(&name_of(b)),
            Self::Calls => b.calls.cmp(&a.calls),
            Self::Errors => b.error_rate().total_cmp(&a.error_rate()),
            Self::P50 => b.quantiles_us[0].cmp(&a.quantiles_us[0]),
            Self::P95 => b.quantiles_us[1].cmp(&a.quantiles_us[1]),
            Self::Longest => longest(b).cmp(&longest(a)),
        }
    }
}

fn name_of(row: &Summary) -> [&str; 3] {
    let key = &row.key;
    [&key.tool, &key.method, &key.proxy].map(|name| name.as_deref().unwrap_or_default())
}

/// The row of what has calls in flight alone.
fn without_an_end(key: StatsKey) -> Summary {
    Summary {
        key,
        calls: 0,
        total_errors: 0,
        errors: [0; ErrorKind::ALL.len()],
        quantiles_us: [None; 3],
        latency_range_us: None,
        total_us: 0,
        bytes_in: 0,
        bytes_out: 0,
        calls_by_bucket: Vec::new(),
        unplaced_calls: 0,
        before: None,
        operations: None,
    }
}

fn longest(row: &Summary) -> Option<i64> {
    row.latency_range_us.map(|(_, longest)| longest)
}

/// The sums, and what is seen of them.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of the list what no other one does, in any combination"
)]
pub(super) struct ToolList {
    pub(super) text: String,
    all: Option<ToolSums>,
    /// What is in flight, once each,
    awaited: Vec<StatsKey>,
    /// and rows for what of it has no sums, as no call of it has ended.
    waiting: Vec<Summary>,
    /// Those that are shown, in order, by their places in `all`.
    order: Vec<usize>,
    pub(super) sort_by: SortBy,
    pub(super) reversed: bool,
    window: usize,
    /// Whether a longer window may be taken: until somebody has chosen one.
    may_widen: bool,
    is_asked: bool,
    is_stale: bool,
    /// When the sums may be made anew; unix milliseconds.
    next_at: i64,
    moves_on_at: i64,
    pub(super) view: ListView,
}

impl Default for ToolList {
    fn default() -> Self {
        Self {
            text: String::new(),
            all: None,
            awaited: Vec::new(),
            waiting: Vec::new(),
            order: Vec::new(),
            sort_by: SortBy::Calls,
            reversed: false,
            window: FIRST_WINDOW,
            may_widen: true,
            is_asked: false,
            is_stale: true,
            next_at: 0,
            moves_on_at: 0,
            view: ListView::default(),
        }
    }
}

impl ToolList {
    /// The sums, unless none were made yet.
    pub(super) fn sums(&self) -> Option<&ToolSums> {
        self.all.as_ref()
    }

    /// The rows that are shown, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Summary> {
        let all = self.all.as_ref().map_or(&[][..], |tools| &tools.rows);
        let at = move |at: usize| all.get(at).or_else(|| self.waiting.get(at - all.len()));
        self.order.iter().filter_map(move |&place| at(place))
    }

    pub(super) fn chosen(&self) -> Option<&Summary> {
        self.rows().nth(self.view.chosen)
    }

    /// The window that is meant; `None` is everything.
    pub(super) fn window_ms(&self) -> Option<i64> {
        WINDOWS_MS[self.window]
    }

    pub(super) fn go(&mut self, rows: isize) {
        self.view.go(rows, self.order.len());
    }

    /// Keeps what is seen within the list.
    pub(super) fn settle(&mut self) {
        let len = self.order.len();
        self.view.settle(len);
    }

    pub(super) fn go_to_last(&mut self) {
        self.view.last(self.order.len());
    }

    /// Takes the next longer or shorter window; whether there is one.
    pub(super) fn change_window(&mut self, longer: bool) -> bool {
        let window = if longer {
            (self.window + 1).min(WINDOWS_MS.len() - 1)
        } else {
            self.window.saturating_sub(1)
        };
        let is_another = window != self.window;
        self.window = window;
        self.may_widen = false;
        if is_another {
            self.make_anew();
        }
        is_another
    }

    /// Sums are made anew as soon as may be.
    pub(super) fn make_anew(&mut self) {
        self.is_stale = true;
        self.next_at = 0;
    }

    /// Something was recorded.
    pub(super) fn may_have_changed(&mut self) {
        self.is_stale = true;
    }

    /// When sums are made anew although nobody does anything.
    pub(super) fn due_at(&self) -> Option<i64> {
        if self.is_asked {
            return None;
        }
        // Everything there is does not move on with the time.
        let moves_on = self.window_ms().map(|_| self.moves_on_at.max(self.next_at));
        if self.is_stale {
            Some(self.next_at)
        } else {
            moves_on
        }
    }

    /// The sums that are wanted now, if any are.
    pub(super) fn queries(&mut self, filter: &Filter, now_ms: i64) -> Option<ToolsQuery> {
        if self.due_at().is_none_or(|due| now_ms < due) {
            return None;
        }
        self.is_asked = true;
        self.is_stale = false;
        Some(ToolsQuery {
            filter: filter.clone(),
            window_ms: self.window_ms(),
            may_widen: self.may_widen,
            now_ms,
        })
    }

    /// Takes in sums.
    pub(super) fn take(&mut self, tools: ToolSums, took_ms: i64, now_ms: i64) {
        self.is_asked = false;
        self.next_at = now_ms + REFRESH_MS.max(took_ms.saturating_mul(REST));
        self.moves_on_at = now_ms + MOVE_ON_MS;
        if self.may_widen {
            let taken = WINDOWS_MS.iter().position(|&it| it == tools.window_ms);
            self.window = taken.unwrap_or(self.window);
        } else if tools.window_ms != self.window_ms() {
            // The window was changed meanwhile: these sums are not what is wanted any more.
            self.make_anew();
        }
        let chosen = self.chosen().map(|row| row.key.clone());
        self.all = Some(tools);
        self.arrange();
        self.choose_again(chosen);
    }

    /// Takes in what is in flight.
    pub(super) fn wait_for(&mut self, mut keys: Vec<StatsKey>) {
        keys.sort();
        keys.dedup();
        if keys != self.awaited {
            let chosen = self.chosen().map(|row| row.key.clone());
            self.awaited = keys;
            self.arrange();
            self.choose_again(chosen);
        }
    }

    /// The choice stays with its tool, wherever that has gone.
    fn choose_again(&mut self, chosen: Option<StatsKey>) {
        let at = chosen.and_then(|key| self.rows().position(|row| row.key == key));
        if let Some(at) = at {
            self.view.choose(at, self.order.len());
        }
    }

    /// Sorts by another column.
    pub(super) fn sort_by_next(&mut self, right: bool) {
        let at = SortBy::ALL
            .iter()
            .position(|&by| by == self.sort_by)
            .unwrap_or(0);
        let len = SortBy::ALL.len();
        let step = if right { 1 } else { len - 1 };
        self.sort_by = SortBy::ALL[(at + step) % len];
        self.reversed = false;
        self.arrange();
    }

    /// Turns the order round.
    pub(super) fn reverse(&mut self) {
        self.reversed = !self.reversed;
        self.arrange();
    }

    /// Shows only tools with a text in a name.
    pub(super) fn look_for(&mut self, text: String) {
        self.text = text;
        self.arrange();
    }

    fn arrange(&mut self) {
        let all = self.all.as_ref().map_or(&[][..], |tools| &tools.rows);
        let has_sums = |key: &StatsKey| all.iter().any(|row| row.key == *key);
        let waiting = self.awaited.iter().filter(|key| !has_sums(key));
        self.waiting = waiting.cloned().map(without_an_end).collect();
        let rows: Vec<&Summary> = all.iter().chain(&self.waiting).collect();
        let needle = Needle::new(&self.text);
        let is_meant = |row: &Summary| {
            let mut names = name_of(row).into_iter();
            needle
                .as_ref()
                .is_none_or(|needle| names.any(|name| needle.is_in(name)))
        };
        self.order = (0..rows.len()).filter(|&at| is_meant(rows[at])).collect();
        let (by, reversed) = (self.sort_by, self.reversed);
        self.order.sort_by(|&a, &b| {
            let order = by.compare(rows[a], rows[b]);
            let order = if reversed { order.reverse() } else { order };
            // Equal figures stand by name, so that no row jumps from one look to the next.
            order.then_with(|| SortBy::Name.compare(rows[a], rows[b]))
        });
        self.view.settle(self.order.len());
    }

    /// Goes to the next tool with an error.
    pub(super) fn seek_failure(&mut self, down: bool) -> bool {
        let failed: Vec<bool> = self.rows().map(|row| row.total_errors > 0).collect();
        let chosen = self.view.chosen;
        let found = if down {
            (chosen + 1..failed.len()).find(|&at| failed[at])
        } else {
            (0..chosen.min(failed.len())).rev().find(|&at| failed[at])
        };
        if let Some(at) = found {
            self.view.choose(at, self.order.len());
        }
        found.is_some()
    }
}
