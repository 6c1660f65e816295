//! The key by which one call is recognised in several channels of a proxy: mcpr 0.5 prints each call and
//! posts it as well.

use xxhash_rust::xxh3::Xxh3;

/// A channel through which a proxy reports its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Its standard error.
    Stderr,
    /// Its posts to a cloud.
    Cloud,
    /// Its own store, once that is imported.
    Store,
    /// The span of the client of an operation.
    ClientSpan,
    /// The span of its server.
    ServerSpan,
}

/// A call as one or more channels of a proxy report it. Clients use ids again, and one channel may lack
/// what another has; no channel reports a row twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CallKey {
    /// As many bits as a code has place for.
    hash: u64,
    // The name that files set aside by mcpr 0.6 have for it.
    #[serde(alias = "tellers")]
    channels: Channels,
    /// Whether nothing else has this hash, at whatever time it is reported.
    #[serde(default)]
    is_unique: bool,
}

/// The channels that have reported a call: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Channels(u8);

/// What a call of MCP is recognised by, beside the times that were measured.
#[derive(Debug, Clone, Copy)]
pub struct CallFacts<'a> {
    /// The session it belongs to.
    pub session_id: Option<&'a str>,
    /// Its JSON-RPC id as JSON, so that `1` is not `"1"`.
    pub id: &'a str,
    /// Its method.
    pub method: &'a str,
    /// The tool, resource or prompt it names.
    pub target: &'a str,
}

impl Channels {
    // The lowest bits of a code: rows of one call from different channels stand side by side in an index.
    const BITS: u32 = 3;
    const ALL: u8 = 0b111;

    /// The channels that reported the row with this code.
    #[must_use]
    pub fn of_code(code: i64) -> Self {
        Self(code.to_le_bytes()[0] & Self::ALL)
    }

    /// Whether all of the others are among these.
    #[must_use]
    pub fn include(self, others: Self) -> bool {
        // Bits, so that any set of channels is one number.
        self.0 & others.0 == others.0
    }

    /// Whether these are this one alone.
    #[must_use]
    pub fn is_only(self, channel: Channel) -> bool {
        self.0 == channel.bit()
    }

    /// These and those.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    fn is_one(self) -> bool {
        self.0.is_power_of_two()
    }
}

impl CallKey {
    /// What each second moves a code by: odd, so that no two seconds fall together, and large, so that
    /// calls of neighbouring seconds do not either.
    const SECOND: u64 = 0x9e37_79b9_7f4a_7c15;

    /// A call of MCP.
    #[must_use]
    pub fn of_call(channel: Channel, facts: CallFacts<'_>) -> Self {
        // Times and sizes are left out: each channel measures its own.
        let shared = [facts.id, facts.method, facts.target];
        let hash = match facts.session_id {
            Some(session_id) => hash(&[session_id, shared[0], shared[1], shared[2]]),
            None => hash(&shared),
        };
        Self::new(hash, Channels(channel.bit()))
    }

    /// A call of HTTP, which has a unique id in both streams.
    #[must_use]
    pub fn of_unique_id(channel: Channel, id: &str) -> Self {
        Self::new(hash(&[id]), Channels(channel.bit()))
    }

    /// The call of a row that has this code and time.
    #[must_use]
    pub fn of_stored(code: i64, ts: i64) -> Self {
        // The way back of `code_at`: what the second has moved is taken off again.
        let hash = (code.cast_unsigned() >> Channels::BITS).wrapping_sub(Self::moved_by(ts, 0));
        Self::new(hash, Channels::of_code(code))
    }

    /// An operation that two spans report, or more. Clocks of two machines differ: its time is not part of it.
    #[must_use]
    pub fn of_span(hash: u64, channels: impl Iterator<Item = Channel>) -> Self {
        let channels = channels.fold(0, |all, it| all | it.bit());
        Self {
            is_unique: true,
            ..Self::new(hash, Channels(channels))
        }
    }

