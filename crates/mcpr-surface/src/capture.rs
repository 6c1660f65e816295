//! From what streams say of a surface to versions of it: page chains, what is new, what changed.
//! Pure: a store keeps the state and asks what the next statement does to it.

mod between;
mod limits;
mod restore;

pub use between::changes_between;
pub use limits::{
    MAX_LONE_ITEMS, MAX_PENDING_BYTES, MAX_PENDING_CHAINS, MAX_PENDING_TOTAL_BYTES, MAX_VERSIONS,
    are_too_many_chains, is_announced, is_flapping, lone_item_key, oldest_wait,
};

pub use restore::{KnownVersion, known_as, last_seen_of, read_version};

use super::canonical::{canonical, canonical_text, sha256_hex, without_ignored};
use super::parse::{Parsed, parse};
use super::surface::{ItemKind, Surface};
use mcpr_model::{SurfaceContent, SurfaceUpdate};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a page that waits takes beside its items, in bytes: a chain of empty pages has an end too.
const PAGE_OVERHEAD_BYTES: usize = 64;

/// A chain of pages that waits for its rest. The pages themselves are not read for each one that comes:
/// an answer that never ends would take work that grows with its square.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The cursor that the next page must be asked with.
    pub next_cursor: String,
    /// How many pages wait.
    pub pages: u64,
    /// How many bytes they take.
    pub bytes: usize,
}

/// A page that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingPage {
    /// Its items: the raw JSON of an array.
    pub items: String,
    /// JSON pointers of keys that stand twice in one object.
    pub duplicate_keys: Vec<String>,
}

/// The texts that a store has of a list, which may be long: asked for where they are needed.
pub trait ListTexts {
    /// Why a text cannot be read.
    type Error;

    /// The raw JSON of the version that was seen last.
    ///
    /// # Errors
    /// When it cannot be read.
    fn latest(&mut self) -> Result<String, Self::Error>;

    /// The pages of the chain that wait, the first one first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn waiting(&mut self) -> Result<Vec<WaitingPage>, Self::Error>;
}

/// Of a list of which nothing is known.
impl ListTexts for () {
    type Error = std::convert::Infallible;

    fn latest(&mut self) -> Result<String, Self::Error> {
        Ok(String::new())
    }

    fn waiting(&mut self) -> Result<Vec<WaitingPage>, Self::Error> {
        Ok(Vec::new())
    }
}

/// The version of a list that was seen last, as far as the next one is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The highest number that a version of the list has, from 1.
    pub version: i64,
    /// SHA-256 of its canonical form.
    pub sha256: String,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
}

/// What kind of change a new version brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The first version of all.
    Initial,
    /// An item that was not there before.
    Added,
    /// An item that is no longer there.
    Removed,
    /// An item that is not what it was.
    Modified,
    /// Another answer of `initialize` or `server/discover`.
    Updated,
}

impl Change {
    /// Its word for an item of a kind: `tool_added`.
    #[must_use]
    pub fn word(self, kind: ItemKind) -> String {
        match self {
            Self::Initial => "initial".to_owned(),
            Self::Updated => "updated".to_owned(),
            Self::Added => format!("{}_added", kind.as_str()),
            Self::Removed => format!("{}_removed", kind.as_str()),
            Self::Modified => format!("{}_modified", kind.as_str()),
        }
    }
}

/// A version that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// Its number, from 1.
    pub version: i64,
    /// SHA-256 of its canonical form.
    pub sha256: String,
    /// The raw JSON of the whole list, as an answer without further pages would hold it.
    pub payload: String,
    /// What is peculiar about it: doubled names, keys that stand twice.
    pub peculiar: Vec<String>,
    /// What it brought, with the item's key.
    pub changes: Vec<(String, Option<String>)>,
}

/// What becomes of the pages that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// They wait on.
    Keep,
    /// The chain is this now, and this page is its last.
    Wait(Pending, WaitingPage),
    /// None wait any more.
    Clear,
}

