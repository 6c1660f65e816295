//! Globs over names: `*` and `?` match any character, `/` too; `[a-z]` and `{a,b}` as usual.

use globset::{GlobBuilder, GlobMatcher};

/// A glob that is not well-formed.
#[derive(Debug, thiserror::Error)]
#[error("bad pattern `{pattern}`: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

/// A compiled glob, matched against a whole name with regard to case.
#[derive(Debug, Clone)]
pub struct Pattern(GlobMatcher);

impl Pattern {
    /// Compiles a glob.
    ///
    /// # Errors
    /// When the glob is not well-formed.
    pub fn new(glob: &str) -> Result<Self, PatternError> {
        Self::build(glob, false)
    }

    /// Compiles a glob that does not tell upper from lower case.
    ///
    /// # Errors
    /// When the glob is not well-formed.
    pub fn ignoring_case(glob: &str) -> Result<Self, PatternError> {
        Self::build(glob, true)
    }

    /// A pattern that matches this name and no other.
    ///
    /// # Errors
    /// When the name is longer than a pattern can be.
    pub fn exactly(name: &str) -> Result<Self, PatternError> {
        Self::new(&globset::escape(name))
    }

    fn build(glob: &str, ignore_case: bool) -> Result<Self, PatternError> {
        GlobBuilder::new(glob)
            // Methods and URIs have `/` within them, and `*` is to match across it.
            .literal_separator(false)
            .case_insensitive(ignore_case)
            // globset's default differs by system; a pattern has to mean the same on each.
            .backslash_escape(true)
            .build()
            .map(|glob| Self(glob.compile_matcher()))
            .map_err(|error| PatternError {
                pattern: glob.to_owned(),
                reason: error.kind().to_string(),
            })
    }

    /// Whether the whole of `name` matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }

    /// Whether there is no pattern, or one that matches.
    #[must_use]
    pub fn any_matches(patterns: &[Self], name: Option<&str>) -> bool {
        patterns.is_empty()
            || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.glob() == other.0.glob()
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(glob: &str) -> Result<Self, Self::Err> {
        Self::new(glob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_over_method_names() {
        let cases = [
            ("tools/*", "tools/call", true),
            ("tools/*", "resources/read", false),
            ("*", "notifications/tools/list_changed", true),
            ("*list*", "resources/templates/list", true),
            ("ping", "ping", true),
            ("ping", "PING", false),
            ("{ping,initialize}", "initialize", true),
        ];
        for (glob, name, expected) in cases {
            assert_eq!(
                Pattern::new(glob).expect(glob).matches(name),
                expected,
                "{glob} {name}"
            );
        }
        assert!(
            Pattern::ignoring_case("claude*")
                .expect("glob")
                .matches("Claude Code")
        );
        assert!(Pattern::new("tools/[").is_err());
    }
}
