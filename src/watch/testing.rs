//! A store with made-up requests, and a screen over it without threads and terminal: what is wanted is answered
//! in the same step, so that every test is the same on every machine.

use super::app::{App, AppEffect, ScreenSetting};
use super::draw::Drawing;
use super::event::ScreenEvent;
use super::lists::ListScans;
use super::palette::Palette;
use super::sums::answers;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use mcpr_connect::connect;
use mcpr_model::{
    Batch, ErrorKind, Event as Stored, EventKey, Gap, Kind, OpenRequest, Outcome, OutputTail,
    Payload, Request, RequestId, ServerExit, ServerRun, SessionState, SessionUpdate, Target,
    TargetKind,
};
use mcpr_store::query::when::Zone;
use mcpr_store::{Reader, Retention, StoreUrl, Trust, Writer, WriterOptions};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// 2026-11-21T01:30:08.318Z.
pub(super) const NOW: i64 = 1_795_224_608_318;

/// A store in a directory of its own.
pub(super) struct TestStore {
    _directory: tempfile::TempDir,
    pub(super) url: StoreUrl,
    batches: i64,
    pub(super) made: i64,
}

impl TestStore {
    /// A store with so many requests.
    pub(super) fn of(count: i64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = StoreUrl::from(directory.path().join("store.db"));
        let mut made = Self {
            _directory: directory,
            url,
            batches: 0,
            made: 0,
        };
        made.add(count);
        made
    }

    /// Records so many requests more. Of 100, the 50th fails; tools and sessions take turns.
    pub(super) fn add(&mut self, count: i64) {
        let first = self.made + 1;
        self.made += count;
        let events = (first..=self.made).map(|n| Stored::Request(request(n)));
        self.append(events.collect());
    }

    /// Records one request more, of a time.
    pub(super) fn add_at(&mut self, ts: i64) {
        self.made += 1;
        let row = request(self.made);
        self.append(vec![Stored::Request(Request { ts, ..row })]);
    }

    /// Records a request all of whose texts would do something to a terminal.
    pub(super) fn add_hostile(&mut self) {
        const HOSTILE: &str = "a\x1b[2J\u{202e}b\u{7}\u{9b}31m\tc\r\nd";
        self.made += 1;
        let mut row = request(self.made);
        row.proxy = HOSTILE.into();
        row.session_id = Some(HOSTILE.into());
        row.client_name = Some(HOSTILE.into());
        row.client_version = Some(HOSTILE.into());
        row.target = Some(Target {
            kind: TargetKind::Tool,
            name: HOSTILE.into(),
        });
        row.outcome = Outcome {
            error_kind: Some(ErrorKind::Rpc),
            error_code: Some(HOSTILE.into()),
            error_msg: Some(HOSTILE.into()),
            retyped: false,
        };
        // As JSON has them: some as they are, some escaped.
        let body = "{\"a\u{202e}\":\"\\u001b[2J\u{9b}31m\\u0007\\r\\nd\"}";
        row.payload = Payload::of(Some(body), Some(body)).map(Box::new);
        self.append(vec![Stored::Request(row)]);
    }

    /// Records a gap.
    pub(super) fn add_gap(&mut self) {
        self.append(vec![Stored::Gap(Gap {
            source: "files.log".into(),
            count: 12,
            from_ts: NOW,
            to_ts: NOW + 5,
            key: None,
        })]);
    }

    /// Records request `n` before its answer, which is awaited as long as the writer is there.
    pub(super) fn add_open(&mut self, n: i64) -> Box<dyn Writer> {
        let backend = connect(&self.url).expect("a backend");
        let mut writer = backend.writer(WriterOptions::default()).expect("a writer");
        let request = Request {
            ts: NOW - 3_000,
            ..request(n)
        };
        let resumes = false;
        let open = Stored::Open(Box::new(OpenRequest {
            request,
            resumes,
            is_over: false,
        }));
        let batch = Batch {
            writer: 1_000 + n,
            number: 1,
            now: NOW,
            events: vec![open],
            sources: Vec::new(),
        };
        writer.append(&batch).expect("it is stored");
        writer
    }

    /// Records that request `n`, which was in flight, was answered.
    pub(super) fn end_open(&mut self, mut writer: Box<dyn Writer>, n: i64) {
        self.made = self.made.max(n);
        let request = Request {
            ts: NOW - 3_000,
            ..request(n)
        };
        let batch = Batch {
            writer: 1_000 + n,
            number: 2,
            now: NOW,
            events: vec![Stored::Request(request)],
            sources: Vec::new(),
        };
        writer.append(&batch).expect("it is stored");
    }

