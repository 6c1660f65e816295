//! The streams of notifications that a client has opened. They are shown while they are open, lead to no row, and
//! nobody waits for their answers.

use super::calls::WaitingRequest;
use super::{Moment, Pairing, payload};
use mcpr_model::{Event, OpenRequest};
use mcpr_wire::{Direction, RequestMessage, TypedId};
use std::time::Instant;

/// Most streams of a session that are shown; those beyond it pass unseen.
const MAX_STREAMS: usize = 64;
/// Longest parameters of a stream that are shown, in bytes: they name what is subscribed to.
const MAX_PARAMS_BYTES: usize = 16 << 10;

impl Pairing {
    /// A client has opened a stream.
    pub(super) fn open_stream(
        &mut self,
        mut asked: RequestMessage,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        // A log does not say when a stream ends: it would be open for ever.
        if self.reading.is_some() {
            return;
        }
        self.close_stream(&asked.id, events);
        if self.streams.len() >= MAX_STREAMS {
            return;
        }
        // Whole or not at all: half a secret looks like none.
        asked.params = asked
            .params
            .filter(|body| body.text.len() <= MAX_PARAMS_BYTES);
        let mut stream = WaitingRequest {
            asked,
            moment,
            reading: None,
            ordinal: self.next_ordinal,
            is_doubtful: false,
            is_announced: false,
        };
        stream.cut_names();
        self.next_ordinal += 1;
        self.streams.push(stream);
    }

    /// Reports which streams are open that were seen until a time and not reported before.
    pub(super) fn announce_streams(&mut self, until: Instant, events: &mut Vec<Event>) {
        for at in 0..self.streams.len() {
            let stream = &mut self.streams[at];
            if stream.is_announced || stream.seen() > until {
                continue;
            }
            stream.is_announced = true;
            let (copy, moment) = (super::flight::copy_of(stream), stream.moment);
            let params = copy.asked.params.clone();
            let mut request = self.row(Direction::ToServer, copy, moment);
            request.payload = payload(params, None);
            events.push(Event::Open(Box::new(OpenRequest {
                request,
                // Of one whose recorder is gone nothing is left: it is not a call that was never answered.
                resumes: true,
                is_over: false,
            })));
        }
    }

    /// When the first stream was seen that is not reported as open.
    pub(super) fn first_unreported_stream(&self) -> Option<Instant> {
        let unreported = self.streams.iter().filter(|stream| !stream.is_announced);
        unreported.map(WaitingRequest::seen).min()
    }

    /// A stream is over; whether one was open under this id.
    pub(crate) fn close_stream(&mut self, id: &TypedId, events: &mut Vec<Event>) -> bool {
        let found = self.streams.iter().position(|it| it.asked.id == *id);
        if let Some(at) = found {
            let stream = self.streams.swap_remove(at);
            if stream.is_announced {
                events.push(Event::Withdrawn(self.key_of(&stream).hash));
            }
        }
        found.is_some()
    }

    /// All streams are over.
    pub(super) fn close_streams(&mut self, events: &mut Vec<Event>) {
        while let Some(id) = self.streams.first().map(|it| it.asked.id.clone()) {
            self.close_stream(&id, events);
        }
    }
}
