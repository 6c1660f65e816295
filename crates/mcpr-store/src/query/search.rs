//! What `--grep` searches for: a regular expression or a fixed text, and in which bodies it is looked for
//! beside the fields of a row.

use mcpr_model::{Body, Payload};
use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast, ClassSetItem};
use regex_syntax::hir::translate::Translator;
use std::fmt;
use std::ops::Range;

/// Longest text that is searched for, in characters.
const MAX_CHARS: usize = 1000;
/// Most bytes that a compiled expression takes: each row is looked at with all of it.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// A text that is not a regular expression, or one that is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a regular expression: {reason}{}", place(*.at))]
pub struct SearchError {
    text: String,
    /// Where it goes wrong, as a person counts characters; `None` where all of it does.
    at: Option<usize>,
    reason: String,
}

fn place(at: Option<usize>) -> String {
    at.map(|at| format!(", at character {at}"))
        .unwrap_or_default()
}

/// Which bodies are searched beside the fields of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchedBodies {
    /// What was asked.
    pub arguments: bool,
    /// What was answered.
    pub answers: bool,
}

impl SearchedBodies {
    /// Both of them.
    pub const ALL: Self = Self {
        arguments: true,
        answers: true,
    };

    /// Whether there are any.
    #[must_use]
    pub fn any(self) -> bool {
        self.arguments || self.answers
    }

    /// Those of a payload that are searched and kept.
    fn of(self, payload: &Payload) -> impl Iterator<Item = &Body> {
        let params = payload.params.as_ref().filter(|_| self.arguments);
        let answer = payload.answer.as_ref().filter(|_| self.answers);
        params.into_iter().chain(answer)
    }
}

/// What is searched for. With no capital in it, capitals are found as well (smart case).
#[derive(Clone)]
pub struct Search {
    text: String,
    /// Where it is looked for beside the fields.
    pub bodies: SearchedBodies,
    expression: Regex,
}

impl Search {
    /// Searches for what a regular expression matches, in the fields of a row.
    ///
    /// # Errors
    /// When it does not parse, or is too large.
    pub fn expression(text: &str) -> Result<Self, SearchError> {
        let failed = |at: Option<usize>, reason: String| SearchError {
            text: text.to_owned(),
            at,
            reason,
        };
        if text.chars().count() > MAX_CHARS {
            let reason = format!("it is longer than {MAX_CHARS} characters");
            return Err(SearchError {
                // The message is one to read.
                text: text.chars().take(40).chain(['…']).collect(),
                at: None,
                reason,
            });
        }
        let character = |offset: usize| Some(text[..offset].chars().count() + 1);
        // Parsed here as well: the engine's own message draws a picture over several lines.
        let tree = ast::parse::Parser::new().parse(text).map_err(|error| {
            let at = character(error.span().start.offset);
            failed(at, error.kind().to_string())
        })?;
        if let Err(error) = Translator::new().translate(text, &tree) {
            let at = character(error.span().start.offset);
            return Err(failed(at, error.kind().to_string()));
        }
        let any_case = !has_capital(&tree);
        Self::compiled(text, text, any_case)
            .map_err(|_| failed(None, "it grows too large when it is made ready".to_owned()))
    }

    /// Searches for a text as it stands, in the fields of a row.
    ///
    /// # Errors
    /// When it is too long.
    pub fn fixed(text: &str) -> Result<Self, SearchError> {
        let any_case = !text.chars().any(char::is_uppercase);
        Self::compiled(text, &regex::escape(text), any_case).map_err(|_| SearchError {
            text: text.chars().take(40).chain(['…']).collect(),
            at: None,
            reason: "it is too long".to_owned(),
        })
    }

    fn compiled(text: &str, expression: &str, any_case: bool) -> Result<Self, regex::Error> {
        let expression = RegexBuilder::new(expression)
            .case_insensitive(any_case)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()?;
        Ok(Self {
            text: text.to_owned(),
            bodies: SearchedBodies::default(),
            expression,
        })
    }

    /// The same, looked for in some bodies too.
    #[must_use]
    pub fn also_in(mut self, bodies: SearchedBodies) -> Self {
        self.bodies = bodies;
        self
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text has it.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.expression.is_match(text)
    }

    /// Whether one of the bodies that are searched has it.
    #[must_use]
    pub fn is_in_bodies(&self, payload: &Payload) -> bool {
        self.bodies.of(payload).any(|body| self.is_in(&body.text))
    }

