//! The one place where text from outside becomes harmless: whatever could act on a terminal, or
//! reorder or hide what stands beside it, is shown as a visible escape.

use mcpr_surface::unseen::{is_unseen, selects_a_picture};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character acts on a terminal or on the order or visibility of other text.
#[must_use]
pub fn is_active(c: char) -> bool {
    is_unseen(c)
}

/// Whether a text holds a character that [`escape`] would show as an escape.
#[must_use]
pub fn acts(text: &str) -> bool {
    // Most text is ASCII, of which only control characters can act: the slow look is for the rest.
    !text.is_ascii() && marked(text).any(|(_, active)| active)
        || text.contains(|c: char| c.is_ascii_control())
}

/// The characters of a text, and whether each is active where it stands: a selector behind a sign
/// only makes a picture of it.
fn marked(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = ' ';
    text.chars().map(move |c| {
        let active = is_active(c) && !selects_a_picture(before, c);
        before = c;
        (c, active)
    })
}

/// Text on one line in which every active character is a visible escape: `\n`, `\x1b`, `\u{202e}`.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_where(text, |_| false)
}

/// As [`escape`], but tabs and line breaks stay, for formats that can quote them.
#[must_use]
pub fn escape_but_breaks(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| matches!(c, '\t' | '\n' | '\r'))
}

/// JSON on one line in which every active character is a `\u` escape: to a program the same text, to
/// a terminal harmless.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !acts(json) {
        return Cow::Borrowed(json);
    }
    // A body may stand over several lines. In a string none of these would be JSON: they are between two
    // values, where a `\u` escape would be none.
    let on_one_line = json.replace(['\n', '\r', '\t'], " ");
    Cow::Owned(escaped_json(&on_one_line, |_| false))
}

/// As [`escape_json`], for JSON over several lines.
#[must_use]
pub fn escape_json_lines(json: &str) -> Cow<'_, str> {
    if !json.split('\n').any(acts) {
        return Cow::Borrowed(json);
    }
    Cow::Owned(escaped_json(json, |c| c == '\n'))
}

fn escaped_json(json: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(json.len() + 8);
    for (c, active) in marked(json) {
        if !active || stays(c) {
            shown.push(c);
            continue;
        }
        // An escape of JSON is a unit of UTF-16: characters beyond the first plane take two.
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(shown, "\\u{unit:04x}").expect("a string takes every write");
        }
    }
    shown
}

fn escape_where(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !acts(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for (c, active) in marked(text) {
        let written = match c {
            _ if !active || stays(c) => {
                shown.push(c);
                Ok(())
            }
            '\n' => shown.write_str("\\n"),
            '\r' => shown.write_str("\\r"),
            '\t' => shown.write_str("\\t"),
            '\0'..='\x7f' => write!(shown, "\\x{:02x}", u32::from(c)),
            _ => write!(shown, "\\u{{{:x}}}", u32::from(c)),
        };
        written.expect("a string takes every write");
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_characters_are_shown() {
        let cases = [
            ("plain", "plain"),
            ("café 東京 🦀", "café 東京 🦀"),
            ("a\x1b[31mred", "a\\x1b[31mred"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("\0\x07\x7f", "\\x00\\x07\\x7f"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}fdp.exe", "abc\\u{202e}fdp.exe"),
            (
                "\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
                "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}",
            ),
            ("\u{200b}\u{200d}\u{feff}", "\\u{200b}\\u{200d}\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
            (
                "mail\u{fe0f} \u{26a0}\u{fe0f} x",
                "mail\\u{fe0f} \u{26a0}\u{fe0f} x",
            ),
            (
                "\u{ad}\u{34f}\u{115f}\u{17b4}\u{180b}",
                "\\u{ad}\\u{34f}\\u{115f}\\u{17b4}\\u{180b}",
            ),
            (
                "\u{3164}\u{ffa0}\u{fe00}\u{e0100}\u{1d173}",
                "\\u{3164}\\u{ffa0}\\u{fe00}\\u{e0100}\\u{1d173}",
            ),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(escape_but_breaks("a\tb\r\n\x1b"), "a\tb\r\n\\x1b");
    }

    #[test]
    fn json_stays_the_same_to_a_program() {
        let text = "a\x1b\u{9b}\u{202e}\u{e0041}\x7f\n\"é";
        let json = serde_json::to_string(text).expect("a string is JSON");
        let shown = escape_json(&json);
        assert_eq!(
            shown,
            "\"a\\u001b\\u009b\\u202e\\udb40\\udc41\\u007f\\n\\\"é\""
        );
        let lines = format!("[\n{json}\n]\n");
        assert_eq!(escape_json_lines(&lines), format!("[\n{shown}\n]\n"));
        assert_eq!(escape_json_lines("[\n1\n]"), "[\n1\n]");
        assert_eq!(
            escape_json("{\n\t\"a\": \"\u{9b}\"}\r\n"),
            "{  \"a\": \"\\u009b\"}  "
        );
        let read: String = serde_json::from_str(&shown).expect("it is JSON still");
        assert_eq!(read, text);
    }

    #[test]
    fn no_text_keeps_an_active_character() {
        let seed = mcpr_seed::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let text: String = (0..random.usize(0..20)).map(|_| random.char(..)).collect();
            assert!(!acts(&escape(&text)), "{text:?}");
        }
    }
}
