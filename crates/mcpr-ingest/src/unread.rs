//! Which files hold no line of a known format: each is reported once. Reads nothing itself.

use super::Notes;
use mcpr_model::{SourceProgress, Text};
use std::collections::{BTreeMap, HashSet};

/// Most files that are named; of others how many there are.
const MOST_NAMED: usize = 10;

/// What is known of the files that were read since they were last reported.
#[derive(Debug, Default)]
pub(super) struct UnknownFiles {
    /// Lines of files of which none was of use.
    waiting: BTreeMap<Text, u64>,
    /// Files that are reported, or that hold something of use.
    judged: HashSet<Text>,
    named: usize,
}

impl UnknownFiles {
    /// Takes in what was met in a file.
    pub(super) fn count(&mut self, progress: &SourceProgress) {
        let (name, counts) = (&progress.name, &progress.counts);
        if counts.lines == 0 || self.judged.contains(name) {
            return;
        }
        // A bad line alone is no event: bytes of a program may begin like one, and then nothing was read.
        if counts.events > 0 {
            self.waiting.remove(name);
            self.judged.insert(name.clone());
        } else {
            *self.waiting.entry(name.clone()).or_default() += counts.lines;
        }
    }

    /// Names the files of which no line was of use. To be called at the end of all files: the next line of one that
    /// is still being read may be.
    pub(super) fn report(&mut self, notes: &Notes) {
        let mut others = 0;
        for (name, lines) in std::mem::take(&mut self.waiting) {
            if self.named < MOST_NAMED {
                let which = if lines == 1 {
                    "its only line is not".to_owned()
                } else {
                    format!("none of its {lines} lines is")
                };
                notes.say(format!("{name}: {which} of a format that mcpr knows"));
                self.named += 1;
            } else {
                others += 1;
            }
            self.judged.insert(name);
        }
        if others > 0 {
            let files = if others == 1 {
                "file holds"
            } else {
                "files hold"
            };
            notes.say(format!(
                "{others} more {files} no line of a format that mcpr knows: `mcpr store stats` lists every file, \
                 such ones with 0 events"
            ));
        }
        if self.named > 0 {
            notes.name_formats();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::Counts;

    fn progress(name: &str, counts: Counts) -> SourceProgress {
        SourceProgress {
            name: name.into(),
            checkpoint: None,
            counts,
        }
    }

    #[test]
    fn a_bad_line_among_those_of_a_program_does_not_hide_that_nothing_was_read() {
        let counts = Counts {
            lines: 382,
            text: 381,
            bad: 1,
            ..Counts::default()
        };
        let (mut files, notes) = (UnknownFiles::default(), Notes::default());
        files.count(&progress("a.out", counts));
        files.report(&notes);
        let named = notes.take();
        assert!(
            named[0].starts_with("a.out: none of its 382 lines"),
            "{named:?}"
        );
    }

    #[test]
    fn a_file_beside_others_that_holds_nothing_of_use_is_named_once() {
        let text = |name: &str| {
            let counts = Counts {
                lines: 2,
                text: 2,
                ..Counts::default()
            };
            progress(name, counts)
        };
        let event = Counts {
            lines: 1,
            events: 1,
            ..Counts::default()
        };
        let (mut files, notes) = (UnknownFiles::default(), Notes::default());
        for one in [text("notes.txt"), text("p.log"), progress("p.log", event)] {
            files.count(&one);
        }
        files.report(&notes);
        let expected = notes.take();
        assert_eq!(
            expected[0],
            "notes.txt: none of its 2 lines is of a format that mcpr knows"
        );
        assert_eq!(expected.len(), 2, "and the formats: {expected:?}");
        files.count(&text("notes.txt"));
        files.report(&notes);
        assert!(notes.take().is_empty());
        for number in 0..30 {
            files.count(&text(&number.to_string()));
        }
        files.report(&notes);
        let expected = notes.take();
        assert_eq!(expected.len(), MOST_NAMED, "{expected:?}");
        let last = &expected[MOST_NAMED - 1];
        assert!(last.starts_with("21 more files hold no line"), "{last}");
        // One that comes later is counted, too.
        files.count(&text("late.log"));
        files.report(&notes);
        let expected = notes.take();
        assert!(expected[0].starts_with("1 more file holds"), "{expected:?}");
    }
}
