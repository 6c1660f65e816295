//! Where things stand, as numbers: what the state needs to know of the screen. Pure.

use crate::render::layout::width;
use crate::render::text::escape;
use crate::watch::body::BodySize;
use crate::watch::detail::Detail;
use crate::watch::keys::{BINDINGS, KeyPlace};

/// Columns and rows of the terminal.
pub(in crate::watch) type Size = (u16, u16);

/// The narrowest terminal on which request and answer stand side by side.
const SIDE_BY_SIDE: usize = 60;
/// Columns between them.
pub(in crate::watch) const BETWEEN: usize = 3;
/// The columns before a row that say which one is chosen.
pub(in crate::watch) const MARK: usize = 2;

/// Rows of a list: without the line of lists, the filters, the heading and the line at the bottom.
pub(in crate::watch) fn list_height(size: Size, has_filters: bool) -> usize {
    usize::from(size.1)
        .saturating_sub(3 + usize::from(has_filters))
        .max(1)
}

/// Columns of a list: without the mark of the chosen row.
pub(in crate::watch) fn list_width(size: Size) -> usize {
    usize::from(size.0).saturating_sub(MARK).max(1)
}

/// A line of facts: names and their values.
pub(in crate::watch) type FactLine = Vec<(&'static str, String)>;

/// The facts of a request over lines, a third of the screen at most.
pub(in crate::watch) fn fact_lines(size: Size, detail: &Detail) -> Vec<FactLine> {
    let Some(whole) = &detail.whole else {
        return Vec::new();
    };
    let columns = usize::from(size.0).max(1);
    let most = (usize::from(size.1) / 3).max(1);
    let mut lines: Vec<FactLine> = Vec::new();
    let mut used = columns;
    // What went wrong comes first, and is not what is cut.
    let first = ["outcome", "message"];
    let rank = |name: &str| {
        first
            .iter()
            .position(|it| *it == name)
            .unwrap_or(first.len())
    };
    let mut facts: Vec<_> = whole.facts.iter().collect();
    facts.sort_by_key(|(name, _)| rank(name));
    for (name, value) in facts {
        let value = escape(value).into_owned();
        let wide = name.len() + 1 + width(&value);
        if used + 2 + wide > columns {
            lines.push(Vec::new());
            used = 0;
        } else {
            used += 2;
        }
        used += wide;
        if let Some(line) = lines.last_mut() {
            line.push((name, value));
        }
    }
    lines.truncate(most);
    lines
}

/// How many lines the facts take.
pub(in crate::watch) fn facts_height(size: Size, detail: &Detail) -> usize {
    fact_lines(size, detail).len()
}

/// Whether request and answer stand side by side.
pub(in crate::watch) fn is_side_by_side(size: Size) -> bool {
    usize::from(size.0) >= SIDE_BY_SIDE
}

/// How large the two sides are.
pub(in crate::watch) fn side_sizes(size: Size, facts: usize, wraps: bool) -> [BodySize; 2] {
    let (columns, rows) = (usize::from(size.0), usize::from(size.1));
    // The line at the top and the one at the bottom.
    let height = rows.saturating_sub(2 + facts);
    if is_side_by_side(size) {
        let left = (columns - BETWEEN) / 2;
        let height = height.saturating_sub(1).max(1);
        let of = |width: usize| BodySize {
            width: width - MARK,
            height,
            wraps,
        };
        return [of(left), of(columns - BETWEEN - left)];
    }
    let upper = (height / 2).saturating_sub(1).max(1);
    let lower = height.saturating_sub(upper + 2).max(1);
    let width = columns.saturating_sub(MARK).max(1);
    [upper, lower].map(|height| BodySize {
        width,
        height,
        wraps,
    })
}

/// A line of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::watch) enum HelpLine {
    Heading(&'static str),
    Key(&'static str, &'static str),
    Text(&'static str),
    Blank,
}

/// The help.
pub(in crate::watch) fn help_lines() -> Vec<HelpLine> {
    let mut lines = Vec::new();
    let parts = [
        (
            "In the lists",
            &[KeyPlace::Lists, KeyPlace::Tools, KeyPlace::Everywhere][..],
        ),
        ("In an opened request", &[KeyPlace::Detail]),
    ];
    for (heading, places) in parts {
        lines.push(HelpLine::Heading(heading));
        for place in places {
            let here = BINDINGS
                .iter()
                .filter(|it| it.place == *place && !it.does.is_empty());
            lines.extend(here.map(|binding| HelpLine::Key(binding.shown, binding.does)));
        }
        lines.push(HelpLine::Blank);
    }
    lines.push(HelpLine::Heading("Signs"));
    lines.extend([
        HelpLine::Key("✗", "failed; behind it the layer, the code and the message"),
        HelpLine::Key("!", "slow: half a second or more"),
        HelpLine::Key(
            "▸",
            "in flight, for how long; nobody waits for a stream that is open",
        ),
        HelpLine::Key(
            "──",
            "a gap: events that were lost here; or a server that died here:",
        ),
        HelpLine::Key(
            "",
            "no request, so that e and E pass over it; Enter shows its session",
        ),
    ]);
    lines.push(HelpLine::Blank);
    lines.push(HelpLine::Text(
        "Other keys mean in an opened request what they mean in the lists.",
    ));
    lines
}

/// Rows of the help: without its heading and the line at the bottom.
pub(in crate::watch) fn help_height(size: Size) -> usize {
    usize::from(size.1).saturating_sub(2).max(1)
}

/// The line of the help at which its end is on the screen.
pub(in crate::watch) fn last_help_line(size: Size) -> usize {
    help_lines().len().saturating_sub(help_height(size))
}
