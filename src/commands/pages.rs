//! Requests from the store in pages: each is fetched whole, so that the reader holds nothing while
//! it is printed.

use crate::query::{Entry, Filter, Order, Page};
use crate::store::Reader;

/// One page on its way to the printer.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Its entries, in the order of the page.
    pub(super) entries: Vec<Entry>,
    /// Whether another page may follow.
    pub(super) more: bool,
}

/// Which part of the sequence is listed, and in which order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// Only what is stored after this position.
    pub(super) after: Option<i64>,
    /// Only what is stored before this position.
    pub(super) before: Option<i64>,
    /// Which end comes first.
    pub(super) order: Order,
    /// Most requests; gaps do not count. `None` is all.
    pub(super) most: Option<usize>,
}

/// Hands every page of a range to `take`.
pub(super) fn each_page(
    reader: &mut dyn Reader,
    filter: &Filter,
    range: Range,
    take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Range {
        after,
        before,
        order,
        most,
    } = range;
    let mut page = Page {
        after,
        before,
        order,
        limit: Page::MAX_LIMIT,
    };
    let mut left = most;
    while left != Some(0) {
        page.limit = left.map_or(Page::MAX_LIMIT, |left| left.min(Page::MAX_LIMIT));
        let entries = reader.entries(filter, page)?;
        let Some(last) = entries.last().map(Entry::seq) else {
            break;
        };
        match order {
            Order::Ascending => page.after = Some(last),
            Order::Descending => page.before = Some(last),
        }
        let requests = entries.iter().filter(|entry| entry.is_request()).count();
        left = left.map(|left| left.saturating_sub(requests));
        let more = entries.len() >= page.limit && left != Some(0);
        take(Fetched { entries, more })?;
        if !more {
            break;
        }
    }
    Ok(())
}

/// Hands the newest entries of a range to `take`, oldest first.
///
/// They are looked for from the newest backwards. Up to [`Page::MAX_LIMIT`] of them are kept on
/// the way; of more than that only the bounds are, and they are fetched a second time.
pub(super) fn each_page_of_newest(
    reader: &mut dyn Reader,
    filter: &Filter,
    range: Range,
    take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut kept: Vec<Entry> = Vec::new();
    let mut bounds: Option<(i64, i64)> = None;
    let mut count = 0;
    let backwards = Range {
        order: Order::Descending,
        ..range
    };
    each_page(reader, filter, backwards, &mut |fetched| {
        for seq in fetched.entries.iter().map(Entry::seq) {
            let (low, high) = bounds.unwrap_or((seq, seq));
            bounds = Some((low.min(seq), high.max(seq)));
        }
        count += fetched.entries.len();
        if count <= Page::MAX_LIMIT {
            kept.extend(fetched.entries);
        } else {
            kept = Vec::new();
        }
        Ok(())
    })?;
    let Some((low, high)) = bounds else {
        return Ok(());
    };
    if count <= Page::MAX_LIMIT {
        kept.reverse();
        return take(Fetched {
            entries: kept,
            more: false,
        });
    }
    let (after, before) = (Some(low.saturating_sub(1)), Some(high.saturating_add(1)));
    let forwards = Range {
        after,
        before,
        order: Order::Ascending,
        most: None,
    };
    each_page(reader, filter, forwards, take)
}
