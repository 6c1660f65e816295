//! Where a finding stands in the files that were read: JSON pointers to lines and columns.

use crate::diff::Report;
use crate::finding::Finding;
use crate::gather::{Place, Places};
use crate::parse::escape_segment;
use crate::surface::{ItemKind, Surface};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileLocation {
    /// The file, as it was named.
    pub file: String,
    /// JSON pointer within the file; in a file of several documents, within the one on its line.
    pub pointer: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

/// One side of a comparison, as it was read from files.
#[derive(Debug, Clone, Copy)]
pub struct ReadSide<'a> {
    /// Names and texts of the files.
    pub files: &'a [(String, String)],
    /// What they held.
    pub surface: &'a Surface,
    /// Where it stands in them.
    pub places: &'a Places,
}

/// Tells of each finding where it stands, on both sides.
pub fn locate(report: &mut Report, old: ReadSide<'_>, new: ReadSide<'_>) {
    let news = locations(&report.findings, new);
    let olds = locations(&report.findings, old);
    for ((finding, new), old) in report.findings.iter_mut().zip(news).zip(olds) {
        finding.location = new;
        // What was added never stood there.
        finding.old_location = old.filter(|_| finding.before.is_some());
    }
}

/// One document of a file, and the pointers that are asked about, each with its finding.
type Asked = BTreeMap<(usize, usize), Vec<(usize, String)>>;

fn locations(findings: &[Finding], side: ReadSide<'_>) -> Vec<Option<FileLocation>> {
    let mut asked = Asked::new();
    for (at, finding) in findings.iter().enumerate() {
        if let Some(place) = place_of(finding, side) {
            let document = asked.entry((place.text, place.start)).or_default();
            document.push((at, place.pointer));
        }
    }
    let mut found = vec![None; findings.len()];
    for ((text, start), pointers) in asked {
        let Some((file, text)) = side.files.get(text) else {
            continue;
        };
        let offsets = offsets(
            &text[start..],
            pointers.iter().map(|(_, pointer)| &**pointer),
        );
        let lines = Lines::of(text);
        for (at, pointer) in &pointers {
            // A pointer that leads nowhere would send its reader astray.
            let Some(offset) = offsets.get(pointer.as_str()) else {
                continue;
            };
            let (line, column) = lines.at(start + offset);
            found[*at] = Some(FileLocation {
                file: file.clone(),
                pointer: pointer.clone(),
                line,
                column,
            });
        }
    }
    found
}

/// The place of a finding, or of what is around it where it is not there.
fn place_of(finding: &Finding, side: ReadSide<'_>) -> Option<Place> {
    let places = side.places;
    let within = |place: &Place, inner: &str| Place {
        pointer: format!("{}{inner}", place.pointer),
        ..place.clone()
    };
    if finding.kind == ItemKind::Server {
        let place = places.server.as_ref().or(places.lists.values().next())?;
        let server = side.surface.server.as_ref();
        let inner = server.map(|server| resolved(server, &finding.pointer));
        return Some(within(place, &inner.unwrap_or_default()));
    }
    let key = (finding.kind, finding.item.clone());
    if let Some(place) = places.items.get(&key) {
        let item = side
            .surface
            .lists
            .get(&finding.kind)?
            .items
            .get(&finding.item)?;
        return Some(within(place, &resolved(item, &finding.pointer)));
    }
    // An item that this side does not have is missing from its list, and a list from its file.
    let list = places.lists.get(&finding.kind);
    let list = list.or_else(|| places.lists.values().next());
    list.or(places.server.as_ref()).cloned()
}

/// The pointer of what a finding is about, as far as it stands in an item: references are followed,
/// and what stands nowhere is shown by what is around it.
fn resolved(item: &Value, pointer: &str) -> String {
    let mut way: Vec<String> = Vec::new();
    let mut value = item;
    let mut hops = 0;
    let mut segments = pointer.split('/').skip(1).peekable();
    while let Some(segment) = segments.peek() {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if let Some((step, inner)) = step(value, &name) {
            way.extend(step);
            value = inner;
            segments.next();
            continue;
        }
        // References are those of the schema that they stand in.
        let schema = way.first().filter(|member| member.ends_with("Schema"));
        let target = value.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|target| target.strip_prefix('#'));
        let found = schema.zip(target).and_then(|(schema, target)| {
            let whole = item.get(schema)?;
            let inner = whole.pointer(target)?;
            let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
            let rest = target.split('/').skip(1).map(unescaped);
            Some((std::iter::once(schema.clone()).chain(rest).collect(), inner))
        });
        hops += 1;
        match found {
            Some((path, inner)) if hops < 64 => {
                way = path;
                value = inner;
            }
            _ => break,
        }
    }
    way.iter().fold(String::new(), |whole, part| {
        whole + "/" + &escape_segment(part)
    })
}

/// One segment further in: by name, by number, by the name of an argument, or in one of the parts of a
/// schema.
fn step<'a>(value: &'a Value, name: &str) -> Option<(Vec<String>, &'a Value)> {
    match value {
        Value::Object(map) => {
            if let Some(inner) = map.get(name) {
                return Some((vec![name.to_owned()], inner));
            }
            for parts in ["allOf", "anyOf", "oneOf"] {
                let parts_of = map.get(parts).and_then(Value::as_array);
                for (at, part) in parts_of.into_iter().flatten().enumerate() {
                    if let Some(inner) = part.get(name) {
                        let way = vec![parts.to_owned(), at.to_string(), name.to_owned()];
                        return Some((way, inner));
                    }
                }
            }
            None
        }
        Value::Array(list) => {
            let at = name.parse::<usize>().ok().filter(|at| *at < list.len());
            let at = at.or_else(|| {
                list.iter()
                    .position(|item| item.get("name").is_some_and(|one| one == name))
            })?;
            Some((vec![at.to_string()], &list[at]))
        }
        _ => None,
    }
}

