//! `schema`: what servers showed, version by version, and what each version brought.

use std::collections::BTreeSet;

/// One version of one list (or of the server itself) of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurfaceRow {
    /// The proxy.
    pub proxy: String,
    /// The method that lists it.
    pub method: String,
    /// Its number, from 1.
    pub version: i64,
    /// SHA-256 of its canonical form.
    pub sha256: String,
    /// The raw JSON of the whole list, as an answer without further pages holds it; empty in a page without
    /// texts.
    pub payload: String,
    /// When it was first seen, unix milliseconds.
    pub first_seen_at: i64,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
    /// The position in the store behind which it was first seen.
    pub seq: i64,
    /// The session in which it was first seen, where the stream stated one.
    pub session_id: Option<String>,
    /// The client that saw it first, where the event stated one.
    pub client_name: Option<String>,
    /// The server's address, where a stream reported it.
    pub upstream: Option<String>,
    /// Whether the server had announced a change since the version before was last seen.
    pub announced: bool,
    /// The protocol version that was negotiated when it was last seen; of `initialize` only.
    pub protocol: Option<String>,
    /// What is peculiar about it: doubled names, keys that stand twice.
    pub peculiar: Vec<String>,
    /// What it brought, with the item's key.
    pub changes: Vec<(String, Option<String>)>,
}

/// An item seen on its own, of a list that was never seen whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoneItem {
    /// The proxy.
    pub proxy: String,
    /// The method that would list it.
    pub method: String,
    /// Its name, URI or URI template.
    pub item: String,
    /// Its raw JSON; empty in a page without texts.
    pub payload: String,
    /// When it was first seen, unix milliseconds.
    pub first_seen_at: i64,
    /// When it was last seen, unix milliseconds.
    pub last_seen_at: i64,
}

/// Which list of which proxy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListKey {
    /// The proxy.
    pub proxy: String,
    /// The method that lists it.
    pub method: String,
}

/// Some lists, in the order of proxy and method, with everything that is known of each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SurfacePage {
    /// Only those of this proxy.
    pub proxy: Option<String>,
    /// Only those after this one.
    pub after: Option<ListKey>,
    /// Most lists.
    pub limit: usize,
    /// Whether the texts of versions and items come along: one list may have a thousand long ones.
    pub with_texts: bool,
}

impl SurfacePage {
    /// Most lists that are fetched at once: each may have as many versions as are kept of one.
    pub const MAX_LIMIT: usize = 16;

    /// The first lists, of one proxy or of all.
    #[must_use]
    pub fn of(proxy: Option<&str>) -> Self {
        Self {
            proxy: proxy.map(str::to_owned),
            after: None,
            limit: Self::MAX_LIMIT,
            with_texts: true,
        }
    }

    /// The first lists, of one proxy or of all, with everything but their texts.
    #[must_use]
    pub fn without_texts(proxy: Option<&str>) -> Self {
        Self {
            with_texts: false,
            ..Self::of(proxy)
        }
    }

    /// The lists of this page among these, which stand in any order.
    #[must_use]
    pub fn lists(&self, all: impl IntoIterator<Item = ListKey>) -> BTreeSet<ListKey> {
        let all = all.into_iter();
        let all: BTreeSet<ListKey> = all.filter(|list| self.holds(list)).collect();
        let limit = self.limit.min(Self::MAX_LIMIT);
        all.into_iter().take(limit).collect()
    }

    /// Whether a list lies in the bounds of the page.
    #[must_use]
    pub fn holds(&self, list: &ListKey) -> bool {
        self.proxy.as_ref().is_none_or(|proxy| *proxy == list.proxy)
            && self.after.as_ref().is_none_or(|after| list > after)
    }
}

/// What is known of surfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surfaces {
    /// Versions by proxy, method and number.
    pub versions: Vec<SurfaceRow>,
    /// Items of lists without a version, by proxy, method and key.
    pub items: Vec<LoneItem>,
    /// Lists without a version of which pages wait for the rest, by proxy and method.
    pub begun: Vec<ListKey>,
}

/// Of the versions of one list, the one that was in force at a time: the one that had been seen last by
/// then. Not always the one with the highest number, for a list can flap between two.
pub fn in_force<'a>(
    versions: impl IntoIterator<Item = &'a SurfaceRow>,
    at: i64,
) -> Option<&'a SurfaceRow> {
    let versions = versions.into_iter();
    versions
        .filter(|row| row.first_seen_at <= at)
        .max_by_key(|row| (row.last_seen_at.min(at), row.version))
}

/// How much of a list was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Captured {
    /// All of it, at least once.
    Complete,
    /// Some of its items or pages.
    Partial,
    /// Nothing.
    Unknown,
}

impl Captured {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
        }
    }
}

impl Surfaces {
    /// The lists of which anything is known, by proxy and method.
    #[must_use]
    pub fn lists(&self) -> BTreeSet<ListKey> {
        let versions = self.versions.iter().map(|row| (&row.proxy, &row.method));
        let items = self.items.iter().map(|item| (&item.proxy, &item.method));
        let begun = self.begun.iter().map(|list| (&list.proxy, &list.method));
        let key = |(proxy, method): (&String, &String)| ListKey {
            proxy: proxy.clone(),
            method: method.clone(),
        };
        versions.chain(items).chain(begun).map(key).collect()
    }

