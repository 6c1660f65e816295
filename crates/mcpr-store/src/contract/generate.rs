//! Random batches, filters and pages over alphabets small enough to make things meet.

use crate::memory::MemoryStore;
use crate::query::{
    Buckets, Cursor, Filter, GroupBy, Order, Page, Pattern, Place, Search, SearchedBodies,
    SessionFilter, SessionKey, SessionOrder, SessionPage, SessionRow, StatsQuestion, TimePage,
};
use crate::{Class, Retention};
use fastrand::Rng;
use mcpr_model::time::MINUTE_MS;
use mcpr_model::{
    BadLine, Batch, Body, Counts, ErrorKind, Event, EventKey, Gap, Kind, OperationLink,
    OperationPart, OperationStage, Outcome, Payload, Request, RequestId, SessionState,
    SessionUpdate, SourceFormat, SourceProgress, Status, SurfaceContent, SurfaceUpdate,
    SurfaceVersion, Target, TargetKind, Text, TraceId,
};
use std::collections::BTreeSet;

const PROXIES: [&str; 2] = ["p", "q"];
const SESSIONS: [&str; 4] = ["s-1", "s-12", "s-2", "é"];
const CLIENTS: [&str; 3] = ["Cursor", "claude-code", "c%_"];
const METHODS: [&str; 5] = [
    "tools/call",
    "ping",
    "resources/read",
    "prompts/get",
    "tasks/get",
];
const NAMES: [&str; 3] = ["echo", "ECHO%", "demo://a_b"];
/// A span of time in which sessions without an id both join and part.
const SPAN_MS: i64 = 200 * MINUTE_MS;

fn pick(random: &mut Rng, from: &[&str]) -> Text {
    from[random.usize(..from.len())].into()
}

fn maybe<T>(random: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    random.bool().then(|| value(random))
}

fn time(random: &mut Rng) -> i64 {
    random.i64(0..SPAN_MS)
}

/// The next batch of a writer.
pub(super) fn batch(random: &mut Rng, number: i64, past: &mut Vec<Request>) -> Batch {
    let events = (0..random.usize(0..12))
        .map(|_| event(random, past))
        .collect();
    let lines = random.u64(0..5);
    let counts = Counts {
        lines,
        ..Counts::default()
    };
    let sources = vec![SourceProgress {
        name: "a".into(),
        checkpoint: None,
        counts,
    }];
    Batch {
        writer: 1,
        number,
        now: number,
        events,
        sources,
    }
}

fn event(random: &mut Rng, past: &mut Vec<Request>) -> Event {
    match random.u8(0..20) {
        0..13 => {
            let request = request(random);
            past.push(request.clone());
            Event::Request(request)
        }
        13..16 => match random.choice(past.iter()) {
            Some(request) => Event::Request(again(&request.clone(), random)),
            None => Event::Session(update(random)),
        },
        16 => Event::Session(update(random)),
        17 => Event::Surface(Box::new(surface(random))),
        18 => {
            let from_ts = time(random);
            let to_ts = from_ts + random.i64(0..1000);
            Event::Gap(Gap {
                source: "-".into(),
                count: random.u64(1..9),
                from_ts,
                to_ts,
                key: None,
            })
        }
        _ => Event::BadLine(BadLine {
            source: "a".into(),
            offset: random.u64(..) >> 1,
            reason: "r".into(),
            excerpt: vec![0xff],
            ts: 0,
        }),
    }
}

/// A request that was there, as it was, or with another content under the same id.
fn again(request: &Request, random: &mut Rng) -> Request {
    let mut again = request.clone();
    if request.key.source == mcpr_model::KeySource::Id && random.bool() {
        again.latency_us = again.latency_us.map(|us| us + random.i64(0..2));
    } else if request.key.source == mcpr_model::KeySource::Bytes && random.bool() {
        again.proxy = pick(random, &PROXIES);
    }
    again
}

