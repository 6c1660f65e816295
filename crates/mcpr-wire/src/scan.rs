//! Members of an object in the order in which a program always writes them, read one after the other. Whatever stands
//! there otherwise (another order, blanks, escapes, other types) is for serde, which also says what is wrong with it.

use super::fields::{Str, WholeNumber};
use std::borrow::Cow;

/// What stands here is not what is always written.
#[derive(Debug)]
pub(super) struct Otherwise;

/// An object that is read from its beginning to its end.
pub(super) struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    /// Begins with an object, unless it holds what no JSON may hold: a look at all of it at once is cheaper than one at
    /// each text in it.
    pub(super) fn of(json: &'a str) -> Result<Self, Otherwise> {
        // The least of all and not the first that is too small: so many bytes are compared at a time.
        if json.bytes().fold(u8::MAX, u8::min) < 0x20 {
            return Err(Otherwise);
        }
        Ok(Self(json))
    }

    /// Passes what has to stand here.
    pub(super) fn pass(&mut self, literal: &str) -> Result<(), Otherwise> {
        self.0 = self.0.strip_prefix(literal).ok_or(Otherwise)?;
        Ok(())
    }

    /// A text without escapes.
    pub(super) fn text(&mut self) -> Result<Str<'a>, Otherwise> {
        let rest = self.0.strip_prefix('"').ok_or(Otherwise)?;
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes()).ok_or(Otherwise)?;
        if rest.as_bytes()[end] == b'\\' {
            return Err(Otherwise);
        }
        self.0 = &rest[end + 1..];
        Ok(Str(Cow::Borrowed(&rest[..end])))
    }

    /// Digits alone, few enough that no number of them is too large.
    pub(super) fn number(&mut self) -> Result<WholeNumber, Otherwise> {
        const MAX_DIGITS: usize = 18;
        let mut number = 0_i64;
        let mut digits = 0;
        for byte in self.0.bytes() {
            if !byte.is_ascii_digit() {
                break;
            }
            number = number.wrapping_mul(10) + i64::from(byte - b'0');
            digits += 1;
            if digits > MAX_DIGITS {
                return Err(Otherwise);
            }
        }
        // `01` is not a number, and `1.0` and `1e3` go on.
        let is_plain = digits == 1 || (digits > 1 && !self.0.starts_with('0'));
        self.0 = &self.0[digits..];
        if is_plain && self.0.starts_with([',', '}']) {
            Ok(WholeNumber(number))
        } else {
            Err(Otherwise)
        }
    }

    /// The same, or `null`.
    pub(super) fn text_or_null(&mut self) -> Result<Option<Str<'a>>, Otherwise> {
        self.or_null(Self::text)
    }

    /// The same, or `null`.
    pub(super) fn number_or_null(&mut self) -> Result<Option<WholeNumber>, Otherwise> {
        self.or_null(Self::number)
    }

    fn or_null<T>(
        &mut self,
        value: impl FnOnce(&mut Self) -> Result<T, Otherwise>,
    ) -> Result<Option<T>, Otherwise> {
        match self.pass("null") {
            Ok(()) => Ok(None),
            Err(Otherwise) => value(self).map(Some),
        }
    }

    /// What stands behind a name, with all that is around it.
    pub(super) fn member<T>(
        &mut self,
        name: &str,
        value: impl FnOnce(&mut Self) -> Result<T, Otherwise>,
    ) -> Result<T, Otherwise> {
        self.pass(name)?;
        value(self)
    }

    /// Nothing follows.
    pub(super) fn end(self) -> Result<(), Otherwise> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Otherwise)
        }
    }
}
