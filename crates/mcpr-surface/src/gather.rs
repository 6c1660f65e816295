//! Texts into one surface, whatever lists come in: answers and whole messages, what a server wrote to
//! its standard output, rows of `mcpr schema --json`, bare arrays, single tools, snapshots. Keeps where
//! each item stands, so that a finding can be shown in the file that was read.

use crate::outline::{ListedItem, Outline, OutlineObject, outline};
use crate::parse::{ParseError, Watched};
use crate::surface::{ItemKind, ItemList, Surface, SurfaceError, read_list};
use serde_json::{Map, Value, json};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Where a value stands: in which text, from which byte on its document begins, and the JSON pointer
/// within that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which of the texts.
    pub text: usize,
    /// Where its document begins, in bytes.
    pub start: usize,
    /// JSON pointer within the document.
    pub pointer: String,
}

/// Where the parts of a surface stand.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Items, by kind and key.
    pub items: BTreeMap<(ItemKind, String), Place>,
    /// Lists as a whole.
    pub lists: BTreeMap<ItemKind, Place>,
    /// The server's answer about itself.
    pub server: Option<Place>,
}

/// Why texts hold no surface.
#[derive(Debug, Error)]
pub enum GatherError {
    /// One text, or one of its lines.
    #[error("{place}{error}")]
    Unread {
        /// `line 3: `, or nothing for a whole text.
        place: String,
        /// What is wrong.
        error: SurfaceError,
    },
    /// Rows of several proxies, which are several surfaces.
    #[error("lists of several proxies: {0}; `mcpr schema --proxy NAME --json` prints those of one")]
    Proxies(String),
    /// A snapshot that is not what was signed.
    #[error("the snapshot was changed after it was taken: its `sha256` is that of another text")]
    Tampered,
}

/// The member of a snapshot that holds its hash; a text without it is not a snapshot.
pub const SNAPSHOT_HASH: &str = "sha256";

/// The member that makes a document a snapshot, with the number of its form.
pub const SNAPSHOT_FORM: &str = "mcpr_snapshot";

/// Reads texts one after the other into one surface.
#[derive(Debug, Default)]
pub struct Gatherer {
    surface: Surface,
    places: Places,
    proxies: BTreeSet<String>,
    texts: usize,
    /// Lines that were not JSON, and passed over.
    noise: usize,
}

/// A document within a text.
struct JsonDocument {
    parsed: Watched<Outline>,
    start: usize,
    /// Its line, where a text has many; whole texts have none.
    line: Option<usize>,
}

/// The text and the place that are read at present.
#[derive(Clone, Copy)]
struct ReadState<'a> {
    text: usize,
    start: usize,
    pointer: &'a str,
}

impl ReadState<'_> {
    fn place(self, rest: &str) -> Place {
        Place {
            text: self.text,
            start: self.start,
            pointer: format!("{}{rest}", self.pointer),
        }
    }
}

