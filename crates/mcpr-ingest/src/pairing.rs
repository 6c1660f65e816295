//! Requests and their answers brought together, each direction for itself. Pure: what passed and
//! when comes in, events come out.

mod by_id;
mod calls;
#[cfg(feature = "tap-http")]
mod exchange;
mod flight;
mod moment;
mod rows;
mod streams;
mod tally;

pub use calls::{LogReading, WaitTime};
pub(crate) use flight::ANNOUNCE_AFTER;
pub use moment::Moment;
pub use tally::{PairingTally, UnresolvedRequests};

use calls::{Calls, FoundRequest, WaitingRequest, unanswered};
use mcpr_model::{
    ErrorKind, Event, EventKey, Outcome, SessionState, SessionUpdate, SourceFormat, SurfaceContent,
    SurfaceUpdate, Text, steps,
};
use mcpr_wire::{AnswerMessage, Direction, Message, NotificationMessage, RequestMessage, TypedId};
use rows::payload;

/// Most requests of a direction that wait for an answer; the oldest counts as hung beyond that.
const MAX_WAITING: usize = 16_384;

/// Who a client says it is: its name and version.
pub(crate) type ClientIdentity = (Text, Option<Text>);

/// All that is open in a session.
#[derive(Debug)]
pub struct Pairing {
    proxy: Text,
    /// The format that its messages came in.
    format: Option<SourceFormat>,
    /// `None` in a log, which goes on from connection to connection.
    session_id: Option<Text>,
    /// Who the last connection in a log came from.
    client: Option<ClientIdentity>,
    /// What began that connection.
    connected_by: Option<EventKey>,
    reading: Option<LogReading>,
    /// Whether no answer is ever read before its request.
    is_ordered: bool,
    /// Whether the session is that of a connection: its protocol may know none.
    is_connection: bool,
    streams: Vec<WaitingRequest>,
    from_client: Calls,
    from_server: Calls,
    next_ordinal: u64,
    tally: PairingTally,
    doubtful: Option<UnresolvedRequests>,
}

impl Pairing {
    /// A session that begins with nothing open: a connection, which is one to each request of a protocol that knows
    /// sessions.
    #[must_use]
    pub fn new(proxy: Text, session_id: Text) -> Self {
        Self {
            session_id: Some(session_id),
            is_connection: true,
            format: Some(SourceFormat::JsonRpc),
            ..Self::of_log(proxy)
        }
    }

    /// A server's log with nothing open: it says of no session where it begins and ends, other than
    /// by an `initialize`.
    #[must_use]
    pub fn of_log(proxy: Text) -> Self {
        Self {
            proxy,
            format: None,
            session_id: None,
            client: None,
            connected_by: None,
            reading: None,
            is_ordered: false,
            is_connection: false,
            streams: Vec::new(),
            from_client: Calls::default(),
            from_server: Calls::default(),
            next_ordinal: 0,
            tally: PairingTally::default(),
            doubtful: None,
        }
    }

    /// Gives what follows another proxy's name.
    #[cfg(feature = "tap")]
    pub(crate) fn rename(&mut self, proxy: Text) {
        self.proxy = proxy;
    }

    /// What led to no row so far.
    #[must_use]
    pub fn tally(&self) -> PairingTally {
        self.tally
    }

    /// Says that the session has begun, and in which conversation of the client where that is known.
    pub fn begin(&self, conversation: Option<&Text>, moment: Moment, events: &mut Vec<Event>) {
        let mut update = self.update(SessionState::Active, moment.ts);
        update.started_at = Some(moment.ts);
        update.conversation = conversation.cloned();
        events.push(Event::Session(update));
    }

    /// The number of the request that has waited longest, if one does, and the number that the next
    /// request will have.
    #[must_use]
    pub fn waiting(&self) -> (Option<u64>, u64) {
        steps::look();
        let oldest = [&self.from_client, &self.from_server]
            .iter()
            .filter_map(|calls| calls.by_age.keys().next().copied())
            .min();
        (oldest, self.next_ordinal)
    }

