//! Whether rows wait for a target that they are sent to: until it has them, their age alone removes none.

use mcpr_connect::connect;
use mcpr_store::query::{Cursor, Filter, Page};
use mcpr_store::{Reader, StoreError, StoreUrl};

/// Says of a time whether something that is older waits.
pub(super) type WaitsForTarget = Box<dyn FnMut(i64) -> bool + Send>;

/// Asks the store at a URL, anew each time.
pub(super) fn waits_at(url: &StoreUrl) -> WaitsForTarget {
    let url = url.clone();
    Box::new(move |before_ms| {
        let asked = connect(&url)
            .and_then(|backend| backend.reader())
            .and_then(|reader| waits_for_target(reader.as_ref(), before_ms));
        // A store that cannot be asked keeps its rows for another hour: what is gone cannot be sent any more.
        asked.unwrap_or(true)
    })
}

/// Whether something that is older than a time was not sent yet to one of a store's targets.
///
/// # Errors
/// When the store cannot be read.
pub fn waits_for_target(reader: &dyn Reader, before_ms: i64) -> Result<bool, StoreError> {
    let known = mcpr_store::fold::file_checkpoints(reader)?;
    let places = known.iter().filter(|it| it.is_of_target());
    // The one that is furthest behind lacks all that any of them lacks.
    let Some(least) = places.map(|it| it.offset.cast_signed()).min() else {
        return Ok(false);
    };
    let old = Filter {
        until: Some(before_ms),
        ..Filter::default()
    };
    let unsent = Page::after(Cursor::from_seq(least), 1);
    Ok(!reader.entries(&old, unsent)?.is_empty())
}
