//! Where the columns of a table stand: what came so far, and the room that each has.

use crate::render::columns::{Column, Fit, Show};
use crate::render::layout::{GAP, fit, width};
use crate::render::short_ids::ShortIds;

/// The columns as they are laid out.
#[derive(Debug, Clone, Default)]
pub(super) struct Laid {
    /// The widest text so far by column, as far as the column may grow.
    pub(super) natural: Vec<usize>,
    /// The same of texts in their narrow forms.
    pub(super) narrow: Vec<usize>,
    /// Width by column; `None` for one that is left out. Empty before the first page.
    pub(super) widths: Vec<Option<usize>>,
    /// The room that they were made for.
    pub(super) made_for: Option<usize>,
    /// Whether texts stand in their narrow forms, where they have one.
    pub(super) is_narrow: bool,
}

/// The widest and the narrowest that a text of a column needs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needed {
    pub(super) natural: usize,
    pub(super) narrow: usize,
}

impl Laid {
    pub(super) fn of(columns: usize) -> Self {
        Self {
            natural: vec![0; columns],
            narrow: vec![0; columns],
            ..Self::default()
        }
    }

    /// Takes note of what a column needs, which never gets less.
    pub(super) fn learn(&mut self, index: usize, needed: Needed) {
        self.natural[index] = self.natural[index].max(needed.natural);
        self.narrow[index] = self.narrow[index].max(needed.narrow);
    }

    /// Fits the columns to a width; says whether any of them moved.
    pub(super) fn fit<R>(&mut self, columns: &[&'static Column<R>], limit: Option<usize>) -> bool {
        let (widths, is_narrow) = match limit {
            Some(limit) => self.fitted(columns, limit),
            None => (self.natural.iter().copied().map(Some).collect(), false),
        };
        let has_moved = widths != self.widths || is_narrow != self.is_narrow;
        self.widths = widths;
        self.is_narrow = is_narrow;
        self.made_for = limit;
        has_moved
    }

    /// Before a column is left out or gets too narrow to be read at ease, times and ids say what they say in less.
    fn fitted<R>(
        &self,
        columns: &[&'static Column<R>],
        limit: usize,
    ) -> (Vec<Option<usize>>, bool) {
        let fits: Vec<Fit> = columns.iter().map(|column| column.fit).collect();
        let of = |natural: &[usize]| {
            let gaps = GAP * natural.len().saturating_sub(1);
            let has_room = natural.iter().sum::<usize>() + gaps <= limit;
            let capped = natural.iter().zip(columns).map(|(natural, column)| {
                // Bounds are for where there is not enough for all.
                if has_room {
                    *natural
                } else {
                    most(column, limit).min(*natural)
                }
            });
            let widths = fit(&capped.collect::<Vec<_>>(), &fits, limit);
            let lacking = lacking(natural, &widths, &fits);
            (widths, lacking)
        };
        let (widths, lacks) = of(&self.natural);
        if lacks == (0, 0) {
            return (widths, false);
        }
        let (narrow, lacks_less) = of(&self.narrow);
        // Rows to come stand below those that are out: they do not go back to wider forms.
        let stays = self.is_narrow && self.made_for == Some(limit);
        if stays || lacks_less < lacks {
            (narrow, true)
        } else {
            (widths, false)
        }
    }
}

/// How many columns are left out, and how many cells those that are there lack to be read at ease.
fn lacking(natural: &[usize], widths: &[Option<usize>], fits: &[Fit]) -> (usize, usize) {
    let left_out = widths.iter().filter(|width| width.is_none()).count();
    let each = widths.iter().zip(natural).zip(fits);
    let short = each.filter_map(|((width, natural), fit)| {
        Some(fit.comfort.min(*natural) - (*width)?.min(fit.comfort.min(*natural)))
    });
    (left_out, short.sum())
}

/// The widest that a column gets on a terminal of so many cells, where others need room.
fn most<R>(column: &Column<R>, limit: usize) -> usize {
    match column.show {
        // On a wide terminal there is room for more of what was asked.
        Show::Arguments => column.fit.comfort.max(24).max(limit / 3),
        _ => column.fit.most.max(least_width(column).natural),
    }
}

/// Room for the header, and for an inferred id although the first page may have none.
pub(super) fn least_width<R>(column: &Column<R>) -> Needed {
    match column.show {
        Show::SessionId => Needed {
            natural: ShortIds::LEAST_CHARS + 1,
            narrow: ShortIds::NARROW_CHARS.max(width(column.header)),
        },
        _ => Needed {
            natural: width(column.header),
            narrow: width(column.header),
        },
    }
}
