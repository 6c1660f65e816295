//! Texts that go up to a word of their own, as shells, PHP, Ruby and Terraform have them, and what a shell
//! is given on one line: `<<EOF`, `<<<'EOT'`, `<<~TEXT`, `<<< "…"`. Must not know what keys mean.

use super::value;
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// The beginning of such a text, up to the end of its line.
static BEGINNING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^(?-u)(?:"?\$\(\s?cat\s+)?<<[<~-]?\s?\\?["']?([A-Za-z_][A-Za-z0-9_]{0,31})["']?[^\n]{0,96}\n"#)
        .expect("the pattern is sound")
});

/// How far a beginning is looked for.
const LONGEST_LINE: usize = 160;

/// The lines of the text that begins here, without the word that ends it.
pub(super) fn lines(text: &[u8], at: usize) -> Option<Range<usize>> {
    let near = &text[at..text.len().min(at + LONGEST_LINE)];
    // A look at two bytes rules out nearly every value.
    if !near.starts_with(b"<<") && !near.starts_with(b"$(") && !near.starts_with(b"\"$(") {
        return None;
    }
    let found = BEGINNING.captures(near)?;
    let word = found.get(1)?.as_bytes();
    let from = at + found.get(0)?.end();
    let mut line = from;
    while line < text.len() {
        let end = value::end_of_line(text, line);
        let content = text[line..end].trim_ascii_start();
        let is_end = content.strip_prefix(word).is_some_and(|rest| {
            // PHP and subshells go on behind the word.
            rest.first()
                .is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_')
        });
        if is_end {
            let lines = from..from + text[from..line].trim_ascii_end().len();
            return (!lines.is_empty()).then_some(lines);
        }
        line = end + 1;
    }
    // `<<< word` gives a program one word; of any other text the end was cut off.
    let is_cut = !near.starts_with(b"<<<") && from < text.len();
    is_cut.then_some(from..text.len())
}

/// Where the word begins that a shell gives to a program: `<<< "…"`.
pub(super) fn word(text: &[u8], at: usize) -> Option<usize> {
    let rest = text[at..].strip_prefix(b"<<<")?;
    Some(at + 3 + value::blanks(rest))
}
