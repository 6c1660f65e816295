//! What servers showed over time, read list by list: of the versions that are there only those are held that
//! are asked for, and of texts only those that are compared.

use super::overview::identity_of;
use mcpr_store::query::{SurfaceRow, Surfaces};
use mcpr_store::{Reader, StoreError, fold};
use mcpr_surface::ItemKind;
use mcpr_surface::capture::surface_of;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The lists of a store, as far as they were looked at.
pub(in crate::commands) struct History<'a> {
    reader: &'a dyn Reader,
    /// The proxies of which any list is known, in alphabetical order.
    proxies: Vec<String>,
    /// What is known of the proxy that was asked for last, without texts.
    of_proxy: Option<(String, Surfaces)>,
}

impl<'a> History<'a> {
    /// Goes through all versions and gives those that are meant, in the order in which they were first seen;
    /// only as many of the newest as bring `most` changes, where that is stated. They have no texts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(in crate::commands) fn read(
        reader: &'a dyn Reader,
        most: Option<usize>,
        is_meant: &mut dyn FnMut(&SurfaceRow) -> bool,
    ) -> Result<(Self, Vec<SurfaceRow>), StoreError> {
        let mut newest = Newest::of(most);
        let mut proxies = Vec::new();
        // Of all proxies: a tool may imitate one of another.
        fold::each_server(reader, None, &mut |proxy, lists| {
            proxies.push(proxy.to_owned());
            for row in lists.versions {
                if is_meant(&row) {
                    newest.offer(row);
                }
            }
            Ok::<_, StoreError>(())
        })?;
        let history = Self {
            reader,
            proxies,
            of_proxy: None,
        };
        Ok((history, newest.finish()))
    }

    /// The proxies of which any list is known.
    pub(super) fn proxies(&self) -> &[String] {
        &self.proxies
    }

    /// What is known of a proxy, without texts.
    pub(super) fn lists_of(&mut self, proxy: &str) -> Result<&Surfaces, StoreError> {
        let known = match self.of_proxy.take() {
            Some(known) if known.0 == proxy => known,
            // Mostly versions of one proxy are asked for one behind the other.
            _ => {
                let mut lists = Surfaces::default();
                fold::each_server(self.reader, Some(proxy), &mut |_, of_it| {
                    lists.append(of_it);
                    Ok::<_, StoreError>(())
                })?;
                (proxy.to_owned(), lists)
            }
        };
        Ok(&self.of_proxy.insert(known).1)
    }

    /// The text of a version; `None` where it was removed meanwhile.
    pub(super) fn text_of(&self, row: &SurfaceRow) -> Result<Option<String>, StoreError> {
        let found = (self.reader).surface_version(&row.proxy, &row.method, row.version)?;
        Ok(found.map(|row| row.payload))
    }

    /// The tools that other servers showed at a time.
    pub(super) fn foreign_tools(
        &self,
        proxy: &str,
        at: i64,
    ) -> Result<BTreeSet<String>, StoreError> {
        let own = self.server_info(proxy, at)?;
        let mut names = BTreeSet::new();
        for other in self.proxies.iter().filter(|other| *other != proxy) {
            // One server behind two proxies, such as staging and production, imitates nobody.
            if own.is_some() && self.server_info(other, at)? == own {
                continue;
            }
            if let Some(list) = self.reader.surface_in_force(other, "tools/list", at)? {
                names.extend(tools_of(&list));
            }
        }
        Ok(names)
    }

    /// Who the server behind a proxy stated it was, until a time.
    fn server_info(&self, proxy: &str, at: i64) -> Result<Option<Value>, StoreError> {
        let in_force = |method| self.reader.surface_in_force(proxy, method, at);
        let answers = [in_force("initialize")?, in_force("server/discover")?];
        let answer = identity_of(answers.iter().flatten());
        let answer = answer.and_then(|row| serde_json::from_str::<Value>(&row.payload).ok());
        Ok(answer.and_then(|answer| mcpr_surface::server_info(&answer).cloned()))
    }
}

/// The names of the tools of a list.
pub(super) fn tools_of(list: &SurfaceRow) -> Vec<String> {
    let surface = surface_of([list.payload.as_str()]);
    let tools = surface.lists.get(&ItemKind::Tool);
    tools.map_or_else(Vec::new, |tools| tools.items.keys().cloned().collect())
}

/// The newest versions that together bring so many changes, while all of them come by.
struct Newest {
    most: Option<usize>,
    /// How many changes the versions bring.
    changes: usize,
    /// By when each was first seen; of two of the same millisecond the order of storing decides, then that
    /// in which they came by.
    versions: BTreeMap<(i64, i64, usize), SurfaceRow>,
    offered: usize,
}

impl Newest {
    fn of(most: Option<usize>) -> Self {
        Self {
            most,
            changes: 0,
            versions: BTreeMap::new(),
            offered: 0,
        }
    }

    fn offer(&mut self, row: SurfaceRow) {
        self.offered += 1;
        self.changes += row.changes.len();
        let place = (row.first_seen_at, row.seq, self.offered);
        self.versions.insert(place, row);
        let Some(most) = self.most else { return };
        // The oldest one goes when the others bring enough without it.
        while let Some(oldest) = self.versions.first_entry() {
            let without = self.changes - oldest.get().changes.len();
            if without < most {
                return;
            }
            self.changes = without;
            oldest.remove();
        }
    }

    fn finish(self) -> Vec<SurfaceRow> {
        self.versions.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(at: i64, changes: usize) -> SurfaceRow {
        SurfaceRow {
            proxy: "p".into(),
            method: "tools/list".into(),
            version: at,
            sha256: String::new(),
            payload: String::new(),
            first_seen_at: at,
            last_seen_at: at,
            seq: 0,
            session_id: None,
            client_name: None,
            upstream: None,
            announced: false,
            protocol: None,
            peculiar: Vec::new(),
            changes: vec![("tool_added".into(), Some("t".into())); changes],
        }
    }

    #[test]
    fn of_all_versions_no_more_are_held_than_the_newest_changes_need() {
        let times = |most: Option<usize>, offered: &[(i64, usize)]| {
            let mut newest = Newest::of(most);
            for (at, changes) in offered {
                newest.offer(version(*at, *changes));
                let needed = most.unwrap_or(offered.len()).max(1);
                assert!(newest.versions.len() <= needed, "{at}");
            }
            let rows = newest.finish();
            rows.iter().map(|row| row.version).collect::<Vec<_>>()
        };
        // In the order of lists and not of time, as they come by.
        let offered: Vec<(i64, usize)> = (0..1000).map(|at| (at * 7 % 1000, 1)).collect();
        assert_eq!(times(Some(3), &offered), [997, 998, 999]);
        assert_eq!(times(None, &offered), (0..1000).collect::<Vec<_>>());
        assert_eq!(times(Some(3), &[(1, 2), (2, 2), (3, 1), (4, 1)]), [2, 3, 4]);
        assert_eq!(times(Some(1), &[(2, 9), (1, 9)]), [2]);
        assert_eq!(times(Some(0), &[(2, 9)]), [0; 0]);
    }
}
