//! The loop: waits for something to happen, hands it to the state, does what that asks for, draws.

use super::app::{App, AppEffect, AppEnd, ScreenSetting};
use super::draw::Drawing;
use super::event::{Events, MAX_WAITING, ScreenEvent};
use super::lists::ListWorker;
use super::palette::Palette;
use super::query_slots::{ListQueries, QuerySlots, SumQueries};
use super::report::{ReportMaker, ReportOf};
use super::screen::TakenScreen;
use super::store::{ChangesOf, Connection, StoreSource};
use super::sums::SumWorker;
use super::threads::{listen_to_keys, listen_to_signals, start};
use mcpr_store::query::Filter;
use mcpr_store::query::when::Zone;
use rustix::io::Errno;
use signal_hook::consts::SIGHUP;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// The shortest time from one frame to the next: 60 a second.
const FRAME: Duration = Duration::from_micros(16_667);
/// Longest wait where nothing is due.
const IDLE: Duration = Duration::from_hours(1);

/// What the screen begins with.
pub struct WatchOptions {
    /// The store, as it is named on the screen.
    pub store: String,
    /// Where each of the two workers gets it from.
    pub sources: [Box<dyn StoreSource>; 2],
    /// What requests are shown at all.
    pub filter: Filter,
    /// The same in words, for the top of the screen: a name and a value each.
    pub filter_words: Vec<(&'static str, String)>,
    /// Who reports what versions of lists brought, where that can be determined.
    pub changes_of: Option<ChangesOf>,
    /// Who makes a report of what the screen shows.
    pub report_of: ReportOf,
    /// The zone of the times on the screen.
    pub zone: Zone,
    /// Whether colours may be used.
    pub colour: bool,
    /// Gives the present, in unix milliseconds.
    pub now_ms: fn() -> i64,
}

impl std::fmt::Debug for WatchOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begin")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEnded {
    /// Somebody left.
    Left,
    /// By this signal.
    Signal(i32),
    /// It could not go on, because of this.
    Failed(String),
}

/// Takes the terminal and shows the store until somebody leaves.
///
/// # Errors
/// When there is no terminal, or it has gone.
pub fn run(begin: WatchOptions) -> io::Result<WatchEnded> {
    let (sender, receiver) = sync_channel(MAX_WAITING);
    let events = Events(sender);
    // Before the terminal is taken: a signal in between would leave it as it is.
    listen_to_signals(events.clone())?;
    let colorfgbg = std::env::var("COLORFGBG").ok();
    let palette = Palette::of(begin.colour, colorfgbg.as_deref());
    let setting = ScreenSetting {
        store: begin.store,
        base: begin.filter,
        base_words: begin.filter_words,
        with_changes: begin.changes_of.is_some(),
        zone: begin.zone,
        now_ms: (begin.now_ms)(),
    };
    let (lists, sums) = (QuerySlots::default(), QuerySlots::default());
    let mut watching = Watching {
        screen: TakenScreen::take()?,
        app: App::new(setting),
        drawing: Drawing::new(palette),
        receiver,
        lists: lists.clone(),
        sums: sums.clone(),
        reports: ReportMaker {
            report_of: begin.report_of,
            events: events.clone(),
            is_busy: Arc::default(),
        },
        now_ms: begin.now_ms,
        drawn_at: None,
    };
    listen_to_keys(events.clone())?;
    let [of_lists, of_sums] = begin.sources.map(Connection::new);
    let worker = ListWorker::new(of_lists, lists, events.clone(), begin.zone);
    start("lists", events.clone(), move || worker.run())?;
    let worker = SumWorker {
        store: of_sums,
        slots: sums,
        events: events.clone(),
        changes_of: begin.changes_of,
    };
    start("sums", events, move || worker.run())?;
    watching.until_end().or_else(|error| {
        // A frame can find out that the terminal has gone before the signal says so.
        match Errno::from_io_error(&error) {
            Some(Errno::IO | Errno::NXIO) => Ok(WatchEnded::Signal(SIGHUP)),
            _ => Err(error),
        }
    })
}

struct Watching {
    screen: TakenScreen,
    app: App,
    drawing: Drawing,
    receiver: Receiver<ScreenEvent>,
    lists: QuerySlots<ListQueries>,
    sums: QuerySlots<SumQueries>,
    reports: ReportMaker,
    now_ms: fn() -> i64,
    drawn_at: Option<Instant>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.lists.close();
        self.sums.close();
    }
}

