//! Requests as they commit: each once and in order. Holds nothing of the store while it prints.

use super::{
    CursorFile, FollowArgs, Held, Limits, Position, Watcher, each_page_of_newest_left,
    say_what_is_gone, watch,
};
use crate::commands::Refused;
use crate::commands::args::View;
use crate::commands::pages::{Fetched, OrderBy, Range, each_page};
use crate::console::Console;
use crate::exit::Exit;
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Entry, Filter, Head, Order, Page};
use std::time::{Duration, Instant};

/// Where a listing begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Start {
    /// After this position.
    pub(in crate::commands) after: Option<Position>,
    /// With the newest requests there are at the beginning, so many; `None` is all.
    pub(in crate::commands) most: Option<usize>,
}

/// What is followed: the filter, once the store can resolve it, and what becomes of the rows.
pub(in crate::commands) trait Followed {
    /// The filter; `None` while what it asks for is not in the store yet.
    fn filter(&mut self, reader: &dyn Reader) -> anyhow::Result<Option<Filter>>;

    /// Prints rows of a store.
    fn take(
        &mut self,
        reader: &dyn Reader,
        fetched: Fetched,
        console: &mut Console,
    ) -> anyhow::Result<()>;

    /// Shows what is in flight and what else goes on.
    fn go_on(&mut self, _: &dyn Reader, _: &Filter, _: &mut Console) -> anyhow::Result<()> {
        Ok(())
    }
}

/// How often a running clock is shown anew.
const CLOCK: Duration = Duration::from_secs(1);

/// Follows the requests of a store until something ends it.
///
/// # Errors
/// When the store cannot be read and waiting would not help, or the output not written.
pub(in crate::commands) fn follow(
    view: &View,
    args: &FollowArgs,
    start: Start,
    cursor: Option<CursorFile>,
    followed: &mut dyn Followed,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let limits = Limits::of(args)?;
    let mut listing = Follower {
        followed,
        left: args.most(),
        limits: limits.clone(),
        start: Some(start),
        position: Position::default(),
        cursor,
        filter: None,
        is_opened: true,
        ticked: None,
    };
    watch(view, &limits, &mut listing, console)
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
    /// The filter, once the store that is open could resolve it.
    filter: Option<Filter>,
    /// The store was opened since the last look.
    is_opened: bool,
    /// When what goes on was shown last; `None` once there is news.
    ticked: Option<Instant>,
}

