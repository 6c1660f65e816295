//! What is said when a list is empty: where it was looked, for what, and what to try.

use super::args::View;
use crate::console::Console;
use crate::render::units;
use mcpr_model::time::{DAY_MS, HOUR_MS, rfc3339};
use mcpr_store::Reader;

/// Tells on standard error why a list may be empty. To a program only what it cannot know: that a
/// window it did not ask for hides everything there is.
pub(super) fn explain(
    what: &str,
    view: &View,
    conditions: &[String],
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let tell = |console: &mut Console| {
        console.note(&format!("no {what} found in {}", view.url));
        if !conditions.is_empty() {
            console.note(&format!("looked for: {}", conditions.join(", ")));
        }
    };
    let span = reader.span()?;
    if let (Some(window), Some((_, newest))) = (view.default_window_ms, span)
        && view.since.is_some_and(|since| newest < since)
    {
        tell(console);
        let at = units::time(newest, view.zone);
        let ago = units::age(view.now_ms.saturating_sub(newest));
        let flag = since_flag(view, newest);
        let back = units::age(window);
        console.hint(&format!(
            "without --since only the last {back} are searched, and the newest request is of {at} \
             ({ago} ago): {flag} shows it"
        ));
        return Ok(());
    }
    if !view.is_table() {
        return Ok(());
    }
    tell(console);
    let Some((_, newest)) = span else {
        console.hint("the store is empty: `mcpr record FILE` fills it");
        return Ok(());
    };
    let more = match what {
        "sessions" | "clients" => "--all counts sessions without a call too",
        _ => "--kind all shows HTTP and OAuth too",
    };
    let at = units::time(newest, view.zone);
    let ago = units::age(view.now_ms.saturating_sub(newest));
    console.hint(&format!(
        "the newest request is of {at} ({ago} ago); {more}"
    ));
    Ok(())
}

/// The flag whose window holds a time; a window with an end of its own needs a fixed beginning.
fn since_flag(view: &View, ts: i64) -> String {
    let ago = view.now_ms.saturating_sub(ts);
    if view.until.is_some() {
        return format!(
            "--since {}",
            rfc3339(ts).unwrap_or_else(|| format!("@{ts}"))
        );
    }
    if ago < 2 * DAY_MS {
        format!("--since {}h", ago / HOUR_MS + 1)
    } else {
        format!("--since {}d", ago / DAY_MS + 1)
    }
}
