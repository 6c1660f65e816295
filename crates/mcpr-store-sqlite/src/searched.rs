//! What is searched for, as functions of SQL: what it means to match is decided by the search itself.

use super::layout::layout_of;
use super::packing::unpack;
use mcpr_model::Body;
use mcpr_store::query::Search;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};
use std::sync::{Arc, PoisonError, RwLock};

/// The layout that brought payloads.
const PAYLOADS_SINCE: i64 = 4;

/// The search of the question that is asked now.
#[derive(Debug, Default, Clone)]
pub(super) struct SearchedFor(Arc<RwLock<Option<Search>>>);

impl SearchedFor {
    /// Makes `is_searched(text, …)` and `is_searched_body(frame, …)` known to a connection.
    pub(super) fn register(connection: &Connection) -> Result<Self> {
        let ours = Self::default();
        // Not declared deterministic: the next question searches for something else.
        let flags = FunctionFlags::SQLITE_UTF8;
        let theirs = ours.clone();
        connection.create_scalar_function("is_searched", -1, flags, move |row| {
            theirs.any(row, |search, at| {
                Ok(match row.get_raw(at) {
                    ValueRef::Text(text) => search.is_in(&String::from_utf8_lossy(text)),
                    // A request's id may be a number, which is searched as it is shown.
                    ValueRef::Integer(number) => search.is_in(&number.to_string()),
                    _ => false,
                })
            })
        })?;
        let theirs = ours.clone();
        connection.create_scalar_function("is_searched_body", -1, flags, move |row| {
            theirs.any(row, |search, at| {
                let Some(frame) = row.get_raw(at).as_blob_or_null()? else {
                    return Ok(false);
                };
                Ok(search.is_in(&unpack(frame, Body::MAX_BYTES)?))
            })
        })?;
        Ok(ours)
    }

    /// Whether one of a function's arguments is meant; none is where nothing is searched for.
    fn any(
        &self,
        row: &Context<'_>,
        is_meant: impl Fn(&Search, usize) -> Result<bool>,
    ) -> Result<bool> {
        let search = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(search) = &*search else {
            return Ok(false);
        };
        for at in 0..row.len() {
            if is_meant(search, at)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The condition that a request has it in one of some fields, or in its payload.
    pub(super) fn condition(
        &self,
        connection: &Connection,
        search: &Search,
        fields: &[&str],
    ) -> Result<String> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(search.clone());
        let in_fields = format!("is_searched({})", fields.join(", "));
        let bodies = match (search.bodies.arguments, search.bodies.answers) {
            (true, true) => "y.params, y.answer",
            (true, false) => "y.params",
            (false, true) => "y.answer",
            (false, false) => return Ok(in_fields),
        };
        if layout_of(connection)? < PAYLOADS_SINCE {
            return Ok(in_fields);
        }
        // A body is unpacked only where the fields have nothing: that is what takes time.
        Ok(format!(
            "({in_fields} OR EXISTS (SELECT 1 FROM payloads y
              WHERE y.seq = r.seq AND is_searched_body({bodies})))"
        ))
    }
}
