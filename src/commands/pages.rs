//! Requests from the store in pages: each is fetched whole, so that the reader holds nothing while
//! it is printed.

use mcpr_store::query::{
    Cursor, Entry, Filter, Order, Page, Place, SessionFilter, SessionOrder, SessionPage,
    SessionPlace, SessionRow, TimePage,
};
use mcpr_store::{Reader, StoreError};

/// One page on its way to the printer.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Its entries, in the order of the page.
    pub(super) entries: Vec<Entry>,
    /// Whether another page may follow.
    pub(super) more: bool,
}

/// What a list goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderBy {
    /// When it was stored: what comes later stands behind what was there, so a list can go on.
    Storing,
    /// When it happened.
    Time,
}

/// Which part of the store is listed, and in which order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// What the list goes by.
    pub(super) by: OrderBy,
    /// Only what is stored after this; of a list by time everything is.
    pub(super) after: Option<Cursor>,
    /// Only what is stored before the row that this stands behind.
    pub(super) before: Option<Cursor>,
    /// Which end comes first.
    pub(super) order: Order,
    /// Most requests; gaps do not count. `None` is all.
    pub(super) most: Option<usize>,
}

/// Where the next page begins and the last ends.
#[derive(Debug, Clone, Copy)]
enum Walk {
    Stored(Page),
    Timed(TimePage),
}

impl Walk {
    fn over(range: Range) -> Self {
        let Range {
            by,
            after,
            before,
            order,
            ..
        } = range;
        let limit = Page::MAX_LIMIT;
        match by {
            OrderBy::Storing => Self::Stored(Page {
                after,
                before,
                order,
                limit,
            }),
            OrderBy::Time => Self::Timed(TimePage {
                stored_before: before,
                after: None,
                before: None,
                order,
                limit,
            }),
        }
    }

    /// The same between two entries, both included, the oldest first.
    fn between(self, first: Place, last: Place) -> Self {
        // The bounds of a page are exclusive, and both entries belong to it.
        match self {
            Self::Stored(page) => Self::Stored(Page {
                after: Some(first.cursor().previous()),
                before: Some(last.cursor().next()),
                order: Order::Ascending,
                ..page
            }),
            Self::Timed(page) => Self::Timed(TimePage {
                after: Some(first.just_before()),
                before: Some(last.just_behind()),
                order: Order::Ascending,
                ..page
            }),
        }
    }

    fn fetch(
        &mut self,
        reader: &dyn Reader,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        match self {
            Self::Stored(page) => {
                page.limit = most;
                reader.entries(filter, *page)
            }
            Self::Timed(page) => {
                page.limit = most;
                reader.timeline(filter, *page)
            }
        }
    }

    /// The next page begins behind an entry.
    fn pass(&mut self, last: Place) {
        match self {
            Self::Stored(page) => match page.order {
                Order::Ascending => page.after = Some(last.cursor()),
                Order::Descending => page.before = Some(last.cursor()),
            },
            Self::Timed(page) => match page.order {
                Order::Ascending => page.after = Some(last),
                Order::Descending => page.before = Some(last),
            },
        }
    }

    /// Hands every page to `take`, until there were so many requests.
    fn each_page(
        mut self,
        reader: &dyn Reader,
        filter: &Filter,
        most: Option<usize>,
        take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut left = most;
        while left != Some(0) {
            let limit = left.map_or(Page::MAX_LIMIT, |left| left.min(Page::MAX_LIMIT));
            let entries = self.fetch(reader, filter, limit)?;
            let Some(last) = entries.last().map(Entry::place) else {
                break;
            };
            self.pass(last);
            let requests = entries.iter().filter(|entry| entry.is_request()).count();
            left = left.map(|left| left.saturating_sub(requests));
            // A page that is not full was the last one.
            let more = entries.len() >= limit && left != Some(0);
            take(Fetched { entries, more })?;
            if !more {
                break;
            }
        }
        Ok(())
    }
}

/// Hands every page of a range to `take`.
pub(super) fn each_page(
    reader: &dyn Reader,
    filter: &Filter,
    range: Range,
    take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    Walk::over(range).each_page(reader, filter, range.most, take)
}

/// Hands the newest entries of a range to `take`, oldest first.
///
/// They are looked for from the newest backwards. Up to [`Page::MAX_LIMIT`] of them are kept on
/// the way; of more than that only the bounds are, and they are fetched a second time.
pub(super) fn each_page_of_newest(
    reader: &dyn Reader,
    filter: &Filter,
    range: Range,
    take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut kept: Vec<Entry> = Vec::new();
    let mut bounds: Option<(Place, Place)> = None;
    let mut count = 0;
    let backwards = Walk::over(Range {
        order: Order::Descending,
        ..range
    });
    backwards.each_page(reader, filter, range.most, &mut |fetched| {
        let places = fetched.entries.first().zip(fetched.entries.last());
        if let Some((newest, oldest)) = places {
            let (_, last) = bounds.unwrap_or((newest.place(), newest.place()));
            bounds = Some((oldest.place(), last));
        }
        count += fetched.entries.len();
        if count <= Page::MAX_LIMIT {
            kept.extend(fetched.entries);
        } else {
            // Given back at once: from here on only the bounds are needed.
            kept = Vec::new();
        }
        Ok(())
    })?;
    let Some((first, last)) = bounds else {
        return Ok(());
    };
    if count <= Page::MAX_LIMIT {
        kept.reverse();
        return take(Fetched {
            entries: kept,
            more: false,
        });
    }
    backwards
        .between(first, last)
        .each_page(reader, filter, None, take)
}

/// Hands pages of sessions to `take`, in the order in which they began, and whether more follow: all
/// of them, or the `most` that were used last. There is always a first page, which may be empty.
///
/// More than a page of those used last is found by going over them twice: once for the last of them, and
/// once in their order. So no more than a page is in memory.
pub(super) fn each_page_of_sessions(
    reader: &dyn Reader,
    filter: &SessionFilter,
    most: Option<usize>,
    take: &mut dyn FnMut(Vec<SessionRow>, bool) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut filter = filter.clone();
    if let Some(most) = most {
        let page = SessionPage::used_last(most.min(Page::MAX_LIMIT));
        if most <= Page::MAX_LIMIT {
            let mut rows = reader.sessions(&filter, &page)?;
            // They come by their last use, and are shown by their beginnings.
            rows.sort_by(|a, b| a.place().compare(&b.place(), SessionOrder::Started));
            return take(rows, false);
        }
        filter.up_to = last_of(reader, &filter, page, most)?;
    }
    let mut page = SessionPage::oldest(Page::MAX_LIMIT);
    loop {
        let rows = reader.sessions(&filter, &page)?;
        let more = rows.len() >= page.limit;
        let is_first = page.after.is_none();
        page.after = rows.last().map(SessionRow::place).or(page.after);
        if is_first || !rows.is_empty() {
            take(rows, more)?;
        }
        if !more {
            return Ok(());
        }
    }
}

/// Where the last of so many sessions stands.
fn last_of(
    reader: &dyn Reader,
    filter: &SessionFilter,
    mut page: SessionPage,
    most: usize,
) -> anyhow::Result<Option<SessionPlace>> {
    let mut left = most;
    while left > 0 {
        page.limit = left.min(Page::MAX_LIMIT);
        let rows = reader.sessions(filter, &page)?;
        let is_last = rows.len() < page.limit;
        left = left.saturating_sub(rows.len());
        page.after = rows.last().map(SessionRow::place).or(page.after);
        if is_last {
            break;
        }
    }
    Ok(page.after)
}
