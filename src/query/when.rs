//! Times and durations as a person types them, and as mcpr prints them. Pure: the present and the
//! time zone are passed in.

use crate::model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use chrono::{
    DateTime, Days, FixedOffset, Local, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime,
    Offset, TimeDelta, TimeZone, Utc,
};

/// A text that is no time or no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {reason}")]
pub struct WhenError {
    text: String,
    reason: &'static str,
    /// What would have been understood.
    pub hint: &'static str,
}

const TIME_HINT: &str = "give a duration back from now (30m, 2h, 1h30m, 7d), a date or time \
    (2026-11-21, 2026-11-21 14:00, 14:00:05, RFC 3339), today, yesterday, now or @EPOCH";
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
/// When the text is none of the forms that [`WhenError::hint`] names.
pub fn parse_when<Tz: TimeZone>(text: &str, now_ms: i64, tz: &Tz) -> Result<i64, WhenError> {
    let text = text.trim();
    let fail = |reason| WhenError {
        text: text.to_owned(),
        reason,
        hint: TIME_HINT,
    };
    match text {
        "" => return Err(fail("is no time")),
        "now" => return Ok(now_ms),
        "today" => return day_start(now_ms, 0, tz).ok_or_else(|| fail("is out of range")),
        "yesterday" => return day_start(now_ms, 1, tz).ok_or_else(|| fail("is out of range")),
        _ => {}
    }
    if let Some(epoch) = text.strip_prefix('@') {
        return parse_epoch(epoch).ok_or_else(|| fail("is no unix time"));
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
                parse_epoch(text).ok_or_else(|| fail("is no unix time"))
            }
            _ => Err(fail("is a number without a unit")),
        };
    }
    match read_duration(text) {
        Ok(back_us) => Ok(now_ms.saturating_sub(back_us / 1000)),
        Err(NoDuration::TooLong) => Err(fail("is too long a time")),
        Err(NoDuration::Shape) => {
            parse_calendar(text, now_ms, tz).ok_or_else(|| fail("is no time"))
        }
    }
}

/// Reads a length of time into microseconds; a bare number is milliseconds.
///
/// # Errors
/// When the text is no duration, is negative, or does not fit.
pub fn parse_duration_us(text: &str) -> Result<i64, WhenError> {
    let text = text.trim();
    let fail = |reason| WhenError {
        text: text.to_owned(),
        reason,
        hint: DURATION_HINT,
    };
    let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let read = if bare {
        read_duration(&format!("{text}ms"))
    } else {
        read_duration(text)
    };
    read.map_err(|error| match error {
        NoDuration::Shape => fail("is no duration"),
        NoDuration::TooLong => fail("is too long a duration"),
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
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    Some(number * SECOND_MS + sign * thousandths)
}

const UNITS: [(&str, i64); 9] = [
    ("us", 1),
    ("\u{b5}s", 1),
    ("\u{3bc}s", 1),
    ("ms", 1000),
    ("s", SECOND_MS * 1000),
    ("m", MINUTE_MS * 1000),
    ("h", HOUR_MS * 1000),
    ("d", DAY_MS * 1000),
    ("w", 7 * DAY_MS * 1000),
];

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoDuration {
    /// It does not look like one.
    Shape,
    /// It looks like one and does not fit.
    TooLong,
}

/// Numbers with units, one after the other, into microseconds.
fn read_duration(text: &str) -> Result<i64, NoDuration> {
    let mut rest = text;
    let mut total = if text.is_empty() {
        Err(NoDuration::Shape)
    } else {
        Ok(0_i64)
    };
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, tail) = rest.split_at(digits.unwrap_or(rest.len()));
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let known = UNITS.iter().find(|(name, _)| *name == unit);
        let &(_, unit_us) = known.ok_or(NoDuration::Shape)?;
        // A later part of another shape says more than an earlier one that does not fit.
        total = match multiply(number, unit_us) {
            Err(NoDuration::Shape) => return Err(NoDuration::Shape),
            part => total.and_then(|sum| sum.checked_add(part?).ok_or(NoDuration::TooLong)),
        };
        rest = tail;
    }
    total
}

