//! Numbers and times as a person reads them. Everything here reads back as `--since` or
//! `--min-latency` where that makes sense.

use chrono::{DateTime, Datelike, Utc};
use mcpr_model::time::DAY_MS;
use mcpr_store::query::when::Zone;

/// A duration of microseconds: `850µs`, `1.2ms`, `604ms`, `3.4s`, `1m02s`, `1h05m`.
#[must_use]
pub fn latency(us: i64) -> String {
    let tenths = |value: i64, unit: i64| (value + unit / 20) / (unit / 10);
    let whole = |value: i64, unit: i64| (value + unit / 2) / unit;
    match us {
        // Each bound is where rounding reaches the next shape: 9.95 ms would be shown as `10.0ms`.
        ..1_000 => format!("{us}\u{b5}s"),
        1_000..9_950 => decimal(tenths(us, 1_000), "ms"),
        9_950..999_500 => format!("{}ms", whole(us, 1_000)),
        999_500..59_950_000 => decimal(tenths(us, 1_000_000), "s"),
        59_950_000..3_599_500_000 => {
            let seconds = whole(us, 1_000_000);
            format!("{}m{:02}s", seconds / 60, seconds % 60)
        }
        _ => {
            let minutes = us / 60_000_000 + i64::from(us % 60_000_000 >= 30_000_000);
            format!("{}h{:02}m", minutes / 60, minutes % 60)
        }
    }
}

/// Whether a request that took so many microseconds is marked as slow: from half a second on, as `mcpr slow`
/// has it.
#[must_use]
pub fn is_slow(us: i64) -> bool {
    us >= 500_000
}

/// A difference of milliseconds, with its sign: `+0ms`, `+12ms`, `-3.4s`.
#[must_use]
pub fn difference(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    match ms.saturating_abs() {
        ms @ ..1_000 => format!("{sign}{ms}ms"),
        ms => format!("{sign}{}", latency(ms.saturating_mul(1_000))),
    }
}

/// A size: `112`, `7.5K`, `1.2M`, in powers of 1024.
#[must_use]
pub fn bytes(size: i64) -> String {
    const SUFFIXES: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if size < 1024 {
        return size.to_string();
    }
    // Tenths of the largest sizes do not fit into 64 bits.
    let size = i128::from(size) * 10;
    let (mut divisor, mut power) = (1024, 0);
    // What rounds to 1024 of a unit is shown as one of the next.
    while (size + divisor / 2) / divisor >= 10_240 && power + 1 < SUFFIXES.len() {
        divisor *= 1024;
        power += 1;
    }
    match (size + divisor / 2) / divisor {
        tenths @ ..100 => decimal(tenths, SUFFIXES[power]),
        tenths => format!("{}{}", (tenths + 5) / 10, SUFFIXES[power]),
    }
}

fn decimal(tenths: impl Into<i128>, unit: &str) -> String {
    let tenths = tenths.into();
    format!("{}.{}{unit}", tenths / 10, tenths % 10)
}

/// A number in groups of three digits: `1,204`.
#[must_use]
pub fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and what it counts: `1 line`, `65 lines`.
#[must_use]
pub fn of(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A time as tables show it: `2026-11-21 01:30:08.318`, with `Z` behind it in UTC.
///
/// A time outside the calendar of four-digit years stands as `@MILLISECONDS`.
#[must_use]
pub fn time(ts_ms: i64, zone: Zone) -> String {
    let Some(utc) = DateTime::<Utc>::from_timestamp_millis(ts_ms)
        // The years at the ends are left out: a zone could move a time to a year without four
        // digits.
        .filter(|utc| (1..=9998).contains(&utc.year()))
    else {
        return format!("@{ts_ms}");
    };
    let suffix = if zone == Zone::Utc { "Z" } else { "" };
    format!(
        "{}{suffix}",
        utc.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%.3f")
    )
}

/// How long something goes on: `4s`, `3m 05s`, `2h 10m`, `3d 4h`.
#[must_use]
pub fn lasting(ms: i64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    // Two units at most: a call that hangs for days does not hang to the second.
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{}d {}h", hours / 24, hours % 24),
    }
}