impl Gatherer {
    /// Adds what a text holds.
    ///
    /// # Errors
    ///
    /// When it is not JSON, holds no list, or was tampered with.
    pub fn add(&mut self, text: &str) -> Result<(), GatherError> {
        let at = self.texts;
        self.texts += 1;
        let mut found = 0;
        let mut last = None;
        for document in self.documents(text)? {
            let here = ReadState {
                text: at,
                start: document.start,
                pointer: "",
            };
            let Watched { value, duplicates } = document.parsed;
            match self.document(value, here) {
                Ok(count) => {
                    found += count;
                    self.surface.duplicate_keys.extend(duplicates);
                }
                Err(GatherError::Unread { error, .. }) => {
                    // Streams hold much else; a whole text holds what it is given for.
                    let is_other = matches!(error, SurfaceError::NoList | SurfaceError::Refused(_));
                    let place = document.line.map(|line| format!("line {line}: "));
                    let is_line = place.is_some();
                    let error = GatherError::Unread {
                        place: place.unwrap_or_default(),
                        error,
                    };
                    if !(is_other && is_line) {
                        return Err(error);
                    }
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        if found > 0 {
            return Ok(());
        }
        Err(last.unwrap_or(GatherError::Unread {
            place: String::new(),
            error: SurfaceError::NoList,
        }))
    }

    /// The surface, where its parts stand, and how many lines were not JSON.
    ///
    /// # Errors
    ///
    /// When it is made of several proxies' lists.
    pub fn finish(self) -> Result<(Surface, Places, usize), GatherError> {
        if self.proxies.len() > 1 {
            let names: Vec<String> = self.proxies.into_iter().collect();
            return Err(GatherError::Proxies(names.join(", ")));
        }
        Ok((self.surface, self.places, self.noise))
    }

    /// The whole text as one document, or else each line as one.
    fn documents(&mut self, text: &str) -> Result<Vec<JsonDocument>, GatherError> {
        let whole = match outline(text) {
            Ok(parsed) => {
                let document = JsonDocument {
                    parsed,
                    start: 0,
                    line: None,
                };
                return Ok(vec![document]);
            }
            Err(error) => error,
        };
        let mut lines = lines_of(text).filter(|(.., line)| !line.is_empty());
        // A text over several lines that is not JSON is reported as such, and not line by line.
        let is_stream = lines
            .next()
            .is_some_and(|(.., line)| !line.starts_with('{') || outline(line).is_ok());
        if !is_stream || matches!(whole, ParseError::TooLong(_)) {
            return Err(GatherError::Unread {
                place: String::new(),
                error: whole.into(),
            });
        }
        let mut documents = Vec::new();
        for (number, start, line) in lines_of(text) {
            match outline(line) {
                Ok(parsed) if !matches!(parsed.value, Outline::Value(_)) => {
                    documents.push(JsonDocument {
                        parsed,
                        start,
                        line: Some(number),
                    });
                }
                // What only begins like a message was cut, or written over.
                Err(error) if line.starts_with('{') => {
                    return Err(GatherError::Unread {
                        place: format!("line {number}: "),
                        error: error.in_line().into(),
                    });
                }
                _ => self.noise += usize::from(!line.is_empty()),
            }
        }
        Ok(documents)
    }

    /// Adds a document; how many answers or items it had.
    fn document(&mut self, value: Outline, here: ReadState<'_>) -> Result<usize, GatherError> {
        let list = match value {
            Outline::Array(list) => list,
            Outline::Object(object) => return self.object(object, here),
            _ => return Err(unread(SurfaceError::NoList)),
        };
        let Some(kind) = kind_of_items(&list) else {
            // Messages or rows: each for itself.
            let mut found = 0;
            for (at, element) in list.into_iter().enumerate() {
                let pointer = format!("{}/{at}", here.pointer);
                let Some(element) = element.into_object() else {
                    return Err(unread(SurfaceError::NoList));
                };
                let here = ReadState {
                    pointer: &pointer,
                    ..here
                };
                match self.object(element, here) {
                    Ok(count) => found += count,
                    // Other messages of a batch.
                    Err(GatherError::Unread {
                        error: SurfaceError::NoList | SurfaceError::Refused(_),
                        ..
                    }) => {}
                    Err(error) => return Err(error),
                }
            }
            return if found > 0 {
                Ok(found)
            } else {
                Err(unread(SurfaceError::NoList))
            };
        };
        let items: Vec<ListedItem> = list
            .into_iter()
            .map(|item| item.into_listed(kind))
            .collect();
        note_items(&mut self.places, kind, &items, here);
        self.places.lists.insert(kind, here.place(""));
        let listing = read_list(kind, items, false).map_err(unread)?;
        let lists = BTreeMap::from([(kind, listing)]);
        self.take(
            Surface {
                lists,
                ..Surface::default()
            },
            true,
        );
        Ok(1)
    }

    fn object(
        &mut self,
        mut answer: OutlineObject,
        here: ReadState<'_>,
    ) -> Result<usize, GatherError> {
        if answer.is_row() {
            return self.row(answer, here);
        }
        if answer.has(SNAPSHOT_FORM) {
            check_hash(&mut answer)?;
            answer.rest.remove(SNAPSHOT_FORM);
        }
        let is_lone = !answer.has("result") && answer.has("inputSchema");
        let (result, pointer) = match answer.inner("result") {
            Some(result) => (result, format!("{}/result", here.pointer)),
            None => (&answer, here.pointer.to_owned()),
        };
        let here = ReadState {
            pointer: &pointer,
            ..here
        };
        // Before they are taken in, which moves them.
        for (kind, list) in &result.lists {
            let member = kind.list_member().unwrap_or_default();
            let pointer = format!("{}/{member}", here.pointer);
            let here = ReadState {
                pointer: &pointer,
                ..here
            };
            self.places.lists.insert(*kind, here.place(""));
            note_items(&mut self.places, *kind, list, here);
        }
        if is_lone && let Some(name) = result.rest.get("name").and_then(Value::as_str) {
            let key = (ItemKind::Tool, name.to_owned());
            let places = &mut self.places;
            places.items.entry(key).or_insert_with(|| here.place(""));
            places
                .lists
                .entry(ItemKind::Tool)
                .or_insert_with(|| here.place(""));
        }
        let found = Surface::from_answer(answer).map_err(unread)?;
        if found.server.is_some() {
            self.places.server = Some(here.place(""));
        }
        self.take(found, is_lone);
        Ok(1)
    }

    /// A row of `mcpr schema --json`.
    fn row(&mut self, mut row: OutlineObject, here: ReadState<'_>) -> Result<usize, GatherError> {
        let text = |name: &str| row.rest.get(name).and_then(Value::as_str);
        self.proxies.extend(text("proxy").map(str::to_owned));
        let is_partial = text("captured") == Some("partial");
        // A list that was not captured has a row as well.
        let Some(mut payload) = row.take_inner("payload") else {
            return Ok(1);
        };
        let pointer = format!("{}/payload", here.pointer);
        let here = ReadState {
            pointer: &pointer,
            ..here
        };
        if is_partial {
            let cursor = ("nextCursor".to_owned(), json!("unknown"));
            payload.rest.extend([cursor]);
        }
        self.object(payload, here)
    }

    /// Takes an answer in: a page goes on where the one before it ended, a lone item joins its list,
    /// and a list that came again takes the place of the earlier one.
    fn take(&mut self, found: Surface, is_single: bool) {
        let Surface { server, lists, .. } = found;
        self.surface.server = server.or(self.surface.server.take());
        for (kind, list) in lists {
            let known = self.surface.lists.entry(kind).or_default();
            if known.partial || is_single {
                join(known, list);
            } else {
                *known = list;
            }
        }
    }
}

/// Adds the items of a page to a list; the last page shows whether more follow.
fn join(known: &mut ItemList, page: ItemList) {
    known.doubled.extend(page.doubled);
    for (key, item) in page.items {
        match known.items.entry(key) {
            Entry::Occupied(taken) => {
                known.doubled.insert(taken.key().clone());
            }
            Entry::Vacant(free) => {
                free.insert(item);
            }
        }
    }
    known.partial = page.partial;
}

fn note_items(places: &mut Places, kind: ItemKind, list: &[ListedItem], here: ReadState<'_>) {
    for (at, ListedItem { key, .. }) in list.iter().enumerate() {
        if let Some(key) = key {
            // Of two with one key the first is compared; a list that came again is the newer one.
            let place = here.place(&format!("/{at}"));
            let is_same = |known: &Place| (known.text, known.start) == (place.text, place.start);
            let key = (kind, key.clone());
            if !places.items.get(&key).is_some_and(is_same) {
                places.items.insert(key, place);
            }
        }
    }
}

fn unread(error: SurfaceError) -> GatherError {
    GatherError::Unread {
        place: String::new(),
        error,
    }
}

/// Number, begin and text of each line, without what is blank around it.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n')
        .enumerate()
        .map(move |(at, line)| {
            let blank = line.len() - line.trim_start().len();
            let begin = start + blank;
            start += line.len();
            (at + 1, begin, line.trim())
        })
}

/// What the elements of a bare array are; none where they are messages or rows.
fn kind_of_items(list: &[Outline]) -> Option<ItemKind> {
    match list.first()? {
        Outline::Item(_) => {}
        Outline::Object(object) if !object.is_message() => {}
        _ => return None,
    }
    let has = |name: &str| list.iter().all(|item| item.has(name));
    if has("uriTemplate") {
        Some(ItemKind::ResourceTemplate)
    } else if has("uri") {
        Some(ItemKind::Resource)
    } else if !has("name") {
        None
    } else if list.iter().any(|item| item.has("arguments")) {
        Some(ItemKind::Prompt)
    } else {
        Some(ItemKind::Tool)
    }
}

/// A snapshot's hash is over everything but itself, which is taken out here.
fn check_hash(snapshot: &mut OutlineObject) -> Result<(), GatherError> {
    let stated = snapshot.rest.remove(SNAPSHOT_HASH);
    let text = crate::canonical::canonical_text(&*snapshot);
    let hash = crate::canonical::sha256_hex(text.as_bytes());
    if stated.as_ref().and_then(Value::as_str) == Some(hash.as_str()) {
        Ok(())
    } else {
        Err(GatherError::Tampered)
    }
}

/// The hash of a snapshot, in lower-case hexadecimal digits.
#[must_use]
pub fn snapshot_hash(snapshot: &Map<String, Value>) -> String {
    let mut signed = snapshot.clone();
    signed.remove(SNAPSHOT_HASH);
    crate::canonical::sha256_hex(crate::canonical::canonical_text(&signed).as_bytes())
}
