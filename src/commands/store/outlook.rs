//! How fast a store grows, and when it reaches what it may take.
//!
//! Payloads and requests are looked at apart: payloads are most of a store and go first, so that it grows fast
//! in its first week, slowly in its first month, and then no more.

use mcpr_model::time::DAY_MS;
use mcpr_store::query::{Entry, Filter, Page, StatsQuestion};
use mcpr_store::{Keep, Overview, Reader};

/// How far back the growth is measured.
const LOOK_BACK_MS: i64 = 7 * DAY_MS;
/// A time shorter than this says nothing of a day.
const LEAST_MS: i64 = DAY_MS / 24;
/// Twice as long as from one look at what is old to the next.
const ROUND_MS: i64 = 2 * DAY_MS / 24;
/// The room that payloads share out among them, and what each takes beside its bodies: to find what they take
/// from what the rest does.
const PAGE_BYTES: u64 = 4088;
const FRAME_BYTES: u64 = 32;

/// What retention keeps, and the size that the store grows to.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrowthForecast {
    pub(super) keep: Keep,
    /// Bytes a day, by the calls of the last days, less what goes as fast as it comes; `None` where there are
    /// no calls.
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
    let calls_since = |since: i64| -> anyhow::Result<u64> {
        let filter = Filter {
            since: Some(since),
            ..Filter::default()
        };
        let rows = reader.stats(&StatsQuestion::of_everything(&filter))?;
        Ok(rows.first().map_or(0, |row| row.tally.calls))
    };
    let since = oldest.max(newest.saturating_sub(LOOK_BACK_MS));
    let calls = calls_since(since)?;
    let measured_ms = newest.saturating_sub(since).max(LEAST_MS);
    let oldest_payload = oldest_payload(reader)?.map_or(newest, |ts| ts.min(newest));
    // Free room is taken before the store grows, and is not counted by its limit.
    let used = store_bytes.saturating_sub(overview.free_bytes);
    let of_rows = used.saturating_sub(overview.base_bytes);
    // Never more than there is: it is an estimate.
    let of_payloads = room_of(overview.payloads, overview.payload_bytes).min(of_rows);
    // A payload goes with its request at the latest.
    let keep_payloads = [keep.payloads_ms, keep.requests_ms]
        .into_iter()
        .flatten()
        .min();
    // Every request takes about the same room, and so does every payload; some have none.
    let part = |bytes: u64, requests: u64, keep_ms: Option<i64>, oldest: i64| GrowingPart {
        bytes_per_day: per_day(share(bytes, calls, requests), measured_ms),
        grows_for_ms: left_of(keep_ms, newest.saturating_sub(oldest)),
    };
    let parts = [
        part(
            of_payloads,
            calls_since(oldest_payload)?,
            keep_payloads,
            oldest_payload,
        ),
        part(
            of_rows - of_payloads,
            overview.requests,
            keep.requests_ms,
            oldest,
        ),
    ];
    Ok(GrowthForecast {
        keep,
        growth: Some(rate_after(&parts, 0)),
        reached_at: reached_at(keep.max_bytes, &parts, used, newest),
    })
}

/// When the first request was made whose payload is kept.
fn oldest_payload(reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
    let Some((first, _)) = reader.payload_span()? else {
        return Ok(None);
    };
    // Requests of a time are stored about in its order.
    let page = Page::after(first.previous(), 1);
    let entries = reader.entries(&Filter::default(), page)?;
    Ok(entries.first().and_then(|entry| match entry {
        Entry::Request(row) => Some(row.ts),
        Entry::Gap(_) => None,
    }))
}

/// Bytes of the file that payloads take: they lie in pages, and what is left of a page stays empty.
fn room_of(payloads: u64, bytes: u64) -> u64 {
    let each = bytes / payloads.max(1) + FRAME_BYTES;
    let of_each = match PAGE_BYTES / each {
        // One that is longer than a page has pages of its own, of which half of the last is used.
        0 => each + PAGE_BYTES / 2,
        in_a_page => PAGE_BYTES / in_a_page,
    };
    payloads.saturating_mul(of_each)
}

