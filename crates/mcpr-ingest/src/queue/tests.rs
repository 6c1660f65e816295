//! What waits, what is let in, what is dropped, and that all of it is counted.

use super::*;
use mcpr_model::{
    BadLine, Body, EventKey, Gap, Kind, OpenRequest, Payload, Request, SessionState, SessionUpdate,
    SurfaceContent, SurfaceUpdate,
};

fn delivery(source: &str, times: &[i64]) -> Delivery {
    let mut delivery = Delivery::new(source.into());
    delivery.events = times.iter().map(|&ts| event(ts)).collect();
    delivery
}

/// How far a source came without any event.
fn progress(source: &str, lines: u64) -> Delivery {
    let mut delivery = Delivery::new(source.into());
    delivery.progress.counts.lines = lines;
    delivery.progress.counts.text = lines;
    delivery
}

fn event(ts: i64) -> Event {
    Event::Session(SessionUpdate {
        session_id: "s".into(),
        proxy: None,
        ts,
        started_at: None,
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: None,
    })
}

fn request() -> Request {
    Request {
        ..Request::new(
            EventKey::of_id("1"),
            0,
            "p".into(),
            Kind::Mcp,
            "tools/list".into(),
        )
    }
}

fn gap(count: u64, from_ts: i64, to_ts: i64) -> Event {
    let source = "-".into();
    Event::Gap(Gap {
        source,
        count,
        from_ts,
        to_ts,
        key: None,
    })
}

fn queue(events: usize) -> Queue {
    Queue::new(QueueLimits {
        events,
        bytes: 1 << 20,
    })
}

fn drain(queue: &Queue) -> Vec<Event> {
    queue.close();
    let mut all = Vec::new();
    while let Popped::Delivery(delivery, _) = queue.pop(None) {
        all.extend(delivery.events);
    }
    all
}

/// Bytes that the queue answers for.
fn counted(queue: &Queue) -> usize {
    let inner = queue.lock();
    inner.bytes + inner.in_flight
}

#[test]
fn a_full_queue_turns_what_comes_into_one_gap_at_its_place() {
    let queue = queue(3);
    assert_eq!(queue.push_or_drop(delivery("-", &[1, 2, 3]), 0), Ok(0));
    assert_eq!(queue.push_or_drop(delivery("-", &[4, 5]), 0), Ok(2));
    assert_eq!(queue.push_or_drop(delivery("-", &[6]), 0), Ok(1));
    assert_eq!(queue.dropped(), 3);
    assert_eq!(drain(&queue), [event(1), event(2), event(3), gap(3, 4, 6)]);
}

#[test]
fn a_request_in_flight_whose_answer_is_dropped_is_taken_out_of_what_is_in_flight() {
    let queue = self::queue(2);
    let of = |event: Event| {
        let mut delivery = Delivery::new("-".into());
        delivery.events.push(event);
        delivery
    };
    let open = Event::Open(Box::new(OpenRequest {
        request: request(),
        resumes: false,
        is_over: false,
    }));
    let key = request().key.hash;
    queue.push_or_drop(of(open), 0).unwrap();
    queue.push_or_drop(of(event(1)), 0).unwrap();
    // There is no room for its answer.
    assert_eq!(queue.push_or_drop(of(Event::Request(request())), 0), Ok(1));
    let events = drain(&queue);
    assert_eq!(events[2..], [Event::Withdrawn(key), gap(1, 0, 0)]);
    // Of one that was never reported nothing is to be reported.
    let queue = self::queue(2);
    queue.push_or_drop(of(event(2)), 0).unwrap();
    queue.push_or_drop(of(event(3)), 0).unwrap();
    queue
        .push_or_drop(of(Event::Request(request())), 0)
        .unwrap();
    assert_eq!(drain(&queue)[2..], [gap(1, 0, 0)]);
}

#[test]
fn a_queue_that_is_full_again_and_again_reports_one_gap_until_it_has_eased() {
    let queue = queue(4);
    for ts in 1..=5 {
        queue.push_or_drop(delivery("-", &[ts]), 0).expect("open");
    }
    let mut out = Vec::new();
    let mut pop = || match queue.pop(None) {
        Popped::Delivery(delivery, _) => out.extend(delivery.events),
        other => panic!("{other:?}"),
    };
    // Each time one place is free, and taking it would end the gap.
    pop();
    assert_eq!(queue.push_or_drop(delivery("-", &[6]), 0), Ok(1));
    pop();
    assert_eq!(
        queue.push_or_drop(delivery("-", &[7]), 0),
        Ok(0),
        "half is free"
    );
    let expected = [
        event(1),
        event(2),
        event(3),
        event(4),
        gap(2, 5, 6),
        event(7),
    ];
    out.extend(drain(&queue));
    assert_eq!(out, expected);
}

#[test]
fn sources_that_drop_by_turns_have_one_gap_each() {
    let queue = queue(1);
    queue.push_or_drop(delivery("-", &[1]), 0).expect("open");
    for ts in 2..1000 {
        for source in ["a", "b"] {
            assert_eq!(queue.push_or_drop(delivery(source, &[ts]), 0), Ok(1));
        }
    }
    assert_eq!(drain(&queue).len(), 3);
}

