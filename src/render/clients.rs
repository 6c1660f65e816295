//! The columns of a client. Names, order and types of the machine columns are a contract.

use super::columns::{Column, Record, Show, Value};
use super::requests::client;
use mcpr_store::query::ClientRow;

impl Record for ClientRow {}

/// Every column; those in [`CLIENT_FIELDS`] are in machine output by default.
pub const CLIENT_COLUMNS: &[Column<ClientRow>] = &[
    Column::<ClientRow>::new("client_name", "CLIENT", Show::Text, |row| {
        row.client_name.as_deref().into()
    })
    .cut_to(8)
    .between(16, 40),
    Column::<ClientRow>::new("client_version", "VERSION", Show::Text, |row| {
        row.client_version.as_deref().into()
    })
    .cut_to(7)
    .between(7, 80)
    .leave_out(2),
    Column::<ClientRow>::new("client_platform", "PLATFORM", Show::Text, |row| {
        row.platform().as_str().into()
    })
    .leave_out(1),
    Column::<ClientRow>::new("sessions", "SESSIONS", Show::Grouped, |row| {
        row.sessions.cast_signed().into()
    }),
    Column::<ClientRow>::new("total_calls", "CALLS", Show::Grouped, |row| {
        row.total_calls.into()
    }),
    Column::<ClientRow>::new("total_errors", "ERRORS", Show::Grouped, |row| {
        row.total_errors.into()
    }),
    Column::<ClientRow>::new("first_seen_at", "FIRST SEEN", Show::Time, |row| {
        row.first_seen_at.into()
    })
    .extra(0),
    Column::<ClientRow>::new("last_seen_at", "LAST SEEN", Show::Time, |row| {
        row.last_seen_at.into()
    })
    .leave_out(3),
    Column::<ClientRow>::new("first_seen", "FIRST SEEN", Show::Time, |row| {
        Value::Time(row.first_seen_at)
    }),
    Column::<ClientRow>::new("last_seen", "LAST SEEN", Show::Time, |row| {
        Value::Time(row.last_seen_at)
    }),
    Column::<ClientRow>::new("client", "CLIENT", Show::Text, |row| {
        client(row.client_name.as_deref(), row.client_version.as_deref()).into()
    })
    .cut_to(8),
];

/// What a client is in a table, in this order.
pub const CLIENT_TABLE: &[&str] = &[
    "client_name",
    "client_version",
    "client_platform",
    "sessions",
    "total_calls",
    "total_errors",
    "first_seen_at",
    "last_seen_at",
];

/// What a client is in machine formats, in this order.
pub const CLIENT_FIELDS: &[&str] = &[
    "client_name",
    "client_version",
    "client_platform",
    "sessions",
    "total_calls",
    "total_errors",
    "first_seen_at",
    "last_seen_at",
    // The same moments as those in milliseconds, to be read.
    "first_seen",
    "last_seen",
];
