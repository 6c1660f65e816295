//! What is shown of a request and never asked for, as a few bytes: as columns of their own these numbers would take a
//! third of a row.

use crate::errors::DbFault;
use mcpr_model::{Request, SourceFormat};

/// Bits of a number that a byte holds; the highest one says that more follow.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// Statuses from this one on, as many as fit, take one byte: those of success.
const FIRST_STATUS: u16 = 200;

/// The numbers of a request, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Figures {
    pub(crate) format: Option<SourceFormat>,
    pub(crate) http_status: Option<u16>,
    pub(crate) bytes_in: Option<i64>,
    pub(crate) bytes_out: Option<i64>,
    pub(crate) upstream_us: Option<i64>,
    pub(crate) first_event_us: Option<i64>,
}

impl Figures {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            format: request.format,
            http_status: request.http_status,
            bytes_in: request.bytes_in,
            bytes_out: request.bytes_out,
            upstream_us: request.upstream_us,
            first_event_us: request.first_event_us,
        }
    }

    /// Each number one larger, so that 0 stands for none; missing numbers at the end take no space.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let format = self.format.map(SourceFormat::code);
        let status = self.http_status.map(status_code);
        let numbers = [
            format,
            status,
            self.bytes_in,
            self.bytes_out,
            self.upstream_us,
            self.first_event_us,
        ];
        let known = numbers.iter().rposition(Option::is_some);
        let mut bytes = Vec::with_capacity(16);
        for number in numbers.iter().take(known.map_or(0, |last| last + 1)) {
            // Of 65 bits: every number there is, and none.
            push(
                &mut bytes,
                number.map_or(0, |it| u128::from(it.cast_unsigned()) + 1),
            );
        }
        bytes
    }

    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Result<Self, DbFault> {
        let mut next = || take(&mut bytes);
        let format = next()?;
        let status = next()?;
        Ok(Self {
            // A later version may have written one that this one does not know.
            format: format.and_then(SourceFormat::from_code),
            http_status: status.and_then(status_of),
            bytes_in: next()?,
            bytes_out: next()?,
            upstream_us: next()?,
            first_event_us: next()?,
        })
    }
}

fn status_code(status: u16) -> i64 {
    i64::from(status.wrapping_sub(FIRST_STATUS))
}

fn status_of(code: i64) -> Option<u16> {
    Some(u16::try_from(code).ok()?.wrapping_add(FIRST_STATUS))
}

fn push(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= u128::from(MORE) {
        bytes.push(number.to_le_bytes()[0] | MORE);
        number >>= BITS;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// The next number, if there is one.
fn take(bytes: &mut &[u8]) -> Result<Option<i64>, DbFault> {
    let wrong = || DbFault::damaged("the figures of a request do not decode");
    let (mut number, mut shift) = (0_u128, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        let bits = u128::from(byte & !MORE).checked_shl(shift);
        number |= bits.ok_or_else(wrong)?;
        if byte & MORE == 0 {
            let known = number.checked_sub(1).map(u64::try_from).transpose();
            let known = known.map_err(|_| wrong())?;
            return Ok(known.map(u64::cast_signed));
        }
        shift += BITS;
    }
    // It ends where nothing more was known, or where a version ended that knew fewer.
    if shift == 0 { Ok(None) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_back_from_their_bytes() {
        let all = [
            None,
            Some(0),
            Some(126),
            Some(i64::MAX),
            Some(i64::MIN),
            Some(-1),
        ];
        for bytes_in in all {
            for upstream_us in all {
                let figures = Figures {
                    bytes_in,
                    upstream_us,
                    ..Figures::default()
                };
                let bytes = figures.to_bytes();
                assert_eq!(Figures::from_bytes(&bytes).ok(), Some(figures), "{bytes:?}");
            }
        }
        for status in 0..=u16::MAX {
            let figures = Figures {
                http_status: Some(status),
                ..Figures::default()
            };
            let bytes = figures.to_bytes();
            assert_eq!(Figures::from_bytes(&bytes).ok(), Some(figures), "{bytes:?}");
        }
        assert!(Figures::default().to_bytes().is_empty());
    }

    #[test]
    fn what_is_usual_takes_eight_bytes() {
        let usual = Figures {
            format: Some(SourceFormat::McprV04),
            http_status: Some(202),
            bytes_in: Some(163),
            bytes_out: Some(7_705),
            upstream_us: Some(5_155),
            first_event_us: None,
        };
        assert_eq!(usual.to_bytes().len(), 8);
    }

    #[test]
    fn bytes_that_are_no_figures_are_damage() {
        assert!(Figures::from_bytes(&[0x80]).is_err());
        assert!(Figures::from_bytes(&[0xff; 40]).is_err());
    }
}
