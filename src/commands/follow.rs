//! Listings that go on: whoever watches is asked again whenever the store says something new,
//! whatever happens to the store meanwhile.

mod cursor_file;
mod gone;
mod held;
mod requests;

pub(super) use cursor_file::{CursorFile, Position};
pub(super) use gone::say_what_is_gone;
pub(super) use held::{Held, each_page_of_newest_left};
pub(super) use requests::{Followed, Start, follow};

use super::args::{View, is_there};
use super::open_store;
use super::values::duration_us;
use crate::console::{Console, OutputError};
use crate::exit::Exit;
use mcpr_store::query::Head;
use mcpr_store::{Reader, StoreError, StoreErrorKind, StoreUrl};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How late a signal, or a store that was made meanwhile, can be noticed.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// How long it is waited at least before a store that failed is opened again.
const AFTER_FAILURE: Duration = Duration::from_millis(10);

/// How long a listing goes on.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FollowArgs {
    /// Go on as more is recorded, until Ctrl-C
    #[arg(short, long)]
    pub(super) follow: bool,
    /// End after N rows
    #[arg(long, value_name = "N", requires = "follow",
          value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// End after DURATION: 30s, 5m
    #[arg(long, value_name = "DURATION", requires = "follow", value_parser = duration_us)]
    timeout: Option<i64>,
}

impl FollowArgs {
    /// The most rows that are to be shown.
    pub(super) fn most(&self) -> Option<usize> {
        self.max.and_then(|max| usize::try_from(max).ok())
    }
}

/// Who is asked whenever a store says something new.
pub(super) trait Watcher {
    /// Looks at what the store holds now, where `head` says it stands, and prints what is new.
    fn look(
        &mut self,
        reader: &dyn Reader,
        head: Head,
        console: &mut Console,
    ) -> anyhow::Result<()>;

    /// Shows what goes on without news of the store; asked many times per second.
    fn tick(&mut self, _: &dyn Reader, _: &mut Console) -> anyhow::Result<()> {
        Ok(())
    }

    /// Says that the next look is into a store that was opened just now.
    fn opened(&mut self) {}

    /// Whether everything that was to be shown is out.
    fn is_done(&self) -> bool;
}

/// Why a listing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
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
pub(super) struct Limits {
    signal: Arc<AtomicUsize>,
    deadline: Option<Instant>,
}

impl Limits {
    pub(super) fn of(args: &FollowArgs) -> anyhow::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let value = usize::try_from(number)?;
            signal_hook::flag::register_usize(number, Arc::clone(&signal), value)?;
        }
        let deadline = args.timeout.and_then(|us| {
            let timeout = Duration::from_micros(us.unsigned_abs());
            // A time that the clock cannot express is never reached: no deadline then.
            Instant::now().checked_add(timeout)
        });
        Ok(Self { signal, deadline })
    }

    pub(super) fn reached(&self) -> Option<Ended> {
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
        left.map_or(MAX_WAIT, |left| left.min(MAX_WAIT))
    }
}

/// Watches a store until something ends it.
///
/// # Errors
/// When the store cannot be read and waiting would not help, or the output not written.
pub(super) fn watch(
    view: &View,
    limits: &Limits,
    watcher: &mut dyn Watcher,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let watching = limits.clone();
    console.give_up_when(Box::new(move || watching.reached().is_some()))?;
    let mut watch = Watch {
        url: view.url.clone(),
        own: (view.own != view.url).then(|| view.own.clone()),
        limits,
        open: None,
        reported: None,
    };
    let ended = watch.run(watcher, console);
    if ended.is_ok() {
        // What goes on is not part of what stays on the terminal.
        console.show_below("")?;
    }
    match ended {
        Ok(ended) => Ok(ended.into()),
        Err(error) if is_given_up(&error) => Ok(limits.reached().unwrap_or(Ended::Done).into()),
        Err(error) => Err(error),
    }
}

fn is_given_up(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<OutputError>(),
        Some(OutputError::GivenUp)
    )
}

/// A store that is open.
struct Open {
    reader: Box<dyn Reader>,
    /// Where it stands.
    head: Head,
    /// Where it stood when the watcher looked at it last.
    seen: Option<Head>,
}

struct Watch<'a> {
    url: StoreUrl,
    /// The store that is watched instead as soon as somebody makes it.
    own: Option<StoreUrl>,
    limits: &'a Limits,
    open: Option<Open>,
    /// The trouble that was reported last, so that it is reported once.
    reported: Option<StoreErrorKind>,
}

impl Watch<'_> {
    fn run(&mut self, watcher: &mut dyn Watcher, console: &mut Console) -> anyhow::Result<Ended> {
        loop {
            if let Err(error) = self.look(watcher, console) {
                self.retry_or_fail(error, console)?;
            }
            if watcher.is_done() || console.reader_has_gone() {
                return Ok(Ended::Done);
            }
            if let Some(ended) = self.limits.reached() {
                return Ok(ended);
            }
            self.wait();
        }
    }

    /// Waits until the store has news, or for a while.
    fn wait(&mut self) {
        let timeout = self.limits.wait();
        let Some(open) = &mut self.open else {
            thread::sleep(timeout);
            return;
        };
        if let Ok(head) = open.reader.watch(open.head, timeout) {
            open.head = head;
        } else {
            // It may have been replaced this very moment: opening it anew will show it.
            self.open = None;
            thread::sleep(timeout.min(AFTER_FAILURE));
        }
    }

    /// A store that is not there yet, or is busy, is waited for; all else is an error.
    fn retry_or_fail(&mut self, error: anyhow::Error, console: &mut Console) -> anyhow::Result<()> {
        let Some(store) = error.downcast_ref::<StoreError>() else {
            return Err(error);
        };
        if !matches!(
            store.kind,
            StoreErrorKind::Missing | StoreErrorKind::Retryable
        ) {
            return Err(error);
        }
        // Once for each trouble: the store is looked at many times per second.
        if self.reported.replace(store.kind) != Some(store.kind) {
            console.note(&format!("{error:#}; waiting for it"));
        }
        Ok(())
    }

    /// Looks into the store that is open, or opens the one that is there now.
    fn look(&mut self, watcher: &mut dyn Watcher, console: &mut Console) -> anyhow::Result<()> {
        if let Some(own) = self.own.take_if(|own| is_there(own)) {
            console.note(&format!("there is {own} now: going on with it"));
            self.url = own;
            self.open = None;
        }
        if let Some(open) = self.open.take() {
            match self.look_into(open, watcher, console) {
                // It may have been replaced this very moment: opening it anew will show it.
                Err(error) if error.is::<StoreError>() => {}
                looked => return looked,
            }
        }
        let reader = open_store(&self.url)?;
        let open = Open {
            head: reader.head()?,
            reader,
            seen: None,
        };
        watcher.opened();
        self.look_into(open, watcher, console)
    }

    /// Has looked at what is new, if anything is.
    fn look_into(
        &mut self,
        mut open: Open,
        watcher: &mut dyn Watcher,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        self.reported = None;
        let head = open.head;
        if open.seen.replace(head) != Some(head) {
            watcher.look(open.reader.as_ref(), head, console)?;
        }
        watcher.tick(open.reader.as_ref(), console)?;
        self.open = Some(open);
        Ok(())
    }
}
