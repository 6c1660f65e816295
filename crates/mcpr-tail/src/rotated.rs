//! The names that rotation gives to files: `.1`, `.2.gz`, `-20261129`, `.2026-11-29`, `-29Nov2026`, `.old`, `.bak2`,
//! before the extension or after it, and `20261129-` before the name. Pure; looks at no file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// As it was written.
    None,
    /// gzip, which is read.
    Gzip,
    /// Something else, by its name, which is not.
    Other(&'static str),
}

/// What compressors add to a name, and begin a file with.
const COMPRESSIONS: &[(&str, &[u8], Compression)] = &[
    (".gz", b"\x1f\x8b", Compression::Gzip),
    (".xz", b"\xfd7zXZ\0", Compression::Other("xz")),
    (".zst", b"\x28\xb5\x2f\xfd", Compression::Other("zstd")),
    (".bz2", b"BZh", Compression::Other("bzip2")),
    (".lz4", b"\x04\x22\x4d\x18", Compression::Other("lz4")),
    (".lzma", b"\x5d\0\0", Compression::Other("lzma")),
    (".lzo", b"\x89LZO", Compression::Other("lzop")),
    (".Z", b"\x1f\x9d", Compression::Other("compress")),
    (".zip", b"PK\x03\x04", Compression::Other("zip")),
    (".7z", b"7z\xbc\xaf", Compression::Other("7z")),
    // It begins with nothing of its own.
    (".br", b"\xce\xb2\xcf\x81", Compression::Other("brotli")),
];

/// Longest beginning by which a compression is known.
pub(super) const MAGIC_BYTES: usize = 6;

impl Compression {
    /// How a file is compressed, as its first bytes say or, where it has none yet, its name.
    pub(super) fn of(name: &OsStr, magic: &[u8]) -> Self {
        let name = name.as_bytes();
        let found = COMPRESSIONS.iter().find(|(suffix, begin, _)| {
            let is_whole = magic.len() >= begin.len();
            let is_named = || begin.starts_with(magic) && name.ends_with(suffix.as_bytes());
            // The bytes decide where they are there: a name is easily wrong. A file that is just
            // being made has none yet.
            is_whole && magic.starts_with(begin) || !is_whole && is_named()
        });
        found.map_or(Self::None, |found| found.2)
    }

    /// How a file is compressed as its name says, and the name without that.
    pub(super) fn by_name(name: &[u8]) -> (Self, &[u8]) {
        let found = COMPRESSIONS.iter().find_map(|(suffix, _, compression)| {
            let rest = name.strip_suffix(suffix.as_bytes())?;
            Some((*compression, rest))
        });
        found.unwrap_or((Self::None, name))
    }
}

/// Which of several rotated files is the newer one, as far as their names say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rank {
    /// The lower the newer.
    Number(u64),
    /// The higher the newer; the numbers of a date in their order.
    Date(Vec<u64>),
    /// `.old` and its kind.
    Word,
}

impl Rank {
    /// Whether this is newer; `None` where names do not say.
    pub(super) fn is_newer_than(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Number(own), Self::Number(other)) => Some(own < other),
            (Self::Date(own), Self::Date(other)) => Some(own > other),
            _ => None,
        }
    }
}

/// What a name says of a file that was rotated away from another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rotation {
    pub(super) rank: Rank,
    pub(super) compression: Compression,
}

/// Reads a name as one that rotation made of `base`; `None` where it is another file's.
pub(super) fn rotation_of(name: &OsStr, base: &OsStr) -> Option<Rotation> {
    let (compression, name) = Compression::by_name(name.as_bytes());
    let base = base.as_bytes();
    let rank = if name == base {
        // `p.log.gz` says that it is older than `p.log`, and nothing of its place among others.
        (compression != Compression::None).then_some(Rank::Word)?
    } else {
        let found = after(name, base).or_else(|| within(name, base));
        found.or_else(|| date_before(name.strip_suffix(base)?))?
    };
    Some(Rotation { rank, compression })
}

/// Whether rotation may have made a path of another one in the same directory, where a file was at both.
pub(super) fn is_rotated_from(path: &Path, base: &Path) -> bool {
    let names = path.file_name().zip(base.file_name());
    let is_beside = path.parent() == base.parent();
    is_beside
        && names.is_some_and(|(name, base)| {
            rotation_of(name, base).is_some() || counted_beside(name, base).is_some()
        })
}

