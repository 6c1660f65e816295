//! JSON laid out over lines, as far as it goes: of a text whose end is missing the lines up to there. Nothing is
//! copied: what stands on a line is recognised by its places in the text.

use std::borrow::Cow;
use std::ops::Range;

/// What a piece of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Brackets and commas.
    Mark,
    /// The colon behind a key.
    Colon,
    Key,
    Text,
    Number,
    /// `true`, `false`, `null`.
    Word,
    /// Text that is not JSON.
    Plain,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct JsonLine {
    /// How deep it stands.
    pub(super) depth: usize,
    /// What stands on it.
    pub(super) spans: Vec<(Tone, Range<usize>)>,
    /// The line that closes what this one opens.
    pub(super) closed_by: Option<usize>,
}

/// A text and its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct JsonLines {
    pub(super) text: Box<str>,
    pub(super) lines: Vec<JsonLine>,
}

impl JsonLines {
    /// The lines of a text; `is_cut` says that its end is missing.
    pub(super) fn of(text: &str, is_cut: bool) -> Self {
        let is_json = is_cut || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        if !is_json {
            return Self {
                lines: plain(text),
                text: text.into(),
            };
        }
        let text = decoded(text);
        let mut layout = LineLayout::new(&text);
        while layout.token() {}
        Self {
            lines: layout.lines,
            text: text.into(),
        }
    }
}

/// JSON in which characters beyond ASCII stand as they are: many programs write `\u65e5` for one. What else is
/// escaped stays so.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = escaped_char(rest).filter(|(c, _)| !c.is_ascii() && !c.is_control());
        if let Some((c, len)) = escape {
            out.push(c);
            rest = &rest[len..];
            continue;
        }
        // With what it escapes, which is not a beginning of another: `\\\\u65e5` is not a character.
        let len = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        out.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that `\uXXXX`, or two of them, at the beginning of a text means, and the length of that.
fn escaped_char(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, 6));
    }
    let c = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((c, 12))
}

fn plain(text: &str) -> Vec<JsonLine> {
    let begin = text.as_ptr().addr();
    let line = |line: &str| {
        let at = line.as_ptr().addr() - begin;
        JsonLine {
            spans: vec![(Tone::Plain, at..at + line.len())],
            ..JsonLine::default()
        }
    };
    text.lines().map(line).collect()
}

/// Lines being laid out.
struct LineLayout<'a> {
    bytes: &'a [u8],
    at: usize,
    lines: Vec<JsonLine>,
    /// The lines that opened what is not closed yet.
    open: Vec<usize>,
    /// The next piece begins a line.
    breaks: bool,
}

