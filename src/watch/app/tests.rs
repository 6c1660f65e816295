//! The state, moved by keys and by the answers of a real store.

mod flight;

use crate::watch::app::{AppEffect, AppEnd, Pane};
use crate::watch::event::ScreenEvent;
use crate::watch::requests::{MAX_BEHIND, MAX_ROWS};
use crate::watch::testing::{Bench, NOW, TestStore};
use mcpr_store::query::{Cursor, Head};

#[test]
fn the_newest_requests_are_followed_until_one_scrolls() {
    let mut bench = Bench::over(500);
    assert_eq!(bench.chosen(), Some(500));
    bench.store.add(3);
    bench.wait(100);
    assert_eq!(bench.chosen(), Some(503));
    bench.keys("k");
    bench.store.add(2);
    bench.wait(100);
    assert_eq!(bench.chosen(), Some(502));
    bench.keys("G");
    bench.store.add(1);
    bench.wait(100);
    assert_eq!(bench.chosen(), Some(506));
}

#[test]
fn a_store_is_paged_both_ways_in_bounded_memory() {
    let mut bench = Bench::over(7_000);
    let is_whole = |seqs: &[i64]| seqs.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let mut seen = 7_000;
    while bench.chosen() != Some(1) {
        bench.keys("b");
        let chosen = bench.chosen().unwrap();
        assert!(chosen < seen, "{chosen} after {seen}");
        seen = chosen;
        assert!(bench.seqs().len() <= MAX_ROWS && is_whole(&bench.seqs()));
    }
    while bench.chosen() != Some(7_000) {
        bench.keys(" ");
        let chosen = bench.chosen().unwrap();
        assert!(chosen > seen, "{chosen} after {seen}");
        seen = chosen;
        assert!(bench.seqs().len() <= MAX_ROWS && is_whole(&bench.seqs()));
    }
    bench.keys("g");
    assert_eq!(bench.chosen(), Some(1));
    bench.keys("G");
    assert_eq!(bench.chosen(), Some(7_000));
    assert!(bench.app.requests.follows);
}

#[test]
fn a_follower_that_is_far_behind_goes_to_the_end() {
    let mut bench = Bench::over(10);
    let far = i64::try_from(MAX_BEHIND).unwrap() + 100;
    bench.store.add(far);
    bench.wait(100);
    assert_eq!(bench.chosen(), Some(far + 10));
    bench.keys("g");
    assert_eq!(bench.chosen(), Some(1));
}

#[test]
fn a_filter_looks_into_arguments_and_answers_as_one_types() {
    let mut bench = Bench::over(3_000);
    bench.keys("/answer 17");
    // 17, 170 to 179, 1700 to 1799.
    assert_eq!(bench.seqs().len(), 111);
    bench.keys("99");
    assert_eq!(bench.seqs(), [1799]);
    bench.keys("<Enter>");
    assert_eq!(bench.seqs(), [1799]);
    bench.keys("/zzz<Esc>");
    assert_eq!(bench.seqs(), [1799]);
    bench.keys("x");
    assert_eq!(bench.chosen(), Some(3_000));
    bench.keys("/\"number\":42}<Enter>");
    assert_eq!(bench.seqs(), [42]);
    bench.keys("/<Backspace><Esc>");
    assert_eq!(bench.seqs(), [42]);
    bench.store.add(1);
    bench.wait(100);
    assert_eq!(bench.seqs(), [42]);
}

#[test]
fn keys_of_the_lists_lead_out_of_an_opened_request() {
    let mut bench = Bench::over(60);
    for (key, list) in [
        ("2", "[2 sessions]"),
        ("3", "[3 tools]"),
        ("1", "[1 requests]"),
    ] {
        bench.keys("1<Enter>");
        assert!(bench.screen().starts_with("[request "));
        bench.keys(key);
        assert!(bench.screen().contains(list), "{}", bench.screen());
        assert!(bench.app.detail.is_none());
    }
    // The help is as wide as a small terminal.
    bench.keys("?");
    for _ in 0..4 {
        let screen = bench.screen();
        assert!(
            screen.lines().skip(1).all(|line| line.chars().count() < 80),
            "{screen}"
        );
        bench.keys(" ");
    }
}

