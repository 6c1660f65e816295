//! The names that were ever recorded, for completion.

use super::{RollupRow, SessionRow};
use crate::model::{Target, TargetKind};
use std::collections::BTreeSet;

/// Names in alphabetical order, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Proxies.
    pub proxies: BTreeSet<String>,
    /// MCP methods and HTTP verbs.
    pub methods: BTreeSet<String>,
    /// Tools.
    pub tools: BTreeSet<String>,
    /// Clients.
    pub clients: BTreeSet<String>,
}

impl Names {
    /// The names in hourly sums and sessions.
    #[must_use]
    pub fn of(hours: &[RollupRow], sessions: &[SessionRow]) -> Self {
        let mut names = Self::default();
        for row in hours {
            names.proxies.insert(row.key.proxy.to_string());
            names.methods.insert(row.key.method.to_string());
            if let Some(Target {
                kind: TargetKind::Tool,
                name,
            }) = &row.key.target
            {
                names.tools.insert(name.to_string());
            }
        }
        for session in sessions {
            names.proxies.insert(session.proxy.clone());
            names.clients.extend(session.client_name.clone());
        }
        names
    }
}
