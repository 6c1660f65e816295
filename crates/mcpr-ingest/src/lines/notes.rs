//! What is reported about a source while it is read, once each.

use super::LineDecoder;

/// After so many lines without any event that is known a source is called strange.
pub(super) const STRANGE_LINES: u64 = 100;

impl LineDecoder {
    /// Says once that a source is in no format that is known, as far as its first lines show.
    pub(super) fn note_strange(&mut self, is_strange: bool) {
        // One line that is known is enough: text around events is common.
        self.strange_lines = if is_strange {
            self.strange_lines + 1
        } else {
            u64::MAX
        };
        if self.strange_lines == STRANGE_LINES {
            let notes = &self.wanted.notes;
            notes.say(format!(
                "{}: no event in the first {STRANGE_LINES} lines",
                self.source
            ));
            notes.name_formats();
        }
    }

    /// Of a file, which has an end: there it is judged as a whole.
    #[must_use]
    pub(crate) fn of_file(mut self) -> Self {
        self.strange_lines = u64::MAX;
        self
    }

    /// Says once that a source reports calls that cannot be distinguished.
    pub(super) fn note_ambiguous(&mut self) {
        // Once is enough: each further pair of calls is as doubtful.
        if std::mem::replace(&mut self.is_ambiguous, true) {
            return;
        }
        self.wanted.notes.say(format!(
            "{}: calls of one tool were open at once, and the log says no ids: which took how long is a guess",
            self.source
        ));
    }
}
