//! What every backend must fulfil, as tests that run against each: `contract_tests!(backend)`.

mod answers;
mod clauses;
mod conversations;
mod generate;
mod random;
mod surfaces;

pub(super) use answers::{
    a_line_with_and_without_its_answer_is_one_request,
    a_line_with_and_without_its_client_is_one_request,
};
pub(super) use clauses::*;
pub(super) use conversations::a_conversation_is_the_first_said_and_goes_with_its_session;
pub(super) use random::answers_equal_those_of_the_reference;
pub(super) use surfaces::*;

use crate::model::{Batch, Event, EventKey, Kind, Outcome, Request, RequestId};
use crate::query::{Entry, Filter, Page, SessionFilter, SessionKey, SessionRow};
use crate::store::{Appended, Reader, Store};

/// A place where a store is kept; opening it again finds the same data.
pub(super) trait Backend {
    /// Opens the store that is kept here.
    fn open(&self) -> Box<dyn Store>;

    /// Fails where the store that is kept here looks damaged.
    fn check(&self) {}
}

/// Runs every clause of the contract against a backend.
macro_rules! contract_tests {
    ($backend:expr) => {
        $crate::store::contract::contract_tests!(@each $backend,
            a_request_is_stored_once,
            payloads_go_with_their_requests_or_before_them,
            another_content_under_the_same_id_is_kept_and_counted,
            the_same_bytes_under_another_proxy_are_the_same_event,
            a_line_with_and_without_its_answer_is_one_request,
            a_line_with_and_without_its_client_is_one_request,
            a_repeated_batch_changes_nothing,
            sequence_numbers_grow_and_are_never_used_twice,
            pages_have_no_gap_and_no_repeat_while_a_writer_appends,
            sessions_are_kept_apart,
            deleting_a_session_takes_all_of_it_and_nothing_else,
            a_summary_takes_the_place_of_a_sessions_requests,
            everything_is_there_after_reopening,
            a_vacuum_leaves_rollups_and_newer_rows,
            requests_without_a_session_are_grouped_by_client_and_time,
            a_caller_is_known_from_its_session,
            a_conversation_is_the_first_said_and_goes_with_its_session,
            gaps_stand_in_their_place,
            bad_lines_are_capped,
            checkpoints_follow_their_file,
            a_list_that_comes_again_is_one_version_seen_later,
            answers_equal_those_of_the_reference
        );
    };
    (@each $backend:expr, $($clause:ident),+) => {
        $(
            #[test]
            fn $clause() {
                $crate::store::contract::$clause(&$backend);
            }
        )+
    };
}
pub(super) use contract_tests;

/// A plain request of one session.
pub(super) fn request(id: &str, ts: i64) -> Request {
    Request {
        key: EventKey::of_id(id),
        request_id: Some(RequestId::from_text(id)),
        ts,
        proxy: "p".into(),
        kind: Kind::Mcp,
        session_id: Some("s".into()),
        client_name: None,
        client_version: None,
        method: "ping".into(),
        target: None,
        latency_us: 10,
        upstream_us: None,
        bytes_in: None,
        bytes_out: None,
        outcome: Outcome::default(),
    }
}

/// A batch of one writer, numbered by its caller.
pub(super) fn batch(number: i64, events: Vec<Event>) -> Batch {
    Batch {
        writer: 1,
        number,
        now: 0,
        events,
        sources: Vec::new(),
    }
}

/// Appends requests as a batch of their own.
pub(super) fn append(store: &mut dyn Store, number: i64, requests: Vec<Request>) -> Appended {
    let events = requests.into_iter().map(Event::Request).collect();
    store.append(&batch(number, events)).expect("append")
}

pub(super) fn reader(store: &dyn Store) -> Box<dyn Reader> {
    store.reader().expect("a reader")
}

pub(super) fn entries(store: &dyn Store, filter: &Filter) -> Vec<Entry> {
    reader(store)
        .entries(filter, Page::after(0, Page::MAX_LIMIT))
        .expect("entries")
}

/// The stream's ids of everything stored, in order.
pub(super) fn ids(store: &dyn Store) -> Vec<String> {
    entries(store, &Filter::default())
        .into_iter()
        .map(|entry| match entry {
            Entry::Request(row) => row.request_id.unwrap_or_default(),
            Entry::Gap(gap) => format!("gap of {}", gap.count),
        })
        .collect()
}

pub(super) fn sessions(store: &dyn Store) -> Vec<SessionRow> {
    let filter = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    reader(store).sessions(&filter).expect("sessions")
}

pub(super) fn key(proxy: &str, id: &str) -> SessionKey {
    SessionKey {
        proxy: proxy.to_owned(),
        id: id.to_owned(),
    }
}

mod backends {
    use super::{Backend, Store};
    use crate::store::memory::MemoryStore;
    use crate::store::sqlite::{Depth, SqliteStore, verify};

    impl Backend for MemoryStore {
        fn open(&self) -> Box<dyn Store> {
            Box::new(self.clone())
        }
    }

    impl Backend for tempfile::TempDir {
        fn open(&self) -> Box<dyn Store> {
            Box::new(SqliteStore::open(&self.path().join("store.db")).expect("open"))
        }

        fn check(&self) {
            let findings = verify(&self.path().join("store.db"), Depth::Full).expect("looked at");
            assert_eq!(findings.problems, Vec::<String>::new());
        }
    }

    mod memory {
        use crate::store::memory::MemoryStore;
        crate::store::contract::contract_tests!(MemoryStore::default());
    }

    mod sqlite {
        crate::store::contract::contract_tests!(tempfile::tempdir().expect("a directory"));
    }
}