#[test]
fn lines_without_events_take_no_room_however_many_they_are() {
    for full in [Full::Block, Full::Drop] {
        let queue = Queue::new(QueueLimits {
            events: 10,
            bytes: 4 * progress("-", 1).weight(),
        });
        let push = |delivery| match full {
            Full::Block => queue.push_waiting(delivery, &|| true).map(|()| 0),
            Full::Drop => queue.push_or_drop(delivery, 0),
        };
        for _ in 0..100_000 {
            assert_eq!(push(progress("-", 3)), Ok(0), "{full:?}");
        }
        assert_eq!(queue.lock().items.len(), 1);
        assert!(counted(&queue) <= 4 * progress("-", 1).weight());
        queue.close();
        let Popped::Delivery(delivery, _) = queue.pop(None) else {
            panic!("it waits");
        };
        assert_eq!(delivery.progress.counts.lines, 300_000);
        assert!(matches!(queue.pop(None), Popped::Closed));
    }
}

#[test]
fn lines_without_events_of_many_sources_are_bounded_too() {
    let one = progress("a", 1).weight();
    let queue = Queue::new(QueueLimits {
        events: 10,
        bytes: 100 * one,
    });
    let mut lines = 0;
    for _ in 0..10_000 {
        for source in ["a", "b", "c"] {
            assert_eq!(queue.push_or_drop(progress(source, 1), 0), Ok(0));
            lines += 1;
        }
    }
    assert!(counted(&queue) <= 100 * one);
    queue.close();
    while let Popped::Delivery(delivery, _) = queue.pop(None) {
        lines -= delivery.progress.counts.lines;
        assert!(delivery.events.is_empty(), "nothing was dropped");
    }
    assert_eq!(lines, 0, "every line is counted");
}

#[test]
fn what_the_writer_has_in_hand_counts_until_it_is_committed() {
    let one = delivery("a", &[1]).weight();
    let queue = Queue::new(QueueLimits {
        events: 100,
        bytes: 3 * one,
    });
    let offer = |ts| queue.push_whole(Box::new(delivery("a", &[ts])));
    for ts in 0..3 {
        offer(ts).expect("there is room");
    }
    for _ in 0..3 {
        assert!(matches!(queue.pop(None), Popped::Delivery(..)));
    }
    assert_eq!(counted(&queue), 3 * one);
    assert!(offer(3).is_err(), "all of it is on its way");
    queue.committed();
    assert_eq!(counted(&queue), 0);
    assert!(offer(3).is_ok());
}

#[test]
fn small_events_are_counted_with_what_each_takes_beside_its_input() {
    const BYTES: usize = 1 << 16;
    let queue = Queue::new(QueueLimits {
        events: usize::MAX,
        bytes: BYTES,
    });
    let mut taken = 0;
    while queue.push_whole(Box::new(delivery("http", &[1]))).is_ok() {
        taken += 1;
    }
    assert!(taken * (size_of::<Delivery>() + size_of::<Event>()) <= BYTES);
    assert!(taken > 50, "{taken}");
}

#[test]
fn every_kind_of_event_is_weighed_with_what_it_holds() {
    const LONG: usize = 100_000;
    let long = "x".repeat(LONG);
    let body = Payload::of(Some(&long), None).expect("a body");
    assert_eq!(Body::of(&long).text.len(), LONG);
    let surface = SurfaceUpdate {
        proxy: "p".into(),
        method: "tools/list".into(),
        ts: 0,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Whole {
            upstream: None,
            result: long.as_str().into(),
        },
    };
    let Event::Session(mut session) = event(0) else {
        panic!("it is one");
    };
    session.conversation = Some(long.as_str().into());
    let bad = BadLine {
        source: "-".into(),
        offset: 0,
        reason: String::new(),
        excerpt: long.clone().into_bytes(),
        ts: 0,
    };
    let asked = Request {
        payload: Some(Box::new(body)),
        ..request()
    };
    let listed = Request {
        surface: Some(Box::new(surface.clone())),
        ..request()
    };
    let events = [
        Event::Request(asked),
        Event::Request(listed),
        Event::Surface(Box::new(surface)),
        Event::Session(session),
        Event::BadLine(bad),
    ];
    for event in events {
        let mut delivery = Delivery::new("-".into());
        delivery.events.push(event);
        let weight = delivery.weight();
        assert!((LONG..2 * LONG).contains(&weight), "{weight}: {delivery:?}");
    }
}

#[test]
fn a_waiting_source_is_let_in_when_there_is_room_and_sent_away_when_it_closes() {
    let queue = queue(1);
    queue
        .push_waiting(delivery("a", &[1]), &|| false)
        .expect("room");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| queue.push_waiting(delivery("a", &[2]), &|| false));
        assert!(matches!(queue.pop(None), Popped::Delivery(..)));
        assert_eq!(waiting.join().expect("no panic"), Ok(()));
        let waiting = scope.spawn(|| queue.push_waiting(delivery("a", &[3]), &|| false));
        queue.close();
        assert_eq!(waiting.join().expect("no panic"), Err(QueueClosed));
    });
    assert_eq!(drain(&queue), [event(2)]);
}

#[test]
fn what_is_offered_is_taken_whole_or_given_back() {
    let queue = queue(3);
    let offer = |times: &[i64]| queue.push_whole(Box::new(delivery("http", times)));
    assert!(offer(&[1, 2]).is_ok());
    let back = offer(&[3, 4]).expect_err("no room for two");
    assert_eq!(back.events, [event(3), event(4)]);
    assert!(offer(&[5]).is_ok());
    assert_eq!(drain(&queue), [event(1), event(2), event(5)]);
    assert!(offer(&[6]).is_err(), "it is closed");
}

#[test]
fn a_delivery_larger_than_the_queue_still_passes() {
    let queue = Queue::new(QueueLimits {
        events: 1,
        bytes: 1,
    });
    queue
        .push_waiting(delivery("a", &[1, 2, 3]), &|| true)
        .expect("an empty queue takes it");
    assert_eq!(drain(&queue).len(), 3);
}
