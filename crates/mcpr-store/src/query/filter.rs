//! Which requests are asked for, and what each condition means.

use super::{GapRow, Pattern, RequestRow, Search};
use mcpr_model::{ErrorKind, Kind, Payload, ServerRun, Status, TraceId, is_poll};

/// The one session that is meant: ids are unique within a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// The proxy it belongs to.
    pub proxy: String,
    /// Its id as `sessions` lists it (inferred ones begin with `~`).
    pub id: String,
}

impl SessionKey {
    /// The session that a server ran for.
    #[must_use]
    pub fn of_run(run: &ServerRun) -> Self {
        Self {
            proxy: run.proxy.to_string(),
            id: run.session_id.to_string(),
        }
    }
}

/// Conditions on requests; all must hold. The default lets everything through.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Only proxies whose name matches.
    pub proxy: Option<Pattern>,
    /// Not before this time (inclusive), unix milliseconds.
    pub since: Option<i64>,
    /// Before this time (exclusive), unix milliseconds.
    pub until: Option<i64>,
    /// Only this kind of traffic; `None` is all.
    pub kind: Option<Kind>,
    /// Only methods that match one of these.
    pub methods: Vec<Pattern>,
    /// Only tools that match one of these.
    pub tools: Vec<Pattern>,
    /// Only this session.
    pub session: Option<SessionKey>,
    /// Only clients whose name matches.
    pub client: Option<Pattern>,
    /// Only one of these statuses; none is all.
    pub statuses: Vec<Status>,
    /// Only errors of one of these layers; none is all, and what is not an error.
    pub error_kinds: Vec<ErrorKind>,
    /// Only errors with exactly this code.
    pub error_code: Option<String>,
    /// Only rows that have this in one of [`Filter::grep_fields`], or in one of the bodies that it names.
    pub grep: Option<Search>,
    /// Only requests that are part of this trace.
    pub trace_id: Option<TraceId>,
    /// Only requests that are part of some trace.
    pub has_trace: bool,
    /// Only requests that are known to be one part of an operation of several.
    pub is_part: bool,
    /// No polls of tasks: they belong to the call that began the task.
    pub without_polls: bool,
    /// Only requests that took at least this long, microseconds.
    pub min_latency_us: Option<i64>,
}

impl Filter {
    /// Whether a time lies in the window.
    #[must_use]
    pub fn holds_time(&self, ts: i64) -> bool {
        self.since.is_none_or(|since| ts >= since) && self.until.is_none_or(|until| ts < until)
    }

    /// Whether calls of a proxy's method, and perhaps a tool, can be meant at all.
    #[must_use]
    pub fn takes_operation(
        &self,
        kind: Kind,
        proxy: &str,
        method: &str,
        tool: Option<&str>,
    ) -> bool {
        self.proxy
            .as_ref()
            .is_none_or(|wanted| wanted.matches(proxy))
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.takes_names(method, tool)
    }

    /// The same of its names alone, where proxy and kind were looked at.
    #[must_use]
    pub fn takes_names(&self, method: &str, tool: Option<&str>) -> bool {
        Pattern::any_matches(&self.methods, Some(method))
            && Pattern::any_matches(&self.tools, tool)
            && !(self.without_polls && is_poll(method))
    }

    /// Whether methods or tools matter.
    #[must_use]
    pub fn is_of_names(&self) -> bool {
        self.without_polls || !self.methods.is_empty() || !self.tools.is_empty()
    }

    /// The same for sums of calls: a poll counts where methods are asked for by name.
    #[must_use]
    pub fn of_calls(self) -> Self {
        Self {
            without_polls: self.methods.is_empty(),
            ..self
        }
    }

