//! What the contract does not say: refusals, writers beside each other, and a server or a connection that breaks.

mod breaks;
mod early;
mod plans;

use crate::connect::Server;
use crate::read::PostgresReader;
use crate::test_server::{TestDatabase, database};
use crate::writer::{PostgresStore, WriterRole};
use crate::{PostgresBackend, grants};
use mcpr_model::{Batch, Event, EventKey, Kind, Request, RequestId};
use mcpr_store::query::{Cursor, Entry, Filter, Page};
use mcpr_store::{
    Backend, Reader, StoreError, StoreErrorKind, StoreUrl, Trust, Writer, WriterOptions,
};

pub(crate) fn open(url: &StoreUrl, role: &WriterRole) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(&Server::at(url)?, role)
}

pub(crate) fn beside() -> WriterRole {
    WriterRole::Beside("here".to_owned())
}

pub(crate) fn request(id: i64) -> Request {
    Request {
        request_id: Some(RequestId::Int(id)),
        session_id: Some("s".into()),
        latency_us: Some(10),
        ..Request::new(
            EventKey::of_id(&id.to_string()),
            id,
            "p".into(),
            Kind::Mcp,
            "ping".into(),
        )
    }
}

pub(crate) fn batch(writer: i64, number: i64, ids: impl IntoIterator<Item = i64>) -> Batch {
    let events = ids.into_iter().map(|id| Event::Request(request(id)));
    Batch {
        writer,
        number,
        now: 0,
        events: events.collect(),
        sources: Vec::new(),
    }
}

/// The sequence numbers and ids of everything stored, in order.
pub(crate) fn rows(url: &StoreUrl) -> Vec<(i64, String)> {
    let reader = PostgresReader::open(&Server::at(url).expect("a server")).expect("a reader");
    let mut page = Page::after(Cursor::START, Page::MAX_LIMIT);
    let mut all = Vec::new();
    loop {
        let entries = reader.entries(&Filter::default(), page).expect("entries");
        let is_last = entries.len() < page.limit;
        page.after = entries.last().map(Entry::cursor).or(page.after);
        all.extend(entries.into_iter().map(|entry| match entry {
            Entry::Request(row) => (row.seq, row.request_id.unwrap_or_default()),
            Entry::Gap(gap) => (gap.seq, "gap".to_owned()),
        }));
        if is_last {
            return all;
        }
    }
}

fn url(text: &str) -> StoreUrl {
    StoreUrl::parse(text).expect("a URL")
}

/// A refusal as a person sees it, which must name what was asked and hold no password.
fn refusal(text: &str) -> StoreError {
    let backend = PostgresBackend::at(&url(text)).expect("a backend");
    let Err(error) = backend.reader() else {
        panic!("a refusal")
    };
    let shown = format!("{error:#} {error:?}");
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(error.hint.is_some(), "{shown}");
    error
}

/// The URL of a database with another user.
fn as_user(database: &TestDatabase, user: &str) -> String {
    database
        .text()
        .replacen("mcpr@", &format!("{user}:hidden@"), 1)
}

#[test]
fn a_refusal_names_the_place_and_what_to_do() {
    let Some(database) = database() else { return };
    let missing = refusal(&database.text());
    assert_eq!(missing.kind, StoreErrorKind::Missing, "{missing}");
    let text = database.text();
    let nowhere = text.replacen("@/t", "@/nowhere", 1);
    let error = refusal(&nowhere);
    assert_eq!(error.kind, StoreErrorKind::Missing, "{error}");
    assert!(error.to_string().contains("nowhere"), "{error}");
    let nobody = refusal(&as_user(&database, "nobody"));
    assert_eq!(nobody.kind, StoreErrorKind::Permission, "{nobody}");
    // Nothing listens there.
    let silent = refusal("postgres://u:hidden@127.0.0.1:1/d?connect_timeout=2");
    assert_eq!(silent.kind, StoreErrorKind::Retryable, "{silent}");
    assert!(silent.to_string().contains("127.0.0.1:1"), "{silent}");
}

#[test]
fn tables_of_another_program_are_left_alone() {
    let Some(database) = database() else { return };
    let mut client = database.client();
    client
        .batch_execute("CREATE TABLE theirs (a int)")
        .expect("a table");
    let error = open(&database.url(), &beside()).expect_err("a refusal");
    assert_eq!(error.kind, StoreErrorKind::Foreign, "{error}");
    // A schema of its own is as good as a database.
    client
        .batch_execute("CREATE SCHEMA ours")
        .expect("a schema");
    let within = format!("{}&options=-csearch_path%3Dours", database.text());
    open(&url(&within), &beside()).expect("a store");
    let tables = client.query_one(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind = 'r'",
        &[],
    );
    assert_eq!(tables.expect("a count").get::<_, i64>(0), 1);
}

#[test]
fn a_newer_layout_is_neither_read_nor_written() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    let mut client = database.client();
    client
        .batch_execute("UPDATE mcpr_store SET layout = 99")
        .expect("an update");
    assert_eq!(refusal(&database.text()).kind, StoreErrorKind::Newer);
    let error = open(&database.url(), &beside()).expect_err("a refusal");
    assert_eq!(error.kind, StoreErrorKind::Newer, "{error}");
}

