//! Files of a log whose names have nothing of its own: those that a link led to before, `app-2026-11-29.log`
//! of `current.log`, and those that multilog makes of `current`, `@4000000065a1b2c3….s`. Once one of them is
//! known to be of the log, those that differ from it in their date alone are as well.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustc_hash::FxHashMap;

use super::{Entry, Siblings};
use crate::resolve::parent;
use crate::rotated::{Compression, Rank, Rotation, begins_with_day, rotation_of};

/// What names have in common that differ in their date alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatedShape {
    before: OsString,
    behind: OsString,
}

impl DatedShape {
    /// That of a name, and what its date says; `None` where it has none.
    fn of(name: &OsStr) -> Option<(Self, Rotation)> {
        let (compression, plain) = Compression::by_name(name.as_bytes());
        let (from, to, date) = tai64n(plain).or_else(|| day(plain))?;
        let shape = Self {
            before: OsString::from_vec(plain[..from].to_vec()),
            behind: OsString::from_vec(plain[to..].to_vec()),
        };
        let rank = Rank::Date(date);
        Some((shape, Rotation { rank, compression }))
    }

    /// What a name of this shape says of its rotation.
    pub(super) fn rotation(&self, name: &OsStr) -> Option<Rotation> {
        let (shape, rotation) = Self::of(name)?;
        (shape == *self).then_some(rotation)
    }
}

/// Where a day, and perhaps a time, stands in a name, and its numbers.
fn day(name: &[u8]) -> Option<(usize, usize, Vec<u64>)> {
    let is_of_date = |byte: &u8| byte.is_ascii_digit() || b"-_:T".contains(byte);
    let begins = |at: usize| at == 0 || !name[at - 1].is_ascii_digit();
    // A number that is not a day may stand before it, as that of a program.
    let from = (0..name.len())
        .find(|&at| name[at].is_ascii_digit() && begins(at) && begins_with_day(&name[at..]))?;
    let len = name[from..]
        .iter()
        .take_while(|byte| is_of_date(byte))
        .count();
    let last = name[from..from + len]
        .iter()
        .rposition(u8::is_ascii_digit)?;
    let to = from + last + 1;
    let groups = name[from..to].split(|byte| !byte.is_ascii_digit());
    let groups = groups.filter(|group| !group.is_empty());
    // Digits that are not a number of 64 bits are not a date either.
    let numbers = groups.map(|group| std::str::from_utf8(group).ok()?.parse().ok());
    Some((from, to, numbers.collect::<Option<Vec<u64>>>()?))
}

/// The same of a label of TAI64 or TAI64N, with which names of multilog begin.
fn tai64n(name: &[u8]) -> Option<(usize, usize, Vec<u64>)> {
    let label = name.strip_prefix(b"@")?;
    let len = label
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    if !matches!(len, 16 | 24) {
        return None;
    }
    let number = |digits: &[u8]| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let seconds = number(&label[..16])?;
    let rest = if len == 24 {
        number(&label[16..24])?
    } else {
        0
    };
    Some((1, 1 + len, vec![seconds, rest]))
}

impl Siblings<'_> {
    /// Takes in what differs in its date alone from a file that is known to be of the log.
    pub(super) fn learn_date(&mut self, known: &Path) {
        let Some((name, base)) = known.file_name().zip(self.base.file_name()) else {
            return;
        };
        // A name that is made of the log's own says this itself.
        if self.dated_as.is_some() || rotation_of(name, base).is_some() {
            return;
        }
        let Some((shape, _)) = DatedShape::of(name) else {
            return;
        };
        let own = parent(known);
        let entries = self.entries.iter().enumerate();
        let listed = entries.map(|(at, entry)| (entry.path.clone(), at));
        let listed = listed.collect::<FxHashMap<_, _>>();
        let directory = self.nearby.directory(&own);
        for name in directory.beginning_with(shape.before.as_bytes()) {
            let rotation = shape.rotation(name);
            let path = self.path(&directory, name);
            if rotation.is_some() && path != self.base {
                // It may have been listed for its name, which shows nothing of its rotation.
                if let Some(&at) = listed.get(&path) {
                    let entry = &mut self.entries[at];
                    entry.rotation = entry.rotation.take().or(rotation);
                } else {
                    self.entries.push(Entry {
                        path,
                        rotation,
                        is_named_after: false,
                        counted: None,
                    });
                }
            }
        }
        if !self.of_path.contains(&own) {
            self.of_path.push(own);
        }
        self.dated_as = Some(shape);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(name: &str) -> Option<(String, String, Vec<u64>)> {
        let (shape, rotation) = DatedShape::of(OsStr::new(name))?;
        let Rank::Date(date) = rotation.rank else {
            return None;
        };
        let text = |part: &OsStr| part.to_str().expect("a name").to_owned();
        Some((text(&shape.before), text(&shape.behind), date))
    }

    #[test]
    fn a_date_is_found_in_a_name_wherever_it_stands() {
        for (name, before, behind, date) in [
            ("app-2026-11-28.log", "app-", ".log", &[2026, 11, 28][..]),
            ("app-20261128.log.gz", "app-", ".log", &[20_261_128]),
            ("20261128-14.log", "", ".log", &[20_261_128, 14]),
            (
                "p7.2026-11-28_23-59.log",
                "p7.",
                ".log",
                &[2026, 11, 28, 23, 59],
            ),
            ("a-2026-11-28-web.log", "a-", "-web.log", &[2026, 11, 28]),
            (
                "@4000000065a1b2c3.s",
                "@",
                ".s",
                &[0x4000_0000_65a1_b2c3, 0],
            ),
            (
                "@4000000065a1b2c300000001.s",
                "@",
                ".s",
                &[0x4000_0000_65a1_b2c3, 1],
            ),
        ] {
            let expected = (before.to_owned(), behind.to_owned(), date.to_vec());
            assert_eq!(shape(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_number_that_is_no_day_is_no_date() {
        for name in [
            "app.log",
            "app-1.log",
            "app-99999999.log",
            "server-12345678.log",
            "@40.s",
        ] {
            assert_eq!(shape(name), None, "{name}");
        }
    }
}
