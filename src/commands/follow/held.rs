//! What an end in time holds back from a listing that remembers how far it came. The end moves on from
//! run to run (`--until 2s`), while the place in the store moves past what is not to be shown yet.

use crate::commands::pages::{Fetched, OrderBy, Range, each_page, each_page_of_newest};
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Entry, Filter, Order, Page};

/// What is still to be shown of what was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Held {
    /// Everything up to here was shown.
    pub(in crate::commands) after: Cursor,
    /// Of what follows it, nothing that happened from this time on, unix milliseconds.
    pub(in crate::commands) until: i64,
}

impl Held {
    /// What is held back of the entries after `after` and up to `up_to`: nothing without an end in time,
    /// and nothing where everything happened before it. The filter does not matter: what it leaves out
    /// now is left out then.
    pub(in crate::commands) fn between(
        reader: &dyn Reader,
        after: Cursor,
        up_to: Cursor,
        until: Option<i64>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(until) = until else {
            return Ok(None);
        };
        let filter = Filter {
            since: Some(until),
            ..Filter::default()
        };
        let page = Page {
            after: Some(after),
            before: Some(up_to.next()),
            order: Order::Ascending,
            limit: 1,
        };
        let first = reader.entries(&filter, page)?;
        Ok(first.first().map(|first| Self {
            after: first.cursor().previous(),
            until,
        }))
    }

    /// Whether a listing up to an end can show what is held back: up to an earlier one it would have
    /// shown some of it already.
    pub(in crate::commands) fn is_reached(self, until: Option<i64>) -> bool {
        until.is_none_or(|until| until >= self.until)
    }

    /// Hands what was held back up to a place and is no more to `take`: all of it, or its newest.
    pub(in crate::commands) fn each_page(
        self,
        reader: &dyn Reader,
        filter: &Filter,
        up_to: Cursor,
        newest: Option<usize>,
        take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (filter, range) = (self.filter(filter), self.range(up_to, newest));
        let mut take = |fetched| match self.only_held(fetched) {
            Some(fetched) => take(fetched),
            None => Ok(()),
        };
        match newest {
            Some(_) => each_page_of_newest(reader, &filter, range, &mut take),
            None => each_page(reader, &filter, range, &mut take),
        }
    }

    /// As [`Held::each_page`], the newest first and at most so many.
    pub(in crate::commands) fn each_page_back(
        self,
        reader: &dyn Reader,
        filter: &Filter,
        up_to: Cursor,
        most: Option<usize>,
        take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let range = Range {
            order: Order::Descending,
            ..self.range(up_to, most)
        };
        each_page(reader, &self.filter(filter), range, &mut |fetched| {
            self.only_held(fetched).map_or(Ok(()), &mut *take)
        })
    }

    /// The filter under which it is listed.
    pub(in crate::commands) fn filter(self, filter: &Filter) -> Filter {
        let since = filter.since.map_or(self.until, |it| it.max(self.until));
        Filter {
            since: Some(since),
            ..filter.clone()
        }
    }

    /// Where it stands, up to a place.
    pub(in crate::commands) fn range(self, up_to: Cursor, most: Option<usize>) -> Range {
        Range {
            by: OrderBy::Storing,
            after: Some(self.after),
            before: Some(up_to.next()),
            order: Order::Ascending,
            most,
        }
    }

    /// Without gaps that were shown: one is as soon as its beginning is. More follows: what is new.
    pub(in crate::commands) fn only_held(self, mut fetched: Fetched) -> Option<Fetched> {
        fetched.entries.retain(|entry| match entry {
            Entry::Request(_) => true,
            Entry::Gap(gap) => gap.from_ts >= self.until,
        });
        fetched.more = true;
        (!fetched.entries.is_empty()).then_some(fetched)
    }
}

/// Hands the newest of what was held back and of what is new to `take`, in order of storing.
pub(in crate::commands) fn each_page_of_newest_left(
    reader: &dyn Reader,
    filter: &Filter,
    held: Option<Held>,
    range: Range,
    take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let (Some(held), Some(up_to), Some(most)) = (held, range.after, range.most) {
        let mut left = most;
        let backwards = Range {
            order: Order::Descending,
            ..range
        };
        // The new ones are counted first: only the room that they leave is for what was held back.
        each_page(reader, filter, backwards, &mut |fetched| {
            let requests = fetched.entries.iter().filter(|entry| entry.is_request());
            left = left.saturating_sub(requests.count());
            Ok(())
        })?;
        held.each_page(reader, filter, up_to, Some(left), take)?;
    }
    each_page_of_newest(reader, filter, range, take)
}
