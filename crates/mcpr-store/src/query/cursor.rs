//! A place in the order of storing, from which a listing goes on.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Right behind a stored row. Whoever lists rows prints it, parses it and keeps it, and knows nothing else
/// of it: only a backend looks inside.
///
/// ```
/// use mcpr_store::query::Cursor;
///
/// let kept = Cursor::from_seq(41).to_string();
/// assert_eq!(kept.parse(), Ok(Cursor::from_seq(41)));
/// assert!(Cursor::START < Cursor::from_seq(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor(i64);

/// The text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a sequence number: give one from 0 on, such as the `seq` of a row")]
pub struct CursorError;

impl Cursor {
    /// Before the first row.
    pub const START: Self = Self(0);

    /// Behind the row with a number, where there is one. For backends.
    #[must_use]
    pub const fn from_seq(seq: i64) -> Self {
        Self(seq)
    }

    /// The number of the row it stands behind. For backends.
    #[must_use]
    pub const fn to_seq(self) -> i64 {
        self.0
    }

    /// The place before the row that it stands behind: a listing after it begins with that row.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// A place so far back that at most so many rows lie between; the first one at the furthest. A look
    /// at a bounded piece of a store ends there.
    ///
    /// ```
    /// use mcpr_store::query::Cursor;
    ///
    /// let here = Cursor::from_seq(41);
    /// assert!(here.rows_since(here.back_by(10)) <= 10);
    /// assert_eq!(here.back_by(100), Cursor::START);
    /// ```
    #[must_use]
    pub const fn back_by(self, rows: u64) -> Self {
        let back = self.0.saturating_sub_unsigned(rows);
        Self(if back < 0 { 0 } else { back })
    }

    /// A place so far on that at most so many rows lie between.
    #[must_use]
    pub const fn on_by(self, rows: u64) -> Self {
        Self(self.0.saturating_add_unsigned(rows))
    }

    /// How many rows may lie behind an earlier place, up to here: not fewer than there are.
    #[must_use]
    pub const fn rows_since(self, earlier: Self) -> u64 {
        let rows = self.0.saturating_sub(earlier.0);
        if rows < 0 { 0 } else { rows.unsigned_abs() }
    }

    /// The place behind the next row: a listing before it ends with the row that this one stands behind.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let seq = text.parse().ok().filter(|seq| *seq >= 0);
        seq.map(Self).ok_or(CursorError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text_and_nothing_else_is_one() {
        for cursor in [Cursor::START, Cursor::from_seq(7), Cursor(i64::MAX)] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "-1", "seven", "1.5", "9223372036854775808", " 1"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
    }

    #[test]
    fn the_ends_of_the_order_have_neighbours() {
        assert_eq!(Cursor(i64::MAX).next(), Cursor(i64::MAX));
        assert_eq!(Cursor(i64::MIN).previous(), Cursor(i64::MIN));
        assert_eq!(Cursor(7).previous().next(), Cursor(7));
    }
}
