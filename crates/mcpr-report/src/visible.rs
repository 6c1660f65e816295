//! What turns the order of letters round, or is not seen at all, becomes a visible escape: in a report as in a
//! table. Must not change what is reported about the text.

use mcpr_surface::unseen::{is_unseen, selects_a_picture};
use std::fmt::Write as _;

/// The data of a page with such characters written out. In JSON they stand in strings only, so that the words of
/// the report around them are not touched.
pub(crate) fn in_json(json: &str) -> String {
    controls_written_out(&written_out(json, "\\\\", &[]))
}

/// JSON holds controls as escapes that its reader turns into what nobody sees.
fn controls_written_out(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        shown.push_str(&rest[..at]);
        let (escape, after) = rest[at..].split_at(2.min(rest.len() - at));
        rest = after;
        match escape {
            "\\b" => shown.push_str("\\\\x08"),
            "\\f" => shown.push_str("\\\\x0c"),
            // Before a break it is one half of it, elsewhere the line is written over.
            "\\r" if !rest.starts_with("\\n") => shown.push_str("\\\\r"),
            // All others are written as four digits, of which two are zero.
            "\\u" => {
                rest = rest.strip_prefix("00").unwrap_or(rest);
                shown.push_str("\\\\x");
            }
            escape => shown.push_str(escape),
        }
    }
    shown + rest
}

/// A text of one line for Markdown, where a lone backslash before a letter is a backslash.
pub(crate) fn in_line(text: &str) -> String {
    // A break would end the line that the text stands in.
    written_out(text, "\\", &[])
}

/// A text of several lines, whose breaks stay.
pub(crate) fn in_block(text: &str) -> String {
    written_out(text, "\\", &['\n', '\t'])
}

fn written_out(text: &str, backslash: &str, kept: &[char]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let is_shown = !is_unseen(c) || kept.contains(&c) || selects_a_picture(before, c);
        before = c;
        // A String takes every write.
        let _ = match c {
            c if is_shown => shown.write_char(c),
            '\n' => write!(shown, "{backslash}n"),
            '\r' => write!(shown, "{backslash}r"),
            '\t' => write!(shown, "{backslash}t"),
            '\0'..='\x7f' => write!(shown, "{backslash}x{:02x}", u32::from(c)),
            c => write!(shown, "{backslash}u{{{:x}}}", u32::from(c)),
        };
    }
    shown
}
