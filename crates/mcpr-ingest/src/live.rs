//! A setting that changes while a recorder runs: whoever holds it sees the newest value. Must not block a
//! reader for longer than it takes to copy a pointer.

use std::sync::{Arc, PoisonError, RwLock};

/// A value shared by threads, which one of them may put another in the place of.
///
/// ```
/// use mcpr_ingest::Live;
///
/// let setting = Live::new(1);
/// let seen_elsewhere = setting.clone();
/// setting.set(2);
/// assert_eq!(*seen_elsewhere.get(), 2);
/// ```
#[derive(Debug)]
pub struct Live<T>(Arc<RwLock<Arc<T>>>);

impl<T> Live<T> {
    /// A setting with its first value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// The value as it is now. What was begun with it goes on with it.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        // A pointer is whole also where the thread that wrote it panicked.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another value in its place, for all who hold the setting.
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}
