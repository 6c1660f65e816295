//! What the newest versions of lists brought, for whoever asks again and again.

use super::changes::rows_of;
use super::history::History;
use crate::watch::ChangesOf;
use mcpr_store::query::ChangeRow;
use mcpr_store::{Reader, StoreError, StoreErrorKind};

/// Reports the newest changes, oldest first, whenever there are others than at the time before.
pub(in crate::commands) fn newest_changes() -> ChangesOf {
    let mut known = None;
    Box::new(move |reader, most| {
        // Going through all versions is costly; their number changes with every new one.
        let now = (reader.head()?.store_id, reader.surface_count()?);
        if known == Some(now) {
            return Ok(None);
        }
        let changes = newest(reader, most).map_err(|error| match error.downcast() {
            Ok(of_store) => of_store,
            Err(error) => StoreError::new(
                StoreErrorKind::Other,
                format!("cannot compare lists: {error}"),
            ),
        })?;
        known = Some(now);
        Ok(Some(changes))
    })
}

pub(super) fn newest(reader: &dyn Reader, most: usize) -> anyhow::Result<Vec<ChangeRow>> {
    // Versions without a part in the newest rows need no comparison.
    let (mut history, versions) = History::read(reader, Some(most), &mut |_| true)?;
    let mut changes = Vec::new();
    for version in &versions {
        changes.extend(rows_of(version, &mut history)?);
    }
    changes.drain(..changes.len().saturating_sub(most));
    Ok(changes)
}
