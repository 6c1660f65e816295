//! What sources have to say to a person: put down wherever it is noticed, fetched by whoever owns the
//! terminal.

use mcpr_wire::FORMATS;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most notes that wait to be fetched; of further ones their number is reported.
const MAX_WAITING: usize = 64;

/// A place for notes; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<WaitingNotes>>);

#[derive(Debug, Default)]
struct WaitingNotes {
    notes: Vec<String>,
    left_out: usize,
    has_named_formats: bool,
}

impl Notes {
    /// Puts a note down.
    pub fn say(&self, note: String) {
        let mut waiting = self.waiting();
        // Whoever is to fetch them may be slow, or never ask.
        if waiting.notes.len() < MAX_WAITING {
            waiting.notes.push(note);
        } else {
            waiting.left_out += 1;
        }
    }

    /// Names the formats that are read, once however many sources are in none of them: the list is long.
    pub(super) fn name_formats(&self) {
        if std::mem::replace(&mut self.waiting().has_named_formats, true) {
            return;
        }
        let formats = FORMATS.iter().filter(|it| it.is_of_lines());
        let formats: Vec<String> = formats
            .map(|it| format!("{} ({})", it.name(), it.about()))
            .collect();
        self.say(format!("formats that are read: {}", formats.join(", ")));
    }

    /// Takes the notes that were put down since this was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let mut waiting = self.waiting();
        let mut notes = std::mem::take(&mut waiting.notes);
        let left_out = std::mem::take(&mut waiting.left_out);
        notes.extend((left_out > 0).then(|| format!("{left_out} more notes were left out")));
        notes
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingNotes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_that_were_too_many_are_counted_and_formats_are_named_once() {
        let notes = Notes::default();
        for _ in 0..MAX_WAITING + 5 {
            notes.say("a".to_owned());
        }
        let reported = notes.take();
        assert_eq!(reported.len(), MAX_WAITING + 1);
        assert_eq!(reported[MAX_WAITING], "5 more notes were left out");
        notes.name_formats();
        notes.name_formats();
        assert_eq!(notes.take().len(), 1);
    }
}
