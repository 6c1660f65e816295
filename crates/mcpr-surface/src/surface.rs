//! What a server answered to `initialize` and to its lists, as items under their keys. Parses and
//! merges; does not judge.

use super::canonical::{Canonical, canonical, without_ignored};
use super::outline::{ListedItem, Outline, OutlineObject, outline};
use super::packed::Packed;
use super::parse::ParseError;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;

/// What sort of thing an item of a surface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// What `initialize` or `server/discover` answered.
    Server,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    ResourceTemplate,
}

impl ItemKind {
    /// Every kind that comes in a list.
    pub const LISTED: [Self; 4] = [
        Self::Tool,
        Self::Prompt,
        Self::Resource,
        Self::ResourceTemplate,
    ];

    /// The word for it in sentences and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::ResourceTemplate => "resource_template",
        }
    }

    /// The member of the result that holds the list; none for the server.
    #[must_use]
    pub fn list_member(self) -> Option<&'static str> {
        match self {
            Self::Server => None,
            Self::Tool => Some("tools"),
            Self::Prompt => Some("prompts"),
            Self::Resource => Some("resources"),
            Self::ResourceTemplate => Some("resourceTemplates"),
        }
    }

    /// The member of an item by which it is known.
    #[must_use]
    pub fn key_member(self) -> &'static str {
        match self {
            Self::Server | Self::Tool | Self::Prompt => "name",
            // Two resources may share a name; their URI is what is asked for.
            Self::Resource => "uri",
            Self::ResourceTemplate => "uriTemplate",
        }
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResourceTemplate => "resource template",
            other => other.as_str(),
        })
    }
}

/// One list: its items under their keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemList {
    /// The items; of two with one key, the first.
    pub items: BTreeMap<String, Packed>,
    /// Keys that more than one item has.
    pub doubled: BTreeSet<String>,
    /// Whether more pages follow: then what is not in it may still exist.
    pub partial: bool,
}

/// What one server shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surface {
    /// What `initialize` or `server/discover` answered.
    pub server: Option<Value>,
    /// The lists that were captured. A kind without an entry is unknown, not empty.
    pub lists: BTreeMap<ItemKind, ItemList>,
    /// JSON pointers of keys that stand twice in the raw answer.
    pub duplicate_keys: Vec<String>,
    /// Names of tools of other recorded proxies, for the rules about confusable names.
    pub foreign_tools: BTreeSet<String>,
}

/// Why a text holds no surface.
#[derive(Debug, Error)]
pub enum SurfaceError {
    /// No JSON that we read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The answer is an error.
    #[error("the answer is an error, not a list: {0}")]
    Refused(String),
    /// No list and no server in it.
    #[error(
        "no list in it: expected `tools`, `prompts`, `resources`, `resourceTemplates` or an \
         `initialize` answer"
    )]
    NoList,
    /// A list whose items are not items.
    #[error("`{member}` is not a list of objects with `{key}`: {why}")]
    BadList {
        /// The member that holds the list.
        member: &'static str,
        /// The member by which items are known.
        key: &'static str,
        /// What is wrong, and where.
        why: String,
    },
}

impl Surface {
    /// Reads one answer: a result, or the whole JSON-RPC answer around it.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, an error answer, or holds no list.
    pub fn parse(text: &str) -> Result<Self, SurfaceError> {
        let parsed = outline(text)?;
        let mut surface = Self::from_outline(parsed.value)?;
        surface.duplicate_keys = parsed.duplicates;
        Ok(surface)
    }

    /// Reads one answer that is parsed already.
    ///
    /// # Errors
    ///
    /// When it is an error answer, or holds no list.
    pub fn from_value(answer: &Value) -> Result<Self, SurfaceError> {
        Self::from_outline(Outline::of(answer.clone()))
    }

    fn from_outline(answer: Outline) -> Result<Self, SurfaceError> {
        match answer {
            Outline::Object(object) => Self::from_answer(object),
            _ => Err(SurfaceError::NoList),
        }
    }

