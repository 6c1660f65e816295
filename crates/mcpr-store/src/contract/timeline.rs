//! Lists in order of time.

use super::*;

pub(crate) fn a_timeline_goes_by_time_and_then_by_storing_in_pages_of_any_size(
    backend: &dyn Fixture,
) {
    let mut store = backend.open();
    // Stored in another order than it happened, and much of it in one millisecond.
    let times: Vec<i64> = (0..3_000)
        .map(|n| if n % 3 == 0 { 7 } else { (n * 37) % 50 })
        .collect();
    let requests = times.iter().enumerate();
    let requests = requests
        .map(|(n, ts)| request(&n.to_string(), *ts))
        .collect();
    append(&mut *store, 1, requests);
    let mut expected: Vec<Place> = times
        .iter()
        .zip(1..)
        .map(|(&ts, seq)| Place { ts, seq })
        .collect();
    expected.sort();
    let reader = reader(&*store);
    for (order, limit) in [
        (Order::Ascending, 7),
        (Order::Ascending, 1000),
        (Order::Descending, 64),
        (Order::Descending, 1000),
    ] {
        let mut page = TimePage {
            stored_before: Some(Cursor::from_seq(2_900)),
            after: None,
            before: None,
            order,
            limit,
        };
        let mut seen = Vec::new();
        loop {
            let entries = reader
                .timeline(&Filter::default(), page)
                .expect("a timeline");
            let Some(last) = entries.last().map(Entry::place) else {
                break;
            };
            match order {
                Order::Ascending => page.after = Some(last),
                Order::Descending => page.before = Some(last),
            }
            seen.extend(entries.iter().map(Entry::place));
        }
        let mut expected = expected.clone();
        expected.retain(|place| place.seq < 2_900);
        if order == Order::Descending {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{order:?} by {limit}");
    }
}
