//! A place before what is kept: that rows behind it were removed, which nobody will see any more.

use crate::console::Console;
use crate::render::units::grouped;
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Filter, Page};

/// Says so where a listing goes on from such a place.
pub(in crate::commands) fn say_what_is_gone(
    reader: &dyn Reader,
    place: Cursor,
    console: &mut Console,
) -> anyhow::Result<()> {
    let gone = reader.gone_behind(place)?;
    if gone == 0 {
        return Ok(());
    }
    let first = reader.entries(&Filter::default(), Page::after(place, 1))?;
    // A number and no time: what was stored first may have happened last.
    let on = match first.first() {
        Some(entry) => format!("number {}", entry.cursor()),
        None => "what comes".to_owned(),
    };
    let (what, were) = if gone == 1 {
        ("request", "was")
    } else {
        ("requests", "were")
    };
    console.note(&format!(
        "at least {} {what} behind {place} {were} removed; going on with {on}",
        grouped(gone)
    ));
    Ok(())
}
