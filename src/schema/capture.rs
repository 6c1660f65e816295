//! From what streams say of a surface to versions of it: page chains, what is new, what changed.
//! Pure: a store keeps the state and asks what the next statement does to it.

use super::canonical::{canonical, canonical_text, sha256_hex, without_ignored};
use super::parse::{Parsed, parse};
use super::surface::{ItemKind, Surface};
use crate::model::{Said, SurfaceNews};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of a chain of pages that wait for their last one; longer ones are given up.
pub const MAX_PENDING_BYTES: usize = 16 << 20;

/// How long pages wait for the rest of their chain, by the time of the news.
pub const MAX_PENDING_MS: i64 = 24 * 60 * 60 * 1000;

/// Pages of a list that waits for the rest of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The cursor that the next page must be asked with.
    pub next_cursor: String,
    /// The items so far: the raw JSON of an array.
    pub items: String,
    /// JSON pointers of keys that stand twice in one object, so far.
    pub duplicate_keys: Vec<String>,
}

/// The newest version of a list, as far as the next one is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Its number, from 1.
    pub version: i64,
    /// SHA-256 of its canonical form.
    pub sha256: String,
    /// The raw JSON of the whole list.
    pub payload: String,
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
    /// These wait now.
    Wait(Pending),
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

/// What keeps two lists that are read at the same time apart: the session, or the client.
#[must_use]
pub fn chain_of(news: &SurfaceNews) -> String {
    let client = || format!("~{}", news.client_name.as_deref().unwrap_or_default());
    let session = news.session_id.as_deref();
    session.map_or_else(client, str::to_owned)
}

/// The protocol version that an answer of `initialize` settles on.
#[must_use]
pub fn negotiated(news: &SurfaceNews) -> Option<String> {
    let (Said::Page { result, .. } | Said::Whole { result, .. }) = &news.said else {
        return None;
    };
    if news.method != "initialize" {
        return None;
    }
    let answer: Value = serde_json::from_str(result).ok()?;
    answer.get("protocolVersion")?.as_str().map(str::to_owned)
}

/// What a statement does to the state of its list. What does not read as an answer does nothing.
#[must_use]
pub fn step(
    news: &SurfaceNews,
    pending: Option<&Pending>,
    latest: Option<&Latest>,
) -> (Chain, Seen) {
    let nothing = (Chain::Keep, Seen::Nothing);
    let Some(kind) = kind_of(&news.method) else {
        return nothing;
    };
    // What is older than the newest sight of the list says nothing new: a replay, or a late stream.
    if latest.is_some_and(|latest| news.ts < latest.last_seen_at) {
        return nothing;
    }
    match &news.said {
        Said::Whole { result, .. } => match Pages::read(kind, result) {
            Some(pages) => (Chain::Keep, pages.seen(kind, latest)),
            None => nothing,
        },
        Said::Page {
            cursor,
            result,
            asked_version,
        } => {
            let Some(mut pages) = Pages::read(kind, result) else {
                return nothing;
            };
            pages.drop_echo(asked_version.as_deref());
            page(kind, pages, (cursor.as_deref(), pending), latest)
        }
        Said::Item { .. } | Said::ListChanged => nothing,
    }
}

fn page(
    kind: ItemKind,
    pages: Pages,
    (cursor, pending): (Option<&str>, Option<&Pending>),
    latest: Option<&Latest>,
) -> (Chain, Seen) {
    let whole = match (cursor, pending) {
        (None, _) => pages,
        (Some(cursor), Some(pending)) if pending.next_cursor == cursor => {
            match pages.after(pending) {
                Some(pages) => pages,
                None => return (Chain::Clear, Seen::Nothing),
            }
        }
        // A later page whose chain did not begin here says nothing of the others.
        (Some(_), _) => return (Chain::Keep, Seen::Nothing),
    };
    match whole.next_cursor.clone() {
        None => (Chain::Clear, whole.seen(kind, latest)),
        Some(next_cursor) => {
            let items = Value::Array(whole.items).to_string();
            if items.len() > MAX_PENDING_BYTES {
                return (Chain::Clear, Seen::Nothing);
            }
            let pending = Pending {
                next_cursor,
                items,
                duplicate_keys: whole.duplicate_keys,
            };
            (Chain::Wait(pending), Seen::Nothing)
        }
    }
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
    /// one that was asked for, it is no part of the surface.
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

    /// These pages behind those that wait.
    fn after(self, pending: &Pending) -> Option<Self> {
        let Ok(Value::Array(mut items)) = serde_json::from_str(&pending.items) else {
            return None;
        };
        items.extend(self.items);
        let mut duplicate_keys = pending.duplicate_keys.clone();
        duplicate_keys.extend(self.duplicate_keys);
        Some(Self {
            items,
            next_cursor: self.next_cursor,
            duplicate_keys,
        })
    }

    fn seen(self, kind: ItemKind, latest: Option<&Latest>) -> Seen {
        let sha256 = identity(kind, &self.items);
        if latest.is_some_and(|latest| latest.sha256 == sha256) {
            return Seen::Again;
        }
        let changes = match latest {
            None => vec![(Change::Initial.word(kind), None)],
            Some(latest) => changes(kind, &latest.payload, &self.items),
        };
        let peculiar = self.peculiar(kind);
        let payload = match kind.list_member() {
            None => self.items.into_iter().next().unwrap_or(Value::Null),
            Some(member) => json!({ member: self.items }),
        };
        Seen::New(Box::new(NewVersion {
            version: latest.map_or(1, |latest| latest.version + 1),
            sha256,
            payload: payload.to_string(),
            peculiar,
            changes,
        }))
    }

    fn peculiar(&self, kind: ItemKind) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut found = Vec::new();
        for name in self.items.iter().filter_map(|item| key_of(kind, item)) {
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

/// SHA-256 of the canonical form. The negotiated protocol version is no part of it: two clients that
/// ask for different ones see the same server.
fn identity(kind: ItemKind, items: &[Value]) -> String {
    if kind != ItemKind::Server {
        return canonical(items, kind.key_member()).sha256;
    }
    let without_version = |item: &Value| match item {
        Value::Object(server) => {
            let mut server: Map<String, Value> = server.clone();
            server.remove("protocolVersion");
            Value::Object(server)
        }
        other => other.clone(),
    };
    let items: Vec<Value> = items.iter().map(without_version).collect();
    canonical(&items, "name").sha256
}

/// What is different, item by item.
fn changes(kind: ItemKind, before: &str, items: &[Value]) -> Vec<(String, Option<String>)> {
    if kind == ItemKind::Server {
        return vec![(Change::Updated.word(kind), None)];
    }
    let texts = |items: &[Value]| -> BTreeMap<String, BTreeSet<String>> {
        let mut texts = BTreeMap::<_, BTreeSet<_>>::new();
        for item in items {
            if let Some(key) = key_of(kind, item) {
                let text = sha256_hex(canonical_text(&*without_ignored(item)).as_bytes());
                texts.entry(key.to_owned()).or_default().insert(text);
            }
        }
        texts
    };
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
        if let Ok(part) = Surface::parse(payload) {
            surface.merge(part);
        }
    }
    surface
}

#[cfg(test)]
mod tests;
