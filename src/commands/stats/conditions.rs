//! Conditions that hourly sums do not know: where one is set, requests are counted one by one.

use crate::commands::args::{View, client_pattern};
use crate::commands::complete;
use crate::commands::empty::SoughtName;
use crate::commands::find::{find_session, say_no_session};
use crate::commands::search_args::SearchArgs;
use crate::commands::values::{self, AskedStatus, duration_us};
use crate::console::Console;
use crate::render::units;
use clap_complete::ArgValueCompleter;
use mcpr_model::ErrorKind;
use mcpr_store::query::{Filter, NameKind, StatsQuestion, StatsRow};
use mcpr_store::{Reader, StoreError, fold};

/// What is counted, beside the names that hourly sums are kept by.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct MoreConditions {
    /// Count one session: any unambiguous prefix of its id, or `latest`, the one used last
    #[arg(short = 'S', long, value_name = "ID", add = ArgValueCompleter::new(complete::sessions))]
    session: Option<String>,
    /// Count clients whose name matches GLOB, ignoring case (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    client: Vec<String>,
    /// Count requests with this status (repeatable; commas separate)
    #[arg(long, value_parser = values::ended_status(), value_name = "STATUS", value_delimiter = ',')]
    status: Vec<AskedStatus>,
    /// Count errors of this layer (repeatable; commas separate)
    #[arg(long, value_parser = values::error_kind(), value_name = "KIND", value_delimiter = ',')]
    error_kind: Vec<ErrorKind>,
    /// Count errors with this JSON-RPC code or HTTP status
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    error_code: Option<String>,
    /// Count requests that took at least DURATION: 500ms, 2s
    #[arg(long, value_name = "DURATION", value_parser = duration_us)]
    min_latency: Option<i64>,
    #[command(flatten)]
    search: SearchArgs,
}

impl MoreConditions {
    /// The filter with these conditions; `None` where there is no such session.
    pub(super) fn added_to(
        &self,
        filter: Filter,
        reader: &dyn Reader,
        view: &View,
    ) -> anyhow::Result<Option<Filter>> {
        let filter = Filter {
            client: client_pattern(&self.client)?,
            statuses: AskedStatus::ended(&self.status),
            error_kinds: self.error_kind.clone(),
            error_code: self.error_code.clone(),
            min_latency_us: self.min_latency,
            grep: self.search.search()?,
            ..filter
        };
        let Some(id) = &self.session else {
            return Ok(Some(filter));
        };
        let found = find_session(reader, id, view.proxy.as_ref(), view.zone)?;
        Ok(found.map(|session| Filter {
            session: Some(session.key()),
            ..filter
        }))
    }

    /// Says that the session that was named is not there.
    pub(super) fn say_no_session(&self, view: &View, console: &mut Console) {
        say_no_session(self.session.as_deref().unwrap_or_default(), view, console);
    }

    /// The clients that were named.
    pub(super) fn names(&self) -> impl Iterator<Item = SoughtName> {
        SoughtName::each(NameKind::Client, &self.client)
    }

    /// Whether a payload may have what was searched for, and was not searched.
    pub(super) fn leaves_out_bodies(&self) -> bool {
        self.search.leaves_out_bodies()
    }

    /// The conditions in words.
    pub(super) fn words(&self) -> Vec<String> {
        let session = self.session.iter().map(|id| format!("session `{id}`"));
        let clients = self.client.iter().map(|glob| format!("client `{glob}`"));
        let statuses = self.status.iter();
        let statuses = statuses.map(|status| format!("status `{}`", status.as_str()));
        let kinds = self.error_kind.iter();
        let kinds = kinds.map(|kind| format!("error kind `{}`", kind.as_str()));
        let code = self.error_code.iter();
        let code = code.map(|code| format!("error code `{code}`"));
        let latency = self.min_latency.iter();
        let latency = latency.map(|&us| format!("latency from {}", units::latency(us)));
        let words = session.chain(clients).chain(statuses).chain(kinds);
        let words = words.chain(code).chain(latency);
        words.chain(self.search.words()).collect()
    }
}

/// The sums: from those of whole hours, unless something is asked that they do not know.
pub(super) fn sums(
    reader: &dyn Reader,
    question: &StatsQuestion,
) -> Result<Vec<StatsRow>, StoreError> {
    let filter = &question.filter;
    let is_by_request = filter.session.is_some()
        || filter.client.is_some()
        || !filter.statuses.is_empty()
        || !filter.error_kinds.is_empty()
        || filter.error_code.is_some()
        || filter.min_latency_us.is_some()
        || filter.grep.is_some();
    if is_by_request {
        fold::stats_of_requests(reader, question)
    } else {
        reader.stats(question)
    }
}
