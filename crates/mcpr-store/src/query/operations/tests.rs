//! Which requests are one operation, and how its time is split.

use super::*;
use crate::query::{Filter, GroupBy};
use mcpr_model::{OperationPart, TraceId};

fn row(seq: i64, method: &str, ts: i64, latency_ms: i64) -> RequestRow {
    RequestRow {
        seq,
        ts,
        proxy: "p".to_owned(),
        method: method.to_owned(),
        session: Some("s".to_owned()),
        latency_us: Some(latency_ms * 1000),
        ..RequestRow::default()
    }
}

fn part(
    row: RequestRow,
    follows: Option<OperationLink>,
    leaves: Option<OperationLink>,
    stage: OperationStage,
) -> RequestRow {
    let part = OperationPart {
        follows,
        leaves,
        stage,
    };
    RequestRow {
        part: Some(part),
        ..row
    }
}

/// The requests of each operation, by their numbers.
fn operations(rows: Vec<RequestRow>) -> Vec<Operation> {
    let mut fold = OperationsFold::default();
    let mut all: Vec<Operation> = rows.into_iter().filter_map(|row| fold.add(&row)).collect();
    all.extend(fold.finish());
    all.sort_by_key(|it| it.first.seq);
    all
}

fn seqs(rows: Vec<RequestRow>) -> Vec<Vec<i64>> {
    operations(rows).into_iter().map(|it| it.seqs).collect()
}

#[test]
fn a_call_that_asks_back_is_one_operation_whose_pause_is_waiting() {
    use OperationStage::{Complete, InputRequired};
    let (one, two) = (OperationLink::of_state("1"), OperationLink::of_state("2"));
    let rows = vec![
        part(
            row(1, "tools/call", 1_000, 100),
            None,
            Some(one),
            InputRequired,
        ),
        row(2, "tools/call", 1_050, 10),
        part(
            row(3, "tools/call", 6_100, 200),
            Some(one),
            Some(two),
            InputRequired,
        ),
        part(row(4, "tools/call", 8_300, 300), Some(two), None, Complete),
    ];
    let all = operations(rows);
    let [first, second] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(
        (&first.seqs[..], &second.seqs[..]),
        (&[1, 3, 4][..], &[2][..])
    );
    assert_eq!((first.server_us, first.waiting_us), (600_000, 7_000_000));
    assert_eq!(first.elapsed_us(), 7_600_000);
    assert!(!first.is_open() && !first.is_failed);
}

#[test]
fn a_task_and_its_polls_are_one_operation_and_a_failed_task_fails_it() {
    use OperationStage::{Failed, Working};
    let task = OperationLink::of_task("7");
    let rows = vec![
        part(row(1, "tools/call", 0, 100), None, Some(task), Working),
        part(
            row(2, "tasks/get", 1_100, 100),
            Some(task),
            Some(task),
            Working,
        ),
        part(row(3, "tasks/get", 2_200, 100), Some(task), None, Failed),
        // Of a task whose call was never seen.
        part(
            row(4, "tasks/get", 3_000, 1),
            Some(OperationLink::of_task("8")),
            None,
            Working,
        ),
    ];
    let all = operations(rows);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].seqs, [1, 2, 3]);
    assert!(all[0].is_failed);
    assert_eq!((all[0].server_us, all[0].waiting_us), (2_300_000, 0));
}

#[test]
fn without_a_state_two_that_fit_are_not_linked() {
    use OperationStage::{Complete, InputRequired};
    let asked = OperationLink::of_questions("tools/call", "t", &["a"]);
    let ask = |seq| {
        part(
            row(seq, "tools/call", seq, 1),
            None,
            Some(asked),
            InputRequired,
        )
    };
    let retry = |seq| part(row(seq, "tools/call", seq, 1), Some(asked), None, Complete);
    assert_eq!(seqs(vec![ask(1), retry(2)]), [vec![1, 2]]);
    let both = seqs(vec![ask(1), ask(2), retry(3)]);
    assert_eq!(both, [vec![1], vec![2], vec![3]]);
    let mut elsewhere = retry(2);
    elsewhere.session = Some("other".to_owned());
    assert_eq!(seqs(vec![ask(1), elsewhere]), [vec![1], vec![2]]);
}

