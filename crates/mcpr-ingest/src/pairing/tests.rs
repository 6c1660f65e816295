//! Scripted sessions: what passes, each line with its time, and the rows and counts that follow.

use super::*;
use expect_test::{Expect, expect};
use mcpr_model::{Event, Request, SessionState};
use mcpr_wire::{Bodies, Messages, messages};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// A script: `MILLISECONDS > MESSAGE` from the client, `<` from the server, `! ` a loss.
fn play(script: &str) -> (Vec<Event>, PairingTally) {
    let began = Instant::now();
    let moment = |ms: u64| Moment {
        at: began + Duration::from_millis(ms),
        ts: 1000 + i64::try_from(ms).expect("small"),
    };
    let mut pairing = Pairing::new("p".into(), "s".into());
    let (mut events, mut last) = (Vec::new(), 0);
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (ms, rest) = line.split_once(' ').expect("a time");
        let (sign, text) = rest.split_at(1);
        last = ms.parse().expect("milliseconds");
        let direction = match sign {
            ">" => Direction::ToServer,
            "<" => Direction::ToClient,
            _ => {
                pairing.lost();
                continue;
            }
        };
        let Messages::Known(known) = messages(text.trim().as_bytes(), Bodies::Left) else {
            panic!("no messages: {text}");
        };
        for message in known {
            pairing.message(direction, message, moment(last), &mut events);
        }
    }
    pairing.end(moment(last.max(100)), &mut events);
    (events, pairing.tally())
}

fn described(request: &Request) -> String {
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let bytes = |bytes: Option<i64>| bytes.map_or("-".to_owned(), |it| it.to_string());
    format!(
        "{} {} {} {} {} {}us {}/{} {} {} {}",
        request.ts,
        request.request_id.as_ref().expect("it has one"),
        text(request.client_name.as_deref()),
        request.method,
        text(request.target.as_ref().map(|it| it.name.as_str())),
        request.latency_us.unwrap_or(-1),
        bytes(request.bytes_in),
        bytes(request.bytes_out),
        request
            .outcome
            .error_kind
            .map_or("ok", |kind| kind.as_str()),
        text(request.outcome.error_code.as_deref()),
        text(request.outcome.error_msg.as_deref()),
    )
}

fn check(script: &str, expected: &Expect) {
    let (events, tally) = play(script);
    let mut got = String::new();
    for event in &events {
        let surface =
            |update: &SurfaceUpdate| format!("surface {} {:?}\n", update.method, update.content);
        match event {
            Event::Request(request) => {
                let surface_line = request.surface.as_deref().map(surface);
                write!(
                    got,
                    "{}\n{}",
                    described(request),
                    surface_line.unwrap_or_default()
                )
            }
            Event::Session(update) if update.state == SessionState::Closed => Ok(()),
            Event::Session(update) => writeln!(
                got,
                "session {} {}",
                update.client_name.as_deref().unwrap_or("-"),
                update.client_version.as_deref().unwrap_or("-")
            ),
            Event::Surface(update) => write!(got, "{}", surface(update)),
            other => panic!("{other:?}"),
        }
        .expect("memory takes it");
    }
    if tally != PairingTally::default() {
        writeln!(got, "{tally:?}").expect("memory takes it");
    }
    expected.assert_eq(&got);
}