    /// Whether a request meets every condition, with its payload where that is kept. This is what each
    /// condition means.
    #[must_use]
    pub fn matches(&self, row: &RequestRow, payload: Option<&Payload>) -> bool {
        self.holds_time(row.ts)
            && self.takes_operation(row.kind, &row.proxy, &row.method, row.tool.as_deref())
            && self
                .session
                .as_ref()
                .is_none_or(|key| key.proxy == row.proxy && Some(&key.id) == row.session.as_ref())
            && self.client.as_ref().is_none_or(|client| {
                row.client_name
                    .as_deref()
                    .is_some_and(|name| client.matches(name))
            })
            // What is in flight has no status yet.
            && (self.statuses.is_empty()
                || (row.flight.is_none() && self.statuses.contains(&row.status)))
            && (self.error_kinds.is_empty()
                || row
                    .error_kind
                    .is_some_and(|kind| self.error_kinds.contains(&kind)))
            && self
                .error_code
                .as_ref()
                .is_none_or(|code| Some(code) == row.error_code.as_ref())
            && self
                .min_latency_us
                .is_none_or(|least| row.latency_us.is_some_and(|latency| latency >= least))
            && self
                .trace_id
                .is_none_or(|trace| Some(trace) == row.trace_id)
            && (!self.has_trace || row.trace_id.is_some())
            && (!self.is_part || row.part.is_some())
            && self
                .grep
                .as_ref()
                .is_none_or(|search| Self::mentions(row, payload, search))
    }

    /// Whether only requests that failed are asked for.
    #[must_use]
    pub fn is_of_failed(&self) -> bool {
        !self.error_kinds.is_empty()
            || !(self.statuses.is_empty() || self.statuses.contains(&Status::Ok))
    }

    /// Whether a gap is shown: one that overlaps the time window is, whatever else is asked.
    #[must_use]
    pub fn matches_gap(&self, gap: &GapRow) -> bool {
        // A gap belongs to no proxy and no session: what is asked for may have been lost in it.
        self.since.is_none_or(|since| gap.to_ts >= since)
            && self.until.is_none_or(|until| gap.from_ts < until)
    }

    /// Whether the end of a session's server is shown among the requests that are asked for. Where some requests of
    /// a server are asked for alone, nothing shows that its end has to do with these: those that died with it say
    /// so themselves.
    #[must_use]
    pub fn takes_server_end(&self, session: &SessionKey) -> bool {
        let is_of_failures = self.statuses.is_empty() || self.statuses.contains(&Status::Error);
        let is_of_deaths =
            self.error_kinds.is_empty() || self.error_kinds.contains(&ErrorKind::Died);
        let is_of_some_requests = !self.methods.is_empty()
            || !self.tools.is_empty()
            || self.client.is_some()
            || self.error_code.is_some()
            || self.grep.is_some()
            || self.trace_id.is_some()
            || self.min_latency_us.is_some();
        is_of_failures
            && is_of_deaths
            && !is_of_some_requests
            // A server's end stands among the messages to it.
            && self.kind.is_none_or(|kind| kind == Kind::Mcp)
            && self.proxy.as_ref().is_none_or(|it| it.matches(&session.proxy))
            && self.session.as_ref().is_none_or(|it| it == session)
    }

    /// The fields that `--grep` looks into.
    #[must_use]
    pub fn grep_fields(row: &RequestRow) -> [Option<&str>; 9] {
        [
            Some(&row.method),
            row.tool.as_deref(),
            row.resource_uri.as_deref(),
            row.prompt_name.as_deref(),
            row.client_name.as_deref(),
            row.error_code.as_deref(),
            row.error_msg.as_deref(),
            row.request_id.as_deref(),
            row.session.as_deref(),
        ]
    }

    fn mentions(row: &RequestRow, payload: Option<&Payload>, search: &Search) -> bool {
        let mut fields = Self::grep_fields(row).into_iter().flatten();
        // Each field by itself: `^` and `$` are the ends of one.
        fields.any(|field| search.is_in(field))
            || payload.is_some_and(|payload| search.is_in_bodies(payload))
    }
}
