//! Names from outside, held to a stated length before anything remembers them. Pure.
//!
//! A peer may send a method, a session id or a URI of a megabyte, as many as it likes. What is longer
//! than its limit keeps its beginning and gets a mark with how much is missing and a hash of that, so
//! that two long names with the same beginning stay two names.

use super::{
    Event, Outcome, OutputTail, Request, RequestId, ServerRun, SessionUpdate, SurfaceContent,
    SurfaceUpdate, TargetKind, Text,
};
use xxhash_rust::xxh3::xxh3_64;

/// Most bytes of a name or an id: of proxies, clients, methods, tools, prompts, sessions, requests.
pub const MAX_NAME_BYTES: usize = 256;

/// Most bytes of a resource's URI, a server's address or an error message.
pub const MAX_URI_BYTES: usize = 2048;

/// Most bytes of a source's name, which may be a path.
pub const MAX_SOURCE_BYTES: usize = 4096;

/// A name of at most `max` bytes: the name itself, or its beginning and a mark.
///
/// The mark says how many bytes are missing and what they hash to. What was cut once is not cut again.
///
/// ```
/// use mcpr_model::{MAX_NAME_BYTES, cut_name};
///
/// assert_eq!(cut_name("echo", MAX_NAME_BYTES), None);
/// let cut = cut_name(&"x".repeat(1_000_000), MAX_NAME_BYTES).expect("too long");
/// assert!(cut.len() <= MAX_NAME_BYTES);
/// assert!(cut.starts_with("xxx") && cut.contains("…(+"));
/// ```
#[must_use]
pub fn cut_name(name: &str, max: usize) -> Option<Text> {
    /// `…(+`, a length of up to 20 digits, ` bytes, `, 16 digits of a hash, `)`.
    const MARK_BYTES: usize = 3 + 2 + 20 + 8 + 16 + 1;
    // What was cut ends up here the second time: a cut name is never longer than its limit.
    if name.len() <= max {
        return None;
    }
    // The beginning is what a person recognises; the hash distinguishes it from its neighbours.
    let kept = name.floor_char_boundary(max.saturating_sub(MARK_BYTES));
    let (head, rest) = name.split_at(kept);
    let (missing, hash) = (rest.len(), xxh3_64(rest.as_bytes()));
    Some(compact_str::format_compact!(
        // Only what is missing is hashed: the beginning stands there in full.
        "{head}…(+{missing} bytes, {hash:016x})"
    ))
}

/// Cuts a name in its place.
fn cut(name: &mut Text, max: usize) {
    if let Some(short) = cut_name(name, max) {
        *name = short;
    }
}

fn cut_all<'a>(names: impl IntoIterator<Item = Option<&'a mut Text>>) {
    for name in names.into_iter().flatten() {
        cut(name, MAX_NAME_BYTES);
    }
}

impl Event {
    /// Cuts every name, id, address and message in it that is longer than its limit.
    ///
    /// Each event passes here once, on its way into the queue, after secrets were taken out of it: half
    /// a secret looks like none.
    pub fn cut_names(&mut self) {
        match self {
            Self::Request(request) => request.cut_names(),
            Self::Session(update) => update.cut_names(),
            Self::Surface(update) => update.cut_names(),
            // A source may be a path, and Linux has paths of up to 4096 bytes.
            Self::Gap(gap) => cut(&mut gap.source, MAX_SOURCE_BYTES),
            Self::Open(open) => open.request.cut_names(),
            Self::Withdrawn(_) => {}
            Self::Server(run) => run.cut_names(),
            Self::BadLine(line) => {
                cut(&mut line.source, MAX_SOURCE_BYTES);
                if let Some(short) = cut_name(&line.reason, MAX_URI_BYTES) {
                    line.reason = short.into();
                }
            }
        }
    }
}

impl RequestId {
    /// Cuts an id that is longer than a name may be.
    pub fn cut(&mut self) {
        // The other forms are small however they came.
        if let Self::Text(text) = self {
            cut(text, MAX_NAME_BYTES);
        }
    }
}

impl Request {
    fn cut_names(&mut self) {
        if let Some(id) = &mut self.request_id {
            id.cut();
        }
        cut(&mut self.proxy, MAX_NAME_BYTES);
        cut(&mut self.method, MAX_NAME_BYTES);
        let Outcome {
            error_code,
            error_msg,
            ..
        } = &mut self.outcome;
        cut_all([
            self.session_id.as_mut(),
            self.client_name.as_mut(),
            self.client_version.as_mut(),
            error_code.as_mut(),
        ]);
        // The decoder has cut it by characters, each of which may take four bytes.
        if let Some(message) = error_msg {
            cut(message, MAX_URI_BYTES);
        }
        if let Some(target) = &mut self.target {
            // URIs carry queries and paths: they are longer than names for good reasons.
            let max = match target.kind {
                TargetKind::Resource => MAX_URI_BYTES,
                TargetKind::Tool | TargetKind::Prompt => MAX_NAME_BYTES,
            };
            cut(&mut target.name, max);
        }
        if let Some(update) = &mut self.surface {
            update.cut_names();
        }
    }
}

