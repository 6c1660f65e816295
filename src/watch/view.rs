//! Which row of a list is chosen, and which stand on the screen. Pure numbers.

/// The part of a list that is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ListView {
    /// The row that is chosen.
    pub(super) chosen: usize,
    /// The first row on the screen.
    pub(super) top: usize,
    /// Rows of the screen.
    pub(super) height: usize,
}

impl ListView {
    /// Moves the choice by so many rows of a list of `len`.
    pub(super) fn go(&mut self, rows: isize, len: usize) {
        self.choose(self.chosen.saturating_add_signed(rows), len);
    }

    /// Chooses a row.
    pub(super) fn choose(&mut self, at: usize, len: usize) {
        self.chosen = at;
        self.settle(len);
    }

    pub(super) fn first(&mut self) {
        (self.chosen, self.top) = (0, 0);
    }

    /// Chooses the last row of a list of `len`, at the bottom of the screen.
    pub(super) fn last(&mut self, len: usize) {
        self.chosen = len.saturating_sub(1);
        self.top = len.saturating_sub(self.height);
    }

    /// So many rows came before all others. In a list that was empty the last of them is chosen.
    pub(super) fn shift(&mut self, rows: usize, was_empty: bool) {
        if was_empty {
            return self.last(rows);
        }
        self.chosen += rows;
        self.top += rows;
    }

    /// So many rows went from before the chosen one.
    pub(super) fn unshift(&mut self, rows: usize) {
        self.chosen = self.chosen.saturating_sub(rows);
        self.top = self.top.saturating_sub(rows);
    }

    /// Keeps the choice in the list and on the screen, and the screen full.
    pub(super) fn settle(&mut self, len: usize) {
        self.chosen = self.chosen.min(len.saturating_sub(1));
        let height = self.height.max(1);
        let lowest_top = (self.chosen + 1).saturating_sub(height);
        self.top = self.top.clamp(lowest_top, self.chosen.max(lowest_top));
        self.top = self.top.min(len.saturating_sub(height));
    }

    /// The rows on the screen.
    pub(super) fn range(&self, len: usize) -> std::ops::Range<usize> {
        self.top.min(len)..(self.top + self.height).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(view: ListView, len: usize, chosen: usize, top: usize) {
        let mut settled = view;
        settled.settle(len);
        assert_eq!(
            (settled.chosen, settled.top),
            (chosen, top),
            "{view:?} of {len}"
        );
    }

    #[test]
    fn the_choice_is_on_the_screen_and_the_screen_is_full() {
        let view = |chosen, top, height| ListView {
            chosen,
            top,
            height,
        };
        check(view(0, 0, 10), 0, 0, 0);
        check(view(5, 0, 3), 10, 5, 3);
        check(view(1, 4, 3), 10, 1, 1);
        check(view(50, 40, 3), 10, 9, 7);
        check(view(2, 2, 10), 4, 2, 0);
        check(view(2, 0, 0), 4, 2, 2);
    }

    #[test]
    fn rows_that_come_before_move_nothing_on_the_screen() {
        let mut view = ListView {
            chosen: 4,
            top: 2,
            height: 5,
        };
        view.shift(300, false);
        assert_eq!((view.chosen, view.top), (304, 302));
        view.unshift(300);
        assert_eq!((view.chosen, view.top), (4, 2));
        view.shift(7, true);
        assert_eq!((view.chosen, view.top), (6, 2));
    }
}
