//! Copies into deliveries: lines, messages, rows, and the count of everything else. Pure.

use super::awaited_name::{AwaitedName, rename, usable};
use super::copies::{Copy, Loss};
use super::frames::{Frame, Frames};
use super::introduction::introduction;
use super::spread::{AddedLine, PartialMessage};
use super::tail::Tail;
use super::{Direction, MAX_FRAME_BYTES, Moment, Pairing, PairingTally, ServerEnd};
use crate::{ANNOUNCE_AFTER, Delivery};
use mcpr_model::{BadLine, Counts, Event, Gap, ServerRun, Text};
use mcpr_wire::{Bodies, Message, Messages, messages};
use std::time::Instant;

/// Most characters kept of a conversation's name.
const MAX_CONVERSATION_CHARS: usize = 512;

/// The state of a session, as far as its messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TranscriptState {
    /// Lines of every sort.
    pub counts: Counts,
    /// Requests that led to a row.
    pub requests: u64,
    /// Messages whose copy was cut.
    pub cut: u64,
    /// What led to no row.
    pub tally: PairingTally,
}

/// Reads a session.
#[derive(Debug)]
pub struct Transcript {
    source: Text,
    frames: [Frames; 2],
    /// The lines of a message that is not whole yet.
    spread: [Option<PartialMessage>; 2],
    pairing: Pairing,
    bodies: Bodies,
    conversation: Option<Text>,
    delivery: Delivery,
    account: TranscriptState,
    /// What there was no time to read.
    skipped: [Option<Loss>; 2],
    /// How the server died, where it did.
    death: Option<Text>,
    /// What is to be reported about the server.
    statement: ServerRun,
    has_statement: bool,
    /// What it wrote beside messages.
    stray: Tail,
    stray_recorded: u64,
    /// Its name, where nobody gave it one.
    awaited: Option<AwaitedName>,
    /// The version that the client's requests stated last, where they do.
    protocol: Option<Text>,
    began: Option<Moment>,
}

impl Transcript {
    /// A session of a server known by this name.
    #[must_use]
    pub fn new(proxy: &str, session_id: &str) -> Self {
        let source = compact_str::format_compact!("tap {proxy}");
        Self {
            frames: Default::default(),
            spread: Default::default(),
            pairing: Pairing::new(proxy.into(), session_id.into()),
            bodies: Bodies::Left,
            conversation: None,
            delivery: Delivery::new(source.clone()),
            account: TranscriptState::default(),
            skipped: [None; 2],
            death: None,
            statement: ServerRun {
                proxy: proxy.into(),
                session_id: session_id.into(),
                ..ServerRun::default()
            },
            has_statement: false,
            stray: Tail::default(),
            stray_recorded: 0,
            awaited: None,
            protocol: None,
            began: None,
            source,
        }
    }

    /// The same session, with or without payloads.
    #[must_use]
    pub fn with_bodies(mut self, bodies: Bodies) -> Self {
        self.bodies = bodies;
        self
    }

    /// The same session under the name that the server gives itself, should it give one in time. Nothing is handed
    /// over until then.
    #[must_use]
    pub fn named_by_server(mut self) -> Self {
        self.awaited = Some(AwaitedName::new(Instant::now()));
        self
    }

    /// The same session in a conversation of its client, as the client names it, as far as
    /// its first characters go.
    #[must_use]
    pub fn with_conversation(mut self, given: Option<&str>) -> Self {
        let given = given.filter(|given| !given.is_empty());
        self.conversation = given.map(|given| given.chars().take(MAX_CONVERSATION_CHARS).collect());
        self
    }

    /// The same session, which began before anybody read it: so none of its messages stands before its beginning.
    #[must_use]
    pub fn begun_at(mut self, moment: Moment) -> Self {
        self.began = Some(moment);
        self
    }

    /// Begins the session.
    pub fn begin(&mut self, moment: Moment) {
        let moment = self.began.unwrap_or(moment);
        let events = &mut self.delivery.events;
        self.pairing
            .begin(self.conversation.as_ref(), moment, events);
    }

    /// Says something of the server.
    pub fn say(&mut self, say: impl FnOnce(&mut ServerRun)) {
        say(&mut self.statement);
        self.has_statement = true;
    }

    /// Reports what is in flight for longer than a moment.
    pub fn announce_open(&mut self, now: Instant) {
        if let Some(until) = now.checked_sub(ANNOUNCE_AFTER) {
            let events = &mut self.delivery.events;
            self.pairing.announce_open(until, false, events);
        }
    }

    /// When [`Transcript::announce_open`] will have something to report.
    #[must_use]
    pub fn next_open(&self) -> Option<Instant> {
        Some(self.pairing.first_unannounced()? + ANNOUNCE_AFTER)
    }

    /// Reads what passed.
    pub fn read(&mut self, copy: &Copy) {
        if let Some(loss) = copy.loss {
            self.lose(copy.direction, loss, copy.moment);
        }
        self.delivery.bytes += copy.bytes.len();
        // Taken out for the while, as what each line leads to needs all of the transcript.
        let mut frames = std::mem::take(&mut self.frames[copy.direction as usize]);
        frames.feed(&copy.bytes, &mut |frame| {
            self.line(copy.direction, frame, copy.moment);
        });
        self.frames[copy.direction as usize] = frames;
    }