    /// Bytes that the texts of what waits take.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.from_client.text_bytes + self.from_server.text_bytes
    }

    /// Says when the messages that follow were read, and in which format they come.
    pub fn read(&mut self, reading: LogReading, format: Option<SourceFormat>) {
        self.format = format.or(self.format);
        self.reading = Some(reading);
    }

    /// Gives up what has waited too long, as `is_over` says of each; says how many those were.
    pub fn give_up_where(
        &mut self,
        is_over: &dyn Fn(WaitTime) -> bool,
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> usize {
        let mut count = 0;
        for direction in Direction::ALL {
            let calls = self.calls(direction);
            // Ids are collected first, for giving one up changes the index that is walked.
            let ids = calls
                .by_age
                .values()
                .filter(|id| calls.is_over(id, is_over));
            let ids = ids.cloned().collect::<Vec<_>>();
            count += self.give_up_all(direction, &ids, moment, events);
        }
        count
    }

    /// The same, where one that was asked later is never over before one that was asked earlier: what is
    /// not over ends the look.
    pub fn give_up_oldest_where(
        &mut self,
        is_over: &dyn Fn(WaitTime) -> bool,
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> usize {
        let mut count = 0;
        for direction in Direction::ALL {
            let calls = self.calls(direction);
            let ids = calls.by_age.values();
            let ids = ids.take_while(|id| calls.is_over(id, is_over));
            let ids = ids.cloned().collect::<Vec<_>>();
            count += self.give_up_all(direction, &ids, moment, events);
        }
        count
    }

    fn give_up_all(
        &mut self,
        direction: Direction,
        ids: &[TypedId],
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> usize {
        for id in ids {
            self.give_up(
                direction,
                id,
                &unanswered(ErrorKind::Timeout),
                moment,
                events,
            );
        }
        ids.len()
    }

    /// Takes a message that passed in a direction.
    pub fn message(
        &mut self,
        direction: Direction,
        message: Message,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        match message {
            Message::Request(asked) if asked.opens_stream() => {
                self.open_stream(asked, moment, events);
            }
            Message::Request(asked) => self.asked(direction, asked, moment, events),
            Message::Notification(notice) => self.notice(direction, &notice, moment, events),
            Message::Answer(reply) => self.reply(direction.back(), reply, moment, events),
        }
    }

    /// Says that bytes of a direction were lost: what waits may have been answered in them.
    pub fn lost(&mut self) {
        for direction in Direction::ALL {
            self.doubt(direction, None);
        }
    }

    /// Says that a message which passed in a direction could not be read: it may have answered any
    /// request that waits, or the one that it names.
    pub fn doubt(&mut self, direction: Direction, id: Option<&TypedId>) {
        let next = self.next_ordinal;
        let calls = self.calls(direction.back());
        match id {
            // What is asked later cannot have been answered in what was lost before.
            None => calls.doubted_before = next,
            Some(id) => calls.doubt(id),
        }
    }

    /// The requests given up since this was last asked whose answer may be among what was lost.
    pub fn take_doubtful(&mut self) -> Option<UnresolvedRequests> {
        self.doubtful.take()
    }

    /// Ends the session: what still waits was never answered.
    pub fn end(&mut self, moment: Moment, events: &mut Vec<Event>) {
        self.close_streams(events);
        self.give_up_where(&|_| true, moment, events);
        for direction in Direction::ALL {
            self.tally.unasked += self.calls(direction).drop_early();
        }
        events.push(Event::Session(self.update(SessionState::Closed, moment.ts)));
    }

    fn calls(&mut self, direction: Direction) -> &mut Calls {
        match direction {
            Direction::ToServer => &mut self.from_client,
            Direction::ToClient => &mut self.from_server,
        }
    }

    fn asked(
        &mut self,
        direction: Direction,
        asked: RequestMessage,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        // A log goes on from one process of the server to the next without saying so.
        if asked.method == "initialize" && self.session_id.is_none() {
            self.connect(direction, &asked, moment, events);
        } else if asked.client_name.is_some() && asked.method == "initialize" {
            let mut update = self.update(SessionState::Active, moment.ts);
            update.client_name.clone_from(&asked.client_name);
            update.client_version.clone_from(&asked.client_version);
            events.push(Event::Session(update));
        }
        // A line of a log that comes again, while the one before still waits, is that one.
        let is_same = |it: &WaitingRequest| asked.key.is_some() && it.asked.key == asked.key;
        let waiting = &self.calls(direction).waiting;
        if waiting.get(&asked.id).is_some_and(is_same) {
            return;
        }
        // An id that is asked again while it waits was given up by whoever asks.
        let id = asked.id.clone();
        let timeout = unanswered(ErrorKind::Timeout);
        self.give_up(direction, &id, &timeout, moment, events);
        let (ordinal, reading) = (self.next_ordinal, self.reading);
        self.next_ordinal += 1;
        let calls = self.calls(direction);
        // An answer that comes now is for the new request, not late for the old one.
        calls.forget_over(&id);
        let waiting = WaitingRequest {
            asked,
            moment,
            reading,
            ordinal,
            is_doubtful: false,
            is_announced: false,
        };
        // The two directions are copied by threads of their own: an answer may be read first.
        if let Some((reply, answered)) = calls.take_early(&id, moment) {
            return self.answered(direction, waiting, &reply, answered, events);
        }
        calls.wait(id, waiting);
        // A server that answers nothing must not cost more memory with every request.
        if calls.waiting.len() > MAX_WAITING
            && let Some(oldest) = calls.by_age.values().next().cloned()
        {
            self.give_up(direction, &oldest, &timeout, moment, events);
        }
    }

    /// Begins another connection in a log: what waits belongs to one that is over.
    fn connect(
        &mut self,
        direction: Direction,
        asked: &RequestMessage,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        let is_known = asked.key.is_some() && asked.key == self.connected_by;
        // No server sends an `initialize`, and a line that is read twice begins no second connection.
        if direction == Direction::ToClient || is_known {
            return;
        }
        self.give_up_where(&|_| true, moment, events);
        self.connected_by = asked.key;
        let name = asked.client_name.clone();
        self.client = name.map(|name| (name, asked.client_version.clone()));
    }

    fn notice(
        &mut self,
        direction: Direction,
        notice: &NotificationMessage,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        self.tally.notifications += 1;
        self.tally.progress += u64::from(notice.method == "notifications/progress");
        if direction == Direction::ToClient
            // The client has lists of its own, roots, which are not part of the surface.
            && let Some(list) = SurfaceUpdate::announced_by(&notice.method)
        {
            let update = self.surface_update(list.into(), moment.ts, SurfaceContent::ListChanged);
            events.push(Event::Surface(Box::new(update)));
        }
        // Only whoever asked can cancel.
        let cancelled = notice.cancels.as_ref();
        if let Some(id) = cancelled.filter(|_| direction == Direction::ToServer) {
            self.close_stream(id, events);
        }
        if let Some(id) = cancelled.and_then(|id| self.calls(direction).meant_by(id)) {
            let cancelled = unanswered(ErrorKind::Cancelled);
            self.give_up(direction, &id, &cancelled, moment, events);
        }
    }

    fn reply(
        &mut self,
        direction: Direction,
        reply: AnswerMessage,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        let Some(id) = reply.id.clone() else {
            self.tally.unasked += 1;
            return;
        };
        if direction == Direction::ToServer && self.close_stream(&id, events) {
            return;
        }
        match self.calls(direction).answered(&id) {
            FoundRequest::Exact(waiting) => {
                self.answered(direction, *waiting, &reply, moment, events);
            }
            // The client took it as the answer, so that the row must not say it hung.
            FoundRequest::Loose(waiting) => {
                self.tally.retyped += 1;
                let first = events.len();
                self.answered(direction, *waiting, &reply, moment, events);
                for event in &mut events[first..] {
                    if let Event::Request(row) = event {
                        row.outcome.retyped = true;
                    }
                }
            }
            FoundRequest::Over => self.tally.late += 1,
            // A server that repeats what it stated must not fill the memory of its recorder.
            FoundRequest::Nothing if self.is_ordered => self.tally.unasked += 1,
            FoundRequest::Nothing => {
                let given_up = self.calls(direction).keep_early(id, reply, moment);
                self.tally.unasked += given_up;
            }
        }
    }

    /// Ends a request that was not answered, if it waits.
    fn give_up(
        &mut self,
        direction: Direction,
        id: &TypedId,
        why: &Outcome,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        let calls = self.calls(direction);
        let Some(waiting) = calls.take(id) else {
            return;
        };
        // Its answer may still come, and must then be found late rather than unasked.
        calls.set_over(id.clone());
        let is_doubtful = waiting.is_doubtful || waiting.ordinal < calls.doubted_before;
        // Calling it hung would be a guess; it is counted and leads to a gap.
        if is_doubtful && why.error_kind != Some(ErrorKind::Cancelled) {
            self.tally.doubtful += 1;
            let ts = waiting.moment.ts;
            let doubtful = self.doubtful.get_or_insert(UnresolvedRequests::at(ts));
            doubtful.add(ts);
            if waiting.is_announced {
                // No row will take it out of what is in flight.
                let key = self.key_of(&waiting);
                events.push(Event::Withdrawn(key.hash));
            }
            return;
        }
        let mut waiting = waiting;
        let params = waiting.asked.params.take();
        let mut row = self.row(direction, waiting, moment);
        row.outcome = why.clone();
        row.payload = payload(params, None);
        events.push(Event::Request(row));
    }

    fn answered(
        &self,
        direction: Direction,
        mut waiting: WaitingRequest,
        reply: &AnswerMessage,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        let asked = waiting.asked.surface.take();
        let params = waiting.asked.params.take();
        let content = asked.and_then(|asked| reply.surface(&asked));
        let mut row = self.row(direction, waiting, moment);
        // What was reported in words has no length.
        row.bytes_out = row.bytes_in.and(Some(reply.bytes));
        row.outcome = reply.outcome(&row.method);
        let follows = row.part.as_deref().and_then(|part| part.follows);
        row.part = reply.part(&row.method, row.target.as_ref(), follows);
        // The surface is the server's: what a server asks its client for is not part of it.
        let content = content.filter(|_| direction == Direction::ToServer);
        row.surface = content.map(|content| {
            Box::new(SurfaceUpdate {
                client_name: row.client_name.clone(),
                ..self.surface_update(row.method.clone(), row.ts, content)
            })
        });
        row.payload = payload(params, reply.answer.clone());
        events.push(Event::Request(row));
    }

    /// What is reported about the server's surface.
    fn surface_update(&self, method: Text, ts: i64, content: SurfaceContent) -> SurfaceUpdate {
        SurfaceUpdate {
            proxy: self.proxy.clone(),
            method,
            ts,
            session_id: self.session_id.clone(),
            client_name: None,
            content,
        }
    }

    fn update(&self, state: SessionState, ts: i64) -> SessionUpdate {
        SessionUpdate {
            session_id: self.session_id.clone().unwrap_or_default(),
            proxy: Some(self.proxy.clone()),
            ts,
            started_at: None,
            last_seen_at: None,
            state,
            client_name: None,
            client_version: None,
            conversation: None,
        }
    }
}

#[cfg(test)]
mod tests;
