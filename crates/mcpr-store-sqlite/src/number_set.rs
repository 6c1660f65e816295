//! Sets of the numbers of rows, which lie close together: a bit each. Numbers that lie far apart, as in a
//! file that was made on purpose, take what a list of them would take, and no more.

use rustc_hash::FxHashMap;

/// Numbers in one word.
const WORD: i64 = 64;

/// A set of numbers of rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct NumberSet(FxHashMap<i64, u64>);

impl NumberSet {
    pub(crate) fn add(&mut self, number: i64) {
        // Rounded down, so that numbers below zero, which only a forged row has, have words of their own.
        *self.0.entry(number.div_euclid(WORD)).or_default() |= bit(number);
    }

    pub(crate) fn has(&self, number: i64) -> bool {
        let word = self.0.get(&number.div_euclid(WORD));
        word.is_some_and(|word| word & bit(number) != 0)
    }

    pub(crate) fn clear(&mut self) {
        // Its memory goes, too: the next filter may match few.
        self.0 = FxHashMap::default();
    }
}

fn bit(number: i64) -> u64 {
    1 << number.rem_euclid(WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_added_also_at_the_ends_of_64_bits() {
        let numbers = [i64::MIN, -65, -1, 0, 1, 63, 64, 1 << 40, i64::MAX];
        let mut set = NumberSet::default();
        for number in numbers {
            assert!(!set.has(number), "{number}");
            set.add(number);
        }
        for number in numbers {
            assert!(set.has(number), "{number}");
        }
        assert!(!set.has(2) && !set.has(-2) && !set.has(i64::MAX - 1));
        assert_eq!(set.0.len(), 7, "a word for each 64 numbers");
    }
}
