//! Lengths of time as a person types them: numbers with units. Knows nothing of the present.

use mcpr_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// A length of time: what months and years come to depends on when they are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    /// Whole calendar months.
    pub(super) months: i64,
    /// All the rest, microseconds: an age that is printed may be longer than 64 bits of them.
    pub(super) us: i128,
}

/// Why a text is not a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoLength {
    /// It does not look like one.
    Shape,
    /// It looks like one and does not fit.
    TooLong,
}

/// What a unit counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Us(i64),
    Months(i64),
}

const SECOND: Unit = Unit::Us(SECOND_MS * 1000);
const MINUTE: Unit = Unit::Us(MINUTE_MS * 1000);
const HOUR: Unit = Unit::Us(HOUR_MS * 1000);
const DAY: Unit = Unit::Us(DAY_MS * 1000);
const WEEK: Unit = Unit::Us(7 * DAY_MS * 1000);
const MONTH: Unit = Unit::Months(1);
const YEAR: Unit = Unit::Months(12);

/// Every name of a unit. Names of one or two letters are taken as they are, the others in any case:
/// `5M` might be minutes or months.
const UNITS: [(&str, Unit); 29] = [
    ("us", Unit::Us(1)),
    ("\u{b5}s", Unit::Us(1)),
    ("\u{3bc}s", Unit::Us(1)),
    ("ms", Unit::Us(1000)),
    ("millisecond", Unit::Us(1000)),
    ("milliseconds", Unit::Us(1000)),
    ("s", SECOND),
    ("sec", SECOND),
    ("secs", SECOND),
    ("second", SECOND),
    ("seconds", SECOND),
    ("m", MINUTE),
    ("min", MINUTE),
    ("mins", MINUTE),
    ("minute", MINUTE),
    ("minutes", MINUTE),
    ("h", HOUR),
    ("hr", HOUR),
    ("hour", HOUR),
    ("hours", HOUR),
    ("d", DAY),
    ("day", DAY),
    ("days", DAY),
    ("w", WEEK),
    ("week", WEEK),
    ("weeks", WEEK),
    ("mo", MONTH),
    ("y", YEAR),
    ("yr", YEAR),
];
const LONG_UNITS: [(&str, Unit); 5] = [
    ("month", MONTH),
    ("months", MONTH),
    ("year", YEAR),
    ("years", YEAR),
    ("yrs", YEAR),
];

fn unit(name: &str) -> Option<Unit> {
    let is_short = name.chars().count() <= 2;
    let mut units = UNITS.iter().chain(&LONG_UNITS);
    let found =
        units.find(|(known, _)| *known == name || (!is_short && known.eq_ignore_ascii_case(name)));
    found.map(|(_, unit)| *unit)
}

/// A length back from now: `2h`, `-2h`, `1h 30m`, `2 hours ago`, `an hour ago`, `last 2 hours`.
pub(super) fn read_back(text: &str) -> Result<Length, NoLength> {
    if let Some(length) = text.strip_prefix('-') {
        return read(length, true);
    }
    let length = without_ago(text);
    let Some((first, rest)) = length.split_once(' ') else {
        return read(length, true);
    };
    match first.to_ascii_lowercase().as_str() {
        "a" | "an" | "one" => read(&format!("1{rest}"), true),
        // Only with a number: `last week` may be one of the calendar.
        "last" | "past" if rest.starts_with(|c: char| c.is_ascii_digit()) => read(rest, true),
        "half" => match rest.strip_prefix("an ").or_else(|| rest.strip_prefix("a ")) {
            Some(rest) => read(&format!("0.5{rest}"), true),
            None => Err(NoLength::Shape),
        },
        _ => read(length, true),
    }
}

/// The text before the word `ago`.
fn without_ago(text: &str) -> &str {
    let cut = text.len().saturating_sub("ago".len());
    match text.split_at_checked(cut) {
        Some((before, ago)) if ago.eq_ignore_ascii_case("ago") => before.trim_end(),
        _ => text,
    }
}

/// A length that is the same at any time, in microseconds: nothing in months, no blanks.
pub(super) fn read_us(text: &str) -> Result<i64, NoLength> {
    match read(text, false)? {
        Length { months: 0, us } => i64::try_from(us).map_err(|_| NoLength::TooLong),
        _ => Err(NoLength::Shape),
    }
}

/// Numbers with units, one after the other.
fn read(text: &str, with_blanks: bool) -> Result<Length, NoLength> {
    let mut rest = text;
    let mut total = if text.is_empty() {
        Err(NoLength::Shape)
    } else {
        Ok(Length::default())
    };
    let skip = |text| {
        if with_blanks {
            str::trim_start(text)
        } else {
            text
        }
    };
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, tail) = rest.split_at(digits.unwrap_or(rest.len()));
        let tail = skip(tail);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c.is_whitespace());
        let (name, tail) = tail.split_at(letters.unwrap_or(tail.len()));
        let unit = unit(name).ok_or(NoLength::Shape)?;
        // A later part of another shape says more than an earlier one that does not fit.
        total = match multiply(number, unit) {
            Err(NoLength::Shape) => return Err(NoLength::Shape),
            part => total.and_then(|sum| add(sum, part?)),
        };
        rest = skip(tail);
    }
    total
}

fn add(sum: Length, part: Length) -> Result<Length, NoLength> {
    let months = sum.months.checked_add(part.months);
    let us = sum.us.checked_add(part.us);
    match (months, us) {
        (Some(months), Some(us)) => Ok(Length { months, us }),
        _ => Err(NoLength::TooLong),
    }
}

/// A decimal number times a unit, exactly, cutting off what is finer than a microsecond. Months are
/// counted whole.
fn multiply(number: &str, unit: Unit) -> Result<Length, NoLength> {
    const MOST_DIGITS: usize = 15;
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(NoLength::Shape);
    }
    let read = |whole: &str| whole.parse::<i64>().map_err(|_| NoLength::TooLong);
    let unit_us = match unit {
        Unit::Us(us) => us,
        Unit::Months(_) if number.contains('.') => return Err(NoLength::Shape),
        Unit::Months(months) => {
            let months = read(whole)?.checked_mul(months).ok_or(NoLength::TooLong)?;
            return Ok(Length { months, us: 0 });
        }
    };
    let fraction = &fraction[..fraction.len().min(MOST_DIGITS)];
    let scale = 10_i128.pow(u32::try_from(fraction.len()).expect("at most 15 digits"));
    let fraction: i128 = fraction.parse().map_err(|_| NoLength::Shape)?;
    let us =
        i128::from(read(whole)?) * i128::from(unit_us) + fraction * i128::from(unit_us) / scale;
    Ok(Length { months: 0, us })
}
