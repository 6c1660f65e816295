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
    kept.truncate(whole_escapes(&kept));
    // One that was cut before shows it once.
    if limit > 0 && !kept.ends_with('…') {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// The bytes of a beginning up to an escape of which there is only half: it would name another character.
fn whole_escapes(kept: &str) -> usize {
    let Some(at) = kept.rfind('\\') else {
        return kept.len();
    };
    let is_half = match kept.as_bytes()[at + 1..] {
        [] | [b'u'] => true,
        [b'x', ref digits @ ..] => digits.len() < 2,
        [b'u', b'{', ref digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    if is_half { at } else { kept.len() }
}

/// As [`cut`], but of a longer text the beginning and the end are kept.
#[must_use]
pub fn cut_middle(text: &str, limit: usize) -> Cow<'_, str> {
    let all = width(text);
    // Of so few cells an end says nothing.
    if all <= limit || limit < 8 {
        return cut(text, limit);
    }
    // What a text begins with says more about it than its end.
    let head_cells = limit * 2 / 3;
    let head = cut(text, head_cells);
    let head = head.trim_end_matches('…');
    let room = limit - 1 - width(head);
    let (mut begin, mut used) = (text.len(), 0);
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        begin = at;
    }
    let tail = text[begin..].trim_start_matches('…');
    format!("{head}…{tail}").into()
}

/// The cells that a line takes in which the only escape sequences are colours, which take none.
#[must_use]
pub fn painted_width(line: &str) -> usize {
    let mut chars = line.chars();
    let mut cells = 0;
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            // Escapes in recorded text were made visible before, so those left are colours, which
            // end in `m`.
            chars.find(|&c| c == 'm');
        } else {
            cells += c.width().unwrap_or(0);
        }
    }
    cells
}

/// A text in lines of at most `limit` cells, broken between words; a word that is longer is broken between its
/// parts, and a part that is longer where it has to be.
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
        for part in parts(word) {
            if used + width(part) > limit && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            for c in part.chars() {
                let cells = c.width().unwrap_or(0);
                if used + cells > limit && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push(c);
                used += cells;
            }
        }
    }
    lines.push(line);
    lines
}

/// A word in the parts between which it may be broken: behind the marks that paths, URLs and names are joined by,
/// and before an escape, of which half would say something else.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut end = rest.len();
        let mut last = rest.chars().next()?;
        for (at, c) in rest.char_indices().skip(1) {
            if c == '\\' || ['/', '-', '_', '.', ':', ',', '=', '&', '?'].contains(&last) {
                end = at;
                break;
            }
            last = c;
        }
        let (part, left) = rest.split_at(end);
        rest = left;
        Some(part)
    })
}

/// The widths with which all columns fit into `limit`, `None` for one that is left out.
///
/// What could be missed goes first, where others would get less than their comfort. Then the widest columns are
/// cut, to their comfort first, and the last below it only when no other can be cut: it says why something failed.
/// Others are left out only when cutting is not enough; those for which there is room again once more
/// important ones had to go come back whole. When that is not enough either, the last columns are cut as far as
/// need be. What is left over goes to the last column, if it is one of text that is cut.
#[must_use]
pub fn fit(natural: &[usize], fits: &[Fit], limit: usize) -> Vec<Option<usize>> {
    let of_least = |(&natural, fit): (&usize, &Fit)| fit.least.map_or(natural, |l| l.min(natural));
    let least: Vec<usize> = natural.iter().zip(fits).map(of_least).collect();
    let mut kept = vec![true; natural.len()];
    drop_extras(natural, fits, limit, &mut kept);
    leave_out(&least, fits, limit, &mut kept);
    let mut widths: Vec<Option<usize>> = (0..natural.len())
        .map(|index| kept[index].then_some(natural[index]))
        .collect();
    let rightmost = kept.iter().rposition(|is_kept| *is_kept);
    while total(&widths) > limit {
        let first_to_go = |&index: &usize| {
            let has_spare = widths[index] > Some(fits[index].comfort);
            (
                has_spare,
                has_spare || Some(index) != rightmost,
                widths[index],
            )
        };
        let next = (0..widths.len())
            .filter(|&index| widths[index].is_some_and(|width| width > least[index]))
            .max_by_key(first_to_go);
        match next {
            // One cell at a time, so that columns that have to be cut end up about equally wide.
            Some(index) => widths[index] = widths[index].map(|width| width - 1),
            None => break,
        }
    }
    if total(&widths) > limit {
        chop(&mut widths, limit);
    }
    let spare = limit.saturating_sub(total(&widths));
    // A column of figures would stand at the far edge of a wide screen.
    if let Some(last) = widths.iter().rposition(Option::is_some)
        && fits[last].least.is_some()
    {
        widths[last] = widths[last].map(|width| width + spare);
    }
    widths
}

