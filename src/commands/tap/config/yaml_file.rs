//! A configuration in YAML, as goose and Continue have it, read as the members and texts that JSON has, each where
//! it stands in the file. Pure. Must not change anything. What cannot be changed at its place alone (aliases,
//! several documents) is refused, what cannot be moved (blocks of text, tags) is not text.

use jsonc_parser::ast::{Array, NullKeyword, Object, ObjectProp, ObjectPropName, StringLit, Value};
use jsonc_parser::common::{Range, Ranged as _};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::borrow::Cow;

/// Largest text that is read: what is known of its characters takes eight times as much.
const MOST_BYTES: usize = 4 << 20;

/// Deepest nesting that is read; a value is dropped level by level.
const MAX_DEPTH: usize = 64;

/// Why a file is not taken.
#[derive(Debug)]
pub(super) enum YamlFault {
    /// It is none of YAML.
    Broken(String),
    /// It is, and cannot be changed at one place alone.
    Bound(String),
}

/// Reads a file.
///
/// # Errors
/// Why it cannot be read or changed.
pub(super) fn read(text: &str) -> Result<Value<'static>, YamlFault> {
    if text.len() > MOST_BYTES {
        let why = format!("it has more than {} MiB", MOST_BYTES >> 20);
        return Err(YamlFault::Bound(why));
    }
    let mut reading = Reading {
        text,
        offsets: text.char_indices().map(|(at, _)| at).collect(),
        open: Vec::new(),
        root: None,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let line = error.marker().line();
            YamlFault::Broken(format!("line {line}: {}", error.info()))
        })?;
        let line = span.start.line();
        reading
            .take(event, span)
            .map_err(|why| YamlFault::Bound(format!("line {line}: {why}")))?;
    }
    let nothing = Range::new(0, 0);
    Ok(reading
        .root
        .unwrap_or(Value::NullKeyword(NullKeyword { range: nothing })))
}

/// A list or table that has not ended.
struct OpenNode {
    start: usize,
    /// Whether it stands in brackets.
    is_flow: bool,
    /// Whether it is a table.
    is_object: bool,
    /// The key of the member that comes next.
    key: Option<StringLit<'static>>,
    properties: Vec<ObjectProp<'static>>,
    elements: Vec<Value<'static>>,
}

struct Reading<'a> {
    text: &'a str,
    /// Where each character begins: the parser counts characters, and edits count bytes.
    offsets: Vec<usize>,
    open: Vec<OpenNode>,
    root: Option<Value<'static>>,
}

impl Reading<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), &'static str> {
        let range = Range::new(self.byte(span.start.index()), self.byte(span.end.index()));
        match event {
            Event::Alias(_) => Err("an alias stands for what is written elsewhere"),
            Event::DocumentStart(_) if self.root.is_some() => Err("there is a second document"),
            Event::Scalar(value, style, anchor, tag) => {
                let range = self.written(style, range);
                let is_text = anchor == 0 && tag.is_none() && self.is_text(&value, style, range);
                let node = if is_text {
                    Value::StringLit(StringLit {
                        range,
                        value: Cow::Owned(value.into_owned()),
                    })
                } else {
                    Value::NullKeyword(NullKeyword { range })
                };
                self.add(node);
                Ok(())
            }
            Event::MappingStart(anchor, _) => self.begin(range, true, anchor),
            Event::SequenceStart(anchor, _) => self.begin(range, false, anchor),
            // The parser sees to it that each end has a beginning.
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(node) = self.open.pop() {
                    let node = node.closed(range);
                    self.add(node);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, range: Range, is_object: bool, anchor: usize) -> Result<(), &'static str> {
        if anchor != 0 {
            // Whoever refers to it would have the tap, too.
            return Err("an anchor names what is used elsewhere");
        }
        if self.open.len() == MAX_DEPTH {
            return Err("it is nested too deep");
        }
        self.open.push(OpenNode {
            start: range.start,
            is_flow: range.end > range.start,
            is_object,
            key: None,
            properties: Vec::new(),
            elements: Vec::new(),
        });
        Ok(())
    }

    fn add(&mut self, node: Value<'static>) {
        match self.open.last_mut() {
            Some(open) => open.add(node),
            None => self.root = Some(node),
        }
    }

    fn byte(&self, character: usize) -> usize {
        let at = self.offsets.get(character);
        at.copied().unwrap_or(self.text.len())
    }

    /// Where a scalar stands itself: the parser counts what follows a quoted one in its line to it.
    fn written(&self, style: ScalarStyle, range: Range) -> Range {
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return range,
        };
        let whole = self.text.get(range.start..range.end).unwrap_or_default();
        // A quote in it is doubled or escaped: the first that is neither ends it.
        let mut end = None;
        let mut signs = whole.char_indices().skip(1).peekable();
        while let Some((at, sign)) = signs.next() {
            if sign == '\\' && quote == '"' {
                signs.next();
            } else if sign == quote
                && !(quote == '\'' && signs.next_if(|next| next.1 == quote).is_some())
            {
                end = Some(at + 1);
                break;
            }
        }
        let is_quoted = whole.starts_with(quote);
        let len = end.filter(|_| is_quoted).unwrap_or(whole.len());
        Range::new(range.start, range.start + len)
    }

    /// Whether a scalar is a text in one line, which can stand elsewhere as it is.
    fn is_text(&self, value: &str, style: ScalarStyle, range: Range) -> bool {
        let written = self.text.get(range.start..range.end).unwrap_or("\n");
        match style {
            ScalarStyle::Plain => !is_other(value) && !written.contains('\n'),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => !written.contains('\n'),
            _ => false,
        }
    }
}