/// What becomes of the versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: no whole list was seen, or an old one.
    Nothing,
    /// The newest version was seen once more.
    Again,
    /// There is a new one.
    New(Box<NewVersion>),
}

/// The sort of item that a method lists.
#[must_use]
pub fn kind_of(method: &str) -> Option<ItemKind> {
    Some(match method {
        "initialize" | "server/discover" => ItemKind::Server,
        "tools/list" => ItemKind::Tool,
        "prompts/list" => ItemKind::Prompt,
        "resources/list" => ItemKind::Resource,
        "resources/templates/list" => ItemKind::ResourceTemplate,
        _ => return None,
    })
}

/// The server's address, where the stream reported it.
#[must_use]
pub fn upstream_of(update: &SurfaceUpdate) -> Option<&str> {
    match &update.content {
        SurfaceContent::Whole { upstream, .. } => upstream.as_deref(),
        SurfaceContent::Version(version) => version.upstream.as_deref(),
        _ => None,
    }
}

/// What keeps two lists that are read at the same time apart: the session, or the client.
#[must_use]
pub fn chain_of(update: &SurfaceUpdate) -> String {
    let client = || format!("~{}", update.client_name.as_deref().unwrap_or_default());
    let session = update.session_id.as_deref();
    session.map_or_else(client, str::to_owned)
}

/// The protocol version that an answer of `initialize` settles on.
#[must_use]
pub fn negotiated(update: &SurfaceUpdate) -> Option<String> {
    if let SurfaceContent::Version(version) = &update.content {
        return version.protocol.as_deref().map(str::to_owned);
    }
    let (SurfaceContent::Page { result, .. } | SurfaceContent::Whole { result, .. }) =
        &update.content
    else {
        return None;
    };
    if update.method != "initialize" {
        return None;
    }
    let answer: Value = serde_json::from_str(result).ok()?;
    answer.get("protocolVersion")?.as_str().map(str::to_owned)
}

/// What a statement does to the state of its list. What does not read as an answer does nothing.
///
/// # Errors
/// When a text that it needs cannot be read.
pub fn step<T: ListTexts>(
    update: &SurfaceUpdate,
    pending: Option<&Pending>,
    latest: Option<&Latest>,
    texts: &mut T,
) -> Result<(Chain, Seen), T::Error> {
    let nothing = Ok((Chain::Keep, Seen::Nothing));
    // Other methods show nothing of a server's surface.
    let Some(kind) = kind_of(&update.method) else {
        return nothing;
    };
    // What is older than the newest sight of the list says nothing new: a replay, or a late stream.
    if latest.is_some_and(|latest| update.ts < latest.last_seen_at) {
        return nothing;
    }
    match &update.content {
        // The pages that wait may be those of another reading of the list, which goes on.
        SurfaceContent::Whole { result, .. } => match Pages::read(kind, result) {
            Some(pages) => Ok((Chain::Keep, pages.seen(kind, latest, texts)?)),
            None => nothing,
        },
        SurfaceContent::Page {
            cursor,
            result,
            asked_version,
        } => {
            let Some(mut pages) = Pages::read(kind, result) else {
                return nothing;
            };
            // Before anything is compared or stored.
            pages.drop_echo(asked_version.as_deref());
            let waiting = match (cursor, pending) {
                // A request without a cursor begins the list anew, whatever waited.
                (None, _) => None,
                (Some(cursor), Some(pending)) if pending.next_cursor == **cursor => Some(pending),
                // A later page whose chain did not begin here says nothing of the others.
                (Some(_), _) => return nothing,
            };
            match pages.next_cursor.take() {
                // Only the whole list is a version: half of it looks as if items had been removed.
                Some(next_cursor) => Ok((pages.wait(next_cursor, waiting), Seen::Nothing)),
                None => last_page(kind, pages, waiting, latest, texts),
            }
        }
        // Items and announcements are kept elsewhere, and are not a list; versions are restored, not inferred.
        SurfaceContent::Item { .. } | SurfaceContent::ListChanged | SurfaceContent::Version(_) => {
            nothing
        }
    }
}

