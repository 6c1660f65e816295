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

/// The room for a table, and how it is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// The cells that there are; `None`: as many as need be.
    pub(super) limit: Option<usize>,
    /// Whether rows come one by one: then columns get a width at ease from the first one on.
    pub(super) goes_on: bool,
    /// Whether every column has to be there, and text goes on in further lines.
    pub(super) keeps_all: bool,
}

/// The widest and the narrowest that a text of a column needs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needed {
    pub(super) natural: usize,
    pub(super) narrow: usize,
}

impl Room {
    /// The limit, or as much as all columns need where each has to be there: the terminal breaks such a line.
    fn widened(self, limit: usize, natural: &[usize], fits: &[Fit]) -> usize {
        let least =
            (natural.iter().zip(fits)).map(|(all, fit)| fit.least.unwrap_or(*all).min(*all));
        let needed = least.sum::<usize>() + GAP * natural.len().saturating_sub(1);
        if self.keeps_all {
            limit.max(needed)
        } else {
            limit
        }
    }
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

    /// Fits the columns to the room; says whether any of them moved.
    pub(super) fn fit<R>(&mut self, columns: &[&'static Column<R>], room: Room) -> bool {
        let (widths, is_narrow) = if let Some(limit) = room.limit {
            self.fitted(columns, room, limit)
        } else {
            let fits: Vec<Fit> = columns.iter().map(|column| column.fit).collect();
            let widths = reserved(&self.natural, &fits, room);
            (widths.into_iter().map(Some).collect(), false)
        };
        let has_moved = widths != self.widths || is_narrow != self.is_narrow;
        self.widths = widths;
        self.is_narrow = is_narrow;
        self.made_for = room.limit;
        has_moved
    }

    /// Before a column is left out or gets too narrow to be read at ease, times and ids say what they say in less.
    fn fitted<R>(
        &self,
        columns: &[&'static Column<R>],
        room: Room,
        limit: usize,
    ) -> (Vec<Option<usize>>, bool) {
        let fits: Vec<Fit> = (columns.iter())
            .map(|column| fit_within(column, room, limit))
            .collect();
        let of = |content: &[usize]| {
            let natural = reserved(content, &fits, room);
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
            let capped: Vec<usize> = capped.collect();
            let mut widths = fit(&capped, &fits, room.widened(limit, &capped, &fits));
            let lacking = lacking(&natural, &widths, &fits);
            hand_on(&mut widths, content, &fits);
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

/// The widths that columns ask for, where rows to come have to be thought of.
fn reserved(content: &[usize], fits: &[Fit], room: Room) -> Vec<usize> {
    let at_ease = |fit: &Fit| if room.goes_on { fit.comfort } else { 0 };
    let each = content.iter().zip(fits);
    each.map(|(content, fit)| at_ease(fit).max(*content))
        .collect()
}

/// What becomes of a column on a terminal of so many cells.
fn fit_within<R>(column: &Column<R>, room: Room, limit: usize) -> Fit {
    /// In fewer cells wrapped words are torn apart.
    const LEAST_WRAPPED: usize = 8;
    let mut fit = column.fit;
    if column.show == Show::Result {
        // Why something failed is what the table is read for: what else there is gets the rest.
        let beyond = limit.saturating_sub(100) * 30 / 100;
        // Beyond half a sentence, what was asked is as good a use.
        let wanted = (limit * 28 / 100 + beyond).min(51);
        fit.comfort = fit.comfort.max(wanted);
    }
    if room.keeps_all {
        fit.leave_out = None;
        fit.is_extra = false;
        let least = width(column.header).max(LEAST_WRAPPED);
        fit.least = fit.least.map(|it| it.min(least));
    }
    fit
}

/// Gives to columns that are cut what the last one has and does not fill.
fn hand_on(widths: &mut [Option<usize>], content: &[usize], fits: &[Fit]) {
    let Some(last) = widths.iter().rposition(Option::is_some) else {
        return;
    };
    // A row to come has a clock there at least.
    let filled = content[last].max(fits[last].least.unwrap_or(0));
    while widths[last] > Some(filled) {
        let lack = |&at: &usize| widths[at].map_or(0, |width| content[at].saturating_sub(width));
        // The one that lacks least is whole soonest.
        let next = (0..last).filter(|at| lack(at) > 0).min_by_key(lack);
        let Some(next) = next else { return };
        widths[next] = widths[next].map(|width| width + 1);
        widths[last] = widths[last].map(|width| width - 1);
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
        // On a wide terminal there is room for more of what was asked; what came of it goes before.
        Show::Arguments => column.fit.comfort.max(20).max(limit / 6),
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
