//! Dates in words (`29 Nov`, `last monday`), and texts that may mean two moments. Knows no clock and no zone.

use chrono::{Datelike, Days, Month, Months, NaiveDate, Weekday};

/// Why a text is not read, and what to write in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguity {
    pub(super) reason: &'static str,
    pub(super) hint: String,
}

/// A date at the beginning of a text that takes two words or more, and what stands behind it.
pub(super) fn dated(text: &str, today: NaiveDate) -> Option<(NaiveDate, Option<&str>)> {
    let (first, rest) = next_word(text)?;
    let (second, rest) = next_word(rest)?;
    if is_last(first) {
        let weekday = second.parse::<Weekday>().ok()?;
        // Of two Mondays, today is not the last one.
        let days = match today.weekday().days_since(weekday) {
            0 => 7,
            days => u64::from(days),
        };
        return Some((today.checked_sub_days(Days::new(days))?, something(rest)));
    }
    let (month, day) = match (month(first), month(second)) {
        (Some(month), None) => (month, day_number(second)?),
        (None, Some(month)) => (month, day_number(first)?),
        _ => return None,
    };
    if let Some((year, rest)) = next_word(rest)
        && year.len() == 4
        && let Ok(year) = year.parse::<u16>()
    {
        let date = NaiveDate::from_ymd_opt(i32::from(year), month, day)?;
        return Some((date, something(rest)));
    }
    Some((last_one(month, day, today)?, something(rest)))
}

/// The last day with this name, today included. Only a 29th of February is not in every year.
fn last_one(month: u32, day: u32, today: NaiveDate) -> Option<NaiveDate> {
    const MOST_YEARS_BETWEEN: i32 = 8;
    let years = (0..=MOST_YEARS_BETWEEN).map(|back| today.year() - back);
    years
        .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
        .find(|date| *date <= today)
}

/// What is reported about a text that more than one moment fits.
pub(super) fn ambiguity(text: &str, today: NaiveDate) -> Option<Ambiguity> {
    let (first, rest) = next_word(text)?;
    if rest.is_empty() {
        return numbers(first).or_else(|| whole_month(first));
    }
    let (second, rest) = next_word(rest)?;
    if is_last(first) && rest.is_empty() {
        return last_unit(second, today);
    }
    // A time may stand behind a date of numbers.
    numbers(first)
}

/// `11/12` has its month first in one country and its day in the next.
fn numbers(word: &str) -> Option<Ambiguity> {
    let parts: Vec<&str> = word.split(['/', '.']).collect();
    let is_number =
        |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_number) {
        return None;
    }
    Some(Ambiguity {
        reason: "may have its day or its month first",
        hint: "write the month as a word (29 Nov, 29 Nov 2026), or 2026-11-29".to_owned(),
    })
}

fn whole_month(word: &str) -> Option<Ambiguity> {
    month(word)?;
    Some(Ambiguity {
        reason: "is a month without a day",
        hint: format!("write its first day: `1 {word}`"),
    })
}

/// `last week` may be seven days or the week that ended on Sunday.
fn last_unit(unit: &str, today: NaiveDate) -> Option<Ambiguity> {
    let monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
    let first = today.with_day(1)?;
    let (length, begin) = match unit.to_ascii_lowercase().as_str() {
        "minute" => ("1m", None),
        "hour" => ("1h", None),
        "day" => ("1d", Some(today.pred_opt()?)),
        "week" => ("7d", Some(monday - Days::new(7))),
        "month" => ("1mo", Some(first - Months::new(1))),
        "year" => ("1y", Some(first.with_month(1)? - Months::new(12))),
        _ => return None,
    };
    let hint = match begin {
        Some(begin) => format!("write {length} for so long back from now, or {begin}"),
        None => format!("write {length} for so long back from now, or a time such as 14:00"),
    };
    Some(Ambiguity {
        reason: "may be counted back from now or by the calendar",
        hint,
    })
}

fn is_last(word: &str) -> bool {
    ["last", "past"]
        .iter()
        .any(|it| word.eq_ignore_ascii_case(it))
}

fn month(word: &str) -> Option<u32> {
    if word.eq_ignore_ascii_case("sept") {
        return Some(Month::September.number_from_month());
    }
    Some(word.parse::<Month>().ok()?.number_from_month())
}

/// `29`, `29.`, `29th`.
fn day_number(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let ending = &word[digits.len()..];
    let known = ["", ".", "st", "nd", "rd", "th"];
    // A third digit would be a year.
    (digits.len() <= 2 && known.iter().any(|it| ending.eq_ignore_ascii_case(it)))
        .then(|| digits.parse().ok())?
}

/// The next word, and what stands behind it. A comma parts words, too: `Nov 29, 2026`.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let is_gap = |c: char| c.is_whitespace() || c == ',';
    let text = text.trim_start_matches(is_gap);
    if text.is_empty() {
        return None;
    }
    let (word, rest) = text.split_at(text.find(is_gap).unwrap_or(text.len()));
    Some((word, rest.trim_start_matches(is_gap)))
}

fn something(rest: &str) -> Option<&str> {
    (!rest.is_empty()).then_some(rest)
}