fn request(random: &mut Rng) -> Request {
    let id = random.u32(..).to_string();
    let key = if random.bool() {
        EventKey::of_id(&id)
    } else {
        EventKey::of_bytes(id.as_bytes(), 0)
    };
    let client_name = maybe(random, |random| pick(random, &CLIENTS));
    let kind = *random
        .choice(&[Kind::Mcp, Kind::Mcp, Kind::Http, Kind::Oauth])
        .expect("kinds");
    Request {
        key,
        request_id: maybe(random, |_| RequestId::from_text(&id)),
        ts: time(random),
        proxy: pick(random, &PROXIES),
        kind,
        session_id: maybe(random, |random| pick(random, &SESSIONS)),
        client_version: client_name
            .as_ref()
            .and_then(|_| maybe(random, |_| "1".into())),
        client_name,
        method: pick(random, &METHODS),
        target: maybe(random, |random| Target {
            kind: *random.choice(&TargetKind::ALL).expect("kinds"),
            name: pick(random, &NAMES),
        }),
        // Mostly it is known.
        latency_us: (random.u8(0..10) > 0).then(|| latency(random)),
        upstream_us: maybe(random, |random| random.i64(0..2_000)),
        bytes_in: maybe(random, |random| random.i64(0..100)),
        bytes_out: maybe(random, |random| random.i64(0..100)),
        http_status: maybe(random, |random| random.u16(200..204)),
        first_event_us: rarely(random, |random| random.i64(0..2_000)),
        format: maybe(random, |random| {
            *random.choice(&SourceFormat::ALL).expect("formats")
        }),
        trace_id: rarely(random, trace).map(Box::new),
        part: rarely(random, part).map(Box::new),
        outcome: maybe(random, outcome).unwrap_or_default(),
        payload: rarely(random, payload).map(Box::new),
        surface: rarely(random, surface).map(Box::new),
    }
}

fn part(random: &mut Rng) -> OperationPart {
    let link = |random: &mut Rng| OperationLink::of_task(&random.u8(0..4).to_string());
    OperationPart {
        follows: maybe(random, link),
        leaves: maybe(random, link),
        stage: *random.choice(&OperationStage::ALL).expect("stages"),
    }
}

fn trace(random: &mut Rng) -> TraceId {
    TraceId::of_bytes([random.u8(1..4); 16])
}

fn outcome(random: &mut Rng) -> Outcome {
    Outcome {
        error_kind: random.choice(ErrorKind::ALL),
        error_code: maybe(random, |random| random.i32(-2..2).to_string().into()),
        error_msg: maybe(random, |random| pick(random, &NAMES)),
        retyped: false,
    }
}

fn update(random: &mut Rng) -> SessionUpdate {
    let client_name = maybe(random, |random| pick(random, &CLIENTS));
    SessionUpdate {
        session_id: pick(random, &SESSIONS),
        proxy: (random.u8(0..4) > 0).then(|| pick(random, &PROXIES)),
        ts: time(random),
        started_at: maybe(random, time),
        last_seen_at: maybe(random, time),
        state: if random.bool() {
            SessionState::Active
        } else {
            SessionState::Closed
        },
        client_version: client_name
            .as_ref()
            .and_then(|_| maybe(random, |_| "2".into())),
        client_name,
        conversation: rarely(random, |random| pick(random, &SESSIONS)),
    }
}

fn rarely<T>(random: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (random.u8(0..5) == 0).then(|| value(random))
}

fn proxy_pattern(random: &mut Rng) -> Pattern {
    let globs = ["p", "q", "none", "[pq]", "p*"];
    Pattern::new(&pick(random, &globs)).expect("a glob")
}

fn pattern(random: &mut Rng) -> Pattern {
    let glob = ["*", "tools/*", "p*", "e?ho", "{ping,echo}", "none", "c*"];
    Pattern::ignoring_case(&pick(random, &glob)).expect("a glob")
}

/// A session that may or may not be there.
pub(super) fn session_key(random: &mut Rng, known: &[SessionKey]) -> SessionKey {
    match random.choice(known) {
        Some(key) if random.u8(0..4) > 0 => key.clone(),
        _ => SessionKey {
            proxy: "p".to_owned(),
            id: "none".to_owned(),
        },
    }
}

