//! The last of what a server wrote, as whole lines. Pure.

use mcpr_model::OutputTail;

/// What is held of an output before its beginning is let go of: twice what is kept, so that this is rare.
const HELD_BYTES: usize = 2 * OutputTail::MAX_BYTES;

/// The end of an output that goes on.
#[derive(Debug, Default)]
pub(super) struct Tail {
    held: Vec<u8>,
    bytes: u64,
}

impl Tail {
    /// Adds what was written.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.held.extend_from_slice(bytes);
        if self.held.len() > HELD_BYTES {
            let over = self.held.len() - OutputTail::MAX_BYTES;
            self.held.drain(..over);
        }
    }

    /// What is to be kept of it: whole lines, as half of one may begin within a secret. The last one counts as
    /// whole where nothing follows.
    pub(super) fn kept(&self, is_all: bool) -> OutputTail {
        // Either let go of already, or more than is kept.
        let is_cut = self.bytes > self.held.len() as u64 || self.held.len() > OutputTail::MAX_BYTES;
        let from = self.held.len().saturating_sub(OutputTail::MAX_BYTES);
        let mut kept = &self.held[from..];
        if is_cut {
            let first = memchr::memchr(b'\n', kept).map_or(kept.len(), |at| at + 1);
            kept = &kept[first..];
        }
        if !is_all {
            let end = memchr::memrchr(b'\n', kept).map_or(0, |at| at + 1);
            kept = &kept[..end];
        }
        OutputTail {
            text: String::from_utf8_lossy(kept).into(),
            bytes: self.bytes,
        }
    }

    /// How much was written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_of_the_end_are_kept() {
        let mut tail = Tail::default();
        tail.add(b"one\ntwo\nthr");
        assert_eq!(&*tail.kept(false).text, "one\ntwo\n");
        assert_eq!(&*tail.kept(true).text, "one\ntwo\nthr");
        for _ in 0..10_000 {
            tail.add(b"a line of some length that comes again and again\n");
        }
        let kept = tail.kept(false);
        assert!(kept.text.len() <= OutputTail::MAX_BYTES && kept.text.len() > 65_000);
        assert!(kept.text.starts_with("a line of"));
        assert_eq!(kept.bytes, 11 + 490_000);
        tail.add(&vec![b'x'; 200_000]);
        assert_eq!(&*tail.kept(true).text, "", "half a line is none");
    }
}
