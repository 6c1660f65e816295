//! What is reported about files that were looked for and not found.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Tailer;
use super::bases::rotations_of;
use super::lost::Lost;
use crate::label;
use crate::nearby::Nearby;
use crate::path_text::text_of;
use crate::recover::Siblings;
use mcpr_model::Checkpoint;

impl Tailer {
    /// Of files that were not found, those of which that is to be reported, and whether others may have come
    /// after them. Where no other file has taken its place, or nobody could write to it any more, nothing
    /// is known to be missing; but where all that was known of a log has left (`is_trace_lost`), what came
    /// after it may have left as well.
    pub(super) fn still_missing(
        &mut self,
        path: &Path,
        missing: Vec<Lost>,
        is_trace_lost: bool,
    ) -> (Vec<Checkpoint>, bool) {
        let is_replaced = self.paths.contains_key(path);
        let is_rotated = self.is_rotated(path);
        let own = text_of(path);
        let (mut last, mut of_others, mut unread) = (None, None, Vec::new());
        for Lost {
            mut checkpoint,
            more_followed,
        } in missing
        {
            // Nothing was ever seen in it.
            if checkpoint.head.len == 0 {
                continue;
            }
            let is_own = is_replaced && !is_rotated && checkpoint.path == own;
            if is_own && more_followed {
                last = Some(checkpoint);
                continue;
            }
            if is_own {
                // A copy that is made late is known by it still.
                checkpoint.path = label::gone(path);
            } else if is_rotated_and_written(&checkpoint, path) {
                unread.push(checkpoint);
                continue;
            } else {
                of_others = Some(checkpoint.clone());
            }
            self.known.add(checkpoint);
        }
        let is_trace_lost = is_trace_lost && !is_rotated;
        let of_others = of_others.filter(|_| is_trace_lost && unread.is_empty());
        let of_others = of_others.filter(|known| last.is_some() || self.known.take(known));
        let has_lost_trace = is_trace_lost && (of_others.is_some() || !unread.is_empty());
        let has_successors = last.is_some() || has_lost_trace;
        unread.extend(last.or(of_others));
        (unread, has_successors)
    }

    /// Whether a file was rotated to a path: that of which it was is there, or others that were, too.
    fn is_rotated(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().as_bytes();
        rotations_of(path).any(|base| {
            let base_name = base.file_name().unwrap_or_default();
            // `worker-1.log` and `worker-2.log` are more often two logs than one.
            let is_longer = name.starts_with(base_name.as_bytes());
            let others = || Siblings::of(&base, &mut Nearby::default()).has_rotated();
            self.paths.contains_key(&base) || is_longer && others()
        })
    }
}

/// Whether a file had been rotated away from a path, and somebody might still have written to it.
fn is_rotated_and_written(known: &Checkpoint, path: &Path) -> bool {
    let label = &known.path;
    let is_known_gone = label::gone_from(label).is_some();
    !is_known_gone && !label::is_done(label) && label::file(label) != path
}
