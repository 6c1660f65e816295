//! Steps that work takes, counted on each thread where the feature `steps` is on, as it is in tests:
//! they show work that grows with the square of its input, which a clock would show only on a quiet
//! machine. Without the feature nothing is counted, and nothing is left of the calls.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

#[cfg(feature = "steps")]
thread_local! {
    static TAKEN: std::cell::Cell<Steps> = const { std::cell::Cell::new(Steps::NONE) };
}

/// How many steps were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Things that were compared, hashed or looked at.
    pub looks: u64,
    /// Bytes that were decoded.
    pub bytes: u64,
}

#[cfg(feature = "steps")]
impl Steps {
    const NONE: Self = Self { looks: 0, bytes: 0 };

    /// Those that this thread has taken so far.
    #[must_use]
    pub fn taken() -> Self {
        TAKEN.get()
    }

    /// Those that this thread has taken since.
    #[must_use]
    pub fn since(self) -> Self {
        let now = TAKEN.get();
        Self {
            looks: now.looks - self.looks,
            bytes: now.bytes - self.bytes,
        }
    }
}

/// Counts that a thing was compared, hashed or looked at.
#[inline]
pub fn look() {
    #[cfg(feature = "steps")]
    TAKEN.set(Steps {
        looks: TAKEN.get().looks + 1,
        ..TAKEN.get()
    });
}

/// Counts bytes that are decoded.
#[inline]
pub fn decode(bytes: &[u8]) {
    #[cfg(feature = "steps")]
    TAKEN.set(Steps {
        bytes: TAKEN.get().bytes + bytes.len() as u64,
        ..TAKEN.get()
    });
    #[cfg(not(feature = "steps"))]
    let _ = bytes;
}

/// Something that things are found by: each look at it is a step, whether it is hashed for a table or
/// compared in a tree or a list. So a list that is searched for each item is counted, wherever it is.
#[derive(Debug, Clone, Copy)]
pub struct Counted<T>(pub T);

impl<T: PartialEq> PartialEq for Counted<T> {
    fn eq(&self, other: &Self) -> bool {
        look();
        self.0 == other.0
    }
}

impl<T: Eq> Eq for Counted<T> {}

impl<T: Ord> PartialOrd for Counted<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for Counted<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        look();
        self.0.cmp(&other.0)
    }
}

impl<T: Hash> Hash for Counted<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        look();
        self.0.hash(state);
    }
}
