//! The requests of one direction that wait for their answers, and the answers that came too early or
//! may come too late. Decides nothing.

use super::Moment;
use super::by_id::ById;
use mcpr_model::{
    ErrorKind, MAX_NAME_BYTES, MAX_URI_BYTES, Outcome, RequestId, TargetKind, Text, cut_name,
};
use mcpr_wire::{AnswerMessage, Direction, LooseId, RequestMessage, SurfaceQuestion, TypedId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// Most bytes of texts that wait in a direction for an answer to their request; beyond that bodies
/// and cursors of further requests are not kept, and URIs are cut. Else a URI waits whole: secrets are
/// taken out of it only when its row is made, and half a secret looks like none.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// Most answers kept of which no request was seen (yet), and ids that are over, in a direction.
// A server that answers what nobody asked must not fill the memory of its recorder.
const MAX_REMEMBERED: usize = 1024;
/// Most bytes of answers kept of which no request was seen (yet).
const MAX_EARLY_BYTES: usize = 32 << 20;

/// When a line of a log was read.
#[derive(Debug, Clone, Copy)]
pub struct LogReading {
    /// By the log: its newest time until then, in unix milliseconds.
    pub log_ts: i64,
    /// By the clock that never jumps.
    pub at: Instant,
    /// Bytes of the log that had been read before, in this run.
    pub log_bytes: u64,
}

/// How long a request has waited in a log, as its two times say.
#[derive(Debug, Clone, Copy)]
pub struct WaitTime {
    /// When it was asked, in unix milliseconds.
    pub ts: i64,
    /// When that was read; `None` where it was not read from a log.
    pub reading: Option<LogReading>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct WaitingRequest {
    pub(super) asked: RequestMessage,
    pub(super) moment: Moment,
    pub(super) reading: Option<LogReading>,
    pub(super) ordinal: u64,
    pub(super) is_doubtful: bool,
    /// Whether it was reported as being in flight.
    pub(super) is_announced: bool,
}

impl WaitingRequest {
    /// When it was seen, by the clock that never jumps.
    pub(super) fn seen(&self) -> Instant {
        // The times of a log are its own.
        self.reading.map_or(self.moment.at, |reading| reading.at)
    }

    /// Bytes that its texts take.
    pub(super) fn len_bytes(&self) -> usize {
        let asked = &self.asked;
        let id = match &asked.request_id {
            RequestId::Text(text) => text.len(),
            RequestId::Uuid(_) | RequestId::Int(_) => 0,
        };
        let target = asked.target.as_ref().map_or(0, |it| it.name.len());
        let client = [&asked.client_name, &asked.client_version];
        let client: usize = client.into_iter().flatten().map(Text::len).sum();
        let params = asked.params.as_ref().map_or(0, |body| body.text.len());
        let surface = asked.surface.as_ref();
        let surface = surface.map_or(0, SurfaceQuestion::len_bytes);
        id + asked.method.len() + target + client + params + surface
    }

    // The row itself stays: losing what was asked is less than losing that it was.
    fn leave_bodies(&mut self) {
        self.asked.params = None;
        self.asked.surface = None;
    }

    pub(super) fn cut_names(&mut self) {
        let asked = &mut self.asked;
        asked.request_id.cut();
        cut(&mut asked.method, MAX_NAME_BYTES);
        if let Some(target) = &mut asked.target
            && target.kind != TargetKind::Resource
        {
            cut(&mut target.name, MAX_NAME_BYTES);
        }
        let client = [&mut asked.client_name, &mut asked.client_version];
        for name in client.into_iter().flatten() {
            cut(name, MAX_NAME_BYTES);
        }
    }

    fn cut_uri(&mut self) {
        if let Some(target) = &mut self.asked.target {
            cut(&mut target.name, MAX_URI_BYTES);
        }
    }
}

fn cut(name: &mut Text, max: usize) {
    if let Some(short) = cut_name(name, max) {
        *name = short;
    }
}

/// The outcome of a request that has no answer.
pub(super) fn unanswered(why: ErrorKind) -> Outcome {
    Outcome {
        error_kind: Some(why),
        ..Outcome::default()
    }
}

/// The requests of one direction.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) waiting: HashMap<TypedId, WaitingRequest>,
    /// The waiting ones by age.
    pub(super) by_age: BTreeMap<u64, TypedId>,
    /// The waiting ones by their ids without a type, and by age.
    by_loose_id: BTreeSet<(LooseId, u64)>,
    /// Requests with a lower ordinal may have been answered in what was lost.
    pub(super) doubted_before: u64,
    /// Those with a lower ordinal were looked at to be reported as being in flight.
    pub(super) announced_before: u64,
    /// How many of those that wait were reported.
    pub(super) announced: usize,
    /// Answers whose copy came before that of their request: the directions are read side by side.
    early: ById<Instant, (AnswerMessage, Moment)>,
    early_bytes: usize,
    /// Bytes of texts in `waiting`.
    pub(super) text_bytes: usize,
    /// Cancelled and given up: an answer may still come.
    over: ById<(), ()>,
}

/// What an id finds among what waits.
#[derive(Debug)]
pub(super) enum FoundRequest {
    /// The request that has this very id.
    Exact(Box<WaitingRequest>),
    /// The only one whose id is the same but for its type.
    Loose(Box<WaitingRequest>),
    /// One that is over.
    Over,
    /// Nothing.
    Nothing,
}

impl Calls {
    /// Whether a request waits and has waited too long.
    pub(super) fn is_over(&self, id: &TypedId, is_over: &dyn Fn(WaitTime) -> bool) -> bool {
        let waiting = self.waiting.get(id);
        waiting.is_some_and(|it| {
            let (ts, reading) = (it.moment.ts, it.reading);
            is_over(WaitTime { ts, reading })
        })
    }

    pub(super) fn wait(&mut self, id: TypedId, mut waiting: WaitingRequest) {
        // Names are cut here and not only on their way into the store: this waits for as long as the server likes.
        waiting.cut_names();
        if self.text_bytes + waiting.len_bytes() > MAX_TEXT_BYTES {
            waiting.leave_bodies();
        }
        if self.text_bytes + waiting.len_bytes() > MAX_TEXT_BYTES {
            waiting.cut_uri();
        }
        self.text_bytes += waiting.len_bytes();
        self.by_age.insert(waiting.ordinal, id.clone());
        // Found by either form of its id without a look at the others.
        self.by_loose_id.insert((id.loose(), waiting.ordinal));
        self.waiting.insert(id, waiting);
    }

    /// Takes the request that waits under this very id.
    pub(super) fn take(&mut self, id: &TypedId) -> Option<WaitingRequest> {
        let waiting = self.waiting.remove(id)?;
        self.by_age.remove(&waiting.ordinal);
        self.by_loose_id.remove(&(id.loose(), waiting.ordinal));
        // Its texts are not changed while it waits, so that this is what was added.
        self.text_bytes -= waiting.len_bytes();
        self.announced -= usize::from(waiting.is_announced);
        Some(waiting)
    }

    /// The id of the request that an id means: its own, or that of the only one that waits under the
    /// same id of another type, as released clients take it.
    pub(super) fn meant_by(&self, id: &TypedId) -> Option<TypedId> {
        if self.waiting.contains_key(id) {
            return Some(id.clone());
        }
        let loose = id.loose();
        let mut same = self.by_loose_id.range((loose, 0)..=(loose, u64::MAX));
        match (same.next(), same.next()) {
            // Of two nobody knows which one is meant.
            (Some((_, ordinal)), None) => self.by_age.get(ordinal).cloned(),
            _ => None,
        }
    }

    /// Takes what an answer's id finds.
    pub(super) fn answered(&mut self, id: &TypedId) -> FoundRequest {
        if let Some(waiting) = self.take(id) {
            return FoundRequest::Exact(Box::new(waiting));
        }
        // Before the looser look: an answer to what was cancelled must not end another request.
        if self.over.take_exact(id, ()).is_some() {
            return FoundRequest::Over;
        }
        if let Some(waiting) = self.meant_by(id).and_then(|meant| self.take(&meant)) {
            return FoundRequest::Loose(Box::new(waiting));
        }
        // Last, for a request that waits is the better guess than one that is over.
        if self.over.take_loose(id.loose(), ()).is_some() {
            return FoundRequest::Over;
        }
        FoundRequest::Nothing
    }

    /// Says that an answer under an id could not be read: what it finds is in doubt.
    pub(super) fn doubt(&mut self, id: &TypedId) {
        let loose = id.loose();
        let same = self.by_loose_id.range((loose, 0)..=(loose, u64::MAX));
        // Of several nobody knows which one it answered, and to call one of them hung would be a guess.
        let same = same.filter_map(|(_, ordinal)| self.by_age.get(ordinal).cloned());
        let meant = if self.waiting.contains_key(id) {
            vec![id.clone()]
        } else if self.over.take_exact(id, ()).is_some() {
            // It was late, as one that can be read would be.
            Vec::new()
        } else {
            same.collect()
        };
        for id in meant {
            if let Some(waiting) = self.waiting.get_mut(&id) {
                waiting.is_doubtful = true;
            }
        }
    }

    /// Remembers that a request is over.
    pub(super) fn set_over(&mut self, id: TypedId) {
        self.over.add(id, (), ());
        if self.over.len() > MAX_REMEMBERED {
            self.over.take_oldest();
        }
    }

    /// Forgets that requests under this very id are over: it is used again.
    pub(super) fn forget_over(&mut self, id: &TypedId) {
        // All of them: an id can have been given up several times.
        while self.over.take_exact(id, ()).is_some() {}
    }

    /// Keeps an answer to nothing that waits; says how many are given up for it.
    pub(super) fn keep_early(&mut self, id: TypedId, reply: AnswerMessage, moment: Moment) -> u64 {
        self.early_bytes += reply.len_bytes();
        self.early.add(id, moment.at, (reply, moment));
        let mut given_up = 0;
        while (self.early.len() > MAX_REMEMBERED || self.early_bytes > MAX_EARLY_BYTES)
            && let Some((oldest, _)) = self.early.take_oldest()
        {
            // The oldest goes: the request of a newer one is more likely still to come.
            self.early_bytes -= oldest.len_bytes();
            given_up += 1;
        }
        given_up
    }

    /// Takes the answer to a request that was read before its request, where there is one.
    pub(super) fn take_early(
        &mut self,
        id: &TypedId,
        asked: Moment,
    ) -> Option<(AnswerMessage, Moment)> {
        // Not one from before the request: that answered an earlier one with this id.
        let found = self.early.take_exact(id, asked.at);
        let (reply, moment) = found.or_else(|| self.early.take_loose(id.loose(), asked.at))?;
        self.early_bytes -= reply.len_bytes();
        Some((reply, moment))
    }

    /// Gives up the answers to nothing; says how many they were.
    pub(super) fn drop_early(&mut self) -> u64 {
        self.early_bytes = 0;
        self.early.clear()
    }
}

/// Ids repeat between the directions, so that what the server asked is marked.
pub(super) fn shown_id(direction: Direction, id: RequestId) -> RequestId {
    match direction {
        Direction::ToServer => id,
        Direction::ToClient => RequestId::from_text(&format!("server:{id}")),
    }
}
