//! Request filter arguments: the conditions that `logs` and `slow` share.

use super::args::{View, client_pattern, patterns};
use super::empty::SoughtName;
use super::find::{find_session, say_no_session};
use super::search_args::SearchArgs;
use super::values::{self, AskedStatus, KindChoice};
use super::{Refused, complete};
use crate::console::Console;
use clap_complete::ArgValueCompleter;
use mcpr_model::{ErrorKind, Status, TraceId};
use mcpr_store::Reader;
use mcpr_store::query::{Filter, NameKind};

/// Conditions on requests, as they were typed.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RequestFilterArgs {
    /// Show tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    pub(super) tool: Vec<String>,
    /// Show methods that match GLOB (repeatable; commas separate)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    pub(super) method: Vec<String>,
    /// Show one session: any unambiguous prefix of its id, or `latest`, the one used last
    #[arg(short = 'S', long, value_name = "ID", add = ArgValueCompleter::new(complete::sessions))]
    pub(super) session: Option<String>,
    /// Show clients whose name matches GLOB, ignoring case (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    pub(super) client: Vec<String>,
    /// Show this status (repeatable; commas separate)
    #[arg(long, value_parser = values::status(), value_name = "STATUS", value_delimiter = ',')]
    pub(super) status: Vec<AskedStatus>,
    /// Show errors of this layer (repeatable; commas separate)
    #[arg(long, value_parser = values::error_kind(), value_name = "KIND", value_delimiter = ',')]
    pub(super) error_kind: Vec<ErrorKind>,
    /// Show errors with this JSON-RPC code or HTTP status
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    pub(super) error_code: Option<String>,
    #[command(flatten)]
    pub(super) search: SearchArgs,
    /// Show requests that are part of the trace with this id: 32 hexadecimal digits, or a whole `traceparent`
    #[arg(long, value_name = "ID", value_parser = values::trace_id)]
    pub(super) trace: Option<TraceId>,
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
            client: client_pattern(&self.client)?,
            statuses: self.ended_statuses(),
            error_kinds: self.error_kind.clone(),
            error_code: self.error_code.clone(),
            grep: self.search.search()?,
            trace_id: self.trace,
            has_trace: false,
            is_part: false,
            min_latency_us: None,
        })
    }

    /// The statuses of requests that have ended which are asked for.
    fn ended_statuses(&self) -> Vec<Status> {
        // The store filters by these alone: what is in flight is no row of it.
        let ended = self.status.iter().filter_map(|status| match status {
            AskedStatus::Ended(status) => Some(*status),
            AskedStatus::Pending => None,
        });
        ended.collect()
    }

    /// Whether requests in flight are asked for by their status.
    pub(super) fn wants_pending(&self) -> bool {
        self.status.contains(&AskedStatus::Pending)
    }

    /// Whether nothing but requests in flight is asked for.
    pub(super) fn wants_only_pending(&self) -> bool {
        self.wants_pending() && self.ended_statuses().is_empty()
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
        let found = find_session(reader, id, view.proxy.as_ref(), view.zone)?;
        Ok(found.map(|session| Filter {
            session: Some(session.key()),
            ..filter.clone()
        }))
    }

    /// Tells that there is no such session as was named; to a program, too, which gets no other word of it.
    pub(super) fn say_no_session(&self, view: &View, console: &mut Console) {
        let id = self.session.as_deref().unwrap_or_default();
        say_no_session(id, view, console);
    }

    /// The names and globs that were typed.
    pub(super) fn names(&self) -> Vec<SoughtName> {
        let tools = SoughtName::each(NameKind::Tool, &self.tool);
        let methods = SoughtName::each(NameKind::Method, &self.method);
        let clients = SoughtName::each(NameKind::Client, &self.client);
        tools.chain(methods).chain(clients).collect()
    }

    /// The conditions in words.
    pub(super) fn words(&self) -> Vec<String> {
        let quoted = |name: &str, value: &str| format!("{name} `{value}`");
        let mut words = Vec::new();
        words.extend(self.method.iter().map(|glob| quoted("method", glob)));
        words.extend(self.tool.iter().map(|glob| quoted("tool", glob)));
        words.extend(self.session.iter().map(|id| quoted("session", id)));
        words.extend(self.client.iter().map(|glob| quoted("client", glob)));
        words.extend(
            self.status
                .iter()
                .map(|status| quoted("status", status.as_str())),
        );
        words.extend(
            self.error_kind
                .iter()
                .map(|kind| quoted("error kind", kind.as_str())),
        );
        words.extend(
            self.error_code
                .iter()
                .map(|code| quoted("error code", code)),
        );
        words.extend(self.search.words());
        words.extend(self.trace.map(|id| quoted("trace", &id.to_string())));
        words.extend(self.kind.kind().map(|kind| quoted("kind", kind.as_str())));
        words
    }
}
