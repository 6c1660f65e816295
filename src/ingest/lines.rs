//! Lines into deliveries: decoding, filtering by method, counting, keeping what is bad.

use super::Delivery;
use super::hostlogs::HostLogs;
use crate::model::{BadLine, Checkpoint, Event, Text};
use crate::query::Pattern;
use crate::wire::{Bodies, Decoded, LineContext, decode_line};
use std::time::Instant;

/// `--include` and `--exclude`: which methods are recorded.
#[derive(Debug, Clone, Default)]
pub struct MethodFilter {
    /// Only methods that match one of these, if there are any.
    pub include: Vec<Pattern>,
    /// Never methods that match one of these.
    pub exclude: Vec<Pattern>,
}

impl MethodFilter {
    /// Whether a method is recorded.
    #[must_use]
    pub fn admits(&self, method: &str) -> bool {
        Pattern::any_matches(&self.include, Some(method))
            && !self.exclude.iter().any(|pattern| pattern.matches(method))
    }
}

/// What is wanted of a source. Every source is told the same.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Which methods.
    pub methods: MethodFilter,
    /// Whether what was asked and answered is handed over as well.
    pub bodies: Bodies,
}

/// Decodes the lines of one source into deliveries.
#[derive(Debug)]
pub struct LineDecoder {
    source: Text,
    proxy: Text,
    wanted: Wanted,
    hostlogs: HostLogs,
    decoded: Decoded,
    delivery: Delivery,
    kept_bad: u64,
}

impl LineDecoder {
    /// A decoder for a source and the proxy whose stream it is, where the stream does not say.
    #[must_use]
    pub fn new(source: &str, proxy: &str, wanted: Wanted) -> Self {
        Self {
            source: source.into(),
            proxy: proxy.into(),
            wanted,
            hostlogs: HostLogs::new(),
            decoded: Decoded::default(),
            delivery: Delivery::new(source.into()),
            kept_bad: 0,
        }
    }

    /// Decodes one line that begins at `offset`.
    pub fn line(&mut self, offset: u64, line: &[u8], now: i64) {
        let bad = self.delivery.progress.counts.bad;
        self.decode(offset, line, now);
        if self.delivery.progress.counts.bad > bad {
            self.hostlogs.lost();
        }
    }

    fn decode(&mut self, offset: u64, line: &[u8], now: i64) {
        let context = LineContext {
            proxy: &self.proxy,
            bodies: self.wanted.bodies,
        };
        decode_line(line, context, &mut self.decoded);
        let counts = &mut self.delivery.progress.counts;
        counts.lines += 1;
        counts.text += u64::from(self.decoded.is_text);
        counts.events += self.decoded.known;
        counts.unknown += self.decoded.unknown;
        counts.bad += self.decoded.bad.len() as u64 + self.decoded.more_bad;
        self.delivery.bytes += line.len();
        if let Some(frame) = self.decoded.frame.take() {
            counts.events += frame.messages.len() as u64;
            counts.unknown += u64::from(frame.messages.is_empty());
            self.hostlogs.take(frame, &mut self.decoded.events);
        }
        self.filter_events();
        for bad in std::mem::take(&mut self.decoded.bad) {
            let offset = offset + bad.range.start as u64;
            let part = line.get(bad.range).unwrap_or(line);
            self.bad_line(offset, bad.reason, part, now);
        }
    }

    /// Passes on what was decoded, without what nobody wants.
    fn filter_events(&mut self) {
        let counts = &mut self.delivery.progress.counts;
        let mut is_left_out = false;
        for mut event in self.decoded.events.drain(..) {
            match &mut event {
                Event::Request(request) => {
                    is_left_out = !self.wanted.methods.admits(&request.method);
                    counts.filtered += u64::from(is_left_out);
                }
                // A list that nobody wants as a request still says what the server shows.
                Event::Surface(news) if is_left_out => news.of_request = false,
                _ => {}
            }
            let goes_with_request = matches!(event, Event::Request(_) | Event::Payload(_));
            if !(is_left_out && goes_with_request) {
                self.delivery.events.push(event);
            }
        }
    }

