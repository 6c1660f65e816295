//! What the servers changed in the window of a report, and of which ones nobody can know it.

use super::ReportScope;
use crate::commands::schema::change_rows;
use crate::render::units;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{ChangeRow, SurfaceRow};
use mcpr_store::{Reader, StoreError, fold};
use mcpr_surface::ItemKind;
use mcpr_surface::capture::kind_of;
use std::collections::BTreeSet;

/// What a report says of the lists of its window.
pub(super) struct ServerChanges {
    /// The changes, oldest first.
    pub(super) rows: Vec<ChangeRow>,
    /// What is to be read where there are none.
    pub(super) unchanged: String,
    /// What is not known.
    pub(super) unknown: Option<String>,
}

/// What the lists of a window say, where these proxies were called in it.
pub(super) fn changes(
    reader: &dyn Reader,
    wanted: &ReportScope,
    called: BTreeSet<String>,
) -> anyhow::Result<ServerChanges> {
    let (proxy, window) = (wanted.filter.proxy.as_ref(), wanted.window);
    let rows = change_rows(reader, proxy, &(window.since..window.until))?;
    let mut shown = Shown::default();
    fold::each_server(reader, None, &mut |name, lists| {
        if proxy.is_none_or(|proxy| proxy.matches(name)) {
            for row in &lists.versions {
                shown.add(row, window.since, window.until);
            }
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(ServerChanges {
        rows,
        unchanged: shown.unchanged(),
        unknown: shown.unknown(called),
    })
}

/// Which lists were recorded, and when.
#[derive(Default)]
struct Shown {
    /// The proxies of which a list was recorded at any time.
    ever: BTreeSet<String>,
    /// Those of which one was recorded in the window.
    in_window: BTreeSet<String>,
    /// When the last list before the window was seen.
    last_before: Option<i64>,
}

impl Shown {
    fn add(&mut self, row: &SurfaceRow, since: i64, until: i64) {
        // What a server says of itself is no list: every session begins with it.
        if kind_of(&row.method).is_none_or(|kind| kind == ItemKind::Server) {
            return;
        }
        self.ever.insert(row.proxy.clone());
        // A list that was seen before and after the window was seen unchanged: that is known.
        if row.last_seen_at < since {
            self.last_before = self.last_before.max(Some(row.last_seen_at));
        } else if row.first_seen_at < until {
            self.in_window.insert(row.proxy.clone());
        }
    }

    fn unchanged(&self) -> String {
        if !self.in_window.is_empty() {
            return "The servers showed what they had shown before.".to_owned();
        }
        if self.ever.is_empty() {
            return "No list of a server was recorded: what they offer, and whether it changed, is not known.".to_owned();
        }
        let when = match self.last_before {
            Some(ts) => format!(
                "the last one before it was seen at {}",
                units::time(ts, Zone::Utc)
            ),
            None => "the first one came after it".to_owned(),
        };
        format!(
            "No list of a server was recorded in this window, {when}: whether one changed is not known."
        )
    }

    /// The servers whose lists nobody has seen in the window, and what follows from that.
    fn unknown(&self, mut called: BTreeSet<String>) -> Option<String> {
        called.retain(|proxy| !self.in_window.contains(proxy));
        // A window without a call and without a list is as little known as one with calls.
        let nothing_seen = self.in_window.is_empty();
        if called.is_empty() && !nothing_seen {
            return None;
        }
        let whose = match called.len() {
            0 => "a server".to_owned(),
            1..=MAX_NAMES => called.into_iter().collect::<Vec<_>>().join(", "),
            many => format!("{many} of the proxies"),
        };
        // Where there is none at all, "in this window" would let one look for it elsewhere.
        let when = if self.ever.is_empty() {
            ""
        } else {
            " in this window"
        };
        Some(format!(
            "no list of {whose} was recorded{when}: what was changed in it is not known"
        ))
    }
}

/// Most proxies that are named one by one.
const MAX_NAMES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str, first_seen_at: i64, last_seen_at: i64) -> SurfaceRow {
        SurfaceRow {
            proxy: "files".to_owned(),
            method: method.to_owned(),
            version: 1,
            sha256: String::new(),
            payload: String::new(),
            first_seen_at,
            last_seen_at,
            seq: 1,
            session_id: None,
            client_name: None,
            upstream: None,
            announced: false,
            protocol: None,
            peculiar: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// What is stated of changes, and what is not known, in a window from 100 to 200.
    fn words(rows: &[SurfaceRow], called: &[&str]) -> (String, Option<String>) {
        let mut shown = Shown::default();
        for row in rows {
            shown.add(row, 100, 200);
        }
        let called = called.iter().map(|&name| name.to_owned()).collect();
        (shown.unchanged(), shown.unknown(called))
    }

    #[test]
    fn a_store_without_a_list_is_not_reported_as_one_without_changes() {
        // What a server says of itself is no list of what it offers.
        for rows in [&[][..], &[row("initialize", 120, 150)]] {
            for called in [&[][..], &["files"]] {
                let (unchanged, unknown) = words(rows, called);
                assert!(
                    unchanged.starts_with("No list of a server was recorded:"),
                    "{unchanged}"
                );
                let unknown = unknown.expect("that is not known");
                assert!(unknown.starts_with("no list of "), "{unknown}");
            }
        }
    }

    #[test]
    fn lists_outside_the_window_say_nothing_of_it() {
        let (unchanged, unknown) = words(&[row("tools/list", 10, 50)], &["files"]);
        assert!(
            unchanged.contains("in this window, the last one before it was seen at 1970"),
            "{unchanged}"
        );
        let unknown = unknown.expect("that is not known");
        assert!(
            unknown.starts_with("no list of files was recorded in this window"),
            "{unknown}"
        );
        let (unchanged, _) = words(&[row("tools/list", 300, 300)], &[]);
        assert!(
            unchanged.contains("the first one came after it"),
            "{unchanged}"
        );
    }

    #[test]
    fn only_lists_that_were_seen_are_reported_as_unchanged() {
        let seen = [row("tools/list", 10, 150)];
        let (unchanged, unknown) = words(&seen, &["files"]);
        assert_eq!(unchanged, "The servers showed what they had shown before.");
        assert_eq!(unknown, None);
        let (_, unknown) = words(&seen, &["files", "weather"]);
        let unknown = unknown.expect("one was not seen");
        assert!(
            unknown.starts_with("no list of weather was recorded in this window"),
            "{unknown}"
        );
    }
}
