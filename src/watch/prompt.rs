//! A line that one types at the bottom of the screen. Pure.

use super::needle::MAX_CHARS;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Which rows are shown; with the text that was there before.
    Filter { before: String },
    /// What is looked for in a body.
    Search,
    /// The file that a request is written to.
    WriteTo,
}

/// The line, as far as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) purpose: Purpose,
    pub(super) text: String,
}

/// What a key did to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Changed,
    Accepted,
    Left,
}

/// Longest path that is typed, in characters.
const MAX_PATH_CHARS: usize = 4096;

impl Prompt {
    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Typed {
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let most = match self.purpose {
            Purpose::WriteTo => MAX_PATH_CHARS,
            _ => MAX_CHARS,
        };
        match key.code {
            KeyCode::Enter => Typed::Accepted,
            KeyCode::Esc => Typed::Left,
            KeyCode::Char('c' | 'g') if with_control => Typed::Left,
            // What readline does.
            KeyCode::Char('u') if with_control => {
                self.text.clear();
                Typed::Changed
            }
            KeyCode::Char('w') if with_control => {
                let kept = self.text.trim_end();
                let end = kept.rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(end);
                Typed::Changed
            }
            // On an empty line it goes back, as in less.
            KeyCode::Backspace if self.text.is_empty() => Typed::Left,
            KeyCode::Backspace => {
                self.text.pop();
                Typed::Changed
            }
            KeyCode::Char(c) if !with_control && self.text.chars().count() < most => {
                self.text.push(c);
                Typed::Changed
            }
            _ => Typed::Nothing,
        }
    }

    /// What stands before the text.
    pub(super) fn label(&self) -> &'static str {
        match self.purpose {
            Purpose::Filter { .. } | Purpose::Search => "/",
            Purpose::WriteTo => "write to: ",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[(KeyCode, bool)]) -> (String, Typed) {
        let mut prompt = Prompt {
            purpose: Purpose::Search,
            text: "two words".to_owned(),
        };
        let mut last = Typed::Nothing;
        for &(code, control) in keys {
            let modifiers = if control {
                KeyModifiers::CONTROL
            } else {
                KeyModifiers::NONE
            };
            last = prompt.key(KeyEvent::new(code, modifiers));
        }
        (prompt.text, last)
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        type Keys = &'static [(KeyCode, bool)];
        let cases: [(Keys, &str, Typed); 7] = [
            (&[(KeyCode::Char('é'), false)], "two wordsé", Typed::Changed),
            (&[(KeyCode::Backspace, false)], "two word", Typed::Changed),
            (&[(KeyCode::Char('w'), true)], "two ", Typed::Changed),
            (&[(KeyCode::Char('u'), true)], "", Typed::Changed),
            (
                &[(KeyCode::Char('u'), true), (KeyCode::Backspace, false)],
                "",
                Typed::Left,
            ),
            (&[(KeyCode::Esc, false)], "two words", Typed::Left),
            (&[(KeyCode::Enter, false)], "two words", Typed::Accepted),
        ];
        for (keys, text, expected) in cases {
            assert_eq!(typed(keys), (text.to_owned(), expected), "{keys:?}");
        }
    }
}
