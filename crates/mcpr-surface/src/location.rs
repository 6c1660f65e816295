//! Where a finding stands in the files that were read: JSON pointers to lines and columns.

use crate::finding::Finding;
use crate::gather::{Place, Places};
use crate::parse::escape_segment;
use crate::surface::{ItemKind, Surface};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::OnceCell;
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

/// Where one finding stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingLocations {
    /// In the new file, or what was around it; none where no file was read.
    pub new: Option<FileLocation>,
    /// In the old file; none when it was added.
    pub old: Option<FileLocation>,
}

/// Both sides of a comparison, ready to find where findings stand; without files, nowhere.
#[derive(Debug, Default)]
pub struct Locator<'a> {
    old: Option<SideIndex<'a>>,
    new: Option<SideIndex<'a>>,
}

impl<'a> Locator<'a> {
    /// Locates findings in these two.
    #[must_use]
    pub fn of(old: ReadSide<'a>, new: ReadSide<'a>) -> Self {
        Self {
            old: Some(SideIndex::of(old)),
            new: Some(SideIndex::of(new)),
        }
    }

    /// Each finding with the places where it stands. Fast where findings of one item come together, as
    /// in a report: each item is parsed once, for as long as it takes.
    pub fn located<'b>(
        &'b self,
        findings: &'b [Finding],
    ) -> impl Iterator<Item = (&'b Finding, FindingLocations)> {
        let is_same = |a: &Finding, b: &Finding| a.kind == b.kind && a.item == b.item;
        findings.chunk_by(is_same).flat_map(|group| {
            let of = |side: &Option<SideIndex<'_>>| match side {
                Some(side) => side.locations(group),
                None => vec![None; group.len()],
            };
            // Both sides before the next item, so that no more than these are held.
            let places = of(&self.new).into_iter().zip(of(&self.old));
            let located = group.iter().zip(places).map(|(finding, (new, old))| {
                // What was added never stood there.
                let old = old.filter(|_| finding.before.is_some());
                (finding, FindingLocations { new, old })
            });
            located.collect::<Vec<_>>()
        })
    }
}

/// One document of a text: which, and where it begins.
type DocumentStart = (usize, usize);

/// One side, and where in its texts items, lists and the server's answer begin.
#[derive(Debug)]
struct SideIndex<'a> {
    side: ReadSide<'a>,
    lines: Vec<OnceCell<Lines<'a>>>,
    /// By document and pointer; bytes from the document's begin. Read when it is first asked for.
    begins: OnceCell<HashMap<DocumentStart, HashMap<&'a str, usize>>>,
}

impl<'a> SideIndex<'a> {
    fn of(side: ReadSide<'a>) -> Self {
        Self {
            side,
            lines: side.files.iter().map(|_| OnceCell::new()).collect(),
            begins: OnceCell::new(),
        }
    }

    /// Where findings of one item stand.
    fn locations(&self, findings: &[Finding]) -> Vec<Option<FileLocation>> {
        self.found(findings)
            .unwrap_or_else(|| vec![None; findings.len()])
    }

    fn found(&self, findings: &[Finding]) -> Option<Vec<Option<FileLocation>>> {
        let (place, value) = self.place_of(findings.first()?)?;
        // What was recorded has places in no file.
        let (file, text) = self.side.files.get(place.text)?;
        let begins = self.begins.get_or_init(|| begins(self.side));
        let document = begins.get(&(place.text, place.start))?;
        let begin = place.start + document.get(place.pointer.as_str())?;
        let pointers = findings.iter().map(|finding| match &value {
            Some(value) => resolved(value, &finding.pointer),
            None => String::new(),
        });
        let pointers: Vec<String> = pointers.collect();
        // From the item on, and no further than it goes: files may be one line of megabytes.
        let offsets = offsets(&text[begin..], pointers.iter().map(String::as_str));
        let lines = self.lines.get(place.text)?.get_or_init(|| Lines::of(text));
        let located = pointers.iter().map(|pointer| {
            // A pointer that leads nowhere would send its reader astray.
            let offset = offsets.get(pointer.as_str())?;
            let (line, column) = lines.at(begin + offset);
            Some(FileLocation {
                file: file.clone(),
                pointer: format!("{}{pointer}", place.pointer),
                line,
                column,
            })
        });
        Some(located.collect())
    }

    /// The place of what a finding is about, and what stands there; or what is around it, where it is
    /// not there, and nothing more to point into.
    fn place_of(&self, finding: &Finding) -> Option<(&'a Place, Option<Value>)> {
        let ReadSide {
            surface, places, ..
        } = self.side;
        if finding.kind == ItemKind::Server {
            let place = places.server.as_ref().or(places.lists.values().next())?;
            return Some((place, surface.server.clone()));
        }
        let key = (finding.kind, finding.item.clone());
        if let Some(place) = places.items.get(&key) {
            let item = surface.lists.get(&finding.kind)?.items.get(&finding.item)?;
            return Some((place, Some(item.value())));
        }
        // An item that this side does not have is missing from its list, and a list from its file.
        let list = places.lists.get(&finding.kind);
        let list = list.or_else(|| places.lists.values().next());
        Some((list.or(places.server.as_ref())?, None))
    }
}

/// Where everything that has a place begins.
fn begins(side: ReadSide<'_>) -> HashMap<DocumentStart, HashMap<&str, usize>> {
    let places = side.places;
    let all = places.items.values().chain(places.lists.values());
    let mut pointers = BTreeMap::<DocumentStart, Vec<&str>>::new();
    // All at once, as each document is then read once.
    for place in all.chain(&places.server) {
        let document = pointers.entry((place.text, place.start)).or_default();
        document.push(&place.pointer);
    }
    let found = pointers
        .into_iter()
        .filter_map(|((text, start), pointers)| {
            let (_, whole) = side.files.get(text)?;
            let begins = offsets(&whole[start..], pointers.into_iter());
            Some(((text, start), begins))
        });
    found.collect()
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
#[derive(Debug)]
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
        let places = pointers.map(|pointer| found.get(pointer).map(|at| lines.at(*at)));
        let expected = [
            Some((1, 1)),
            Some((2, 8)),
            Some((2, 20)),
            Some((3, 9)),
            Some((3, 26)),
            None,
            None,
        ];
        assert_eq!(places, expected);
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
