//! Sessions in short: what passes, and what follows from it.

use super::*;

fn moment() -> Moment {
    Moment {
        at: Instant::now(),
        ts: 7,
    }
}

fn copy(direction: Direction, bytes: &str, loss: Option<Loss>) -> Copy {
    Copy {
        direction,
        moment: moment(),
        loss,
        bytes: bytes.as_bytes().into(),
    }
}

fn in_short(event: &Event) -> String {
    match event {
        Event::Request(request) => {
            format!("{} {}", request.method, request.outcome.status().as_str())
        }
        Event::Session(_) => "session".to_owned(),
        Event::Gap(gap) => format!("gap {} {}-{}", gap.count, gap.from_ts, gap.to_ts),
        Event::BadLine(line) => format!("bad {} {}", line.offset, line.reason),
        Event::Surface(update) => format!("surface {}", update.method),
        Event::Open(open) => format!("open {}", open.request.method),
        Event::Withdrawn(_) => "withdrawn".to_owned(),
        Event::Server(_) => "server".to_owned(),
    }
}

/// Reads what passed and gives what follows from it.
fn read(copies: &[Copy]) -> (Vec<String>, TranscriptState) {
    let mut transcript = Transcript::new("p", "s");
    for copy in copies {
        transcript.read(copy);
    }
    transcript.end(moment());
    let events = transcript.take().events.iter().map(in_short).collect();
    (events, transcript.account())
}

#[test]
fn every_sort_of_line_is_counted() {
    use Direction::{ToClient, ToServer};
    let (events, account) = read(&[
        copy(ToServer, "{\"id\":1,\"method\":\"ping\"}\n", None),
        copy(ToClient, "hello\n{\"a\":1}\n{\"id\":\n", None),
        copy(ToClient, "{\"id\":1,\"result\":{}}", None),
    ]);
    let bad = "bad 14 to the client EOF while parsing a value at line 1 column 6";
    // Text beside messages is reported about the server.
    assert_eq!(events, [bad, "ping ok", "session", "server"]);
    let counts = &account.counts;
    let got = [
        counts.lines,
        counts.events,
        counts.text,
        counts.unknown,
        counts.bad,
    ];
    assert_eq!(got, [5, 2, 1, 1, 1]);
    assert_eq!((account.requests, account.cut), (1, 0));
}

#[test]
fn a_message_over_several_lines_is_one() {
    use Direction::{ToClient, ToServer};
    let asked = "{\"id\":1,\"method\":\"ping\"}\n{\"id\":2,\"method\":\"pong\"}\n";
    let answers =
        "{\n  \"id\": 1,\n  \"result\": {\n  }\n}\n{\n\"id\":\nlog\n{\"id\":2,\"result\":{}}\n[\n";
    let (events, account) = read(&[copy(ToServer, asked, None), copy(ToClient, answers, None)]);
    let expected = [
        "ping ok",
        "bad 33 to the client EOF while parsing an object at line 1 column 1",
        "pong ok",
        "bad 66 to the client EOF while parsing a list at line 1 column 1",
        "session",
    ];
    assert_eq!(events, expected);
    let counts = &account.counts;
    assert_eq!(
        [counts.lines, counts.events, counts.text, counts.bad],
        [12, 4, 2, 2]
    );
}

#[test]
fn a_loss_is_a_gap_and_makes_nobody_hang() {
    use Direction::{ToClient, ToServer};
    let loss = Loss {
        bytes: 40,
        newlines: 2,
        last: b'\n',
        from_ts: 3,
        to_ts: 4,
    };
    let (events, account) = read(&[
        copy(ToServer, "{\"id\":1,\"method\":\"before\"}\n", None),
        copy(ToClient, "{\"method\":\"notifications/x\"}\n", Some(loss)),
        copy(ToServer, "{\"id\":2,\"method\":\"after\"}\n", None),
    ]);
    let expected = ["gap 2 3-4", "after timeout", "session", "gap 1 7-7"];
    assert_eq!(
        events, expected,
        "the first may have been answered in the loss"
    );
    assert_eq!(account.counts.dropped, 3);
}