    /// Records what servers wrote: one that goes on, and one that died.
    pub(super) fn add_outputs(&mut self) {
        const HOSTILE: &str = "colour \x1b[31mred\x1b[0m\u{202e} and \u{7}bell\n";
        let tail = |text: &str| {
            let bytes = text.len() as u64;
            let text = text.into();
            Some(OutputTail { text, bytes })
        };
        let run_of = |session: &str| ServerRun {
            proxy: "files".into(),
            session_id: session.into(),
            ts: NOW - 9_000,
            ..ServerRun::default()
        };
        let dead = ServerRun {
            ts: NOW - 4_000,
            end: Some((ServerExit::Code(1), NOW - 4_000)),
            is_death: true,
            stderr: tail("starting\nError: Cannot find module 'foo'\n    at load (x.js:1)\n"),
            ..run_of("session-1")
        };
        let alive = ServerRun {
            stderr: tail(HOSTILE),
            stray: tail(
                "Server is listening, with a line that is so long that no screen of eighty columns has room for it\n",
            ),
            ..run_of("session-2")
        };
        let runs = [dead, alive].map(|run| Stored::Server(Box::new(run)));
        self.append(runs.into());
    }

    /// Records that the server of a session died at a time.
    pub(super) fn add_death(&mut self, session: &str, at: i64) {
        let text = "Error: Cannot find module 'foo'\n";
        let run = ServerRun {
            proxy: "files".into(),
            session_id: session.into(),
            ts: at,
            end: Some((ServerExit::Code(1), at)),
            is_death: true,
            stderr: Some(OutputTail {
                text: text.into(),
                bytes: text.len() as u64,
            }),
            ..ServerRun::default()
        };
        // What is reported about the server of an unknown session is not kept.
        let session = SessionUpdate {
            session_id: session.into(),
            proxy: Some("files".into()),
            ts: at,
            started_at: None,
            last_seen_at: None,
            state: SessionState::Closed,
            client_name: None,
            client_version: None,
            conversation: None,
        };
        self.append(vec![
            Stored::Session(session),
            Stored::Server(Box::new(run)),
        ]);
    }

    fn append(&mut self, events: Vec<Stored>) {
        self.batches += 1;
        let backend = connect(&self.url).expect("a backend");
        let mut writer = backend.writer(WriterOptions::default()).expect("a writer");
        let batch = Batch {
            writer: 7,
            number: self.batches,
            now: NOW,
            events,
            sources: Vec::new(),
        };
        writer.append(&batch).expect("it is stored");
    }

    fn reader(&self) -> Box<dyn Reader> {
        let backend = connect(&self.url).expect("a backend");
        backend.reader().expect("a reader")
    }

    /// Removes what is older than request `n`.
    pub(super) fn vacuum_before(&self, n: i64) {
        let backend = connect(&self.url).expect("a backend");
        let mut admin = backend.admin(Trust::default()).expect("an admin");
        let what = Retention::before(ts_of(n));
        admin.vacuum(&what, &mut |_| ()).expect("it is removed");
    }
}

/// A request a second, the last ones just now.
fn ts_of(n: i64) -> i64 {
    NOW - 100_000_000 + n * 1000
}

fn request(n: i64) -> Request {
    let fails = n % 100 == 50;
    let tool = ["echo", "read_file", "search"][usize::try_from(n % 3).expect("small")];
    let params = format!("{{\"name\":\"{tool}\",\"arguments\":{{\"number\":{n}}}}}");
    let answer =
        format!("{{\"content\":[{{\"type\":\"text\",\"text\":\"answer {n}\\nsecond line\"}}]}}");
    Request {
        request_id: Some(RequestId::Int(n)),
        session_id: Some(format!("session-{}", n % 7).into()),
        client_name: Some("claude-code".into()),
        client_version: Some("2.1".into()),
        target: Some(Target {
            kind: TargetKind::Tool,
            name: tool.into(),
        }),
        latency_us: Some(n * 100),
        bytes_in: Some(100),
        bytes_out: Some(200),
        outcome: if fails {
            Outcome {
                error_kind: Some(ErrorKind::Tool),
                error_code: None,
                error_msg: Some("Access denied".into()),
                retyped: false,
            }
        } else {
            Outcome::default()
        },
        payload: Payload::of(Some(&params), Some(&answer)).map(Box::new),
        ..Request::new(
            EventKey::of_id(&n.to_string()),
            ts_of(n),
            "files".into(),
            Kind::Mcp,
            "tools/call".into(),
        )
    }
}