fn last_page<T: ListTexts>(
    kind: ItemKind,
    last: Pages,
    waiting: Option<&Pending>,
    latest: Option<&Latest>,
    texts: &mut T,
) -> Result<(Chain, Seen), T::Error> {
    let whole = match waiting {
        None => Some(last),
        Some(_) => last.after(&texts.waiting()?),
    };
    let seen = match whole {
        Some(whole) => whole.seen(kind, latest, texts)?,
        // A page that no longer reads leaves the chain without its whole; it is cleared all the
        // same.
        None => Seen::Nothing,
    };
    Ok((Chain::Clear, seen))
}

/// One or several pages of an answer.
struct Pages {
    /// Items of a list; of `initialize` its one result.
    items: Vec<Value>,
    next_cursor: Option<String>,
    duplicate_keys: Vec<String>,
}

impl Pages {
    fn read(kind: ItemKind, result: &str) -> Option<Self> {
        let Parsed { value, duplicates } = parse(result).ok()?;
        let Value::Object(mut result) = value else {
            return None;
        };
        let next_cursor = match result.get("nextCursor") {
            // Anything but a string is not a cursor, and the page is the last.
            Some(Value::String(cursor)) => Some(cursor.clone()),
            _ => None,
        };
        let items = match kind.list_member() {
            None => vec![Value::Object(result)],
            Some(member) => match result.remove(member) {
                Some(Value::Array(items)) => items,
                _ => return None,
            },
        };
        let key = kind.key_member();
        let has_key = |item: &Value| item.get(key).is_some_and(Value::is_string);
        // Without keys its items could not be distinguished; the whole page is left out.
        if kind != ItemKind::Server && !items.iter().all(has_key) {
            return None;
        }
        Some(Self {
            items,
            next_cursor,
            duplicate_keys: duplicates,
        })
    }

    /// The version that was negotiated says as much of the client as of the server: where it is the
    /// one that was asked for, it is not part of the surface.
    fn drop_echo(&mut self, asked: Option<&str>) {
        for item in &mut self.items {
            let Value::Object(server) = item else {
                continue;
            };
            let answered = server.get("protocolVersion").and_then(Value::as_str);
            if answered.is_some() && answered == asked {
                server.remove("protocolVersion");
            }
        }
    }

    /// Has this page wait behind others, unless they take too much together.
    fn wait(self, next_cursor: String, before: Option<&Pending>) -> Chain {
        let page = WaitingPage {
            items: Value::Array(self.items).to_string(),
            duplicate_keys: self.duplicate_keys,
        };
        // Pointers are as long as the server likes, and count as well.
        let keys = page.duplicate_keys.iter().map(String::len).sum::<usize>();
        let bytes =
            before.map_or(0, |before| before.bytes) + page.items.len() + keys + PAGE_OVERHEAD_BYTES;
        // The rest of the chain would be of no use without these pages.
        if bytes > MAX_PENDING_BYTES {
            return Chain::Clear;
        }
        let pending = Pending {
            next_cursor,
            pages: before.map_or(0, |before| before.pages) + 1,
            bytes,
        };
        Chain::Wait(pending, page)
    }

    /// This page behind those that wait.
    fn after(self, waiting: &[WaitingPage]) -> Option<Self> {
        let mut whole = Self {
            items: Vec::new(),
            next_cursor: None,
            duplicate_keys: Vec::new(),
        };
        for page in waiting {
            // Written by `wait`; only a damaged store makes this fail.
            let Ok(Value::Array(items)) = serde_json::from_str(&page.items) else {
                return None;
            };
            whole.items.extend(items);
            whole.duplicate_keys.extend_from_slice(&page.duplicate_keys);
        }
        whole.items.extend(self.items);
        whole.duplicate_keys.extend(self.duplicate_keys);
        Some(whole)
    }

