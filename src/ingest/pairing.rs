//! Requests and their answers brought together, each direction for itself. Pure: what passed and
//! when comes in, events come out.

mod calls;

pub use calls::{Reading, Waited};

use super::unix_ms;
use crate::model::{
    Body, ErrorKind, Event, EventKey, Kind, Outcome, Payload, Request, RequestId, Said,
    SessionState, SessionUpdate, SurfaceNews, Text,
};
use crate::wire::{Asked, Direction, Message, Notice, Reply, TypedId};
use calls::{Calls, Waiting};
use std::time::{Instant, SystemTime};

/// Most requests of a direction that wait for an answer; the oldest counts as hung beyond that.
const MAX_WAITING: usize = 16_384;
/// Answers kept of which no request was seen (yet), and ids that are over, in a direction.
const MAX_REMEMBERED: usize = 1024;

/// When something passed.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the clock that never jumps: latencies are taken from it.
    pub at: Instant,
    /// By the wall clock, in unix milliseconds.
    pub ts: i64,
}

impl Moment {
    /// The present.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            ts: unix_ms(SystemTime::now()),
        }
    }
}

/// What passed and leads to no row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Notifications, progress among them.
    pub notifications: u64,
    /// Notifications of progress.
    pub progress: u64,
    /// Answers that came after their request was cancelled or given up.
    pub late: u64,
    /// Answers to nothing that was asked.
    pub unasked: u64,
    /// Requests whose answer may be among what was lost: they lead to no row.
    pub doubtful: u64,
}

/// All that is open in a session.
#[derive(Debug)]
pub struct Pairing {
    proxy: Text,
    /// `None` in a log, which goes on from connection to connection.
    session_id: Option<Text>,
    /// Who the last connection in a log came from.
    client: Option<(Text, Option<Text>)>,
    /// What began that connection.
    connected_by: Option<EventKey>,
    reading: Option<Reading>,
    from_client: Calls,
    from_server: Calls,
    next_ordinal: u64,
    tally: Tally,
}

impl Pairing {
    /// A session that begins with nothing open.
    #[must_use]
    pub fn new(proxy: Text, session_id: Text) -> Self {
        Self {
            session_id: Some(session_id),
            ..Self::of_log(proxy)
        }
    }

    /// A server's log with nothing open: it says of no session where it begins and ends, other than
    /// by an `initialize`.
    #[must_use]
    pub fn of_log(proxy: Text) -> Self {
        Self {
            proxy,
            session_id: None,
            client: None,
            connected_by: None,
            reading: None,
            from_client: Calls::default(),
            from_server: Calls::default(),
            next_ordinal: 0,
            tally: Tally::default(),
        }
    }

