//! Recorded calls held against the new schema: how many of those whose arguments were kept it
//! would refuse.

use crate::commands::pages::{Range, each_page};
use crate::model::{Body, Payload};
use crate::query::{Entry, Filter, Order};
use crate::redact::is_redacted;
use crate::schema::Surface;
use crate::schema::arguments::Arguments;
use crate::store::Reader;
use serde::Serialize;
use serde_json::Value;

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

/// Holds the calls that a filter names, and of which the bodies in a span are kept, against the new schema of their tool; nothing where
/// none was kept, or the new surface does not have the tool.
pub(super) fn replay(
    tool: &str,
    (new, kept): (&Surface, (i64, i64)),
    filter: &Filter,
    reader: &mut dyn Reader,
) -> anyhow::Result<Option<Replay>> {
    let Some(arguments) = Arguments::of(new, tool) else {
        return Ok(None);
    };
    let newest = Range {
        after: Some(kept.0.saturating_sub(1)),
        before: Some(kept.1.saturating_add(1)),
        order: Order::Descending,
        most: Some(MAX_CALLS),
    };
    let mut calls = Vec::new();
    each_page(reader, filter, newest, &mut |page| {
        calls.extend(page.entries.iter().filter_map(|entry| match entry {
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
            replay.example = replay.example.or(Some(seq));
        }
    }
    Ok((replay.calls > 0).then_some(replay))
}

/// What was asked, as it was: nothing of it is cut or redacted.
fn whole_params(payload: Payload) -> Option<Value> {
    let Body { text, is_cut, .. } = payload.params?;
    if is_cut || is_redacted(&text) {
        return None;
    }
    serde_json::from_str(&text).ok()
}
