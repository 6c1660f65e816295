//! How fast a store grows, and when it reaches what it may take.

use mcpr_model::time::DAY_MS;
use mcpr_store::query::{Filter, GroupBy, StatsQuestion};
use mcpr_store::{Keep, Overview, Reader};

/// How far back the growth is measured.
const LOOK_BACK_MS: i64 = 7 * DAY_MS;

/// What retention keeps, and the size that the store grows to.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrowthForecast {
    pub(super) keep: Keep,
    /// Bytes a day, by the calls of the last days; `None` where there are none.
    pub(super) growth: Option<u64>,
    /// When the limit is reached at this rate, unix milliseconds; `None` where it never is.
    pub(super) reached_at: Option<i64>,
}

/// Looks ahead from the newest request on.
pub(super) fn outlook(
    keep: Keep,
    reader: &dyn Reader,
    overview: &Overview,
    store_bytes: u64,
) -> anyhow::Result<GrowthForecast> {
    let Some((oldest, newest)) = overview.span else {
        return Ok(GrowthForecast {
            keep,
            growth: None,
            reached_at: None,
        });
    };
    let since = oldest.max(newest.saturating_sub(LOOK_BACK_MS));
    let filter = Filter {
        since: Some(since),
        ..Filter::default()
    };
    let rows = reader.stats(&StatsQuestion::sums(&filter, GroupBy::Hour))?;
    let calls = rows
        .iter()
        .fold(0, |sum: u64, row| sum.saturating_add(row.tally.calls));
    // Every request takes about the same room; a time shorter than an hour says nothing of a day.
    let per_request = store_bytes / overview.requests.max(1);
    let measured = newest.saturating_sub(since).max(DAY_MS / 24);
    let growth = per_day(calls.saturating_mul(per_request), measured);
    Ok(GrowthForecast {
        keep,
        growth: Some(growth),
        reached_at: reached_at(keep, growth, store_bytes, newest),
    })
}

fn per_day(bytes: u64, measured_ms: i64) -> u64 {
    let day = u128::from(bytes) * u128::from(DAY_MS.unsigned_abs());
    u64::try_from(day / u128::from(measured_ms.max(1).unsigned_abs())).unwrap_or(u64::MAX)
}

fn reached_at(keep: Keep, growth: u64, store_bytes: u64, newest: i64) -> Option<i64> {
    let most = keep.max_bytes?;
    let left = most.saturating_sub(store_bytes);
    if growth == 0 {
        return None;
    }
    let after_ms = u128::from(left) * u128::from(DAY_MS.unsigned_abs()) / u128::from(growth);
    let after_ms = i64::try_from(after_ms).ok()?;
    // What is older than is kept goes as fast as the rest comes: then it grows no more.
    let grows_for = keep.requests_ms.unwrap_or(i64::MAX);
    (after_ms < grows_for).then(|| newest.saturating_add(after_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_reached_unless_what_is_old_goes_before() {
        const G: u64 = 1 << 30;
        let keep = |days: Option<i64>, most| Keep {
            requests_ms: days.map(|days| days * DAY_MS),
            payloads_ms: None,
            max_bytes: most,
        };
        let cases = [
            (keep(Some(30), Some(2 * G)), G / 10, Some(10)),
            (keep(None, Some(2 * G)), G / 100, Some(100)),
            (keep(Some(30), Some(2 * G)), G / 100, None),
            (keep(Some(30), None), G, None),
            (keep(None, Some(2 * G)), 0, None),
            // Over it already: today.
            (keep(Some(30), Some(G / 2)), G / 10, Some(0)),
        ];
        for (keep, growth, day) in cases {
            let reached = reached_at(keep, growth, G, 0).map(|ts| ts / DAY_MS);
            assert_eq!(reached, day, "{keep:?} {growth}");
        }
        assert_eq!(per_day(700, 7 * DAY_MS), 100);
    }
}
