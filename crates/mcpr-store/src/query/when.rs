//! Times and durations as a person types them, and as mcpr prints them. Pure: the present and the
//! time zone are passed in.

mod length;
mod words;

use chrono::{
    DateTime, Datelike, Days, FixedOffset, Local, MappedLocalTime, Months, NaiveDate,
    NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc, Weekday,
};
use length::{Length, NoLength, read_back, read_us};
use mcpr_model::time::SECOND_MS;
use std::borrow::Cow;
use words::{ambiguity, dated};

/// A text that is not a time or no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {reason}")]
pub struct WhenError {
    text: String,
    reason: &'static str,
    /// What would have been understood.
    pub hint: Cow<'static, str>,
}

const TIME_HINT: &str = "give a duration back from now (30m, 2h, 1h30m, 7d, 1mo, 2 hours ago), \
    a date or time (2026-11-21, 29 Nov, 2026-11-21 14:00, 14:00:05 UTC, RFC 3339), today, yesterday, \
    a day of the week, now or @EPOCH";
const DURATION_HINT: &str = "give a duration such as 500ms, 2s, 1m or 1h30m; a bare number is \
    milliseconds";

/// The zone in which naive times are read and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// The system's zone.
    Local,
    /// UTC; shown with a `Z`, so that a time read back later means the same.
    Utc,
    /// A constant distance from UTC.
    Fixed(FixedOffset),
}

impl TimeZone for Zone {
    type Offset = FixedOffset;