impl<'a> LineLayout<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            lines: Vec::new(),
            open: Vec::new(),
            breaks: true,
        }
    }

    /// The place of the next byte that is not a blank.
    fn next_solid(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        let blanks = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        Some(from + blanks)
    }

    /// Lays out the next piece; whether there was one.
    fn token(&mut self) -> bool {
        let Some(at) = self.next_solid(self.at) else {
            return false;
        };
        self.at = at;
        match self.bytes[at] {
            b'{' | b'[' => self.opens(),
            b'}' | b']' => self.closes(),
            b',' => {
                self.push(Tone::Mark, at + 1);
                self.breaks = true;
            }
            b':' => self.push(Tone::Colon, at + 1),
            b'"' => {
                let end = self.end_of_string();
                let is_key = self
                    .next_solid(end)
                    .is_some_and(|next| self.bytes[next] == b':');
                self.push(if is_key { Tone::Key } else { Tone::Text }, end);
            }
            first => {
                let is_number = first == b'-' || first.is_ascii_digit();
                let end = self.end_of_word();
                self.push(if is_number { Tone::Number } else { Tone::Word }, end);
            }
        }
        true
    }

    fn opens(&mut self) {
        let next = self.next_solid(self.at + 1);
        if let Some(next) = next.filter(|&next| matches!(self.bytes[next], b'}' | b']')) {
            // Nothing is in it: both brackets stand on one line.
            self.push(Tone::Mark, self.at + 1);
            self.at = next;
            return self.push(Tone::Mark, next + 1);
        }
        self.push(Tone::Mark, self.at + 1);
        self.open.push(self.lines.len() - 1);
        self.breaks = true;
    }

    fn closes(&mut self) {
        let opened = self.open.pop();
        self.breaks = true;
        self.push(Tone::Mark, self.at + 1);
        let last = self.lines.len() - 1;
        if let Some(opened) = opened {
            self.lines[opened].closed_by = Some(last);
        }
    }

    /// Puts the piece up to `end` on the line.
    fn push(&mut self, tone: Tone, end: usize) {
        if std::mem::take(&mut self.breaks) || self.lines.is_empty() {
            self.lines.push(JsonLine {
                depth: self.open.len(),
                ..JsonLine::default()
            });
        }
        if let Some(line) = self.lines.last_mut() {
            line.spans.push((tone, self.at..end));
        }
        self.at = end;
    }

    fn end_of_string(&self) -> usize {
        let mut at = self.at + 1;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'"' => return at + 1,
                // What is escaped ends nothing.
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.bytes.len()
    }

    fn end_of_word(&self) -> usize {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"{}[],:\"".contains(byte);
        let rest = &self.bytes[self.at..];
        self.at + rest.iter().position(ends).unwrap_or(rest.len()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(text: &str, is_cut: bool) -> Vec<String> {
        let lines = JsonLines::of(text, is_cut);
        let line = |line: &JsonLine| {
            let pieces = line
                .spans
                .iter()
                .map(|(_, range)| &lines.text[range.clone()]);
            "  ".repeat(line.depth) + &pieces.collect::<String>()
        };
        lines.lines.iter().map(line).collect()
    }

    #[test]
    fn json_stands_over_lines() {
        let text = r#"{"a":1,"b":[{"c":"x, \"y\" {"},[]],"d":{ },"e":null}"#;
        let expected = [
            "{",
            "  \"a\":1,",
            "  \"b\":[",
            "    {",
            "      \"c\":\"x, \\\"y\\\" {\"",
            "    },",
            "    []",
            "  ],",
            "  \"d\":{},",
            "  \"e\":null",
            "}",
        ];
        assert_eq!(laid_out(text, false), expected);
        let lines = JsonLines::of(text, false).lines;
        assert_eq!(lines[0].closed_by, Some(10));
        assert_eq!(lines[2].closed_by, Some(7));
        assert_eq!(lines[3].closed_by, Some(5));
        let tones: Vec<Tone> = lines[1].spans.iter().map(|(tone, _)| *tone).collect();
        assert_eq!(tones, [Tone::Key, Tone::Colon, Tone::Number, Tone::Mark]);
    }

    #[test]
    fn characters_beyond_ascii_stand_as_they_are() {
        let cases = [
            (r#""\u65e5\u672c""#, "\"日本\""),
            (r#""\ud83d\ude00""#, "\"😀\""),
            // Half a character, an escaped backslash, what acts on a terminal, and an end that is missing.
            (r#""\ud83d""#, r#""\ud83d""#),
            (r#""\\u65e5""#, r#""\\u65e5""#),
            (r#""\u001b\u009b""#, r#""\u001b\u009b""#),
            (r#""a\u65"#, r#""a\u65"#),
        ];
        for (text, shown) in cases {
            assert_eq!(laid_out(text, true), [shown], "{text}");
        }
    }

    #[test]
    fn what_was_cut_is_laid_out_as_far_as_it_goes() {
        assert_eq!(
            laid_out("{\"a\":[1,\"tw", true),
            ["{", "  \"a\":[", "    1,", "    \"tw"]
        );
        assert_eq!(laid_out("]}", true), ["]", "}"]);
        assert_eq!(laid_out("\"\\", true), ["\"\\"]);
        assert_eq!(laid_out("", true), [""; 0]);
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        assert_eq!(
            laid_out("not {json\nat all", false),
            ["not {json", "at all"]
        );
    }

    #[test]
    fn any_text_is_laid_out_whole() {
        let seed = mcpr_seed::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let pick = |_| "{}[],:\"\\a1 é".chars().nth(random.usize(..12));
            let text: String = (0..20).filter_map(pick).collect();
            let solid = |text: &str| text.replace(' ', "");
            let whole = laid_out(&text, true).concat();
            assert_eq!(solid(&whole), solid(&text), "{text:?}");
        }
    }
}
