//! Hostile questions to a store, and a store of hostile bytes.

use super::Choices;
use mcpr_ingest::{Config, Recorder};
use mcpr_model::{ErrorKind, Kind, Status};
use mcpr_store::Depth;
use mcpr_store::query::when::{Zone, parse_duration_us, parse_when};
use mcpr_store::query::{
    Cursor, Entry, Filter, NameKind, Page, Pattern, RequestRow, Search, SessionFilter, SessionKey,
    SessionPage,
};
use mcpr_store::{Reader, StoreError, fold};
use mcpr_store_sqlite::{SqliteStore, open_reader, verify};
use mcpr_wire::{Bodies, Decoded, LineContext, decode_line};
use std::cell::RefCell;
use std::path::PathBuf;

/// A small store of captured requests, made once a thread.
struct Base {
    directory: tempfile::TempDir,
    bytes: Vec<u8>,
    reader: Box<dyn Reader>,
    rows: Vec<RequestRow>,
}

thread_local! {
    static BASE: RefCell<Option<Base>> = const { RefCell::new(None) };
}

fn with_base(run: impl FnOnce(&mut Base)) {
    BASE.with_borrow_mut(|base| run(base.get_or_insert_with(Base::new)));
}

impl Base {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let text = std::fs::read(super::data().join("mcpr-0.4.64/proxy.log"))
            .expect("the captures are there");
        let recorder = Recorder::open(Config::new(&path)).expect("a new store");
        let mut decoded = Decoded::default();
        for line in text.split(|&byte| byte == b'\n') {
            decode_line(
                line,
                LineContext {
                    proxy: "p",
                    bodies: Bodies::Kept,
                },
                &mut decoded,
            );
            for event in decoded.events.drain(..) {
                recorder.record(event);
            }
        }
        recorder.shutdown().expect("everything is stored");
        let bytes = std::fs::read(&path).expect("a store");
        let reader = open_reader(&path).expect("a store");
        let rows = rows(&*reader, &Filter::default()).expect("readable");
        assert!(rows.len() > 100, "the capture was stored");
        Self {
            directory,
            bytes,
            reader,
            rows,
        }
    }
}

fn rows(reader: &dyn Reader, filter: &Filter) -> Result<Vec<RequestRow>, StoreError> {
    let entries = reader.entries(filter, Page::after(Cursor::START, Page::MAX_LIMIT))?;
    let rows = entries.into_iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some(*row),
        Entry::Gap(_) => None,
    });
    Ok(rows.collect())
}

/// SQLite answers a filter with exactly the rows that meet its conditions.
pub(super) fn filter(data: &[u8]) {
    with_base(|base| {
        let filter = filter_of(&mut Choices::new(data), &base.rows);
        let answered = rows(&*base.reader, &filter).expect("an answer");
        let answered: Vec<i64> = answered.iter().map(|row| row.seq).collect();
        let meant = base.rows.iter().filter(|row| filter.matches(row, None));
        let meant: Vec<i64> = meant.map(|row| row.seq).collect();
        assert_eq!(answered, meant, "{filter:?}");
    });
}

fn filter_of(choices: &mut Choices<'_>, rows: &[RequestRow]) -> Filter {
    const NOW: i64 = 1_795_224_600_000;
    let (asked, more) = (choices.byte(), choices.byte());
    let known = &rows[choices.byte() as usize % rows.len()];
    let wants = |bit: u8| asked & (1 << bit) != 0;
    let mut filter = Filter {
        since: wants(0).then_some(known.ts),
        kind: wants(1).then_some([Kind::Mcp, Kind::Http, Kind::Oauth][usize::from(more % 3)]),
        statuses: wants(2)
            .then_some([Status::Ok, Status::Error, Status::Timeout][usize::from(more % 3)])
            .into_iter()
            .collect(),
        error_kinds: wants(3)
            .then_some([ErrorKind::Rpc, ErrorKind::Tool][usize::from(more % 2)])
            .into_iter()
            .collect(),
        min_latency_us: wants(4).then(|| known.latency_us.unwrap_or_default()),
        ..Filter::default()
    };
    if wants(5) {
        filter.session = known.session.clone().map(|id| SessionKey {
            proxy: known.proxy.clone(),
            id,
        });
    }
    if let Some(text) = choices.text() {
        filter.until = parse_when(&text, NOW, &Zone::Utc).ok();
        // Whatever it says, it must be printed without a panic.
        let _ = parse_duration_us(&text);
    }
    let pattern = |text: Option<String>| text.and_then(|text| Pattern::new(&text).ok());
    filter.methods.extend(pattern(choices.text()));
    filter.tools.extend(pattern(choices.text()));
    filter.client = choices
        .text()
        .and_then(|text| Pattern::ignoring_case(&text).ok());
    filter.error_code = choices.text();
    // Whatever is typed is an expression, or is reported to be none; as a text it can be searched for.
    let search = |text: String| {
        Search::expression(&text)
            .or_else(|_| Search::fixed(&text))
            .ok()
    };
    filter.grep = choices.text().and_then(search);
    filter
}

/// A store with some of its bytes changed is read, verified and written without a panic.
pub(super) fn damaged(data: &[u8]) {
    with_base(|base| {
        let mut bytes = base.bytes.clone();
        let mut choices = Choices::new(data);
        let cut = choices.byte();
        while let Some(change) = choices.next() {
            let at = choices.number() as usize % bytes.len();
            bytes[at] ^= change;
        }
        if cut > 250 {
            bytes.truncate(bytes.len() / 255 * usize::from(255 - cut));
        }
        let path = base.directory.path().join("damaged.db");
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(PathBuf::from(format!("{}{suffix}", path.display())));
        }
        std::fs::write(&path, bytes).expect("written");
        let _ = verify(&path, Depth::Full);
        if let Ok(reader) = open_reader(&path) {
            let _ = rows(&*reader, &Filter::default());
            let _ = reader.sessions(&SessionFilter::default(), &SessionPage::oldest(100));
            let names = NameKind::ALL.map(|kind| reader.names(kind, "", 100));
            let _ = (reader.overview(), reader.rollups(&mut drop), names);
            let _ = (
                fold::surfaces(&*reader, None),
                fold::file_checkpoints(&*reader),
            );
        }
        // Opening for writing migrates and configures; it may refuse.
        drop(SqliteStore::open(&path));
    });
}
