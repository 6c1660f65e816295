//! What `mcpr sessions` prints.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use super::super::testing::{key, sample, session, view};
use super::*;
use clap::Parser;
use expect_test::{Expect, expect};
use mcpr_model::ServerRun;
use mcpr_store::query::RequestRow;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn check(line: &str, expected: &Expect) {
    let words = ["sessions", "--db", "/store.db", "--utc"]
        .into_iter()
        .chain(line.split(' '));
    let args = Line::try_parse_from(words.filter(|word| !word.is_empty()))
        .expect(line)
        .args;
    let (mut console, out, err) = Console::captured();
    let view = view(&args.read, &mut console);
    let filter = SessionFilter {
        with_empty: args.all,
        client: client_pattern(&args.client).expect("a sound pattern"),
        ..SessionFilter::default()
    };
    let mut rows = sample();
    rows.sessions
        .push(session(&key("weather", "2bdb4dcf-b1"), 1_204));
    list(&args, &filter, &view, &rows, &mut console).expect("a list");
    console.flush().expect("memory takes it");
    expected.assert_eq(&(out.text() + &err.text()));
}

#[test]
fn a_table_of_sessions() {
    check(
        "--all",
        &expect![[r#"
            SESSION      PROXY       CLIENT                STARTED    LAST SEEN  CALLS  ERRORS  STATE
            2bdb4dcf-b0  everything  claude-desktop 1.2.0  01:27:02Z  01:27:12Z      4       1  active
            e31fd88f-89  everything  claude-desktop 1.2.0  01:27:02Z  01:27:12Z      5       1  active
            ~0123abcd    everything  claude-desktop 1.2.0  01:27:02Z  01:27:12Z      0       1  active
            2bdb4dcf-b1  weather     claude-desktop 1.2.0  01:27:02Z  01:27:12Z   1204       1  active
        "#]],
    );
}

#[test]
fn sessions_as_ndjson() {
    check(
        "--json --limit 1",
        &expect![[r#"
            {"session_id":"2bdb4dcf-b09f-4c41-9733-03bc3e2ef539","inferred":false,"proxy":"everything","client_name":"claude-desktop","client_version":"1.2.0","client_platform":"claude","started_at":1795224422000,"last_seen_at":1795224432000,"ended_at":null,"total_calls":4,"total_errors":1,"active":true,"conversation":null,"in_flight":0,"started":"2026-11-21T01:27:02.000Z","last_seen":"2026-11-21T01:27:12.000Z","ended":null}
        "#]],
    );
}

#[test]
fn no_sessions() {
    check(
        "--client zzz",
        &expect![[r#"
            no sessions found in /store.db
            looked for: client `zzz`
            hint: no client `zzz` was recorded; there is claude-desktop
        "#]],
    );
}

#[test]
fn an_empty_list_names_the_condition_that_empties_it() {
    let reported = |line: &[&str]| {
        let words = ["sessions", "--db", "/store.db", "--utc"]
            .iter()
            .chain(line);
        let args = Line::try_parse_from(words).expect("a line").args;
        let (mut console, _, err) = Console::captured();
        let view = view(&args.read, &mut console);
        let filter = filter_of(&args, &view).expect("a filter");
        let mut rows = sample();
        for row in &mut rows.sessions {
            row.total_calls = 0;
            row.ended_at = Some(row.last_seen_at);
        }
        rows.sessions[0].total_calls = 3;
        list(&args, &filter, &view, &rows, &mut console).expect("a list");
        err.text()
    };
    let newest = "the newest is of 2026-11-21 01:27:12.000Z (2m ago)";
    for (line, expected) in [
        (&["--active"][..], format!("without --active {newest}")),
        (&["--client", "zz*"], format!("without --client {newest}")),
        (
            &["--until", "2000-01-01"],
            format!("without --until {newest}"),
        ),
        (&["--since", "1m"], format!("with --since 1h {newest}")),
        (
            &["--client", "zz*", "--active"],
            "no condition alone leaves it out".to_owned(),
        ),
        (
            &["--proxy", "weather*"],
            format!("without --proxy {newest}"),
        ),
    ] {
        let stated = reported(line);
        assert!(stated.contains(&expected), "{line:?}: {stated}");
    }
}

#[test]
fn a_client_beyond_the_names_that_are_looked_at_is_not_reported_to_be_missing() {
    let args = Line::try_parse_from(["sessions", "--db", "/store.db", "-c", "a123x", "--active"])
        .expect("a line")
        .args;
    for (clients, is_reported) in [(9_999, true), (10_001, false)] {
        let (mut console, _, err) = Console::captured();
        let view = view(&args.read, &mut console);
        let filter = SessionFilter {
            client: client_pattern(&args.client).expect("a sound pattern"),
            // Nothing is active then, though the client is there.
            active_at: Some(i64::MAX),
            ..SessionFilter::default()
        };
        let mut rows = sample();
        rows.sessions = (1..clients)
            .map(|number| {
                let mut row = session(&key("weather", &number.to_string()), 1);
                row.client_name = Some(format!("a{number}"));
                row
            })
            .collect();
        list(&args, &filter, &view, &rows, &mut console).expect("a list");
        assert_eq!(
            err.text().contains("no client `a123x`"),
            is_reported,
            "{clients}: {}",
            err.text()
        );
    }
}

#[test]
fn more_sessions_than_a_page_are_listed_once_and_in_the_order_of_their_beginnings() {
    let mut rows = sample();
    rows.sessions = (0..2_500_i64)
        .map(|at| {
            let mut row = session(&key("everything", &format!("s-{at:04}")), 1);
            row.started_at += at / 3;
            // Not in the order in which they began.
            row.last_seen_at += at * 1_201 % 2_500;
            row
        })
        .collect();
    for most in [None, Some(1_000), Some(1_001), Some(2_400), Some(9_999)] {
        let mut expected = rows.sessions.clone();
        expected.sort_by_key(|row| std::cmp::Reverse(row.last_seen_at));
        expected.truncate(most.unwrap_or(usize::MAX));
        expected.sort_by_key(|row| (row.started_at, row.session_id.clone()));
        let mut found = Vec::new();
        each_page_of_sessions(&rows, &SessionFilter::default(), most, &mut |page, _| {
            assert!(page.len() <= 1_000, "{most:?}");
            found.extend(page);
            Ok(())
        })
        .expect("pages");
        assert_eq!(found, expected, "{most:?}");
    }
}

/// What is listed of the sample, where its first session waits since long ago and the servers of the others failed.
fn list_of_failing(line: &[&str], active: bool) -> String {
    let args = Line::try_parse_from([&["sessions", "--db", "/store.db", "--utc"], line].concat())
        .expect("a line")
        .args;
    let (mut console, out, err) = Console::captured();
    let view = view(&args.read, &mut console);
    let mut rows = sample();
    let of = |row: &SessionRow| (row.proxy.clone(), row.session_id.clone());
    let (proxy, session) = of(&rows.sessions[0]);
    rows.sessions[0].last_seen_at -= 600_000;
    rows.open.push(OpenRow {
        key: 1,
        row: RequestRow {
            proxy,
            session: Some(session),
            flight: Some(Flight::Pending),
            ..RequestRow::default()
        },
        params: None,
    });
    for (at, refused) in [(1, None), (2, Some("no such file".into()))] {
        let (proxy, session) = of(&rows.sessions[at]);
        rows.runs.push(ServerRun {
            proxy: proxy.into(),
            session_id: session.into(),
            refused,
            ..ServerRun::default()
        });
    }
    let filter = SessionFilter {
        active_at: active.then_some(view.now_ms),
        with_empty: true,
        ..SessionFilter::default()
    };
    list(&args, &filter, &view, &rows, &mut console).expect("a list");
    console.flush().expect("memory takes it");
    out.text() + &err.text()
}

#[test]
fn a_session_that_waits_for_an_answer_is_active_however_long_it_has_waited() {
    for order in [&[][..], &["--reverse"], &["--sort", "used"]] {
        let listed = list_of_failing(&[&["--active"], order].concat(), true);
        let row = listed.lines().find(|line| line.starts_with("2bdb4dcf"));
        assert!(
            row.is_some_and(|row| row.ends_with("active")),
            "{order:?} {listed}"
        );
    }
}

#[test]
fn a_session_whose_server_died_or_never_started_says_so() {
    let listed = list_of_failing(&["--all"], false);
    let states: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.rsplit("  ").next())
        .collect();
    assert_eq!(states[1..], ["active", "died", "not started"], "{listed}");
}