#[test]
fn a_recorder_refuses_a_server_that_may_only_be_read() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    // As a standby says it of itself.
    let read_only = format!(
        "{}&options=-cdefault_transaction_read_only%3Don",
        database.text()
    );
    let error = open(&url(&read_only), &beside()).expect_err("a refusal");
    assert_eq!(error.kind, StoreErrorKind::Retryable, "{error}");
    assert!(error.to_string().contains("standby"), "{error}");
    PostgresBackend::at(&url(&read_only))
        .expect("a backend")
        .reader()
        .expect("a reader");
}

#[test]
fn roles_may_do_what_they_were_granted_and_no_more() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    let mut client = database.client();
    // Roles are those of the whole server, which this process has for itself.
    let (reads, records) = ("reads".to_owned(), "records".to_owned());
    client
        .batch_execute(&format!(
            "CREATE ROLE {reads} LOGIN; CREATE ROLE {records} LOGIN"
        ))
        .expect("roles");
    let before = refusal(&as_user(&database, &reads));
    assert_eq!(before.kind, StoreErrorKind::Permission, "{before}");
    client
        .batch_execute(&grants::of("public", Some(&reads), Some(&records)))
        .expect("grants");
    let as_reader = url(&as_user(&database, &reads));
    let as_recorder = url(&as_user(&database, &records));
    let mut store = open(&as_recorder, &beside()).expect("a recorder");
    store.append(&batch(1, 1, 1..=3)).expect("append");
    assert_eq!(rows(&as_reader).len(), 3);
    let refused = open(&as_reader, &beside()).and_then(|mut it| it.append(&batch(2, 1, [4])));
    let error = refused.expect_err("a reader writes nothing");
    assert_eq!(error.kind, StoreErrorKind::Permission, "{error}");
    drop(store);
    let drop_roles =
        format!("DROP OWNED BY {reads}, {records}; DROP ROLE {reads}; DROP ROLE {records}");
    client.batch_execute(&drop_roles).expect("dropped");
}

#[test]
fn a_name_has_one_recorder_at_a_time() {
    let Some(database) = database() else { return };
    let role = |name: &str| WriterRole::Recorder(name.to_owned());
    let first = open(&database.url(), &role("a")).expect("the first");
    let mut client = database.client();
    let place = database.url();
    let second = std::thread::scope(|scope| {
        let second = scope.spawn(|| open(&place, &role("a")));
        // The first says now and then that it is there; here at once.
        while !second.is_finished() {
            let heard = "UPDATE recorders SET seen_at = now()";
            client.batch_execute(heard).expect("an update");
        }
        second.join().expect("a refusal").expect_err("a refusal")
    });
    assert_eq!(second.kind, StoreErrorKind::InUse, "{second}");
    open(&database.url(), &role("b")).expect("another name");
    drop(first);
    let mut next = open(&database.url(), &role("a")).expect("the next");
    // One that nothing was heard of for so long is taken over, and finds out.
    let mut take_over = || {
        let silent = "UPDATE recorders SET seen_at = now() - interval '1 minute'";
        client.batch_execute(silent).expect("an update");
        open(&database.url(), &role("a")).ok()
    };
    // The first may just then have stated that it is there.
    let mut taken = (0..3).find_map(|_| take_over()).expect("it is taken over");
    taken.append(&batch(2, 1, [1])).expect("append");
    let error = next
        .append(&batch(1, 1, [2]))
        .expect_err("it has lost its name");
    assert_eq!(error.kind, StoreErrorKind::InUse, "{error}");
}

#[test]
fn writers_of_many_machines_share_one_order_without_a_hole() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    let place = database.url();
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            let place = &place;
            scope.spawn(move || {
                let role = WriterRole::Recorder(format!("machine {writer}"));
                let mut store = open(place, &role).expect("a writer");
                for number in 0..10 {
                    let first = writer * 1000 + number * 5;
                    store
                        .append(&batch(writer, number, first..first + 5))
                        .expect("append");
                }
            });
        }
    });
    let rows = rows(&database.url());
    let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=200).collect::<Vec<_>>());
    // Each writer's own are in the order in which it brought them.
    for writer in 0..4_i64 {
        let ids = rows.iter().filter_map(|(_, id)| id.parse::<i64>().ok());
        let own: Vec<i64> = ids.filter(|id| id / 1000 == writer).collect();
        assert!(own.is_sorted() && own.len() == 50, "{writer}: {own:?}");
    }
}

#[test]
fn a_nul_in_a_name_is_kept() {
    let Some(database) = database() else { return };
    let mut store = open(&database.url(), &beside()).expect("a store");
    let mut strange = batch(1, 1, [1]);
    if let Some(Event::Request(request)) = strange.events.first_mut() {
        request.method = "a\0b".into();
    }
    store.append(&strange).expect("append");
    let backend = PostgresBackend::at(&database.url()).expect("a backend");
    let row = backend
        .reader()
        .expect("a reader")
        .request(1)
        .expect("a row");
    assert_eq!(row.expect("it is there").method, "a\0b");
    drop(backend.writer(WriterOptions::default()).expect("a writer"));
    assert_eq!(
        backend.migrate(Trust::Owner).expect("migrated").from,
        Some(1)
    );
}
