//! Requests as they commit: each once and in order. Holds nothing of the store while it prints.

use super::{CursorFile, FollowArgs, Limits, Position, Watcher, watch};
use crate::commands::pages::{Fetched, Range, each_page_of_newest};
use crate::console::Console;
use crate::exit::Exit;
use crate::query::{Entry, Filter, Head, Order, Page};
use crate::store::Reader;
use std::path::Path;

/// Where a listing begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Start {
    /// After this position.
    pub(in crate::commands) after: Option<Position>,
    /// With the newest requests there are at the beginning, so many; `None` is all.
    pub(in crate::commands) most: Option<usize>,
}

/// What is followed: the filter, once the store can tell it, and what becomes of the rows.
pub(in crate::commands) trait Followed {
    /// The filter; `None` while what it asks for is not in the store yet.
    fn filter(&mut self, reader: &mut dyn Reader) -> anyhow::Result<Option<Filter>>;

    /// Prints rows.
    fn take(&mut self, fetched: Fetched, console: &mut Console) -> anyhow::Result<()>;
}

/// Follows the requests of a store until something ends it.
///
/// # Errors
/// When the store cannot be read and waiting would not help, or the output not written.
pub(in crate::commands) fn follow(
    path: &Path,
    args: &FollowArgs,
    from: (Start, Option<CursorFile>),
    followed: &mut dyn Followed,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let limits = Limits::of(args)?;
    let (start, cursor) = from;
    let mut listing = Follower {
        followed,
        left: args.most(),
        limits: limits.clone(),
        start: Some(start),
        position: Position::default(),
        cursor,
        filter: None,
    };
    watch(path, &limits, &mut listing, console)
}

struct Follower<'a> {
    followed: &'a mut dyn Followed,
    /// Requests still to be shown; `None` is all.
    left: Option<usize>,
    limits: Limits,
    /// `None` once the beginning has been shown.
    start: Option<Start>,
    position: Position,
    cursor: Option<CursorFile>,
    /// The filter, once the store that is open could tell it.
    filter: Option<Filter>,
}

impl Watcher for Follower<'_> {
    fn look(
        &mut self,
        reader: &mut dyn Reader,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if self.filter.is_none() {
            self.filter = self.followed.filter(reader)?;
        }
        self.place(head);
        match self.filter.take() {
            None => Ok(()),
            Some(filter) => {
                let shown = self.show(reader, &filter, head, console);
                self.filter = Some(filter);
                shown
            }
        }
    }

    fn opened(&mut self) {
        self.filter = None;
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }
}

impl Follower<'_> {
    /// Finds the place in this store: another store than before is shown from its first row on.
    fn place(&mut self, head: Head) {
        if let Some(after) = self.start.and_then(|start| start.after) {
            self.position = after;
        }
        self.position = self.position.within(head);
    }

    fn show(
        &mut self,
        reader: &mut dyn Reader,
        filter: &Filter,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if let Some(Start {
            most: Some(most), ..
        }) = self.start
        {
            let range = Range {
                after: Some(self.position.seq),
                before: head.last_seq.checked_add(1),
                order: Order::Descending,
                most: Some(self.left.map_or(most, |left| left.min(most))),
            };
            each_page_of_newest(reader, filter, range, &mut |fetched| {
                count(&mut self.left, &fetched.entries);
                self.followed.take(fetched, console)
            })?;
            self.start = None;
            return self.reach(head.store_id, head.last_seq, console);
        }
        self.start = None;
        while self.position.seq < head.last_seq && self.left != Some(0) {
            let page = Page {
                after: Some(self.position.seq),
                before: head.last_seq.checked_add(1),
                order: Order::Ascending,
                limit: self
                    .left
                    .map_or(Page::MAX_LIMIT, |left| left.min(Page::MAX_LIMIT)),
            };
            let entries = reader.entries(filter, page)?;
            let seq = match entries.last() {
                Some(last) if entries.len() >= page.limit => last.seq(),
                _ => head.last_seq,
            };
            if !entries.is_empty() {
                count(&mut self.left, &entries);
                let more = true;
                self.followed.take(Fetched { entries, more }, console)?;
            }
            self.reach(head.store_id, seq, console)?;
            if self.limits.reached().is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Notes how far the output came, once it is really out.
    fn reach(&mut self, store_id: i64, seq: i64, console: &mut Console) -> anyhow::Result<()> {
        console.flush()?;
        self.position = Position { store_id, seq };
        match &mut self.cursor {
            Some(cursor) => cursor.keep(self.position),
            None => Ok(()),
        }
    }
}

/// Counts down what is still to be shown.
fn count(left: &mut Option<usize>, entries: &[Entry]) {
    let requests = entries.iter().filter(|entry| entry.is_request()).count();
    *left = left.map(|left| left.saturating_sub(requests));
}
