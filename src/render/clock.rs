//! How a table writes the times of its rows: short while the day is known, with a line where it changes.

use super::style::{TableStyle, TimeStyle};
use super::units;
use mcpr_store::query::when::Zone;
use std::collections::BTreeSet;

/// What was written so far, which decides how the next time is written.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// The day that a reader takes a time to be of, as `2026-11-21`.
    day: String,
    /// The row before, unix milliseconds.
    before: Option<i64>,
    /// The sources that were seen to count milliseconds.
    precise: BTreeSet<String>,
}

impl Clock {
    /// Most sources that are remembered; others are written without milliseconds.
    const MAX_SOURCES: usize = 1000;
    /// `2026-11-21`.
    const DATE_LEN: usize = 10;

    /// A clock whose reader knows that it is today.
    pub(super) fn starting(style: &TableStyle) -> Self {
        Self {
            day: day_of(style.now_ms, style.zone),
            ..Self::default()
        }
    }

    /// Takes note of a time: a source that ever has milliseconds has them everywhere.
    pub(super) fn learn(&mut self, source: &str, ts_ms: i64) {
        // One time in a thousand ends in zeros by chance; a source without milliseconds has no other.
        if ts_ms % 1000 != 0
            && self.precise.len() < Self::MAX_SOURCES
            && !self.precise.contains(source)
        {
            self.precise.insert(source.to_owned());
        }
    }

    /// The line that says of which day what follows is, where that is another one than before.
    pub(super) fn new_day(&mut self, ts_ms: i64, zone: Zone) -> Option<String> {
        let day = day_of(ts_ms, zone);
        // Back to an earlier day is another day, too: lists by storing may go there.
        if day == self.day {
            return None;
        }
        self.day.clone_from(&day);
        Some(format!("── {day} ──"))
    }

    /// A time within a line: short where its day is the one that a reader takes it to be of.
    pub(super) fn moment(&self, ts_ms: i64, style: &TableStyle) -> String {
        let time = units::time(ts_ms, style.zone);
        let is_short = style.names_days() && day_of(ts_ms, style.zone) == self.day;
        let shown = short(&time).filter(|_| is_short).unwrap_or(&time);
        // Of a whole second nothing is lost, whether its clock has milliseconds or not.
        if is_short && ts_ms % 1000 == 0 {
            without_ms(shown)
        } else {
            shown.to_owned()
        }
    }

    /// A row's time.
    pub(super) fn show(&mut self, source: &str, ts_ms: i64, style: &TableStyle) -> String {
        if style.is_by_rank {
            return dated(ts_ms, style);
        }
        // In every style: another page may be written in another one.
        let before = self.before.replace(ts_ms);
        let time = units::time(ts_ms, style.zone);
        match style.times {
            TimeStyle::Full => time,
            TimeStyle::Ago => units::ago(style.now_ms.saturating_sub(ts_ms)),
            TimeStyle::Delta => before.map_or_else(
                || "-".to_owned(),
                |before| units::difference(ts_ms.saturating_sub(before)),
            ),
            TimeStyle::Short => match short(&time) {
                Some(short) if self.precise.contains(source) => short.to_owned(),
                Some(short) => without_ms(short),
                None => time,
            },
        }
    }
}

/// A time beside which no other stands: with its date, unless that is today's.
pub(super) fn dated(ts_ms: i64, style: &TableStyle) -> String {
    let time = units::time(ts_ms, style.zone);
    match style.times {
        TimeStyle::Full => time,
        TimeStyle::Ago => units::ago(style.now_ms.saturating_sub(ts_ms)),
        // There is no row before, for a time in another column.
        TimeStyle::Short | TimeStyle::Delta => {
            let is_today = day_of(ts_ms, style.zone) == day_of(style.now_ms, style.zone);
            let short = short(&time).filter(|_| is_today);
            without_ms(short.unwrap_or(&time))
        }
    }
}

/// `01:30:08.318` of `2026-11-21 01:30:08.318`; none of a time outside the calendar.
fn short(time: &str) -> Option<&str> {
    time.get(Clock::DATE_LEN + 1..)
        .filter(|_| !time.starts_with('@'))
}

