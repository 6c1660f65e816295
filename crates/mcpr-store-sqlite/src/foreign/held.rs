//! How much of a store of another program is held in memory to answer a question. These stores keep no sums:
//! what has one row for each session or each name has a bound, however many a file has.

use super::fault::Fault;

/// Most bytes that the rows of one answer take.
pub(super) const MAX_HELD_BYTES: usize = if cfg!(test) { 4 << 20 } else { 256 << 20 };
/// What a row takes beside what it is made of: its place in a table, and the memory that texts lie in.
const ROW_BYTES: usize = 64;

/// What is held so far.
#[derive(Debug, Default)]
pub(super) struct Held(usize);

impl Held {
    /// Takes in a value of a type with texts of such lengths.
    ///
    /// # Errors
    /// When all together would be more than is held.
    pub(super) fn take_in<T>(&mut self, texts: &[&str]) -> Result<(), Fault> {
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        self.0 = self.0.saturating_add(size_of::<T>() + ROW_BYTES + texts);
        if self.0 > MAX_HELD_BYTES {
            return Err(Fault::TooMuch);
        }
        Ok(())
    }
}
