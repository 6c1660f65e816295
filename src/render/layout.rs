//! Widths: how wide text is on a terminal, where it is cut, which columns make room.

use super::columns::Fit;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Blanks between two columns.
pub const GAP: usize = 2;

/// The cells of a terminal that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text that takes at most `limit` cells; where something is missing it ends in `…`.
#[must_use]
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    // The `…` takes this cell.
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

/// A text in lines of at most `limit` cells, broken between words; a word that is longer is broken where
/// it has to be.
#[must_use]
pub fn wrap(text: &str, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        if !line.is_empty() {
            if used + 1 + width(word) > limit {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else {
                line.push(' ');
                used += 1;
            }
        }
        for c in word.chars() {
            let cells = c.width().unwrap_or(0);
            if used + cells > limit && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += cells;
        }
    }
    lines.push(line);
    lines
}

/// The widths with which all columns fit into `limit`, `None` for one that is left out.
///
/// The widest columns are cut first. Columns are left out only when cutting is not enough; those for
/// which there is room again once more important ones had to go come back whole. When that is not enough
/// either, the last columns are cut as far as need be.
#[must_use]
pub fn fit(natural: &[usize], fits: &[Fit], limit: usize) -> Vec<Option<usize>> {
    let of_least = |(&natural, fit): (&usize, &Fit)| fit.least.map_or(natural, |l| l.min(natural));
    let least: Vec<usize> = natural.iter().zip(fits).map(of_least).collect();
    let kept = kept(&least, fits, limit);
    let mut widths: Vec<Option<usize>> = (0..natural.len())
        .map(|index| kept[index].then_some(natural[index]))
        .collect();
    while total(&widths) > limit {
        let widest = (0..widths.len())
            .filter(|&index| widths[index].is_some_and(|width| width > least[index]))
            .max_by_key(|&index| widths[index]);
        match widest {
            // One cell at a time, so that columns that have to be cut end up about equally wide.
            Some(index) => widths[index] = widths[index].map(|width| width - 1),
            None => break,
        }
    }
    if total(&widths) > limit {
        chop(&mut widths, limit);
    }
    let spare = limit.saturating_sub(total(&widths));
    // Later pages may need more than the first: what is left goes to the last column.
    if let Some(last) = widths.iter_mut().flatten().last() {
        *last += spare;
    }
    widths
}

/// Which columns stay, when each is as narrow as it can be.
fn kept(least: &[usize], fits: &[Fit], limit: usize) -> Vec<bool> {
    let fit = |kept: &[bool]| {
        let widths = (0..kept.len()).map(|index| kept[index].then_some(least[index]));
        total(&widths.collect::<Vec<_>>()) <= limit
    };
    let mut kept = vec![true; least.len()];
    let mut optional: Vec<usize> = (0..least.len()).collect();
    optional.retain(|&index| fits[index].leave_out.is_some());
    optional.sort_by_key(|&index| fits[index].leave_out);
    for &index in &optional {
        // Asked while the column is still there: once everything fits, all further columns stay.
        kept[index] = fit(&kept);
    }
    // What could come back only in part would cut others to do so.
    optional.retain(|&index| !kept[index] && fits[index].least.is_none());
    for &index in optional.iter().rev() {
        kept[index] = true;
        kept[index] = fit(&kept);
    }
    kept
}

/// Cuts what stands beyond the limit.
fn chop(widths: &mut [Option<usize>], limit: usize) {
    let mut used = 0;
    for width in widths {
        let Some(wanted) = *width else { continue };
        let room = limit.saturating_sub(used);
        *width = (room > 0).then(|| wanted.min(room));
        // The wanted width counts, so that nothing follows a column that was cut here.
        used += wanted + GAP;
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let kept = widths.iter().flatten().count();
    widths.iter().flatten().sum::<usize>() + GAP * kept.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        let check = |text: &str, limit: usize, expected: &[&str]| {
            let lines = wrap(text, limit);
            assert_eq!(lines, expected, "{text} at {limit}");
        };
        check("", 5, &[""]);
        check("one two three", 7, &["one two", "three"]);
        check("one two three", 13, &["one two three"]);
        check("one  two", 3, &["one", "two"]);
        check(
            "a demo://resource/x b",
            8,
            &["a", "demo://r", "esource/", "x b"],
        );
        check(
            "\u{6771}\u{4eac}\u{90fd} x",
            4,
            &["\u{6771}\u{4eac}", "\u{90fd} x"],
        );
        check("\u{6771}\u{4eac}", 1, &["\u{6771}", "\u{4eac}"]);
    }

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
    fn what_is_left_out_comes_back_where_there_is_room_for_it_alone() {
        let fit_at = |leave_out| Fit {
            least: None,
            leave_out,
            wraps: false,
        };
        let fits = [fit_at(Some(1)), fit_at(None), fit_at(Some(0))];
        let check = |limit, expected: [Option<usize>; 3]| {
            assert_eq!(fit(&[20, 10, 5], &fits, limit), expected, "{limit}");
        };
        check(39, [Some(20), Some(10), Some(5)]);
        check(38, [Some(20), Some(16), None]);
        check(31, [None, Some(10), Some(19)]);
        check(16, [None, Some(16), None]);
    }

    #[test]
    fn what_cannot_be_left_out_is_cut_at_the_edge() {
        let fixed = Fit {
            least: None,
            leave_out: None,
            wraps: false,
        };
        let check = |limit, expected: [Option<usize>; 3]| {
            assert_eq!(fit(&[10, 8, 9], &[fixed; 3], limit), expected, "{limit}");
        };
        check(31, [Some(10), Some(8), Some(9)]);
        check(30, [Some(10), Some(8), Some(8)]);
        check(22, [Some(10), Some(10), None]);
        check(20, [Some(10), Some(8), None]);
        check(12, [Some(12), None, None]);
        check(4, [Some(4), None, None]);
    }

    #[test]
    fn columns_make_room_in_their_order() {
        let fixed = Fit {
            least: None,
            leave_out: None,
            wraps: false,
        };
        let soft = Fit {
            least: Some(4),
            leave_out: Some(1),
            wraps: false,
        };
        let message = Fit {
            least: Some(6),
            leave_out: Some(0),
            wraps: false,
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
        check(5, [Some(5), None, None]);
    }
}