    /// Where it stands in a text: byte ranges that do not overlap, none of them empty.
    pub fn places_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let places = self.expression.find_iter(text).map(|place| place.range());
        // What matches nothing at all marks nothing.
        places.filter(|place| !place.is_empty())
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search({:?}, {:?})", self.expression, self.bodies)
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        // The case follows from the text; a text as it stands has another expression than the same as one.
        self.text == other.text
            && self.bodies == other.bodies
            && self.expression.as_str() == other.expression.as_str()
    }
}

/// Whether a capital is to be found as one. `\S` and `\pL` have none: their letters name classes.
fn has_capital(tree: &Ast) -> bool {
    struct Capitals(bool);
    impl Capitals {
        fn see(&mut self, literal: &ast::Literal) {
            self.0 |= literal.c.is_uppercase();
        }
    }
    impl ast::Visitor for Capitals {
        type Output = bool;
        type Err = std::convert::Infallible;

        fn finish(self) -> Result<bool, Self::Err> {
            Ok(self.0)
        }

        fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
            if let Ast::Literal(literal) = tree {
                self.see(literal);
            }
            Ok(())
        }

        fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
            match item {
                ClassSetItem::Literal(literal) => self.see(literal),
                ClassSetItem::Range(range) => {
                    self.see(&range.start);
                    self.see(&range.end);
                }
                _ => {}
            }
            Ok(())
        }
    }
    match ast::visit(tree, Capitals(false)) {
        Ok(found) => found,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_stand_for_both_and_capitals_for_themselves() {
        let cases = [
            ("echo", "an ECHO", true),
            ("Echo", "an ECHO", false),
            ("ECHO", "an ECHO", true),
            ("é", "CAFÉ", true),
            (r"e\Sho", "an ECHO", true),
            (r"\pL{4}$", "an ECHO", true),
            ("[e-h]CHO", "an ECHO", false),
            ("[E-H]cho", "an echo", false),
            ("^an|no", "an ECHO", true),
            ("^echo", "an ECHO", false),
            ("", "anything", true),
        ];
        for (wanted, text, expected) in cases {
            let search = Search::expression(wanted).expect(wanted);
            assert_eq!(search.is_in(text), expected, "{wanted} in {text}");
        }
    }

    #[test]
    fn a_fixed_text_is_no_expression() {
        let cases = [
            ("a.c", "abc", false),
            ("a.c", "A.C", true),
            ("A.c", "a.c", false),
            ("[redacted:pattern]", "x [redacted:pattern]", true),
            ("foo(", "FOO(bar", true),
        ];
        for (wanted, text, expected) in cases {
            let search = Search::fixed(wanted).expect(wanted);
            assert_eq!(search.is_in(text), expected, "{wanted} in {text}");
        }
        assert_ne!(Search::fixed("a.c"), Search::expression("a.c"));
    }

    #[test]
    fn what_is_no_expression_is_reported_with_its_place() {
        let cases = [
            (
                "é(oo",
                "`é(oo` is not a regular expression: unclosed group, at character 2",
            ),
            (
                "a**[",
                "`a**[` is not a regular expression: unclosed character class, at character 4",
            ),
            (
                r"\p{Nonsense}",
                r"`\p{Nonsense}` is not a regular expression: Unicode property not found, at character 1",
            ),
            (
                r"(\w{90}){90}",
                r"`(\w{90}){90}` is not a regular expression: it grows too large when it is made ready",
            ),
        ];
        for (text, expected) in cases {
            let error = Search::expression(text).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
        let long = "x".repeat(MAX_CHARS + 1);
        let error = Search::expression(&long).expect_err("it is too long");
        assert!(error.to_string().len() < 200, "{error}");
        assert!(Search::fixed(&"x".repeat(MAX_COMPILED_BYTES)).is_err());
    }

    #[test]
    fn places_are_never_empty() {
        let search = Search::expression("a*").expect("an expression");
        let places: Vec<_> = search.places_in("baaéa").collect();
        assert_eq!(places, [1..3, 5..6]);
    }

    #[test]
    fn bodies_are_searched_where_they_are_named() {
        let payload = Payload::of(Some("{\"path\":\"/etc\"}"), Some("\"denied\"")).expect("bodies");
        let found = |text: &str, bodies| {
            let search = Search::expression(text).expect(text);
            search.also_in(bodies).is_in_bodies(&payload)
        };
        let arguments = SearchedBodies {
            arguments: true,
            answers: false,
        };
        assert!(found("/etc", arguments) && !found("denied", arguments));
        assert!(found("denied", SearchedBodies::ALL));
        assert!(!found("/etc", SearchedBodies::default()));
    }
}
