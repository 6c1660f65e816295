//! Changes of a text that leave every other byte as it is: what a tap puts before a command, and how
//! that is taken away again. Pure.

use super::servers::Form;
use jsonc_parser::ast::{Array, Object, ObjectProp};
use jsonc_parser::common::Ranged as _;
use std::ops::Range;

/// Texts that take the places of others.
pub(super) type Edits = Vec<(Range<usize>, String)>;

/// The text with these edits made; none of them overlap.
pub(super) fn apply(text: &str, mut edits: Edits) -> String {
    // They are made in one pass from the front.
    edits.sort_by_key(|(range, _)| range.start);
    let (mut edited, mut done) = (String::with_capacity(text.len() + 256), 0);
    for (range, with) in edits {
        edited.push_str(&text[done..range.start]);
        edited.push_str(&with);
        done = range.end;
    }
    edited.push_str(&text[done..]);
    edited
}

fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Puts a tap before a command; its last word is `--`. The words of the command stay as they are
/// spelled.
pub(super) fn put(text: &str, form: &Form<'_>, tap: &[String]) -> Edits {
    let mut words: Vec<String> = tap.iter().map(|word| literal(word)).collect();
    let mut edits = Edits::new();
    if let Some(program) = form.program() {
        let range = program.range.start..program.range.end;
        let written = &text[range.clone()];
        // A plain text of YAML may hold what ends it between brackets.
        let is_bound =
            written.starts_with(['"', '\'']) || !written.contains([',', '[', ']', '{', '}']);
        words.push(if is_bound {
            written.to_owned()
        } else {
            literal(&program.value)
        });
        edits.push((range, words.remove(0)));
    }
    match (form.array(), form) {
        (Some(array), _) => edits.push(put_first(text, array, &words)),
        (
            None,
            Form::Split {
                object, command, ..
            },
        ) => {
            let words = words.join(", ");
            let member = match Layout::of(text, object, command) {
                Layout::Json => {
                    let style = Style::of(text, object.range.start + 1, command);
                    format!(",{}\"args\":{}[{words}]", style.before, style.colon)
                }
                Layout::Inline => format!(", args = [{words}]"),
                Layout::Lines => {
                    let (newline, lead) = line_before(text, command.range().start);
                    format!("{newline}{lead}args = [{words}]")
                }
                Layout::Block => {
                    let (newline, lead) = line_before(text, command.range().start);
                    // The first member of an element stands behind its dash.
                    let lead = lead.replace('-', " ");
                    format!("{newline}{lead}args: [{words}]")
                }
            };
            let end = command.range().end;
            edits.push((end..end, member));
        }
        (None, Form::Whole(_)) => {}
    }
    edits
}

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Json,
    /// A table of TOML in braces.
    Inline,
    /// A table of TOML whose members have a line each.
    Lines,
    /// The same of YAML.
    Block,
}

impl Layout {
    fn of(text: &str, object: &Object<'_>, member: &ObjectProp<'_>) -> Self {
        let sign = &text[member.name.range().end..member.value.range().start];
        let is_braced = text[object.range.start..].starts_with('{');
        match (sign.contains('='), is_braced) {
            (false, true) => Self::Json,
            (false, false) => Self::Block,
            (true, true) => Self::Inline,
            (true, false) => Self::Lines,
        }
    }
}

/// How the line before this place ends, and what stands in its line before it: blanks, or the tables that a
/// dotted key names.
fn line_before(text: &str, at: usize) -> (&'static str, &str) {
    let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let is_crlf = text[..line].ends_with("\r\n") || line == 0 && text[at..].contains("\r\n");
    (if is_crlf { "\r\n" } else { "\n" }, &text[line..at])
}

/// How members are set apart where they stand.
struct Style {
    /// What stands before a member.
    before: String,
    /// What stands behind its colon.
    colon: &'static str,
}

impl Style {
    fn of(text: &str, open: usize, member: &ObjectProp<'_>) -> Self {
        let lead = &text[open..member.range().start];
        let inner = &text[member.name.range().end..member.value.range().start];
        let colon = if inner.ends_with([' ', '\t', '\n']) {
            " "
        } else {
            ""
        };
        let before = match lead.rfind('\n') {
            Some(at) => {
                let blanks = lead[at + 1..]
                    .chars()
                    .take_while(|c| matches!(c, ' ' | '\t'));
                let newline = if lead[..at].ends_with('\r') {
                    "\r\n"
                } else {
                    "\n"
                };
                format!("{newline}{}", blanks.collect::<String>())
            }
            None => colon.to_owned(),
        };
        Self { before, colon }
    }
}