/// The names of which rotation may have made this one.
pub(super) fn bases(name: &OsStr) -> Vec<OsString> {
    let (compression, plain) = Compression::by_name(name.as_bytes());
    let mut bases = Vec::new();
    if compression != Compression::None {
        bases.push(plain.to_vec());
    }
    let (stem, extension) = extension(plain);
    for (name, extension) in [(plain, &b""[..]), (stem, extension)] {
        // Every cut that leaves an addition: `p-2026-11-29` may be of `p` and of `p-2026-11`.
        let cuts = (1..name.len()).filter(|&at| rank(&name[at..]).is_some());
        bases.extend(cuts.map(|at| [&name[..at], extension].concat()));
    }
    let dated = dated_base(plain).into_iter();
    bases.extend(dated.map(<[u8]>::to_vec));
    bases.into_iter().map(OsString::from_vec).collect()
}

/// What stands between a name and what rotation adds.
const SEPARATORS: &[u8] = b".-_";
/// What rotation adds beside numbers and dates.
const WORDS: &[&[u8]] = &[
    b"old",
    b"bak",
    b"backup",
    b"prev",
    b"previous",
    b"last",
    b"save",
];

fn after(name: &[u8], base: &[u8]) -> Option<Rank> {
    rank(name.strip_prefix(base)?)
}

/// With the addition before the extension.
fn within(name: &[u8], base: &[u8]) -> Option<Rank> {
    let (stem, extension) = extension(base);
    if extension.is_empty() {
        return None;
    }
    rank(name.strip_prefix(stem)?.strip_suffix(extension)?)
}

/// What a date before a name says, with the separator that ends it.
fn date_before(addition: &[u8]) -> Option<Rank> {
    let (_, date) = addition.split_last()?;
    // As it would stand behind the name. A number that is not a date is more often a program's own.
    let rank = rank(&[b"-", date].concat())?;
    let is_separated = addition.last().is_some_and(|it| SEPARATORS.contains(it));
    (is_separated && begins_with_day(date)).then_some(rank)
}

/// Whether the first eight digits are year, month and day.
pub(super) fn begins_with_day(date: &[u8]) -> bool {
    let digits = date.iter().copied().filter(u8::is_ascii_digit);
    let digits = digits.take(8).collect::<Vec<_>>();
    let Some((year, day)) = digits.split_at_checked(4).filter(|(_, day)| day.len() == 4) else {
        return false;
    };
    let is_in = |digits, range: std::ops::RangeInclusive<u64>| {
        number_of(digits).is_some_and(|number| range.contains(&number))
    };
    is_in(year, 1970..=2199) && is_in(&day[..2], 1..=12) && is_in(&day[2..], 1..=31)
}

/// A name without the date before it, as far as it has one.
fn dated_base(name: &[u8]) -> Option<&[u8]> {
    // The longest: `2026-11-29-p.log` is of `p.log`, and of no `29-p.log`.
    let cuts = (1..name.len()).rev();
    let mut cuts = cuts.filter(|&at| date_before(&name[..at]).is_some());
    cuts.next().map(|at| &name[at..])
}

/// The name of which rotation may have made one that begins with a date.
pub(super) fn base_after_date(name: &OsStr) -> Option<&OsStr> {
    let (_, plain) = Compression::by_name(name.as_bytes());
    // Most names do not begin so, and no cut of them is tried.
    let is_dated = plain.first().is_some_and(u8::is_ascii_digit);
    let base = is_dated.then(|| dated_base(plain)).flatten()?;
    Some(OsStr::from_bytes(base))
}

/// Longest number that counts rotations within a name.
const MAX_COUNT_DIGITS: usize = 3;

/// What names have in common that differ in a number before the extension alone, as `p1.log` and
/// `p2.log` do, and `p.log`; and this one's number.
pub(super) fn counted(name: &OsStr) -> Option<(OsString, Option<u64>)> {
    let (_, plain) = Compression::by_name(name.as_bytes());
    let (stem, extension) = extension(plain);
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let len = stem.iter().rposition(|byte| !is_digit(byte))? + 1;
    let (stem, digits) = stem.split_at(len);
    // With a separator before it, it is read as any other addition.
    let is_joined = stem.last().is_some_and(|byte| !SEPARATORS.contains(byte));
    if !is_joined || digits.len() > MAX_COUNT_DIGITS {
        return None;
    }
    let shape = OsString::from_vec([stem, b"\0", extension].concat());
    Some((shape, number_of(digits)))
}

