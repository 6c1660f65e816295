//! What the newest versions of lists brought, for whoever asks again and again.

use super::changes::rows_of;
use crate::watch::ChangesOf;
use mcpr_store::query::SurfaceRow;
use mcpr_store::{StoreError, StoreErrorKind, fold};

/// Tells the newest changes, oldest first, whenever there are others than at the time before.
pub(in crate::commands) fn newest_changes() -> ChangesOf {
    let mut known = None;
    Box::new(move |reader, most| {
        // Reading all versions with their payloads is costly; their number changes with every new one.
        let now = (reader.head()?.store_id, reader.surface_count()?);
        if known == Some(now) {
            return Ok(None);
        }
        let surfaces = fold::surfaces(reader, None)?;
        let mut versions: Vec<&SurfaceRow> = surfaces.versions.iter().collect();
        versions.sort_by_key(|row| (row.first_seen_at, row.seq));
        // Versions without a part in the newest rows need no comparison.
        let mut rows = 0;
        let from = versions.iter().rposition(|row| {
            rows += row.changes.len();
            rows >= most
        });
        versions.drain(..from.unwrap_or(0));
        let mut changes = Vec::new();
        for version in versions {
            let brought = rows_of(version, &surfaces);
            changes.extend(brought.map_err(|error| {
                StoreError::new(
                    StoreErrorKind::Other,
                    format!("cannot compare lists: {error}"),
                )
            })?);
        }
        changes.drain(..changes.len().saturating_sub(most));
        known = Some(now);
        Ok(Some(changes))
    })
}