    /// Leaves a copy unread, as those that follow it are: there is no time for them.
    pub fn skip(&mut self, copy: &Copy) {
        let skipped = &mut self.skipped[copy.direction as usize];
        *skipped = Some(Loss::with(*skipped, copy));
    }

    /// Says how the server ended, before the session is ended.
    pub fn server_ended(&mut self, end: ServerEnd) {
        if end.is_death {
            self.death = Some(end.exit.to_string().into());
        }
        let at = Moment::now().ts;
        self.say(|run| {
            run.end = Some((end.exit, at));
            run.is_death = end.is_death;
        });
    }

    /// Ends the session.
    pub fn end(&mut self, moment: Moment) {
        for direction in Direction::ALL {
            // It passed behind all that was read, and before the end of the last line.
            if let Some(loss) = self.skipped[direction as usize].take() {
                self.lose(direction, loss, moment);
            }
            let mut frames = std::mem::take(&mut self.frames[direction as usize]);
            frames.end(&mut |frame| self.line(direction, frame, moment));
            self.give_up_spread(direction, moment);
        }
        if let Some(how) = self.death.take() {
            // What it was asked and never answered, it did not merely take too long for.
            self.pairing.died(&how, moment, &mut self.delivery.events);
        }
        self.pairing.end(moment, &mut self.delivery.events);
        // Who has stated nothing by now says nothing any more, but what was read last may have its name.
        self.learn();
        let _ = self.awaits_name();
        self.awaited = None;
        // Their answers may have been among what was lost: they are reported as missing, not as never
        // answered.
        let doubtful = self.pairing.tally().doubtful;
        if doubtful > 0 {
            self.gap(doubtful, moment.ts, moment.ts);
        }
    }

