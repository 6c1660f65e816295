//! The rows of whole runs.

use super::*;

fn runs() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(captures()).unwrap();
    let mut runs: Vec<_> = entries.map(|it| it.unwrap().path()).collect();
    runs.retain(|run| run.join("truth.ndjson").exists());
    runs.sort();
    runs
}

/// What no span or record reports, run by run. A cancelled call looks like one that went well, a round that asks for
/// input as well; the SDK's spans name no resource; hosts log tool calls alone; a gateway has a second hop.
#[test]
fn each_run_gives_the_rows_of_what_its_client_did_but_for_what_nobody_reports() {
    let mut text = String::new();
    for run in runs() {
        let name = run.file_name().unwrap().to_str().unwrap();
        let rows = rows_of(&posts(&run));
        writeln!(text, "{name}: {} rows", rows.len()).unwrap();
        text += &difference(&run, &rows);
    }
    expect_test::expect_file!["differences.txt"].assert_eq(&text);
}

#[test]
fn the_order_of_posts_changes_no_row() {
    for run in runs() {
        let posts = posts(&run);
        let shown = |rows: Vec<Request>| {
            let each = rows
                .iter()
                .map(|it| format!("{:?} {} {:?}", fact(it), it.proxy, it.latency_us));
            each.collect::<std::collections::BTreeSet<_>>()
        };
        let forth = shown(rows_of(&posts));
        let back = shown(rows_of(posts.iter().rev()));
        let (forth, back): (Vec<_>, Vec<_>) = (
            forth.difference(&back).collect(),
            back.difference(&forth).collect(),
        );
        assert_eq!(forth, back, "{}", run.display());
    }
}

#[test]
fn posts_that_come_again_report_the_same_operations() {
    for run in runs() {
        let posts = posts(&run);
        let keys = |rows: Vec<Request>| {
            // By what a store knows an operation again, whichever side reports it.
            let key = |it: &Request| {
                it.key
                    .call
                    .map_or(it.key.hash, |call| call.code(0).cast_unsigned() >> 3)
            };
            let mut keys: Vec<u64> = rows.iter().map(key).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let twice = posts.iter().flat_map(|post| [post, post]);
        assert_eq!(
            keys(rows_of(twice)),
            keys(rows_of(&posts)),
            "{}",
            run.display()
        );
    }
}

#[test]
fn a_row_is_the_servers_with_the_time_of_the_client_around_it() {
    let run = run("mcp2-http-legacy-proto-gzip");
    let rows = rows_of(&posts(&run));
    assert!(
        rows.iter().all(|row| *row.proxy == *"desk-server"),
        "{rows:?}"
    );
    let truth = lines(&run.join("truth.ndjson"));
    let slow = |row: &&Request| row.target.as_ref().is_some_and(|it| *it.name == *"slow");
    let longest = rows
        .iter()
        .filter(slow)
        .filter(|row| row.outcome.error_kind.is_none());
    let longest = longest.max_by_key(|row| row.latency_us).unwrap();
    let upstream = longest.upstream_us.unwrap();
    assert!(Some(upstream) <= longest.latency_us, "{longest:?}");
    let ms = truth
        .iter()
        .filter(|it| it["target"] == "slow" && it["outcome"] == "ok");
    let most = ms.map(|it| it["ms"].as_f64().unwrap()).fold(0.0, f64::max);
    assert!(
        longest.latency_us >= Some(700_000) && most >= 700.0,
        "{longest:?} {most}"
    );
}

#[test]
fn what_waits_is_held_until_it_is_a_row() {
    let posts = posts(&run("mcp2-http-auto-proto"));
    let mut joiner = Joiner::default();
    let mut held = std::collections::BTreeSet::new();
    let mut rows = 0;
    for post in &posts {
        let found = decode(&mut joiner, post.signal, post.encoding, &post.body, 0).unwrap();
        for request in &found.joined.held {
            held.insert(request.key.hash);
        }
        for request in &found.joined.rows {
            held.remove(&request.key.hash);
        }
        for hash in &found.joined.withdrawn {
            assert!(held.remove(hash), "nothing is withdrawn that was not held");
        }
        rows += found.joined.rows.len();
    }
    // What nobody completes becomes a row by itself, when its time has come.
    assert_eq!(joiner.overdue(WAIT_MS - 1), []);
    let late = joiner.overdue(WAIT_MS);
    let late: std::collections::BTreeSet<u64> = late.iter().map(|it| it.key.hash).collect();
    assert_eq!(late, held);
    assert!(rows > 0 && !held.is_empty() && joiner.is_empty());
}

#[test]
fn a_client_alone_does_not_know_how_a_tool_ended() {
    let rows = rows_of(&posts(&run("mcp2-retry-503")));
    let counts = counted(rows.iter().map(fact));
    let found: Vec<_> = counts
        .iter()
        .map(|((method, _, outcome), n)| format!("{n} {method} {outcome}"))
        .collect();
    expect![[r#"
        [
            "1 server/discover ok",
            "5 tools/call unseen",
            "1 tools/list ok",
        ]
    "#]]
    .assert_debug_eq(&found);
}

#[test]
fn what_a_host_refused_was_never_sent() {
    let rows = rows_of(&posts(&run("codex-denied-proto")));
    for row in &rows {
        assert_eq!(row.outcome.error_kind, Some(ErrorKind::Denied), "{row:?}");
        let message = row.outcome.error_msg.as_deref();
        assert_eq!(
            message,
            Some("MCP tool call requires approval, but approval policy is never")
        );
        assert_eq!(
            (&*row.proxy, row.client_name.as_deref()),
            ("desk", Some("codex_exec"))
        );
    }
    // The time of its records is 0; a text has it.
    let times: Vec<i64> = rows.iter().map(|row| row.ts).collect();
    assert_eq!(times, [1_795_932_248_910, 1_795_932_248_944]);
}