/// The columns that may be left out, the first to go first.
fn optional(fits: &[Fit], is_asked: impl Fn(&Fit) -> bool) -> Vec<usize> {
    let mut optional: Vec<usize> = (0..fits.len()).collect();
    optional.retain(|&index| fits[index].leave_out.is_some() && is_asked(&fits[index]));
    optional.sort_by_key(|&index| fits[index].leave_out);
    optional
}

/// Leaves out what could be missed, until the others can be read at ease.
fn drop_extras(natural: &[usize], fits: &[Fit], limit: usize, kept: &mut [bool]) {
    let at_ease = |index: usize| {
        let fit = fits[index];
        match fit.least {
            None => natural[index],
            // One that may be cut is at ease with less than it asks for.
            Some(least) => natural[index].min(least.max(fit.comfort)),
        }
    };
    let all_at_ease = |kept: &[bool]| {
        let widths = (0..kept.len()).map(|at| kept[at].then_some(at_ease(at)));
        total(&widths.collect::<Vec<_>>()) <= limit
    };
    leave_out_of(
        &optional(fits, |fit| fit.is_extra),
        kept,
        all_at_ease,
        |_| true,
    );
}

/// Leaves columns out until the others fit, each as narrow as it can be.
fn leave_out(least: &[usize], fits: &[Fit], limit: usize, kept: &mut [bool]) {
    let fit = |kept: &[bool]| {
        let widths = (0..kept.len()).map(|index| kept[index].then_some(least[index]));
        total(&widths.collect::<Vec<_>>()) <= limit
    };
    let mut optional = optional(fits, |_| true);
    optional.retain(|&index| kept[index]);
    // What could come back only in part would cut others to do so.
    leave_out_of(&optional, kept, fit, |index| fits[index].least.is_none());
}

