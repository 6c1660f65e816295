//! A message over the lines of a terminal.

use crate::render::layout::width;

/// Cells by which the lines behind the first one are indented.
const INDENT: usize = 2;

/// A message in lines of at most `limit` cells, broken between words. What stands in backquotes is to be copied, and
/// a path is one word: such are never broken, for a terminal that wraps them hands them over whole.
pub(super) fn wrapped(message: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    // Blanks at the beginning are words of no letters, and stay: they put lines of a list below each other.
    for (at, word) in words(message).enumerate() {
        let cells = width(word);
        if at > 0 {
            if used + 1 + cells > limit {
                out.push('\n');
                out.push_str(&" ".repeat(INDENT));
                used = INDENT;
            } else {
                out.push(' ');
                used += 1;
            }
        }
        out.push_str(word);
        used += cells;
    }
    out
}

/// Its words; a blank between two backquotes ends none.
fn words(message: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    // A backquote without a second one quotes nothing.
    let mut left = message.matches('`').count();
    message.split(move |c: char| {
        if c == '`' {
            left -= 1;
            is_quoted = !is_quoted && left > 0;
        }
        c == ' ' && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_broken_between_words_and_no_command_is() {
        let text = "hint: a server is chosen by `mcpr schema diff --proxy files`, or by its config";
        assert_eq!(
            wrapped(text, 40),
            "hint: a server is chosen by\n  `mcpr schema diff --proxy files`, or\n  by its config"
        );
        assert_eq!(wrapped("a lonely ` and more", 12), "a lonely `\n  and more");
        assert_eq!(wrapped("short", 80), "short");
        assert_eq!(wrapped("  1  cursor", 80), "  1  cursor");
        // What is wider than the terminal stays whole.
        assert_eq!(
            wrapped("at /a/very/long/path now", 10),
            "at\n  /a/very/long/path\n  now"
        );
    }
}