    /// How many events wait to be handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.delivery.events.len()
    }

    /// Bytes of messages that are not whole yet.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        let frames = self.frames.iter().map(Frames::kept_bytes);
        let spread = self.spread.iter().flatten().map(PartialMessage::kept_bytes);
        frames.chain(spread).sum()
    }

    /// Hands over what was read since the last time.
    pub fn take(&mut self) -> Delivery {
        self.learn();
        if self.awaits_name() {
            return Delivery::new(self.source.clone());
        }
        if std::mem::take(&mut self.has_statement) {
            let (proxy, session_id) = (
                self.statement.proxy.clone(),
                self.statement.session_id.clone(),
            );
            let nothing = ServerRun {
                proxy,
                session_id,
                ..ServerRun::default()
            };
            let mut statement = std::mem::replace(&mut self.statement, nothing);
            statement.ts = Moment::now().ts;
            self.delivery
                .events
                .push(Event::Server(Box::new(statement)));
        }
        let delivery = std::mem::replace(&mut self.delivery, Delivery::new(self.source.clone()));
        self.account.counts.add(&delivery.progress.counts);
        let is_request = |event: &&Event| matches!(event, Event::Request(_));
        self.account.requests += delivery.events.iter().filter(is_request).count() as u64;
        delivery
    }

    /// What was handed over so far.
    #[must_use]
    pub fn account(&self) -> TranscriptState {
        TranscriptState {
            tally: self.pairing.tally(),
            ..self.account
        }
    }

    /// Takes from what was read how the server calls itself, and what it wrote beside messages.
    fn learn(&mut self) {
        let mut introductions = self.delivery.events.iter().filter_map(|event| match event {
            Event::Request(request) => introduction(&request.surface.as_deref()?.content),
            _ => None,
        });
        if let Some(introduction) = introductions.next_back() {
            // One of a protocol without sessions does not say which it is.
            if introduction.protocol.is_some() {
                self.statement.protocol = introduction.protocol;
            }
            self.statement.server_name = introduction.name;
            self.statement.server_version = introduction.version;
            self.has_statement = true;
        }
        if self.stray_recorded < self.stray.bytes() {
            self.stray_recorded = self.stray.bytes();
            self.statement.stray = Some(self.stray.kept(true));
            self.has_statement = true;
        }
    }

    /// Whether the server's name is awaited still; where it is known by now, all that was read has it.
    fn awaits_name(&mut self) -> bool {
        let Some(awaited) = &self.awaited else {
            return false;
        };
        match self.statement.server_name.as_deref().and_then(usable) {
            Some(name) => {
                for event in &mut self.delivery.events {
                    rename(event, &name);
                }
                self.pairing.rename(name.clone());
                self.statement.proxy = name;
            }
            None if awaited.is_over(&self.delivery.events, Instant::now()) => {}
            None => return true,
        }
        self.awaited = None;
        false
    }

    fn lose(&mut self, direction: Direction, loss: Loss, moment: Moment) {
        // What began before a hole cannot go on behind it.
        self.give_up_spread(direction, moment);
        let lines = self.frames[direction as usize].lose(&loss);
        // Any request that waits may have been answered in the hole.
        self.pairing.lost();
        // More of a line whose beginning was lost is no other line.
        if lines > 0 {
            self.gap(lines, loss.from_ts, loss.to_ts);
        }
    }

    fn gap(&mut self, count: u64, from_ts: i64, to_ts: i64) {
        self.delivery.progress.counts.dropped += count;
        self.delivery.events.push(Event::Gap(Gap {
            source: self.source.clone(),
            count,
            from_ts,
            to_ts,
            key: None,
        }));
    }

    fn line(&mut self, direction: Direction, frame: Frame<'_>, moment: Moment) {
        self.delivery.progress.counts.lines += 1;
        if frame.is_cut {
            self.account.cut += 1;
            // The row is made of an outline, so that the message's own beginning is kept beside it.
            let limit = MAX_FRAME_BYTES >> 20;
            let reason = format!(
                "a message of {} bytes {}: only an outline of what is over {limit} MiB is read",
                frame.len,
                way(direction),
            );
            self.keep_aside(frame, reason, moment);
        }
        let read = messages(frame.bytes, self.bodies);
        let is_message = matches!(read, Messages::Known(_));
        match self.spread[direction as usize].take() {
            // A whole message of its own line: what had begun before was not a message.
            Some(spread) if is_message => self.give_up(&spread, direction, moment),
            Some(spread) => return self.grow(spread, direction, frame, moment),
            None => {}
        }
        self.take_in(direction, frame, read, moment);
    }

    /// Takes what a line was read as.
    fn take_in(&mut self, direction: Direction, frame: Frame<'_>, read: Messages, moment: Moment) {
        let counts = &mut self.delivery.progress.counts;
        match read {
            Messages::Text => {
                counts.text += 1;
                if direction == Direction::ToClient {
                    self.stray.add(frame.bytes);
                    self.stray.add(b"\n");
                }
            }
            Messages::Unknown => counts.unknown += 1,
            // It is kept aside already.
            Messages::Bad(_) if frame.is_cut => counts.bad += 1,
            Messages::Bad(reason) => match PartialMessage::begin(&frame) {
                Some(spread) => self.spread[direction as usize] = Some(spread),
                None => self.bad(direction, frame, &reason, moment),
            },
            Messages::Known(messages) => {
                counts.events += messages.len() as u64;
                for mut message in messages {
                    if frame.is_cut {
                        message.was_cut(frame.len);
                    }
                    self.note_protocol(&message);
                    let events = &mut self.delivery.events;
                    self.pairing.message(direction, message, moment, events);
                }
            }
        }
    }

    /// Remembers the version of a protocol without sessions, which its requests say themselves.
    fn note_protocol(&mut self, message: &Message) {
        let Message::Request(asked) = message else {
            return;
        };
        let Some(stateless) = &asked.stateless else {
            return;
        };
        if self.protocol.as_ref() != Some(&stateless.protocol) {
            self.protocol = Some(stateless.protocol.clone());
            self.statement.protocol.clone_from(&self.protocol);
            self.has_statement = true;
        }
    }

    /// Adds a line to a message that is not whole yet.
    fn grow(
        &mut self,
        mut spread: PartialMessage,
        direction: Direction,
        frame: Frame<'_>,
        moment: Moment,
    ) {
        match spread.add(&frame) {
            AddedLine::Open => self.spread[direction as usize] = Some(spread),
            AddedLine::Broken => self.give_up(&spread, direction, moment),
            AddedLine::Whole => match messages(spread.frame().bytes, self.bodies) {
                // Brackets alone do not make a message: it has to decode.
                known @ Messages::Known(_) => {
                    self.take_in(direction, spread.frame(), known, moment);
                }
                _ => self.give_up(&spread, direction, moment),
            },
        }
    }

    fn give_up_spread(&mut self, direction: Direction, moment: Moment) {
        if let Some(spread) = self.spread[direction as usize].take() {
            self.give_up(&spread, direction, moment);
        }
    }

    /// Counts what did not become a message: its first line is a bad one, the others are text.
    fn give_up(&mut self, spread: &PartialMessage, direction: Direction, moment: Moment) {
        self.delivery.progress.counts.text += spread.lines() - 1;
        let reason = match messages(spread.first_line(), self.bodies) {
            Messages::Bad(reason) => reason,
            _ => "it is not a message".to_owned(),
        };
        self.bad(direction, spread.frame(), &reason, moment);
    }

    fn bad(&mut self, direction: Direction, frame: Frame<'_>, reason: &str, moment: Moment) {
        self.delivery.progress.counts.bad += 1;
        self.keep_aside(frame, format!("{} {reason}", way(direction)), moment);
    }

    /// Keeps the beginning of a line that is not read as it stands.
    fn keep_aside(&mut self, frame: Frame<'_>, reason: String, moment: Moment) {
        let head = frame.bytes.len().min(BadLine::MAX_EXCERPT_BYTES);
        self.delivery.events.push(Event::BadLine(BadLine {
            source: self.source.clone(),
            offset: frame.offset,
            reason,
            excerpt: frame.bytes[..head].to_vec(),
            ts: moment.ts,
        }));
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::ToServer => "to the server",
        Direction::ToClient => "to the client",
    }
}

#[cfg(test)]
mod tests;
