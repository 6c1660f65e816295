//! Glob patterns over paths, taken apart at their slashes, as a shell takes them. Looks at no file.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// What one component of a path has to be.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// This very name.
    Name(OsString),
    /// A name that matches; a hidden one only where the pattern begins with a dot.
    Like(Box<GlobMatcher>, bool),
    /// `**`: any directories, none as well, but no hidden ones.
    Deep,
}

impl Part {
    /// Whether a name is what this component has to be.
    pub(super) fn admits(&self, name: &OsStr) -> bool {
        // A shell takes hidden files only where they are asked for.
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        match self {
            Self::Name(own) => own == name,
            // By bytes: a name that is not UTF-8 is a name like any other.
            Self::Like(matcher, hidden) => (*hidden || !is_hidden) && matcher.is_match(name),
            Self::Deep => !is_hidden,
        }
    }
}

/// A pattern for paths, and at once the name of the one file that is called just so.
#[derive(Debug, Clone)]
pub struct PathPattern {
    /// The pattern as a name.
    literal: PathBuf,
    /// What stands before the first component with a special character; empty where nothing does.
    base: PathBuf,
    parts: Vec<Part>,
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        // The matchers are made from that text and cannot be compared.
        self.literal == other.literal
    }
}

impl Eq for PathPattern {}

impl PathPattern {
    /// The text that it was read from.
    pub(super) fn text(&self) -> &OsStr {
        self.literal.as_os_str()
    }

    /// Takes a text for a pattern where it has a special character and is well formed. A directory that
    /// `exists` under the very name that stands before the pattern is meant itself.
    pub(super) fn parse(text: &str, exists: &dyn Fn(&Path) -> bool) -> Option<Self> {
        let mut base = PathBuf::new();
        let mut parts = Vec::new();
        for component in Path::new(text).components() {
            let name = component.as_os_str();
            let special = match component {
                Component::Normal(name) => name.to_str().filter(|name| is_special(name)),
                _ => None,
            };
            let special = special.filter(|name| !parts.is_empty() || !exists(&base.join(name)));
            match special {
                Some("**") => parts.push(Part::Deep),
                Some(special) => parts.push(like(special)?),
                // As long as nothing special was met it is one path, which needs no look at a
                // directory.
                None if parts.is_empty() => base.push(name),
                None => parts.push(Part::Name(name.to_owned())),
            }
        }
        let literal = PathBuf::from(text);
        let pattern = Self {
            literal,
            base,
            parts,
        };
        (!pattern.parts.is_empty()).then_some(pattern)
    }

    /// The pattern as a name.
    pub(super) fn literal(&self) -> &Path {
        &self.literal
    }

    /// The directory from which the components lead on.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The components after the base.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether a path matches, or is called just as the pattern.
    pub(super) fn matches(&self, path: &Path) -> bool {
        if path == self.literal {
            return true;
        }
        let Ok(rest) = path.strip_prefix(&self.base) else {
            return false;
        };
        let names = rest.iter().collect::<Vec<_>>();
        fits(&self.parts, &names)
    }
}

/// Whether a name has a character that makes it a pattern.
pub(super) fn is_special(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn fits(parts: &[Part], names: &[&OsStr]) -> bool {
    let Some((part, later)) = parts.split_first() else {
        return names.is_empty();
    };
    if matches!(part, Part::Deep) {
        let deep = names.iter().take_while(|name| part.admits(name)).count();
        // No further than hidden directories let it: `**` goes into none.
        return (0..=deep).any(|skipped| fits(later, &names[skipped..]));
    }
    match names.split_first() {
        Some((name, rest)) => part.admits(name) && fits(later, rest),
        None => false,
    }
}

fn like(name: &str) -> Option<Part> {
    let glob = GlobBuilder::new(&without_braces(name))
        // A star stays within one name, as in a shell.
        .literal_separator(true)
        // A backslash is a character like any other in a name: the shell has taken away its own.
        .backslash_escape(false)
        .build()
        .ok()?;
    let is_hidden = name.starts_with('.');
    Some(Part::Like(Box::new(glob.compile_matcher()), is_hidden))
}

/// Braces are plain characters in names, as they are in a pattern that a shell leaves alone.
fn without_braces(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut class_len = None;
    for character in name.chars() {
        match (class_len, character) {
            (None, '{' | '}') => {
                text.extend(['[', character, ']']);
                continue;
            }
            (None, '[') => class_len = Some(0),
            // The first bracket of a class is one of its characters.
            (Some(1..), ']') => class_len = None,
            (Some(0), '!' | '^') | (None, _) => {}
            (Some(len), _) => class_len = Some(len + 1),
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn check(pattern: &str, path: &[u8], expected: bool) {
        let parsed = PathPattern::parse(pattern, &|_| false).expect(pattern);
        let path = Path::new(OsStr::from_bytes(path));
        assert_eq!(parsed.matches(path), expected, "{pattern} {path:?}");
    }

    #[test]
    fn patterns_match_as_a_shell_does() {
        check("*.log", b"a.log", true);
        check("*.log", b"x\xff.log", true);
        check("x?.log", b"x\xff.log", true);
        check("*.log", b".a.log", false);
        check(".*.log", b".a.log", true);
        check("*.log", b"b/a.log", false);
        check("/l/*/a.log", b"/l/y\xff/a.log", true);
        check("/l/*/a.log", b"/l/a.log", false);
        check("/l/**/*.log", b"/l/a.log", true);
        check("/l/**/*.log", b"/l/b/c/a.log", true);
        check("/l/**/*.log", b"/l/.b/a.log", false);
        check("a[0-9].log", b"a7.log", true);
        check("a[!0-9].log", b"a7.log", false);
        check("a{b}*", b"a{b}c", true);
        check("[{]*", b"{c", true);
        check("a[]x]*", b"a]", true);
        check("a\\*", b"a\\b", true);
    }

    #[test]
    fn a_pattern_is_the_name_of_a_file_as_well() {
        check("server [dev].log", b"server [dev].log", true);
        check("server [dev].log", b"server d.log", true);
        check("/l/a[1].log", b"/l/a[1].log", true);
    }

    #[test]
    fn what_is_no_pattern_is_a_name() {
        assert!(PathPattern::parse("plain.log", &|_| false).is_none());
        assert!(PathPattern::parse("a[.log", &|_| false).is_none());
    }

    #[test]
    fn a_directory_with_a_bracket_in_its_name_is_meant_itself() {
        let exists = |path: &Path| path == Path::new("/l/d [x]");
        let pattern = PathPattern::parse("/l/d [x]/*.log", &exists).unwrap();
        assert!(pattern.matches(Path::new("/l/d [x]/a.log")));
        assert!(!pattern.matches(Path::new("/l/d x/a.log")));
        let pattern = PathPattern::parse("/l/e [x]/*.log", &exists).unwrap();
        assert!(pattern.matches(Path::new("/l/e x/a.log")));
    }
}
