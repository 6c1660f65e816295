//! What a list says of the lines that it does not show.

use super::args::View;
use super::values::RowLimit;
use crate::console::Console;
use crate::render::units;

/// The orders that a list may be turned to, and how much of it is shown.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct LinesArgs {
    /// Show N lines, and all others together in one more, `(other)`; or `all` [default: all, up to 1,000]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<RowLimit>,
    /// Print the lines the other way round
    #[arg(short, long)]
    reverse: bool,
}

impl LinesArgs {
    /// How many lines are shown, where that was stated.
    pub(super) fn most(self) -> Option<usize> {
        self.limit.and_then(RowLimit::rows)
    }

    /// Turns lines round, but for the one that puts others together: it stays the last.
    pub(super) fn turn<T>(self, rows: &mut [T], is_other: impl Fn(&T) -> bool) {
        if self.reverse {
            let end = rows.len() - usize::from(rows.last().is_some_and(is_other));
            rows[..end].reverse();
        }
    }
}

/// A number and what it counts.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    let number = units::grouped(i64::try_from(count).unwrap_or(i64::MAX));
    format!("{number} {}", if count == 1 { one } else { many })
}

/// Says that calls are missing, because only the sums of their hours are left, and what those do not record.
pub(super) fn say_uncounted(calls: u64, lack: &str, remedy: &str, console: &mut Console) {
    let calls = units::grouped(i64::try_from(calls).unwrap_or(i64::MAX));
    console.note(&format!(
        "{calls} calls are not counted: their requests were removed, and the hourly sums that are left \
         do not record {lack}"
    ));
    console.hint(remedy);
}

/// Says below a table of what time it is, where nobody named one: its figures would be taken for those of all times.
pub(super) fn say_window(view: &View, console: &mut Console) {
    let Some(window) = view.default_window_ms else {
        return;
    };
    let back = units::age(window);
    let of = match view.until {
        Some(until) => format!("of the {back} before {}", units::time(until, view.zone)),
        None => format!("of the last {back}"),
    };
    say(&of, "--since looks back further", view, console);
}

/// Says below a table what is not in it, and what shows it. A program has asked for so many rows, and counts them.
pub(super) fn say(what: &str, remedy: &str, view: &View, console: &mut Console) {
    if view.is_table() {
        console.note(&format!("{what}; {remedy}"));
    }
}
