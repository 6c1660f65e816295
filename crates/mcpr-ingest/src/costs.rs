//! What reading each source costs, in counted steps: four times as much of it may take four times the
//! looks at what is remembered, and has four times the bytes decoded. A list that is searched for each
//! item, or a line that is decoded anew with each of its parts, takes sixteen times as much.

use crate::tap::{Copy, Direction, Transcript};
use crate::{LineDecoder, LineOptions, Moment};
use mcpr_model::steps::Steps;
use mcpr_model::{Checkpoint, Event, FileIdentity, Fingerprint};
use std::time::{Duration, Instant};

/// More than every bound on what is remembered of a source but that on open requests: below a bound a
/// search through all of it may still grow.
const FEW: u16 = 1100;
const MANY: u16 = 4 * FEW;

/// Reads so many calls, and gives the rows that they led to.
type Source = fn(usize) -> usize;

fn requests(events: &[Event]) -> usize {
    let is_request = |event: &&Event| matches!(event, Event::Request(_));
    events.iter().filter(is_request).count()
}

fn decoder() -> LineDecoder {
    LineDecoder::new("source.log", "p", LineOptions::default())
}

/// Reads lines as they are read from a file, which is committed again and again.
fn read_lines(lines: impl IntoIterator<Item = String>) -> usize {
    let mut decoder = decoder();
    let (mut offset, mut rows) = (0, 0);
    for line in lines {
        decoder.line(offset, line.as_bytes(), 0);
        offset += line.len() as u64 + 1;
        decoder.reached(checkpoint(offset));
        decoder.settle(Instant::now());
        rows += requests(&decoder.take().events);
    }
    decoder.end_parts(0);
    decoder.end();
    rows + requests(&decoder.take().events)
}

fn checkpoint(offset: u64) -> Checkpoint {
    Checkpoint {
        path: "source.log".into(),
        identity: FileIdentity {
            device: 1,
            inode: 1,
        },
        head: Fingerprint::default(),
        marker: Fingerprint::default(),
        offset,
    }
}

/// An event of mcpr 0.4, of a session of its own.
fn v04(call: usize) -> String {
    format!(
        r#"{{"type":"request","id":"00000000-0000-4000-8000-{call:012}","ts":{call},"proxy":"p","session_id":"s{call}","method":"POST","path":"/","mcp_method":"tools/call","tool":"t{call}","status":200,"latency_us":1,"note":"x"}}"#
    )
}

fn v05_stderr(call: usize) -> String {
    let request = format!(
        r#"{{"kind":"mcp","rpc":{{"id":{call},"jsonrpc":"2.0","method":"tools/call","params":{{"name":"t{call}"}}}}}}"#
    );
    format!(
        r#"{{"type":"transaction","ts":{call},"latency_us":1,"request_id":"{call}","session_id":"s{call}","request":{request},"response":{{"kind":"mcp","result":{{"id":{call},"jsonrpc":"2.0","result":{{}}}}}}}}"#
    )
}

fn v05_cloud(call: usize) -> String {
    let time = "2026-11-21T01:28:09.5Z";
    format!(
        r#"{{"v":1,"kind":"request","server":"p","ts":"{time}","payload":{{"kind":"mcp","http_method":"POST","http_status":200,"latency_us":1,"request_id":"{call}","session_id":"s{call}","rpc":{},"result":{}}}}}"#,
        asked(call),
        answered(call)
    )
}

fn asked(id: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t{id}"}}}}"#)
}

fn answered(id: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

/// The same id as text, which released servers answer with.
fn retyped(id: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{}}}}"#)
}

fn array(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}

/// What is posted as one document.
fn post(document: &str) -> usize {
    let delivery = decoder().document(document.as_bytes(), 0);
    requests(&delivery.expect("it is JSON").events)
}

