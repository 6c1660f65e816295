//! What matters of a message that is too long to keep: its own members and theirs, with long texts
//! shortened and everything deeper left out. Pure, streaming, bounded; the result is JSON again.

use memchr::memchr2;

/// Most bytes kept of a text in an outline; a little more where a character ends later.
const MAX_TEXT_BYTES: usize = 512;
/// Bytes of an outline from which on further members of a value are left out.
const MAX_OUTLINE_BYTES: usize = 64 * 1024;

/// Where in a text the next byte stands.
#[derive(Debug, Default, Clone, Copy)]
struct InText {
    /// Bytes since its quote.
    len: usize,
    /// Bytes that still belong to an escape.
    escape_left: u8,
    /// Whether the byte before was a backslash.
    is_escape: bool,
    /// Whether the rest of it is left out.
    is_cut: bool,
}

impl InText {
    /// Whether the next byte belongs to no escape that has begun.
    fn is_between(self) -> bool {
        !self.is_escape && self.escape_left == 0
    }
}

/// Follows one message byte by byte and keeps its outline.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    text: Vec<u8>,
    /// Values that are open at this byte.
    depth: usize,
    /// Values up to this depth are kept: two, and three in a batch.
    kept_depth: usize,
    /// Everything is left out until the value at this depth ends.
    left_out_in: Option<usize>,
    within: Option<InText>,
}

