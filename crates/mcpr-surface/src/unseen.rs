//! The one list of characters that nobody sees, or that turn the order of others round: what a
//! terminal is never given raw, and what is suspicious in a description. The tables are those of
//! `regex-syntax`, so that they follow Unicode with it.

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// The set, in the words of Unicode. Controls, format characters but for those that are signs
/// themselves (of Arabic numbers), line and paragraph separators, whatever a renderer may leave out,
/// private use and noncharacters. The last three are blank without being
/// spaces to Unicode: a Braille pattern, a note head, a filler of Khitan.
const SET: &str = r"[\p{Cc}[\p{Cf}--\p{Prepended_Concatenation_Mark}]\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Co}\p{Noncharacter_Code_Point}\x{2800}\x{1D159}\x{16FE4}]";

/// Sorted ranges of the set.
static RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| ranges(SET));

/// Signs that a selector may turn into a picture and back.
static PICTURES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| ranges(r"\p{ExtPict}"));

fn ranges(set: &str) -> Vec<(char, char)> {
    let parsed = regex_syntax::parse(set).expect("the set is sound");
    match parsed.kind() {
        HirKind::Class(Class::Unicode(class)) => class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect(),
        _ => unreachable!("it is a set of characters"),
    }
}

fn is_in(ranges: &[(char, char)], c: char) -> bool {
    // Ranges are sorted and apart: only the last one that begins before `c` may hold it.
    let after = ranges.partition_point(|(start, _)| *start <= c);
    after > 0 && c <= ranges[after - 1].1
}

/// Whether a character is not seen where it stands, or acts on what stands beside it. Tabs and line
/// breaks are among them.
///
/// ```
/// use mcpr_surface::unseen::is_unseen;
/// assert!(is_unseen('\u{200b}') && is_unseen('\u{3164}') && is_unseen('\n'));
/// assert!(!is_unseen(' ') && !is_unseen('é') && !is_unseen('東'));
/// ```
#[must_use]
pub fn is_unseen(c: char) -> bool {
    // Nearly all text is ASCII, and needs no search.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    is_in(&RANGES, c)
}

/// Whether a character is a selector that only says how the sign before it is drawn: `⚠` as a picture.
#[must_use]
pub fn selects_a_picture(before: char, c: char) -> bool {
    // Unicode counts digits and `#` among the pictures; a selector behind one is reported all the same.
    matches!(c, '\u{fe0e}' | '\u{fe0f}') && !before.is_ascii() && is_in(&PICTURES, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_renderer_may_leave_out_is_unseen() {
        let ignorable = ranges(r"\p{Default_Ignorable_Code_Point}");
        let every = ignorable.iter().flat_map(|(from, to)| *from..=*to);
        assert_eq!(every.clone().filter(|c| !is_unseen(*c)).count(), 0);
        assert!(every.count() > 4_000, "the tables are there");
    }

    #[test]
    fn kinds_that_hide_or_act_are_unseen_and_letters_are_not() {
        let unseen = [
            0, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b,
            0x180e, 0x180f, 0x200b, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2069,
            0x206f, 0x2800, 0x3164, 0xe000, 0xf8ff, 0xfdd0, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff0,
            0xfff9, 0xfffb, 0xfffe, 0x1bca0, 0x1d159, 0x1d173, 0x1d17a, 0xe0001, 0xe0041, 0xe0100,
            0xe01ef, 0xe0fff, 0xf0000, 0x10_fffd, 0x10_ffff,
        ];
        for code in unseen {
            assert!(
                is_unseen(char::from_u32(code).expect("a character")),
                "{code:x}"
            );
        }
        for c in " aé東🦀\u{301}\u{600}\u{6dd}\u{a0}\u{3000}©⚠".chars() {
            assert!(!is_unseen(c), "{c:?}");
        }
    }

    #[test]
    fn only_a_sign_is_made_a_picture() {
        assert!(selects_a_picture('⚠', '\u{fe0f}') && selects_a_picture('❤', '\u{fe0e}'));
        for (before, c) in [
            ('l', '\u{fe0f}'),
            ('1', '\u{fe0f}'),
            ('⚠', '\u{fe00}'),
            ('\u{fe0f}', '\u{fe0f}'),
        ] {
            assert!(!selects_a_picture(before, c), "{before:?}");
        }
    }
}
