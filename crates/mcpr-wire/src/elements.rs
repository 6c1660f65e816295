//! The elements of an array that does not parse as a whole: each by itself, so that a bad one takes no
//! other with it. Pure; what it takes is bounded by the length of the line.

use memchr::memchr_iter;
use serde::de::IgnoredAny;
use std::ops::Range;

/// How many times its own length a line is looked through for the ends of what does not parse.
const MAX_LOOKS: usize = 8;

/// What stands behind the last element.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The closing bracket, and nothing more.
    Closed,
    /// The closing bracket, and more from here on.
    Followed(usize),
    /// Nothing: the array was cut.
    Cut,
}

/// Looks for the elements in a line.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    line: &'a [u8],
    /// Whether a sound object is an event: what stands behind a broken element is known by that.
    is_event: fn(&[u8]) -> bool,
    /// How many more bytes may be looked at in vain.
    budget: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(line: &'a [u8], is_event: fn(&[u8]) -> bool) -> Self {
        Self {
            line,
            is_event,
            budget: line.len().saturating_mul(MAX_LOOKS),
        }
    }

    /// Hands over the range of each element of the array that begins at a byte, without blanks.
    pub(super) fn each(&mut self, array: usize, element: &mut dyn FnMut(Range<usize>)) -> End {
        let mut at = self.behind_blanks(array + 1);
        let mut is_behind_comma = false;
        loop {
            match self.line.get(at) {
                None => return End::Cut,
                Some(b']') => {
                    if is_behind_comma {
                        element(at..at);
                    }
                    let behind = self.behind_blanks(at + 1);
                    let is_end = behind == self.line.len();
                    return if is_end {
                        End::Closed
                    } else {
                        End::Followed(behind)
                    };
                }
                Some(_) => {}
            }
            let end = self.end_of(at);
            element(at..end);
            at = self.behind_blanks(end);
            // An element may follow without a comma.
            is_behind_comma = self.line.get(at) == Some(&b',');
            if is_behind_comma {
                at = self.behind_blanks(at + 1);
            }
        }
    }

    /// Where what stands at a byte ends, blanks excluded.
    fn end_of(&mut self, start: usize) -> usize {
        // A text before a colon is the first name of an object that has lost its bracket.
        if let Some(end) = self.sound_end(start)
            && self.line.get(self.behind_blanks(end)) != Some(&b':')
        {
            return end;
        }
        // Brackets and quotes say it, unless one of them is what is wrong: then what follows does not
        // look like another element.
        let counted = self.counted_end(start);
        let counted_end = counted.unwrap_or(self.line.len());
        if counted.is_some_and(|end| self.is_followed(end)) {
            return self.without_blanks(start, counted_end);
        }
        let next = self.next_event(start).unwrap_or(counted_end);
        let before = self.without_blanks(start, next);
        match self.line[start..before].split_last() {
            Some((b',', _)) if next != counted_end => self.without_blanks(start, before - 1),
            _ => before,
        }
    }

    /// Where the value that stands at a byte ends, if it is sound JSON.
    pub(super) fn sound_end(&mut self, start: usize) -> Option<usize> {
        let values = serde_json::Deserializer::from_slice(&self.line[start..]);
        let mut values = values.into_iter::<IgnoredAny>();
        match values.next()? {
            Ok(_) => Some(start + values.byte_offset()),
            Err(error) => {
                // A document may have lines of its own, of which only the last says a column.
                let is_one_line = error.line() == 1;
                let looked_at = if is_one_line {
                    error.column()
                } else {
                    self.line.len() - start
                };
                self.budget = self.budget.saturating_sub(looked_at);
                None
            }
        }
    }

    /// Where the element that begins at a byte ends, as brackets and quotes are counted.
    fn counted_end(&mut self, start: usize) -> Option<usize> {
        // Brackets of either kind count as one: which of them closes what is the parser's matter, and
        // here only the commas between elements are looked for.
        let (mut depth, mut is_quoted, mut at) = (0_usize, false, start);
        // Whether the element has come to its end: another one may follow without a comma.
        let mut is_over = false;
        while let Some(&byte) = self.line.get(at).filter(|_| self.budget > 0) {
            self.budget -= 1;
            match byte {
                // An escaped quote ends no text.
                b'\\' if is_quoted => at += 1,
                b'"' => is_quoted = !is_quoted,
                _ if is_quoted => {}
                b'{' | b'[' if depth == 0 && is_over => return Some(at),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    is_over = depth == 0;
                }
                b']' | b',' if depth == 0 => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Whether behind an element the array ends or goes on with a sound object.
    fn is_followed(&mut self, end: usize) -> bool {
        let next = match self.line.get(end) {
            Some(b']') => return self.behind_blanks(end + 1) == self.line.len(),
            Some(b',') => self.behind_blanks(end + 1),
            _ => end,
        };
        // An empty element or a number say nothing of where the next one begins.
        self.line.get(next) == Some(&b'{') && self.sound_end(next).is_some()
    }

    /// Where the next event begins that stands behind a comma or a bracket.
    fn next_event(&mut self, start: usize) -> Option<usize> {
        for at in memchr_iter(b'{', &self.line[start + 1..]) {
            let at = start + 1 + at;
            let before = self.line[..at].trim_ascii_end().last();
            let is_begin = before.is_some_and(|it| b",[]}".contains(it))
                && self.line[at + 1..].trim_ascii_start().first() == Some(&b'"');
            if !is_begin {
                continue;
            }
            if self.budget == 0 {
                return None;
            }
            let Some(end) = self.sound_end(at) else {
                continue;
            };
            // What is in this one may be looked at once more.
            self.budget = self.budget.saturating_sub(end - at);
            if (self.is_event)(&self.line[at..end]) {
                return Some(at);
            }
        }
        None
    }

    pub(super) fn behind_blanks(&self, at: usize) -> usize {
        let rest = self.line.get(at..).unwrap_or_default();
        self.line.len() - rest.trim_ascii_start().len()
    }

    fn without_blanks(&self, start: usize, end: usize) -> usize {
        start + self.line[start..end].trim_ascii_end().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn check(line: &str, expected: &[&str], end: End) {
        let is_event = |json: &[u8]| json.starts_with(b"{\"e");
        let mut got = Vec::new();
        let mut elements = Elements::new(line.as_bytes(), is_event);
        let ended = elements.each(0, &mut |range| got.push(&line[range]));
        assert_eq!((&got[..], ended), (expected, end), "{line}");
    }

    #[test]
    fn elements_are_distinguished_whatever_they_hold() {
        check("[]", &[], End::Closed);
        check("[ ] ", &[], End::Closed);
        check("[1]", &["1"], End::Closed);
        check("[{},{}]", &["{}", "{}"], End::Closed);
        check(
            r#"[{"a":"],{"},NaN]"#,
            &[r#"{"a":"],{"}"#, "NaN"],
            End::Closed,
        );
        check(r#"["\\",["\"]"]]"#, &[r#""\\""#, r#"["\"]"]"#], End::Closed);
        check("[{} {}]", &["{}", "{}"], End::Closed);
        check("[1,]", &["1", ""], End::Closed);
        check("[{}] x", &["{}"], End::Followed(5));
        check("[{},{\"a", &["{}", "{\"a"], End::Cut);
        check("[", &[], End::Cut);
        check("[}]", &["}"], End::Closed);
        check("[\"\\", &["\"\\"], End::Cut);
    }

    #[test]
    fn a_broken_element_takes_no_other_with_it() {
        let broken = [
            r#"{"a":"b}"#,
            r#"{"a:"b"}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":[1}"#,
            r#"{"a":1]}"#,
            r#""a":1}"#,
            r#"{"a":NaN,"b":{"e":0}}"#,
        ];
        for broken in broken {
            let line = format!(r#"[{{"e":1}}, {broken} ,{{"e":"],["}},{{"e":3}}]"#);
            let expected = [r#"{"e":1}"#, broken, r#"{"e":"],["}"#, r#"{"e":3}"#];
            check(&line, &expected, End::Closed);
        }
        // One bracket too many stands behind a sound element.
        check(
            r#"[{"a":1}},{"e":3}]"#,
            &[r#"{"a":1}"#, "}", r#"{"e":3}"#],
            End::Closed,
        );
    }

    #[test]
    fn what_a_hostile_line_is_looked_through_grows_with_its_length_only() {
        thread_local! {
            static BYTES: Cell<usize> = const { Cell::new(0) };
        }
        let is_event = |json: &[u8]| {
            BYTES.set(BYTES.get() + json.len());
            false
        };
        // Objects in objects, each of them sound.
        let mut line = String::from(r#"[{"a,"#);
        line += &r#",{"x":[{"x":1},"#.repeat(5_000);
        line += "1";
        line += &"]}".repeat(5_000);
        Elements::new(line.as_bytes(), is_event).each(0, &mut |_| {});
        let looked_at = BYTES.get();
        assert!(looked_at > 0);
        assert!(looked_at <= (MAX_LOOKS + 1) * line.len(), "{looked_at}");
    }
}
