//! Which condition of a question leaves everything out: each is left away in turn, and the store asked again.

use super::{SoughtRequests, since_flag};
use crate::commands::args::View;
use crate::commands::pages::{OrderBy, Range, each_page};
use crate::render::units;
use mcpr_model::Kind;
use mcpr_store::Reader;
use mcpr_store::query::{Filter, Order};

/// A question with one condition less.
struct Loosened<'a> {
    /// What was typed for the condition, or would be typed.
    flag: &'static str,
    asked: SoughtRequests<'a>,
}

impl SoughtRequests<'_> {
    /// When the newest of them was, if there is one.
    fn newest(&self, reader: &dyn Reader) -> anyhow::Result<Option<i64>> {
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
    let of_time = |ts: i64| {
        let ago = units::ago(view.now_ms.saturating_sub(ts));
        format!("{} ({ago})", units::time(ts, view.zone))
    };
    let mut remedies = Vec::new();
    let mut newest = None;
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
    for Loosened { flag, asked } in without.chain(without_place) {
        let Some(found) = asked.newest(reader)? else {
            continue;
        };
        newest = Some(found);
        remedies.push(match flag {
            "--since" => format!("with {}", since_flag(view, found)),
            "--kind all" => format!("with {flag}"),
            // Without it the threshold would be that of every day.
            "--threshold" => "with --threshold 0".to_owned(),
            _ => format!("without {flag}"),
        });
    }
    let last = remedies.pop();
    Ok(match (last, newest, &remedies[..]) {
        (Some(only), Some(newest), []) => format!("{only} the newest is of {}", of_time(newest)),
        (Some(last), _, others) => {
            format!("there are some {} or {last}", others.join(", "))
        }
        // What the store holds is older than all that was looked at, so that this one has to go in any case.
        _ if asked
            .filter
            .since
            .is_some_and(|since| newest_of_all < since) =>
        {
            format!(
                "the newest request is of {}; look with {} and without another condition",
                of_time(newest_of_all),
                since_flag(view, newest_of_all)
            )
        }
        _ if asked.filter.grep.is_some() => format!(
            "the newest request is of {}; look without another condition",
            of_time(newest_of_all)
        ),
        _ => format!(
            "the newest request is of {}; no condition alone leaves it out",
            of_time(newest_of_all)
        ),
    })
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
    // What was not typed is no flag to leave away: `mcp` is the kind then.
    let is_of_mcp = asked.kind == Some(Kind::Mcp);
    let kind = if is_of_mcp { "--kind all" } else { "--kind" };
    without(kind, asked.kind.is_some(), &|it| {
        it.kind = if is_of_mcp { None } else { Some(Kind::Mcp) };
    });
    without("--since", asked.since.is_some(), &|it| it.since = None);
    without("--until", asked.until.is_some(), &|it| {
        it.until = None;
        // Counted back from the end that there was.
        if let Some(window) = view.default_window_ms {
            it.since = Some(view.now_ms.saturating_sub(window));
        }
    });
    all
}
