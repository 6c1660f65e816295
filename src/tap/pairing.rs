//! Requests and their answers brought together, each direction for itself. Pure: what passed and
//! when comes in, events come out.

use super::Direction;
use crate::ingest::unix_ms;
use crate::model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, Said, SessionState,
    SessionUpdate, SurfaceNews, Text,
};
use crate::wire::{Asked, Message, Notice, Reply, TypedId};
use std::collections::{BTreeMap, HashMap, VecDeque};
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

/// A request that waits for its answer.
#[derive(Debug)]
struct Waiting {
    asked: Asked,
    moment: Moment,
    ordinal: u64,
    is_doubtful: bool,
}

/// The requests of one direction.
#[derive(Debug, Default)]
struct Calls {
    waiting: HashMap<TypedId, Waiting>,
    /// The waiting ones by age.
    by_age: BTreeMap<u64, TypedId>,
    /// Answers whose copy came before that of their request: the directions are read side by side.
    early: VecDeque<(Reply, Moment)>,
    /// Cancelled and given up: an answer may still come.
    over: VecDeque<TypedId>,
}

/// All that is open in a session.
#[derive(Debug)]
pub struct Pairing {
    proxy: Text,
    session_id: Text,
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
            proxy,
            session_id,
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

    /// Says that the session has begun.
    pub fn begin(&self, moment: Moment, events: &mut Vec<Event>) {
        let mut update = self.update(SessionState::Active, moment.ts);
        update.started_at = Some(moment.ts);
        events.push(Event::Session(update));
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
        for direction in Direction::ALL {
            let calls = self.calls(direction);
            let ids: Vec<TypedId> = calls.by_age.values().cloned().collect();
            for id in ids {
                self.give_up(direction, &id, (ErrorKind::Timeout, moment), events);
            }
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
        if asked.client_name.is_some() && asked.method == "initialize" {
            let mut update = self.update(SessionState::Active, moment.ts);
            update.client_name.clone_from(&asked.client_name);
            update.client_version.clone_from(&asked.client_version);
            events.push(Event::Session(update));
        }
        // An id that is asked again while it waits was given up by whoever asks.
        let id = asked.id.clone();
        self.give_up(direction, &id, (ErrorKind::Timeout, moment), events);
        let ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        let calls = self.calls(direction);
        calls.over.retain(|over| *over != id);
        let waiting = Waiting {
            asked,
            moment,
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
        calls.by_age.insert(ordinal, id.clone());
        calls.waiting.insert(id, waiting);
        if calls.waiting.len() > MAX_WAITING
            && let Some(oldest) = calls.by_age.values().next().cloned()
        {
            self.give_up(direction, &oldest, (ErrorKind::Timeout, moment), events);
        }
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
        let mut row = self.row(direction, waiting, moment);
        row.outcome.error_kind = Some(why);
        events.push(Event::Request(row));
    }

    fn answered(
        &self,
        direction: Direction,
        mut waiting: Waiting,
        (reply, moment): (&Reply, Moment),
        events: &mut Vec<Event>,
    ) {
        let asked = waiting.asked.surface.take();
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
        events.extend(news.map(|news| Event::Surface(Box::new(news))));
    }

    /// What is said of the server's surface.
    fn news(&self, method: Text, ts: i64, said: Said) -> SurfaceNews {
        SurfaceNews {
            proxy: self.proxy.clone(),
            method,
            ts,
            session_id: Some(self.session_id.clone()),
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
        let latency = until.at.saturating_duration_since(moment.at);
        Request {
            key: EventKey::of_id(&format!("{} {ordinal}", self.session_id)),
            request_id: Some(shown_id(direction, asked.request_id)),
            ts: moment.ts,
            proxy: self.proxy.clone(),
            kind: Kind::Mcp,
            session_id: Some(self.session_id.clone()),
            client_name: asked.client_name,
            client_version: asked.client_version,
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
            session_id: self.session_id.clone(),
            proxy: Some(self.proxy.clone()),
            ts,
            started_at: None,
            last_seen_at: None,
            state,
            client_name: None,
            client_version: None,
        }
    }
}

impl Calls {
    fn take(&mut self, id: &TypedId) -> Option<Waiting> {
        let waiting = self.waiting.remove(id)?;
        self.by_age.remove(&waiting.ordinal);
        Some(waiting)
    }
}

/// Ids repeat between the directions, so that what the server asked is marked.
fn shown_id(direction: Direction, id: RequestId) -> RequestId {
    match direction {
        Direction::ToServer => id,
        Direction::ToClient => RequestId::from_text(&format!("server:{id}")),
    }
}