#[test]
fn failures_are_found_in_memory_and_beyond() {
    let mut bench = Bench::over(6_000);
    bench.keys("E");
    assert_eq!(bench.chosen(), Some(5_950));
    for _ in 0..59 {
        bench.keys("E");
    }
    assert_eq!(bench.chosen(), Some(50));
    bench.keys("E");
    assert_eq!(bench.chosen(), Some(50));
    assert_eq!(bench.app.notice.as_deref(), Some("no earlier failure"));
    bench.keys("ee");
    assert_eq!(bench.chosen(), Some(250));
    // What lies beside it is there, too.
    assert!(bench.seqs().contains(&249) && bench.seqs().contains(&251));
    bench.keys("/answer 4<Enter>E");
    assert_eq!(bench.chosen(), Some(4_950));
    bench.keys("e");
    assert_eq!(bench.app.notice.as_deref(), Some("no later failure"));
}

#[test]
fn failures_are_opened_one_after_the_other() {
    let mut bench = Bench::over(6_000);
    bench.keys("E<Enter>");
    for failed in [5_850, 5_750] {
        bench.keys("E");
        let detail = bench.app.detail.as_ref().unwrap();
        assert_eq!(
            detail.whole.as_ref().map(|whole| whole.row.seq),
            Some(failed)
        );
    }
    bench.keys("g<Esc>g<Enter>e");
    let detail = bench.app.detail.as_ref().unwrap();
    assert_eq!(detail.whole.as_ref().map(|whole| whole.row.seq), Some(50));
}

#[test]
fn one_tool_and_one_session_are_chosen_and_cleared() {
    let mut bench = Bench::over(100);
    bench.keys("t");
    assert_eq!(bench.app.filters().last().unwrap().1, "read_file");
    assert!(bench.seqs().iter().all(|seq| seq % 3 == 1));
    assert_eq!(bench.chosen(), Some(100));
    bench.keys("s");
    assert!(bench.seqs().iter().all(|seq| seq % 21 == 100 % 21));
    bench.keys("x");
    assert_eq!(bench.seqs().len(), 100);
    bench.keys("2j<Enter>");
    assert_eq!(bench.app.pane, Pane::Requests);
    assert_eq!(bench.app.filters()[0].0, "session");
    bench.keys("x3<Enter>");
    assert_eq!(bench.app.filters().last().unwrap().0, "tool");
    assert_eq!(bench.seqs().len(), 34);
}

#[test]
fn what_is_paused_stays_as_it_was() {
    let mut bench = Bench::over(50);
    bench.keys("p");
    bench.store.add(5);
    bench.wait(2_000);
    assert_eq!(bench.chosen(), Some(50));
    assert!(bench.screen().contains("‖ paused, 5 newer"));
    bench.keys("gG/answer<Enter>x");
    assert_eq!(bench.chosen(), Some(50));
    bench.keys("p");
    assert_eq!(bench.chosen(), Some(55));
    assert!(bench.screen().contains("● live"));
}

#[test]
fn removed_rows_leave_the_screen() {
    let mut bench = Bench::over(200);
    bench.keys("g");
    bench.store.vacuum_before(151);
    bench.wait(6_000);
    assert_eq!(bench.seqs(), (151..=200).collect::<Vec<_>>());
    assert_eq!(bench.chosen(), Some(151));
    bench.keys("G<Enter>");
    bench.store.vacuum_before(300);
    bench.keys("J");
    assert!(bench.app.detail.is_some());
    bench.keys("K");
    let notice = bench.app.notice.as_deref();
    assert_eq!(notice, Some("request 199 is not in the store any more"));
}

#[test]
fn another_store_in_its_place_is_shown_from_its_end() {
    let mut bench = Bench::over(300);
    bench.keys("p<Enter>");
    let head = bench.app.head.unwrap();
    bench.replace_store(TestStore::of(20));
    bench
        .app
        .handle(ScreenEvent::Answered(crate::watch::queries::Answer::Head(
            Head {
                store_id: head.store_id + 1,
                cursor: Cursor::from_seq(20),
                version: 1,
            },
        )));
    bench.settle();
    assert_eq!(bench.seqs(), (1..=20).collect::<Vec<_>>());
    assert_eq!(
        (bench.app.paused_at, bench.app.detail.is_some()),
        (None, false)
    );
}

