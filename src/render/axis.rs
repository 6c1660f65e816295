//! The line that says of which times a row of bars is.

use super::layout::width;
use super::style::TableStyle;
use super::units;
use mcpr_model::time::DAY_MS;
use mcpr_store::query::Buckets;

/// Cells that the bars have at least, for their header.
const LEAST_CELLS: usize = 9;
/// Cells between the two ends: a line with a blank at each side, without which they would read as one mark.
const LEAST_BETWEEN: usize = 3;

/// The first moment and the last below their bars: `01:00 ───── now`; `now` where the last piece of time has
/// not ended. Where there is no room for moments, how long ago they were.
#[must_use]
pub fn axis(buckets: Buckets, style: &TableStyle) -> String {
    let length = i64::try_from(buckets.count).unwrap_or(i64::MAX);
    let length = length.saturating_mul(buckets.width_ms);
    let end = buckets.start.saturating_add(length);
    let ends = |label: &dyn Fn(i64) -> String| {
        let last = if end > style.now_ms {
            "now".to_owned()
        } else {
            label(end)
        };
        (label(buckets.start), last)
    };
    let room = |first: &str, last: &str| {
        let cells = buckets.count.max(LEAST_CELLS);
        cells.saturating_sub(width(first) + width(last))
    };
    let moments = ends(&|ts| label(ts, length, style));
    // Without the hours, which say nothing where both are of one day.
    let days = ends(&|ts| label(ts, i64::MAX, style));
    let days = Some(days).filter(|(first, last)| first != last);
    for (first, last) in [Some(moments), days].into_iter().flatten() {
        let room = room(&first, &last);
        if room >= LEAST_BETWEEN {
            return joined(&first, room, &last);
        }
    }
    let (first, last) = ends(&|ts| format!("-{}", units::age(style.now_ms.saturating_sub(ts))));
    joined(&first, room(&first, &last).max(LEAST_BETWEEN), &last)
}

/// Both ends with a line from one to the other, which shows that they are ends.
fn joined(first: &str, room: usize, last: &str) -> String {
    format!("{first} {} {last}", "─".repeat(room.saturating_sub(2)))
}

/// A moment as short as says when it was.
fn label(ts_ms: i64, length_ms: i64, style: &TableStyle) -> String {
    let time = units::time(ts_ms, style.zone);
    let now = units::time(style.now_ms, style.zone);
    // `2026-11-21 01:30:08.318Z`
    let (Some(day), Some(clock)) = (time.get(..10), time.get(11..16)) else {
        return time;
    };
    // Outside of the calendar.
    if time.starts_with('@') {
        return time;
    }
    let zone = if time.ends_with('Z') { "Z" } else { "" };
    // The day goes without saying where it is today, the hour where the window has many days.
    if now.get(..10) == Some(day) {
        format!("{clock}{zone}")
    } else if length_ms <= 2 * DAY_MS {
        format!("{day} {clock}{zone}")
    } else {
        day.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::time::HOUR_MS;
    use mcpr_store::query::when::Zone;

    /// 2026-11-21T01:30:08.318Z.
    const NOW: i64 = 1_795_224_608_318;
    /// 2026-11-21T01:00:00Z.
    const HOUR: i64 = 1_795_222_800_000;

    fn check(hours_ago: i64, width_hours: i64, count: usize, expected: &str) {
        let buckets = Buckets {
            start: HOUR - hours_ago * HOUR_MS,
            width_ms: width_hours * HOUR_MS,
            count,
        };
        let style = TableStyle::plain(Zone::Utc, NOW);
        assert_eq!(axis(buckets, &style), expected);
    }

    #[test]
    fn the_ends_of_the_window_are_named_as_shortly_as_can_be() {
        check(23, 1, 24, "2026-11-20 02:00Z ── now");
        check(23, 2, 12, "-23h ─── now");
        check(1, 1, 2, "-1h ─ now");
        check(1, 1, 12, "00:00Z ─ now");
        check(48, 1, 24, "2026-11-19 ── 2026-11-20");
        check(240, 20, 12, "-10d ── -30m");
        check(240, 10, 24, "2026-11-11 ────── 01:00Z");
        check(0, 1, 1, "-30m ─ now");
    }

    #[test]
    fn a_window_outside_the_calendar_has_its_numbers() {
        let buckets = Buckets {
            start: i64::MAX - 10,
            width_ms: 5,
            count: 2,
        };
        let style = TableStyle::plain(Zone::Utc, NOW);
        assert_eq!(axis(buckets, &style), "-0s ─ now");
    }
}