impl ServerRun {
    fn cut_names(&mut self) {
        cut(&mut self.proxy, MAX_NAME_BYTES);
        cut(&mut self.session_id, MAX_NAME_BYTES);
        cut_all([
            self.protocol.as_mut(),
            self.server_name.as_mut(),
            self.server_version.as_mut(),
        ]);
        // A command line is as long as a path with arguments.
        for text in [&mut self.command, &mut self.refused].into_iter().flatten() {
            cut(text, MAX_URI_BYTES);
        }
        for tail in [&mut self.stderr, &mut self.stray].into_iter().flatten() {
            // A mark can be longer than the secret that it stands for: the newest lines stay.
            let over = tail.text.len().saturating_sub(OutputTail::MAX_BYTES);
            if over > 0 {
                let from = tail.text.ceil_char_boundary(over);
                tail.text = tail.text[from..].into();
            }
        }
    }
}

impl SessionUpdate {
    fn cut_names(&mut self) {
        cut(&mut self.session_id, MAX_NAME_BYTES);
        cut_all([
            self.proxy.as_mut(),
            self.client_name.as_mut(),
            self.client_version.as_mut(),
            self.conversation.as_mut(),
        ]);
    }
}

impl SurfaceUpdate {
    fn cut_names(&mut self) {
        cut(&mut self.proxy, MAX_NAME_BYTES);
        cut(&mut self.method, MAX_NAME_BYTES);
        cut_all([self.session_id.as_mut(), self.client_name.as_mut()]);
        // The answers themselves are not names: they are limited where they are read.
        let upstream = match &mut self.content {
            SurfaceContent::Whole { upstream, .. } => upstream.as_mut(),
            SurfaceContent::Version(version) => version.upstream.as_mut(),
            _ => None,
        };
        if let Some(upstream) = upstream {
            cut(upstream, MAX_URI_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BadLine, EventKey, Gap, Kind, SessionState, Target};

    #[test]
    fn a_long_name_keeps_its_beginning_and_stays_another_than_its_neighbour() {
        let long = |end: &str| format!("{}{end}", "é".repeat(500_000));
        for max in [MAX_NAME_BYTES, MAX_URI_BYTES, MAX_SOURCE_BYTES] {
            let (one, other) = (long("1"), long("2"));
            let cut_one = cut_name(&one, max).expect("too long");
            let cut_other = cut_name(&other, max).expect("too long");
            assert!(cut_one.len() <= max, "{}", cut_one.len());
            assert!(cut_one.len() > max - 64, "{}", cut_one.len());
            assert!(one.starts_with(&cut_one[..max - 64 - (max % 2)]));
            assert_ne!(cut_one, cut_other);
            assert_eq!(cut_name(&cut_one, max), None, "it is cut once");
            assert_eq!(
                cut_name(&"x".repeat(max), max),
                None,
                "as long as it may be"
            );
            assert!(cut_name(&"x".repeat(max + 1), max).is_some());
        }
    }

    fn long() -> Text {
        Text::from("x".repeat(1 << 20))
    }

    fn long_request() -> Request {
        Request {
            request_id: Some(RequestId::Text(long())),
            session_id: Some(long()),
            client_name: Some(long()),
            client_version: Some(long()),
            outcome: Outcome {
                error_kind: None,
                error_code: Some(long()),
                error_msg: Some(long()),
                retyped: false,
            },
            surface: Some(Box::new(long_update())),
            ..Request::new(EventKey::of_id("a"), 1, long(), Kind::Mcp, long())
        }
    }

    fn long_update() -> SurfaceUpdate {
        SurfaceUpdate {
            proxy: long(),
            method: long(),
            ts: 1,
            session_id: Some(long()),
            client_name: Some(long()),
            content: SurfaceContent::Whole {
                upstream: Some(long()),
                result: "{}".into(),
            },
        }
    }

    /// Every text in an event is held to its limit: what `Debug` shows of it says so for all fields,
    /// also for one that is added later.
    #[test]
    fn no_event_carries_a_name_of_a_megabyte() {
        let with = |kind| Request {
            target: Some(Target { kind, name: long() }),
            ..long_request()
        };
        let events = [
            Event::Request(with(TargetKind::Tool)),
            Event::Request(with(TargetKind::Resource)),
            Event::Request(with(TargetKind::Prompt)),
            Event::Session(SessionUpdate {
                session_id: long(),
                proxy: Some(long()),
                ts: 1,
                started_at: None,
                last_seen_at: None,
                state: SessionState::Active,
                client_name: Some(long()),
                client_version: Some(long()),
                conversation: Some(long()),
            }),
            Event::Surface(Box::new(long_update())),
            Event::Gap(Gap {
                source: long(),
                count: 1,
                from_ts: 1,
                to_ts: 1,
                key: None,
            }),
            Event::BadLine(BadLine {
                source: long(),
                offset: 0,
                reason: long().into(),
                excerpt: Vec::new(),
                ts: 1,
            }),
        ];
        for mut event in events {
            event.cut_names();
            let held = format!("{event:?}").len();
            assert!(held < 8 * MAX_SOURCE_BYTES, "{held} bytes");
        }
    }
}