impl Watching {
    fn until_end(&mut self) -> io::Result<WatchEnded> {
        let (columns, rows) = self.screen.size()?;
        self.app.handle(ScreenEvent::Resized(columns, rows));
        let mut must_draw = true;
        loop {
            must_draw |= self.app.take_changed();
            let wait = self.wait(must_draw);
            if must_draw && wait.is_zero() {
                self.draw()?;
                must_draw = false;
                continue;
            }
            match self.receiver.recv_timeout(wait) {
                Ok(event) => {
                    // The time first, so that what comes is judged by it.
                    self.app.handle(ScreenEvent::Now((self.now_ms)()));
                    if let Some(end) = self.take(event)? {
                        return Ok(end);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.app.handle(ScreenEvent::Now((self.now_ms)()));
                }
                // This end of the queue outlives the threads: each says that it ends.
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(WatchEnded::Failed(
                        "nothing is left to listen to".to_owned(),
                    ));
                }
            }
            self.send_queries();
        }
    }

    /// How long may be waited for the next event.
    fn wait(&self, must_draw: bool) -> Duration {
        let since = self.drawn_at.map_or(FRAME, |at| at.elapsed());
        if must_draw {
            return FRAME.saturating_sub(since);
        }
        self.app.due_at().map_or(IDLE, |due| {
            let left = due.saturating_sub((self.now_ms)());
            Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(IDLE)
        })
    }

    fn draw(&mut self) -> io::Result<()> {
        self.drawn_at = Some(Instant::now());
        let (app, drawing) = (&self.app, &mut self.drawing);
        self.screen.draw(|buffer| drawing.draw(app, buffer))
    }

    /// Takes in an event and those that wait behind it.
    fn take(&mut self, first: ScreenEvent) -> io::Result<Option<WatchEnded>> {
        let mut event = first;
        for _ in 0..MAX_WAITING {
            if let Some(effect) = self.app.handle(event)
                && let Some(end) = self.do_effect(effect)?
            {
                return Ok(Some(end));
            }
            // What a key wants has to be known before the next one is taken.
            self.send_queries();
            match self.receiver.try_recv() {
                Ok(next) => event = next,
                Err(_) => break,
            }
        }
        Ok(None)
    }

    fn do_effect(&mut self, effect: AppEffect) -> io::Result<Option<WatchEnded>> {
        match effect {
            AppEffect::Copy(text) => self.screen.copy(&text)?,
            AppEffect::Write { path, text } => {
                let outcome = write_new(&path, &text);
                self.app.handle(ScreenEvent::Written(outcome));
            }
            AppEffect::Report(filter) => {
                if let Err(why) = self.reports.begin(*filter) {
                    self.app.handle(ScreenEvent::Written(Err(why)));
                }
            }
            AppEffect::Suspend => self.screen.suspend().and_then(|()| self.resized())?,
            AppEffect::Redraw => self.screen.take_again().and_then(|()| self.resized())?,
            AppEffect::End(end) => {
                return Ok(Some(match end {
                    AppEnd::Left => WatchEnded::Left,
                    AppEnd::Signal(signal) => WatchEnded::Signal(signal),
                    AppEnd::Failed(why) => WatchEnded::Failed(why),
                }));
            }
        }
        Ok(None)
    }

    /// The terminal may have another size than before it was away.
    fn resized(&mut self) -> io::Result<()> {
        let (columns, rows) = self.screen.size()?;
        self.app.handle(ScreenEvent::Resized(columns, rows));
        self.drawn_at = None;
        self.draw()
    }

    fn send_queries(&mut self) {
        let (lists, sums) = self.app.queries();
        if lists != ListQueries::default() {
            self.lists.put(|queries| lists.into_slots(queries));
        }
        if sums != SumQueries::default() {
            self.sums.put(|queries| {
                queries.tools = sums.tools.or(queries.tools.take());
                queries.changes |= sums.changes;
            });
        }
    }
}

/// Writes a file that is not there yet, for its owner alone: payloads are private.
fn write_new(path: &Path, text: &str) -> Result<String, String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(format!("wrote {}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(format!(
            "{} is there already: name another file",
            path.display()
        )),
        Err(error) => Err(format!("cannot write {}: {error}", path.display())),
    }
}
