//! The columns of what `sources` finds. Names, order and types of the machine columns are a contract.

use super::columns::{Column, Record, Show, Value};

/// What was found at a place, or one server of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundSource {
    /// `config`, `project`, `log` or `store`.
    pub kind: &'static str,
    /// Whose it is.
    pub client: &'static str,
    /// A file, or the pattern that leads to several.
    pub path: String,
    /// The same for people, with `~` for the home directory.
    pub short_path: String,
    /// How many files there are.
    pub files: i64,
    /// The format of what is in it, where that is one that can be recorded.
    pub format: Option<&'static str>,
    /// When the newest of them was changed, in unix milliseconds.
    pub newest_at: Option<i64>,
    /// Bytes of all of them.
    pub size: i64,
    /// The server, in a configuration that has one.
    pub server: Option<String>,
    /// How it is reached: `stdio` or `http`.
    pub transport: Option<&'static str>,
    /// Whether the tap stands before it.
    pub is_tapped: Option<bool>,
    /// Why it cannot be read or tapped.
    pub problem: Option<String>,
}

impl Record for FoundSource {}

/// Every column; those in [`SOURCE_FIELDS`] are in machine output, those in [`SOURCE_TABLE`] in a table.
pub const SOURCE_COLUMNS: &[Column<FoundSource>] = &[
    Column::<FoundSource>::new("kind", "WHAT", Show::Text, |row| row.kind.into()),
    Column::<FoundSource>::new("client", "CLIENT", Show::Text, |row| row.client.into()),
    Column::<FoundSource>::new("server", "SERVER", Show::Message, |row| {
        row.server.as_deref().into()
    })
    .cut_to(8)
    .between(12, 40),
    Column::<FoundSource>::new("transport", "BY", Show::Message, |row| row.transport.into())
        .leave_out(1),
    Column::<FoundSource>::new("tapped", "TAPPED", Show::Message, |row| {
        row.is_tapped.into()
    }),
    // For people: why a tap does not work is reported once below the table, where nothing cuts it.
    Column::<FoundSource>::new("tap", "TAPPED", Show::Message, |row| {
        match (&row.problem, row.is_tapped) {
            (Some(_), Some(_)) => "not working".into(),
            (Some(_), None) => "unread".into(),
            (None, Some(true)) => "yes".into(),
            (None, Some(false)) => "no".into(),
            (None, None) => Value::Null,
        }
    }),
    Column::<FoundSource>::new("newest", "NEWEST", Show::Time, |row| {
        row.newest_at.map_or(Value::Null, Value::Time)
    }),
    Column::<FoundSource>::new("newest_at", "NEWEST", Show::Time, |row| {
        row.newest_at.into()
    })
    .leave_out(4),
    Column::<FoundSource>::new("size", "SIZE", Show::Bytes, |row| row.size.into()).leave_out(3),
    Column::<FoundSource>::new("files", "FILES", Show::Grouped, |row| row.files.into())
        .leave_out(2),
    Column::<FoundSource>::new("format", "FORMAT", Show::Message, |row| row.format.into())
        .leave_out(5),
    Column::<FoundSource>::new("problem", "PROBLEM", Show::Message, |row| {
        row.problem.as_deref().into()
    })
    .cut_to(10),
    Column::<FoundSource>::new("path", "PATH", Show::Text, |row| row.path.as_str().into()),
    Column::<FoundSource>::new("place", "PATH", Show::Text, |row| {
        row.short_path.as_str().into()
    })
    .cut_to(20),
];

/// What a find is in machine formats, in this order.
pub const SOURCE_FIELDS: &[&str] = &[
    "kind",
    "client",
    "path",
    "files",
    "format",
    "newest_at",
    "size",
    "server",
    "transport",
    "tapped",
    "problem",
    // The same moment as the one in milliseconds, to be read.
    "newest",
];

/// What a table shows of it.
pub const SOURCE_TABLE: &[&str] = &[
    "client",
    "kind",
    "server",
    "transport",
    "tap",
    "newest_at",
    "size",
    "files",
    "format",
    "place",
];
