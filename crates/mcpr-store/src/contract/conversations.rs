//! The clause on conversations of a client: which one a session is part of.

use super::Store;
use super::{Fixture, batch, key, request, sessions};
use mcpr_model::{Event, SessionState, SessionUpdate};

fn of_conversation(conversation: &str) -> Event {
    Event::Session(SessionUpdate {
        session_id: "s".into(),
        proxy: Some("p".into()),
        ts: 1,
        started_at: Some(1),
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: Some(conversation.into()),
    })
}

fn kept(store: &dyn Store) -> Vec<Option<String>> {
    let rows = sessions(store).into_iter();
    rows.map(|row| row.conversation).collect()
}

pub(crate) fn a_conversation_is_the_first_stated_and_goes_with_its_session(backend: &dyn Fixture) {
    let mut store = backend.open();
    let events = vec![of_conversation("first"), of_conversation("second")];
    store.append(&batch(1, events)).expect("append");
    let events = vec![of_conversation("third"), Event::Request(request("a", 2))];
    store.append(&batch(2, events)).expect("append");
    assert_eq!(kept(&*store), [Some("first".to_owned())]);
    store.summarize_session(&key("p", "s")).expect("summarize");
    assert_eq!(kept(&*store), [Some("first".to_owned())]);
    backend.check();
    store.delete_session(&key("p", "s")).expect("delete");
    let again = vec![Event::Request(request("b", 3))];
    store.append(&batch(3, again)).expect("append");
    assert_eq!(kept(&*store), [None], "another session of that id");
    backend.check();
}