/// A decimal number times a unit, exactly, cutting off what is finer than a microsecond.
fn multiply(number: &str, unit_us: i64) -> Result<i64, NoDuration> {
    const MOST_DIGITS: usize = 15;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(NoDuration::Shape);
    }
    let fraction = &fraction[..fraction.len().min(MOST_DIGITS)];
    let scale = 10_i128.pow(u32::try_from(fraction.len()).expect("at most 15 digits"));
    let fraction: i128 = fraction.parse().map_err(|_| NoDuration::Shape)?;
    let whole: i64 = whole.parse().map_err(|_| NoDuration::TooLong)?;
    let us = i128::from(whole) * i128::from(unit_us) + fraction * i128::from(unit_us) / scale;
    i64::try_from(us).map_err(|_| NoDuration::TooLong)
}

fn parse_calendar<Tz: TimeZone>(text: &str, now_ms: i64, tz: &Tz) -> Option<i64> {
    if let Some(time) = parse_with_offset(text) {
        return Some(time.timestamp_millis());
    }
    let joined = text.replacen(' ', "T", 1);
    if let Ok(date) = NaiveDate::parse_from_str(&joined, "%Y-%m-%d") {
        return resolve(date.and_time(NaiveTime::MIN), tz);
    }
    for format in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(&joined, format) {
            return resolve(time, tz);
        }
    }
    let time = ["%H:%M", "%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveTime::parse_from_str(text, format).ok())?;
    resolve(local_date(now_ms, tz)?.and_time(time), tz)
}

fn parse_with_offset(text: &str) -> Option<DateTime<FixedOffset>> {
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-')) || text.len() < 16 {
        return None;
    }
    let zoned = text
        .strip_suffix(['Z', 'z'])
        .map(|naive| format!("{naive}+00:00"));
    let zoned = zoned.as_deref().unwrap_or(text).replacen(' ', "T", 1);
    DateTime::parse_from_str(&zoned, "%Y-%m-%dT%H:%M:%S%.f%:z")
        .or_else(|_| DateTime::parse_from_str(&zoned, "%Y-%m-%dT%H:%M%:z"))
        .ok()
        .or_else(|| DateTime::parse_from_rfc3339(text).ok())
}

fn local_date<Tz: TimeZone>(now_ms: i64, tz: &Tz) -> Option<NaiveDate> {
    let now = DateTime::<Utc>::from_timestamp_millis(now_ms)?;
    Some(now.with_timezone(tz).naive_local().date())
}

fn day_start<Tz: TimeZone>(now_ms: i64, days_back: u64, tz: &Tz) -> Option<i64> {
    let date = local_date(now_ms, tz)?.checked_sub_days(Days::new(days_back))?;
    resolve(date.and_time(NaiveTime::MIN), tz)
}