    /// Whether equal keys are one operation, whatever was measured.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.is_unique
    }

    fn new(hash: u64, channels: Channels) -> Self {
        Self {
            // The bits above are lost in a code: a hash read back from one must be equal to a fresh
            // one.
            hash: hash & (u64::MAX >> Channels::BITS),
            channels,
            is_unique: false,
        }
    }

    /// The channels that reported it.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// What its row is found by, at a time in unix milliseconds.
    #[must_use]
    pub fn code(&self, ts: i64) -> i64 {
        self.code_at(ts, 0, self.channels.0)
    }

    /// What its row is found by once these channels have reported it.
    #[must_use]
    pub fn code_of(&self, ts: i64, channels: Channels) -> i64 {
        self.code_at(ts, 0, channels.0)
    }

    /// The ranges of codes of rows that may be of the same call, both ends included: reported by any
    /// channel but this one alone, in the same second or a neighbouring one, for not all channels have
    /// finer times.
    #[must_use]
    pub fn codes(&self, ts: i64) -> [(i64, i64); 6] {
        // Where more than one channel has reported it, no single channel is left out.
        let split = if self.channels.is_one() {
            self.channels.0
        } else {
            0
        };
        // A range and not a list of codes: one step through an index finds all of a second.
        let range = |offset, first: u8, last: u8| {
            // An empty range where there is nothing on that side.
            (
                self.code_at(ts, offset, first),
                self.code_at(ts, offset, last),
            )
        };
        let before = |offset| match split {
            // Nothing is below the first channel, and below none at all there is no code.
            0 | 1 => (1, 0),
            _ => range(offset, 1, split - 1),
        };
        let after = |offset| range(offset, split + 1, Channels::ALL);
        // Without a time in it there is one place to look at.
        if self.is_unique {
            let none = (1, 0);
            return [before(0), after(0), none, none, none, none];
        }
        [
            before(0),
            before(-1),
            before(1),
            after(0),
            after(-1),
            after(1),
        ]
    }

    fn code_at(&self, ts: i64, offset: i64, channels: u8) -> i64 {
        let by = if self.is_unique {
            0
        } else {
            Self::moved_by(ts, offset)
        };
        let moved = self.hash.wrapping_add(by);
        (moved << Channels::BITS | u64::from(channels)).cast_signed()
    }

    fn moved_by(ts: i64, offset: i64) -> u64 {
        // Part of the code, so that calls of another time with the same id are not found at all.
        let second = second_of(ts).wrapping_add(offset);
        second.cast_unsigned().wrapping_mul(Self::SECOND)
    }
}

impl Channel {
    fn bit(self) -> u8 {
        match self {
            // Spans share bits with streams: their keys are made of other things, so that none are alike.
            Self::Stderr | Self::ClientSpan => 0b001,
            Self::Cloud | Self::ServerSpan => 0b010,
            Self::Store => 0b100,
        }
    }
}

fn second_of(ts: i64) -> i64 {
    // Rounds down also before 1970: a second must not be twice as long there.
    ts.div_euclid(1000)
}

fn hash(texts: &[&str]) -> u64 {
    let mut hash = Xxh3::new();
    for text in texts {
        // With its length, so that `ab` and `c` are not `a` and `bc`.
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(channel: Channel, session_id: Option<&str>, id: &str) -> CallKey {
        let facts = CallFacts {
            session_id,
            id,
            method: "tools/call",
            target: "echo",
        };
        CallKey::of_call(channel, facts)
    }

    fn is_among(codes: [(i64, i64); 6], code: i64) -> bool {
        codes
            .iter()
            .any(|&(first, last)| (first..=last).contains(&code))
    }

    /// Whether what one reported is found by what the other one reports.
    fn is_found(stored: CallKey, at: i64, reported: CallKey, then: i64) -> bool {
        is_among(reported.codes(then), stored.code(at))
    }

    #[test]
    fn a_call_is_found_by_what_another_reports_about_it() {
        let stderr = |session, id| call(Channel::Stderr, session, id);
        let cloud = |session, id| call(Channel::Cloud, session, id);
        let store = |session, id| call(Channel::Store, session, id);
        let s = Some("s");
        let cases = [
            (stderr(s, "1"), 7000, cloud(s, "1"), 7539, true),
            (cloud(s, "1"), 7539, stderr(s, "1"), 7000, true),
            (cloud(s, "1"), 6999, stderr(s, "1"), 7000, true),
            (cloud(s, "1"), 4999, stderr(s, "1"), 7000, false),
            (cloud(s, "1"), 7000, stderr(s, "\"1\""), 7000, false),
            (cloud(s, "1"), 7000, stderr(Some("t"), "1"), 7000, false),
            (cloud(None, "1"), 7000, stderr(None, "1"), 7000, true),
            (cloud(None, "1"), 7000, stderr(s, "1"), 7000, false),
            (cloud(s, "1"), 7000, store(s, "1"), 7999, true),
            (store(s, "1"), 7000, stderr(s, "1"), 7000, true),
            // The same one reports another call under the same id.
            (stderr(s, "1"), 7000, stderr(s, "1"), 7000, false),
            (cloud(s, "1"), 7000, cloud(s, "1"), 7000, false),
            (store(s, "1"), 7000, store(s, "1"), 7000, false),
        ];
        for (stored, at, reported, then, expected) in cases {
            assert_eq!(
                is_found(stored, at, reported, then),
                expected,
                "{stored:?} {reported:?}"
            );
        }
    }

    #[test]
    fn a_stored_code_says_which_call_it_is_and_who_has_reported_it() {
        for ts in [-1, 0, 7539, i64::MIN, i64::MAX, 1_795_224_422_390] {
            let reported = call(Channel::Stderr, Some("s"), "1");
            let posted = call(Channel::Cloud, Some("s"), "1");
            assert_eq!(CallKey::of_stored(reported.code(ts), ts), reported);
            let both = reported.channels().and(posted.channels());
            let code = reported.code_of(ts, both);
            let again = CallKey::of_stored(code, ts);
            assert_eq!((again.channels(), again.code(ts)), (both, code));
            assert!(both.include(posted.channels()) && !both.is_only(Channel::Stderr));
            assert!(is_among(posted.codes(ts), code));
            // What both have reported is found wherever one of them, or both, stand alone.
            for stored in [reported, posted, again] {
                assert!(is_among(again.codes(ts), stored.code(ts)), "{stored:?}");
            }
        }
    }
}
