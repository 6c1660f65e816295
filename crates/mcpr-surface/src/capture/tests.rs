//! Statements in a row, and the versions that they make.

use super::*;

fn update(method: &str, cursor: Option<&str>, result: &str) -> SurfaceUpdate {
    SurfaceUpdate {
        proxy: "p".into(),
        method: method.into(),
        ts: 10,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Page {
            cursor: cursor.map(Into::into),
            asked_version: Some("2025-06-18".into()),
            result: result.into(),
        },
    }
}

/// What a store keeps of one list.
#[derive(Default)]
struct Texts {
    latest: String,
    waiting: Vec<WaitingPage>,
    /// How often either was asked for.
    reads: usize,
}

impl ListTexts for Texts {
    type Error = std::convert::Infallible;

    fn latest(&mut self) -> Result<String, Self::Error> {
        self.reads += 1;
        Ok(self.latest.clone())
    }

    fn waiting(&mut self) -> Result<Vec<WaitingPage>, Self::Error> {
        self.reads += 1;
        Ok(self.waiting.clone())
    }
}

/// Runs statements one after the other; gives the changes of each new version.
fn run(statements: &[SurfaceUpdate]) -> Vec<String> {
    let (mut pending, mut latest) = (None, None);
    let mut texts = Texts::default();
    let mut reported = Vec::new();
    for update in statements {
        let Ok((chain, seen)) = step(update, pending.as_ref(), latest.as_ref(), &mut texts);
        match chain {
            Chain::Keep => {}
            Chain::Wait(chain, page) => {
                if chain.pages == 1 {
                    texts.waiting.clear();
                }
                texts.waiting.push(page);
                pending = Some(chain);
            }
            Chain::Clear => pending = None,
        }
        if let Seen::New(new) = seen {
            let changes = new.changes.iter().map(|(change, item)| match item {
                Some(item) => format!("{change} {item}"),
                None => change.clone(),
            });
            let changes = changes.chain(new.peculiar.clone()).collect::<Vec<_>>();
            reported.push(format!("{}: {}", new.version, changes.join(", ")));
            latest = Some(Latest {
                version: new.version,
                sha256: new.sha256,
                last_seen_at: update.ts,
            });
            texts.latest = new.payload;
        }
    }
    reported
}

fn tools(cursor: Option<&str>, result: &str) -> SurfaceUpdate {
    update("tools/list", cursor, result)
}

#[test]
fn whole_lists_make_versions_when_they_differ() {
    let reported = run(&[
        tools(
            None,
            r#"{"tools":[{"name":"b"},{"name":"a","_meta":{"x":1}}]}"#,
        ),
        tools(
            None,
            r#"{"tools":[{"name":"a","ttlMs":5},{"name":"b"}],"_meta":{}}"#,
        ),
        tools(None, r#"{"tools":[{"name":"a","title":"A"},{"name":"c"}]}"#),
    ]);
    assert_eq!(
        reported,
        [
            "1: initial",
            "2: tool_modified a, tool_removed b, tool_added c"
        ]
    );
}

#[test]
fn only_a_complete_chain_makes_a_version() {
    let first = r#"{"tools":[{"name":"a"}],"nextCursor":"2"}"#;
    let second = r#"{"tools":[{"name":"b"}],"nextCursor":"3"}"#;
    let third = r#"{"tools":[{"name":"c"}]}"#;
    let (one, two, three) = (
        tools(None, first),
        tools(Some("2"), second),
        tools(Some("3"), third),
    );
    let none: [&str; 0] = [];
    assert_eq!(
        run(&[one.clone(), two.clone(), three.clone()]),
        ["1: initial"]
    );
    assert_eq!(
        run(&[one.clone(), three.clone()]),
        none,
        "a page is missing"
    );
    assert_eq!(run(&[two.clone(), three.clone()]), none, "the first one is");
    assert_eq!(run(&[one.clone(), two.clone()]), none, "the last one is");
    let whole = tools(
        None,
        r#"{"tools":[{"name":"c"},{"name":"b"},{"name":"a"}]}"#,
    );
    assert_eq!(
        run(&[one.clone(), one, two, three, whole]),
        ["1: initial"],
        "begun anew"
    );
}

#[test]
fn the_negotiated_version_is_not_the_servers() {
    let answer = |version: &str, name: &str| {
        update(
            "initialize",
            None,
            &format!(
                "{{\"protocolVersion\":\"{version}\",\"serverInfo\":{{\"name\":\"{name}\"}},\
                 \"capabilities\":{{}}}}"
            ),
        )
    };
    let reported = run(&[
        answer("2025-06-18", "s"),
        answer("2024-11-05", "s"),
        answer("2025-06-18", "t"),
    ]);
    assert_eq!(reported, ["1: initial", "2: updated"]);
}

#[test]
fn old_news_and_what_is_no_list_do_nothing() {
    let whole = tools(None, r#"{"tools":[{"name":"a"}]}"#);
    let old = SurfaceUpdate {
        ts: 9,
        ..tools(None, r#"{"tools":[]}"#)
    };
    let broken = [
        r#"{"tools":{}}"#,
        r#"{"tools":[{"title":"x"}]}"#,
        "[",
        "null",
        "{}",
    ];
    let mut statements = vec![whole, old];
    statements.extend(broken.map(|result| tools(None, result)));
    assert_eq!(run(&statements), ["1: initial"]);
}

#[test]
fn doubled_names_and_keys_are_noticed() {
    let reported = run(&[tools(
        None,
        r#"{"tools":[{"name":"a"},{"name":"a","title":"1","title":"2"}]}"#,
    )]);
    assert_eq!(
        reported,
        ["1: initial, two items are named `a`, the key `/tools/1/title` stands twice"]
    );
}

#[test]
fn pages_that_go_on_and_on_are_not_read_again_for_each() {
    let mut texts = Texts::default();
    let latest = Latest {
        version: 1,
        sha256: String::new(),
        last_seen_at: 0,
    };
    let mut pending: Option<Pending> = None;
    let mut pages = 0;
    loop {
        let cursor = pending.as_ref().map(|chain| chain.next_cursor.clone());
        let page = format!(r#"{{"tools":[],"nextCursor":"{pages}"}}"#);
        let update = tools(cursor.as_deref(), &page);
        let Ok((chain, seen)) = step(&update, pending.as_ref(), Some(&latest), &mut texts);
        assert_eq!(seen, Seen::Nothing);
        match chain {
            Chain::Wait(chain, page) => {
                assert_eq!(page.items, "[]", "only what is new");
                pending = Some(chain);
            }
            Chain::Clear => break,
            Chain::Keep => panic!("it goes on"),
        }
        pages += 1;
    }
    assert_eq!(texts.reads, 0);
    let most = MAX_PENDING_BYTES / PAGE_OVERHEAD_BYTES;
    assert!(pages > most / 2 && pages < most, "{pages} empty pages");
}
