//! Which condition of a question leaves everything out: each is left away in turn, and the store asked again.

use super::{SoughtRequests, SoughtSessions, since_flag};
use crate::commands::args::View;
use crate::commands::pages::{OrderBy, Range, each_page};
use crate::render::units;
use mcpr_model::Kind;
use mcpr_store::Reader;
use mcpr_store::query::{Filter, Order, SessionFilter, SessionPage};

/// Stores find what took so long without a look at each request.
const INDEXED_US: i64 = 100_000;

/// A question with one condition less.
struct Loosened<'a> {
    /// What was typed for the condition, or would be typed.
    flag: &'static str,
    asked: SoughtRequests<'a>,
}

impl SoughtRequests<'_> {
    /// When the newest of them was, if there is one.
    fn newest(&self, reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
        let is_indexed = self.filter.min_latency_us >= Some(INDEXED_US);
        // What is slow stands in an index, by time it is looked for among all: 3 s at 10,000,000 rows.
        if is_indexed && self.after.is_none() && reader.slowest(self.filter, 1)?.is_empty() {
            return Ok(None);
        }
        let range = Range {
            by: if self.after.is_some() {
                OrderBy::Storing
            } else {
                OrderBy::Time
            },
            after: self.after.map(|(place, _)| place),
            before: None,
            order: Order::Descending,
            most: Some(1),
        };
        let mut newest = None;
        each_page(reader, self.filter, range, &mut |fetched| {
            let requests = fetched.entries.iter().filter(|entry| entry.is_request());
            newest = newest.max(requests.map(|entry| entry.place().ts).max());
            Ok(())
        })?;
        Ok(newest)
    }

    /// The same without a beginning in time.
    /// `None` for a search, too, which is not made again over everything.
    pub(super) fn newest_at_any_time(&self, reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
        if self.filter.grep.is_some() {
            return Ok(None);
        }
        let filter = Filter {
            since: None,
            ..self.filter.clone()
        };
        let asked = SoughtRequests {
            filter: &filter,
            after: self.after,
        };
        asked.newest(reader)
    }
}

/// Which flag to leave away, or what else shows something; the newest request of all is of a time.
pub(super) fn hint(
    asked: SoughtRequests<'_>,
    what: &str,
    newest_of_all: i64,
    view: &View,
    reader: &dyn Reader,
) -> anyhow::Result<String> {
    let loosened = without_each(asked.filter, what, view);
    let without = loosened.iter().map(|(flag, filter)| Loosened {
        flag,
        asked: SoughtRequests { filter, ..asked },
    });
    let without_place = asked.after.map(|(_, flag)| Loosened {
        flag,
        asked: SoughtRequests {
            after: None,
            ..asked
        },
    });
    let mut found = Vec::new();
    for Loosened { flag, asked } in without.chain(without_place) {
        found.extend(asked.newest(reader)?.map(|newest| (flag, newest)));
    }
    if let Some(reported) = remedies(&found, view) {
        return Ok(reported);
    }
    let filter = asked.filter;
    Ok(match older_than_all(filter.since, newest_of_all, view) {
        Some(reported) => reported,
        None if filter.grep.is_some() => format!(
            "the newest request is of {}; look without another condition",
            of_time(newest_of_all, view)
        ),
        None => no_condition(newest_of_all, view),
    })
}

/// The same for sessions.
pub(super) fn hint_of_sessions(
    asked: SoughtSessions<'_>,
    newest_of_all: i64,
    view: &View,
    reader: &dyn Reader,
) -> anyhow::Result<String> {
    let mut found = Vec::new();
    let without = sessions_without_each(asked.filter, view);
    for (flag, filter) in &without {
        let asked = SoughtSessions { filter, ..asked };
        found.extend(asked.newest(reader)?.map(|newest| (*flag, newest)));
    }
    if !asked.called.tool.is_empty() {
        let newest = last_used(asked.filter, reader)?;
        found.extend(newest.map(|newest| ("--tool", newest)));
    }
    let reported = remedies(&found, view);
    let reported = reported.or_else(|| older_than_all(asked.filter.since, newest_of_all, view));
    Ok(reported.unwrap_or_else(|| no_condition(newest_of_all, view)))
}

