//! A recorder that goes on tells what it does: at its start, every hour, and when SIGUSR1 asks. SIGHUP has it look
//! for its sources anew, and ends nothing.

use super::Args;
use super::report::closing_line;
use crate::console::Console;
use mcpr_ingest::Recorder;
use signal_hook::consts::{SIGHUP, SIGUSR1};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a recorder says by itself how far it is.
const EVERY: Duration = Duration::from_hours(1);

/// Who asks a recorder for something while it runs.
#[derive(Debug)]
pub(super) struct Running {
    began: Instant,
    next: Instant,
    is_asked: Arc<AtomicBool>,
    is_hung_up: Arc<AtomicBool>,
}

impl Running {
    /// Begins to listen for signals.
    pub(super) fn begin() -> io::Result<Self> {
        let began = Instant::now();
        let running = Self {
            began,
            next: began + EVERY,
            is_asked: Arc::default(),
            is_hung_up: Arc::default(),
        };
        signal_hook::flag::register(SIGUSR1, Arc::clone(&running.is_asked))?;
        signal_hook::flag::register(SIGHUP, Arc::clone(&running.is_hung_up))?;
        Ok(running)
    }

    /// How long the recorder has been running.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says how far the recorder is, where that is asked for or an hour has passed.
    pub(super) fn tell(&mut self, recorder: &Recorder, console: &mut Console) {
        let is_asked = self.is_asked.swap(false, Ordering::AcqRel);
        if !is_asked && Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        let so_far = closing_line(&recorder.summary(), self.elapsed());
        console.note(&format!("so far: {so_far}"));
    }

    /// Whether the sources are to be looked for anew; says that they are.
    pub(super) fn looks_anew(&self, console: &mut Console) -> bool {
        let is_hung_up = self.is_hung_up.swap(false, Ordering::AcqRel);
        if is_hung_up {
            console.note("looking for the sources anew");
        }
        is_hung_up
    }
}

/// What is read, where it is stored, what is kept: a line each, where the recorder goes on.
pub(super) fn print_sources(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    if args.once {
        return Ok(());
    }
    let names: Vec<String> = args
        .sources
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if !names.is_empty() {
        console.note(&format!("reading {}", names.join(", ")));
    }
    console.note(&format!("storing into {}", args.store.url()?));
    console.note(&format!("keeping {}", args.keep.words()));
    Ok(())
}
