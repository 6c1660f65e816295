//! What is said when a list is empty: where it was looked, for what, and what to try.

use super::args::View;
use crate::console::Console;
use crate::render::units;
use crate::store::Reader;

/// Tells on standard error why a list may be empty. Machine formats say nothing.
pub(super) fn explain(
    what: &str,
    view: &View,
    conditions: &[String],
    reader: &mut dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    if !view.is_table() {
        return Ok(());
    }
    let overview = reader.overview()?;
    console.note(&format!("no {what} found in {}", view.path.display()));
    if !conditions.is_empty() {
        console.note(&format!("looked for: {}", conditions.join(", ")));
    }
    let (held, some) = match what {
        "sessions" => (
            overview.sessions,
            "sessions, --all shows those without a call",
        ),
        _ => (
            overview.requests,
            "requests, --kind all shows HTTP and OAuth",
        ),
    };
    if held == 0 {
        console.hint("the store is empty: `mcpr record FILE` fills it");
        return Ok(());
    }
    let newest = overview.span.map_or_else(String::new, |(_, newest)| {
        let ago = units::age(view.now_ms.saturating_sub(newest));
        format!(
            "; the newest request is of {} ({ago} ago)",
            units::time(newest, view.zone)
        )
    });
    console.hint(&format!(
        "the store has {} {some}{newest}",
        units::grouped(held)
    ));
    Ok(())
}