    /// Reads one answer of which the lists are apart.
    pub(crate) fn from_answer(mut answer: OutlineObject) -> Result<Self, SurfaceError> {
        // JSON-RPC has one or the other; where both stand, the result is what counts.
        if let Some(error) = answer.rest.get("error").filter(|_| !answer.has("result")) {
            return Err(SurfaceError::Refused(error.to_string()));
        }
        // A bare result and the answer around it are both common in files.
        let mut result = match answer.take_inner("result") {
            Some(result) => result,
            None if answer.has("result") => return Err(SurfaceError::NoList),
            None => answer,
        };
        let mut surface = Self::default();
        let mut lone_tool = None;
        if is_server(&result.rest) {
            // Lists in the same answer are read on their own.
            let mut server = result.clone();
            server.lists.clear();
            server.rest.retain(|name, _| !is_list(name));
            let mut server = server.into_value();
            // `_meta` is not kept, and since 2026-07-28 a server says there who it is.
            if let Some(info) = server_info(&server).cloned() {
                server["serverInfo"] = info;
            }
            surface.server = Some(without_ignored(&server).into_owned());
        } else if is_lone_tool(&result.rest) {
            lone_tool = Some(result.clone().into_value());
        }
        // By the protocol a missing cursor ends the list; null is read as missing.
        let partial = result.rest.get("nextCursor").is_some_and(Value::is_string);
        for kind in ItemKind::LISTED {
            if let Some(list) = result.lists.remove(&kind) {
                surface.lists.insert(kind, read_list(kind, list, partial)?);
            } else if kind
                .list_member()
                .is_some_and(|member| result.rest.contains_key(member))
            {
                return Err(bad_list(kind, "no array".to_owned()));
            }
        }
        if let Some(tool) = lone_tool {
            // One definition, as it stands in a repository: a list of one.
            let listing = vec![ListedItem::of(ItemKind::Tool, &tool)];
            let listing = read_list(ItemKind::Tool, listing, false)?;
            surface.lists.insert(ItemKind::Tool, listing);
        }
        if surface.lists.is_empty() && surface.server.is_none() {
            return Err(SurfaceError::NoList);
        }
        Ok(surface)
    }

    /// Whether the server says that it has lists of a kind; none where it was not asked.
    #[must_use]
    pub fn promises(&self, kind: ItemKind) -> Option<bool> {
        let capabilities = self.server.as_ref()?.get("capabilities")?;
        Some(capabilities.get(capability_of(kind)?).is_some())
    }

    /// Whether a capability stands for nothing, as far as was captured: its promise is an empty object
    /// and other lists were captured, but not this one. Servers that promise what they have no
    /// handler for refuse the list, so that nobody ever saw anything of it.
    #[cfg(feature = "judge")]
    pub(crate) fn listed_nothing(&self, kind: ItemKind, promise: &Value) -> bool {
        let is_empty = promise.as_object().is_some_and(Map::is_empty);
        is_empty && !self.lists.is_empty() && !self.lists.contains_key(&kind)
    }

    /// The promise of the lists of a kind, where the server makes one.
    #[cfg(feature = "judge")]
    pub(crate) fn promise(&self, kind: ItemKind) -> Option<&Value> {
        let capabilities = self.server.as_ref()?.get("capabilities")?;
        capabilities.get(capability_of(kind)?)
    }

    /// Adds what another answer of the same server says; of what both say, the other's counts.
    pub fn merge(&mut self, other: Self) {
        // An answer about lists says nothing of the server, and must not erase it.
        self.server = other.server.or(self.server.take());
        self.lists.extend(other.lists);
        self.duplicate_keys.extend(other.duplicate_keys);
        self.foreign_tools.extend(other.foreign_tools);
    }

    /// The canonical form of one list, if it was captured.
    #[must_use]
    pub fn canonical(&self, kind: ItemKind) -> Option<Canonical> {
        let items = match kind {
            ItemKind::Server => vec![self.server.clone()?],
            _ => self
                .lists
                .get(&kind)?
                .items
                .values()
                .map(Packed::value)
                .collect(),
        };
        Some(canonical(&items, kind.key_member()))
    }
}

/// The capability that promises the lists of a kind.
fn capability_of(kind: ItemKind) -> Option<&'static str> {
    match kind {
        ItemKind::Server => None,
        ItemKind::Tool => Some("tools"),
        ItemKind::Prompt => Some("prompts"),
        // Templates have no capability of their own.
        ItemKind::Resource | ItemKind::ResourceTemplate => Some("resources"),
    }
}

/// Who a server says it is, in its answer to `initialize`, or since 2026-07-28 in `_meta`.
#[must_use]
pub fn server_info(answer: &Value) -> Option<&Value> {
    // The older place first: a server of both protocols fills it for older clients.
    ["/serverInfo", "/_meta/io.modelcontextprotocol~1serverInfo"]
        .iter()
        .find_map(|pointer| answer.pointer(pointer))
}

