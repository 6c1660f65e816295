//! Lines into deliveries: decoding, filtering by method, counting, keeping what is bad.

mod notes;
mod open;

use super::Delivery;
use super::hostlogs::HostLogs;
use super::live::Live;
use super::notes::Notes;
use super::parts::{Joined, Parts, Place, is_whole_object};
use mcpr_model::{BadLine, Checkpoint, Event, Text};
use mcpr_store::query::Pattern;
use mcpr_tail::{Chunk, MAX_LINE_BYTES};
use mcpr_wire::{
    Bodies, Decoded, Layer, LineContext, MAX_LAYERS, bare, decode_bare, decode_line, doubt_of,
    refuse_glued, unwrap,
};
use notes::STRANGE_LINES;
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

/// What a decoder takes from a source. Every source has the same options.
#[derive(Debug, Clone, Default)]
pub struct LineOptions {
    /// Which methods.
    pub methods: MethodFilter,
    /// Whether payloads are handed over as well.
    pub bodies: Live<Bodies>,
    /// Where a source puts what a person should know of it.
    pub notes: Notes,
}

/// What waits in the files of one log, which are read one after the other: a request may be asked, and a
/// line begun, before a rotation and end after it.
#[derive(Debug)]
pub(super) struct OpenLog {
    pub(super) hostlogs: HostLogs,
    parts: Parts,
    /// The end of a file without a newline, where another one has begun.
    pub(super) torn: Option<Torn>,
}

/// The beginning of a line whose rest may stand at the beginning of the next file of its log.
#[derive(Debug)]
pub(super) struct Torn {
    /// Behind it.
    pub(super) end: Checkpoint,
    pub(super) bytes: Vec<u8>,
    pub(super) state: TornState,
}

/// What is known of the rest of a torn line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TornState {
    /// It may come.
    Waiting,
    /// It began the next file: the line is read.
    Joined,
    /// It did not.
    Alone,
}

impl Torn {
    pub(super) fn new(end: &Checkpoint, bytes: &[u8]) -> Self {
        Self {
            end: end.clone(),
            bytes: bytes.to_vec(),
            state: TornState::Waiting,
        }
    }

    /// Whether a chunk is of the file that ends with it.
    pub(super) fn is_of(&self, chunk: &Chunk<'_>) -> bool {
        self.end.identity == chunk.checkpoint.identity
    }

    /// Whether these bytes are still all that a chunk of that file has of it, but for a carriage return.
    pub(super) fn is_all(&self, chunk: &Chunk<'_>, bytes: &[u8]) -> bool {
        let is_same = self
            .bytes
            .strip_prefix(bytes)
            .is_some_and(|rest| rest.len() <= 1);
        chunk.is_final && self.is_of(chunk) && is_same
    }
}

impl OpenLog {
    pub(super) fn new(source: Text) -> Self {
        Self {
            hostlogs: HostLogs::new(source),
            parts: Parts::default(),
            torn: None,
        }
    }
}

/// Decodes the lines of one source into deliveries.
#[derive(Debug)]
pub struct LineDecoder {
    source: Text,
    proxy: Text,
    wanted: LineOptions,
    hostlogs: HostLogs,
    parts: Parts,
    decoded: Decoded,
    delivery: Delivery,
    kept_bad: u64,
    /// The line that is decoded is not there as a whole.
    may_grow: bool,
    /// Whether it was reported that calls cannot be distinguished.
    is_ambiguous: bool,
    /// Lines without anything that is known, at the beginning of the source.
    strange_lines: u64,
}

impl LineDecoder {
    /// A decoder for a source and the proxy whose stream it is, where the stream does not say.
    #[must_use]
    pub fn new(source: &str, proxy: &str, wanted: LineOptions) -> Self {
        Self {
            source: source.into(),
            proxy: proxy.into(),
            wanted,
            hostlogs: HostLogs::new(source.into()),
            parts: Parts::default(),
            decoded: Decoded::default(),
            delivery: Delivery::new(source.into()),
            kept_bad: 0,
            may_grow: false,
            is_ambiguous: false,
            strange_lines: 0,
        }
    }

    /// Decodes one line that begins at `offset`.
    pub fn line(&mut self, offset: u64, line: &[u8], now: i64) {
        let counts = self.delivery.progress.counts;
        let before = (counts.events, counts.bad);
        self.whole_line(offset, line, now);
        // After that it is known, or it was reported, and nothing is looked at any more.
        if self.strange_lines < STRANGE_LINES {
            let counts = &self.delivery.progress.counts;
            let is_strange = (counts.events, counts.bad) == before;
            self.note_strange(is_strange);
        }
    }

    fn whole_line(&mut self, offset: u64, line: &[u8], now: i64) {
        self.delivery.progress.counts.lines += 1;
        self.delivery.bytes += line.len();
        self.layer(Place { offset, layers: 0 }, line, now);
    }

