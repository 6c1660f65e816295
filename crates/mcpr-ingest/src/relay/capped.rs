//! One text that grows, bounded: whole as long as it is short, else its outline. Pure.

use crate::tap::{MAX_FRAME_BYTES, Outline};

/// A message that comes in pieces.
#[derive(Debug)]
pub(super) struct CappedText {
    held: HeldText,
    len: u64,
}

/// What is known of it.
#[derive(Debug)]
enum HeldText {
    /// All of it.
    Copy(Vec<u8>),
    /// What matters of it: the copy was too long.
    Outline(Box<Outline>),
}

impl Default for CappedText {
    fn default() -> Self {
        Self {
            held: HeldText::Copy(Vec::new()),
            len: 0,
        }
    }
}

impl CappedText {
    /// Adds bytes; only an outline of them where there is no room for more copies.
    pub(super) fn add(&mut self, bytes: &[u8], has_room: bool) {
        self.len += bytes.len() as u64;
        match &mut self.held {
            HeldText::Copy(copy) if has_room && copy.len() + bytes.len() <= MAX_FRAME_BYTES => {
                copy.extend_from_slice(bytes);
            }
            HeldText::Copy(copy) => {
                let mut outline = Box::new(Outline::default());
                // The outline starts over with all that was kept, of which the copy is let go.
                outline.feed(copy);
                outline.feed(bytes);
                self.held = HeldText::Outline(outline);
            }
            HeldText::Outline(outline) => outline.feed(bytes),
        }
    }

    /// Its length as it passed.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Its text; what is left of it where it was cut.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.held {
            HeldText::Copy(copy) => copy,
            HeldText::Outline(outline) => outline.text(),
        }
    }

    /// Whether it was longer than the copy may be.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self.held, HeldText::Outline(_))
    }

    /// Bytes of memory that it takes.
    pub(super) fn kept_bytes(&self) -> usize {
        match &self.held {
            HeldText::Copy(copy) => copy.capacity(),
            HeldText::Outline(outline) => outline.kept_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_room_an_outline_is_kept() {
        let text = br#"{"id":7,"result":{"content":[{"text":"long"}]}}"#;
        let mut capped = CappedText::default();
        capped.add(&text[..10], true);
        assert_eq!((capped.bytes(), capped.is_cut()), (&text[..10], false));
        capped.add(&text[10..], false);
        let outline = br#"{"id":7,"result":{"content":null}}"#;
        assert_eq!((capped.bytes(), capped.is_cut()), (&outline[..], true));
        assert_eq!(capped.len(), text.len() as u64);
    }
}
