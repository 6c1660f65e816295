//! A version that another store had, on its way into this one: what it says, and which version it is here
//! already. Pure.

use super::{NewVersion, Pages, identity, is_flapping, kind_of};
use mcpr_model::{SurfaceContent, SurfaceUpdate, SurfaceVersion};
use serde_json::{Value, json};

/// A version that is there already and has the same canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownVersion {
    /// Its number.
    pub version: i64,
    /// When it was first seen, unix milliseconds.
    pub first_seen_at: i64,
}

/// When a statement says that its list was last seen, unix milliseconds.
#[must_use]
pub fn last_seen_of(update: &SurfaceUpdate) -> i64 {
    match &update.content {
        // Whatever an export says: nothing is seen last before it was seen first.
        SurfaceContent::Version(version) => version.last_seen_at.max(update.ts),
        _ => update.ts,
    }
}

/// The version as it is stored; its hash is taken of what it holds. `None` where it does not read as a list.
#[must_use]
pub fn read_version(method: &str, version: &SurfaceVersion) -> Option<NewVersion> {
    let kind = kind_of(method)?;
    // By the same reading as an answer: what cannot be compared later is not a version.
    let pages = Pages::read(kind, &version.payload)?;
    let sha256 = identity(kind, &pages.items);
    let payload = match kind.list_member() {
        None => pages.items.into_iter().next().unwrap_or(Value::Null),
        Some(member) => json!({ member: pages.items }),
    };
    Some(NewVersion {
        version: version.version.max(1),
        sha256,
        // Written as every other version is, so that equal lists are one text.
        payload: payload.to_string(),
        peculiar: version.peculiar.clone(),
        changes: version.changes.clone(),
    })
}

/// Which of the versions of the same text, by their numbers, a restored one is that was first seen then.
#[must_use]
pub fn known_as(first_seen_at: i64, same: &[KnownVersion]) -> Option<i64> {
    // Two versions of a list cannot have begun at one time.
    let first_sight = same.iter().find(|it| it.first_seen_at == first_seen_at);
    // One that came back too often is reported by the newest that is there, as when a list flaps.
    let newest = || same.last().filter(|_| is_flapping(same.len()));
    first_sight.or_else(newest).map(|known| known.version)
}