    /// Decodes what stands within so many wrappers.
    fn layer(&mut self, place: Place, line: &[u8], now: i64) {
        let context = LineContext {
            proxy: &self.proxy,
            bodies: *self.wanted.bodies.get(),
        };
        let bare = bare(line);
        // An event that has a member `log` of its own is an event: wrappers are tried only then.
        decode_bare(&bare.bytes, context, &mut self.decoded);
        if self.decoded.is_nothing() {
            match unwrap(&bare.bytes) {
                // Each layer is as long as the line: without a limit a hostile one could hold thousands.
                Some(Ok(layer)) if place.layers < MAX_LAYERS => {
                    return self.inner(place, layer, now);
                }
                Some(Err(reason)) => self.decoded.refuse(line, reason),
                Some(Ok(_)) => {
                    let reason = format!("more than {MAX_LAYERS} wrappers around one line");
                    self.decoded.refuse(line, reason);
                }
                None => refuse_glued(&bare.bytes, &mut self.decoded),
            }
        }
        // Of a line in a wrapper, the place of the whole is known, not that of a part.
        let start = bare.start.filter(|_| place.layers == 0);
        self.count();
        self.take_frames();
        self.filter_events();
        // Taken out, for keeping a bad line needs the decoder as a whole.
        for bad in std::mem::take(&mut self.decoded.bad) {
            let part = match bare.bytes.get(bad.range.clone()) {
                Some(part) if start.is_some() || place.layers > 0 => part,
                _ => line,
            };
            let offset = place.offset + start.map_or(0, |start| start + bad.range.start) as u64;
            self.bad_line(offset, bad.reason, part, now);
        }
    }

    /// Decodes what was inside of a wrapper, once it is whole.
    fn inner(&mut self, at: Place, layer: Layer<'_>, now: i64) {
        let place = Place {
            layers: at.layers + 1,
            ..at
        };
        let Some(part) = layer.part else {
            return self.layer(place, &layer.inner, now);
        };
        if self.parts.take_rest(place.layers, &part, &layer.inner) {
            return;
        }
        let is_first = !self.parts.has_begun(place.layers, &part);
        // What ends with its process has no newline in it and is whole all the same.
        if is_first && (part.is_last || is_whole_object(&layer.inner)) {
            return self.layer(place, &layer.inner, now);
        }
        for joined in self.parts.add(place, &part, &layer.inner) {
            self.joined(joined, now);
        }
    }

    fn joined(&mut self, joined: Joined, now: i64) {
        match joined {
            Joined::Whole(place, bytes) => self.layer(place, &bytes, now),
            Joined::TooLong(place, len, head) => {
                self.delivery.progress.counts.bad += 1;
                let reason =
                    format!("a line of {len} bytes, joined from parts, is longer than the limit");
                self.bad_line(place.offset, reason, &head, now);
            }
            Joined::Broken(place, bytes) => {
                self.delivery.progress.counts.bad += 1;
                let reason = "a line of parts whose last part did not come in time".to_owned();
                self.bad_line(place.offset, reason, &bytes, now);
            }
        }
    }

    fn count(&mut self) {
        let counts = &mut self.delivery.progress.counts;
        counts.text += u64::from(self.decoded.is_text);
        counts.events += self.decoded.known;
        counts.unknown += self.decoded.unknown;
        counts.bad += self.decoded.bad.len() as u64 + self.decoded.more_bad;
    }

    /// Pairs the messages of a log.
    fn take_frames(&mut self) {
        self.hostlogs.format = self.decoded.format;
        let is_ambiguous = self
            .hostlogs
            .take_call_steps(&mut self.decoded, self.may_grow);
        if is_ambiguous {
            self.note_ambiguous();
        }
        // A last line that may still grow leaves nothing in doubt: it is read again as a whole.
        if let Some(doubt) = self.decoded.doubt.take()
            && !self.may_grow
        {
            self.hostlogs.doubt(&doubt, &mut self.delivery.events);
        }
        for frame in self.decoded.frames.drain(..) {
            let counts = &mut self.delivery.progress.counts;
            counts.events += frame.messages.len() as u64;
            counts.unknown += u64::from(frame.messages.is_empty());
            self.hostlogs.take(frame, &mut self.decoded.events);
        }
    }

    /// Passes on what was decoded, without what nobody wants.
    fn filter_events(&mut self) {
        let counts = &mut self.delivery.progress.counts;
        for event in self.decoded.events.drain(..) {
            match event {
                Event::Request(request) if !self.wanted.methods.admits(&request.method) => {
                    counts.filtered += 1;
                    // A list that nobody wants as a request still says what the server shows.
                    let surface = request.surface.map(Event::Surface);
                    self.delivery.events.extend(surface);
                }
                Event::Open(open) if !self.wanted.methods.admits(&open.request.method) => {}
                event => self.delivery.events.push(event),
            }
        }
    }