/// What some of all requests have of the bytes of all.
fn share(bytes: u64, some: u64, all: u64) -> u64 {
    let share = u128::from(bytes) * u128::from(some) / u128::from(all.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// A part of the store that grows until as much of it goes as comes.
#[derive(Debug, Clone, Copy)]
struct GrowingPart {
    bytes_per_day: u64,
    grows_for_ms: i64,
}

/// How long a part still grows that is kept for so long and goes so far back.
fn left_of(keep_ms: Option<i64>, covered_ms: i64) -> i64 {
    let Some(keep_ms) = keep_ms else {
        return i64::MAX;
    };
    let left = keep_ms.saturating_sub(covered_ms);
    // What is old goes by the hour: then a part that is full has a little less than is kept.
    if left <= ROUND_MS.min(keep_ms / 10) {
        0
    } else {
        left
    }
}

/// Bytes a day by which the store grows after a time from now.
fn rate_after(parts: &[GrowingPart], ms: i64) -> u64 {
    let growing = parts.iter().filter(|part| part.grows_for_ms > ms);
    growing.fold(0, |sum, part| sum.saturating_add(part.bytes_per_day))
}

fn per_day(bytes: u64, measured_ms: i64) -> u64 {
    let day = u128::from(bytes) * u128::from(DAY_MS.unsigned_abs());
    u64::try_from(day / u128::from(measured_ms.max(1).unsigned_abs())).unwrap_or(u64::MAX)
}

fn reached_at(most: Option<u64>, parts: &[GrowingPart], used: u64, newest: i64) -> Option<i64> {
    let mut left = u128::from(most?.saturating_sub(used));
    // Over it already, whatever comes.
    if left == 0 {
        return Some(newest);
    }
    let day = u128::from(DAY_MS.unsigned_abs());
    let mut ends: Vec<i64> = parts.iter().map(|part| part.grows_for_ms).collect();
    ends.sort_unstable();
    let mut from = 0;
    // From the end of one part's growth to the end of the next one's it grows evenly.
    for end in ends {
        let rate = u128::from(rate_after(parts, from));
        let length = u128::from(end.abs_diff(from));
        if rate * length >= left * day && rate > 0 {
            let after_ms = i64::try_from(left * day / rate).ok()?;
            return Some(newest.saturating_add(from).saturating_add(after_ms));
        }
        left = left.saturating_sub(rate * length / day);
        from = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: u64 = 1 << 30;

    /// Bytes a day, and for how many days they still come.
    fn parts(of: [(u64, Option<i64>); 2]) -> [GrowingPart; 2] {
        of.map(|(bytes_per_day, days)| GrowingPart {
            bytes_per_day,
            grows_for_ms: days.map_or(i64::MAX, |days| days * DAY_MS),
        })
    }

    #[test]
    fn the_limit_is_reached_unless_what_is_old_goes_before() {
        let none = (0, Some(0));
        let cases = [
            ([(G / 10, Some(30)), none], Some(2 * G), Some(10)),
            ([(G / 100, None), none], Some(2 * G), Some(100)),
            ([(G / 100, Some(30)), none], Some(2 * G), None),
            ([(G, Some(30)), none], None, None),
            ([(0, None), none], Some(2 * G), None),
            // Over it already: today.
            ([(G / 10, Some(30)), none], Some(G / 2), Some(0)),
            // Fast as long as payloads come, slowly behind that.
            ([(G / 10, Some(5)), (G / 100, None)], Some(2 * G), Some(50)),
            ([(G / 10, Some(5)), (G / 100, Some(30))], Some(2 * G), None),
            (
                [(G / 10, Some(0)), (G / 10, Some(30))],
                Some(2 * G),
                Some(10),
            ),
        ];
        for (of, most, day) in cases {
            let reached = reached_at(most, &parts(of), G, 0).map(|ts| ts / DAY_MS);
            assert_eq!(reached, day, "{of:?} {most:?}");
        }
        assert_eq!(per_day(700, 7 * DAY_MS), 100);
        let [full, growing] = [left_of(Some(7 * DAY_MS), 7 * DAY_MS - 1), left_of(None, 0)];
        assert_eq!((full, growing), (0, i64::MAX));
    }
}
