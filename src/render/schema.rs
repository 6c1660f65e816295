//! The columns of what servers showed: lists, items, changes, tools and the calls of them. Names,
//! order and types of the machine columns are a contract.

use super::columns::{Column, Record, Show, Value};
use mcpr_store::query::{ChangeRow, ItemRow, ListRow, UnusedRow};

impl Record for ListRow {}
impl Record for ItemRow {}
impl Record for ChangeRow {}
impl Record for UnusedRow {}

/// Every column of a list; those in [`LIST_FIELDS`] are in machine output by default.
pub const LIST_COLUMNS: &[Column<ListRow>] = &[
    Column::<ListRow>::new("proxy", "PROXY", Show::Text, |row| {
        row.proxy.as_str().into()
    })
    .cut_to(8),
    Column::<ListRow>::new("method", "LIST", Show::Text, |row| {
        row.method.as_str().into()
    }),
    Column::<ListRow>::new("captured", "CAPTURED", Show::Text, |row| {
        row.captured.as_str().into()
    }),
    Column::<ListRow>::new("version", "VERSION", Show::Number, |row| {
        row.shown.as_ref().map(|shown| shown.version).into()
    }),
    Column::<ListRow>::new("items", "ITEMS", Show::Number, |row| row.items.into()),
    Column::<ListRow>::new("sha256", "SHA-256", Show::Text, |row| {
        let shown = row.shown.as_ref();
        shown.map(|shown| shown.sha256.as_str()).into()
    })
    .cut_to(8),
    Column::<ListRow>::new("first_seen_at", "FIRST SEEN", Show::Time, |row| {
        row.shown.as_ref().map(|shown| shown.first_seen_at).into()
    })
    .leave_out(1),
    Column::<ListRow>::new("last_seen_at", "LAST SEEN", Show::Time, |row| {
        row.shown.as_ref().map(|shown| shown.last_seen_at).into()
    })
    .leave_out(2),
    Column::<ListRow>::new("first_seen", "FIRST SEEN", Show::Time, |row| {
        let shown = row.shown.as_ref();
        shown.map_or(Value::Null, |shown| Value::Time(shown.first_seen_at))
    }),
    Column::<ListRow>::new("last_seen", "LAST SEEN", Show::Time, |row| {
        let shown = row.shown.as_ref();
        shown.map_or(Value::Null, |shown| Value::Time(shown.last_seen_at))
    }),
    Column::<ListRow>::new("session_id", "SESSION", Show::SessionId, |row| {
        let shown = row.shown.as_ref();
        shown.and_then(|shown| shown.session_id.as_deref()).into()
    }),
    Column::<ListRow>::new("client_name", "CLIENT", Show::Text, |row| {
        let shown = row.shown.as_ref();
        shown.and_then(|shown| shown.client_name.as_deref()).into()
    })
    .cut_to(8),
    Column::<ListRow>::new("upstream", "UPSTREAM", Show::Text, |row| {
        let shown = row.shown.as_ref();
        shown.and_then(|shown| shown.upstream.as_deref()).into()
    })
    .cut_to(8),
    Column::<ListRow>::new("server_name", "SERVER", Show::Text, |row| {
        row.server_name.as_deref().into()
    })
    .cut_to(8),
    Column::<ListRow>::new("server_version", "SERVER VERSION", Show::Text, |row| {
        row.server_version.as_deref().into()
    })
    .cut_to(6),
    Column::<ListRow>::new("protocol_version", "PROTOCOL", Show::Text, |row| {
        row.protocol_version.as_deref().into()
    }),
    Column::<ListRow>::new("payload", "PAYLOAD", Show::Text, |row| {
        row.payload.as_deref().map_or(Value::Null, Value::Json)
    })
    .cut_to(8),
];

/// What a list is in machine formats, in this order.
pub const LIST_FIELDS: &[&str] = &[
    "proxy",
    "method",
    "captured",
    "version",
    "items",
    "sha256",
    "first_seen_at",
    "last_seen_at",
    "session_id",
    "client_name",
    "upstream",
    "server_name",
    "server_version",
    "protocol_version",
    "payload",
    // The same moments as those in milliseconds, to be read.
    "first_seen",
    "last_seen",
];

/// The columns of an item, for people only.
pub const ITEM_COLUMNS: &[Column<ItemRow>] = &[
    Column::<ItemRow>::new("item", "ITEM", Show::Text, |row| row.item.as_str().into())
        .wrapped_to(12),
    Column::<ItemRow>::new("description", "DESCRIPTION", Show::Message, |row| {
        row.description.as_deref().into()
    })
    .wrapped_to(12),
];

