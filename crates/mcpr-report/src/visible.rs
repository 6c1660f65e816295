//! What turns the order of letters round, or is not seen at all, becomes a visible escape: in a report as in a
//! table. Must not change what is said of the text.

use mcpr_surface::unseen::{is_unseen, selects_a_picture};
use std::fmt::Write as _;

/// The data of a page with such characters written out. In JSON they stand in strings only, so that the words of
/// the report around them are not touched.
pub(crate) fn in_json(json: &str) -> String {
    written_out(json, "\\\\u")
}

/// A text of one line for Markdown, where a lone backslash before a letter is a backslash.
pub(crate) fn in_line(text: &str) -> String {
    // A break would end the line that the text stands in.
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    written_out(&line, "\\u")
}

fn written_out(text: &str, prefix: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if is_unseen(c) && !selects_a_picture(before, c) {
            // A String takes every write.
            let _ = write!(shown, "{prefix}{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
        before = c;
    }
    shown
}
