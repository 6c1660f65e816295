//! Sixty days of names that nobody uses a second time: what they take is bounded by what is kept.

use super::*;
use mcpr_model::{SurfaceContent, SurfaceUpdate};
use mcpr_store::query::NameKind;

const DAYS: i64 = 60;
const DEFAULT: Keep = Keep {
    requests_ms: Some(30 * DAY),
    payloads_ms: Some(7 * DAY),
    max_bytes: None,
};

/// Records so many requests per day for 60 days, a day at a time. From the time on when the first of them go, the store may not
/// grow any more; long after the last of them nothing of them may be left.
fn bounded(a_day: u64, request: &dyn Fn(i64, u64) -> Request) -> Kept {
    let mut kept = Kept::new(DEFAULT);
    let mut full = 0;
    for day in 0..DAYS {
        let first = kept.requests;
        kept.requests += a_day;
        let at = |number: u64| BEGIN + day * DAY + i64::try_from(number - first).unwrap_or(0);
        let requests = (first..kept.requests).map(|number| request(at(number), number));
        kept.commit(BEGIN + day * DAY, requests.map(Event::Request).collect());
        match day {
            // A day beyond what is kept, so that a round has removed some.
            31 => full = kept.used_bytes(),
            32.. => {
                let used = kept.used_bytes();
                assert!(used <= full + full / 20, "day {day}: {used} of {full}");
            }
            _ => {}
        }
    }
    assert!(full > 1 << 20, "there is something to bound: {full}");
    kept
}

/// What is left when everything that was recorded is older than anything that is kept.
fn left_of(kept: &mut Kept) -> u64 {
    for day in [600, 601, 602] {
        kept.record(BEGIN + day * DAY, 1, &|_| None);
    }
    let reader = kept.backend.reader().expect("a reader");
    assert_eq!(reader.overview().expect("sums").requests, 3);
    let clients = reader.names(NameKind::Client, "", usize::MAX);
    assert_eq!(clients.expect("names").len(), 3);
    let found = kept.backend.verify(Depth::Quick).expect("a look");
    assert_eq!(found.problems, [""; 0], "what went is no damage");
    kept.used_bytes()
}

#[test]
fn two_hundred_thousand_resources_go_with_their_requests() {
    let resource = |ts: i64, number: u64| Request {
        session_id: Some("s".into()),
        client_name: Some("agent".into()),
        ..request(ts, number, None)
    };
    let mut kept = bounded(3400, &resource);
    assert!(kept.requests >= 200_000);
    let left = left_of(&mut kept);
    assert!(left < 400_000, "{left} bytes");
}

#[test]
fn a_hundred_thousand_clients_go_with_their_sessions() {
    let client = |ts: i64, number: u64| Request {
        // In the order of their names, so that whole pages of the indexes go: else half of each stays.
        session_id: Some(format!("s{number:06}").into()),
        client_name: Some(format!("client {number:06}").into()),
        target: None,
        ..request(ts, number, None)
    };
    let mut kept = bounded(1700, &client);
    assert!(kept.requests >= 100_000);
    let reader = kept.backend.reader().expect("a reader");
    let clients = reader.names(NameKind::Client, "", usize::MAX);
    let clients = clients.expect("names").len();
    // Of the day that is just as old as may be and of the one that came after the round, too.
    assert!(clients <= 1700 * 32, "{clients}");
    let left = left_of(&mut kept);
    assert!(left < 400_000, "{left} bytes");
}

#[test]
fn lists_that_flap_for_sixty_days_take_the_space_of_two() {
    // 90 KB each that do not compress.
    let list = |seed: u64| {
        let mut random = fastrand::Rng::with_seed(seed);
        let noise: String = std::iter::repeat_with(|| random.alphanumeric())
            .take(90_000)
            .collect();
        format!(r#"{{"tools":[{{"name":"a","description":"{noise}"}}]}}"#)
    };
    let lists = [list(1), list(2)];
    let mut kept = Kept::new(DEFAULT);
    let mut most = 0;
    for at in 0..DAYS * 8 {
        let ts = BEGIN + at * 3 * HOUR;
        let shown = SurfaceUpdate {
            proxy: "p".into(),
            method: "tools/list".into(),
            ts,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Whole {
                upstream: None,
                result: lists[usize::from(at % 2 == 1)].as_str().into(),
            },
        };
        let call = request(ts, at.unsigned_abs(), None);
        kept.commit(
            ts,
            vec![Event::Request(call), Event::Surface(Box::new(shown))],
        );
        most = most.max(kept.used_bytes());
    }
    assert!(most < 800_000, "{most} bytes");
    let reader = kept.backend.reader().expect("a reader");
    // Each came back once as a version of its own, and from then on moved when it was seen.
    assert_eq!(reader.surface_count().expect("a count"), 4);
}