/// A screen over a store.
pub(super) struct Bench {
    pub(super) app: App,
    pub(super) store: TestStore,
    drawing: Drawing,
    looks: ListScans,
    reader: Box<dyn Reader>,
    now_ms: i64,
}

impl Bench {
    /// A screen of 80 columns and 24 rows, over so many requests.
    pub(super) fn over(count: i64) -> Self {
        let setting = ScreenSetting {
            store: "store.db".to_owned(),
            base: mcpr_store::query::Filter {
                kind: Some(Kind::Mcp),
                ..Default::default()
            },
            base_words: Vec::new(),
            with_changes: true,
            zone: Zone::Utc,
            now_ms: NOW,
        };
        let store = TestStore::of(count);
        let mut bench = Self {
            reader: store.reader(),
            app: App::new(setting),
            store,
            drawing: Drawing::new(Palette::of(false, None)),
            looks: ListScans::default(),
            now_ms: NOW,
        };
        bench.settle();
        bench
    }

    /// Answers everything that is wanted, until nothing is.
    pub(super) fn settle(&mut self) {
        // Each step leaves less to do; a screen that asked for ever would be caught here.
        for _ in 0..10_000 {
            let (lists, sums) = self.app.queries();
            self.looks.take(lists);
            self.looks.forget_when();
            let head = self.reader.head().expect("it can be read");
            let mut answered = self
                .looks
                .turn(self.reader.as_ref(), head, Zone::Utc)
                .expect("it can be read");
            answered.extend(answers(&sums, None, self.reader.as_ref()).expect("it can be read"));
            let is_quiet = answered.is_empty();
            for answer in answered {
                self.app.handle(ScreenEvent::Answered(answer));
            }
            if is_quiet && self.looks.is_idle() {
                return;
            }
        }
        panic!("the screen never comes to rest");
    }

    /// Another store stands in the place of the one there was.
    pub(super) fn replace_store(&mut self, store: TestStore) {
        self.reader = store.reader();
        self.store = store;
    }

    /// Time passes, and what is due then is done.
    pub(super) fn wait(&mut self, ms: i64) {
        self.now_ms += ms;
        self.app.handle(ScreenEvent::Now(self.now_ms));
        self.settle();
    }

    /// Types keys: characters, and names in `<>`.
    pub(super) fn keys(&mut self, keys: &str) -> Option<AppEffect> {
        let mut effect = None;
        for key in parse(keys) {
            effect = self.app.handle(ScreenEvent::Key(key)).or(effect);
            self.settle();
        }
        effect
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        self.app.handle(ScreenEvent::Resized(columns, rows));
        self.settle();
    }

    /// The frame as it is drawn now.
    pub(super) fn frame(&mut self) -> Buffer {
        let (columns, rows) = self.app.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        self.drawing.draw(&self.app, &mut buffer);
        buffer
    }

    /// Presses one key.
    pub(super) fn press(&mut self, code: KeyCode, with_control: bool) -> Option<AppEffect> {
        let modifiers = if with_control {
            KeyModifiers::CONTROL
        } else {
            KeyModifiers::NONE
        };
        let effect = self
            .app
            .handle(ScreenEvent::Key(KeyEvent::new(code, modifiers)));
        self.settle();
        effect
    }

    /// What is on the screen, without blanks at the ends of lines.
    pub(super) fn screen(&mut self) -> String {
        let (columns, rows) = self.app.size;
        let buffer = self.frame();
        let line = |y: u16| {
            let cells = (0..columns).map(|x| buffer[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        };
        (0..rows).map(line).collect::<Vec<_>>().join("\n")
    }

    /// The numbers of the rows in memory.
    pub(super) fn seqs(&self) -> Vec<i64> {
        self.app
            .requests
            .rows()
            .iter()
            .filter_map(super::queries::Row::seq)
            .collect()
    }

    pub(super) fn chosen(&self) -> Option<i64> {
        self.app
            .requests
            .chosen()
            .and_then(super::queries::Row::seq)
    }
}

fn parse(keys: &str) -> Vec<KeyEvent> {
    let mut parsed = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (code, after) = match named {
            Some((name, after)) if name.len() > 1 => (code_of(name), after),
            _ => (KeyCode::Char(c), &rest[c.len_utf8()..]),
        };
        parsed.push(KeyEvent::new(code, KeyModifiers::NONE));
        rest = after;
    }
    parsed
}

fn code_of(name: &str) -> KeyCode {
    match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Backspace" => KeyCode::Backspace,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PgDn" => KeyCode::PageDown,
        "PgUp" => KeyCode::PageUp,
        _ => panic!("no key {name}"),
    }
}