/// The moment of a local time: the earlier of two, and for one that a clock change skipped, the
/// moment at which it would have been without the change.
fn resolve<Tz: TimeZone>(local: NaiveDateTime, tz: &Tz) -> Option<i64> {
    let offset = tz
        .offset_from_local_datetime(&local)
        .earliest()
        .or_else(|| {
            let day_before = local.checked_sub_signed(TimeDelta::days(1))?;
            tz.offset_from_local_datetime(&day_before).earliest()
        })?;
    let utc = local.checked_sub_offset(offset.fix())?;
    Some(utc.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{parse_rfc3339, rfc3339};
    use chrono::{Datelike, Timelike};

    /// Central European time of 2026 around its two changes.
    #[derive(Debug, Clone, Copy)]
    struct Berlin;

    fn east(hours: i32) -> FixedOffset {
        FixedOffset::east_opt(hours * 3600).expect("a small offset")
    }

    /// Month, day and hour as one number.
    fn hour_of_year(time: &NaiveDateTime) -> u32 {
        time.month() * 10_000 + time.day() * 100 + time.hour()
    }

    impl TimeZone for Berlin {
        type Offset = FixedOffset;
        fn from_offset(_: &FixedOffset) -> Self {
            Self
        }
        fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<FixedOffset> {
            self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
        }
        fn offset_from_local_datetime(&self, t: &NaiveDateTime) -> MappedLocalTime<FixedOffset> {
            match hour_of_year(t) {
                32902 => MappedLocalTime::None,
                102_502 => MappedLocalTime::Ambiguous(east(2), east(1)),
                32903..102_502 => MappedLocalTime::Single(east(2)),
                _ => MappedLocalTime::Single(east(1)),
            }
        }
        fn offset_from_utc_date(&self, utc: &NaiveDate) -> FixedOffset {
            self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
        }
        fn offset_from_utc_datetime(&self, t: &NaiveDateTime) -> FixedOffset {
            match hour_of_year(t) {
                32901..102_501 => east(2),
                _ => east(1),
            }
        }
    }

    const NOW: &str = "2026-11-21T01:30:08.318Z";

    fn check(text: &str, expected: &str) {
        let now = parse_rfc3339(NOW).expect(NOW);
        let zone = Zone::Fixed(east(2));
        let got = parse_when(text, now, &zone).map(rfc3339);
        assert_eq!(got.as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn every_form_of_a_time_is_read() {
        let cases = [
            ("now", NOW),
            ("30m", "2026-11-21T01:00:08.318Z"),
            ("1h30m", "2026-11-21T00:00:08.318Z"),
            ("2h", "2026-11-20T23:30:08.318Z"),
            ("1.5h", "2026-11-21T00:00:08.318Z"),
            ("7d", "2026-11-14T01:30:08.318Z"),
            ("2w", "2026-11-07T01:30:08.318Z"),
            ("318ms", "2026-11-21T01:30:08.000Z"),
            ("0s", NOW),
            ("today", "2026-11-20T22:00:00.000Z"),
            ("yesterday", "2026-11-19T22:00:00.000Z"),
            ("2026-11-21", "2026-11-20T22:00:00.000Z"),
            ("2026-11-21 14:00", "2026-11-21T12:00:00.000Z"),
            ("2026-11-21T14:00", "2026-11-21T12:00:00.000Z"),
            (" 2026-11-21 14:00:05 ", "2026-11-21T12:00:05.000Z"),
            ("2026-11-21 14:00:05.123456", "2026-11-21T12:00:05.123Z"),
            ("14:00:05.5", "2026-11-21T12:00:05.500Z"),
            ("00:30", "2026-11-20T22:30:00.000Z"),
            (
                "2026-11-21T01:28:09.539639578+00:00",
                "2026-11-21T01:28:09.539Z",
            ),
            ("2026-11-21T01:27:02.390Z", "2026-11-21T01:27:02.390Z"),
            ("2026-11-21 01:27:02.390Z", "2026-11-21T01:27:02.390Z"),
            ("2026-11-21 01:27Z", "2026-11-21T01:27:00.000Z"),
            ("2026-11-21T03:27-05:00", "2026-11-21T08:27:00.000Z"),
            ("@1795224422", "2026-11-21T01:27:02.000Z"),
            ("@1795224422.3909", "2026-11-21T01:27:02.390Z"),
            ("@1795224422390", "2026-11-21T01:27:02.390Z"),
            ("1795224422390", "2026-11-21T01:27:02.390Z"),
            ("@0", "1970-01-01T00:00:00.000Z"),
            ("@-1.5", "1969-12-31T23:59:58.500Z"),
        ];
        for (text, expected) in cases {
            check(text, expected);
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_hint() {
        let bad = [
            "",
            " ",
            "30",
            "-30",
            "abc",
            "30x",
            "h",
            "1h30",
            "-1h",
            "1..5h",
            "2026-13-01",
            "2026-11-21 25:00",
            "25:00",
            "@",
            "@x",
            "@1.x",
            "@1.",
            "1h 30m",
            "2026-11-21T",
            "+1h",
            "99999999999999999999w",
            "tomorrow",
            "@99999999999999999999",
            "é",
            "5é",
            "1e3s",
        ];
        for text in bad {
            let got = parse_when(text, 0, &Zone::Utc);
            let error = got.expect_err(text);
            assert!(error.hint.contains("1h30m"), "{text}");
        }
    }

    #[test]
    fn a_clock_change_has_one_answer() {
        let cases = [
            ("2026-10-25 02:30", "2026-10-25T00:30:00.000Z"),
            ("2026-10-25 03:30", "2026-10-25T02:30:00.000Z"),
            ("2026-03-29 02:30", "2026-03-29T01:30:00.000Z"),
            ("2026-03-29 03:30", "2026-03-29T01:30:00.000Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                parse_when(text, 0, &Berlin).map(rfc3339).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn durations_for_thresholds() {
        let cases = [
            ("500ms", 500_000),
            ("500", 500_000),
            ("0.5", 500),
            ("2s", 2_000_000),
            ("1m", 60_000_000),
            ("1m02s", 62_000_000),
            ("3.4s", 3_400_000),
            ("850\u{b5}s", 850),
            ("850us", 850),
            ("0", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration_us(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "-1",
            "fast",
            "1 s",
            "9999999999999999999999",
            "9999999999w",
        ] {
            assert!(parse_duration_us(text).is_err(), "{text}");
        }
    }
}
