//! Unix milliseconds and their text form.

use chrono::{
    DateTime, Local, MappedLocalTime, NaiveDateTime, Offset, SecondsFormat, TimeDelta, TimeZone,
    Utc,
};

/// Milliseconds in a second, minute, hour and day.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The first and last moment whose year has four digits.
const CALENDAR: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// What a program means by a number that is not a time in milliseconds: microseconds, else nanoseconds. Every
/// number is a time then.
#[must_use]
pub fn in_calendar(ts: i64) -> i64 {
    // Some programs write microseconds or nanoseconds into a field for milliseconds.
    [1, 1_000, 1_000_000]
        .map(|unit| ts / unit)
        .into_iter()
        .find(|ms| CALENDAR.contains(ms))
        .unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds and `Z`; `None` for a time whose year has not four digits, which
/// RFC 3339 cannot say.
#[must_use]
pub fn rfc3339(ts_ms: i64) -> Option<String> {
    DateTime::<Utc>::from_timestamp_millis(ts_ms)
        // chrono writes other years with a sign, which readers of RFC 3339 refuse.
        .filter(|_| CALENDAR.contains(&ts_ms))
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Reads an RFC 3339 time into unix milliseconds, cutting off what is finer; `None` for one that its own
/// offset puts outside of the years that RFC 3339 can say.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    parse_rfc3339_us(text).map(ms_of)
}

/// The same in microseconds.
#[must_use]
pub fn parse_rfc3339_us(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.timestamp_micros())
        .filter(|us| CALENDAR.contains(&ms_of(*us)))
}

/// Microseconds as milliseconds, cutting off what is finer, also before 1970.
#[must_use]
pub fn ms_of(us: i64) -> i64 {
    us.div_euclid(1_000)
}

/// Reads `2026-11-21 01:27:02.390`, a time that says no zone, as if it were UTC, into microseconds. A comma
/// before the fraction will do.
#[must_use]
pub fn parse_local_us(text: &str) -> Option<i64> {
    let text = text.replacen(',', ".", 1);
    let time = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    let us = time.and_utc().timestamp_micros();
    CALENDAR.contains(&ms_of(us)).then_some(us)
}

/// What a time without a zone, as [`parse_local_us`] reads it, may mean in the zone of this machine: one
/// moment, or two where the clock was put back. One that no clock has shown is read as if it had not been
/// put forward.
#[must_use]
pub fn local_moments(us: i64) -> (i64, Option<i64>) {
    moments_in(&Local, us)
}

fn moments_in<Z: TimeZone>(zone: &Z, us: i64) -> (i64, Option<i64>) {
    let Some(naive) = DateTime::<Utc>::from_timestamp_micros(us).map(|it| it.naive_utc()) else {
        return (us, None);
    };
    let moment = |time: DateTime<Z>| time.timestamp_micros();
    match naive.and_local_timezone(zone.clone()) {
        MappedLocalTime::Single(time) => (moment(time), None),
        MappedLocalTime::Ambiguous(one, other) => {
            // Which of them is given first differs between zones.
            let (one, other) = (moment(one), moment(other));
            (one.min(other), Some(one.max(other)))
        }
        MappedLocalTime::None => {
            // The offset of the day before: clocks are put forward once in many days.
            let before = naive - TimeDelta::days(1);
            let offset = zone.offset_from_utc_datetime(&before).fix();
            let seconds = i64::from(offset.local_minus_utc());
            (us - seconds * 1_000_000, None)
        }
    }
}

/// The start of the hour that holds a time.
#[must_use]
pub fn hour_of(ts_ms: i64) -> i64 {
    // Rounds down also before 1970. The product stays in range but for times that no calendar has.
    ts_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_and_text_agree() {
        let shown = rfc3339(1_795_224_422_390);
        assert_eq!(shown.as_deref(), Some("2026-11-21T01:27:02.390Z"));
        assert_eq!(
            parse_rfc3339("2026-11-21T01:28:09.539639578+00:00"),
            Some(1_795_224_489_539)
        );
        assert_eq!(
            parse_rfc3339("2026-11-21T03:28:09.5+02:00"),
            Some(1_795_224_489_500)
        );
        assert_eq!(parse_rfc3339("yesterday"), None);
        for outside in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"] {
            assert_eq!(parse_rfc3339(outside), None, "{outside}");
        }
    }

    #[test]
    fn a_year_without_four_digits_has_no_rfc3339() {
        let cases = [
            (-62_135_596_800_000, Some("0001-01-01T00:00:00.000Z")),
            (-62_135_596_800_001, None),
            (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
            (253_402_300_800_000, None),
            (1_795_928_486_123_000, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ];
        for (ts, expected) in cases {
            assert_eq!(rfc3339(ts).as_deref(), expected, "{ts}");
        }
    }

    #[test]
    fn a_time_in_a_finer_unit_is_the_time_that_was_meant() {
        let cases = [
            (0, 0),
            (1_795_928_486_123, 1_795_928_486_123),
            (253_402_300_799_999, 253_402_300_799_999),
            (1_795_928_486_123_456, 1_795_928_486_123),
            (1_795_928_486_123_456_789, 1_795_928_486_123),
            (-1_795_928_486_123_456, -1_795_928_486_123),
            (i64::MAX, 9_223_372_036_854),
            (i64::MIN, -9_223_372_036_854),
        ];
        for (ts, expected) in cases {
            assert_eq!(in_calendar(ts), expected, "{ts}");
            assert!(rfc3339(in_calendar(ts)).is_some(), "{ts}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_read_to_the_microsecond() {
        let us = Some(1_795_224_422_390_000);
        assert_eq!(parse_local_us("2026-11-21 01:27:02.390"), us);
        assert_eq!(parse_local_us("2026-11-21 01:27:02,39"), us);
        assert_eq!(
            parse_local_us("2026-11-21 01:27:02"),
            Some(1_795_224_422_000_000)
        );
        for wrong in ["2026-11-21T01:27:02.390Z", "2026-11-21", "26", ""] {
            assert_eq!(parse_local_us(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hours_start_on_the_hour_before_and_after_1970() {
        assert_eq!(hour_of(HOUR_MS + 1), HOUR_MS);
        assert_eq!(hour_of(-1), -HOUR_MS);
    }
}
