//! Request filter arguments: the conditions that `logs` and `slow` share.

use super::args::{View, client_pattern, patterns};
use super::empty::SoughtName;
use super::find::{find_session, say_no_session};
use super::search_args::SearchArgs;
use super::values::{self, AskedStatus, KindChoice};
use super::{Refused, complete};
use crate::console::Console;
use clap_complete::ArgValueCompleter;
use mcpr_model::{ErrorKind, TraceId};
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
    /// The conditions that can be resolved without a look into the store.
    pub(super) fn filter(&self, view: &View) -> Result<Filter, Refused> {
        Ok(Filter {
            proxy: view.proxy.clone(),
            since: view.since,
            until: view.until,
            ..self.conditions()?
        })
    }

    /// The same without proxy and time, which are arguments of others.
    pub(super) fn conditions(&self) -> Result<Filter, Refused> {
        Ok(Filter {
            proxy: None,
            since: None,
            until: None,
            kind: self.kind.kind(),
            methods: patterns("--method", &self.method)?,
            tools: patterns("--tool", &self.tool)?,
            session: None,
            client: client_pattern(&self.client)?,
            statuses: AskedStatus::ended(&self.status),
            error_kinds: self.error_kind.clone(),
            error_code: self.error_code.clone(),
            grep: self.search.search()?,
            trace_id: self.trace,
            has_trace: false,
            is_part: false,
            without_polls: false,
            min_latency_us: None,
        })
    }

    /// Whether requests in flight are asked for by their status.
    pub(super) fn wants_pending(&self) -> bool {
        self.status.contains(&AskedStatus::Pending)
    }

    /// Whether nothing but requests in flight is asked for.
    pub(super) fn wants_only_pending(&self) -> bool {
        AskedStatus::is_only_pending(&self.status)
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

    /// Reports that there is no such session as was named; to a program, too, which gets no other word of it.
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

    /// The conditions, a name and a value each: those that were typed.
    pub(super) fn named_words(&self) -> Vec<(&'static str, String)> {
        let mut words = Vec::new();
        let mut add = |name, values: &mut dyn Iterator<Item = String>| {
            words.extend(values.map(|value| (name, value)));
        };
        add("method", &mut self.method.iter().cloned());
        add("tool", &mut self.tool.iter().cloned());
        add("session", &mut self.session.iter().cloned());
        add("client", &mut self.client.iter().cloned());
        add(
            "status",
            &mut self.status.iter().map(|it| it.as_str().to_owned()),
        );
        add(
            "error kind",
            &mut self.error_kind.iter().map(|it| it.as_str().to_owned()),
        );
        add("error code", &mut self.error_code.iter().cloned());
        add(
            "grep",
            &mut self.search.text().map(str::to_owned).into_iter(),
        );
        add("trace", &mut self.trace.iter().map(ToString::to_string));
        words
    }

    /// The conditions in words, what holds without being typed among them.
    pub(super) fn words(&self) -> Vec<String> {
        let quoted = |name: &str, value: &str| format!("{name} `{value}`");
        let named = self.named_words().into_iter();
        // How a text is searched for is reported there as well.
        let mut words: Vec<String> = named
            .filter(|(name, _)| *name != "grep")
            .map(|(name, value)| quoted(name, &value))
            .collect();
        words.extend(self.search.words());
        words.extend(self.kind.kind().map(|kind| quoted("kind", kind.as_str())));
        words
    }
}
