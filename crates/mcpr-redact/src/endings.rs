//! Words by how they end: a name is compared with the few that share its last letters. Must not know what they mean.

/// Words by their last two letters, so that a name is compared with very few of them.
pub(super) struct Endings {
    words: Vec<&'static str>,
    /// Where in `words` those with these last two letters begin.
    starts: Vec<u16>,
}

/// Letters and digits: what is left of a name.
const LETTERS: usize = 36;

/// The list in which words with the same end as this name are.
fn bucket(name: &[u8]) -> Option<usize> {
    let number = |byte: u8| match byte {
        b'a'..=b'z' => Some(usize::from(byte - b'a')),
        b'0'..=b'9' => Some(usize::from(byte - b'0') + 26),
        _ => None,
    };
    let [.., before, last] = name else {
        return None;
    };
    Some(number(*before)? * LETTERS + number(*last)?)
}

impl Endings {
    pub(super) fn new(list: &[&'static str]) -> Self {
        let mut words = list.to_vec();
        // The sort is stable: words with one end stay in the order of their list.
        words.sort_by_key(|word| bucket(word.as_bytes()));
        // One more than there are ends, so that the last one has an end, too.
        let starts = (0..=LETTERS * LETTERS).map(|at| {
            let first = words.partition_point(|word| bucket(word.as_bytes()) < Some(at));
            // The lists hold some hundred words each at most.
            u16::try_from(first).unwrap_or(u16::MAX)
        });
        Self {
            starts: starts.collect(),
            words,
        }
    }

    /// The word that a name ends with.
    pub(super) fn of(&self, name: &[u8]) -> Option<&'static str> {
        let at = bucket(name)?;
        let words = usize::from(self.starts[at])..usize::from(self.starts[at + 1]);
        let is_end = |word: &&&str| name.ends_with(word.as_bytes());
        self.words[words].iter().find(is_end).copied()
    }
}
