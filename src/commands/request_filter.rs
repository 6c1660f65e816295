//! Request filter arguments: the conditions that `logs` and `slow` share.

use super::args::{View, client_pattern, patterns};
use super::find::find_session;
use super::values::{self, KindChoice};
use super::{Refused, complete};
use clap_complete::ArgValueCompleter;
use mcpr_model::{ErrorKind, Status};
use mcpr_store::Reader;
use mcpr_store::query::Filter;

/// Conditions on requests, as they were typed.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RequestFilterArgs {
    /// Show tools that match GLOB (repeatable)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    pub(super) tool: Vec<String>,
    /// Show methods that match GLOB (repeatable)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    pub(super) method: Vec<String>,
    /// Show one session, by any unambiguous prefix of its id
    #[arg(long, value_name = "ID", add = ArgValueCompleter::new(complete::sessions))]
    pub(super) session: Option<String>,
    /// Show clients whose name matches GLOB, ignoring case
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    pub(super) client: Option<String>,
    /// Show one status
    #[arg(long, value_parser = values::status(), value_name = "STATUS")]
    pub(super) status: Option<Status>,
    /// Show errors of one layer
    #[arg(long, value_parser = values::error_kind(), value_name = "KIND")]
    pub(super) error_kind: Option<ErrorKind>,
    /// Show errors with this JSON-RPC code or HTTP status
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    pub(super) error_code: Option<String>,
    /// Show requests that mention TEXT, ignoring case
    #[arg(long, value_name = "TEXT")]
    pub(super) grep: Option<String>,
    /// Show this kind of traffic
    #[arg(long, value_enum, value_name = "KIND", default_value = "mcp")]
    pub(super) kind: KindChoice,
}

impl RequestFilterArgs {
    /// The conditions that can be told without a look into the store.
    pub(super) fn filter(&self, view: &View) -> Result<Filter, Refused> {
        Ok(Filter {
            proxy: view.proxy.clone(),
            since: view.since,
            until: view.until,
            kind: self.kind.kind(),
            methods: patterns("--method", &self.method)?,
            tools: patterns("--tool", &self.tool)?,
            session: None,
            client: client_pattern(self.client.as_deref())?,
            status: self.status,
            error_kind: self.error_kind,
            error_code: self.error_code.clone(),
            grep: self.grep.clone(),
            min_latency_us: None,
        })
    }

    /// The filter with the session that is meant; `None` where there is no such session.
    pub(super) fn with_session(
        &self,
        filter: &Filter,
        reader: &dyn Reader,
        view: &View,
    ) -> anyhow::Result<Option<Filter>> {
        let Some(id) = &self.session else {
            return Ok(Some(filter.clone()));
        };
        let found = find_session(reader, id, view.proxy.as_deref(), view.zone)?;
        Ok(found.map(|session| Filter {
            session: Some(session.key()),
            ..filter.clone()
        }))
    }

    /// The conditions in words.
    pub(super) fn words(&self) -> Vec<String> {
        let quoted = |name: &str, value: &str| format!("{name} `{value}`");
        let mut words = Vec::new();
        words.extend(self.method.iter().map(|glob| quoted("method", glob)));
        words.extend(self.tool.iter().map(|glob| quoted("tool", glob)));
        words.extend(self.session.iter().map(|id| quoted("session", id)));
        words.extend(self.client.iter().map(|glob| quoted("client", glob)));
        words.extend(self.status.map(|status| quoted("status", status.as_str())));
        words.extend(
            self.error_kind
                .map(|kind| quoted("error kind", kind.as_str())),
        );
        words.extend(
            self.error_code
                .iter()
                .map(|code| quoted("error code", code)),
        );
        words.extend(self.grep.iter().map(|text| quoted("text", text)));
        words.extend(self.kind.kind().map(|kind| quoted("kind", kind.as_str())));
        words
    }
}