/// How long ago, roughly: `12s`, `5m`, `3h`, `8d`.
#[must_use]
pub fn age(ms: i64) -> String {
    match ms {
        ..60_000 => format!("{}s", ms.max(0) / 1_000),
        60_000..3_600_000 => format!("{}m", ms / 60_000),
        // Up to two days in hours: `47h` says more than `1d`.
        3_600_000..172_800_000 => format!("{}h", ms / 3_600_000),
        _ => format!("{}d", ms / DAY_MS),
    }
}

/// How long ago something was, by its age in milliseconds: `5m ago`. A time that is to come, as the clock of
/// another machine may say one, is `in 5m`.
#[must_use]
pub fn ago(ms: i64) -> String {
    // Less than a second is shown as none, and that is now.
    if ms > -1_000 {
        return format!("{} ago", age(ms));
    }
    format!("in {}", age(ms.saturating_neg()))
}

/// A part of a whole in per cent: `0%`, `0.04%`, `2.1%`, `100%`. Only nothing is `0%`, and only all is
/// `100%`.
#[must_use]
pub fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent {
        p if p <= 0.0 => "0%".to_owned(),
        p if p < 0.01 => "<0.01%".to_owned(),
        // These bounds are where rounding would show `1.00%` and `100.0%`.
        p if p < 0.995 => format!("{p:.2}%"),
        p if p < 99.95 => format!("{p:.1}%"),
        p if p < 100.0 => ">99.9%".to_owned(),
        _ => "100%".to_owned(),
    }
}

/// How many times as much as before: `1.4x`, `12x`, `0.05x`.
#[must_use]
pub fn factor(factor: f64) -> String {
    match factor {
        // These bounds are where rounding would show a digit more.
        f if f < 0.095 => format!("{f:.2}x"),
        f if f < 9.95 => format!("{f:.1}x"),
        f => format!("{f:.0}x"),
    }
}

/// Counts as bars beside each other, the highest one full; `·` is none at all.
#[must_use]
pub fn bars(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0);
    let bar = |&count: &u64| {
        if count == 0 {
            return '·';
        }
        // `most` is not 0 here, for this count is not.
        let step = u128::from(count) * BARS.len() as u128 / u128::from(most);
        let index = usize::try_from(step).unwrap_or(0).saturating_sub(1);
        BARS[index.min(BARS.len() - 1)]
    };
    counts.iter().map(bar).collect()
}