fn payload(random: &mut Rng) -> Payload {
    let body = |random: &mut Rng| Body::of(&pick(random, &["{}", "[1]"]));
    Payload {
        params: maybe(random, body),
        answer: maybe(random, body),
    }
}

/// A statement about a surface: lists of a few tools, in pages and whole, items, announcements.
fn surface(random: &mut Rng) -> SurfaceUpdate {
    let tools: Vec<String> = (0..random.u8(0..3))
        .map(|_| format!("{{\"name\":\"t{}\"}}", random.u8(0..3)))
        .collect();
    let next = pick(
        random,
        &["", ",\"nextCursor\":\"1\"", ",\"nextCursor\":\"2\""],
    );
    let result = format!("{{\"tools\":[{}]{next}}}", tools.join(",")).into();
    let ts = time(random);
    let content = match random.u8(0..9) {
        0 => SurfaceContent::ListChanged,
        1 => SurfaceContent::Item {
            item: "{\"name\":\"t1\"}".into(),
        },
        2 => SurfaceContent::Whole {
            upstream: maybe(random, |_| "http://x".into()),
            result,
        },
        3 => SurfaceContent::Version(Box::new(version(random, ts, result))),
        _ => SurfaceContent::Page {
            cursor: rarely(random, |random| pick(random, &["1", "2"])),
            asked_version: None,
            result,
        },
    };
    SurfaceUpdate {
        proxy: pick(random, &PROXIES),
        method: "tools/list".into(),
        ts,
        session_id: maybe(random, |random| pick(random, &SESSIONS)),
        client_name: None,
        content,
    }
}

/// A version as another store has it, which was first seen at a time.
fn version(random: &mut Rng, ts: i64, payload: Box<str>) -> SurfaceVersion {
    SurfaceVersion {
        version: random.i64(1..5),
        payload,
        // Also before: whatever an export says must not do harm.
        last_seen_at: ts + random.i64(-5..50),
        upstream: maybe(random, |_| "http://x".into()),
        announced: random.bool(),
        protocol: None,
        peculiar: Vec::new(),
        changes: vec![("tool_added".to_owned(), Some("t1".to_owned()))],
    }
}

/// A text or an expression, in the fields alone or in some bodies too.
fn search(random: &mut Rng) -> Search {
    let texts = [
        "CHO", "a_b", "%", "-1", "s-1", "É", "claude", "\\", "1", "{}",
    ];
    let expressions = ["cho", "^claude", "s-[12]$", "(?i)É|[1]", r"\d\]", ".", "^$"];
    let search = if random.bool() {
        Search::fixed(&pick(random, &texts))
    } else {
        Search::expression(&pick(random, &expressions))
    };
    search.expect("a search").also_in(SearchedBodies {
        arguments: random.bool(),
        answers: random.bool(),
    })
}

/// A filter with a few conditions.
pub(super) fn filter(random: &mut Rng, known: &[SessionKey]) -> Filter {
    Filter {
        proxy: rarely(random, proxy_pattern),
        since: rarely(random, time),
        until: rarely(random, time),
        kind: rarely(random, |random| *random.choice(&Kind::ALL).expect("kinds")),
        methods: rarely(random, pattern).into_iter().collect(),
        tools: rarely(random, pattern).into_iter().collect(),
        session: rarely(random, |random| session_key(random, known)),
        client: rarely(random, pattern),
        statuses: if random.u8(0..5) == 0 {
            Status::ALL.into_iter().filter(|_| random.bool()).collect()
        } else {
            Vec::new()
        },
        error_kinds: rarely(random, |random| {
            let count = random.usize(1..3);
            random.choose_multiple(ErrorKind::ALL, count)
        })
        .unwrap_or_default(),
        error_code: rarely(random, |_| "-1".to_owned()),
        grep: rarely(random, search),
        trace_id: rarely(random, trace),
        has_trace: random.u8(0..10) == 0,
        is_part: random.u8(0..10) == 0,
        without_polls: random.u8(0..4) == 0,
        min_latency_us: rarely(random, latency),
    }
}