/// `2026-11-21`; a time outside the calendar is a day of its own.
fn day_of(ts_ms: i64, zone: Zone) -> String {
    let time = units::time(ts_ms, zone);
    // `@` and digits stand for what no calendar holds.
    match time.get(..Clock::DATE_LEN) {
        Some(day) if !time.starts_with('@') => day.to_owned(),
        _ => time,
    }
}

/// A row's time for where there is no room for milliseconds: which row came first is shown by their order.
pub(super) fn narrow_time(time: &str, style: &TableStyle) -> Option<String> {
    (style.times == TimeStyle::Short).then(|| without_ms(time))
}

/// A date and time for where there is no room for seconds; none of a time of today, which has no date.
pub(super) fn narrow_date(time: &str, style: &TableStyle) -> Option<String> {
    // `2026-11-21 01:30:08Z`
    let is_dated = style.times != TimeStyle::Full && time.get(10..11) == Some(" ");
    let (minutes, rest) = time.get(..16).zip(time.get(19..)).filter(|_| is_dated)?;
    Some(format!("{minutes}{rest}"))
}

/// `01:30:08.318Z` as `01:30:08Z`.
fn without_ms(time: &str) -> String {
    let Some((seconds, rest)) = time.split_once('.') else {
        return time.to_owned();
    };
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{seconds}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T01:30:08.318Z.
    const NOW: i64 = 1_795_224_608_318;

    fn style(times: TimeStyle) -> TableStyle {
        TableStyle {
            times,
            ..TableStyle::plain(Zone::Utc, NOW)
        }
    }

    #[test]
    fn a_line_stands_where_the_day_changes_and_none_for_today() {
        let style = style(TimeStyle::Short);
        let mut clock = Clock::starting(&style);
        assert_eq!(clock.new_day(NOW, Zone::Utc), None);
        let yesterday = Some("── 2026-11-20 ──".to_owned());
        assert_eq!(clock.new_day(NOW - 2 * 3_600_000, Zone::Utc), yesterday);
        assert_eq!(clock.new_day(NOW - 3 * 3_600_000, Zone::Utc), None);
        let today = Some("── 2026-11-21 ──".to_owned());
        assert_eq!(clock.new_day(NOW, Zone::Utc), today);
    }

    #[test]
    fn milliseconds_stand_only_where_the_source_has_them() {
        let style = style(TimeStyle::Short);
        let mut clock = Clock::starting(&style);
        for (source, ts) in [("whole", NOW - 318), ("fine", NOW), ("fine", NOW - 318)] {
            clock.learn(source, ts);
        }
        assert_eq!(clock.show("whole", NOW - 318, &style), "01:30:08Z");
        assert_eq!(clock.show("fine", NOW, &style), "01:30:08.318Z");
        assert_eq!(clock.show("fine", NOW - 318, &style), "01:30:08.000Z");
    }

    #[test]
    fn every_style_of_a_time() {
        let check = |times, expected: [&str; 3]| {
            let style = style(times);
            let mut clock = Clock::default();
            let shown = [NOW - 5_000, NOW - 4_988, NOW - 6_000].map(|ts| {
                clock.learn("s", ts);
                clock.show("s", ts, &style)
            });
            assert_eq!(shown, expected, "{times:?}");
        };
        check(
            TimeStyle::Short,
            ["01:30:03.318Z", "01:30:03.330Z", "01:30:02.318Z"],
        );
        check(
            TimeStyle::Full,
            [
                "2026-11-21 01:30:03.318Z",
                "2026-11-21 01:30:03.330Z",
                "2026-11-21 01:30:02.318Z",
            ],
        );
        check(TimeStyle::Ago, ["5s ago", "4s ago", "6s ago"]);
        check(TimeStyle::Delta, ["-", "+12ms", "-1.0s"]);
    }

    #[test]
    fn a_time_by_itself_has_its_date_unless_it_is_of_today() {
        let style = style(TimeStyle::Short);
        assert_eq!(dated(NOW - 1, &style), "01:30:08Z");
        assert_eq!(dated(NOW - 86_400_000, &style), "2026-11-20 01:30:08Z");
        assert_eq!(dated(i64::MAX, &style), format!("@{}", i64::MAX));
    }
}