#[test]
fn what_is_asked_again_after_it_broke_off_is_one_operation_that_did_not_fail() {
    let link = OperationLink::of_again("tools/call", "t", "{}");
    let mut broken = row(1, "tools/call", 0, 100);
    broken.status = mcpr_model::Status::Error;
    let broken = part(broken, None, Some(link), OperationStage::Broken);
    assert!(operations(vec![broken.clone()])[0].is_failed);
    let again = row(2, "tools/call", 500, 100);
    let again = part(again, Some(link), None, OperationStage::Complete);
    let all = operations(vec![broken.clone(), again.clone()]);
    assert_eq!((&all[0].seqs[..], all[0].retries), (&[1, 2][..], 1));
    assert!(!all[0].is_failed && !all[0].is_open());
    // Of two of which each may be meant none is.
    let other = RequestRow {
        seq: 3,
        ..broken.clone()
    };
    assert_eq!(operations(vec![broken, other, again]).len(), 3);
}

#[test]
fn a_state_that_a_server_gives_to_everybody_links_what_is_asked_by_the_same_client_alone() {
    use OperationStage::{Complete, InputRequired};
    let state = OperationLink::of_state("1");
    let of = |row: RequestRow, session: &str| RequestRow {
        session: Some(session.to_owned()),
        ..row
    };
    let ask = |seq, session| {
        let asked = row(seq, "tools/call", seq, 1);
        of(part(asked, None, Some(state), InputRequired), session)
    };
    let retry = |seq, session| {
        let again = row(seq, "tools/call", seq, 1);
        of(part(again, Some(state), None, Complete), session)
    };
    let two = seqs(vec![ask(1, "a"), ask(2, "b"), retry(3, "a"), retry(4, "b")]);
    assert_eq!(two, [vec![1, 3], vec![2, 4]]);
    // From elsewhere it is found where no other fits.
    assert_eq!(seqs(vec![ask(1, "a"), retry(2, "c")]), [vec![1, 2]]);
    let doubtful = seqs(vec![ask(1, "a"), ask(2, "b"), retry(3, "c")]);
    assert_eq!(doubtful, [vec![1], vec![2], vec![3]]);
    let mut other = retry(2, "a");
    other.tool = Some("another".to_owned());
    assert_eq!(seqs(vec![ask(1, "a"), other]), [vec![1], vec![2]]);
}

#[test]
fn operations_that_never_end_are_held_up_to_a_number() {
    let mut fold = OperationsFold::default();
    let mut given = 0;
    for seq in 0..i64::try_from(MAX_OPEN).unwrap() + 5 {
        let link = OperationLink::of_task(&seq.to_string());
        let row = row(seq, "tools/call", seq, 1);
        let row = part(row, None, Some(link), OperationStage::Working);
        given += usize::from(fold.add(&row).is_some());
    }
    assert_eq!((given, fold.by_link.len()), (5, MAX_OPEN));
    assert_eq!(fold.finish().len(), MAX_OPEN);
}

#[test]
fn a_task_that_is_polled_for_days_is_held_up_to_a_number_of_its_polls() {
    let mut fold = OperationsFold::default();
    let task = OperationLink::of_task("7");
    let polls = i64::try_from(MAX_PARTS).unwrap() + 5;
    for seq in 0..polls {
        let method = if seq == 0 { "tools/call" } else { "tasks/get" };
        let follows = (seq > 0).then_some(task);
        let poll = row(seq, method, seq, 1);
        let poll = part(poll, follows, Some(task), OperationStage::Working);
        assert!(fold.add(&poll).is_none());
    }
    let open = fold.finish();
    let held: Vec<_> = open.iter().map(|it| it.seqs.len()).collect();
    assert_eq!(held, [MAX_PARTS]);
}

#[test]
fn operations_are_counted_beside_requests() {
    let question = StatsQuestion::sums(&Filter::default(), GroupBy::Method);
    let mut count = OperationsCount::new(&question, 10);
    let task = OperationLink::of_task("7");
    count.add(&part(
        row(1, "tools/call", 0, 1),
        None,
        Some(task),
        OperationStage::Working,
    ));
    count.add(&row(2, "tools/call", 0, 1));
    let sums = count.finish();
    let found: Vec<_> = sums.values().map(|it| (it.operations, it.open)).collect();
    assert_eq!(found, [(2, 1)]);
}

#[test]
fn the_newest_traces_are_held_and_the_others_counted() {
    let mut fold = TracesFold::new(2);
    for at in 1..=9_u8 {
        let mut row = row(i64::from(at), "tools/call", i64::from(at) * 1000, 500);
        row.trace_id = Some(TraceId::of_bytes([at; 16]));
        fold.add(&row);
        row.ts += 1_000;
        fold.add(&row);
    }
    let (rows, left_out) = fold.finish();
    let found: Vec<_> = rows
        .iter()
        .map(|it| (it.first_ts, it.requests, it.elapsed_us))
        .collect();
    assert_eq!(found, [(9_000, 2, 1_500_000), (8_000, 2, 1_500_000)]);
    assert_eq!(left_out, 7);
}
