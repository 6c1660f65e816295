//! How many files are open at once, and whose descriptor goes first.

use super::{Stage, Tailer};

/// How many files may be open at once, and what becomes of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Most files that are open.
    pub most: usize,
    /// Whether more are read in turn, each opened for its own; else they are not read, which is reported.
    pub takes_turns: bool,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            most: 10_000,
            // More files than descriptors are read a little later, rather than not at all.
            takes_turns: true,
        }
    }
}

impl Tailer {
    pub(super) fn count_open(&self) -> usize {
        let open = self.files.iter();
        open.filter(|t| t.file.handle().opened().is_some()).count()
    }

    /// How many more files may be opened and stay so.
    pub(super) fn room_left(&self) -> usize {
        self.room.most.saturating_sub(self.count_open())
    }

    /// Sees to it that a file can be opened for its turn; says whether it can.
    pub(super) fn has_room_for(&mut self, index: usize, open: &mut usize) -> bool {
        if self.files[index].file.handle().opened().is_some() {
            return true;
        }
        if *open >= self.room.most {
            // Several at once: to look for the least needed one takes a look at all of them.
            *open -= self.park(1 + self.room.most / 4);
        }
        let has_room = *open < self.room.most;
        *open += usize::from(has_room);
        has_room
    }

    /// Closes so many descriptors that are not in use: first of files that were read to their end,
    /// those longest without a change before the others. Says how many there were.
    fn park(&mut self, wanted: usize) -> usize {
        let mut open = self
            .files
            .iter_mut()
            // A held file has no path by which it could be opened again.
            .filter(|t| t.held.is_none() && t.file.handle().opened().is_some())
            .collect::<Vec<_>>();
        open.sort_by_key(|t| (t.stage != Stage::Drained, t.changed));
        let mut parked = 0;
        for tracked in open {
            if parked == wanted {
                break;
            }
            tracked.file.park();
            // A file may keep its descriptor, as one does that is being decompressed.
            parked += usize::from(tracked.file.handle().opened().is_none());
        }
        parked
    }
}
