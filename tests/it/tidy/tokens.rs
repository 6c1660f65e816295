//! A source file as a row of tokens, and what can be asked of it. Reading tokens, not lines, keeps
//! comments and strings out of every answer, and looks into macros too.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// Where a token stands, as far as a rule needs to know.
#[derive(Clone, Copy, Default)]
struct Place {
    /// How many modules written out in the file are around it.
    depth: usize,
    /// Whether it is below a `#[cfg(test)]`.
    is_test: bool,
}

/// One token: a name, a bracket, a mark (`::` is one) or a literal, whatever its text.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    place: Place,
}

impl Token {
    /// Whether it is below a `#[cfg(test)]`.
    pub(super) fn is_test(&self) -> bool {
        self.place.is_test
    }
}

/// A file's tokens in one row, groups flattened to their brackets and what is between.
#[derive(Default)]
pub(super) struct Tokens(pub(super) Vec<Token>);

impl Tokens {
    /// Reads a file's text.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let stream = text
            .parse::<TokenStream>()
            .map_err(|error| error.to_string())?;
        let mut tokens = Self::default();
        tokens.push_stream(stream, Place::default());
        Ok(tokens)
    }

    fn push_stream(&mut self, stream: TokenStream, outer: Place) {
        // An item below `#[cfg(test)]` ends with its braces, or with a `;` where it has none.
        let mut in_test_item = false;
        let mut is_second_colon = false;
        for tree in stream {
            let place = Place {
                is_test: outer.is_test || in_test_item,
                ..outer
            };
            let line = tree.span().start().line;
            match tree {
                TokenTree::Group(group) => {
                    let ends_item = group.delimiter() == Delimiter::Brace;
                    self.push_group(&group, place);
                    let is_cfg_test = self.ends_with(&["#", "[", "cfg", "(", "test", ")", "]"]);
                    in_test_item = (in_test_item && !ends_item) || is_cfg_test;
                }
                TokenTree::Literal(_) => self.push("literal", line, place),
                TokenTree::Ident(name) => self.push(&name.to_string(), line, place),
                TokenTree::Punct(mark) if mark.as_char() == ':' && is_second_colon => {
                    self.0
                        .last_mut()
                        .expect("the first colon was pushed")
                        .text
                        .push(':');
                    is_second_colon = false;
                }
                TokenTree::Punct(mark) => {
                    is_second_colon = mark.as_char() == ':' && mark.spacing() == Spacing::Joint;
                    in_test_item &= mark.as_char() != ';';
                    self.push(&mark.as_char().to_string(), line, place);
                }
            }
        }
    }

    fn push_group(&mut self, group: &Group, place: Place) {
        let (open, close) = match group.delimiter() {
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Parenthesis | Delimiter::None => ("(", ")"),
        };
        let is_module = open == "{" && self.ends_with(&["mod", "?"]);
        let inner = Place {
            depth: place.depth + usize::from(is_module),
            ..place
        };
        self.push(open, group.span_open().start().line, place);
        self.push_stream(group.stream(), inner);
        self.push(close, group.span_close().start().line, place);
    }

    fn push(&mut self, text: &str, line: usize, place: Place) {
        self.0.push(Token {
            text: text.to_owned(),
            line,
            place,
        });
    }

    fn ends_with(&self, texts: &[&str]) -> bool {
        self.matches_before(self.0.len(), texts)
    }

    /// The text of the token at a place; nothing beyond the end.
    pub(super) fn text(&self, at: usize) -> &str {
        self.0.get(at).map_or("", |token| &token.text)
    }

    /// Whether these texts stand at a place; `?` stands for any one.
    pub(super) fn matches(&self, at: usize, texts: &[&str]) -> bool {
        texts
            .iter()
            .enumerate()
            .all(|(n, text)| *text == "?" || self.text(at + n) == *text)
    }

    fn matches_before(&self, end: usize, texts: &[&str]) -> bool {
        end.checked_sub(texts.len())
            .is_some_and(|at| self.matches(at, texts))
    }

    /// The places of the names that follow a path's `::`: one, or each in a list in braces.
    fn names_after(&self, path_end: usize) -> Vec<usize> {
        if self.text(path_end) != "{" {
            return vec![path_end];
        }
        let (mut names, mut open) = (vec![path_end + 1], 1);
        for at in path_end + 1..self.0.len() {
            match self.text(at) {
                "{" => open += 1,
                "}" => open -= 1,
                "," if open == 1 => names.push(at + 1),
                _ => {}
            }
            if open == 0 {
                break;
            }
        }
        names.retain(|&at| self.text(at) != "}");
        names
    }

    /// The places where a path goes through `parent::name`, in one piece or by a list.
    pub(super) fn uses_of(&self, parent: &str, name: &str) -> Vec<usize> {
        (0..self.0.len())
            .filter(|&at| self.matches(at, &[parent, "::"]))
            .flat_map(|at| self.names_after(at + 2))
            .filter(|&at| self.text(at) == name)
            .collect()
    }

    /// The places where a part of our own crate is named, for a file whose own module path is
    /// `modules` long: `crate::part`, or as many `super::` as lead to the crate's root.
    pub(super) fn parts_used(&self, modules: usize) -> Vec<usize> {
        let mut parts = Vec::new();
        for at in 0..self.0.len() {
            if self.matches(at, &["crate", "::"]) {
                parts.extend(self.names_after(at + 2));
            } else if self.matches(at, &["super", "::"]) && self.text(at.wrapping_sub(1)) != "::" {
                self.climb(at, modules + self.0[at].place.depth, &mut parts);
            }
        }
        parts
    }

    /// Follows the `super` at a place, `height` modules below the root.
    fn climb(&self, at: usize, height: usize, parts: &mut Vec<usize>) {
        for name in self.names_after(at + 2) {
            match height {
                0 | 1 => parts.push(name),
                _ if self.matches(name, &["super", "::"]) => self.climb(name, height - 1, parts),
                _ => {}
            }
        }
    }

    /// The places where an outer crate is named as the beginning of a path or in a `use`.
    pub(super) fn crate_used(&self, name: &str) -> Vec<usize> {
        let is_inner = |at: usize| {
            at >= 2
                && self.text(at - 1) == "::"
                && self
                    .text(at - 2)
                    .starts_with(|c: char| c.is_alphanumeric() || c == '_')
                && self.text(at - 2) != "use"
        };
        (0..self.0.len())
            .filter(|&at| self.text(at) == name && !is_inner(at))
            .filter(|&at| self.text(at + 1) == "::" || self.matches_before(at, &["use"]))
            .collect()
    }
}