impl Outline {
    /// Takes the message's next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = rest;
            if self.within.is_none() {
                self.byte(byte);
                continue;
            }
            self.text_byte(byte);
            // Nearly all of a long message is one long text: nothing in it matters but its end.
            if self
                .within
                .is_some_and(|within| within.is_cut && within.is_between())
            {
                let end = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
                bytes = &bytes[end..];
            }
        }
    }

    /// Bytes of memory that the outline takes.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// The outline so far.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    fn keep(&mut self, byte: u8) {
        if self.left_out_in.is_none() {
            self.text.push(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.within = Some(InText::default());
                self.keep(byte);
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(byte),
            b',' => {
                // An outer value may take more than those within it: its `id` may stand behind
                // large `params`.
                let limit = MAX_OUTLINE_BYTES * (self.kept_depth + 1).saturating_sub(self.depth);
                if self.left_out_in.is_none() && self.text.len() > limit {
                    self.left_out_in = Some(self.depth);
                }
                self.keep(byte);
            }
            b' ' | b'\t' | b'\r' => {}
            _ => self.keep(byte),
        }
    }

    fn open(&mut self, byte: u8) {
        if self.depth == 0 {
            self.kept_depth = if byte == b'[' { 3 } else { 2 };
        }
        self.depth += 1;
        if self.depth > self.kept_depth && self.left_out_in.is_none() {
            // Something must stand in its place, or the rest would be no JSON.
            self.text.extend_from_slice(b"null");
            self.left_out_in = Some(self.depth);
        }
        self.keep(byte);
    }

    fn close(&mut self, byte: u8) {
        if self.left_out_in == Some(self.depth) {
            self.left_out_in = None;
            // What stands for a value that is too deep is whole already.
            if self.depth <= self.kept_depth {
                self.keep(byte);
            }
        } else {
            self.keep(byte);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text_byte(&mut self, byte: u8) {
        let Some(mut within) = self.within.take() else {
            return;
        };
        let is_between = within.is_between();
        // The text has ended: `within` stays empty.
        if is_between && byte == b'"' {
            return self.keep(byte);
        }
        // Cut where a character begins, so that what is left is text.
        if is_between && within.len >= MAX_TEXT_BYTES && !(0x80..0xc0).contains(&byte) {
            within.is_cut = true;
        }
        if within.is_escape {
            within.is_escape = false;
            // Its four digits must not be cut apart.
            within.escape_left = if byte == b'u' { 4 } else { 0 };
        } else {
            within.is_escape = byte == b'\\' && within.escape_left == 0;
            within.escape_left = within.escape_left.saturating_sub(1);
        }
        within.len += 1;
        self.within = Some(within);
        if !within.is_cut {
            self.keep(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn outline(text: &str) -> String {
        let mut outline = Outline::default();
        outline.feed(text.as_bytes());
        String::from_utf8(outline.text().to_vec()).expect("text is never cut within a character")
    }

    #[test]
    fn what_is_deep_becomes_null() {
        let cases = [
            (r#"{"id": 1, "result": {}}"#, r#"{"id":1,"result":{}}"#),
            (
                r#"{"params":{"name":"a","arguments":{"x":[1,{"}":2}]}},"id":"b"}"#,
                r#"{"params":{"name":"a","arguments":null},"id":"b"}"#,
            ),
            (
                r#"[{"id":1,"params":{"uri":"u","_meta":{"a":1}}},{"id":2}]"#,
                r#"[{"id":1,"params":{"uri":"u","_meta":null}},{"id":2}]"#,
            ),
            (r#"{"a":"]\"}\\","b":true}"#, r#"{"a":"]\"}\\","b":true}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(outline(text), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        for unit in ["x", "é", "\\n", "\\u00e9", "𝄞"] {
            for lead in ["", "a", "ab"] {
                let text = format!(r#"{{"a":"{lead}{}","id":3}}"#, unit.repeat(2000));
                let short: Value = serde_json::from_str(&outline(&text)).expect("it is JSON");
                assert_eq!(short["id"], 3, "{unit}");
                let len = short["a"].as_str().expect("a text").len();
                assert!((80..=MAX_TEXT_BYTES + 4).contains(&len), "{unit}: {len}");
            }
        }
    }

    #[test]
    fn many_members_are_left_out_and_what_follows_is_kept() {
        let members = (0..20_000).map(|number| format!(r#""key {number}":{number}"#));
        let members = members.collect::<Vec<_>>().join(",");
        let text = format!(r#"{{"result":{{{members}}},"id":9}}"#);
        let short = outline(&text);
        assert!(short.len() < MAX_OUTLINE_BYTES * 2, "{}", short.len());
        assert!(
            short.ends_with(r#","id":9}"#),
            "{}",
            &short[short.len() - 40..]
        );
        serde_json::from_str::<Value>(&short).expect("it is JSON");
    }

    fn some_value(random: &mut fastrand::Rng, depth: usize) -> Value {
        match random.u8(0..if depth > 4 { 4 } else { 6 }) {
            0 => json!(null),
            1 => json!(random.i32(..)),
            2 => json!(random.bool()),
            3 => json!(["", "}", "\"", "\\", "a,b]", "é\n"][random.usize(0..6)]),
            4 => (0..random.usize(0..4))
                .map(|_| some_value(random, depth + 1))
                .collect(),
            _ => {
                let members = (0..random.usize(0..4))
                    .map(|at| (format!("k\"{at}"), some_value(random, depth + 1)));
                Value::Object(members.collect())
            }
        }
    }

    fn pruned(value: &Value, depth: usize, kept: usize) -> Value {
        match value {
            Value::Array(_) | Value::Object(_) if depth > kept => Value::Null,
            Value::Array(elements) => elements
                .iter()
                .map(|it| pruned(it, depth + 1, kept))
                .collect(),
            Value::Object(members) => {
                let members = members.iter();
                Value::Object(
                    members
                        .map(|(key, it)| (key.clone(), pruned(it, depth + 1, kept)))
                        .collect(),
                )
            }
            other => other.clone(),
        }
    }

    #[test]
    fn an_outline_is_the_value_without_its_depths() {
        let seed = mcpr_seed::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..2000 {
            let value = some_value(&mut random, 0);
            let kept = if value.is_array() { 3 } else { 2 };
            let got: Value = serde_json::from_str(&outline(&value.to_string()))
                .unwrap_or_else(|error| panic!("seed {seed}, round {round}: {value}: {error}"));
            assert_eq!(
                got,
                pruned(&value, 1, kept),
                "seed {seed}, round {round}: {value}"
            );
        }
    }
}
