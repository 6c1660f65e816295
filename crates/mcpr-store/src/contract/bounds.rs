//! The clauses about what is counted once, and what has a bound.

use super::*;
use crate::query::{MAX_SUMMED_METHODS, MAX_SUMMED_TARGETS, NameKind, OTHER};
use crate::{Class, Retention};
use mcpr_model::{Gap, Target, TargetKind};
use std::collections::BTreeMap;

pub(crate) fn equal_gaps_are_two(backend: &dyn Fixture) {
    let gap = |key| {
        Event::Gap(Gap {
            source: "-".into(),
            count: 5,
            from_ts: 1,
            to_ts: 2,
            key,
        })
    };
    let mut store = backend.open();
    let mut append = |number, events| store.append(&batch(number, events)).expect("append");
    assert_eq!(
        append(1, vec![gap(None), gap(None)]).gaps,
        2,
        "in one batch"
    );
    assert_eq!(append(2, vec![gap(None)]).gaps, 1, "in another batch");
    let elsewhere = append(3, vec![gap(Some(7)), gap(Some(8)), gap(Some(7))]);
    assert_eq!(
        (elsewhere.gaps, elsewhere.duplicates),
        (2, 1),
        "stored elsewhere"
    );
    let overview = reader(&*store).overview().expect("overview");
    assert_eq!((overview.gaps, overview.dropped), (5, 25));
    let last = overview.last_seq;
    let keys = reader(&*store).keys(1, last).expect("keys");
    let kept: std::collections::BTreeSet<i64> = keys.iter().map(|key| key.key).collect();
    assert_eq!(kept.len(), 5, "each by a key of its own");
    drop(store);
    backend.check();
}

/// A read of a resource, of which there may be any number.
fn read_of(at: usize, method: &str) -> Request {
    Request {
        method: method.into(),
        target: Some(Target {
            kind: TargetKind::Resource,
            name: format!("file:///{at}").into(),
        }),
        ..request(&format!("r{method}{at}"), i64::try_from(at).expect("few"))
    }
}

/// Calls by method and target, of all hours.
fn sums(store: &dyn Store) -> BTreeMap<(String, Option<String>), u64> {
    let rollups = super::rollups_of(&*reader(store));
    let mut sums = BTreeMap::new();
    for row in rollups {
        let target = row.key.target.map(|target| target.name.to_string());
        *sums
            .entry((row.key.method.to_string(), target))
            .or_insert(0) += row.calls;
    }
    sums
}

pub(crate) fn sums_of_targets_are_bounded(backend: &dyn Fixture) {
    let mut store = backend.open();
    let all = MAX_SUMMED_TARGETS + 20;
    let requests = (0..all).map(|at| read_of(at, "resources/read")).collect();
    append(&mut *store, 1, requests);
    // Known ones go on counting for themselves, also in another batch and after a restart.
    drop(store);
    let mut store = backend.open();
    let again = Request {
        key: EventKey::of_id("again"),
        ..read_of(0, "resources/read")
    };
    let other = read_of(all, "resources/read");
    append(&mut *store, 2, vec![again, other]);
    let sums = sums(&*store);
    let of = |target: &str| sums[&("resources/read".to_owned(), Some(target.to_owned()))];
    assert_eq!(sums.len(), MAX_SUMMED_TARGETS + 1);
    assert_eq!((of("file:///0"), of(OTHER)), (2, 21));
    let calls: u64 = sums.values().sum();
    assert_eq!(calls, all as u64 + 2, "each call counts once");
    drop(store);
    backend.check();
}

pub(crate) fn sums_of_methods_are_bounded(backend: &dyn Fixture) {
    let mut store = backend.open();
    let methods = (0..MAX_SUMMED_METHODS + 7).map(|at| read_of(at, &format!("m/{at}")));
    append(&mut *store, 1, methods.collect());
    let sums = sums(&*store);
    assert_eq!(sums.len(), MAX_SUMMED_METHODS + 1);
    assert_eq!(sums[&(OTHER.to_owned(), None)], 7);
    drop(store);
    backend.check();
}

pub(crate) fn each_class_goes_by_itself_and_names_with_the_last_of_it(backend: &dyn Fixture) {
    let mut store = backend.open();
    let caller = Request {
        client_name: Some("caller".into()),
        ..read_of(1, "resources/read")
    };
    append(&mut *store, 1, vec![caller]);
    let names = |store: &dyn Store| {
        let reader = reader(store);
        let count = |kind| reader.names(kind, "", 10).expect("names").len();
        (
            count(NameKind::Proxy),
            count(NameKind::Method),
            count(NameKind::Client),
        )
    };
    let vacuum = |store: &mut dyn Store, class| {
        let all = Retention::of(class, i64::MAX);
        store.vacuum(&all, &mut |_| {}).expect("vacuum")
    };
    vacuum(&mut *store, Class::Names);
    assert_eq!(names(&*store), (1, 1, 1), "all of them are used");
    assert_eq!(vacuum(&mut *store, Class::Requests), 1);
    assert_eq!(sums(&*store).len(), 1, "sums outlive requests");
    vacuum(&mut *store, Class::Names);
    assert_eq!(
        names(&*store),
        (1, 1, 0),
        "the client went with its session"
    );
    assert_eq!(vacuum(&mut *store, Class::Sums), 1);
    vacuum(&mut *store, Class::Names);
    assert_eq!(names(&*store), (0, 0, 0));
    backend.check();
    // What comes again is new again.
    append(&mut *store, 2, vec![read_of(1, "resources/read")]);
    assert_eq!(names(&*store), (1, 1, 0));
    assert_eq!(ids(&*store).len(), 1);
    drop(store);
    backend.check();
}