#[test]
fn what_there_is_no_time_to_read_is_one_gap_of_its_lines() {
    use Direction::{ToClient, ToServer};
    let mut transcript = Transcript::new("p", "s");
    let asked = "{\"id\":1,\"method\":\"ping\"}\n{\"id\":2,\"meth";
    transcript.read(&copy(ToServer, asked, None));
    let loss = Loss {
        bytes: 40,
        newlines: 2,
        last: b'\n',
        from_ts: 3,
        to_ts: 4,
    };
    transcript.skip(&copy(ToServer, "od\":\"pong\"}\n{", None));
    transcript.skip(&copy(ToServer, "}\n{}\n", Some(loss)));
    transcript.skip(&copy(ToClient, "no newline", None));
    transcript.skip(&copy(ToClient, ", still none", None));
    transcript.end(moment());
    let events: Vec<String> = transcript.take().events.iter().map(in_short).collect();
    let expected = ["gap 5 3-7", "gap 1 7-7", "session", "gap 1 7-7"];
    assert_eq!(events, expected, "the call may have been answered there");
    assert_eq!(transcript.account().counts.dropped, 7);
}

#[test]
fn a_long_line_that_is_lost_in_pieces_is_one_dropped_line() {
    use Direction::ToClient;
    let loss = |bytes, ts| Loss {
        bytes,
        newlines: 0,
        last: b'x',
        from_ts: ts,
        to_ts: ts,
    };
    let (events, account) = read(&[
        copy(ToClient, "{\"id\":1,", None),
        copy(ToClient, "x", Some(loss(1 << 26, 1))),
        copy(ToClient, "x", Some(loss(1 << 26, 2))),
        copy(ToClient, "x}\nhello\n", Some(loss(1 << 26, 3))),
    ]);
    assert_eq!(events, ["gap 1 1-1", "session", "server"]);
    let counts = account.counts;
    assert_eq!((counts.dropped, counts.lines, counts.text), (1, 1, 1));
}

const INITIALIZE: &str =
    "{\"id\":1,\"method\":\"initialize\",\"params\":{\"clientInfo\":{\"name\":\"c\"}}}\n";

/// The names under which what passed is handed over, each once.
fn names(answer: &str) -> Vec<String> {
    use Direction::{ToClient, ToServer};
    let mut transcript = Transcript::new("package", "s").named_by_server();
    transcript.begin(moment());
    transcript.read(&copy(ToServer, INITIALIZE, None));
    assert!(transcript.take().events.is_empty(), "no name is known yet");
    transcript.read(&copy(ToClient, answer, None));
    let mut events = transcript.take().events;
    transcript.read(&copy(ToServer, "{\"id\":2,\"method\":\"ping\"}\n", None));
    transcript.end(moment());
    events.extend(transcript.take().events);
    let mut names: Vec<String> = Vec::new();
    for event in &events {
        let name = match event {
            Event::Request(request) => Some(&request.proxy),
            Event::Session(update) => update.proxy.as_ref(),
            Event::Server(run) => Some(&run.proxy),
            _ => None,
        };
        if let Some(name) = name.filter(|name| !names.iter().any(|known| known == name.as_str())) {
            names.push(name.to_string());
        }
    }
    names
}

#[test]
fn a_session_has_the_name_that_its_server_says_from_its_first_row_on() {
    let named = "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"serverInfo\":{\"name\":\" own \"}}}\n";
    assert_eq!(names(named), ["own"]);
    let modern = "{\"id\":1,\"result\":{\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"own\"}},\"supportedVersions\":[]}}\n";
    assert_eq!(
        names(&modern.replace("supportedVersions", "protocolVersion")),
        ["own"]
    );
}

#[test]
fn a_session_whose_server_says_no_name_has_the_one_of_its_package() {
    for answer in [
        "{\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}\n",
        "{\"id\":1,\"result\":{\"serverInfo\":{\"name\":\"\"}}}\n",
        "{\"id\":1,\"error\":{\"code\":1,\"message\":\"x\"}}\n",
        "text\n",
    ] {
        assert_eq!(names(answer), ["package"], "{answer}");
    }
}
