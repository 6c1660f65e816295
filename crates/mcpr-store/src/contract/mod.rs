//! What every backend must fulfil, as tests that a backend's crate runs: `contract_tests!(backend)`.

mod answers;
mod bounds;
mod call_match;
mod clauses;
mod conversations;
mod flight;
mod generate;
mod pages;
mod random;
mod remains;
mod renaming;
mod searching;
mod sums;
mod surfaces;
mod timeline;

use answers::{
    a_line_with_and_without_its_answer_is_one_request,
    a_line_with_and_without_its_client_is_one_request, a_trace_is_kept_and_found,
    an_answer_of_another_type_is_noted, what_is_unknown_stays_unknown_and_what_came_along_is_kept,
};
use bounds::*;
use call_match::*;
use clauses::*;
use conversations::a_conversation_is_the_first_stated_and_goes_with_its_session;
use flight::*;
use pages::*;
use random::answers_equal_those_of_the_reference;
use remains::sums_of_requests_that_are_gone_are_taken_over;
use renaming::{a_renamed_proxy_is_as_if_recorded_under_its_name, two_names_of_a_proxy_become_one};
use searching::a_search_is_in_the_fields_and_in_the_bodies_that_are_named;
use sums::*;
use surfaces::*;
use timeline::a_timeline_goes_by_time_and_then_by_storing_in_pages_of_any_size;

use crate::memory::MemoryStore;
use crate::query::{
    Cursor, Entry, Filter, Order, Page, Place, SessionFilter, SessionKey, SessionRow, TimePage,
};
use crate::{Admin, Appended, Reader, RollupRow, StoreError, Writer, fold};
use mcpr_model::{Batch, Event, EventKey, Kind, Outcome, Request, RequestId};

/// A store that is open for everything at once, as no command has it.
pub trait Store: Writer + Admin {
    /// A reader of what is committed.
    ///
    /// # Errors
    /// When the store cannot be opened for reading.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}

impl Store for MemoryStore {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Self::reader(self))
    }
}

/// A place where a store is kept; opening it again finds the same data.
pub trait Fixture {
    /// Opens the store that is kept here.
    fn open(&self) -> Box<dyn Store>;

    /// Fails where the store that is kept here looks damaged.
    fn check(&self) {}
}

/// What a clause demands of a backend; it panics where the backend does not give it.
type Clause = fn(&dyn Fixture);

/// Every clause by its name.
const CLAUSES: &[(&str, Clause)] = crate::contract_tests!(@with table {});

/// Runs the clause of this name against a backend; [`contract_tests!`](crate::contract_tests) calls
/// it for each.
///
/// # Panics
/// When the backend does not fulfil the clause, or there is none of this name.
pub fn check(name: &str, backend: &dyn Fixture) {
    let found = CLAUSES.iter().find(|(clause, _)| *clause == name);
    let (_, clause) = found.unwrap_or_else(|| panic!("no clause is called {name}"));
    clause(backend);
}