    fn seen<T: ListTexts>(
        self,
        kind: ItemKind,
        latest: Option<&Latest>,
        texts: &mut T,
    ) -> Result<Seen, T::Error> {
        let sha256 = identity(kind, &self.items);
        // The common case: what changed need not be looked for, nor the old text read.
        if latest.is_some_and(|latest| latest.sha256 == sha256) {
            return Ok(Seen::Again);
        }
        let changes = match latest {
            None => vec![(Change::Initial.word(kind), None)],
            Some(_) => changes(kind, &texts.latest()?, &self.items),
        };
        let peculiar = self.peculiar(kind);
        let payload = match kind.list_member() {
            // No cursor is written: the payload is the whole list.
            None => self.items.into_iter().next().unwrap_or(Value::Null),
            Some(member) => json!({ member: self.items }),
        };
        Ok(Seen::New(Box::new(NewVersion {
            version: latest.map_or(1, |latest| latest.version + 1),
            sha256,
            payload: payload.to_string(),
            peculiar,
            changes,
        })))
    }

    fn peculiar(&self, kind: ItemKind) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut found = Vec::new();
        for name in self.items.iter().filter_map(|item| key_of(kind, item)) {
            // An answer about the server is one item, whose `name` is not a key.
            if kind != ItemKind::Server && !names.insert(name) {
                found.push(format!("two items are named `{name}`"));
            }
        }
        let twice = self.duplicate_keys.iter();
        found.extend(twice.map(|pointer| format!("the key `{pointer}` stands twice")));
        found
    }
}

fn key_of(kind: ItemKind, item: &Value) -> Option<&str> {
    item.get(kind.key_member()).and_then(Value::as_str)
}

/// SHA-256 of the canonical form. The negotiated protocol version is not part of it: two clients that
/// ask for different ones see the same server.
fn identity(kind: ItemKind, items: &[Value]) -> String {
    if kind != ItemKind::Server {
        return canonical(items, kind.key_member()).sha256;
    }
    let without_version = |item: &Value| match item {
        Value::Object(server) => {
            let mut server: Map<String, Value> = server.clone();
            // The store keeps it beside the version.
            server.remove("protocolVersion");
            Value::Object(server)
        }
        other => other.clone(),
    };
    let items: Vec<Value> = items.iter().map(without_version).collect();
    // A single item: the member to sort by does not matter.
    canonical(&items, "name").sha256
}

/// What is different, item by item.
fn changes(kind: ItemKind, before: &str, items: &[Value]) -> Vec<(String, Option<String>)> {
    if kind == ItemKind::Server {
        return vec![(Change::Updated.word(kind), None)];
    }
    // Sets, for a doubled name has several texts, in an order that says nothing.
    let texts = |items: &[Value]| -> BTreeMap<String, BTreeSet<String>> {
        let mut texts = BTreeMap::<_, BTreeSet<_>>::new();
        for item in items {
            if let Some(key) = key_of(kind, item) {
                // Hashes in place of texts: both lists would be held a second time.
                let text = sha256_hex(canonical_text(&*without_ignored(item)).as_bytes());
                texts.entry(key.to_owned()).or_default().insert(text);
            }
        }
        texts
    };
    // A text that does not read makes all items new ones, which is reported rather than hidden.
    let before: Value = serde_json::from_str(before).unwrap_or_default();
    let member = kind.list_member().unwrap_or_default();
    let old = texts(before[member].as_array().map_or(&[], Vec::as_slice));
    let new = texts(items);
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let change = match (old.get(key), new.get(key)) {
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Removed,
            (left, right) if left != right => Change::Modified,
            _ => continue,
        };
        found.push((change.word(kind), Some(key.clone())));
    }
    found
}

/// The surface that the payloads of some versions make together.
#[must_use]
pub fn surface_of<'a>(payloads: impl IntoIterator<Item = &'a str>) -> Surface {
    let mut surface = Surface::default();
    for payload in payloads {
        // A payload that does not read is left out: then its list is unknown, not empty.
        if let Ok(part) = Surface::parse(payload) {
            surface.merge(part);
        }
    }
    surface
}

#[cfg(test)]
mod tests;
