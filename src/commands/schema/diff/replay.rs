//! Recorded calls held against the new schema: how many of those whose arguments were kept it
//! would refuse.

use crate::commands::pages::{OrderBy, Range, each_page};
use mcpr_model::{Body, Payload};
use mcpr_redact::is_redacted;
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Entry, Filter, Order};
use mcpr_surface::Surface;
use mcpr_surface::arguments::Arguments;
use serde::Serialize;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Most calls of a tool that are looked at: the newest.
const MAX_CALLS: usize = 10_000;

/// What became of the calls of one tool.
#[derive(Debug, Default, Serialize)]
pub(super) struct Replay {
    /// Calls whose arguments were kept whole.
    pub(super) calls: u64,
    /// Those of them that the new schema refuses.
    pub(super) refused: u64,
    /// The newest one that is refused, as `mcpr show` takes it.
    pub(super) example: Option<i64>,
}

/// Holds the calls that a filter names, and of which the bodies in a span are kept, against the new
/// schema of their tool; nothing where none was kept, or the new surface does not have the tool.
pub(super) fn replay(
    tool: &str,
    new: &Surface,
    kept: RangeInclusive<Cursor>,
    filter: &Filter,
    reader: &dyn Reader,
) -> anyhow::Result<Option<Replay>> {
    // A tool that is gone refuses every call, which another finding says.
    let Some(arguments) = Arguments::of(new, tool) else {
        return Ok(None);
    };
    let newest = Range {
        by: OrderBy::Storing,
        after: Some(kept.start().previous()),
        // Beyond the span no body is kept, and most requests need not be looked at.
        before: Some(kept.end().next()),
        order: Order::Descending,
        most: Some(MAX_CALLS),
    };
    // Numbers first and bodies after: a page of bodies may be large.
    let mut calls = Vec::new();
    each_page(reader, filter, newest, &mut |page| {
        calls.extend(page.entries.iter().filter_map(|entry| match entry {
            // The filter names a tool; other methods may name it as well.
            Entry::Request(row) if row.method == "tools/call" => Some(row.seq),
            _ => None,
        }));
        Ok(())
    })?;
    let mut replay = Replay::default();
    for seq in calls {
        let Some(params) = reader.payload(seq)?.and_then(whole_params) else {
            continue;
        };
        replay.calls += 1;
        if !arguments.take(&params) {
            replay.refused += 1;
            // The first one met is the newest.
            replay.example = replay.example.or(Some(seq));
        }
    }
    Ok((replay.calls > 0).then_some(replay))
}

/// What was asked, as it was: nothing of it is cut or redacted.
fn whole_params(payload: Payload) -> Option<Value> {
    let Body { text, is_cut, .. } = payload.params?;
    // A validator would refuse the mark of a redaction, or accept what was cut away.
    if is_cut || is_redacted(&text) {
        return None;
    }
    serde_json::from_str(&text).ok()
}
