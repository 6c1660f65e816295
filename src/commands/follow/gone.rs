//! A place before what is kept: that rows behind it were removed, which nobody will see any more.

use crate::console::Console;
use crate::render::units::{self, grouped};
use mcpr_store::Reader;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Cursor, Entry, Filter, Page};

/// Says so where a listing goes on from such a place.
pub(in crate::commands) fn say_what_is_gone(
    reader: &dyn Reader,
    place: Cursor,
    zone: Zone,
    console: &mut Console,
) -> anyhow::Result<()> {
    let gone = reader.gone_behind(place)?;
    if gone == 0 {
        return Ok(());
    }
    let first = reader.entries(&Filter::default(), Page::after(place, 1))?;
    let before = match first.first() {
        Some(Entry::Request(row)) => units::time(row.ts, zone),
        Some(Entry::Gap(gap)) => units::time(gap.from_ts, zone),
        None => "now".to_owned(),
    };
    let (what, were) = if gone == 1 {
        ("request", "was")
    } else {
        ("requests", "were")
    };
    console.note(&format!(
        "history before {before} is gone: at least {} {what} behind the cursor {were} removed; going on there",
        grouped(gone)
    ));
    Ok(())
}