/// As [`bars`], of which the last is counted still: `▸` stands behind it, and nothing yet is no outage.
#[must_use]
pub fn unfinished_bars(counts: &[u64]) -> String {
    let mut bars = bars(counts);
    if counts.last() == Some(&0) {
        bars.pop();
        bars.push(' ');
    }
    bars.push('▸');
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_store::query::when::{parse_duration_us, parse_when};

    #[test]
    fn shares_round_to_nothing_and_all_only_when_they_are() {
        let cases = [
            (0.0, "0%"),
            (0.000_01, "<0.01%"),
            (0.000_4, "0.04%"),
            (0.021, "2.1%"),
            (0.5, "50.0%"),
            (0.999_9, ">99.9%"),
            (1.0, "100%"),
        ];
        for (ratio, expected) in cases {
            assert_eq!(share(ratio), expected, "{ratio}");
        }
    }

    #[test]
    fn ages_read_back_as_durations() {
        let cases = [
            (-5, "0s", 0),
            (12_999, "12s", 12_000),
            (60_000, "1m", 60_000),
            (3 * 3_600_000 + 1, "3h", 3 * 3_600_000),
            (47 * 3_600_000, "47h", 47 * 3_600_000),
            (8 * DAY_MS, "8d", 8 * DAY_MS),
            (i64::MAX, "106751991167d", 106_751_991_167 * DAY_MS),
        ];
        for (ms, expected, read) in cases {
            assert_eq!(age(ms), expected);
            for shown in [expected.to_owned(), format!("{expected} ago")] {
                assert_eq!(parse_when(&shown, DAY_MS, &Utc), Ok(DAY_MS - read));
            }
        }
    }

    #[test]
    fn a_time_to_come_was_not_ago() {
        let cases = [
            (12_999, "12s ago"),
            (0, "0s ago"),
            (-999, "0s ago"),
            (-1_000, "in 1s"),
            (-3 * DAY_MS, "in 3d"),
            (i64::MIN, "in 106751991167d"),
        ];
        for (ms, expected) in cases {
            assert_eq!(ago(ms), expected);
        }
    }

    #[test]
    fn bars_are_as_high_as_their_counts() {
        let cases: [(&[u64], &str); 4] = [
            (&[], ""),
            (&[0, 0], "··"),
            (&[1, 0, 8, 4, 7], "▁·█▄▇"),
            (&[u64::MAX, 1], "█▁"),
        ];
        for (counts, expected) in cases {
            assert_eq!(bars(counts), expected, "{counts:?}");
        }
    }

    #[test]
    fn what_is_counted_still_is_no_outage() {
        let cases: [(&[u64], &str); 4] = [
            (&[], "▸"),
            (&[0], " ▸"),
            (&[8, 0, 0], "█· ▸"),
            (&[8, 1], "█▁▸"),
        ];
        for (counts, expected) in cases {
            assert_eq!(unfinished_bars(counts), expected, "{counts:?}");
        }
    }

    #[test]
    fn differences_have_a_sign() {
        let cases = [
            (0, "+0ms"),
            (12, "+12ms"),
            (-999, "-999ms"),
            (1_000, "+1.0s"),
            (-3_400, "-3.4s"),
            (62_000, "+1m02s"),
        ];
        for (ms, expected) in cases {
            assert_eq!(difference(ms), expected);
        }
        assert!(difference(i64::MIN).starts_with('-'));
    }

    #[test]
    fn latencies_keep_two_or_three_digits() {
        let cases = [
            (0, "0µs"),
            (-5, "-5µs"),
            (850, "850µs"),
            (1_000, "1.0ms"),
            (1_249, "1.2ms"),
            (9_949, "9.9ms"),
            (9_950, "10ms"),
            (604_123, "604ms"),
            (999_499, "999ms"),
            (999_500, "1.0s"),
            (3_400_000, "3.4s"),
            (59_949_999, "59.9s"),
            (59_950_000, "1m00s"),
            (62_000_000, "1m02s"),
            (3_599_499_999, "59m59s"),
            (3_599_500_000, "1h00m"),
            (3_900_000_000, "1h05m"),
        ];
        for (us, expected) in cases {
            assert_eq!(latency(us), expected);
            if us >= 0 {
                assert!(parse_duration_us(expected).is_ok(), "{expected}");
            }
        }
        assert_eq!(latency(i64::MAX), "2562047788h01m");
    }

    #[test]
    fn sizes_in_powers_of_1024() {
        let cases = [
            (0, "0"),
            (112, "112"),
            (1023, "1023"),
            (1024, "1.0K"),
            (7_705, "7.5K"),
            (10_239, "10K"),
            (1_048_575, "1.0M"),
            (1_258_291, "1.2M"),
            (i64::MAX, "8.0E"),
        ];
        for (size, expected) in cases {
            assert_eq!(bytes(size), expected, "{size}");
        }
    }

    #[test]
    fn groups_of_three() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_204, "1,204"),
            (-1_234_567, "-1,234,567"),
        ];
        for (number, expected) in cases {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_shown_time_reads_back() {
        let seed = mcpr_seed::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let east = chrono::FixedOffset::east_opt(5 * 3600 + 1800).expect("an offset");
        for zone in [Zone::Utc, Zone::Fixed(east)] {
            for _ in 0..1_000 {
                let ts = random.i64(-62_000_000_000_000..300_000_000_000_000);
                assert_eq!(
                    parse_when(&time(ts, zone), 0, &zone),
                    Ok(ts),
                    "{}",
                    time(ts, zone)
                );
            }
        }
        let shown = time(1_795_224_608_318, Zone::Utc);
        assert_eq!(shown, "2026-11-21 01:30:08.318Z");
        assert_eq!(time(i64::MAX, Zone::Utc), format!("@{}", i64::MAX));
    }
}
