//! Times that an attribute writes as text.

/// The year 2000: times before it are 0, or in another unit than nanoseconds.
const FIRST_MS: i64 = 946_684_800_000;
/// The last that fits into 63 bits of nanoseconds, in 2262.
const LAST_MS: i64 = i64::MAX / 1_000_000;

/// Why a time cannot be that of a call; it is given in unix milliseconds.
pub(crate) fn fault_of(ms: i64) -> Option<&'static str> {
    // A row of such a time would be older than all that is kept, and gone at once, or stay for good.
    match ms {
        ..=0 => Some("a time of 0 is not a time (startTimeUnixNano, timeUnixNano)"),
        1..FIRST_MS => Some("a time before 2000 is not in nanoseconds"),
        LAST_MS.. => Some("a time after 2262 is not in nanoseconds"),
        _ => None,
    }
}

/// Unix milliseconds of an RFC 3339 time in UTC: `2026-11-29T06:04:08.920Z`.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    // A second of 60 is a leap second.
    let is_whole = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole {
        return None;
    }
    // `.9` is 900 ms.
    let padded = format!("{:0<3}", fraction.get(..3).unwrap_or(fraction));
    let ms: i64 = padded.parse().ok()?;
    let days = days_before(year, month) + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms)
}

/// Days from 1970 to the first of a month. Years begin in March here, so that a leap day is their last.
fn days_before(year: i64, month: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_words_are_those_of_the_clock() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-29T06:04:08.920Z", Some(1_795_932_248_920)),
            ("2024-02-29T23:59:59.9Z", Some(1_709_251_199_900)),
            ("2024-02-29T23:59:59.999999Z", Some(1_709_251_199_999)),
            ("2024-13-01T00:00:00Z", None),
            ("2024-02-29T23:59:59", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(rfc3339_ms(text), expected, "{text}");
        }
    }
}
