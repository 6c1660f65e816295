//! What is known of each proxy's server at a time, as rows and as text for people.

use super::lists::Lists;
use crate::render::layout::wrap;
use crate::render::text::escape;
use crate::render::{Column, Format, ITEM_COLUMNS, Listing, TableStyle, choose};
use mcpr_model::SurfaceUpdate;
use mcpr_store::query::{Captured, ItemRow, ListKey, ListRow, SurfacePage, SurfaceRow, Surfaces};
use mcpr_store::{Reader, StoreError};
use mcpr_surface::ItemKind;
use mcpr_surface::capture::kind_of;
use serde_json::Value;
use std::fmt::Write as _;

/// What the table of lists shows.
pub(super) const TABLE: &[&str] = &[
    "method",
    "captured",
    "version",
    "items",
    "first_seen_at",
    "last_seen_at",
];

/// What a server reported about itself.
#[derive(Default)]
struct ServerIdentity {
    name: Option<String>,
    version: Option<String>,
    protocol: Option<String>,
}

/// What is asked of the lists: which of them, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Only these.
    pub(super) lists: Option<Lists>,
    /// As they were at this time.
    pub(super) at: i64,
    /// Only those that were seen at this time or later.
    pub(super) since: Option<i64>,
}

/// The lists of a proxy as they were at a time, of what is known of it without texts: also those of which
/// nothing is known.
pub(super) fn rows(
    reader: &dyn Reader,
    proxy: &str,
    known: &Surfaces,
    asked: Asked,
) -> Result<Vec<ListRow>, StoreError> {
    let mut rows = Vec::new();
    let server = ServerIdentity::of(reader, proxy, asked.at)?;
    for method in SurfaceUpdate::METHODS {
        if asked.lists.is_some_and(|lists| !lists.holds(method)) {
            continue;
        }
        let captured = known.captured(proxy, method, asked.at);
        // A server answers one of the two; the other says nothing by its absence.
        if method == "server/discover" && captured == Captured::Unknown {
            continue;
        }
        let list = ListKey {
            proxy: proxy.to_owned(),
            method: method.to_owned(),
        };
        let (shown, payload) = shown(reader, &list, known, asked.at)?;
        rows.push(ListRow {
            proxy: list.proxy,
            method: list.method,
            captured,
            items: payload
                .as_ref()
                .and_then(|payload| items(method, payload))
                .and_then(|items| i64::try_from(items.len()).ok()),
            shown,
            server_name: server.name.clone(),
            server_version: server.version.clone(),
            protocol_version: server.protocol.clone(),
            payload: payload.map(|payload| payload.to_string()),
        });
    }
    Ok(rows)
}

/// Whether a row reports something of its list.
pub(super) fn is_known(row: &ListRow) -> bool {
    row.captured != Captured::Unknown
}

/// Whether a row is in the window.
pub(super) fn is_in(row: &ListRow, asked: Asked) -> bool {
    asked.since.is_none_or(|since| {
        // A list that was never seen has no last sight, and is in no window.
        let shown = row.shown.as_ref();
        shown.is_some_and(|shown| shown.last_seen_at >= since)
    })
}

/// Of the answers of a server about itself, the newest one.
pub(super) fn identity_of<'a>(
    answers: impl Iterator<Item = &'a SurfaceRow>,
) -> Option<&'a SurfaceRow> {
    // A server that was updated may answer another of the two than before.
    answers.max_by_key(|row| row.last_seen_at)
}

impl ServerIdentity {
    fn of(reader: &dyn Reader, proxy: &str, at: i64) -> Result<Self, StoreError> {
        let in_force = |method| reader.surface_in_force(proxy, method, at);
        let answers = [in_force("initialize")?, in_force("server/discover")?];
        let Some(row) = identity_of(answers.iter().flatten()) else {
            return Ok(Self::default());
        };
        let answer: Value = serde_json::from_str(&row.payload).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // Where it is the one that was asked for, the kept answer lacks it; the row has it then.
        let negotiated = text(&answer["protocolVersion"]).or_else(|| row.protocol.clone());
        let info = &answer["serverInfo"];
        Ok(Self {
            name: text(&info["name"]),
            version: text(&info["version"]),
            protocol: negotiated,
        })
    }
}

