//! The clause on what is searched for: in which fields and bodies, and as what.

use super::{Fixture, append, ids, request};
use crate::query::{Entry, Filter, Search, SearchedBodies};
use mcpr_model::{ErrorKind, Outcome, Payload, Target, TargetKind};

pub(crate) fn a_search_is_in_the_fields_and_in_the_bodies_that_are_named(backend: &dyn Fixture) {
    let mut store = backend.open();
    let mut plain = request("plain", 1);
    plain.target = Some(Target {
        kind: TargetKind::Tool,
        name: "read_file".into(),
    });
    let mut asked = request("asked", 2);
    let bodies = Payload::of(Some("{\"path\":\"/etc/Shadow\"}"), Some("{\"ok\":1}"));
    asked.payload = bodies.map(Box::new);
    let mut failed = request("failed", 3);
    failed.outcome = Outcome {
        error_kind: Some(ErrorKind::Tool),
        error_code: Some("-32603".into()),
        error_msg: Some("Access denied (a.b)".into()),
        retyped: false,
    };
    failed.payload = Payload::of(None, Some("{\"text\":\"see /etc/shadow\"}")).map(Box::new);
    append(&mut *store, 1, vec![plain, asked, failed]);
    let (arguments, answers) = (true, true);
    let none = SearchedBodies::default();
    let only_arguments = SearchedBodies { arguments, ..none };
    let only_answers = SearchedBodies { answers, ..none };
    let expression = |text: &str| Search::expression(text).expect(text);
    let fixed = |text: &str| Search::fixed(text).expect(text);
    let cases = [
        (expression("read.file"), none, "plain"),
        (expression("READ"), none, ""),
        (expression("^access|^read"), none, "plain failed"),
        (expression("^-32603$"), none, "failed"),
        (expression("denied$"), none, ""),
        (fixed("(A.B)"), none, ""),
        (fixed("(a.b)"), none, "failed"),
        (expression("(a.b)"), none, "failed"),
        (expression("shadow"), none, ""),
        (expression("shadow"), only_arguments, "asked"),
        (expression("shadow"), only_answers, "failed"),
        (expression("shadow"), SearchedBodies::ALL, "asked failed"),
        (expression("Shadow"), SearchedBodies::ALL, "asked"),
        // The fields are searched whichever bodies are.
        (expression("read_file"), SearchedBodies::ALL, "plain"),
    ];
    for (search, bodies, expected) in cases {
        let filter = Filter {
            grep: Some(search.also_in(bodies)),
            ..Filter::default()
        };
        let found: Vec<String> = super::entries(&*store, &filter)
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Request(row) => row.request_id,
                Entry::Gap(_) => None,
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{filter:?}");
    }
    assert_eq!(ids(&*store).len(), 3);
}