impl OpenNode {
    fn add(&mut self, node: Value<'static>) {
        if !self.is_object {
            self.elements.push(node);
            return;
        }
        let Some(name) = self.key.take() else {
            let range = node.range();
            let range = Range::new(range.start, range.end);
            let name = match node {
                Value::StringLit(text) => text.value,
                // A key that is not text cannot be the one that is looked for.
                _ => Cow::Borrowed(""),
            };
            self.key = Some(StringLit { range, value: name });
            return;
        };
        let end = node.range().end.max(name.range.end);
        self.properties.push(ObjectProp {
            range: Range::new(name.range.start, end),
            name: ObjectPropName::String(name),
            value: node,
        });
    }

    /// The whole of it. One without brackets goes to the end of its last member.
    fn closed(self, end: Range) -> Value<'static> {
        // The event of its end stands behind the blanks and comments that follow.
        let last = self.properties.last().map(|member| member.range.end);
        let last = last.or_else(|| self.elements.last().map(|element| element.range().end));
        let end = match last {
            Some(last) if !self.is_flow => last,
            // The closing bracket, without what follows it in its line.
            _ if self.is_flow => end.start + 1,
            _ => end.end,
        };
        let range = Range::new(self.start, end);
        if self.is_object {
            Value::Object(Object {
                range,
                properties: self.properties,
            })
        } else {
            Value::Array(Array {
                range,
                elements: self.elements,
            })
        }
    }
}

/// Whether a plain scalar means something else than its text: nothing, yes or no, or a number.
fn is_other(plain: &str) -> bool {
    let is_word = ["", "~", "null", "true", "false", ".inf", "-.inf", ".nan"]
        .iter()
        .any(|word| plain.eq_ignore_ascii_case(word));
    is_word || plain.parse::<f64>().is_ok() || plain.starts_with("0x") || plain.starts_with("0o")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        let (YamlFault::Broken(why) | YamlFault::Bound(why)) = read(text).expect_err(text);
        why
    }

    #[test]
    fn what_stands_for_something_elsewhere_is_refused_with_its_line() {
        assert!(reason("a: &x\n  b: 1\nc: *x\n").contains(": an anchor"));
        assert!(reason("a: &x b\nc: *x\n").starts_with("line 2: an alias"));
        assert!(reason("---\na: b\n---\nc: d\n").contains("second document"));
        assert!(reason("a: [b\n").starts_with("line "));
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert!(reason(&deep).contains("nested too deep"));
    }

    #[test]
    fn every_text_is_found_where_it_stands() {
        let text = "é: 'x y'\nb:\n  - c d # e\n  - \"f\" # \"g\"\ng: [h, \"i\"]\n";
        let root = read(text).expect("it is YAML");
        let mut found = Vec::new();
        for member in &root.as_object().expect("a table").properties {
            let elements = match &member.value {
                Value::Array(list) => &list.elements[..],
                one => std::slice::from_ref(one),
            };
            for one in elements {
                let range = one.range();
                found.push(text[range.start..range.end].to_owned());
            }
        }
        assert_eq!(found, ["'x y'", "c d", "\"f\"", "h", "\"i\""]);
    }

    #[test]
    fn what_cannot_be_moved_is_no_text() {
        for value in ["7", "true", "~", "", "|\n  x", "!!str x", "&a x", "x\n  y"] {
            let root = read(&format!("a: {value}\n")).expect("it is YAML");
            let member = &root.as_object().expect("a table").properties[0];
            assert!(member.value.as_string_lit().is_none(), "{value}");
        }
    }
}