/// Puts words before the first of a list, each in a line of its own where the first has one.
fn put_first(text: &str, array: &Array<'_>, words: &[String]) -> (Range<usize>, String) {
    if !is_bracketed(text, array) {
        let at = array.elements[0].start();
        // The dash and the blanks before it are those of each word.
        let (newline, lead) = line_before(text, at);
        let put = words.iter().map(|word| format!("{word}{newline}{lead}"));
        return (at..at, put.collect());
    }
    let open = array.range.start + 1;
    let Some(first) = array.elements.first() else {
        return (open..open, words.join(", "));
    };
    let at = first.start();
    let lead = &text[open..at];
    let indent = lead.rfind('\n').map(|line| &lead[line + 1..]);
    let between = match indent.filter(|indent| indent.trim().is_empty()) {
        Some(indent) if lead.contains('\r') => format!(",\r\n{indent}"),
        Some(indent) => format!(",\n{indent}"),
        None => ", ".to_owned(),
    };
    let put = words.iter().map(|word| format!("{word}{between}"));
    (at..at, put.collect())
}

/// Whether a list stands in brackets; in YAML it may have a line each for its words.
fn is_bracketed(text: &str, array: &Array<'_>) -> bool {
    text[array.range.start..].starts_with('[')
}

/// Takes a tap of so many words away, the program among them. `keeps_list` says that the list of arguments was
/// there before it, with nothing in it.
pub(super) fn take(text: &str, form: &Form<'_>, words: usize, keeps_list: bool) -> Edits {
    let Some(array) = form.array() else {
        return Edits::new();
    };
    let mut edits = Edits::new();
    let mut gone = words;
    if let Some(program) = form.program() {
        // The program's place is taken by the word behind the tap's.
        let command = &array.elements[words - 1];
        edits.push((
            program.range.start..program.range.end,
            command.text(text).to_owned(),
        ));
    } else {
        gone = words.min(array.elements.len() - 1);
    }
    let from = array.elements[0].start();
    let last = array.elements[gone - 1].end();
    if let Form::Split {
        command,
        args: Some(args),
        ..
    } = form
        && array.elements.len() == gone
        && !keeps_list
        && is_put(text, command, args, array)
    {
        edits.push((command.range().end..args.range().end, String::new()));
        return edits;
    }
    if !is_bracketed(text, array) {
        // Up to the next word, whose dash is the one of the first then.
        let next = array
            .elements
            .get(gone)
            .map_or(last, jsonc_parser::common::Ranged::start);
        edits.push((from..next, String::new()));
        return edits;
    }
    edits.push((from..after_comma(text, last), String::new()));
    edits
}

/// Whether a member of arguments can only have been put there by a tap: it stands right behind the
/// command, and nothing but words in it.
fn is_put(text: &str, command: &ObjectProp<'_>, args: &ObjectProp<'_>, array: &Array<'_>) -> bool {
    let behind = command.range().end..args.range().start;
    let first = array
        .elements
        .first()
        .map_or(array.range.end - 1, jsonc_parser::common::Ranged::start);
    let is_next = |between: &str| {
        let lines = between.matches('\n').count();
        // A table of TOML sets its members apart by lines.
        between.trim() == "," || lines == 1 && !between.trim_start().contains(char::is_whitespace)
    };
    behind.start <= behind.end
        && is_next(&text[behind])
        && first == array.range.start + 1
        && array
            .elements
            .last()
            .is_some_and(|last| last.end() + 1 == array.range.end)
}

/// Behind the comma that follows a word, and the blanks up to the next or to a comment.
fn after_comma(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let comma = rest.trim_start();
    match comma.strip_prefix(',') {
        Some(next) => {
            let inner = next.trim_start();
            // In a list that ends here, what stands before its end stays.
            let is_last = inner.starts_with(']') || inner.is_empty();
            text.len() - if is_last { next.len() } else { inner.len() }
        }
        None => end,
    }
}

/// Puts another word in the place of one.
pub(super) fn replace(at: Range<usize>, word: &str) -> (Range<usize>, String) {
    (at, literal(word))
}
