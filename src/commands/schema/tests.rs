//! How much of what servers showed is held while it is listed.

use super::super::testing::{Rows, view};
use super::*;
use clap::Parser;
use mcpr_store::query::{Filter, SurfacePage, SurfaceRow};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

const SERVERS: usize = 20;
const VERSIONS: i64 = 6;

/// A version of the list of a server, with a text of its own.
fn version(server: usize, version: i64) -> SurfaceRow {
    let tool = format!(
        r#"{{"name":"t{version}","description":"{}"}}"#,
        "x".repeat(900)
    );
    SurfaceRow {
        proxy: format!("server {server:02}"),
        method: "tools/list".into(),
        version,
        sha256: version.to_string(),
        payload: format!(r#"{{"tools":[{tool}]}}"#),
        first_seen_at: version,
        last_seen_at: version,
        seq: version,
        session_id: None,
        client_name: None,
        upstream: None,
        announced: false,
        protocol: None,
        peculiar: Vec::new(),
        changes: vec![("tool_added".into(), Some(format!("t{version}")))],
    }
}

/// A store with the lists of many servers.
fn store() -> Rows {
    let mut rows = Rows::default();
    for server in 0..SERVERS {
        let versions = (1..=VERSIONS).map(|number| version(server, number));
        rows.surfaces.versions.extend(versions);
    }
    rows
}

/// No more was ever held than the text of one version, and the versions of a page of lists without theirs.
fn assert_little_was_held(rows: &Rows) {
    let one = version(0, VERSIONS).payload.len();
    assert!(
        (1..=one).contains(&rows.most_text.get()),
        "{:?}",
        rows.most_text
    );
    let page = SurfacePage::MAX_LIMIT * usize::try_from(VERSIONS).expect("few");
    assert!(rows.most_versions.get() <= page, "{:?}", rows.most_versions);
}

#[test]
fn lists_are_shown_server_by_server() {
    for format in ["--json", "--format table"] {
        let rows = store();
        let words = "schema --db /store.db --utc"
            .split(' ')
            .chain(format.split(' '));
        let args = Line::try_parse_from(words).expect("sound arguments").args;
        let (mut console, out, _) = Console::captured();
        let view = view(&args.read, &mut console);
        let columns = choose(LIST_COLUMNS, LIST_FIELDS);
        let asked = overview::Asked {
            lists: None,
            at: i64::MAX,
            since: None,
        };
        list(asked, &view, &columns, &rows, &mut console).expect("lists");
        console.flush().expect("memory takes it");
        let text = out.text();
        for server in 0..SERVERS {
            assert!(text.contains(&format!("server {server:02}")), "{server}");
        }
        assert_little_was_held(&rows);
    }
}

#[test]
fn changes_are_compared_with_two_texts_at_a_time() {
    let rows = store();
    let all = change_rows(&rows, None, &(0..i64::MAX)).expect("changes");
    assert_eq!(all.len(), SERVERS * usize::try_from(VERSIONS).expect("few"));
    assert!(all.is_sorted_by_key(|row| row.ts));
    assert_little_was_held(&rows);
    let rows = store();
    let newest = newest::newest(&rows, 5).expect("changes");
    assert_eq!(newest.len(), 5);
    assert!(newest.iter().all(|row| row.ts == VERSIONS));
    assert_little_was_held(&rows);
}

#[test]
fn unused_tools_are_those_of_the_newest_list_of_each_server() {
    let rows = store();
    let (found, proxies) = unused::definitions(&rows, &Filter::default()).expect("tools");
    assert_eq!((found.len(), proxies.len()), (SERVERS, SERVERS));
    assert!(found.iter().all(|row| row.tool == format!("t{VERSIONS}")));
    assert_little_was_held(&rows);
}
