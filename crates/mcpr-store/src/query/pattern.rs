//! Globs over names: `*` and `?` match any character, `/` too; `[a-z]` and `{a,b}` as usual.

use globset::{GlobBuilder, GlobMatcher};
use std::fmt;

/// A glob that is not well-formed.
#[derive(Debug, thiserror::Error)]
#[error("bad pattern `{pattern}`: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

/// Names and globs, of which one has to match the whole of a name.
#[derive(Debug, Clone, Default)]
pub struct Pattern {
    names: Vec<String>,
    globs: Vec<GlobMatcher>,
}

impl Pattern {
    /// Compiles a glob. One without a special character is the name that it is.
    ///
    /// # Errors
    /// When the glob is not well-formed.
    pub fn new(glob: &str) -> Result<Self, PatternError> {
        // A name is found by an index, a glob by looking at each name.
        if glob.contains(['*', '?', '[', ']', '{', '}', '\\']) {
            build(glob, false).map(Self::of_glob)
        } else {
            Ok(Self::name(glob))
        }
    }

    /// Compiles a glob that does not distinguish upper from lower case.
    ///
    /// # Errors
    /// When the glob is not well-formed.
    pub fn ignoring_case(glob: &str) -> Result<Self, PatternError> {
        build(glob, true).map(Self::of_glob)
    }

    /// A pattern that matches this name and no other.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            globs: Vec::new(),
        }
    }

    fn of_glob(glob: GlobMatcher) -> Self {
        Self {
            names: Vec::new(),
            globs: vec![glob],
        }
    }

    /// One pattern that matches what any of these does; `None` where there are none.
    pub fn any_of(patterns: impl IntoIterator<Item = Self>) -> Option<Self> {
        // Not joined into one glob with braces: a name may hold commas and braces itself.
        patterns.into_iter().reduce(|mut all, one| {
            all.names.extend(one.names);
            all.globs.extend(one.globs);
            all
        })
    }

    /// The globs of a list that commas separate; a comma within `{}` or `[]`, or after `\`, belongs to its glob.
    pub fn split(list: &str) -> impl Iterator<Item = &str> {
        let mut depth = 0_usize;
        let mut is_escaped = false;
        list.split(move |character| {
            // What stands behind a backslash means itself, a comma too.
            let was_escaped = std::mem::take(&mut is_escaped);
            match character {
                _ if was_escaped => {}
                '\\' => is_escaped = true,
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                ',' => return depth == 0,
                _ => {}
            }
            false
        })
    }

    /// The one name that matches, where that is known.
    #[must_use]
    pub fn as_name(&self) -> Option<&str> {
        match (&self.names[..], &self.globs[..]) {
            ([name], []) => Some(name),
            _ => None,
        }
    }

    /// Whether the whole of `name` matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.names.iter().any(|only| only == name)
            || self.globs.iter().any(|glob| glob.is_match(name))
    }

    /// Whether there is no pattern, or one that matches.
    #[must_use]
    pub fn any_matches(patterns: &[Self], name: Option<&str>) -> bool {
        patterns.is_empty()
            || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
    }
}

fn build(glob: &str, ignore_case: bool) -> Result<GlobMatcher, PatternError> {
    GlobBuilder::new(glob)
        // Methods and URIs have `/` within them, and `*` is to match across it.
        .literal_separator(false)
        .case_insensitive(ignore_case)
        // globset's default differs by system; a pattern has to mean the same on each.
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| PatternError {
            pattern: glob.to_owned(),
            reason: error.kind().to_string(),
        })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let globs = self.globs.iter().map(|glob| glob.glob().glob());
        // A name that is meant as it stands and as a glob is typed once.
        let globs = globs.filter(|glob| !self.names.iter().any(|name| name == glob));
        for (at, text) in self
            .names
            .iter()
            .map(String::as_str)
            .chain(globs)
            .enumerate()
        {
            write!(f, "{}{text}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        // A compiled glob cannot be compared; what it was made of can, its case included.
        let globs = self.globs.iter().map(GlobMatcher::glob);
        self.names == other.names && globs.eq(other.globs.iter().map(GlobMatcher::glob))
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

    #[test]
    fn commas_separate_globs_but_not_within_one() {
        let cases: [(&str, &[&str]); 6] = [
            ("a", &["a"]),
            ("a,b*", &["a", "b*"]),
            ("{a,b},c", &["{a,b}", "c"]),
            ("[,;]x,y", &["[,;]x", "y"]),
            (r"a\,b,c", &[r"a\,b", "c"]),
            ("", &[""]),
        ];
        for (list, expected) in cases {
            assert_eq!(Pattern::split(list).collect::<Vec<_>>(), expected, "{list}");
        }
    }

    #[test]
    fn several_patterns_make_one() {
        let of = |globs: &[&str]| {
            let globs = globs.iter().map(|glob| Pattern::new(glob).expect(glob));
            Pattern::any_of(globs)
        };
        assert!(of(&[]).is_none());
        assert_eq!(of(&["a"]).expect("one").as_name(), Some("a"));
        let both = of(&["a", "b*"]).expect("two");
        assert!(both.matches("a") && both.matches("bc") && !both.matches("ab"));
        assert_eq!(both.to_string(), "a,b*");
        assert_eq!(Pattern::name("[x]*").to_string(), "[x]*");
        assert!(Pattern::name("[x]*").matches("[x]*") && !Pattern::name("[x]*").matches("xy"));
    }
}