/// Whether a result is that of `initialize` or `server/discover`.
fn is_server(result: &Map<String, Value>) -> bool {
    // Any one is enough: a kept answer may lack the version that was only echoed.
    ["capabilities", "protocolVersion", "supportedVersions"]
        .iter()
        .any(|member| result.contains_key(*member))
}

/// Whether a member of a result holds a list.
fn is_list(name: &str) -> bool {
    let mut members = ItemKind::LISTED.iter();
    members.any(|kind| kind.list_member() == Some(name))
}

fn is_lone_tool(result: &Map<String, Value>) -> bool {
    result.get("name").is_some_and(Value::is_string) && result.contains_key("inputSchema")
}

fn bad_list(kind: ItemKind, why: String) -> SurfaceError {
    SurfaceError::BadList {
        member: kind.list_member().unwrap_or("list"),
        key: kind.key_member(),
        why,
    }
}

/// The items of a list under their keys.
pub(crate) fn read_list(
    kind: ItemKind,
    items: Vec<ListedItem>,
    partial: bool,
) -> Result<ItemList, SurfaceError> {
    let mut listing = ItemList {
        partial,
        ..ItemList::default()
    };
    for (at, ListedItem { key, item }) in items.into_iter().enumerate() {
        // An item without its key cannot be compared with anything: the list is refused.
        let key = key.ok_or_else(|| bad_list(kind, format!("item {at} has none")))?;
        match listing.items.entry(key) {
            // Clients differ in which one they take; that it is doubled is reported by a rule.
            Entry::Occupied(taken) => {
                listing.doubled.insert(taken.key().clone());
            }
            Entry::Vacant(free) => {
                free.insert(item);
            }
        }
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn results_and_whole_answers_are_read() {
        let check = |text: &str, expected: &str| {
            let surface = Surface::parse(text).unwrap();
            let lists = surface.lists.iter().map(|(kind, list)| {
                let keys = list.items.keys().cloned().collect::<Vec<_>>();
                format!("{kind}: {}", keys.join(" "))
            });
            let server = surface.server.iter().map(|_| "server".to_owned());
            assert_eq!(server.chain(lists).collect::<Vec<_>>().join("; "), expected);
        };
        check(r#"{"tools":[{"name":"b"},{"name":"a"}]}"#, "tool: a b");
        check(
            r#"{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"x:y"}]}}"#,
            "resource: x:y",
        );
        check(
            r#"{"resourceTemplates":[{"uriTemplate":"x:{y}"}],"prompts":[]}"#,
            "prompt: ; resource template: x:{y}",
        );
        check(
            r#"{"result":{"protocolVersion":"2025-06-18","capabilities":{}}}"#,
            "server",
        );
        check(r#"{"name":"one","inputSchema":{}}"#, "tool: one");
    }

    #[test]
    fn doubled_names_keys_and_open_pages_are_noticed() {
        let text = r#"{"tools":[{"name":"a"},{"name":"a","name":"a"}],"nextCursor":"2"}"#;
        let surface = Surface::parse(text).unwrap();
        let tools = &surface.lists[&ItemKind::Tool];
        assert!(tools.partial);
        assert_eq!(tools.doubled.iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(surface.duplicate_keys, ["/tools/1/name"]);
    }

    #[test]
    fn what_holds_no_list_says_so() {
        let check = |text: &str, expected: expect_test::Expect| {
            expected.assert_eq(&Surface::parse(text).unwrap_err().to_string());
        };
        check(
            "[]",
            expect![
                "no list in it: expected `tools`, `prompts`, `resources`, `resourceTemplates` or an `initialize` answer"
            ],
        );
        check(
            r#"{"x":1}"#,
            expect![
                "no list in it: expected `tools`, `prompts`, `resources`, `resourceTemplates` or an `initialize` answer"
            ],
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601}}"#,
            expect![[r#"the answer is an error, not a list: {"code":-32601}"#]],
        );
        check(
            r#"{"tools":[{"title":"x"}]}"#,
            expect!["`tools` is not a list of objects with `name`: item 0 has none"],
        );
        check(
            r#"{"tools":{}}"#,
            expect!["`tools` is not a list of objects with `name`: no array"],
        );
    }
}