    /// What led to no row so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
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
        let oldest = [&self.from_client, &self.from_server]
            .iter()
            .filter_map(|calls| calls.by_age.keys().next().copied())
            .min();
        (oldest, self.next_ordinal)
    }

    /// Says when the messages that follow were read.
    pub fn read(&mut self, reading: Reading) {
        self.reading = Some(reading);
    }

    /// Gives up what has waited too long, as `is_over` says of each; says how many those were.
    pub fn give_up_where(
        &mut self,
        is_over: &dyn Fn(Waited) -> bool,
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> usize {
        let mut count = 0;
        for direction in Direction::ALL {
            let calls = self.calls(direction);
            let is_over = |id: &&TypedId| {
                let waiting = calls.waiting.get(*id);
                waiting.is_some_and(|it| {
                    let (ts, reading) = (it.moment.ts, it.reading);
                    is_over(Waited { ts, reading })
                })
            };
            let ids: Vec<TypedId> = calls.by_age.values().filter(is_over).cloned().collect();
            count += ids.len();
            for id in ids {
                self.give_up(direction, &id, (ErrorKind::Timeout, moment), events);
            }
        }
        count
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
            Message::Asked(asked) => self.asked(direction, asked, moment, events),
            Message::Notice(notice) => self.notice(direction, &notice, moment, events),
            Message::Reply(reply) => self.reply(direction.back(), reply, moment, events),
        }
    }

    /// Says that bytes of a direction were lost: what waits may have been answered in them.
    pub fn lost(&mut self) {
        for calls in [&mut self.from_client, &mut self.from_server] {
            for waiting in calls.waiting.values_mut() {
                waiting.is_doubtful = true;
            }
        }
    }

    /// Ends the session: what still waits was never answered.
    pub fn end(&mut self, moment: Moment, events: &mut Vec<Event>) {
        self.give_up_where(&|_| true, moment, events);
        for direction in Direction::ALL {
            let early = std::mem::take(&mut self.calls(direction).early);
            self.tally.unasked += early.len() as u64;
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
        asked: Asked,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        // A line of a log that comes again, while the one before still waits, is that one.
        let is_same = |it: &Waiting| asked.key.is_some() && it.asked.key == asked.key;
        let waiting = &self.calls(direction).waiting;
        if waiting.get(&asked.id).is_some_and(is_same) {
            return;
        }
        if asked.method == "initialize" && self.session_id.is_none() {
            self.connect(direction, &asked, moment, events);
        } else if asked.client_name.is_some() && asked.method == "initialize" {
            let mut update = self.update(SessionState::Active, moment.ts);
            update.client_name.clone_from(&asked.client_name);
            update.client_version.clone_from(&asked.client_version);
            events.push(Event::Session(update));
        }
        // An id that is asked again while it waits was given up by whoever asks.
        let id = asked.id.clone();
        self.give_up(direction, &id, (ErrorKind::Timeout, moment), events);
        let (ordinal, reading) = (self.next_ordinal, self.reading);
        self.next_ordinal += 1;
        let calls = self.calls(direction);
        calls.over.retain(|over| *over != id);
        let waiting = Waiting {
            asked,
            moment,
            reading,
            ordinal,
            is_doubtful: false,
        };
        let answers =
            |(reply, at): &(Reply, Moment)| reply.id.as_ref() == Some(&id) && at.at >= moment.at;
        if let Some(found) = calls.early.iter().position(answers)
            && let Some((reply, answered)) = calls.early.remove(found)
        {
            return self.answered(direction, waiting, (&reply, answered), events);
        }
        calls.wait(id, waiting);
        if calls.waiting.len() > MAX_WAITING
            && let Some(oldest) = calls.by_age.values().next().cloned()
        {
            self.give_up(direction, &oldest, (ErrorKind::Timeout, moment), events);
        }
    }

    /// Begins another connection in a log: what waits belongs to one that is over.
    fn connect(
        &mut self,
        direction: Direction,
        asked: &Asked,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        let is_known = asked.key.is_some() && asked.key == self.connected_by;
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
        notice: &Notice,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        self.tally.notifications += 1;
        self.tally.progress += u64::from(notice.method == "notifications/progress");
        if direction == Direction::ToClient
            && let Some(list) = SurfaceNews::announced_by(&notice.method)
        {
            let news = self.news(list.into(), moment.ts, Said::ListChanged);
            events.push(Event::Surface(Box::new(news)));
        }
        // Only whoever asked can cancel.
        if let Some(id) = &notice.cancels {
            self.give_up(direction, id, (ErrorKind::Cancelled, moment), events);
        }
    }

    fn reply(
        &mut self,
        direction: Direction,
        reply: Reply,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        let Some(id) = reply.id.clone() else {
            self.tally.unasked += 1;
            return;
        };
        let calls = self.calls(direction);
        if let Some(waiting) = calls.take(&id) {
            return self.answered(direction, waiting, (&reply, moment), events);
        }
        if let Some(at) = calls.over.iter().position(|over| *over == id) {
            calls.over.remove(at);
            self.tally.late += 1;
            return;
        }
        calls.early.push_back((reply, moment));
        if calls.early.len() > MAX_REMEMBERED {
            calls.early.pop_front();
            self.tally.unasked += 1;
        }
    }

    /// Ends a request that was not answered, if it waits.
    fn give_up(
        &mut self,
        direction: Direction,
        id: &TypedId,
        (why, moment): (ErrorKind, Moment),
        events: &mut Vec<Event>,
    ) {
        let calls = self.calls(direction);
        let Some(waiting) = calls.take(id) else {
            return;
        };
        calls.over.push_back(id.clone());
        if calls.over.len() > MAX_REMEMBERED {
            calls.over.pop_front();
        }
        if waiting.is_doubtful && why == ErrorKind::Timeout {
            self.tally.doubtful += 1;
            return;
        }
        let mut waiting = waiting;
        let params = waiting.asked.params.take();
        let mut row = self.row(direction, waiting, moment);
        row.outcome.error_kind = Some(why);
        events.push(Event::Request(row));
        events.extend(payload(params, None));
    }

    fn answered(
        &self,
        direction: Direction,
        mut waiting: Waiting,
        (reply, moment): (&Reply, Moment),
        events: &mut Vec<Event>,
    ) {
        let asked = waiting.asked.surface.take();
        let params = waiting.asked.params.take();
        let said = asked.and_then(|asked| reply.surface(&asked));
        let mut row = self.row(direction, waiting, moment);
        row.bytes_out = Some(reply.bytes);
        row.outcome = reply.outcome(&row.method);
        // The surface is the server's: what a server asks its client for is none of it.
        let news = said
            .filter(|_| direction == Direction::ToServer)
            .map(|said| SurfaceNews {
                client_name: row.client_name.clone(),
                of_request: true,
                ..self.news(row.method.clone(), row.ts, said)
            });
        events.push(Event::Request(row));
        events.extend(payload(params, reply.answer.clone()));
        events.extend(news.map(|news| Event::Surface(Box::new(news))));
    }

    /// What is said of the server's surface.
    fn news(&self, method: Text, ts: i64, said: Said) -> SurfaceNews {
        SurfaceNews {
            proxy: self.proxy.clone(),
            method,
            ts,
            session_id: self.session_id.clone(),
            client_name: None,
            said,
            of_request: false,
        }
    }

    fn row(&self, direction: Direction, waiting: Waiting, until: Moment) -> Request {
        let Waiting {
            asked,
            moment,
            ordinal,
            ..
        } = waiting;
        let from_client = self
            .client
            .clone()
            .filter(|_| direction == Direction::ToServer);
        let (client_name, client_version) = match (asked.client_name, from_client) {
            (None, Some((name, version))) => (Some(name), version),
            (said, _) => (said, asked.client_version),
        };
        let session_id = self.session_id.as_deref().unwrap_or_default();
        let latency = until.at.saturating_duration_since(moment.at);
        Request {
            key: asked
                .key
                .unwrap_or_else(|| EventKey::of_id(&format!("{session_id} {ordinal}"))),
            request_id: Some(shown_id(direction, asked.request_id)),
            ts: moment.ts,
            proxy: self.proxy.clone(),
            kind: Kind::Mcp,
            session_id: self.session_id.clone(),
            client_name,
            client_version,
            method: asked.method,
            target: asked.target,
            latency_us: i64::try_from(latency.as_micros()).unwrap_or(i64::MAX),
            upstream_us: None,
            bytes_in: Some(asked.bytes),
            bytes_out: None,
            outcome: Outcome::default(),
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

fn payload(params: Option<Body>, answer: Option<Body>) -> Option<Event> {
    (params.is_some() || answer.is_some())
        .then(|| Event::Payload(Box::new(Payload { params, answer })))
}

/// Ids repeat between the directions, so that what the server asked is marked.
fn shown_id(direction: Direction, id: RequestId) -> RequestId {
    match direction {
        Direction::ToServer => id,
        Direction::ToClient => RequestId::from_text(&format!("server:{id}")),
    }
}

#[cfg(test)]
mod tests;