/// A transaction whose calls are one batch, answered from the last to the first.
fn reversed_batch(calls: usize, answer: fn(usize) -> String) -> String {
    format!(
        r#"{{"type":"transaction","ts":1,"latency_us":1,"request":{{"kind":"mcp_batch","rpcs":{}}},"response":{{"kind":"mcp_batch","results":{}}}}}"#,
        array((0..calls).map(asked)),
        array((0..calls).rev().map(answer))
    )
}

/// A line of a desktop host's log.
fn logged(server: usize, way: &str, message: &str) -> String {
    format!("2026-11-20T10:00:00.000Z [server-{server}] [info] Message from {way}: {message}")
}

/// Calls to so many servers, that are answered from the last to the first once all are asked.
fn host_log(calls: usize, servers: usize) -> usize {
    let asks = (0..calls).map(|id| logged(id % servers, "client", &asked(id)));
    let answers = (0..calls).rev();
    let answers = answers.map(|id| logged(id % servers, "server", &answered(id)));
    read_lines(asks.chain(answers))
}

fn docker(text: &str, stream: usize) -> String {
    serde_json::json!({"log": text, "stream": format!("s{stream}"), "time": "2026-11-29T04:00:00Z"})
        .to_string()
}

fn journal_part(text: &str, stream: usize, is_last: bool) -> String {
    let cut = if is_last { "" } else { "line-max" };
    serde_json::json!({"MESSAGE": text, "_LINE_BREAK": cut, "_STREAM_ID": stream.to_string()})
        .to_string()
}

fn halves(call: usize) -> [String; 2] {
    let line = v04(call);
    let (begin, end) = line.split_at(line.len() / 2);
    [begin.to_owned(), end.to_owned()]
}

/// A session that a tap is in, message by message.
fn tapped(messages: impl IntoIterator<Item = (Direction, String)>) -> usize {
    let began = Instant::now();
    let mut transcript = Transcript::new("p", "s");
    let mut moment = Moment { at: began, ts: 0 };
    for (direction, text) in messages {
        moment.at += Duration::from_millis(1);
        moment.ts += 1;
        transcript.read(&Copy {
            direction,
            moment,
            loss: None,
            bytes: text.into_bytes().into(),
        });
    }
    transcript.end(moment);
    requests(&transcript.take().events)
}

fn to_server(text: &str) -> (Direction, String) {
    (Direction::ToServer, format!("{text}\n"))
}

fn to_client(text: &str) -> (Direction, String) {
    (Direction::ToClient, format!("{text}\n"))
}

/// Calls that are all open before the last of them is answered first.
fn tapped_in_reverse(calls: usize, answer: fn(usize) -> String) -> usize {
    let asks = (0..calls).map(|id| to_server(&asked(id)));
    let answers = (0..calls).rev().map(|id| to_client(&answer(id)));
    tapped(asks.chain(answers))
}

