//! From what a person typed of a session's id to the one session that is meant.

use super::Refused;
use super::args::View;
use super::pages::each_page_of_sessions;
use crate::console::Console;
use crate::render::units;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Pattern, SessionFilter, SessionPage, SessionRow};
use mcpr_store::{Reader, StoreUrl};
use std::collections::VecDeque;

/// Stands for the session that was used last, where none has it for an id.
const LATEST: &str = "latest";
/// Most candidates that are listed when a prefix fits several sessions.
const MAX_CANDIDATES: usize = 10;

/// The session that an id or a prefix means; `None` where there is none.
///
/// The `~` of an inferred id may be left out, since shells have a meaning of their own for it. `latest` is the one
/// that was used last.
pub(super) fn find_session(
    reader: &dyn Reader,
    text: &str,
    proxy: Option<&Pattern>,
    zone: Zone,
) -> anyhow::Result<Option<SessionRow>> {
    if text.is_empty() {
        let hint = "`mcpr sessions` lists the ids; any unambiguous prefix will do";
        return Err(Refused::new("an empty session id").hint(hint).into());
    }
    // A whole id wins over a longer one; and what was typed wins over the same with the `~`.
    let filters = [text.to_owned(), format!("~{text}")].map(|id| {
        let of_proxy = SessionFilter {
            proxy: proxy.cloned(),
            with_empty: true,
            ..SessionFilter::default()
        };
        let exact = SessionFilter {
            id: Some(id.clone()),
            ..of_proxy.clone()
        };
        let prefix = Some(id);
        [exact, SessionFilter { prefix, ..of_proxy }]
    });
    for filter in filters.as_flattened() {
        let mut found = Candidates::default();
        each_page_of_sessions(reader, filter, None, &mut |rows, _| {
            for row in rows {
                found.add(row);
            }
            Ok(())
        })?;
        match found.count {
            0 => {}
            1 => return Ok(found.newest.pop_back()),
            _ => return Err(ambiguous(text, &found, zone).into()),
        }
    }
    // After the ids: a stream may call a session so.
    if text == LATEST {
        // One whose first call is still in flight has none yet, and is better than nothing.
        for with_empty in [false, true] {
            let filter = SessionFilter {
                proxy: proxy.cloned(),
                with_empty,
                ..SessionFilter::default()
            };
            let found = reader.sessions(&filter, &SessionPage::used_last(1))?.pop();
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// Says that there is no session with an id.
pub(super) fn say_no_session(id: &str, view: &View, console: &mut Console) {
    let proxy = view.proxy.as_ref().map(ToString::to_string);
    say_no_session_of(id, &proxy.unwrap_or_default(), &view.url, console);
}

/// The same of a proxy that may be named, in a store.
pub(super) fn say_no_session_of(id: &str, proxy: &str, url: &StoreUrl, console: &mut Console) {
    let proxy = if proxy.is_empty() {
        String::new()
    } else {
        format!(" of proxy `{proxy}`")
    };
    console.note(&format!("no session `{id}`{proxy} in {url}"));
    console.hint("`mcpr sessions --all --limit all` lists every session");
}

/// Sessions that an id may mean: the newest of them, and how many there are.
#[derive(Debug, Default)]
struct Candidates {
    newest: VecDeque<SessionRow>,
    count: usize,
    /// Whether they differ by their ids, not by their proxies alone.
    have_several_ids: bool,
}

impl Candidates {
    fn add(&mut self, row: SessionRow) {
        self.count += 1;
        let first = self.newest.front();
        self.have_several_ids |= first.is_some_and(|first| first.session_id != row.session_id);
        // Pages come oldest first, and the one that is meant is mostly among the last.
        self.newest.push_back(row);
        if self.newest.len() > MAX_CANDIDATES {
            self.newest.pop_front();
        }
    }
}

fn ambiguous(text: &str, found: &Candidates, zone: Zone) -> Refused {
    let line = |row: &SessionRow| {
        let client = row.client_name.as_deref().unwrap_or("-");
        let started = units::time(row.started_at, zone);
        format!(
            "{}  {}  {client}  started {started}",
            row.session_id, row.proxy
        )
    };
    let mut lines: Vec<String> = found.newest.iter().rev().map(line).collect();
    if found.count > MAX_CANDIDATES {
        lines.push(format!("… and {} older", found.count - MAX_CANDIDATES));
    }
    let hint = if found.have_several_ids {
        "give more of the id"
    } else {
        "choose one with --proxy NAME"
    };
    Refused::new(format!("`{text}` fits {} sessions", found.count))
        .details(lines)
        .hint(hint)
}
