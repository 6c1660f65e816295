//! A listing that goes on: each row as it commits, once and in order, whatever happens to the store
//! meanwhile. Holds nothing of the store while it prints.

mod cursor_file;

pub(super) use cursor_file::{CursorFile, Position};

use super::open_store;
use super::pages::{Fetched, Range, each_page_of_newest};
use super::values::duration_us;
use crate::console::{Console, OutputError};
use crate::exit::Exit;
use crate::query::{Entry, Filter, Head, Order, Page};
use crate::store::{Reader, StoreError, StoreErrorKind};
use crate::tail::Waker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often the store is asked when nothing is heard of it, and how late a signal can be noticed.
const POLL: Duration = Duration::from_millis(100);
/// How soon it is asked again after something was heard: a log is written before it is committed.
const FIRST_GLANCE: Duration = Duration::from_millis(1);

/// How long a listing goes on.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FollowArgs {
    /// Go on as requests are recorded, until Ctrl-C
    #[arg(short, long)]
    pub(super) follow: bool,
    /// End after N requests
    #[arg(long, value_name = "N", requires = "follow",
          value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// End after DURATION: 30s, 5m
    #[arg(long, value_name = "DURATION", requires = "follow", value_parser = duration_us)]
    timeout: Option<i64>,
}

/// Where a listing begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// After this position.
    pub(super) after: Option<Position>,
    /// With the newest requests there are at the beginning, so many; `None` is all.
    pub(super) most: Option<usize>,
}

/// What is followed: the filter, once the store can tell it, and what becomes of the rows.
pub(super) trait Followed {
    /// The filter; `None` while what it asks for is not in the store yet.
    fn filter(&mut self, reader: &mut dyn Reader) -> anyhow::Result<Option<Filter>>;

    /// Prints rows.
    fn take(&mut self, fetched: Fetched, console: &mut Console) -> anyhow::Result<()>;
}

/// Why a listing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It showed as much, or went on as long, as it was to; or nobody reads it any more.
    Done,
    /// By a signal.
    Signal(usize),
}

impl From<Ended> for Exit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::Signal(number) => Self::Signal(u8::try_from(number).unwrap_or(u8::MAX)),
        }
    }
}

/// What ends a listing from outside; the console asks it too while its reader takes nothing.
#[derive(Debug, Clone)]
struct Limits {
    signal: Arc<AtomicUsize>,
    deadline: Option<Instant>,
}

impl Limits {
    fn of(args: &FollowArgs) -> anyhow::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let value = usize::try_from(number)?;
            signal_hook::flag::register_usize(number, Arc::clone(&signal), value)?;
        }
        let deadline = args.timeout.and_then(|us| {
            let timeout = Duration::from_micros(us.unsigned_abs());
            Instant::now().checked_add(timeout)
        });
        Ok(Self { signal, deadline })
    }

    fn reached(&self) -> Option<Ended> {
        if self.deadline.is_some_and(|end| Instant::now() >= end) {
            return Some(Ended::Done);
        }
        match self.signal.load(Ordering::Acquire) {
            0 => None,
            number => Some(Ended::Signal(number)),
        }
    }

    /// The longest that may be waited from now.
    fn wait(&self) -> Duration {
        let left = self
            .deadline
            .map(|end| end.saturating_duration_since(Instant::now()));
        left.map_or(POLL, |left| left.min(POLL))
    }
}

/// Follows a store until something ends it.
///
/// # Errors
/// When the store cannot be read and waiting would not help, or the output not written.
pub(super) fn follow(
    path: &Path,
    args: &FollowArgs,
    from: (Start, Option<CursorFile>),
    followed: &mut dyn Followed,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let limits = Limits::of(args)?;
    let watching = limits.clone();
    console.give_up_when(Box::new(move || watching.reached().is_some()))?;
    let (start, cursor) = from;
    let mut listing = Follower {
        path: path.to_owned(),
        left: args.max.and_then(|max| usize::try_from(max).ok()),
        limits,
        start: Some(start),
        position: Position::default(),
        cursor,
        open: None,
        told_of: None,
    };
    match listing.run(followed, console) {
        Ok(ended) => Ok(ended.into()),
        Err(error) if is_given_up(&error) => {
            Ok(listing.limits.reached().unwrap_or(Ended::Done).into())
        }
        Err(error) => Err(error),
    }
}

