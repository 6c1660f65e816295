//! Collectors of all kinds, played by a small server.

use super::*;
use crate::waits_for_target;
use mcpr_model::{Batch, Event, EventKey, Kind, Request};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// How a post is answered, and the head of each that came.
type Answers = Vec<(u16, &'static str)>;

/// A collector that gives these answers in turn and the last one from then on; says how many bytes each post had.
struct Played {
    address: String,
    posts: Arc<Mutex<Vec<usize>>>,
}

impl Played {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("otlp+http://{}", listener.local_addr().expect("an address"));
        let posts: Arc<Mutex<Vec<usize>>> = Arc::default();
        let seen = Arc::clone(&posts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                while let Some(headers) = head(&mut reader) {
                    let length = headers
                        .get("content-length")
                        .map_or(0, |it| it.parse().unwrap_or(0));
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).expect("a body");
                    assert_eq!(headers["content-encoding"], "gzip");
                    assert_eq!(headers["content-type"], "application/x-protobuf");
                    let mut posts = seen.lock().expect("a lock");
                    let (status, reply) = answers[posts.len().min(answers.len() - 1)];
                    posts.push(length);
                    drop(posts);
                    let head = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n",
                        reply.len()
                    );
                    stream.write_all(head.as_bytes()).expect("a head");
                    stream.write_all(reply.as_bytes()).expect("a reply");
                }
            }
        });
        Self { address, posts }
    }

    fn count(&self) -> usize {
        self.posts.lock().expect("a lock").len()
    }
}