    /// Takes a line before those that follow, which was read by another recorder: where it begins a
    /// connection in a log, those that follow are known to be of its client.
    pub fn recall(&mut self, line: &[u8]) {
        // Most lines of a log are read here after a restart: a search is cheaper than decoding.
        if memchr::memmem::find(line, b"\"initialize\"").is_none() {
            return;
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        decode_line(line, self.context(), &mut decoded);
        self.decoded = decoded;
        for frame in self.decoded.frames.drain(..) {
            self.hostlogs.recall(frame);
        }
        self.decoded.events.clear();
        self.decoded.bad.clear();
    }

    /// What decoding needs to know where nothing but facts is asked.
    fn context(&self) -> LineContext<'_> {
        LineContext {
            proxy: &self.proxy,
            bodies: Bodies::Left,
        }
    }

    /// Says when the lines that follow are read, as far as that matters for what waits in them.
    pub fn read_at(&mut self, now: Instant) {
        self.hostlogs.read_at(now);
    }

    /// Says that the source was read up to a place; gives the place from which reading would have to go on
    /// after a restart, where that is a new one. Of several files that are one log, the last place of each.
    pub fn reached(&mut self, checkpoint: Checkpoint) -> Vec<Checkpoint> {
        let mut safe: Vec<Checkpoint> = Vec::new();
        for whole in self.parts.safe(checkpoint) {
            for place in self.hostlogs.safe(whole, &mut self.delivery.events) {
                safe.retain(|it| it.identity != place.identity);
                safe.push(place);
            }
        }
        safe
    }

    /// Takes what waits in a log, and gives what waited here.
    pub(super) fn swap_log(&mut self, log: &mut OpenLog) {
        std::mem::swap(&mut self.hostlogs, &mut log.hostlogs);
        std::mem::swap(&mut self.parts, &mut log.parts);
    }

    /// A line that was cut at a rotation: its beginning, and the first line of the next file. `None`
    /// where that line says something by itself, or both together do not.
    pub(super) fn join(&mut self, torn: &[u8], first: &[u8]) -> Option<Vec<u8>> {
        if torn.len() + first.len() > MAX_LINE_BYTES || self.says_something(first) {
            return None;
        }
        let joined = [torn, first].concat();
        self.says_something(&joined).then_some(joined)
    }

    /// Whether a line holds anything.
    fn says_something(&mut self, line: &[u8]) -> bool {
        let bare = bare(line);
        let mut decoded = std::mem::take(&mut self.decoded);
        decode_bare(&bare.bytes, self.context(), &mut decoded);
        let is_known = decoded.known > 0 || !decoded.frames.is_empty();
        is_known && decoded.bad.is_empty() || matches!(unwrap(&bare.bytes), Some(Ok(_)))
    }

    /// Calls the end of a file bad that has no newline, and whose rest did not come.
    pub(super) fn torn(&mut self, offset: u64, line: &[u8], now: i64) {
        let counts = &mut self.delivery.progress.counts;
        counts.lines += 1;
        counts.bad += 1;
        let reason = "a line without its end, after which another file begins".to_owned();
        self.bad_line(offset, reason, line, now);
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

    /// Says that nothing is added to what was cut into parts: it is decoded as it is.
    pub fn end_parts(&mut self, now: i64) {
        for joined in self.parts.end() {
            self.joined(joined, now);
        }
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
        // A part counts only once all of it is there.
        if !matches!(unwrap(&bare(line).bytes), Some(Ok(Layer { part: Some(part), .. }))
            if !part.is_last || self.parts.has_begun(1, &part))
        {
            self.may_grow = true;
            self.whole_line(offset, line, now);
            self.may_grow = false;
        }
        let holds_events = self.delivery.progress.counts.events > counts.events;
        // A line without its newline that holds a whole event may be the last one that is ever written.
        let is_whole = holds_events && !self.decoded.is_cut;
        if !is_whole {
            // It is read again with what is added to it, and counted then.
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
        if let Some(doubt) = doubt_of(head, self.context()) {
            self.hostlogs.doubt(&doubt, &mut self.delivery.events);
        }
        self.bad_line(offset, reason, head, now);
    }

    /// Counts NUL bytes that were skipped.
    pub fn nul_bytes(&mut self, len: u64) {
        self.delivery.progress.counts.nul_bytes += len;
    }

    /// Keeps a bad line, but no more of them in one delivery than a store keeps at all.
    fn bad_line(&mut self, offset: u64, mut reason: String, part: &[u8], now: i64) {
        // A file of nothing but bad lines must not fill the queue with copies of itself.
        if self.kept_bad == BadLine::MAX_ROWS {
            return;
        }
        self.kept_bad += 1;
        // A reason may quote what it was given.
        reason.truncate(reason.floor_char_boundary(BadLine::MAX_REASON_BYTES));
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
mod tests;