fn is_given_up(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<OutputError>(),
        Some(OutputError::GivenUp)
    )
}

/// A store that is open, and what it said last.
struct Open {
    reader: Box<dyn Reader>,
    filter: Option<Filter>,
    head: Option<Head>,
}

struct Follower {
    path: PathBuf,
    /// Requests still to be shown; `None` is all.
    left: Option<usize>,
    limits: Limits,
    /// `None` once the beginning has been shown.
    start: Option<Start>,
    position: Position,
    cursor: Option<CursorFile>,
    open: Option<Open>,
    /// The trouble that was told last, so that it is told once.
    told_of: Option<StoreErrorKind>,
}

impl Follower {
    fn run(&mut self, followed: &mut dyn Followed, console: &mut Console) -> anyhow::Result<Ended> {
        let mut waker = Waker::new();
        let mut glance = POLL;
        loop {
            if let Err(error) = self.look(followed, console) {
                self.put_up_with(error, console)?;
            }
            if self.left == Some(0) || console.reader_has_gone() {
                return Ok(Ended::Done);
            }
            if let Some(ended) = self.limits.reached() {
                return Ok(ended);
            }
            waker.watch(self.directory().into_iter().collect());
            glance = if waker.wait(glance.min(self.limits.wait())) {
                FIRST_GLANCE
            } else {
                (glance * 2).min(POLL)
            };
        }
    }

    fn directory(&self) -> Option<PathBuf> {
        let parent = self.path.parent()?;
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        parent.is_dir().then(|| parent.to_owned())
    }

    /// A store that is not there yet, or is busy, is waited for; all else is an error.
    fn put_up_with(&mut self, error: anyhow::Error, console: &mut Console) -> anyhow::Result<()> {
        let Some(store) = error.downcast_ref::<StoreError>() else {
            return Err(error);
        };
        if !matches!(
            store.kind,
            StoreErrorKind::Missing | StoreErrorKind::Retryable
        ) {
            return Err(error);
        }
        if self.told_of.replace(store.kind) != Some(store.kind) {
            console.note(&format!("{error:#}; waiting for it"));
        }
        Ok(())
    }

    /// Looks into the store that is open, or opens the one that is there now.
    fn look(&mut self, followed: &mut dyn Followed, console: &mut Console) -> anyhow::Result<()> {
        if let Some(open) = self.open.take()
            && open.reader.is_current()
        {
            match self.look_into(open, followed, console) {
                // It may have been replaced this very moment: opening it anew will tell.
                Err(error) if error.is::<StoreError>() => {}
                looked => return looked,
            }
        }
        let open = Open {
            reader: open_store(&self.path)?,
            filter: None,
            head: None,
        };
        self.look_into(open, followed, console)
    }

    /// Shows what is new, if anything is.
    fn look_into(
        &mut self,
        mut open: Open,
        followed: &mut dyn Followed,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let head = open.reader.head()?;
        self.told_of = None;
        if open.head.replace(head) != Some(head) {
            if open.filter.is_none() {
                open.filter = followed.filter(open.reader.as_mut())?;
            }
            self.place(head);
            self.show(&mut open, head, followed, console)?;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Finds the place in this store: another store than before is shown from its first row on.
    fn place(&mut self, head: Head) {
        if let Some(after) = self.start.and_then(|start| start.after) {
            self.position = after;
        }
        self.position = self.position.within(head);
    }

    fn show(
        &mut self,
        open: &mut Open,
        head: Head,
        followed: &mut dyn Followed,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let (Some(filter), reader) = (&open.filter, open.reader.as_mut()) else {
            return Ok(());
        };
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
                self.count(&fetched.entries);
                followed.take(fetched, console)
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
                self.count(&entries);
                let more = true;
                followed.take(Fetched { entries, more }, console)?;
            }
            self.reach(head.store_id, seq, console)?;
            if self.limits.reached().is_some() {
                break;
            }
        }
        Ok(())
    }

    fn count(&mut self, entries: &[Entry]) {
        let requests = entries.iter().filter(|entry| entry.is_request()).count();
        self.left = self.left.map(|left| left.saturating_sub(requests));
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
