//! A configuration in TOML, as Codex has it, read as the members and texts that JSON has, each where it stands in
//! the file. Pure. Must not change anything.

use jsonc_parser::ast::{Array, NullKeyword, Object, ObjectProp, ObjectPropName, StringLit, Value};
use jsonc_parser::common::{Range, Ranged as _};
use std::borrow::Cow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a file.
///
/// # Errors
/// What is wrong with it, where it is not TOML.
pub(super) fn read(text: &str) -> Result<Value<'static>, String> {
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        // What the crate prints besides is a drawing of the line.
        let before = text.get(..at).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        format!("line {line}: {}", error.message())
    })?;
    Ok(Value::Object(object(text, root.get_ref(), root.span())))
}

/// The key that stands twice in a table, and the lines of both, where that is what is wrong with a file.
pub(super) fn doubled(text: &str) -> Option<(String, (usize, usize))> {
    /// No client has such a key.
    const OTHER: &str = "-mcpr-doubled-";
    /// How a line ends behind a key, a table's name, the name of one of several, and a key within braces.
    const ENDS: [&str; 4] = [" = 0\n", "]\n", "]]\n", " = 0 }\n"];
    let error = DeTable::parse(text).err()?;
    let key = error
        .span()
        .filter(|_| error.message() == "duplicate key")?;
    let name = text.get(key.clone())?.trim_matches(['"', '\'']);
    let head = text.get(..key.start)?;
    // Called otherwise it stands in its table, beside the first.
    let first = ENDS.iter().find_map(|end| {
        let renamed = format!("{head}{OTHER}{end}");
        let root = DeTable::parse(&renamed).ok()?;
        beside(root.get_ref(), OTHER, name)
    })?;
    let line = |at: usize| Some(1 + text.get(..at)?.matches('\n').count());
    Some((name.to_owned(), (line(first)?, line(key.start)?)))
}

/// Where a key begins whose table has another key, too.
fn beside(table: &DeTable<'_>, other: &str, name: &str) -> Option<usize> {
    let named = |name: &str| table.iter().find(|(key, _)| key.get_ref() == name);
    if named(other).is_some() {
        return named(name).map(|(key, _)| key.span().start);
    }
    let within = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Table(table) => beside(table, other, name),
        DeValue::Array(list) => list.iter().find_map(|element| {
            let table = element.get_ref().as_table()?;
            beside(table, other, name)
        }),
        _ => None,
    };
    table.iter().find_map(|(_, value)| within(value))
}

/// A table; one without braces goes from its first member to its last.
fn object(text: &str, table: &DeTable<'_>, span: std::ops::Range<usize>) -> Object<'static> {
    let mut properties: Vec<_> = table
        .iter()
        .map(|(key, value)| member(text, key, value))
        .collect();
    // The order of the file, not of the names.
    properties.sort_by_key(|member| member.range.start);
    let is_inline = text
        .get(span.clone())
        .is_some_and(|own| own.starts_with('{'));
    // A table of its own may stand anywhere in the file.
    let own = properties.iter().filter(|member| is_on_line(text, member));
    let lines = own
        .map(|member| member.range)
        .reduce(|all, one| Range::new(all.start.min(one.start), all.end.max(one.end)));
    let range = match lines {
        Some(lines) if !is_inline => lines,
        _ => Range::new(span.start, span.end),
    };
    Object { range, properties }
}

/// Whether a member has its value in its own line.
fn is_on_line(text: &str, member: &ObjectProp<'_>) -> bool {
    let between = text.get(member.name.range().end..member.value.range().start);
    between.is_some_and(|between| between.trim() == "=")
}

fn member(
    text: &str,
    key: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> ObjectProp<'static> {
    let name = Range::new(key.span().start, key.span().end);
    let value = node(text, value);
    let end = value.range().end;
    ObjectProp {
        range: Range::new(name.start, end.max(name.end)),
        name: ObjectPropName::String(StringLit {
            range: name,
            value: Cow::Owned(key.get_ref().to_string()),
        }),
        value,
    }
}

/// A value. Only a text, a list or a table can run a server, whatever it is.
fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Value<'static> {
    let range = Range::new(value.span().start, value.span().end);
    match value.get_ref() {
        DeValue::String(stated) => Value::StringLit(StringLit {
            range,
            value: Cow::Owned(stated.to_string()),
        }),
        DeValue::Array(list) => Value::Array(Array {
            range,
            elements: list.iter().map(|element| node(text, element)).collect(),
        }),
        DeValue::Table(table) => Value::Object(object(text, table, value.span())),
        _ => Value::NullKeyword(NullKeyword { range }),
    }
}
