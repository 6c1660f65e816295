//! The list of what changed in what servers offer, newest last. Pure.

use super::needle::Needle;
use super::view::ListView;
use mcpr_store::query::{ChangeRow, Pattern};

/// How often changes are looked for, at the most, in milliseconds.
const REFRESH_MS: i64 = 1_000;

/// The changes, and what is seen of them.
#[derive(Debug, Default)]
pub(super) struct ChangeList {
    pub(super) text: String,
    pub(super) proxy: Option<Pattern>,
    all: Vec<ChangeRow>,
    /// Those that are shown, by their places in `all`.
    order: Vec<usize>,
    pub(super) is_loaded: bool,
    is_stale: bool,
    looked_at: i64,
    pub(super) view: ListView,
}

impl ChangeList {
    /// The rows that are shown, oldest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &ChangeRow> {
        self.order.iter().filter_map(|&at| self.all.get(at))
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
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

    /// Something was recorded.
    pub(super) fn may_have_changed(&mut self) {
        self.is_stale = true;
    }

    /// When changes are looked for although nobody does anything.
    pub(super) fn due_at(&self) -> Option<i64> {
        self.is_stale.then_some(self.looked_at + REFRESH_MS)
    }

    /// Whether they are to be looked for now.
    pub(super) fn queries(&mut self, now_ms: i64) -> bool {
        let is_due = self.due_at().is_some_and(|due| now_ms >= due);
        if is_due {
            self.is_stale = false;
            self.looked_at = now_ms;
        }
        is_due
    }

    /// Takes in all changes. Whoever looked at the newest looks at the newest again.
    pub(super) fn take(&mut self, changes: Vec<ChangeRow>) {
        let at_end = self.view.chosen + 1 >= self.order.len();
        self.all = changes;
        self.is_loaded = true;
        self.arrange();
        if at_end {
            self.go_to_last();
        }
    }

    /// Shows only changes with a text.
    pub(super) fn look_for(&mut self, text: String) {
        self.text = text;
        self.arrange();
        self.go_to_last();
    }

    fn arrange(&mut self) {
        let needle = Needle::new(&self.text);
        let is_meant = |row: &ChangeRow| {
            let texts = [
                Some(row.proxy.as_str()),
                Some(&row.method),
                Some(&row.change),
                row.item.as_deref(),
                row.compatibility,
                row.security,
                row.client_name.as_deref(),
            ];
            let mut texts = texts.into_iter().flatten();
            let is_of_proxy = self
                .proxy
                .as_ref()
                .is_none_or(|proxy| proxy.matches(&row.proxy));
            is_of_proxy
                && needle
                    .as_ref()
                    .is_none_or(|needle| texts.any(|text| needle.is_in(text)))
        };
        self.order = (0..self.all.len())
            .filter(|&at| is_meant(&self.all[at]))
            .collect();
        self.view.settle(self.order.len());
    }

    /// Goes to the next change that breaks callers or should alarm.
    pub(super) fn seek_failure(&mut self, down: bool) -> bool {
        let bad: Vec<bool> = self.rows().map(is_bad).collect();
        let chosen = self.view.chosen;
        let found = if down {
            (chosen + 1..bad.len()).find(|&at| bad[at])
        } else {
            (0..chosen.min(bad.len())).rev().find(|&at| bad[at])
        };
        if let Some(at) = found {
            self.view.choose(at, self.order.len());
        }
        found.is_some()
    }
}

/// Whether a change breaks callers or should alarm.
pub(super) fn is_bad(row: &ChangeRow) -> bool {
    row.compatibility == Some("breaking") || row.security == Some("alert")
}