/// Every column of a change; those in [`CHANGE_FIELDS`] are in machine output by default.
pub const CHANGE_COLUMNS: &[Column<ChangeRow>] = &[
    Column::<ChangeRow>::new("ts", "TS", Show::Number, |row| row.ts.into()),
    Column::<ChangeRow>::new("time", "TIME", Show::Time, |row| Value::Time(row.ts)),
    Column::<ChangeRow>::new("proxy", "PROXY", Show::Text, |row| {
        row.proxy.as_str().into()
    })
    .cut_to(6)
    .between(10, 20),
    Column::<ChangeRow>::new("method", "LIST", Show::Text, |row| {
        row.method.as_str().into()
    }),
    Column::<ChangeRow>::new("version", "VERSION", Show::Number, |row| row.version.into()).extra(1),
    // Cut before the level is, which is the answer.
    Column::<ChangeRow>::new("change", "CHANGE", Show::Text, |row| {
        row.change.as_str().into()
    })
    .middle_cut_to(20),
    Column::<ChangeRow>::new("item", "ITEM", Show::Message, |row| {
        row.item.as_deref().into()
    })
    .cut_to(12),
    // A table has no room for both: the item, or the list of which all of it is reported.
    Column::<ChangeRow>::new("what", "WHAT", Show::Text, |row| {
        row.item.as_deref().unwrap_or(&row.method).into()
    })
    .middle_cut_to(12)
    .between(20, 60),
    Column::<ChangeRow>::new("compatibility", "LEVEL", Show::Level, |row| {
        row.compatibility.into()
    }),
    Column::<ChangeRow>::new("security", "TRUST", Show::Level, |row| row.security.into()),
    Column::<ChangeRow>::new("session_id", "SESSION", Show::SessionId, |row| {
        row.session_id.as_deref().into()
    }),
    Column::<ChangeRow>::new("client_name", "CLIENT", Show::Text, |row| {
        row.client_name.as_deref().into()
    })
    .cut_to(8)
    .extra(0),
    Column::<ChangeRow>::new("announced", "ANNOUNCED", Show::Text, |row| {
        row.announced.into()
    })
    .leave_out(1),
    Column::<ChangeRow>::new("equivocation", "EQUIVOCATION", Show::Text, |row| {
        row.equivocation.into()
    }),
];

/// What a change is in machine formats, in this order.
pub const CHANGE_FIELDS: &[&str] = &[
    "ts",
    "time",
    "proxy",
    "method",
    "version",
    "change",
    "item",
    "compatibility",
    "security",
    "session_id",
    "client_name",
    "announced",
    "equivocation",
];

/// Every column of a tool and its calls; all of them are in machine output.
pub const UNUSED_COLUMNS: &[Column<UnusedRow>] = &[
    Column::<UnusedRow>::new("proxy", "PROXY", Show::Text, |row| {
        row.proxy.as_str().into()
    })
    .cut_to(8)
    .between(8, 20),
    Column::<UnusedRow>::new("tool", "TOOL", Show::Text, |row| row.tool.as_str().into())
        .cut_to(12)
        .between(32, usize::MAX),
    Column::<UnusedRow>::new("calls", "CALLS", Show::Grouped, |row| row.calls.into()),
    Column::<UnusedRow>::new("errors", "ERRORS", Show::Grouped, |row| row.errors.into())
        .leave_out(1),
    Column::<UnusedRow>::new("last_called", "LAST CALLED", Show::Time, |row| {
        row.last_called_at.map_or(Value::Null, Value::Time)
    }),
    Column::<UnusedRow>::new("last_called_at", "LAST CALLED", Show::Time, |row| {
        row.last_called_at.into()
    })
    .leave_out(2),
    Column::<UnusedRow>::new("never_called", "NEVER CALLED", Show::Text, |row| {
        row.last_called_at.is_none().into()
    }),
    Column::<UnusedRow>::new("definition_bytes", "DEFINITION", Show::Bytes, |row| {
        row.definition_bytes.into()
    }),
];

/// What a tool and its calls are in machine formats, in this order.
pub const UNUSED_FIELDS: &[&str] = &[
    "proxy",
    "tool",
    "calls",
    "errors",
    "last_called_at",
    "never_called",
    "definition_bytes",
    // The same moment as the one in milliseconds, to be read.
    "last_called",
];
