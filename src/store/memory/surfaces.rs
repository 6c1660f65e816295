//! What servers show, in memory: the same steps as in every backend, on plain maps.

use crate::model::{Said, SurfaceNews};
use crate::query::{BegunList, LoneItem, SurfaceRow, Surfaces};
use crate::schema::capture::{
    Chain, Latest, MAX_PENDING_MS, Pending, Seen, chain_of, kind_of, negotiated, step,
};
use std::collections::{BTreeMap, BTreeSet};

/// Proxy and method.
type List = (String, String);

/// Everything that was said of surfaces so far.
#[derive(Debug, Default)]
pub(super) struct Shown {
    versions: BTreeMap<List, Vec<SurfaceRow>>,
    /// By list, then by session or client.
    pending: BTreeMap<(List, String), (Pending, i64)>,
    announced: BTreeMap<List, i64>,
    items: BTreeMap<(List, String), LoneItem>,
}

impl Shown {
    /// Takes in one statement; `last_seq` is the position behind which it was made.
    pub(super) fn take(&mut self, news: &SurfaceNews, last_seq: i64) {
        let list = (news.proxy.to_string(), news.method.to_string());
        match &news.said {
            Said::ListChanged => {
                let at = self.announced.entry(list).or_insert(news.ts);
                *at = news.ts.max(*at);
            }
            Said::Item { item } => self.lone_item(list, news, item),
            Said::Page { .. } | Said::Whole { .. } => self.listed(list, news, last_seq),
        }
    }

    fn lone_item(&mut self, list: List, news: &SurfaceNews, payload: &str) {
        let key = kind_of(&news.method).and_then(|kind| {
            let item: serde_json::Value = serde_json::from_str(payload).ok()?;
            item.get(kind.key_member())?.as_str().map(str::to_owned)
        });
        let Some(item) = key.filter(|_| !self.versions.contains_key(&list)) else {
            return;
        };
        let (proxy, method) = list.clone();
        let known = self
            .items
            .entry((list, item.clone()))
            .or_insert_with(|| LoneItem {
                proxy,
                method,
                item,
                payload: payload.to_owned(),
                first_seen_at: news.ts,
                last_seen_at: news.ts,
            });
        if news.ts >= known.last_seen_at {
            payload.clone_into(&mut known.payload);
        }
        known.first_seen_at = known.first_seen_at.min(news.ts);
        known.last_seen_at = known.last_seen_at.max(news.ts);
    }

    fn listed(&mut self, list: List, news: &SurfaceNews, last_seq: i64) {
        let chain = chain_of(news);
        let versions = self.versions.get(&list);
        let latest = versions
            .and_then(|versions| versions.last())
            .map(|row| Latest {
                version: row.version,
                sha256: row.sha256.clone(),
                payload: row.payload.clone(),
                last_seen_at: row.last_seen_at,
            });
        let place = (list.clone(), chain);
        let (pages, seen) = step(
            news,
            self.pending.get(&place).map(|(pending, _)| pending),
            latest.as_ref(),
        );
        match pages {
            Chain::Keep => {}
            Chain::Wait(pending) => {
                self.pending.insert(place, (pending, news.ts));
                let oldest = news.ts.saturating_sub(MAX_PENDING_MS);
                self.pending.retain(|_, (_, ts)| *ts >= oldest);
            }
            Chain::Clear => {
                self.pending.remove(&place);
            }
        }
        let announced = self.announced.get(&list).copied();
        let versions = match seen {
            Seen::Nothing => return,
            _ => self.versions.entry(list).or_default(),
        };
        match seen {
            Seen::New(new) => versions.push(SurfaceRow {
                proxy: news.proxy.to_string(),
                method: news.method.to_string(),
                version: new.version,
                sha256: new.sha256,
                payload: new.payload,
                first_seen_at: news.ts,
                last_seen_at: news.ts,
                seq: last_seq,
                session_id: news.session_id.as_deref().map(str::to_owned),
                client_name: news.client_name.as_deref().map(str::to_owned),
                upstream: match &news.said {
                    Said::Whole { upstream, .. } => upstream.as_deref().map(str::to_owned),
                    _ => None,
                },
                announced: latest.is_some_and(|latest| {
                    announced.is_some_and(|at| (latest.last_seen_at..=news.ts).contains(&at))
                }),
                protocol: negotiated(news),
                peculiar: new.peculiar,
                changes: new.changes,
            }),
            _ => {
                if let Some(row) = versions.last_mut() {
                    row.last_seen_at = row.last_seen_at.max(news.ts);
                    row.protocol = negotiated(news);
                }
            }
        }
    }

    /// Every version and every item seen on its own.
    pub(super) fn surfaces(&self) -> Surfaces {
        Surfaces {
            versions: self.versions.values().flatten().cloned().collect(),
            items: self
                .items
                .iter()
                .filter(|((list, _), _)| !self.versions.contains_key(list))
                .map(|(_, item)| item.clone())
                .collect(),
            begun: self.begun(),
        }
    }

    fn begun(&self) -> Vec<BegunList> {
        let lists = self.pending.keys().map(|(list, _)| list);
        let begun: BTreeSet<BegunList> = lists
            .filter(|list| !self.versions.contains_key(list))
            .map(|(proxy, method)| BegunList {
                proxy: proxy.clone(),
                method: method.clone(),
            })
            .collect();
        begun.into_iter().collect()
    }
}
