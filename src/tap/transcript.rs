//! Copies into deliveries: lines, messages, rows, and the count of all that is none. Pure.

use super::copies::{Copy, Loss};
use super::frames::{Frame, Frames};
use super::pairing::{Moment, Pairing, Tally};
use super::{Direction, MAX_FRAME_BYTES};
use crate::ingest::Delivery;
use crate::model::{BadLine, Counts, Event, Gap, Text};
use crate::wire::{Messages, messages};

/// What passed in a session, as far as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Lines of every sort.
    pub counts: Counts,
    /// Requests that led to a row.
    pub requests: u64,
    /// Messages whose copy was cut.
    pub cut: u64,
    /// What led to no row.
    pub tally: Tally,
}

/// Reads a session.
#[derive(Debug)]
pub struct Transcript {
    source: Text,
    frames: [Frames; 2],
    pairing: Pairing,
    delivery: Delivery,
    account: Account,
}

impl Transcript {
    /// A session of a server known by this name.
    #[must_use]
    pub fn new(proxy: &str, session_id: &str) -> Self {
        let source = compact_str::format_compact!("tap {proxy}");
        Self {
            frames: Default::default(),
            pairing: Pairing::new(proxy.into(), session_id.into()),
            delivery: Delivery::new(source.clone()),
            account: Account::default(),
            source,
        }
    }

    /// Begins the session.
    pub fn begin(&mut self, moment: Moment) {
        self.pairing.begin(moment, &mut self.delivery.events);
    }

    /// Reads what passed.
    pub fn read(&mut self, copy: &Copy) {
        if let Some(loss) = copy.loss {
            self.lose(copy.direction, loss);
        }
        self.delivery.bytes += copy.bytes.len();
        let mut frames = std::mem::take(&mut self.frames[copy.direction as usize]);
        frames.feed(&copy.bytes, &mut |frame| {
            self.line(copy.direction, frame, copy.moment);
        });
        self.frames[copy.direction as usize] = frames;
    }

    /// Ends the session.
    pub fn end(&mut self, moment: Moment) {
        for direction in Direction::ALL {
            let mut frames = std::mem::take(&mut self.frames[direction as usize]);
            frames.end(&mut |frame| self.line(direction, frame, moment));
        }
        self.pairing.end(moment, &mut self.delivery.events);
        let doubtful = self.pairing.tally().doubtful;
        if doubtful > 0 {
            self.gap(doubtful, (moment.ts, moment.ts));
        }
    }

    /// How many events wait to be handed over.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.delivery.events.len()
    }

    /// Hands over what was read since the last time.
    pub fn take(&mut self) -> Delivery {
        let delivery = std::mem::replace(&mut self.delivery, Delivery::new(self.source.clone()));
        self.account.counts.add(&delivery.progress.counts);
        let is_request = |event: &&Event| matches!(event, Event::Request(_));
        self.account.requests += delivery.events.iter().filter(is_request).count() as u64;
        delivery
    }

    /// What was handed over so far.
    #[must_use]
    pub fn account(&self) -> Account {
        Account {
            tally: self.pairing.tally(),
            ..self.account
        }
    }

    fn lose(&mut self, direction: Direction, loss: Loss) {
        self.frames[direction as usize].lose(loss.bytes, loss.last);
        self.pairing.lost();
        self.gap(loss.lines, (loss.from_ts, loss.to_ts));
    }

    fn gap(&mut self, count: u64, (from_ts, to_ts): (i64, i64)) {
        self.delivery.progress.counts.dropped += count;
        self.delivery.events.push(Event::Gap(Gap {
            source: self.source.clone(),
            count,
            from_ts,
            to_ts,
        }));
    }

    fn line(&mut self, direction: Direction, frame: Frame<'_>, moment: Moment) {
        self.delivery.progress.counts.lines += 1;
        if frame.is_cut {
            self.account.cut += 1;
            let limit = MAX_FRAME_BYTES >> 20;
            let reason = format!(
                "a message of {} bytes {}: only an outline of what is over {limit} MiB is read",
                frame.len,
                way(direction),
            );
            self.keep_aside(frame, reason, moment);
        }
        let counts = &mut self.delivery.progress.counts;
        match messages(frame.bytes) {
            Messages::Text => counts.text += 1,
            Messages::Unknown => counts.unknown += 1,
            Messages::Bad(_) if frame.is_cut => counts.bad += 1,
            Messages::Bad(reason) => {
                counts.bad += 1;
                self.keep_aside(frame, format!("{} {reason}", way(direction)), moment);
            }
            Messages::Known(messages) => {
                counts.events += messages.len() as u64;
                for mut message in messages {
                    if frame.is_cut {
                        message.set_bytes(frame.len);
                    }
                    let events = &mut self.delivery.events;
                    self.pairing.message(direction, message, moment, events);
                }
            }
        }
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
