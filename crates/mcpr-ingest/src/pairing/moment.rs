//! When something passed: two clocks, as a wall clock may jump.

use crate::unix_ms;
use std::time::{Instant, SystemTime};

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