/// Leaves out one column after the other until the rest fits; those for which there is room again once others had
/// to go come back, where they may.
fn leave_out_of(
    optional: &[usize],
    kept: &mut [bool],
    fit: impl Fn(&[bool]) -> bool,
    may_come_back: impl Fn(usize) -> bool,
) {
    for &index in optional {
        // Asked while the column is still there: once everything fits, all further columns stay.
        kept[index] = fit(kept);
    }
    for &index in optional.iter().rev() {
        if !kept[index] && may_come_back(index) {
            kept[index] = true;
            kept[index] = fit(kept);
        }
    }
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
            &["a", "demo://", "resource", "/x b"],
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
    fn text_is_never_cut_within_an_escape() {
        let cases = [
            ("ab\\x07cd", 4, "ab…"),
            ("ab\\x07cd", 6, "ab…"),
            ("ab\\x07cd", 7, "ab\\x07…"),
            ("a\\u{202e}bc", 8, "a…"),
            ("a\\u{202e}bc", 10, "a\\u{202e}…"),
            ("a\\nbcd", 3, "a…"),
            ("a\\nbcd", 4, "a\\n…"),
            ("C:\\temp\\notes", 6, "C:\\te…"),
        ];
        for (text, limit, expected) in cases {
            assert_eq!(cut(text, limit), expected, "{text} at {limit}");
        }
    }

    #[test]
    fn what_could_be_missed_goes_before_others_get_less_than_their_ease() {
        let text = |comfort| Fit {
            least: Some(4),
            comfort,
            ..Fit::FIXED
        };
        let extra = Fit {
            leave_out: Some(0),
            is_extra: true,
            ..text(6)
        };
        let fits = [extra, text(10)];
        let check = |limit, expected: [Option<usize>; 2]| {
            assert_eq!(fit(&[12, 30], &fits, limit), expected, "{limit}");
        };
        check(44, [Some(12), Some(30)]);
        check(24, [Some(11), Some(11)]);
        check(18, [Some(6), Some(10)]);
        check(17, [None, Some(17)]);
    }

    #[test]
    fn the_last_keeps_its_ease_as_long_as_another_can_be_cut() {
        let text = |least, comfort| Fit {
            least: Some(least),
            comfort,
            ..Fit::FIXED
        };
        let fits = [text(6, 8), text(12, 16), text(16, 20)];
        let check = |limit, expected: [usize; 3]| {
            let widths = fit(&[10, 26, 28], &fits, limit);
            assert_eq!(widths, expected.map(Some), "{limit}");
        };
        check(68, [10, 26, 28]);
        check(50, [10, 16, 20]);
        check(48, [8, 16, 20]);
        check(44, [8, 12, 20]);
        check(42, [6, 12, 20]);
        check(39, [6, 12, 17]);
    }

    #[test]
    fn a_word_that_is_too_long_is_broken_between_its_parts_and_never_within_an_escape() {
        assert_eq!(wrap("resources/list", 12), ["resources/", "list"]);
        assert_eq!(
            wrap("see demo://a/long-name.md", 9),
            ["see", "demo://a/", "long-", "name.md"]
        );
        assert_eq!(wrap("abcdef\\x1b[0m", 8), ["abcdef", "\\x1b[0m"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn a_text_is_cut_in_its_middle_by_the_cells_it_takes() {
        let cases = [
            ("path=/etc/hosts", 15, "path=/etc/hosts"),
            ("path=/etc/hosts", 12, "path=/e…osts"),
            (
                "\u{6771}\u{4eac}\u{90fd}\u{5e81}\u{6771}\u{4eac}",
                9,
                "\u{6771}\u{4eac}…\u{6771}\u{4eac}",
            ),
            ("path=/etc/hosts", 7, "path=/…"),
            // It was cut before, where it is cut now.
            ("zzzzzzzz…yyyy", 12, "zzzzzzz…yyyy"),
            ("zzzzzzzzzz…yyy", 12, "zzzzzzz…yyy"),
            ("zzzzzz…yyyyyyy", 7, "zzzzzz…"),
        ];
        for (text, limit, expected) in cases {
            let cut = cut_middle(text, limit);
            assert_eq!(cut, expected);
            assert!(width(&cut) <= limit);
        }
    }

    #[test]
    fn what_is_left_out_comes_back_where_there_is_room_for_it_alone() {
        let fit_at = |leave_out| Fit {
            leave_out,
            ..Fit::FIXED
        };
        let fits = [fit_at(Some(1)), fit_at(None), fit_at(Some(0))];
        let check = |limit, expected: [Option<usize>; 3]| {
            assert_eq!(fit(&[20, 10, 5], &fits, limit), expected, "{limit}");
        };
        check(39, [Some(20), Some(10), Some(5)]);
        check(38, [Some(20), Some(10), None]);
        check(31, [None, Some(10), Some(5)]);
        check(16, [None, Some(10), None]);
    }

    #[test]
    fn what_cannot_be_left_out_is_cut_at_the_edge() {
        let fixed = Fit::FIXED;
        let check = |limit, expected: [Option<usize>; 3]| {
            assert_eq!(fit(&[10, 8, 9], &[fixed; 3], limit), expected, "{limit}");
        };
        check(31, [Some(10), Some(8), Some(9)]);
        check(30, [Some(10), Some(8), Some(8)]);
        check(22, [Some(10), Some(8), None]);
        check(20, [Some(10), Some(8), None]);
        check(12, [Some(10), None, None]);
        check(4, [Some(4), None, None]);
    }

    #[test]
    fn columns_make_room_in_their_order() {
        let fixed = Fit::FIXED;
        let soft = Fit {
            least: Some(4),
            leave_out: Some(1),
            ..Fit::FIXED
        };
        let message = Fit {
            least: Some(6),
            leave_out: Some(0),
            ..Fit::FIXED
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
        check(15, [Some(10), None, None]);
        check(5, [Some(5), None, None]);
    }
}