#[test]
fn tools_are_sorted_by_any_column_and_the_choice_stays() {
    let mut bench = Bench::over(100);
    bench.keys("3");
    let names = |bench: &Bench| -> Vec<String> {
        let rows = bench.app.tools.rows();
        rows.map(|row| row.key.tool.clone().unwrap()).collect()
    };
    assert_eq!(names(&bench), ["read_file", "echo", "search"]);
    bench.keys("r");
    assert_eq!(names(&bench), ["echo", "search", "read_file"]);
    bench.keys("g<");
    assert_eq!(names(&bench), ["echo", "read_file", "search"]);
    let screen = bench.screen();
    assert!(
        screen.contains("TOOL▲") && screen.contains("▶ echo"),
        "{screen}"
    );
    bench.keys(">>");
    assert_eq!(names(&bench)[0], "search");
    bench.keys("r>>>r/read<Enter>");
    assert_eq!(names(&bench), ["read_file"]);
}

#[test]
fn the_window_is_the_shortest_that_holds_something_until_one_chooses() {
    let mut bench = Bench::over(10);
    bench.keys("3");
    // The requests are a day and some hours old.
    assert_eq!(bench.app.tools.window_ms(), Some(7 * 86_400_000));
    bench.keys("+");
    assert_eq!(bench.app.tools.window_ms(), None);
    bench.keys("+");
    assert_eq!(
        bench.app.notice.as_deref(),
        Some("this is the longest window")
    );
    bench.keys("--------");
    assert_eq!(bench.app.tools.window_ms(), Some(60_000));
    assert!(
        bench
            .screen()
            .contains("no call in the last 1 min; + looks further back")
    );
    bench.wait(20_000);
    assert_eq!(bench.app.tools.window_ms(), Some(60_000));
}

#[test]
fn sums_are_made_anew_only_for_who_looks_and_not_all_the_time() {
    let mut bench = Bench::over(10);
    bench.store.add(1);
    bench.wait(5_000);
    assert!(bench.app.tools.sums().is_none());
    bench.keys("3");
    let calls = |bench: &Bench| bench.app.tools.rows().map(|row| row.calls).sum::<u64>();
    assert_eq!(calls(&bench), 11);
    bench.store.add(1);
    bench.wait(100);
    assert_eq!(calls(&bench), 11);
    // On a machine where sums take long, they come later.
    bench.wait(3_600_000);
    assert_eq!(calls(&bench), 12);
}

#[test]
fn a_request_is_opened_copied_and_written() {
    let mut bench = Bench::over(100);
    bench.keys("<Enter>");
    let screen = bench.screen();
    for text in [
        "[request 100]",
        "\"number\": 100",
        "\"answer 100\\n",
        "second line",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    let copied = bench.keys("c");
    let params = "{\"name\":\"read_file\",\"arguments\":{\"number\":100}}";
    assert_eq!(copied, Some(AppEffect::Copy(params.to_owned())));
    let Some(AppEffect::Copy(answer)) = bench.keys("<Tab>c") else {
        panic!("nothing was copied");
    };
    assert!(answer.starts_with("{\"content\""));
    let Some(AppEffect::Write { path, text }) = bench.keys("w<Enter>") else {
        panic!("nothing was written");
    };
    assert_eq!(path.to_str(), Some("mcpr-100.json"));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        document["payload"]["params"]["value"]["arguments"]["number"],
        100
    );
    bench.keys("KK");
    assert_eq!(bench.chosen(), Some(98));
    assert!(bench.screen().contains("[request 98]"));
    bench.keys("q");
    assert!(bench.app.detail.is_none());
}

#[test]
fn a_search_goes_through_the_side_that_has_the_focus() {
    let mut bench = Bench::over(5);
    bench.keys("<Enter><Tab>/SECOND<Enter>");
    assert_eq!(
        bench.app.notice.as_deref(),
        Some("`SECOND` is not on this side")
    );
    bench.keys("/second<Enter>n");
    assert_eq!(bench.app.notice, None);
    assert!(bench.screen().contains("▶"));
    bench.keys("<Tab>n");
    assert_eq!(
        bench.app.notice.as_deref(),
        Some("`second` is not on this side")
    );
}