/// Makes a test of every clause of the contract: `contract_tests!(a_backend_expression)`.
#[macro_export]
macro_rules! contract_tests {
    // The one list of clauses, handed to one of the rules below.
    (@with $rule:ident $given:tt) => {
        $crate::contract_tests! { @$rule $given
        a_request_is_stored_once,
        payloads_go_with_their_requests_or_before_them,
        another_content_under_the_same_id_is_kept_and_counted,
        the_same_bytes_under_another_proxy_are_the_same_event,
        a_line_with_and_without_its_answer_is_one_request,
        a_line_with_and_without_its_client_is_one_request,
        a_trace_is_kept_and_found,
    what_is_unknown_stays_unknown_and_what_came_along_is_kept,
        an_answer_of_another_type_is_noted,
        a_repeated_batch_changes_nothing,
        what_two_streams_report_about_a_call_is_one_row,
        an_id_that_is_used_again_is_another_call,
        calls_without_a_session_are_one_where_measured_alike,
        spans_of_an_operation_are_one_row_however_late_they_come,
        sequence_numbers_grow_and_are_never_used_twice,
        pages_have_no_gap_and_no_repeat_while_a_writer_appends,
        news_ends_a_wait_and_so_does_the_time,
        lists_sources_and_checkpoints_come_in_pages_of_any_size,
        a_timeline_goes_by_time_and_then_by_storing_in_pages_of_any_size,
        what_is_gone_behind_a_place_is_counted,
        sessions_are_kept_apart,
        deleting_a_session_takes_all_of_it_and_nothing_else,
        a_summary_takes_the_place_of_a_sessions_requests,
        everything_is_there_after_reopening,
        a_vacuum_leaves_rollups_and_newer_rows,
        calls_that_cannot_be_placed_in_a_window_are_reported,
        more_clients_than_are_shown_are_put_together,
        more_lines_than_are_shown_are_put_together,
        requests_without_a_session_are_grouped_by_client_and_time,
        a_caller_is_known_from_its_session,
        a_conversation_is_the_first_stated_and_goes_with_its_session,
        what_is_in_flight_is_listed_until_its_row_is_stored,
        a_duplicate_ends_what_is_in_flight_too,
        what_is_in_flight_is_bounded_and_goes_with_its_session,
        what_a_tap_says_of_its_server_is_put_together,
        what_servers_wrote_is_listed_by_when_it_was_last_reported,
        what_is_known_of_a_server_goes_with_its_session,
        gaps_stand_in_their_place,
        equal_gaps_are_two,
        sums_of_requests_that_are_gone_are_taken_over,
        sums_of_targets_are_bounded,
        sums_of_methods_are_bounded,
        each_class_goes_by_itself_and_names_with_the_last_of_it,
        bad_lines_are_capped,
        checkpoints_follow_their_file,
        a_list_that_comes_again_is_one_version_seen_later,
        what_a_request_says_of_the_surface_is_taken_with_its_row,
        a_list_that_flaps_moves_when_it_was_seen,
        versions_of_a_list_are_bounded,
        items_of_a_list_never_seen_whole_are_bounded,
        lists_left_unfinished_are_bounded_in_number,
        lists_left_unfinished_are_bounded_in_bytes,
        a_list_of_more_pages_than_may_wait_is_given_up,
        a_renamed_proxy_is_as_if_recorded_under_its_name,
        two_names_of_a_proxy_become_one,
        a_search_is_in_the_fields_and_in_the_bodies_that_are_named,
        answers_equal_those_of_the_reference
        }
    };
    (@table {} $($clause:ident),+) => {
        &[$((stringify!($clause), $clause)),+]
    };
    (@each {$backend:expr} $($clause:ident),+) => {
        $(
            #[test]
            fn $clause() {
                $crate::contract::check(stringify!($clause), &$backend);
            }
        )+
    };
    ($backend:expr) => {
        $crate::contract_tests! { @with each {$backend} }
    };
}

/// A plain request of one session.
pub(super) fn request(id: &str, ts: i64) -> Request {
    Request {
        request_id: Some(RequestId::from_text(id)),
        session_id: Some("s".into()),
        latency_us: Some(10),
        ..Request::new(
            EventKey::of_id(id),
            ts,
            "p".into(),
            Kind::Mcp,
            "ping".into(),
        )
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
        .entries(filter, Page::after(Cursor::START, Page::MAX_LIMIT))
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

/// Every session, also those without a call, in the order in which they began.
pub(super) fn sessions(store: &dyn Store) -> Vec<SessionRow> {
    let filter = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    sessions_of(&*reader(store), &filter)
}

/// Every session that a filter lets through, in the order in which they began.
///
/// # Panics
/// When the store cannot be read.
#[must_use]
pub fn sessions_of(reader: &dyn Reader, filter: &SessionFilter) -> Vec<SessionRow> {
    let mut rows = Vec::new();
    fold::each_session(reader, filter, &mut |row| rows.push(row)).expect("sessions");
    rows
}

/// Every rollup.
///
/// # Panics
/// When the store cannot be read.
#[must_use]
pub fn rollups_of(reader: &dyn Reader) -> Vec<RollupRow> {
    let mut rows = Vec::new();
    reader.rollups(&mut |row| rows.push(row)).expect("rollups");
    rows
}

pub(super) fn key(proxy: &str, id: &str) -> SessionKey {
    SessionKey {
        proxy: proxy.to_owned(),
        id: id.to_owned(),
    }
}

#[cfg(test)]
mod reference {
    use super::{Fixture, MemoryStore, Store};

    impl Fixture for MemoryStore {
        fn open(&self) -> Box<dyn Store> {
            Box::new(self.clone())
        }
    }

    crate::contract_tests!(MemoryStore::default());
}