/// The pointers below one value.
#[derive(Default)]
struct PointerTree<'a> {
    /// The pointers that end here.
    here: Vec<&'a str>,
    inner: HashMap<String, PointerTree<'a>>,
}

/// Where the values of these pointers begin in a text that begins with a document, in bytes. Each
/// level of the document is read once, and only where something in it is asked about.
fn offsets<'a>(text: &str, pointers: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut wanted = PointerTree::default();
    for pointer in pointers {
        let mut node = &mut wanted;
        for segment in pointer.split('/').skip(1) {
            let name = segment.replace("~1", "/").replace("~0", "~");
            node = node.inner.entry(name).or_default();
        }
        node.here.push(pointer);
    }
    let mut found = HashMap::new();
    let begin = text.as_ptr() as usize;
    // The parser that read it skipped the mark as well.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    if let Some(Ok(raw)) = document.next() {
        descend(raw.get(), begin, &wanted, &mut found);
    }
    found
}

fn descend<'a>(
    raw: &str,
    begin: usize,
    wanted: &PointerTree<'a>,
    found: &mut HashMap<&'a str, usize>,
) {
    // Raw values are slices of the text: where they begin is a difference of addresses.
    let offset = raw.as_ptr() as usize - begin;
    for pointer in &wanted.here {
        found.insert(pointer, offset);
    }
    if wanted.inner.is_empty() {
        return;
    }
    if raw.starts_with('{') {
        // Of equal keys the last one counts, as it did when the document was read.
        let members: HashMap<MemberKey<'_>, &RawValue> =
            serde_json::from_str(raw).unwrap_or_default();
        for (name, inner) in &wanted.inner {
            if let Some(value) = members.get(&MemberKey(Cow::Borrowed(name))) {
                descend(value.get(), begin, inner, found);
            }
        }
    } else if raw.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
        for (name, inner) in &wanted.inner {
            let element = name.parse::<usize>().ok().and_then(|at| elements.get(at));
            if let Some(value) = element {
                descend(value.get(), begin, inner, found);
            }
        }
    }
}

/// A key, borrowed where it has no escapes.
#[derive(PartialEq, Eq, Hash, serde::Deserialize)]
struct MemberKey<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    begins: Vec<usize>,
    /// The first character in each stretch of [`MARK_EVERY`] bytes, and the columns before it: a file can be one
    /// line, which must not be counted anew for every finding.
    marks: Vec<(usize, usize)>,
}

/// Bytes from one mark to the next.
const MARK_EVERY: usize = 1024;

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let mut marks = Vec::with_capacity(text.len() / MARK_EVERY + 1);
        let mut before = 0;
        for (byte, one) in text.char_indices() {
            if byte >= marks.len() * MARK_EVERY {
                marks.push((byte, before));
            }
            before += usize::from(is_column(one));
        }
        Self {
            text,
            begins: std::iter::once(0).chain(breaks).collect(),
            marks,
        }
    }

    /// Line and column of a byte, from 1.
    fn at(&self, byte: usize) -> (usize, usize) {
        let line = self.begins.partition_point(|begin| *begin <= byte);
        let column = self.columns_before(byte) - self.columns_before(self.begins[line - 1]);
        (line, column + 1)
    }

    /// Columns of all characters before a byte, lines aside.
    fn columns_before(&self, byte: usize) -> usize {
        let Some(&(from, before)) = self.marks.get(byte / MARK_EVERY).or(self.marks.last()) else {
            return 0;
        };
        let rest = self.text[from..byte].chars();
        before + rest.filter(|one| is_column(*one)).count()
    }
}

/// Editors show no mark at the beginning of a file.
fn is_column(one: char) -> bool {
    one != '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_lines_and_columns() {
        let text =
            "\u{feff}{\n  \"a\": [1, {\"b/c\": \"\u{e9}\"}],\n  \"a~\": null, \"d\\u0065\": 2\n}\n";
        let pointers = ["", "/a", "/a/1/b~1c", "/a~0", "/de", "/gone", "/a/7"];
        let found = offsets(text, pointers.into_iter());
        let lines = Lines::of(text);
        let told = pointers.map(|pointer| found.get(pointer).map(|at| lines.at(*at)));
        let expected = [
            Some((1, 1)),
            Some((2, 8)),
            Some((2, 20)),
            Some((3, 9)),
            Some((3, 26)),
            None,
            None,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_column_far_behind_in_a_long_line_is_counted_from_the_mark_before_it() {
        let text = "\u{feff}a\u{e9}\u{1f980}b\n".repeat(700) + &"\u{e9}\u{1f980}x".repeat(2_000);
        let lines = Lines::of(&text);
        let (mut line, mut column) = (1, 1);
        for (byte, one) in text.char_indices() {
            assert_eq!(lines.at(byte), (line, column), "{byte}");
            match one {
                '\n' => (line, column) = (line + 1, 1),
                '\u{feff}' => {}
                _ => column += 1,
            }
        }
        assert_eq!(lines.at(text.len()), (line, column));
        assert_eq!(Lines::of("").at(0), (1, 1));
    }
}