/// What to leave away or to add, of the conditions without which there is something.
fn remedies(found: &[(&'static str, i64)], view: &View) -> Option<String> {
    let remedy = |&(flag, newest): &(&'static str, i64)| match flag {
        "--since" => format!("with {}", since_flag(view, newest)),
        // Sessions without a call, and requests beside those of MCP, are shown on demand.
        "--all" | "--kind all" => format!("with {flag}"),
        // Without it the threshold would be that of every day.
        "--threshold" => "with --threshold 0".to_owned(),
        _ => format!("without {flag}"),
    };
    let (last, others) = found.split_last()?;
    if others.is_empty() {
        let at = of_time(last.1, view);
        return Some(format!("{} the newest is of {at}", remedy(last)));
    }
    let others: Vec<String> = others.iter().map(remedy).collect();
    let others = others.join(", ");
    Some(format!("there are some {others} or {}", remedy(last)))
}

/// What is reported where everything is older than all that was looked at, so that this condition has to go in any
/// case.
fn older_than_all(since: Option<i64>, newest: i64, view: &View) -> Option<String> {
    let flag = since_flag(view, newest);
    since.filter(|since| newest < *since).map(|_| {
        let at = of_time(newest, view);
        format!("the newest request is of {at}; look with {flag} and without another condition")
    })
}

fn no_condition(newest: i64, view: &View) -> String {
    let at = of_time(newest, view);
    format!("the newest request is of {at}; no condition alone leaves it out")
}

fn of_time(ts: i64, view: &View) -> String {
    let ago = units::ago(view.now_ms.saturating_sub(ts));
    format!("{} ({ago})", units::time(ts, view.zone))
}

impl SoughtSessions<'_> {
    /// When the one used last was, if there is one.
    fn newest(&self, reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
        let Some(called) = self.called.called(self.filter)? else {
            return last_used(self.filter, reader);
        };
        let (sessions, _) = called.used_last(self.filter, 1, reader)?;
        Ok(sessions.first().map(|session| session.last_seen_at))
    }

    /// The same without a beginning in time.
    pub(super) fn newest_at_any_time(&self, reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
        let filter = SessionFilter {
            since: None,
            ..self.filter.clone()
        };
        let filter = &filter;
        SoughtSessions { filter, ..*self }.newest(reader)
    }
}

fn last_used(filter: &SessionFilter, reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
    let rows = reader.sessions(filter, &SessionPage::used_last(1))?;
    Ok(rows.first().map(|session| session.last_seen_at))
}

/// The filter without each of its conditions, and the flag of that condition.
fn sessions_without_each(asked: &SessionFilter, view: &View) -> Vec<(&'static str, SessionFilter)> {
    let mut all = Vec::new();
    let mut without = |flag, is_set: bool, leave_away: &dyn Fn(&mut SessionFilter)| {
        if is_set {
            let mut filter = asked.clone();
            leave_away(&mut filter);
            all.push((flag, filter));
        }
    };
    without("--proxy", asked.proxy.is_some(), &|it| it.proxy = None);
    without("--client", asked.client.is_some(), &|it| it.client = None);
    without("--active", asked.active_at.is_some(), &|it| {
        it.active_at = None;
    });
    without("--all", !asked.with_empty, &|it| it.with_empty = true);
    without("--since", asked.since.is_some(), &|it| it.since = None);
    without("--until", asked.until.is_some(), &|it| {
        it.until = None;
        it.since = since_without_end(it.since, view);
    });
    all
}

/// The beginning of a window that has no end any more: what was counted back from that is counted back from now.
fn since_without_end(since: Option<i64>, view: &View) -> Option<i64> {
    let counted_back = view
        .default_window_ms
        .map(|window| view.now_ms.saturating_sub(window));
    counted_back.or(since)
}

/// The filter without each of its conditions, and the flag of that condition.
fn without_each(asked: &Filter, what: &str, view: &View) -> Vec<(&'static str, Filter)> {
    let mut all = Vec::new();
    // A search looks into each row that passes the rest: with less of a rest, the hint would cost more than the answer.
    let is_search = asked.grep.is_some();
    let mut without = |flag, is_set: bool, leave_away: &dyn Fn(&mut Filter)| {
        if is_set && (!is_search || flag == "--grep") {
            let mut filter = asked.clone();
            leave_away(&mut filter);
            all.push((flag, filter));
        }
    };
    without("--proxy", asked.proxy.is_some(), &|it| it.proxy = None);
    without("--method", !asked.methods.is_empty(), &|it| {
        it.methods.clear();
    });
    without("--tool", !asked.tools.is_empty(), &|it| it.tools.clear());
    without("--session", asked.session.is_some(), &|it| {
        it.session = None;
    });
    without("--client", asked.client.is_some(), &|it| it.client = None);
    without("--status", !asked.statuses.is_empty(), &|it| {
        it.statuses.clear();
    });
    without("--error-kind", !asked.error_kinds.is_empty(), &|it| {
        it.error_kinds.clear();
    });
    without("--error-code", asked.error_code.is_some(), &|it| {
        it.error_code = None;
    });
    without("--grep", asked.grep.is_some(), &|it| it.grep = None);
    without("--trace", asked.trace_id.is_some(), &|it| {
        it.trace_id = None;
    });
    let latency = if what == "slow requests" {
        "--threshold"
    } else {
        "--min-latency"
    };
    without(latency, asked.min_latency_us.is_some(), &|it| {
        it.min_latency_us = None;
    });
    // What was not typed is not a flag to leave away: `mcp` is the kind then.
    let is_of_mcp = asked.kind == Some(Kind::Mcp);
    let kind = if is_of_mcp { "--kind all" } else { "--kind" };
    without(kind, asked.kind.is_some(), &|it| {
        it.kind = if is_of_mcp { None } else { Some(Kind::Mcp) };
    });
    without("--since", asked.since.is_some(), &|it| it.since = None);
    without("--until", asked.until.is_some(), &|it| {
        it.until = None;
        it.since = since_without_end(it.since, view);
    });
    all
}