/// The headers of a post; `None` at the end of a connection.
fn head(reader: &mut impl BufRead) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    assert!(line.starts_with("POST /v1/traces "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            return Some(headers);
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

fn request(at: i64) -> Event {
    Event::Request(Request::new(
        EventKey::of_id(&at.to_string()),
        1_795_224_422_390 + at,
        "p".into(),
        Kind::Mcp,
        "ping".into(),
    ))
}

/// A store of so many requests.
fn store(requests: i64) -> (tempfile::TempDir, Forward) {
    let directory = tempfile::tempdir().expect("a directory");
    let from = StoreUrl::from(directory.path().join("store.db"));
    let mut writer = connect(&from)
        .expect("a backend")
        .writer(WriterOptions::default())
        .expect("a store");
    let batch = Batch {
        writer: 1,
        number: 1,
        now: 0,
        events: (0..requests).map(request).collect(),
        sources: Vec::new(),
    };
    writer.append(&batch).expect("append");
    let task = Forward {
        from,
        writer: WriterOptions::default(),
        with_payloads: false,
        once: true,
    };
    (directory, task)
}

/// Sends once: up to where, and what was reported.
fn send(task: &Forward, to: &str) -> (Result<i64, String>, Vec<String>) {
    let collector = Collector::parse(to, Vec::new()).expect("a collector");
    let target = Target::Collector(Box::new(collector.expect("an address")));
    let mut reported = Vec::new();
    let sent = forward(
        task,
        &target,
        &AtomicBool::new(false),
        &mut |news| match news {
            News::Sent(_) | News::Back => {}
            other => reported.push(format!("{other:?}")),
        },
    );
    let sent = sent.map(Cursor::to_seq).map_err(|error| error.to_string());
    (sent, reported)
}

#[test]
fn what_is_taken_is_noted_and_not_sent_again() {
    let (_directory, task) = store(1300);
    let collector = Played::start(vec![(200, "")]);
    assert_eq!(send(&task, &collector.address), (Ok(1300), Vec::new()));
    assert_eq!(collector.count(), 3, "in posts of a bounded size");
    assert_eq!(send(&task, &collector.address).0, Ok(1300));
    assert_eq!(collector.count(), 3);
}

#[test]
fn what_is_refused_in_part_is_reported_and_not_sent_again() {
    let (_directory, task) = store(3);
    // `partial_success { rejected_spans: 1, error_message: "no" }`
    let collector = Played::start(vec![(200, "\x0a\x06\x08\x01\x12\x02no")]);
    let (sent, reported) = send(&task, &collector.address);
    assert_eq!(sent, Ok(3));
    assert_eq!(reported, [r#"Refused(1, "no")"#]);
    assert_eq!(send(&task, &collector.address).0, Ok(3));
    assert_eq!(collector.count(), 1);
}

#[test]
fn a_post_that_is_too_large_goes_in_halves() {
    let (_directory, task) = store(8);
    let collector = Played::start(vec![(413, ""), (200, ""), (413, ""), (200, ""), (200, "")]);
    assert_eq!(send(&task, &collector.address), (Ok(8), Vec::new()));
    // 8 too large, 4 taken, 4 too large, 2 and 2 taken.
    assert_eq!(collector.count(), 5);
}

#[test]
fn a_row_that_alone_is_refused_does_not_hold_up_the_others() {
    let (_directory, task) = store(2);
    let collector = Played::start(vec![(400, ""), (200, ""), (400, "")]);
    let (sent, reported) = send(&task, &collector.address);
    assert_eq!(sent, Ok(2));
    assert_eq!(reported.len(), 1, "{reported:?}");
}

#[test]
fn a_collector_that_takes_nothing_loses_nothing() {
    for status in [400, 401, 404, 429, 503] {
        let (_directory, task) = store(2);
        let collector = Played::start(vec![(status, "")]);
        let (sent, reported) = send(&task, &collector.address);
        let error = sent.expect_err("a refusal");
        assert!(error.contains(&status.to_string()), "{error}");
        assert_eq!(reported, Vec::<String>::new());
        // Once it takes them, they come.
        let mended = Played::start(vec![(200, "")]);
        assert_eq!(send(&task, &mended.address), (Ok(2), Vec::new()));
    }
}

#[test]
fn a_target_is_named_without_its_secrets() {
    let name = |text: &str| {
        let collector = Collector::parse(text, Vec::new()).expect("a collector");
        collector
            .map(|it| it.name())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        name("otlp+http://a:4318"),
        Ok("otlp+http://a:4318/v1/traces".to_owned())
    );
    assert_eq!(
        name("otlp+http://a:4318/"),
        Ok("otlp+http://a:4318/v1/traces".to_owned())
    );
    assert_eq!(
        name("otlp+https://a/otlp/v1/traces?key=s3cr3t"),
        Ok("otlp+https://a/otlp/v1/traces".to_owned())
    );
    for text in ["otlp+ftp://a", "otlp+http://u:s3cr3t@a", "otlp+"] {
        let error = name(text).expect_err(text);
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    assert!(Collector::parse("sqlite:a.db", Vec::new()).is_none());
}

#[test]
fn retention_waits_for_the_target_that_is_furthest_behind() {
    let (_directory, task) = store(5);
    let collector = Played::start(vec![(200, "")]);
    let later = 1_795_224_422_390 + 1_000_000;
    let waits = |task: &Forward| {
        let reader = connect(&task.from)
            .expect("a backend")
            .reader()
            .expect("a reader");
        waits_for_target(reader.as_ref(), later).expect("an answer")
    };
    assert!(!waits(&task), "nobody is served");
    assert_eq!(send(&task, &collector.address).0, Ok(5));
    assert!(!waits(&task), "all was sent");
    let mut writer = connect(&task.from)
        .expect("a backend")
        .writer(WriterOptions::default())
        .expect("a store");
    let more = Batch {
        writer: 1,
        number: 2,
        now: 0,
        events: vec![request(5)],
        sources: Vec::new(),
    };
    writer.append(&more).expect("append");
    drop(writer);
    assert!(waits(&task), "one was not sent");
    assert_eq!(send(&task, &collector.address).0, Ok(6));
    assert!(!waits(&task));
}
