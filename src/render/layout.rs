//! Widths: how wide text is on a terminal, where it is cut, which columns make room.

use super::columns::Fit;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Blanks between two columns.
pub(super) const GAP: usize = 2;

/// The cells of a terminal that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// A text that takes at most `limit` cells; where something is missing it ends in `…`.
pub(super) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let mut kept = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > limit {
            break;
        }
        kept.push(c);
    }
    if limit > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// The widths with which all columns fit into `limit`, `None` for one that is left out.
///
/// The widest columns are cut first. Columns are left out only when cutting is not enough; when
/// that is not enough either, lines are longer than the limit.
pub(super) fn fit(natural: &[usize], fits: &[Fit], limit: usize) -> Vec<Option<usize>> {
    let least = |index: usize| {
        fits[index]
            .least
            .map_or(natural[index], |l| l.min(natural[index]))
    };
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    loop {
        let smallest = (0..widths.len())
            .map(|index| widths[index].map(|_| least(index)))
            .collect::<Vec<_>>();
        let next = (0..widths.len())
            .filter(|&index| widths[index].is_some() && fits[index].leave_out.is_some())
            .min_by_key(|&index| fits[index].leave_out);
        match next {
            Some(index) if total(&smallest) > limit => widths[index] = None,
            _ => break,
        }
    }
    while total(&widths) > limit {
        let widest = (0..widths.len())
            .filter(|&index| widths[index].is_some_and(|width| width > least(index)))
            .max_by_key(|&index| widths[index]);
        match widest {
            Some(index) => widths[index] = widths[index].map(|width| width - 1),
            None => break,
        }
    }
    let spare = limit.saturating_sub(total(&widths));
    // Later pages may need more than the first: what is left goes to the last column.
    if let Some(last) = widths.iter_mut().flatten().last() {
        *last += spare;
    }
    widths
}

fn total(widths: &[Option<usize>]) -> usize {
    let kept = widths.iter().flatten().count();
    widths.iter().flatten().sum::<usize>() + GAP * kept.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_the_cells_it_takes() {
        let cases = [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("東京都庁", 5, "東京…"),
            ("東京都庁", 4, "東…"),
            ("x", 0, ""),
            ("xy", 1, "…"),
        ];
        for (text, limit, expected) in cases {
            assert_eq!(cut(text, limit), expected);
        }
    }

    #[test]
    fn columns_make_room_in_their_order() {
        let fixed = Fit {
            least: None,
            leave_out: None,
        };
        let soft = Fit {
            least: Some(4),
            leave_out: Some(1),
        };
        let message = Fit {
            least: Some(6),
            leave_out: Some(0),
        };
        let fits = [fixed, soft, message];
        let check = |limit, expected: [Option<usize>; 3]| {
            assert_eq!(fit(&[10, 8, 20], &fits, limit), expected, "{limit}");
        };
        check(50, [Some(10), Some(8), Some(28)]);
        check(42, [Some(10), Some(8), Some(20)]);
        check(32, [Some(10), Some(8), Some(10)]);
        check(24, [Some(10), Some(4), Some(6)]);
        check(23, [Some(10), Some(11), None]);
        check(16, [Some(10), Some(4), None]);
        check(15, [Some(15), None, None]);
        check(5, [Some(10), None, None]);
    }
}