/// An answer with a result of so many lines.
fn over_lines(lines: usize) -> usize {
    let text = "\n\"x\",".repeat(lines);
    let answer = format!(r#"{{"id":0,"result":{{"a":[{text}0]}}}}"#);
    let pieces = answer.split_inclusive('\n');
    let pieces = pieces.map(|line| (Direction::ToClient, line.to_owned()));
    let end = [to_client("")];
    tapped([to_server(&asked(0))].into_iter().chain(pieces).chain(end)) * lines
}

/// Sources of lines.
const OF_LINES: &[(&str, Source)] = &[
    ("the stream of 0.4", |n| read_lines((0..n).map(v04))),
    ("standard error of 0.5", |n| {
        read_lines((0..n).map(v05_stderr))
    }),
    ("a batch of 0.5 that is answered in reverse", |n| {
        read_lines([reversed_batch(n, answered)])
    }),
    ("a batch of 0.5 whose ids come back as texts", |n| {
        read_lines([reversed_batch(n, retyped)])
    }),
    ("an array of events in one line", |n| {
        read_lines([array((0..n).map(v04))])
    }),
    ("a desktop log of one server", |n| host_log(n, 1)),
    ("a desktop log of all servers that are paired", |n| {
        host_log(n, 256)
    }),
    ("a desktop log of calls without answers", |n| {
        read_lines((0..n).map(|id| logged(0, "client", &asked(id))))
    }),
    ("a desktop log of ever new servers", |n| {
        read_lines((0..n).map(|id| logged(id, "client", &asked(id))))
    }),
    ("a desktop log whose answers are cut", |n| {
        let pairs = (0..n).flat_map(|id| {
            let answer = r#"{"jsonrpc":"2.0","id":0,"result":{"con"#;
            [
                logged(0, "client", &asked(id)),
                logged(0, "server", answer),
                logged(0, "server", &answered(id)),
            ]
        });
        read_lines(pairs)
    }),
];

/// Lines that stand in those of a container engine or of the journal.
const WRAPPED: &[(&str, Source)] = &[
    ("docker's lines", |n| {
        read_lines((0..n).map(|call| docker(&format!("{}\n", v04(call)), 0)))
    }),
    ("docker's lines in two parts", |n| {
        let parts = (0..n).flat_map(|call| {
            let [begin, end] = halves(call);
            [docker(&begin, 0), docker(&format!("{end}\n"), 0)]
        });
        read_lines(parts)
    }),
    ("a line of docker's in many parts", |n| {
        // Each part is as long as the next: decoded anew with each of them they would be its square.
        let line = v04(0).replace("\"x\"", &format!("\"{}\"", "x".repeat(20 * n)));
        let (begin, end) = line.split_at(line.len() - 2);
        let parts = begin.as_bytes().chunks(20);
        let parts = parts.map(|part| docker(&String::from_utf8_lossy(part), 0));
        read_lines(parts.chain([docker(&format!("{end}\n"), 0)])) * n
    }),
    ("parts of CRI", |n| {
        let parts = (0..n).flat_map(|call| {
            let [begin, end] = halves(call);
            let part = |tag, text| format!("2026-11-29T04:00:00Z stderr {tag} {text}");
            [part("P", begin), part("F", end)]
        });
        read_lines(parts)
    }),
    (
        "parts of the journal, of as many streams as may wait",
        |n| {
            let streams: Vec<usize> = (0..n).collect();
            let parts = streams.chunks(64).flat_map(|calls| {
                let begin = |call: &usize| journal_part(&halves(*call)[0], *call, false);
                let end = |call: &usize| journal_part(&halves(*call)[1], *call, true);
                let begins = calls.iter().map(begin);
                begins
                    .chain(calls.iter().rev().map(end))
                    .collect::<Vec<_>>()
            });
            read_lines(parts)
        },
    ),
    ("parts of the journal whose end never comes", |n| {
        let whole = [v04(0)];
        let parts = (0..n).map(|call| journal_part(&halves(call)[0], call, false));
        read_lines(parts.chain(whole)) * n
    }),
];

/// What is posted over HTTP.
const POSTED: &[(&str, Source)] = &[
    ("a posted array of events of 0.4", |n| {
        post(&array((0..n).map(v04)))
    }),
    ("a posted array of the cloud's events of 0.5", |n| {
        post(&array((0..n).map(v05_cloud)))
    }),
    ("a posted array of which each element is broken", |n| {
        let broken = (0..n).map(|call| v04(call).replace("\"status\":200", "\"status\":NaN"));
        post(&array(broken.chain([v04(0)]))) * n
    }),
    ("a posted batch that is answered in reverse", |n| {
        post(&array([reversed_batch(n, answered)].into_iter()))
    }),
    ("posted lines", |n| {
        let lines: Vec<String> = (0..n).map(v04).collect();
        post(&lines.join("\n"))
    }),
];

/// What passes a tap.
const TAPPED: &[(&str, Source)] = &[
    ("a tapped session, one call after the other", |n| {
        tapped((0..n).flat_map(|id| [to_server(&asked(id)), to_client(&answered(id))]))
    }),
    ("a tapped session that is answered in reverse", |n| {
        tapped_in_reverse(n, answered)
    }),
    (
        "a tapped session that is answered in reverse, by texts",
        |n| tapped_in_reverse(n, retyped),
    ),
    ("a tapped session without answers", |n| {
        tapped((0..n).map(|id| to_server(&asked(id))))
    }),
    ("a tapped session in which one id is asked again", |n| {
        tapped((0..n).map(|_| to_server(&asked(1))))
    }),
    ("a tapped batch that is answered in reverse", |n| {
        tapped([
            to_server(&array((0..n).map(asked))),
            to_client(&array((0..n).rev().map(answered))),
        ])
    }),
    ("a tapped session whose answers are read first", |n| {
        let ids: Vec<usize> = (0..n).collect();
        // No more at once than are remembered.
        let rounds = ids.chunks(1000).flat_map(|ids| {
            let answers = ids.iter().map(|id| to_client(&answered(*id)));
            let asks = ids.iter().rev().map(|id| to_server(&asked(*id)));
            answers.chain(asks).collect::<Vec<_>>()
        });
        // An answer from before its request is another one's: the rows say that none came.
        tapped(rounds)
    }),
    ("a tapped session in which all calls are cancelled", |n| {
        let cancel = |id: usize| {
            format!(r#"{{"method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
        };
        let asks = (0..n).map(|id| to_server(&asked(id)));
        let cancels = (0..n).rev().map(|id| to_server(&cancel(id)));
        let answers = (0..n).map(|id| to_client(&answered(id)));
        tapped(asks.chain(cancels).chain(answers))
    }),
    ("a tapped message over many lines", over_lines),
    ("a tapped message in many pieces", |n| {
        let answer = format!(r#"{{"id":0,"result":{{"a":"{}"}}}}"#, "x".repeat(20 * n));
        let pieces = answer.as_bytes().chunks(20);
        let pieces = pieces.map(|piece| {
            let text = String::from_utf8_lossy(piece).into_owned();
            (Direction::ToClient, text)
        });
        tapped([to_server(&asked(0))].into_iter().chain(pieces)) * n
    }),
];

/// The steps of reading so many calls, each of which leads to its row.
fn steps_of(name: &str, source: Source, calls: u16) -> Steps {
    let calls = usize::from(calls);
    let before = Steps::taken();
    let rows = source(calls);
    let steps = before.since();
    // Else a source whose lines are refused would be called cheap.
    assert_eq!(rows, calls, "{name}: rows");
    steps
}

/// Whether four times as much takes at most a quarter more than four times the steps, where each search
/// takes so many times more of them among four times as much.
fn is_proportional(few: u64, many: u64, search: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "counts of millions")]
    let (few, many) = (few as f64, many as f64);
    many <= 4.0 * 1.25 * search * few + 1000.0
}

fn check(sources: &[(&str, Source)]) {
    // What waits stands in trees, which are searched by looks that grow with the logarithm of their size.
    let search = f64::from(MANY).ln() / f64::from(FEW).ln();
    for &(name, source) in sources {
        let few = steps_of(name, source, FEW);
        let many = steps_of(name, source, MANY);
        assert!(few.bytes > u64::from(FEW), "{name}: nothing is counted");
        assert!(
            is_proportional(few.looks, many.looks, search)
                && is_proportional(few.bytes, many.bytes, 1.0),
            "{name}: {few:?}, and {many:?} for four times as much"
        );
    }
}

#[test]
fn lines_take_steps_by_their_number() {
    check(OF_LINES);
}

#[test]
fn wrapped_lines_and_parts_take_steps_by_their_number() {
    check(WRAPPED);
}

#[test]
fn posts_take_steps_by_their_length() {
    check(POSTED);
}

#[test]
fn tapped_messages_take_steps_by_their_number() {
    check(TAPPED);
}
