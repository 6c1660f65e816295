//! What is in flight in a source, as far as it is read.

use super::LineDecoder;
use std::time::Instant;

impl LineDecoder {
    /// Reports which requests are in flight that were read until a time, where the source is read to its end;
    /// `resumes` says whether it is read again from before them after a restart. Says whether there are any.
    pub(crate) fn announce_open(&mut self, until: Instant, resumes: bool) -> bool {
        let events = &mut self.decoded.events;
        self.hostlogs.announce_open(until, resumes, events);
        let any = !self.decoded.events.is_empty();
        self.filter_events();
        any
    }
}

/// What posts that are decoded elsewhere ask of their source's decoder.
#[cfg(feature = "listen")]
impl LineDecoder {
    /// Whether requests of a method are recorded.
    pub(crate) fn admits(&self, method: &str) -> bool {
        self.wanted.methods.admits(method)
    }

    /// Whether payloads are handed over.
    pub(crate) fn keeps_bodies(&self) -> bool {
        *self.wanted.bodies.get() == mcpr_wire::Bodies::Kept
    }

    /// Says that what comes is a sample.
    pub(crate) fn note_sampled(&self) {
        let source = &self.source;
        let note =
            format!("{source}: spans are a sample, so that counts of calls are lower bounds");
        self.wanted.notes.say(note);
    }
}
