//! Sums beside those of an earlier window: which tool got slower.

use super::Args;
use crate::commands::Refused;
use crate::commands::args::View;
use crate::commands::check::{TimeWindow, earlier};
use crate::console::Console;
use crate::render::units;
use mcpr_store::query::{
    Buckets, EarlierFigures, Filter, GroupBy, StatsKey, StatsQuestion, StatsRow, Summary,
};
use mcpr_store::{Reader, StoreError};
use std::cmp::Reverse;
use std::collections::HashMap;

/// What there was in the earlier window.
pub(super) struct EarlierSums {
    window: TimeWindow,
    rows: HashMap<StatsKey, EarlierFigures>,
}

/// The earlier window that is asked for, if one is.
pub(super) fn window_of(
    args: &Args,
    by: GroupBy,
    view: &View,
) -> Result<Option<TimeWindow>, Refused> {
    let Some(text) = args.against.as_deref() else {
        return Ok(None);
    };
    if by == GroupBy::Hour {
        return Err(
            Refused::new("--against compares what has the same name, which no hour has")
                .hint("put requests together --by tool, method, client or proxy"),
        );
    }
    // What `looking_back` has settled: the day until now, where nothing was given.
    let window = TimeWindow {
        since: view.since.unwrap_or(0),
        until: view.until.unwrap_or(view.now_ms),
    };
    earlier(text, window, view.now_ms, view.zone).map(Some)
}

impl EarlierSums {
    /// Asks the same of the earlier window.
    pub(super) fn ask(
        window: TimeWindow,
        question: &StatsQuestion,
        reader: &dyn Reader,
    ) -> Result<Self, StoreError> {
        let earlier = StatsQuestion {
            filter: Filter {
                since: Some(window.since),
                until: Some(window.until),
                ..question.filter.clone()
            },
            // One is enough: its bars are not shown.
            buckets: Buckets::dividing(window.since, window.until, 1),
            ..question.clone()
        };
        let other = earlier.other_key();
        let rows = super::sums(reader, &earlier)?
            .into_iter()
            .map(Summary::from);
        // Others are not the same ones in both windows.
        let rows = rows.filter(|row| row.key != other);
        let rows = rows.map(|row| (row.key.clone(), EarlierFigures::from(&row)));
        Ok(Self {
            window,
            rows: rows.collect(),
        })
    }

    /// A line with what it was before.
    pub(super) fn beside(&self, row: Summary) -> Summary {
        Summary {
            before: self.rows.get(&row.key).copied(),
            ..row
        }
    }

    /// Puts what got slower most first, and at the end what there was nothing of before.
    pub(super) fn sort(&self, rows: &mut [StatsRow]) {
        rows.sort_by_cached_key(|row| {
            let factor = self.beside(Summary::from(row.clone())).p95_factor();
            // Factors are positive, of which the bits grow as they do.
            Reverse(factor.map(f64::to_bits))
        });
    }

    /// Whether there was nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Says which window it was, and whether there was nothing.
    pub(super) fn say(&self, view: &View, reader: &dyn Reader, console: &mut Console) {
        // A program has the window that it asked for.
        if !view.is_table() {
            return;
        }
        let [from, to] =
            [self.window.since, self.window.until].map(|ts| units::time(ts, view.zone));
        if !self.rows.is_empty() {
            return console.note(&format!("before: {from} - {to}"));
        }
        console.note(&format!("nothing was recorded before: {from} - {to}"));
        if let Ok(Some((oldest, newest))) = reader.span() {
            let [oldest, newest] = [oldest, newest].map(|ts| units::time(ts, view.zone));
            console.hint(&format!(
                "the store is of {oldest} - {newest}; --against takes FROM..TO, too"
            ));
        }
    }
}
