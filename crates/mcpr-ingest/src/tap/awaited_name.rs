//! A server's own name, awaited before anything of its session is handed over: what is stored under one name does
//! not get another one later. Pure.

use mcpr_model::{Event, Status, Text};
use std::time::{Duration, Instant};

/// How long a server may take to say its name. One that is downloaded first may take longer, and has the name of
/// its package then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most events that wait for it: so many that none of them answered a question about the server.
const MAX_EVENTS: usize = 256;

/// Longest name that is taken, in characters.
const MAX_CHARS: usize = 128;

/// A name that is not known yet.
#[derive(Debug)]
pub(super) struct AwaitedName {
    since: Instant,
}

impl AwaitedName {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now }
    }

    /// Whether what was read, or the time that it took, leaves nothing to wait for.
    pub(super) fn is_over(&self, events: &[Event], now: Instant) -> bool {
        // A server that has given an answer and no name gives none: it is the first thing that it is asked, or
        // stands in each answer.
        let is_answer = |event: &Event| match event {
            Event::Request(request) => request.outcome.status() == Status::Ok,
            _ => false,
        };
        events.len() >= MAX_EVENTS
            || events.iter().any(is_answer)
            || now.saturating_duration_since(self.since) >= PATIENCE
    }
}

/// A name that a server may have in the store, made of what it calls itself.
pub(super) fn usable(stated: &str) -> Option<Text> {
    let name: Text = stated.trim().chars().take(MAX_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

/// Gives what was read another proxy's name.
pub(super) fn rename(event: &mut Event, name: &Text) {
    match event {
        Event::Request(request) => {
            request.proxy.clone_from(name);
            if let Some(update) = &mut request.surface {
                update.proxy.clone_from(name);
            }
        }
        Event::Session(update) => update.proxy = Some(name.clone()),
        Event::Surface(update) => update.proxy.clone_from(name),
        Event::Open(open) => open.request.proxy.clone_from(name),
        Event::Server(run) => run.proxy.clone_from(name),
        // These are a source's, which keeps its name.
        Event::Gap(_) | Event::BadLine(_) | Event::Withdrawn(_) => {}
    }
}
