//! What SIGHUP has a recorder do with its configuration: read it again, take in what can change while it
//! runs, and say what needs a start. A fault in it changes nothing.

use super::Args;
use super::listen::Servers;
use crate::commands::keep_args::kept_words;
use crate::commands::recording_options::Redaction;
use crate::console::Console;
use mcpr_ingest::{Recorder, Screen};
use mcpr_store::{Keep, StoreUrl};
use mcpr_wire::Bodies;

/// Reads the configuration again, and gives the arguments as they are with it.
pub(crate) type Reread<'a> = &'a dyn Fn() -> anyhow::Result<Box<Args>>;

/// What a configuration that was read again has changed, by its keys.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What holds from now on.
    pub(super) now: Vec<&'static str>,
    /// What holds after a start.
    pub(super) need_start: Vec<&'static str>,
}

/// A recorder whose configuration can be read again.
pub(super) struct Reload<'a> {
    /// What it was started with: addresses and the store stay those.
    started: &'a Args,
    reread: Reread<'a>,
    recorder: &'a Recorder,
    servers: Option<&'a Servers>,
    keep: Keep,
    payload_limit: usize,
    redaction: Redaction,
}

/// What is made of new arguments before any of it holds: what can fail has not failed.
struct Prepared {
    keep: Keep,
    bodies: Bodies,
    screen: Screen,
    store: StoreUrl,
}

impl Prepared {
    fn of(args: &Args, started: &Args) -> anyhow::Result<Self> {
        Ok(Self {
            // Another store is opened by a new start only.
            keep: args.keep.keep(&started.store),
            bodies: args.recording.bodies(),
            screen: args.recording.screen()?,
            store: args.store.url()?,
        })
    }
}

impl<'a> Reload<'a> {
    /// The recorder with what it was started with.
    pub(super) fn new(
        started: &'a Args,
        reread: Reread<'a>,
        recorder: &'a Recorder,
        servers: Option<&'a Servers>,
    ) -> Self {
        Self {
            started,
            reread,
            recorder,
            servers,
            keep: started.keep.keep(&started.store),
            payload_limit: started.recording.payload_limit(),
            redaction: started.recording.redaction().clone(),
        }
    }

    /// The recorder itself.
    pub(super) fn recorder(&self) -> &'a Recorder {
        self.recorder
    }

    /// Reads the configuration again; says what came of it.
    pub(super) fn again(&mut self, console: &mut Console) -> String {
        match self.take_in(console) {
            Ok(changes) => self.words(&changes),
            Err(error) => {
                // Whoever follows the log reads lines: what has more of them says the most in the first.
                let error = format!("{error:#}");
                let first = error.lines().next().unwrap_or_default();
                format!("what held before stays in force: {first}")
            }
        }
    }

    fn take_in(&mut self, console: &mut Console) -> anyhow::Result<Changes> {
        let args = (self.reread)()?;
        let prepared = Prepared::of(&args, self.started)?;
        // The last thing that can fail: from here on everything holds.
        let rules = args.listen.changes(&self.started.listen, console)?;
        let mut changes = Changes::default();
        // Compared with the start and not with the last time: until then it is still to be reported.
        if prepared.store != self.started.store.url()? {
            changes.need_start.push("store");
        }
        self.change_keep(prepared.keep, &mut changes);
        let payload_limit = args.recording.payload_limit();
        for (key, is_changed) in [
            ("payloads", prepared.bodies != *self.started.bodies.get()),
            ("payload_limit", payload_limit != self.payload_limit),
            ("redact", *args.recording.redaction() != self.redaction),
        ] {
            if is_changed {
                changes.now.push(key);
            }
        }
        self.started.bodies.set(prepared.bodies);
        self.recorder.screen().set(prepared.screen);
        self.payload_limit = payload_limit;
        self.redaction = args.recording.redaction().clone();
        rules.apply(self.servers, &mut changes);
        Ok(changes)
    }

    fn change_keep(&mut self, keep: Keep, changes: &mut Changes) {
        let before = std::mem::replace(&mut self.keep, keep);
        if keep == before {
            return;
        }
        for (key, is_changed) in [
            ("keep", keep.requests_ms != before.requests_ms),
            ("keep_payloads", keep.payloads_ms != before.payloads_ms),
            ("max_size", keep.max_bytes != before.max_bytes),
        ] {
            if is_changed {
                changes.now.push(key);
            }
        }
        // It wakes the writer, which may have nothing else to do for a minute.
        self.recorder.set_keep(keep);
    }

    fn words(&self, changes: &Changes) -> String {
        let mut words = if changes.now.is_empty() && changes.need_start.is_empty() {
            "the configuration is as it was".to_owned()
        } else if changes.now.is_empty() {
            "nothing of the configuration changes now".to_owned()
        } else {
            format!("changed from now on: {}", changes.now.join(", "))
        };
        // The names alone would not say what goes now.
        let of_keep = ["keep", "keep_payloads", "max_size"];
        if changes.now.iter().any(|key| of_keep.contains(key)) {
            words = format!("{words} (keeping {})", kept_words(self.keep));
        }
        if !changes.need_start.is_empty() {
            let keys = changes.need_start.join(", ");
            words = format!("{words}; needs a new start: {keys}");
        }
        words
    }
}