/// What the number in a name says beside another name of its shape: that one may be what rotation made
/// it of, which only their contents show.
pub(super) fn counted_beside(name: &OsStr, base: &OsStr) -> Option<Rotation> {
    let ((shape, number), (of_base, base_number)) = (counted(name)?, counted(base)?);
    if shape != of_base {
        return None;
    }
    let rank = match (number, base_number) {
        (Some(number), Some(base)) if number > base => Rank::Number(number),
        // Which way they are counted is not known: their times say which is older.
        (Some(_), None) => Rank::Word,
        _ => return None,
    };
    let (compression, _) = Compression::by_name(name.as_bytes());
    Some(Rotation { rank, compression })
}

/// With what every name begins that rotation makes of this one.
pub(super) fn stem(base: &OsStr) -> &[u8] {
    extension(base.as_bytes()).0
}

fn extension(name: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'.', name) {
        // A dot at the beginning hides a file, and begins no extension.
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, b""),
    }
}

/// What an addition, its separator included, says.
fn rank(addition: &[u8]) -> Option<Rank> {
    if addition == b"~" {
        return Some(Rank::Word);
    }
    let (separator, addition) = addition.split_first()?;
    if !SEPARATORS.contains(separator) || addition.is_empty() {
        return None;
    }
    if let Some(counted) = WORDS.iter().find_map(|word| addition.strip_prefix(*word)) {
        return counted_word(counted);
    }
    if let Some(date) = date_with_month(addition) {
        return Some(Rank::Date(date));
    }
    let is_of_date = |byte: &u8| byte.is_ascii_digit() || b"-_.:TZ+@".contains(byte);
    if !addition.iter().all(is_of_date) {
        return None;
    }
    let groups = addition.split(|byte| !byte.is_ascii_digit());
    let groups = groups.filter(|group| !group.is_empty());
    let numbers = groups
        // Digits that are not a number of 64 bits are not a date either.
        .map(|group| std::str::from_utf8(group).ok()?.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    let digits = addition.iter().filter(|byte| byte.is_ascii_digit()).count();
    match (&numbers[..], digits) {
        // A short number counts rotations; from six digits on it is a date, as in `-20261129` or
        // `-261129`.
        ([number], ..6) => Some(Rank::Number(*number)),
        (_, 6..) => Some(Rank::Date(numbers)),
        _ => None,
    }
}

/// What follows a word: nothing, or a short number that counts, as in `.bak2`.
fn counted_word(rest: &[u8]) -> Option<Rank> {
    if rest.is_empty() {
        return Some(Rank::Word);
    }
    let number = (rest.len() < 6).then(|| number_of(rest)).flatten()?;
    Some(Rank::Number(number))
}

fn number_of(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok()?;
    is_number.then(|| text.parse().ok()).flatten()
}

/// The months as `%b` of strftime(3) writes them without a locale.
const MONTHS: &[&[u8]] = &[
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// Year, month and day of `02Nov2026`, `2026Nov02` and the like, with separators or without.
fn date_with_month(addition: &[u8]) -> Option<Vec<u64>> {
    let from = addition.iter().position(u8::is_ascii_alphabetic)?;
    let name = addition.get(from..from + 3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let is_separator = |byte: &u8| SEPARATORS.contains(byte);
    let before = addition[..from].split(is_separator).next()?;
    let after = addition[from + 3..].rsplit(is_separator).next()?;
    let (first, last) = (number_of(before)?, number_of(after)?);
    let (year, day) = match (before.len(), after.len()) {
        (4, 1..=2) => (first, last),
        (1..=2, 4) => (last, first),
        _ => return None,
    };
    Some(vec![year, u64::try_from(month).ok()?, day])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, base: &str, expected: Option<&Rotation>) {
        let found = rotation_of(OsStr::new(name), OsStr::new(base));
        assert_eq!(found.as_ref(), expected, "{name} of {base}");
        if found.is_some() {
            assert!(bases(OsStr::new(name)).contains(&base.into()), "{name}");
        }
    }

    #[test]
    fn names_that_rotation_makes_are_known() {
        use Compression::{Gzip, None as Plain, Other};
        let date = |numbers: &[u64]| Rank::Date(numbers.to_vec());
        let cases = [
            ("p.log.1", Rank::Number(1), Plain),
            ("p.log.12.gz", Rank::Number(12), Gzip),
            ("p.1.log", Rank::Number(1), Plain),
            ("p-20261129.log", date(&[20_261_129]), Plain),
            ("p.log-20261129", date(&[20_261_129]), Plain),
            ("p.log-20261129.gz", date(&[20_261_129]), Gzip),
            (
                "p.log-20261129-1795000000",
                date(&[20_261_129, 1_795_000_000]),
                Plain,
            ),
            ("p.log.2026-11-29", date(&[2026, 11, 29]), Plain),
            ("p.2026-11-29.log.gz", date(&[2026, 11, 29]), Gzip),
            (
                "p.log.2026-11-29T10:00:00",
                date(&[2026, 11, 29, 10, 0, 0]),
                Plain,
            ),
            ("p.log.3.xz", Rank::Number(3), Other("xz")),
            ("p.log.3.zst", Rank::Number(3), Other("zstd")),
            ("p.log.old", Rank::Word, Plain),
            ("p.log.bak2", Rank::Number(2), Plain),
            ("p.log.save1.gz", Rank::Number(1), Gzip),
            ("p.log-02Nov2026", date(&[2026, 11, 2]), Plain),
            ("p-2026-Nov-02.log", date(&[2026, 11, 2]), Plain),
            ("p.log.gz", Rank::Word, Gzip),
            ("p.log~", Rank::Word, Plain),
            ("20261129-p.log", date(&[20_261_129]), Plain),
            ("2026-11-29_p.log.gz", date(&[2026, 11, 29]), Gzip),
            ("20261129.101500.p.log", date(&[20_261_129, 101_500]), Plain),
        ];
        for (name, rank, compression) in cases {
            check(name, "p.log", Some(&Rotation { rank, compression }));
        }
        let plain = Rotation {
            rank: Rank::Number(7),
            compression: Plain,
        };
        check("plain.7", "plain", Some(&plain));
    }

    #[test]
    fn names_of_other_files_are_not_taken_for_rotated_ones() {
        for name in [
            "p.log",
            "p.log.lock",
            "pp.log.1",
            "p2.log",
            "q.log.1",
            "p.log.1.2",
            "p.log.backlog",
            "p.log-02Moon2026",
            "p.log-Nov",
            "p.txt",
            "1-p.log",
            "123456-p.log",
            "20269929-p.log",
            "20261129p.log",
            "p1.log",
        ] {
            check(name, "p.log", None);
        }
        for name in ["p.log", "mcp-server-x.log", "server-v2.log"] {
            assert!(bases(OsStr::new(name)).is_empty(), "{name}");
        }
    }

    #[test]
    fn newer_is_what_has_the_lower_number_or_the_later_date() {
        let newer = |a: &str, b: &str| {
            let of = |name: &str| {
                rotation_of(OsStr::new(name), OsStr::new("p.log"))
                    .unwrap()
                    .rank
            };
            of(a).is_newer_than(&of(b))
        };
        assert_eq!(newer("p.log.1", "p.log.2.gz"), Some(true));
        assert_eq!(newer("p.log.10", "p.log.9"), Some(false));
        assert_eq!(newer("p.log-20261130", "p.log-20261129.gz"), Some(true));
        assert_eq!(newer("p.log.old", "p.log.1"), None);
    }

    #[test]
    fn names_that_differ_in_a_number_alone_may_be_of_one_log() {
        let rank = |name: &str, base: &str| {
            let found = counted_beside(OsStr::new(name), OsStr::new(base));
            found.map(|rotation| rotation.rank)
        };
        assert_eq!(rank("p1.log", "p.log"), Some(Rank::Word));
        assert_eq!(rank("p3.log.gz", "p1.log"), Some(Rank::Number(3)));
        for (name, base) in [
            ("p1.log", "p3.log"),
            ("p1.log", "p1.log"),
            ("q1.log", "p.log"),
            ("p1.txt", "p.log"),
            ("p1234.log", "p.log"),
            ("p-1.log", "p.log"),
            ("p.log", "p1.log"),
        ] {
            assert_eq!(rank(name, base), None, "{name} {base}");
        }
    }

    #[test]
    fn a_compression_is_known_by_the_first_bytes_before_the_name() {
        let of = |name: &str, magic: &[u8]| Compression::of(OsStr::new(name), magic);
        assert_eq!(of("p.log.1.gz", b""), Compression::Gzip);
        assert_eq!(of("p.log.1", b"\x1f\x8b\x08"), Compression::Gzip);
        assert_eq!(of("p.log.1.gz", b"plain!"), Compression::None);
        assert_eq!(
            of("p.log.1", b"\x28\xb5\x2f\xfd"),
            Compression::Other("zstd")
        );
    }
}