    /// Takes a line before those that follow, which was read by another recorder: where it begins a
    /// connection in a log, those that follow are known to be of its client.
    pub fn recall(&mut self, line: &[u8]) {
        let begins = |part: &[u8]| memchr::memmem::find(line, part).is_some();
        if !(begins(b"Message from client") && begins(b"\"initialize\"")) {
            return;
        }
        let context = LineContext {
            proxy: &self.proxy,
            bodies: Bodies::Left,
        };
        decode_line(line, context, &mut self.decoded);
        if let Some(frame) = self.decoded.frame.take() {
            self.hostlogs.recall(frame);
        }
        self.decoded.events.clear();
        self.decoded.bad.clear();
    }

    /// Says when the lines that follow are read, as far as that matters for what waits in them.
    pub fn read_at(&mut self, now: Instant) {
        self.hostlogs.read_at(now);
    }

    /// Says that the source was read up to a place; gives the place from which reading would have to
    /// go on after a restart, where that is a new one.
    pub fn reached(&mut self, checkpoint: Checkpoint) -> Option<Checkpoint> {
        self.hostlogs.safe(checkpoint)
    }

    /// Whether a request waits for its answer.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.hostlogs.is_waiting()
    }

    /// Gives up requests that have waited too long, where the source is read to its end, which may
    /// grow; says whether there were any.
    pub fn settle(&mut self, now: Instant) -> bool {
        let any = self.hostlogs.settle(now, &mut self.decoded.events);
        self.filter_events();
        any
    }

    /// Gives up requests that were asked long before a time, in unix milliseconds, where the source is
    /// read to its end and left; says whether there were any.
    pub fn leave(&mut self, now: i64) -> bool {
        let any = self.hostlogs.leave(now, &mut self.decoded.events);
        self.filter_events();
        any
    }

    /// Says that nothing follows.
    pub fn end(&mut self) {
        self.hostlogs.end(&mut self.decoded.events);
        self.filter_events();
    }

    /// Decodes a last line without its newline. While it may still grow it is neither text nor bad,
    /// and an event that it does hold is recognised when it is read again. Says whether it holds any.
    pub fn unfinished(&mut self, offset: u64, line: &[u8], now: i64) -> bool {
        let before = self.delivery.events.len();
        let (counts, kept_bad) = (self.delivery.progress.counts, self.kept_bad);
        self.decode(offset, line, now);
        let is_whole = self.delivery.progress.counts.events > counts.events;
        if !is_whole {
            self.delivery.events.truncate(before);
            self.kept_bad = kept_bad;
            self.delivery.progress.counts = counts;
        }
        is_whole
    }

    /// Counts a line that was too long to decode, of which only the head is known.
    pub fn oversized(&mut self, offset: u64, len: u64, head: &[u8], now: i64) {
        let counts = &mut self.delivery.progress.counts;
        counts.lines += 1;
        counts.bad += 1;
        let reason = format!("a line of {len} bytes is longer than the limit");
        self.bad_line(offset, reason, head, now);
    }

    /// Counts NUL bytes that were skipped.
    pub fn nul_bytes(&mut self, len: u64) {
        self.delivery.progress.counts.nul_bytes += len;
    }

    /// Keeps a bad line, but no more of them in one delivery than a store keeps at all.
    fn bad_line(&mut self, offset: u64, reason: String, part: &[u8], now: i64) {
        if self.kept_bad == BadLine::MAX_ROWS {
            return;
        }
        self.kept_bad += 1;
        let excerpt = part[..part.len().min(BadLine::MAX_EXCERPT_BYTES)].to_vec();
        let source = self.source.clone();
        let line = BadLine {
            source,
            offset,
            reason,
            excerpt,
            ts: now,
        };
        self.delivery.events.push(Event::BadLine(line));
    }

    /// How many events wait to be delivered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.delivery.events.len()
    }

    /// Hands over what was decoded since the last time.
    pub fn take(&mut self) -> Delivery {
        self.kept_bad = 0;
        std::mem::replace(&mut self.delivery, Delivery::new(self.source.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_bad_lines_only_so_many_are_kept_and_all_are_counted() {
        let mut decoder = LineDecoder::new("-", "p", Wanted::default());
        let elements = format!("[{}0]", "0,".repeat(1499));
        decoder.line(0, b"{", 0);
        decoder.line(2, elements.as_bytes(), 0);
        decoder.line(9000, b"{", 0);
        let delivery = decoder.take();
        assert_eq!(delivery.progress.counts.bad, 1502);
        assert_eq!(delivery.events.len() as u64, BadLine::MAX_ROWS);
        decoder.line(9002, b"{", 0);
        assert_eq!(
            decoder.take().events.len(),
            1,
            "the next delivery has its own"
        );
    }
}