#[test]
fn a_plain_session() {
    check(
        r#"
        0 > {"jsonrpc":"2.0","id":0,"method":"initialize","params":{"clientInfo":{"name":"c","version":"1"}}}
        3 < {"jsonrpc":"2.0","id":0,"result":{}}
        4 > {"jsonrpc":"2.0","method":"notifications/initialized"}
        5 > {"id":1,"method":"tools/call","params":{"name":"a"}}
        6 > {"id":2,"method":"tools/call","params":{"name":"b"}}
        8 < {"id":2,"result":{"isError":true,"content":[{"type":"text","text":"no"}]}}
        9 < {"method":"notifications/progress"}
        10 < {"id":1,"error":{"code":-32602,"message":"bad"}}
        "#,
        &expect![[r#"
            session c 1
            1000 0 c initialize - 3000us 97/36 ok - -
            surface initialize Page { cursor: None, asked_version: None, result: "{}" }
            1006 2 - tools/call b 2000us 52/74 tool - no
            1005 1 - tools/call a 5000us 52/48 rpc -32602 bad
            PairingTally { notifications: 2, progress: 1, late: 0, unasked: 0, retyped: 0, doubtful: 0 }
        "#]],
    );
}

#[test]
fn a_request_that_names_no_client_was_reported_to_be_of_another_ones_initialize() {
    let known = |version: &str| {
        let mut pairing = Pairing::of_log("p".into());
        pairing.client = Some(("legacyguy".into(), None));
        let asked = format!(
            r#"{{"id":1,"method":"ping","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}}}}}"#
        );
        let mut events = Vec::new();
        for (direction, text) in [
            (Direction::ToServer, asked.as_str()),
            (Direction::ToClient, r#"{"id":1,"result":{}}"#),
        ] {
            let Messages::Known(known) = messages(text.as_bytes(), Bodies::Left) else {
                panic!("no messages: {text}");
            };
            for message in known {
                pairing.message(direction, message, Moment::now(), &mut events);
            }
        }
        let Some(Event::Request(row)) = events.pop() else {
            panic!("a row: {events:?}");
        };
        row.client_name
    };
    assert_eq!(known("2025-11-25").as_deref(), Some("legacyguy"));
    assert_eq!(known("2026-07-28"), None);
}

#[test]
fn ids_are_typed_and_repeat_between_the_directions() {
    check(
        r#"
        0 > {"id":1,"method":"tools/list"}
        0 > {"id":"1","method":"prompts/list"}
        0 < {"id":1,"method":"sampling/createMessage"}
        1 < {"id":"1","result":{}}
        2 < {"id":1,"result":{}}
        7 > {"id":1,"result":{}}
        "#,
        &expect![[r#"
            1000 1 - prompts/list - 1000us 34/22 ok - -
            surface prompts/list Page { cursor: None, asked_version: None, result: "{}" }
            1000 1 - tools/list - 2000us 30/20 ok - -
            surface tools/list Page { cursor: None, asked_version: None, result: "{}" }
            1000 server:1 - sampling/createMessage - 7000us 42/20 ok - -
        "#]],
    );
}

#[test]
fn a_batch_is_as_many_calls() {
    check(
        r#"
        0 > [{"id":1,"method":"ping"},{"method":"notifications/x"},{"id":2,"method":"tools/list"}]
        4 < [{"id":2,"result":{"tools":[]}},{"id":1,"result":{}}]
        "#,
        &expect![[r#"
            1000 2 - tools/list - 4000us 30/30 ok - -
            surface tools/list Page { cursor: None, asked_version: None, result: "{\"tools\":[]}" }
            1000 1 - ping - 4000us 24/20 ok - -
            PairingTally { notifications: 1, progress: 0, late: 0, unasked: 0, retyped: 0, doubtful: 0 }
        "#]],
    );
}

#[test]
fn hung_cancelled_late_and_unasked_are_distinguished() {
    check(
        r#"
        0 > {"id":1,"method":"tools/call","params":{"name":"hangs"}}
        0 > {"id":2,"method":"tools/call","params":{"name":"cancelled"}}
        9 > {"method":"notifications/cancelled","params":{"requestId":2}}
        9 < {"method":"notifications/cancelled","params":{"requestId":1}}
        10 < {"id":2,"result":{}}
        11 < {"id":77,"result":{}}
        12 < {"id":null,"error":{"code":-32700,"message":"what?"}}
        "#,
        &expect![[r"
            1000 2 - tools/call cancelled 9000us 60/- cancelled - -
            1000 1 - tools/call hangs 100000us 56/- timeout - -
            PairingTally { notifications: 2, progress: 0, late: 1, unasked: 2, retyped: 0, doubtful: 0 }
        "]],
    );
}

#[test]
fn an_id_may_be_used_again() {
    check(
        r#"
        0 > {"id":1,"method":"first"}
        1 < {"id":1,"result":{}}
        2 > {"id":1,"method":"second"}
        3 > {"id":1,"method":"third"}
        4 < {"id":1,"result":{}}
        "#,
        &expect![[r"
            1000 1 - first - 1000us 25/20 ok - -
            1002 1 - second - 1000us 26/- timeout - -
            1003 1 - third - 1000us 25/20 ok - -
        "]],
    );
}

#[test]
fn a_copy_of_an_answer_may_come_before_that_of_its_request() {
    check(
        r#"
        5 < {"id":1,"result":{}}
        2 > {"id":1,"method":"quick"}
        "#,
        &expect![[r"
            1002 1 - quick - 3000us 25/20 ok - -
        "]],
    );
    check(
        r#"
        1 < {"id":1,"result":{}}
        2 > {"id":1,"method":"asked after that answer"}
        "#,
        &expect![[r"
            1002 1 - asked after that answer - 98000us 43/- timeout - -
            PairingTally { notifications: 0, progress: 0, late: 0, unasked: 1, retyped: 0, doubtful: 0 }
        "]],
    );
}

#[test]
fn what_may_have_been_answered_in_a_loss_is_not_called_hung() {
    check(
        r#"
        0 > {"id":1,"method":"before"}
        0 > {"id":2,"method":"before, and answered later"}
        1 !
        2 > {"id":3,"method":"after"}
        3 < {"id":2,"result":{}}
        "#,
        &expect![[r"
            1000 2 - before, and answered later - 3000us 46/20 ok - -
            1002 3 - after - 98000us 25/- timeout - -
            PairingTally { notifications: 0, progress: 0, late: 0, unasked: 0, retyped: 0, doubtful: 1 }
        "]],
    );
}

#[test]
fn the_oldest_of_too_many_waiting_is_given_up() {
    let mut script = String::new();
    for id in 0..16_385 {
        writeln!(script, r#"0 > {{"id":{id},"method":"ping"}}"#).expect("memory takes it");
    }
    script.push_str("1 < {\"id\":0,\"result\":{}}\n1 < {\"id\":1,\"result\":{}}\n");
    let (events, tally) = play(&script);
    assert_eq!(tally.late, 1);
    let Event::Request(first) = &events[0] else {
        panic!("{:?}", events[0]);
    };
    assert!(described(first).contains("timeout"), "{first:?}");
    assert_eq!(events.len(), 16_385 + 1, "a row each, and the end");
}

#[test]
fn every_row_has_a_key_of_its_own() {
    let (events, _) = play(
        r#"
        0 > {"id":1,"method":"ping"}
        0 < {"id":1,"result":{}}
        0 > {"id":1,"method":"ping"}
        0 < {"id":1,"result":{}}
        "#,
    );
    let keys = events.iter().filter_map(|event| match event {
        Event::Request(request) => Some(request.key.hash),
        _ => None,
    });
    let keys: std::collections::HashSet<u64> = keys.collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn what_the_server_shows_of_itself_is_announced() {
    check(
        r#"
        0 > {"id":1,"method":"tools/list"}
        1 < {"id":1,"result":{"tools":[],"nextCursor":"2"}}
        2 > {"id":2,"method":"tools/list","params":{"cursor":"2"}}
        3 < {"id":2,"error":{"code":-32000,"message":"no"}}
        4 < {"method":"notifications/tools/list_changed"}
        5 > {"method":"notifications/prompts/list_changed"}
        6 < {"id":1,"method":"tools/list"}
        7 > {"id":1,"result":{"tools":[]}}
        "#,
        &expect![[r#"
            1000 1 - tools/list - 1000us 30/47 ok - -
            surface tools/list Page { cursor: None, asked_version: None, result: "{\"tools\":[],\"nextCursor\":\"2\"}" }
            1002 2 - tools/list - 1000us 54/47 rpc -32000 no
            surface tools/list ListChanged
            1006 server:1 - tools/list - 1000us 30/30 ok - -
            PairingTally { notifications: 2, progress: 0, late: 0, unasked: 0, retyped: 0, doubtful: 0 }
        "#]],
    );
}

#[test]
fn an_answer_under_an_id_of_another_type_is_the_answer() {
    check(
        r#"
        0 > {"id":1,"method":"text for number"}
        0 > {"id":"2","method":"number for text"}
        0 > {"id":3,"method":"float as text"}
        0 < {"id":1,"method":"server's own"}
        1 < {"id":"1","result":{}}
        2 < {"id":2,"result":{}}
        3 < {"id":"3.0","result":{}}
        4 > {"id":"1","result":{}}
        5 > {"id":4,"method":"cancelled"}
        6 > {"method":"notifications/cancelled","params":{"requestId":"4"}}
        7 < {"id":"4","result":{}}
        "#,
        &expect![[r"
            1000 1 - text for number - 1000us 35/22 ok - -
            1000 2 - number for text - 2000us 37/20 ok - -
            1000 3 - float as text - 3000us 33/24 ok - -
            1000 server:1 - server's own - 4000us 32/22 ok - -
            1005 4 - cancelled - 1000us 29/- cancelled - -
            PairingTally { notifications: 1, progress: 0, late: 1, unasked: 0, retyped: 4, doubtful: 0 }
        "]],
    );
}

#[test]
fn which_of_two_is_answered_is_not_guessed() {
    check(
        r#"
        0 > {"id":1,"method":"number"}
        0 > {"id":"1","method":"text"}
        1 < {"id":"1.0","result":{}}
        2 < {"id":"1","result":{}}
        3 < {"id":"1","result":{}}
        "#,
        &expect![[r"
            1000 1 - text - 2000us 26/22 ok - -
            1000 1 - number - 3000us 26/22 ok - -
            PairingTally { notifications: 0, progress: 0, late: 0, unasked: 1, retyped: 1, doubtful: 0 }
        "]],
    );
}

#[test]
fn a_copy_of_an_answer_of_another_type_may_come_first_too() {
    check(
        r#"
        5 < {"id":"1","result":{}}
        2 > {"id":1,"method":"quick"}
        "#,
        &expect![[r"
            1002 1 - quick - 3000us 25/22 ok - -
        "]],
    );
}

#[test]
fn answers_to_nothing_are_kept_within_bounds() {
    let mut pairing = Pairing::new("p".into(), "s".into());
    let mut events = Vec::new();
    let moment = Moment::now();
    let text = "x".repeat(8 << 20);
    for id in 0..20 {
        let line = format!(r#"{{"id":{id},"result":"{text}"}}"#);
        let Messages::Known(known) = messages(line.as_bytes(), Bodies::Left) else {
            panic!("it is an answer");
        };
        for message in known {
            pairing.message(Direction::ToClient, message, moment, &mut events);
        }
    }
    assert_eq!(pairing.tally().unasked, 17, "three of 8 MiB are kept");
    pairing.end(moment, &mut events);
    assert_eq!(pairing.tally().unasked, 20);
}

#[test]
fn requests_with_long_ids_and_texts_wait_within_bounds_and_are_paired() {
    let long = "x".repeat(1 << 20);
    let mut pairing = Pairing::new("p".into(), "s".into());
    let mut events = Vec::new();
    let mut pass = |direction, line: String| {
        let Messages::Known(known) = messages(line.as_bytes(), Bodies::Kept) else {
            panic!("it is a message");
        };
        for message in known {
            pairing.message(direction, message, Moment::now(), &mut events);
        }
        pairing.waiting_bytes()
    };
    let mut most = 0;
    for id in 0..100 {
        let asked = format!(
            r#"{{"id":"{long}{id}","method":"tools/call","params":{{"name":"{long}","cursor":"{long}"}}}}"#
        );
        most = most.max(pass(Direction::ToServer, asked));
    }
    assert!(most < 17 << 20, "{most} bytes wait");
    for id in 0..100 {
        pass(
            Direction::ToClient,
            format!(r#"{{"id":"{long}{id}","result":{{}}}}"#),
        );
    }
    let is_ok = |event: &&Event| match event {
        Event::Request(request) => request.outcome == mcpr_model::Outcome::default(),
        _ => false,
    };
    assert_eq!(events.iter().filter(is_ok).count(), 100);
}
