//! The way of a copy: order, bounds, losses, and who is woken.

use super::*;

fn moment(ts: i64) -> Moment {
    Moment {
        at: Instant::now(),
        ts,
    }
}

fn push(copies: &Copies, direction: Direction, ts: i64, bytes: &[u8]) {
    let at = copies.announce(direction).at;
    copies.push(direction, Moment { at, ts }, bytes);
}

fn taken(copies: &Copies) -> Vec<(Direction, Vec<u8>, Option<Loss>)> {
    let mut all = Vec::new();
    copies.take(Duration::ZERO, 0, &mut all);
    all.into_iter()
        .map(|copy| (copy.direction, copy.bytes.to_vec(), copy.loss))
        .collect()
}

#[test]
fn what_does_not_fit_is_announced_with_the_next_of_its_direction() {
    use Direction::{ToClient, ToServer};
    let copies = Copies::with_max_bytes(2 * (OVERHEAD_BYTES + 2));
    push(&copies, ToServer, 1, b"a\n");
    push(&copies, ToServer, 2, b"b\n");
    push(&copies, ToServer, 3, b"c\nd");
    push(&copies, ToServer, 4, b"\n");
    assert!(!copies.are_announced());
    let whole = |bytes: &[u8]| (ToServer, bytes.to_vec(), None);
    assert_eq!(taken(&copies), [whole(b"a\n"), whole(b"b\n")]);
    assert_eq!(taken(&copies), [], "those are read");
    push(&copies, ToClient, 5, b"e\n");
    push(&copies, ToServer, 6, b"f\n");
    let loss = Loss {
        bytes: 4,
        newlines: 2,
        last: b'\n',
        from_ts: 3,
        to_ts: 4,
    };
    let expected = [
        (ToClient, b"e\n".to_vec(), None),
        (ToServer, b"f\n".to_vec(), Some(loss)),
    ];
    assert_eq!(taken(&copies), expected);
}

#[test]
fn what_is_being_read_counts_as_held() {
    let copies = Copies::with_max_bytes(2 * (OVERHEAD_BYTES + 1));
    let take = |kept| {
        let mut taken = Vec::new();
        copies.take(Duration::ZERO, kept, &mut taken);
        let bytes = taken.iter().map(|copy| copy.bytes[0]);
        (
            bytes.collect::<Vec<u8>>(),
            taken.iter().any(|it| it.loss.is_some()),
        )
    };
    push(&copies, Direction::ToServer, 1, b"a");
    push(&copies, Direction::ToServer, 2, b"b");
    assert_eq!(take(0), (b"ab".to_vec(), false));
    push(&copies, Direction::ToServer, 3, b"c");
    assert_eq!(
        take(OVERHEAD_BYTES),
        (vec![], false),
        "both are in hand still"
    );
    push(&copies, Direction::ToServer, 4, b"d");
    push(&copies, Direction::ToServer, 5, b"e");
    assert_eq!(
        take(0),
        (b"d".to_vec(), true),
        "a message that is not whole counts, too"
    );
}

#[test]
fn a_flood_is_handed_out_in_pieces_to_the_end() {
    let copies = Copies::default();
    let piece = vec![b'x'; WORTHWHILE_BYTES / 2];
    for ts in 0..5 {
        push(&copies, Direction::ToClient, ts, &piece);
    }
    copies.close(moment(9));
    let turns = std::iter::from_fn(|| {
        let mut taken = Vec::new();
        let goes_on = copies.take(Duration::ZERO, 0, &mut taken);
        Some((taken.len(), goes_on))
    });
    let turns: Vec<_> = turns.take(3).collect();
    assert_eq!(turns, [(2, true), (2, true), (1, false)]);
}

#[test]
fn only_a_recorder_that_reads_is_given_a_moment() {
    let mut state = CopiesState {
        bytes: 40,
        in_hand: 40,
        ..CopiesState::default()
    };
    assert!(state.is_much(100));
    assert!(!state.is_much(1000), "there is room");
    state.is_held_up = true;
    assert!(!state.is_much(100), "the store is not waited for");
}

#[test]
fn many_copies_wake_the_recorder_once() {
    let copy = |bytes: usize| Copy {
        direction: Direction::ToServer,
        moment: moment(1),
        loss: None,
        bytes: vec![b'x'; bytes].into(),
    };
    let mut state = CopiesState {
        awaited: WakeReason::First,
        ..CopiesState::default()
    };
    let woken = |state: &mut CopiesState, bytes, times| {
        let woken = (0..times).filter(|_| state.put(copy(bytes), MAX_WAITING_BYTES));
        woken.count()
    };
    assert_eq!(woken(&mut state, 9, 1000), 1);
    state.awaited = WakeReason::Many;
    assert_eq!(
        woken(&mut state, 9, 1000),
        0,
        "it comes by itself in a moment"
    );
    assert_eq!(
        woken(&mut state, WORTHWHILE_BYTES, 3),
        1,
        "unless it has to"
    );
    assert_eq!(woken(&mut state, 9, 1000), 0, "it is at work");
}

#[test]
fn copies_come_out_as_their_bytes_passed() {
    use Direction::{ToClient, ToServer};
    let copies = Copies::default();
    let asked = copies.announce(ToServer);
    let answered = copies.announce(ToClient);
    copies.push(ToClient, answered, b"answer");
    assert_eq!(taken(&copies), [], "the question is still under way");
    copies.push(ToServer, asked, b"question");
    let directions: Vec<_> = taken(&copies).into_iter().map(|copy| copy.0).collect();
    assert_eq!(directions, [ToServer, ToClient]);
    let _ = copies.announce(ToServer);
    let answered = copies.announce(ToClient);
    copies.push(ToClient, answered, b"answer");
    copies.withdraw(ToServer);
    assert_eq!(taken(&copies).len(), 1, "nothing is waited for any more");
}

#[test]
fn a_loss_at_the_end_is_announced_by_the_end() {
    let copies = Copies::with_max_bytes(0);
    push(&copies, Direction::ToClient, 1, b"unfinished");
    copies.close(moment(9));
    let all = taken(&copies);
    let loss = all[0].2.expect("a loss");
    assert_eq!((loss.bytes, loss.newlines), (10, 0), "{all:?}");
    push(&copies, Direction::ToClient, 2, b"too late");
    assert_eq!(taken(&copies), []);
}