fn cursor(random: &mut Rng, last_seq: i64) -> Cursor {
    Cursor::from_seq(random.i64(0..=last_seq))
}

/// A page anywhere in a store with so many rows.
pub(super) fn page(random: &mut Rng, last_seq: i64) -> Page {
    Page {
        after: rarely(random, |random| cursor(random, last_seq)),
        before: rarely(random, |random| cursor(random, last_seq + 1)),
        order: if random.bool() {
            Order::Ascending
        } else {
            Order::Descending
        },
        limit: random.usize(1..20),
    }
}

/// A page anywhere in the time of a store with so many rows.
pub(super) fn time_page(random: &mut Rng, last_seq: i64) -> TimePage {
    let page = page(random, last_seq);
    let place = |random: &mut Rng| Place {
        ts: time(random),
        seq: random.i64(0..=last_seq),
    };
    TimePage {
        stored_before: page.before,
        after: rarely(random, place),
        before: rarely(random, place),
        order: page.order,
        limit: page.limit,
    }
}

/// A filter of sessions.
pub(super) fn session_filter(random: &mut Rng) -> SessionFilter {
    SessionFilter {
        proxy: rarely(random, proxy_pattern),
        since: rarely(random, time),
        until: rarely(random, time),
        client: rarely(random, pattern),
        active_at: rarely(random, time),
        with_empty: random.bool(),
        prefix: rarely(random, |random| {
            pick(random, &["s-1", "s", "~", "", "é", "x"]).to_string()
        }),
        id: rarely(random, |random| pick(random, &["s-1", "x"]).to_string()),
        up_to: None,
    }
}

/// A page of sessions that begins anywhere.
pub(super) fn session_page(random: &mut Rng, reference: &MemoryStore) -> SessionPage {
    let known: Vec<SessionRow> = super::sessions(reference);
    SessionPage {
        order: *random
            .choice(&[SessionOrder::Started, SessionOrder::Used])
            .expect("orders"),
        after: random
            .choice(&known)
            .map(SessionRow::place)
            .filter(|_| random.bool()),
        limit: random.usize(0..4),
    }
}

/// A question of sums.
pub(super) fn stats_question(random: &mut Rng) -> StatsQuestion {
    let all = [
        GroupBy::Tool,
        GroupBy::Method,
        GroupBy::Client,
        GroupBy::Proxy,
        GroupBy::Hour,
    ];
    let known = filter(random, &[]);
    StatsQuestion {
        filter: Filter {
            proxy: known.proxy,
            since: known.since,
            until: known.until,
            kind: known.kind,
            methods: known.methods,
            tools: known.tools,
            ..Filter::default()
        },
        by: *random.choice(&all).expect("ways"),
        exact: random.bool(),
        buckets: Buckets {
            start: time(random),
            width_ms: random.i64(1..5_000_000),
            count: random.usize(0..6),
        },
        most: rarely(random, |random| random.usize(0..4)),
        tools: rarely(random, |random| {
            let mut tool = || {
                let names = (pick(random, &PROXIES), pick(random, &NAMES));
                (names.0.to_string(), names.1.to_string())
            };
            BTreeSet::from([tool(), tool()])
        }),
    }
}

/// Mostly short; some are long enough for the index of slow requests.
fn latency(random: &mut Rng) -> i64 {
    if random.u8(0..4) == 0 {
        random.i64(90_000..200_000)
    } else {
        random.i64(0..2_000)
    }
}

/// The name of a proxy that may have been recorded.
pub(super) fn proxy(random: &mut Rng) -> String {
    pick(random, &PROXIES).to_string()
}

/// What a vacuum removes.
pub(super) fn retention(random: &mut Rng) -> Retention {
    let classes = [
        Class::Requests,
        Class::Payloads,
        Class::Sums,
        Class::Surfaces,
        Class::Names,
    ];
    let class = *random.choice(&classes).expect("classes");
    let before = random.i64(0..SPAN_MS / 4);
    let proxy = rarely(random, |random| {
        pick(random, &["p", "q", "none"]).to_string()
    });
    Retention::of(class, before).of_proxy(proxy.filter(|_| class != Class::Names))
}
