//! The names that were ever recorded, for completion.

use super::{RollupKey, SessionRow};
use mcpr_model::{Target, TargetKind};
use std::collections::BTreeSet;

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// Proxies.
    Proxy,
    /// MCP methods and HTTP verbs.
    Method,
    /// Tools.
    Tool,
    /// Clients.
    Client,
}

impl NameKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Proxy, Self::Method, Self::Tool, Self::Client];
}

/// Keeps the first names of a kind that begin with a text: in the order of their bytes, each once.
#[derive(Debug)]
pub struct NameFold<'a> {
    kind: NameKind,
    prefix: &'a str,
    limit: usize,
    names: BTreeSet<String>,
}

impl<'a> NameFold<'a> {
    /// Keeps at most `limit`.
    #[must_use]
    pub fn new(kind: NameKind, prefix: &'a str, limit: usize) -> Self {
        Self {
            kind,
            prefix,
            limit,
            names: BTreeSet::new(),
        }
    }

    /// The names in the key of an hourly sum.
    pub fn add_rollup(&mut self, key: &RollupKey) {
        match (self.kind, &key.target) {
            (NameKind::Proxy, _) => self.add(&key.proxy),
            (NameKind::Method, _) => self.add(&key.method),
            (NameKind::Tool, Some(Target { kind, name })) if *kind == TargetKind::Tool => {
                self.add(name);
            }
            (NameKind::Tool | NameKind::Client, _) => {}
        }
    }

    /// The names in a session.
    pub fn add_session(&mut self, row: &SessionRow) {
        match self.kind {
            NameKind::Proxy => self.add(&row.proxy),
            NameKind::Client => {
                if let Some(name) = &row.client_name {
                    self.add(name);
                }
            }
            NameKind::Method | NameKind::Tool => {}
        }
    }

    fn add(&mut self, name: &str) {
        if !name.starts_with(self.prefix) || self.names.contains(name) {
            return;
        }
        self.names.insert(name.to_owned());
        if self.names.len() > self.limit {
            self.names.pop_last();
        }
    }

    /// What was kept, in order.
    #[must_use]
    pub fn finish(self) -> Vec<String> {
        self.names.into_iter().collect()
    }
}