    fn from_offset(offset: &FixedOffset) -> Self {
        Self::Fixed(*offset)
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<FixedOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<FixedOffset> {
        match self {
            Self::Local => Local.offset_from_local_datetime(local),
            Self::Utc => MappedLocalTime::Single(Utc.fix()),
            Self::Fixed(offset) => MappedLocalTime::Single(*offset),
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> FixedOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> FixedOffset {
        match self {
            Self::Local => Local.offset_from_utc_datetime(utc),
            Self::Utc => Utc.fix(),
            Self::Fixed(offset) => *offset,
        }
    }
}

/// Reads a moment into unix milliseconds, cutting off what is finer.
///
/// # Errors
/// When the text is not one of the forms that [`WhenError::hint`] names.
pub fn parse_when<Tz: TimeZone>(text: &str, now_ms: i64, tz: &Tz) -> Result<i64, WhenError> {
    let text = text.trim();
    let fail = |reason| WhenError {
        text: text.to_owned(),
        reason,
        hint: TIME_HINT.into(),
    };
    if text.is_empty() {
        return Err(fail("is not a time"));
    }
    if text.eq_ignore_ascii_case("now") {
        return Ok(now_ms);
    }
    if let Some(epoch) = text.strip_prefix('@') {
        return parse_epoch(epoch).ok_or_else(|| fail("is not a unix time"));
    }
    if text
        .strip_prefix('-')
        .unwrap_or(text)
        .bytes()
        .all(|b| b.is_ascii_digit())
    {
        // `ts` in machine output is a bare number of milliseconds; small numbers are slips.
        return match text.parse::<i64>() {
            Ok(number) if number.unsigned_abs() >= LEAST_BARE_EPOCH => {
                parse_epoch(text).ok_or_else(|| fail("is not a unix time"))
            }
            _ => Err(fail("is a number without a unit")),
        };
    }
    match read_back(text) {
        Ok(length) => back_from(now_ms, length, tz).ok_or_else(|| fail("is too long a time")),
        Err(NoLength::TooLong) => Err(fail("is too long a time")),
        Err(NoLength::Shape) => parse_calendar(text, now_ms, tz).ok_or_else(|| {
            let today = local_time(now_ms, tz).map(|now| now.date());
            match today.and_then(|today| ambiguity(text, today)) {
                Some(found) => WhenError {
                    hint: found.hint.into(),
                    ..fail(found.reason)
                },
                None => fail("is not a time"),
            }
        }),
    }
}

/// Reads a length of time into microseconds; a bare number is milliseconds.
///
/// # Errors
/// When the text is not a duration, is negative, or does not fit.
pub fn parse_duration_us(text: &str) -> Result<i64, WhenError> {
    let text = text.trim();
    let fail = |reason| WhenError {
        text: text.to_owned(),
        reason,
        hint: DURATION_HINT.into(),
    };
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let read = if bare {
        read_us(&format!("{text}ms"))
    } else {
        read_us(text)
    };
    read.map_err(|error| match error {
        NoLength::Shape => fail("is not a duration"),
        NoLength::TooLong => fail("is too long a duration"),
    })
}

/// A bare number from here on is a unix time.
const LEAST_BARE_EPOCH: u64 = 100_000_000;
/// `@EPOCH` from here on is milliseconds: as seconds it would be the year 5138.
const LEAST_EPOCH_MS: i64 = 100_000_000_000;

fn parse_epoch(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number = whole.parse::<i64>().ok()?;
    if text.ends_with('.') || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if number.unsigned_abs() >= LEAST_EPOCH_MS.unsigned_abs() {
        return Some(number);
    }
    let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    // The fraction of `-1.5` goes back in time, too; `-0.5` has its sign in the text alone.
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    Some(number * SECOND_MS + sign * thousandths)
}

/// So long before now: months by the calendar of the zone, the rest to the millisecond.
fn back_from<Tz: TimeZone>(now_ms: i64, length: Length, tz: &Tz) -> Option<i64> {
    // Months have no fixed length, so they are counted by the calendar.
    let from = if length.months == 0 {
        now_ms
    } else {
        let months = Months::new(u32::try_from(length.months).ok()?);
        resolve(local_time(now_ms, tz)?.checked_sub_months(months)?, tz)?
    };
    // Before the first moment that a number can say nothing was recorded.
    let back_ms = i64::try_from(length.us / 1000).unwrap_or(i64::MAX);
    Some(from.saturating_sub(back_ms))
}

/// A day, a time of today, or both; in a zone of its own where it names one.
fn parse_calendar<Tz: TimeZone>(text: &str, now_ms: i64, tz: &Tz) -> Option<i64> {
    match split_zone(text) {
        Some((naive, offset)) => parse_naive(naive, now_ms, &Zone::Fixed(offset)),
        None => parse_naive(text, now_ms, tz),
    }
}

fn parse_naive<Tz: TimeZone>(text: &str, now_ms: i64, tz: &Tz) -> Option<i64> {
    let today = local_time(now_ms, tz)?.date();
    let (day, time) = match dated(text, today) {
        Some((day, time)) => (Some(day), time),
        None => split_day(text, today),
    };
    let local = match (day, time) {
        (Some(day), None) => day.and_time(NaiveTime::MIN),
        (Some(day), Some(time)) => day.and_time(read_time(time)?),
        (None, None) => today.and_time(read_time(text)?),
        (None, Some(_)) => return None,
    };
    resolve(local, tz)
}

/// The day that the first word says, and what stands behind it.
fn split_day(text: &str, today: NaiveDate) -> (Option<NaiveDate>, Option<&str>) {
    // `T` parts a date from a time only behind digits: `today` and `tuesday` begin with one.
    let is_dated = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    let gap = text.find(|c: char| c == ' ' || (is_dated && matches!(c, 'T' | 't')));
    let (first, time) = match gap {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_start())),
        None => (text, None),
    };
    match read_day(first, today) {
        Some(day) => (Some(day), time),
        // `2:30 pm` is a time of today, and has a blank as well.
        None => (None, None),
    }
}

/// A date, or the word for one: a day of the week is the last one there was, today included.
fn read_day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let word = text.to_ascii_lowercase();
    let weekday = || {
        let weekday = word.parse::<Weekday>().ok()?;
        Some(u64::from(today.weekday().days_since(weekday)))
    };
    let days_back = match word.as_str() {
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => weekday(),
    };
    let Some(days_back) = days_back else {
        let mut forms = ["%Y-%m-%d", "%Y/%m/%d"].into_iter();
        return forms.find_map(|form| NaiveDate::parse_from_str(text, form).ok());
    };
    today.checked_sub_days(Days::new(days_back))
}