    /// Of these, those that a page is of.
    #[must_use]
    pub fn on(mut self, page: &SurfacePage) -> Self {
        let lists = page.lists(self.lists());
        let is_on = |proxy: &str, method: &str| {
            lists
                .iter()
                .any(|list| list.proxy == proxy && list.method == method)
        };
        self.versions.retain(|row| is_on(&row.proxy, &row.method));
        self.items.retain(|item| is_on(&item.proxy, &item.method));
        self.begun.retain(|list| lists.contains(list));
        if !page.with_texts {
            let versions = self.versions.iter_mut().map(|row| &mut row.payload);
            let items = self.items.iter_mut().map(|item| &mut item.payload);
            versions.chain(items).for_each(|text| *text = String::new());
        }
        self
    }

    /// Takes in what another page holds, which comes after all that is here.
    pub fn append(&mut self, mut next: Self) {
        self.versions.append(&mut next.versions);
        self.items.append(&mut next.items);
        self.begun.append(&mut next.begun);
    }

    /// The first proxy in alphabetical order of which anything is known.
    #[must_use]
    pub fn first_proxy(&self) -> Option<String> {
        self.proxies().first().map(|&proxy| proxy.to_owned())
    }

    /// Takes away and gives what is known of one proxy.
    #[must_use]
    pub fn take_proxy(&mut self, proxy: &str) -> Self {
        Self {
            versions: self
                .versions
                .extract_if(.., |row| row.proxy == proxy)
                .collect(),
            items: self
                .items
                .extract_if(.., |item| item.proxy == proxy)
                .collect(),
            begun: self
                .begun
                .extract_if(.., |list| list.proxy == proxy)
                .collect(),
        }
    }

    /// The proxies of which anything is known, in alphabetical order.
    #[must_use]
    pub fn proxies(&self) -> BTreeSet<&str> {
        let versions = self.versions.iter().map(|row| row.proxy.as_str());
        let items = self.items.iter().map(|item| item.proxy.as_str());
        let begun = self.begun.iter().map(|list| list.proxy.as_str());
        versions.chain(items).chain(begun).collect()
    }

    /// The versions of one list, oldest first.
    #[must_use]
    pub fn versions_of(&self, proxy: &str, method: &str) -> Vec<&SurfaceRow> {
        let rows = self.versions.iter();
        rows.filter(|row| row.proxy == proxy && row.method == method)
            .collect()
    }

    /// The version of a list with a number.
    #[must_use]
    pub fn version_of(&self, proxy: &str, method: &str, version: i64) -> Option<&SurfaceRow> {
        let mut rows = self.versions.iter();
        rows.find(|row| row.proxy == proxy && row.method == method && row.version == version)
    }

    /// The version of a list that was in force at a time.
    #[must_use]
    pub fn in_force(&self, proxy: &str, method: &str, at: i64) -> Option<&SurfaceRow> {
        in_force(self.versions_of(proxy, method), at)
    }

    /// How much of a list was seen until a time.
    #[must_use]
    pub fn captured(&self, proxy: &str, method: &str, at: i64) -> Captured {
        if self.in_force(proxy, method, at).is_some() {
            return Captured::Complete;
        }
        let item = |item: &LoneItem| {
            item.proxy == proxy && item.method == method && item.first_seen_at <= at
        };
        let begun = |list: &ListKey| list.proxy == proxy && list.method == method;
        if self.items.iter().any(item) || self.begun.iter().any(begun) {
            return Captured::Partial;
        }
        Captured::Unknown
    }
}

/// One list of a proxy as a command shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListRow {
    /// The proxy.
    pub proxy: String,
    /// The method that lists it.
    pub method: String,
    /// How much of it was seen.
    pub captured: Captured,
    /// The version that was meant; what follows from it is `None` where there is none.
    pub shown: Option<SurfaceRow>,
    /// How many items it holds; none for the server itself.
    pub items: Option<i64>,
    /// The server's name, as it was reported by that time.
    pub server_name: Option<String>,
    /// The server's version.
    pub server_version: Option<String>,
    /// The protocol version that was negotiated.
    pub protocol_version: Option<String>,
    /// What is known of it as JSON: the version's payload, or the items that were seen alone.
    pub payload: Option<String>,
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// Its name, URI or URI template.
    pub item: String,
    /// The first line of its description.
    pub description: Option<String>,
}

/// One thing that a version brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// When the version was first seen, unix milliseconds.
    pub ts: i64,
    /// The proxy.
    pub proxy: String,
    /// The method that lists it.
    pub method: String,
    /// The version.
    pub version: i64,
    /// `initial`, `updated`, or what happened to which sort of item: `tool_added`.
    pub change: String,
    /// The item's key; none of `initial` and `updated`.
    pub item: Option<String>,
    /// The worst that a comparison finds about it, for callers; none of `initial`.
    pub compatibility: Option<&'static str>,
    /// The worst that a comparison finds about it, for trust.
    pub security: Option<&'static str>,
    /// The session in which it was first seen.
    pub session_id: Option<String>,
    /// The client that saw it first.
    pub client_name: Option<String>,
    /// Whether the server had announced a change.
    pub announced: bool,
    /// Whether this very list was shown before, to somebody else, with another one in between.
    pub equivocation: bool,
}

/// A tool of the newest list, and the calls of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedRow {
    /// The proxy.
    pub proxy: String,
    /// The tool.
    pub tool: String,
    /// Calls in the window.
    pub calls: i64,
    /// Errors among them.
    pub errors: i64,
    /// When it was last called at all, unix milliseconds; `None`: never.
    pub last_called_at: Option<i64>,
    /// Length of its definition as compact JSON, without `_meta`.
    pub definition_bytes: i64,
}
