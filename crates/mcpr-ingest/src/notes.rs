//! What sources have to say to a person: put down wherever it is noticed, fetched by whoever owns the
//! terminal.

use std::sync::{Arc, Mutex, PoisonError};

/// Most notes that wait to be fetched; further ones are left out.
const MAX_WAITING: usize = 64;

/// A place for notes; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Puts a note down.
    pub fn say(&self, note: String) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is to fetch them may be slow, or never ask.
        if waiting.len() < MAX_WAITING {
            waiting.push(note);
        }
    }

    /// Takes the notes that were put down since this was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