/// A time of day: `14:00`, `at 14:00:05.5`, `2pm`, `2:30 pm`.
fn read_time(text: &str) -> Option<NaiveTime> {
    let text = text.strip_prefix("at ").unwrap_or(text).trim_start();
    let read = |text: &str, forms: &[&str]| {
        forms
            .iter()
            .find_map(|form| NaiveTime::parse_from_str(text, form).ok())
    };
    let lower = text.to_ascii_lowercase();
    let Some(half) = ["am", "pm"].iter().find(|half| lower.ends_with(*half)) else {
        return read(text, &["%H:%M", "%H:%M:%S%.f"]);
    };
    let clock = lower.trim_end_matches(half).trim_end();
    // A full hour stands without its minutes there, which a form cannot leave out.
    let minutes = if clock.contains(':') { "" } else { ":00" };
    read(
        &format!("{clock}{minutes} {half}"),
        &["%I:%M %p", "%I:%M:%S %p"],
    )
}

/// What stands before a zone, and the zone: `UTC`, `GMT`, `Z`, `+02:00`, `-0500`, `+02`.
fn split_zone(text: &str) -> Option<(&str, FixedOffset)> {
    for name in ["UTC", "GMT", "Z"] {
        let split = text.split_at_checked(text.len().saturating_sub(name.len()));
        if let Some((before, zone)) = split
            && zone.eq_ignore_ascii_case(name)
            && before.ends_with(|c: char| c.is_ascii_digit() || c == ' ')
        {
            return Some((before.trim_end(), Utc.fix()));
        }
    }
    let (before, offset) = text.split_at(text.rfind(['+', '-'])?);
    // Else it is the day of a date.
    if !before.contains(':') && !before.ends_with(' ') {
        return None;
    }
    let (sign, offset) = offset.split_at(1);
    let (hours, minutes) = match offset.len() {
        // ISO 8601 allows `+02`, `+0200` and `+02:00`.
        2 => (offset, "00"),
        4 => offset.split_at_checked(2)?,
        5 => offset.split_once(':')?,
        _ => return None,
    };
    let number = |text: &str| match text.as_bytes() {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(i32::from(a - b'0') * 10 + i32::from(b - b'0')),
        _ => None,
    };
    let minutes = number(minutes).filter(|minutes| *minutes < 60)?;
    let east = (number(hours)? * 60 + minutes) * 60;
    let offset = FixedOffset::east_opt(if sign == "-" { -east } else { east })?;
    Some((before.trim_end(), offset))
}

fn local_time<Tz: TimeZone>(ts_ms: i64, tz: &Tz) -> Option<NaiveDateTime> {
    let utc = DateTime::<Utc>::from_timestamp_millis(ts_ms)?.naive_utc();
    utc.checked_add_offset(tz.offset_from_utc_datetime(&utc).fix())
}

/// More than any zone is away from UTC.
const FAR_HOURS: i64 = 26;

/// The first moment at which a clock of the zone shows a time or a later one: of a time that comes
/// twice the earlier, and for one that is skipped, the moment of the change.
///
/// It asks a zone for nothing but its offset at a moment: what zones answer for a local time that
/// comes twice is not in one order (`chrono::Local` gives the later first).
fn resolve<Tz: TimeZone>(local: NaiveDateTime, tz: &Tz) -> Option<i64> {
    let shown_from = |utc: NaiveDateTime| {
        let offset = tz.offset_from_utc_datetime(&utc).fix();
        utc.checked_add_offset(offset)
    };
    let hours = |hours| local.checked_add_signed(TimeDelta::hours(hours));
    // Every offset that is in force for an hour or more around then.
    let mut offsets = Vec::new();
    for utc in (-FAR_HOURS..=FAR_HOURS).filter_map(hours) {
        let offset = tz.offset_from_utc_datetime(&utc).fix();
        if !offsets.contains(&offset) {
            offsets.push(offset);
        }
    }
    let moments = offsets.iter().filter_map(|offset| {
        let utc = local.checked_sub_offset(*offset)?;
        (shown_from(utc)? == local).then_some(utc)
    });
    if let Some(first) = moments.min() {
        return Some(first.and_utc().timestamp_millis());
    }
    let mut before = hours(-FAR_HOURS)?.and_utc().timestamp_millis();
    let mut after = hours(FAR_HOURS)?.and_utc().timestamp_millis();
    // Skipped times lie at a change of offset, which is found by halving.
    while before + 1 < after {
        let middle = before + (after - before) / 2;
        if local_time(middle, tz)? < local {
            before = middle;
        } else {
            after = middle;
        }
    }
    Some(after)
}

#[cfg(test)]
mod tests;
