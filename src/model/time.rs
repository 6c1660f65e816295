//! Unix milliseconds and their text form.

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds in a second, minute, hour and day.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// RFC 3339 in UTC with milliseconds and `Z`; a time outside the calendar stands as `@MILLISECONDS`.
#[must_use]
pub fn rfc3339(ts_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ts_ms).map_or_else(
        || format!("@{ts_ms}"),
        |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

/// Reads an RFC 3339 time into unix milliseconds, cutting off what is finer.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.timestamp_millis())
}

/// The start of the hour that holds a time.
#[must_use]
pub fn hour_of(ts_ms: i64) -> i64 {
    ts_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_and_text_agree() {
        assert_eq!(rfc3339(1_795_224_422_390), "2026-11-21T01:27:02.390Z");
        assert_eq!(
            parse_rfc3339("2026-11-21T01:28:09.539639578+00:00"),
            Some(1_795_224_489_539)
        );
        assert_eq!(
            parse_rfc3339("2026-11-21T03:28:09.5+02:00"),
            Some(1_795_224_489_500)
        );
        assert_eq!(parse_rfc3339("yesterday"), None);
        assert_eq!(rfc3339(i64::MAX), format!("@{}", i64::MAX));
    }

    #[test]
    fn hours_start_on_the_hour_before_and_after_1970() {
        assert_eq!(hour_of(HOUR_MS + 1), HOUR_MS);
        assert_eq!(hour_of(-1), -HOUR_MS);
    }
}