/// The version of a list that was in force, with what it holds; or the items that were seen alone.
fn shown(
    reader: &dyn Reader,
    list: &ListKey,
    known: &Surfaces,
    at: i64,
) -> Result<(Option<SurfaceRow>, Option<Value>), StoreError> {
    let ListKey { proxy, method } = list;
    // Items seen alone may be gone by now: they count only where no whole list was seen.
    if let Some(row) = known.in_force(proxy, method, at) {
        let text = reader.surface_version(proxy, method, row.version)?;
        let payload = text.and_then(|row| serde_json::from_str(&row.payload).ok());
        return Ok((Some(row.clone()), payload));
    }
    let is_seen = known.items.iter().any(|item| item.method == *method);
    let member = kind_of(method).and_then(ItemKind::list_member);
    let Some(member) = member.filter(|_| is_seen) else {
        return Ok((None, None));
    };
    let before = known.lists().into_iter().rfind(|other| other < list);
    let page = SurfacePage {
        // Of one list alone: the one behind the list before it.
        after: before,
        limit: 1,
        ..SurfacePage::of(Some(proxy))
    };
    let items = reader.surfaces(&page)?.items.into_iter();
    let items: Vec<Value> = items
        .filter(|item| item.method == *method)
        .filter_map(|item| serde_json::from_str(&item.payload).ok())
        .collect();
    let payload = (!items.is_empty()).then(|| serde_json::json!({ member: items }));
    Ok((None, payload))
}

/// The items of a list's payload.
pub(super) fn items<'a>(method: &str, payload: &'a Value) -> Option<&'a [Value]> {
    let member = kind_of(method)?.list_member()?;
    payload.get(member)?.as_array().map(Vec::as_slice)
}

/// How the two kinds of tables look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Styles {
    /// Of lists, whose lines are cut.
    pub(super) lists: TableStyle,
    /// Of their items, whose lines are wrapped.
    pub(super) items: TableStyle,
}

/// The lists for people: each proxy with what its server stated, its lists, and their items.
pub(super) fn text(
    rows: &[ListRow],
    columns: &[&'static Column<ListRow>],
    styles: Styles,
) -> String {
    let mut out = String::new();
    for of_proxy in rows.chunk_by(|a, b| a.proxy == b.proxy) {
        if !out.is_empty() {
            out.push('\n');
        }
        for line in heading(of_proxy).lines() {
            let width = styles.items.width.unwrap_or(usize::MAX);
            out += &(wrap(line, width).join("\n") + "\n");
        }
        // The heading has no columns of its own, so each proxy gets a table of its own.
        let mut listing = Listing::new(columns.to_vec(), Format::Table, styles.lists);
        out += &listing.page(of_proxy);
        out += &listing.finish();
        for row in of_proxy {
            out += &item_table(row, styles.items);
        }
    }
    out
}

/// `weather: weather-server 1.2.0, protocol 2025-06-18; complete`, and what the server offers.
fn heading(rows: &[ListRow]) -> String {
    let first = &rows[0];
    let mut words = Vec::new();
    // What the server says of itself is not trusted: it may hold control characters.
    if let Some(name) = &first.server_name {
        let version = first.server_version.as_deref().unwrap_or("of no version");
        words.push(format!("{} {}", escape(name), escape(version)));
    }
    if let Some(protocol) = &first.protocol_version {
        words.push(format!("protocol {}", escape(protocol)));
    }
    if words.is_empty() {
        words.push("the server never introduced itself".to_owned());
    }
    let mut out = format!("{}: {}\n", escape(&first.proxy), words.join(", "));
    let server = rows
        .iter()
        .filter(|row| kind_of(&row.method) == Some(ItemKind::Server))
        .find_map(|row| row.payload.as_deref());
    if let Some(answer) = server {
        let answer: Value = serde_json::from_str(answer).unwrap_or_default();
        if let Some(capabilities) = answer["capabilities"].as_object() {
            let names: Vec<String> = capabilities
                .keys()
                .map(|name| escape(name).into())
                .collect();
            writeln!(out, "offers {}", names.join(", ")).expect("a string takes every write");
        }
    }
    out
}

fn item_table(row: &ListRow, style: TableStyle) -> String {
    let payload: Option<Value> = row
        .payload
        .as_ref()
        .and_then(|payload| serde_json::from_str(payload).ok());
    let Some(items) = payload
        .as_ref()
        .and_then(|payload| items(&row.method, payload))
        .filter(|items| !items.is_empty())
    else {
        return String::new();
    };
    let key = kind_of(&row.method).map_or("name", ItemKind::key_member);
    let mut rows: Vec<ItemRow> = items.iter().map(|item| item_row(item, key)).collect();
    // Servers list in any order, and may change it between two answers.
    rows.sort_by(|a, b| a.item.cmp(&b.item));
    let columns = choose(ITEM_COLUMNS, &["item", "description"]);
    let mut listing = Listing::new(columns, Format::Table, style);
    format!(
        "\n{}\n{}{}",
        row.method,
        listing.page(&rows),
        listing.finish()
    )
}

fn item_row(item: &Value, key: &str) -> ItemRow {
    let text = |member: &str| item.get(member).and_then(Value::as_str);
    // Only a table's cell is filled: the first line with words says what the item is for.
    let described = text("description").or_else(|| text("title"));
    let line = described.and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
    ItemRow {
        item: text(key).unwrap_or_default().to_owned(),
        description: line.map(|line| line.trim().to_owned()),
    }
}
