//! What is known of each proxy's server at a time, as rows and as text for people.

use super::lists::Lists;
use crate::render::text::escape;
use crate::render::{Column, Format, ITEM_COLUMNS, Listing, TableStyle, choose};
use mcpr_model::SurfaceNews;
use mcpr_store::query::{Captured, ItemRow, ListRow, LoneItem, SurfaceRow, Surfaces};
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

/// What a server said of itself.
#[derive(Default)]
struct ServerIdentity {
    name: Option<String>,
    version: Option<String>,
    protocol: Option<String>,
}

/// The lists of the proxies that are meant, as they were at a time.
pub(super) fn rows(
    surfaces: &Surfaces,
    proxy: Option<&str>,
    lists: Option<Lists>,
    at: i64,
) -> Vec<ListRow> {
    let mut rows = Vec::new();
    for name in surfaces.proxies() {
        if proxy.is_some_and(|wanted| wanted != name) {
            continue;
        }
        let server = ServerIdentity::of(surfaces, name, at);
        for method in SurfaceNews::METHODS {
            if lists.is_some_and(|lists| !lists.holds(method)) {
                continue;
            }
            let captured = surfaces.captured(name, method, at);
            // A server answers one of the two; the other says nothing by its absence.
            if method == "server/discover" && captured == Captured::Unknown {
                continue;
            }
            let shown = surfaces.in_force(name, method, at).cloned();
            let payload = payload(surfaces, name, method, shown.as_ref());
            rows.push(ListRow {
                proxy: name.to_owned(),
                method: method.to_owned(),
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
    }
    // Rows of nothing but unknown lists would say nothing.
    let is_known = |row: &ListRow| row.captured != Captured::Unknown;
    if rows.iter().any(is_known) {
        rows
    } else {
        Vec::new()
    }
}

/// The newest answer of a server about itself until a time.
pub(super) fn server_of<'a>(
    surfaces: &'a Surfaces,
    proxy: &str,
    at: i64,
) -> Option<&'a SurfaceRow> {
    let answers = ["initialize", "server/discover"];
    let answers = answers
        .iter()
        .filter_map(|method| surfaces.in_force(proxy, method, at));
    // A server that was updated may answer another of the two than before.
    answers.max_by_key(|row| row.last_seen_at)
}

impl ServerIdentity {
    fn of(surfaces: &Surfaces, proxy: &str, at: i64) -> Self {
        let Some(row) = server_of(surfaces, proxy, at) else {
            return Self::default();
        };
        let answer: Value = serde_json::from_str(&row.payload).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // Where it is the one that was asked for, the kept answer lacks it; the row has it then.
        let negotiated = text(&answer["protocolVersion"]).or_else(|| row.protocol.clone());
        let info = &answer["serverInfo"];
        Self {
            name: text(&info["name"]),
            version: text(&info["version"]),
            protocol: negotiated,
        }
    }
}

/// What is known of a list: the version's payload, or the items that were seen alone.
fn payload(
    surfaces: &Surfaces,
    proxy: &str,
    method: &str,
    shown: Option<&SurfaceRow>,
) -> Option<Value> {
    // Items seen alone may be gone by now: they count only where no whole list was seen.
    if let Some(row) = shown {
        return serde_json::from_str(&row.payload).ok();
    }
    let member = kind_of(method)?.list_member()?;
    let of_list = |item: &&LoneItem| item.proxy == proxy && item.method == method;
    let items: Vec<Value> = surfaces
        .items
        .iter()
        .filter(of_list)
        .filter_map(|item| serde_json::from_str(&item.payload).ok())
        .collect();
    (!items.is_empty()).then(|| serde_json::json!({ member: items }))
}

/// The items of a list's payload.
pub(super) fn items<'a>(method: &str, payload: &'a Value) -> Option<&'a [Value]> {
    let member = kind_of(method)?.list_member()?;
    payload.get(member)?.as_array().map(Vec::as_slice)
}

/// The lists for people: each proxy with what its server said, its lists, and their items.
pub(super) fn text(
    rows: &[ListRow],
    columns: &[&'static Column<ListRow>],
    style: TableStyle,
) -> String {
    let mut out = String::new();
    for of_proxy in rows.chunk_by(|a, b| a.proxy == b.proxy) {
        if !out.is_empty() {
            out.push('\n');
        }
        out += &heading(of_proxy);
        // The heading has no columns of its own, so each proxy gets a table of its own.
        let mut listing = Listing::new(columns.to_vec(), Format::Table, style);
        out += &listing.page(of_proxy);
        out += &listing.finish();
        for row in of_proxy {
            out += &item_table(row, style);
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
