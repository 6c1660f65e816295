//! A recorder that goes on shows what it does: at its start, every hour, and when SIGUSR1 asks. SIGHUP has it look
//! for its sources anew and read its configuration again, and ends nothing.

use super::Args;
use super::reload::Reload;
use super::report::closing_line;
use crate::console::Console;
use signal_hook::consts::{SIGHUP, SIGUSR1};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a recorder says by itself how far it is.
const EVERY: Duration = Duration::from_hours(1);

/// Who asks a recorder for something while it runs.
#[derive(Debug)]
pub(super) struct Signals {
    is_asked: Arc<AtomicBool>,
    is_hung_up: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to listen for them.
    pub(super) fn catch() -> io::Result<Self> {
        let signals = Self {
            is_asked: Arc::default(),
            is_hung_up: Arc::default(),
        };
        signal_hook::flag::register(SIGUSR1, Arc::clone(&signals.is_asked))?;
        signal_hook::flag::register(SIGHUP, Arc::clone(&signals.is_hung_up))?;
        Ok(signals)
    }
}

/// A recorder at work, and who asks it for something.
pub(super) struct Running<'a> {
    began: Instant,
    next: Instant,
    signals: Signals,
    reload: Reload<'a>,
}

impl<'a> Running<'a> {
    /// A recorder that begins its work now.
    pub(super) fn new(signals: Signals, reload: Reload<'a>) -> Self {
        let began = Instant::now();
        Self {
            began,
            next: began + EVERY,
            signals,
            reload,
        }
    }

    /// How long the recorder has been running.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Answers what signals have asked for; says whether the sources are to be looked for anew.
    pub(super) fn heed(&mut self, console: &mut Console) -> bool {
        self.report_progress(console);
        let is_hung_up = self.signals.is_hung_up.swap(false, Ordering::AcqRel);
        if is_hung_up {
            let outcome = self.reload.again(console);
            console.note(&format!("looking for the sources anew; {outcome}"));
        }
        is_hung_up
    }

    /// Says how far the recorder is, where that is asked for or an hour has passed.
    fn report_progress(&mut self, console: &mut Console) {
        let is_asked = self.signals.is_asked.swap(false, Ordering::AcqRel);
        if !is_asked && Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        let so_far = closing_line(&self.reload.recorder().summary(), self.elapsed());
        console.note(&format!("so far: {so_far}"));
    }
}

/// What is read, where it is stored, what is kept: a line each, where the recorder goes on.
pub(super) fn print_sources(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    if args.once {
        return Ok(());
    }
    let names = args.sources.iter().map(|name| name.to_string_lossy());
    let found = args
        .discover
        .then_some("the logs that `mcpr sources` lists, and those that appear later");
    let names: Vec<_> = names.chain(found.map(Into::into)).collect();
    if !names.is_empty() {
        console.note(&format!("reading {}", names.join(", ")));
    }
    console.note(&format!("storing into {}", args.store.url()?));
    console.note(&format!("keeping {}", args.keep.words(&args.store)));
    Ok(())
}