#[test]
fn a_gap_stands_in_its_place_and_cannot_be_opened() {
    let mut bench = Bench::over(3);
    bench.store.add_gap();
    bench.store.add(1);
    bench.wait(100);
    let screen = bench.screen();
    assert!(screen.contains("── gap: 12 events dropped"), "{screen}");
    bench.keys("k<Enter>");
    assert!(bench.app.detail.is_none() && bench.app.notice.is_some());
    bench.keys("ts");
    assert_eq!(bench.app.filters(), []);
    // From one request to the next it is passed over.
    bench.keys("k<Enter>J");
    assert_eq!(bench.chosen(), Some(5));
}

#[test]
fn a_report_is_about_what_is_shown() {
    let mut bench = Bench::over(30);
    let mut asked = |keys: &str| match bench.keys(keys) {
        Some(AppEffect::Report(filter)) => filter,
        other => panic!("{other:?} for {keys}"),
    };
    let all = asked("o");
    assert_eq!((all.session, all.tools.len()), (None, 0));
    let of_session = asked("so");
    let session = of_session.session.expect("a session");
    assert_eq!(session.proxy, "files");
    let of_tool = asked("xto");
    assert_eq!((of_tool.session, of_tool.tools.len()), (None, 1));
    // From wherever one looks.
    assert_eq!(asked("x<Enter>o").session, None);
    assert!(bench.screen().contains("making the report"));
}

#[test]
fn trouble_is_shown_until_it_is_over() {
    let mut bench = Bench::over(1);
    let status_with = |bench: &mut Bench, trouble: Option<&str>| {
        let answer = crate::watch::queries::Answer::Trouble(trouble.map(str::to_owned));
        bench.app.handle(ScreenEvent::Answered(answer));
        bench.screen()
    };
    assert!(status_with(&mut bench, Some("no store")).contains("! waiting for the store"));
    assert!(status_with(&mut bench, None).contains("● live"));
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let mut bench = Bench::over(1);
    assert_eq!(bench.keys("q"), Some(AppEffect::End(AppEnd::Left)));
    let ended = bench.app.handle(ScreenEvent::Ended("lists"));
    let why = "the lists thread has ended".to_owned();
    assert_eq!(ended, Some(AppEffect::End(AppEnd::Failed(why))));
    assert_eq!(
        bench.app.handle(ScreenEvent::Signal(15)),
        Some(AppEffect::End(AppEnd::Signal(15)))
    );
}

/// Whatever is typed at whatever size: nothing panics, memory stays bounded, and the screen can be drawn.
#[test]
fn any_keys_at_any_size_are_taken() {
    const KEYS: [&str; 45] = [
        "o",
        "q",
        "?",
        "<Tab>",
        "<BackTab>",
        "1",
        "2",
        "3",
        "4",
        "j",
        "k",
        " ",
        "b",
        "g",
        "G",
        "<Enter>",
        "/",
        "e",
        "E",
        "p",
        "t",
        "s",
        "x",
        "+",
        "-",
        ">",
        "<",
        "r",
        "<Esc>",
        "<Left>",
        "<Right>",
        "z",
        "W",
        "n",
        "N",
        "c",
        "w",
        "J",
        "K",
        "a",
        "<Backspace>",
        "<PgDn>",
        "<PgUp>",
        "9",
        "\"",
    ];
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bench = Bench::over(400);
    bench.store.add_gap();
    for _ in 0..600 {
        match random.usize(0..20) {
            0 => bench.resize(random.u16(1..130), random.u16(1..45)),
            1 => bench.store.add(random.i64(1..4)),
            2 => bench.wait(random.i64(0..7_000)),
            _ => {
                bench.keys(KEYS[random.usize(..KEYS.len())]);
            }
        }
        bench.screen();
        assert!(bench.seqs().len() <= MAX_ROWS + 300);
    }
    assert!(bench.app.now_ms >= NOW);
}

#[test]
fn what_was_called_just_now_is_drawn_at_the_end_of_the_last_hour() {
    let mut bench = Bench::over(0);
    // The sum of the hour that began at 01:00 does not show when in it.
    bench.store.add_at(NOW - 60_000);
    bench.keys("3+");
    bench.wait(1_000);
    let row = bench.app.tools.rows().next().expect("its tool");
    let last = row.calls_by_bucket.iter().rposition(|&calls| calls > 0);
    let first = row.calls_by_bucket.iter().position(|&calls| calls > 0);
    let bars = row.calls_by_bucket.len();
    assert_eq!((first, last), (Some(bars - 1), Some(bars - 1)), "{row:?}");
}
