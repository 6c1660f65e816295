//! The clauses about what comes in pages, and about waiting for news.

use super::*;
use crate::query::{ListKey, SourceRow, SurfacePage};
use mcpr_model::{
    Checkpoint, Counts, FileIdentity, Fingerprint, SessionState, SessionUpdate, SourceProgress,
    SurfaceContent, SurfaceUpdate,
};
use std::time::Duration;

pub(crate) fn pages_have_no_gap_and_no_repeat_while_a_writer_appends(backend: &dyn Fixture) {
    let mut store = backend.open();
    let reader = reader(&*store);
    let (mut seen, mut after, mut written) = (Vec::new(), Cursor::START, 0);
    loop {
        if written < 60 {
            let next = written + 5;
            let requests = (written..next)
                .map(|n| request(&n.to_string(), n))
                .collect();
            append(&mut *store, next, requests);
            written = next;
        }
        let page = Page::after(after, 3);
        let entries = reader.entries(&Filter::default(), page).expect("entries");
        let Some(last) = entries.last() else { break };
        after = last.cursor();
        seen.extend(entries.iter().map(Entry::seq));
    }
    assert_eq!(seen, (1..=60).collect::<Vec<_>>());
    let mut back = Vec::new();
    let mut before = None;
    loop {
        let page = Page::newest(before, 7);
        let entries = reader.entries(&Filter::default(), page).expect("entries");
        let Some(last) = entries.last() else { break };
        before = Some(last.cursor());
        back.extend(entries.iter().map(Entry::seq));
    }
    seen.reverse();
    assert_eq!(back, seen);
}

pub(crate) fn news_ends_a_wait_and_so_does_the_time(backend: &dyn Fixture) {
    let mut store = backend.open();
    append(&mut *store, 1, vec![request("a", 1)]);
    let reader = reader(&*store);
    let head = reader.head().expect("a head");
    let watched = reader.watch(head, Duration::ZERO);
    assert_eq!(watched.expect("no news"), head);
    append(&mut *store, 2, vec![request("b", 2)]);
    let news = reader.watch(head, Duration::from_hours(1)).expect("news");
    assert_eq!(news.cursor, head.cursor.next());
    assert_ne!(news.version, head.version);
    let update = SessionUpdate {
        session_id: "t".into(),
        proxy: Some("p".into()),
        ts: 3,
        started_at: None,
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: None,
    };
    let update = batch(3, vec![Event::Session(update)]);
    store.append(&update).expect("append");
    let later = reader.watch(news, Duration::from_hours(1)).expect("news");
    assert_eq!(later.cursor, news.cursor, "news need not be a row");
}

pub(crate) fn lists_sources_and_checkpoints_come_in_pages_of_any_size(backend: &dyn Fixture) {
    let mut store = backend.open();
    let list = |proxy: &str, method: &str| {
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: proxy.into(),
            method: method.into(),
            ts: 1,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Whole {
                upstream: None,
                result: r#"{"tools":[],"prompts":[]}"#.into(),
            },
        }))
    };
    let lists = [
        ("p", "prompts/list"),
        ("p", "tools/list"),
        ("q", "tools/list"),
    ];
    let mut batch = batch(1, lists.map(|(proxy, method)| list(proxy, method)).into());
    for inode in 1..=5 {
        batch.sources.push(SourceProgress {
            name: format!("{inode}.log").into(),
            counts: Counts::default(),
            checkpoint: Some(checkpoint(inode, &format!("{}.log", inode / 2), 10)),
        });
    }
    store.append(&batch).expect("append");
    let reader = reader(&*store);
    for limit in 1..=6 {
        let mut page = SurfacePage {
            limit,
            ..SurfacePage::of(None)
        };
        let found = in_pages(limit, |last: Option<&ListKey>| {
            page.after = last.cloned();
            let part = reader.surfaces(&page).expect("lists");
            part.lists().into_iter().collect()
        });
        let found: Vec<_> = found.iter().map(|it| (&*it.proxy, &*it.method)).collect();
        assert_eq!(found, lists, "by {limit}");
        let names = in_pages(limit, |last: Option<&SourceRow>| {
            let after = last.map(|row| row.name.as_str());
            reader.sources(after, limit).expect("sources")
        });
        let names: Vec<_> = names.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["1.log", "2.log", "3.log", "4.log", "5.log"]);
        let files = in_pages(limit, |last| {
            reader.file_checkpoints(last, limit).expect("checkpoints")
        });
        let inodes: Vec<u64> = files.iter().map(|it| it.identity.inode).collect();
        assert_eq!(inodes, [1, 2, 3, 4, 5], "by {limit}");
    }
    let of_q = reader.surfaces(&SurfacePage::of(Some("q"))).expect("lists");
    assert_eq!(of_q.proxies().into_iter().collect::<Vec<_>>(), ["q"]);
}

/// Everything that comes in pages, each after the last of the one before.
fn in_pages<T>(limit: usize, mut page_after: impl FnMut(Option<&T>) -> Vec<T>) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let page = page_after(all.last());
        assert!(page.len() <= limit, "{} by {limit}", page.len());
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(super) fn checkpoint(inode: u64, path: &str, offset: u64) -> Checkpoint {
    Checkpoint {
        path: path.into(),
        identity: FileIdentity {
            device: u64::MAX,
            inode,
        },
        head: Fingerprint {
            len: 1,
            hash: u64::MAX,
        },
        marker: Fingerprint { len: 2, hash: 3 },
        offset,
    }
}