impl Watcher for Follower<'_> {
    fn look(
        &mut self,
        reader: &dyn Reader,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if self.filter.is_none() {
            self.filter = self.followed.filter(reader)?;
        }
        let goes_on = self.start.is_none_or(|start| start.after.is_some());
        self.place(head);
        if goes_on && self.is_opened {
            say_what_is_gone(reader, self.position.cursor, console)?;
        }
        self.is_opened = false;
        self.ticked = None;
        match self.filter.take() {
            None => Ok(()),
            Some(filter) => {
                let shown = self.show(reader, &filter, head, console);
                self.filter = Some(filter);
                shown
            }
        }
    }

    fn tick(&mut self, reader: &dyn Reader, console: &mut Console) -> anyhow::Result<()> {
        let is_due = self.ticked.is_none_or(|at| at.elapsed() >= CLOCK);
        if let Some(filter) = self.filter.as_ref().filter(|_| is_due) {
            self.ticked = Some(Instant::now());
            self.followed.go_on(reader, filter, console)?;
        }
        Ok(())
    }

    fn opened(&mut self) {
        // The session that is meant is looked up anew: this may be another store.
        self.filter = None;
        self.is_opened = true;
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
        reader: &dyn Reader,
        filter: &Filter,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let due = self.now_shown(filter)?;
        if let Some(Start {
            most: Some(most), ..
        }) = self.start
        {
            let range = Range {
                by: OrderBy::Storing,
                after: Some(self.position.cursor),
                before: Some(head.cursor.next()),
                order: Order::Descending,
                most: Some(self.left.map_or(most, |left| left.min(most))),
            };
            each_page_of_newest_left(reader, filter, due, range, &mut |fetched| {
                count(&mut self.left, &fetched.entries);
                self.followed.take(reader, fetched, console)
            })?;
            self.start = None;
            return self.reach(reader, filter, head.cursor, console);
        }
        self.start = None;
        if let Some(due) = due {
            self.show_held(reader, filter, due, console)?;
        }
        while self.position.cursor < head.cursor && self.left != Some(0) {
            let page = Page {
                after: Some(self.position.cursor),
                before: Some(head.cursor.next()),
                order: Order::Ascending,
                limit: self
                    .left
                    .map_or(Page::MAX_LIMIT, |left| left.min(Page::MAX_LIMIT)),
            };
            let entries = reader.entries(filter, page)?;
            let cursor = match entries.last() {
                Some(last) if entries.len() >= page.limit => last.cursor(),
                // The page is not full: all up to the head was looked at, and the filter left the
                // rest out.
                _ => head.cursor,
            };
            if !entries.is_empty() {
                count(&mut self.left, &entries);
                let more = true;
                self.followed
                    .take(reader, Fetched { entries, more }, console)?;
            }
            self.reach(reader, filter, cursor, console)?;
            // A long backlog must not keep a signal or a deadline waiting.
            if self.limits.reached().is_some() {
                break;
            }
        }
        Ok(())
    }

    /// What an earlier run held back and this one does not.
    fn now_shown(&self, filter: &Filter) -> Result<Option<Held>, Refused> {
        // What this run holds back it goes on holding back.
        let held = self.position.held;
        let held = held.filter(|held| filter.until != Some(held.until));
        if held.is_some_and(|held| !held.is_reached(filter.until)) {
            return Err(
                Refused::new("the cursor file was written with a later --until")
                    .hint("leave --until out, or name another cursor file"),
            );
        }
        Ok(held)
    }

    /// Shows what was held back, as much of it as is to be shown.
    fn show_held(
        &mut self,
        reader: &dyn Reader,
        filter: &Filter,
        held: Held,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let (shown, range) = (
            held.filter(filter),
            held.range(self.position.cursor, self.left),
        );
        let mut last = held.after;
        each_page(reader, &shown, range, &mut |fetched| {
            last = fetched.entries.last().map_or(last, Entry::cursor);
            let Some(fetched) = held.only_held(fetched) else {
                return Ok(());
            };
            count(&mut self.left, &fetched.entries);
            self.followed.take(reader, fetched, console)
        })?;
        // What this run's own end holds back stays for a later one.
        self.position.held = if self.left == Some(0) {
            // The rest is for the next run; what this one holds back before it may come again.
            let before = Held::between(reader, held.after, last, filter.until)?;
            let after = before.map_or(last, |before| before.after);
            Some(Held { after, ..held })
        } else {
            Held::between(reader, held.after, self.position.cursor, filter.until)?
        };
        console.flush()?;
        match &mut self.cursor {
            Some(cursor) => cursor.keep(self.position),
            None => Ok(()),
        }
    }

    /// Notes how far the output came, once it is really out.
    fn reach(
        &mut self,
        reader: &dyn Reader,
        filter: &Filter,
        reached: Cursor,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        console.flush()?;
        let Some(file) = &mut self.cursor else {
            self.position.cursor = reached;
            return Ok(());
        };
        let Position {
            store_id,
            cursor: from,
            held,
        } = self.position;
        let after = held.map_or(from, |held| held.after);
        self.position = Position {
            store_id,
            cursor: reached,
            held: Held::between(reader, after, reached, filter.until)?,
        };
        file.keep(self.position)
    }
}

/// Counts down what is still to be shown.
fn count(left: &mut Option<usize>, entries: &[Entry]) {
    let requests = entries.iter().filter(|entry| entry.is_request()).count();
    *left = left.map(|left| left.saturating_sub(requests));
}
