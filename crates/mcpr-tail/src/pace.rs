//! How often to look at files that grow all the time: a line on its own is read at once, a steady
//! stream of them is left to gather, so that it costs few wakes and few commits. Pure; time comes in.

use std::time::{Duration, Instant};

/// How long a steady stream gathers between two looks.
pub const GATHER: Duration = Duration::from_millis(50);
/// Looks that found something in a second from which on a stream is steady.
// More often than once in 20 ms; gathering then takes at most 20 looks per second.
const STEADY_LOOKS: u32 = 50;
/// Over which time they are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Counts looks.
#[derive(Debug)]
pub struct Pace {
    window_began: Instant,
    looks: u32,
    is_steady: bool,
}

impl Pace {
    /// A pace that knows of nothing yet.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            window_began: now,
            looks: 0,
            is_steady: false,
        }
    }

    /// Takes in whether a look has found something; says how long to let lines gather before the
    /// next one.
    pub fn pause(&mut self, now: Instant, has_found: bool) -> Option<Duration> {
        if now.duration_since(self.window_began) >= WINDOW {
            // Only the count begins anew: a stream stays steady until a look finds nothing.
            (self.window_began, self.looks) = (now, 0);
        }
        if has_found {
            self.looks += 1;
            self.is_steady |= self.looks > STEADY_LOOKS;
        } else if self.is_steady {
            // What gathers was nothing: the next line is one on its own.
            (self.window_began, self.looks, self.is_steady) = (now, 0, false);
        }
        self.is_steady.then_some(GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks that a second of lines takes, each `apart` from the next.
    fn looks(pace: &mut Pace, mut now: Instant, apart: Duration) -> (u32, Instant) {
        let end = now + WINDOW;
        let (mut line, mut looks) = (now, 0);
        while now < end {
            looks += 1;
            let has_found = line <= now;
            while line <= now {
                line += apart;
            }
            now = match pace.pause(now, has_found) {
                Some(pause) => now + pause,
                None => line.max(now),
            };
        }
        (looks, now)
    }

    #[test]
    fn a_steady_stream_is_looked_at_rarely_and_a_slow_one_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let (slow, now) = looks(&mut pace, now, Duration::from_millis(25));
        assert_eq!(slow, 40, "each line is read when it comes");
        let (_, now) = looks(&mut pace, now, Duration::from_millis(10));
        let (steady, now) = looks(&mut pace, now, Duration::from_millis(10));
        assert_eq!(steady, 20, "one look gathers five lines");
        let (_, now) = looks(&mut pace, now, Duration::from_millis(200));
        let (slow, _) = looks(&mut pace, now, Duration::from_millis(200));
        assert_eq!(slow, 5, "a pause ends it");
    }
}
