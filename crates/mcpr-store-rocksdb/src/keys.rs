//! Keys whose bytes stand in the order of what they are made of.

/// A key while it is put together. Numbers are big-endian, so that the order of keys is that of numbers at any length of
/// their decimal form.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new() -> Self {
        // Most keys have three numbers at most.
        Self(Vec::with_capacity(24))
    }

    /// One of several sorts of records that a column family holds.
    pub(crate) fn of(sort: u8) -> Self {
        Self::new().byte(sort)
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn unsigned(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn signed(self, number: i64) -> Self {
        // The bit of the sign turned over: negative numbers come first.
        self.unsigned(number.cast_unsigned() ^ (1 << 63))
    }

    /// The same, the largest first.
    pub(crate) fn falling(self, number: i64) -> Self {
        self.unsigned(!(number.cast_unsigned() ^ (1 << 63)))
    }

    /// A sequence number in as few bytes as it has, behind how many these are: shorter ones are smaller.
    pub(crate) fn seq(mut self, seq: i64) -> Self {
        let bytes = seq.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let bytes = &bytes[zeros..];
        // Only for numbers from 1 on: a negative one would have all its bytes, and stand behind the others.
        self.0.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
        self.0.extend(bytes);
        self
    }

    /// The same, the largest first.
    pub(crate) fn falling_seq(self, seq: i64) -> Self {
        let from = self.0.len();
        let mut key = self.seq(seq);
        for byte in &mut key.0[from..] {
            *byte = !*byte;
        }
        key
    }

    /// A text with an end that stands before anything a longer one goes on with.
    pub(crate) fn text(mut self, text: &str) -> Self {
        for &byte in text.as_bytes() {
            self.0.push(byte);
            if byte == 0 {
                // A zero byte within a text is followed by 0xff, so that none is taken for its end.
                self.0.push(0xff);
            }
        }
        // 1 is less than 0xff: a text stands before those that go on with a zero byte.
        self.0.extend([0, 1]);
        self
    }

    /// The beginning of a text.
    pub(crate) fn beginning(mut self, text: &str) -> Self {
        let whole = self.0.len();
        self = self.text(text);
        // Without its end, and so before all that begin with it.
        let length = self.0.len().saturating_sub(2).max(whole);
        self.0.truncate(length);
        self
    }

    pub(crate) fn optional(self, text: Option<&str>) -> Self {
        match text {
            None => self.byte(0),
            Some(text) => self.byte(1).text(text),
        }
    }

    /// The first key behind all that begin with this one.
    pub(crate) fn end(&self) -> Self {
        let mut bytes = self.0.clone();
        // A byte that cannot be raised is left out: the one before it is raised instead.
        while bytes.last() == Some(&u8::MAX) {
            bytes.pop();
        }
        match bytes.last_mut() {
            Some(last) => *last += 1,
            // Nothing stands behind it: longer than any key there is.
            None => bytes = vec![u8::MAX; 64],
        }
        Self(bytes)
    }

    /// All keys that begin with this one.
    pub(crate) fn all(self) -> (Self, Self) {
        let end = self.end();
        (self, end)
    }

    /// The key right behind this one.
    pub(crate) fn next(mut self) -> Self {
        self.0.push(0);
        self
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads what a key is made of, in its order. `None` where there is no such thing.
#[derive(Debug)]
pub(crate) struct KeyParts<'a>(pub(crate) &'a [u8]);

impl KeyParts<'_> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    pub(crate) fn signed(&mut self) -> Option<i64> {
        Some((self.unsigned()? ^ (1 << 63)).cast_signed())
    }

    pub(crate) fn seq(&mut self) -> Option<i64> {
        let length = usize::from(self.byte()?);
        self.number_of(length, |byte| byte)
    }

    pub(crate) fn falling_seq(&mut self) -> Option<i64> {
        let length = usize::from(!self.byte()?);
        self.number_of(length, |byte| !byte)
    }

    fn number_of(&mut self, length: usize, of: impl Fn(u8) -> u8) -> Option<i64> {
        // A damaged key must lead to an error and never to a panic or to another number.
        let (bytes, rest) = self.0.split_at_checked(length).filter(|_| length <= 8)?;
        self.0 = rest;
        let number = bytes
            .iter()
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(of(*byte)));
        Some(number.cast_signed())
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                0 => match self.byte()? {
                    1 => return String::from_utf8(bytes).ok(),
                    _ => bytes.push(0),
                },
                byte => bytes.push(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_the_order_of_what_they_are_made_of() {
        let numbers = [
            i64::MIN,
            -1,
            0,
            1,
            255,
            256,
            99_999_999,
            100_000_000,
            i64::MAX,
        ];
        assert!(numbers.map(|it| Key::new().signed(it)).is_sorted());
        assert!(
            numbers
                .map(|it| Key::new().falling(it))
                .is_sorted_by(|a, b| a > b)
        );
        let seqs = &numbers[2..];
        assert!(seqs.iter().map(|it| Key::new().seq(*it)).is_sorted());
        let falling = seqs.iter().rev().map(|it| Key::new().falling_seq(*it));
        assert!(falling.is_sorted());
        for &seq in seqs {
            let (key, down) = (Key::new().seq(seq), Key::new().falling_seq(seq));
            assert_eq!(KeyParts(key.as_ref()).seq(), Some(seq));
            assert_eq!(KeyParts(down.as_ref()).falling_seq(), Some(seq));
        }
        let texts = [
            "", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "ab", "b", "\u{ff}",
        ];
        assert!(texts.map(|it| Key::new().text(it).byte(0xff)).is_sorted());
        for text in texts {
            assert_eq!(
                KeyParts(Key::new().text(text).as_ref()).text().as_deref(),
                Some(text)
            );
            let (first, end) = Key::new().beginning(text).all();
            let key = Key::new().text(&format!("{text}x"));
            assert!(first <= key && key < end, "{text:?}");
        }
    }
}
