//! From a store to the figures of a window: of everything, of each tool, or of one session.

use super::figures::Figures;
use crate::commands::pages::{OrderBy, Range, each_page};
use crate::render::units;
use mcpr_store::query::{
    Entry, Filter, GroupBy, Order, Pattern, SessionKey, SessionRow, StatsKey, StatsQuestion,
    StatsRow, Summary,
};
use mcpr_store::{Reader, fold};

/// Most tools, methods or proxies that are distinguished; what else was called is one more.
const MAX_LINES: usize = 1000;

/// A piece of time: from (inclusive) and to (exclusive), unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct TimeWindow {
    pub(in crate::commands) since: i64,
    pub(in crate::commands) until: i64,
}

/// Which calls are measured.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// Without times and session.
    pub(super) filter: Filter,
    pub(super) window: TimeWindow,
    pub(super) session: Option<SessionRow>,
    pub(super) by: Option<GroupBy>,
    /// Whether the time since the last call is asked for.
    pub(super) with_age: bool,
}

/// What was measured of one tool, or of everything.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) key: StatsKey,
    pub(super) figures: Figures,
}

impl Scope {
    /// The filter with the window and the session.
    fn whole_filter(&self) -> Filter {
        Filter {
            since: Some(self.window.since),
            until: Some(self.window.until),
            session: self.session.as_ref().map(SessionRow::key),
            ..self.filter.clone()
        }
    }

    /// Whether requests are looked at one by one.
    fn is_by_request(&self) -> bool {
        self.session.is_some() || self.filter.client.is_some()
    }

    fn length_ms(&self) -> i64 {
        self.window.until.saturating_sub(self.window.since)
    }
}

/// The figures of each line; of everything together where nothing is distinguished.
pub(super) fn lines(reader: &dyn Reader, scope: &Scope) -> anyhow::Result<Vec<Line>> {
    let question = question(scope);
    // Hourly sums know neither sessions nor clients.
    let rows = if scope.is_by_request() {
        fold::stats_of_requests(reader, &question)?
    } else {
        reader.stats(&question)?
    };
    let of_unknown_client = calls_of_unknown_client(reader, scope)?;
    let rows = match scope.by {
        Some(_) => rows,
        None => vec![together(rows, scope)],
    };
    let (gaps, missing) = gaps(reader, scope.window)?;
    let line = |row: StatsRow| -> anyhow::Result<Line> {
        let key = row.key.clone();
        let summary = Summary::from(row);
        let age_us = if scope.with_age {
            age_us(reader, scope, &key)?
        } else {
            None
        };
        Ok(Line {
            key,
            figures: Figures {
                doubt: doubt(&summary, scope, of_unknown_client),
                summary: Some(summary),
                length_ms: scope.length_ms(),
                gaps,
                missing,
                age_us,
                ..Figures::default()
            },
        })
    };
    rows.into_iter().map(line).collect()
}

fn question(scope: &Scope) -> StatsQuestion {
    StatsQuestion {
        most: Some(MAX_LINES),
        exact: scope.is_by_request(),
        ..StatsQuestion::sums(&scope.whole_filter(), scope.by.unwrap_or(GroupBy::Proxy))
    }
}

fn together(rows: Vec<StatsRow>, scope: &Scope) -> StatsRow {
    let tallies = rows.into_iter().map(|row| row.tally);
    let all = tallies.reduce(|mut all, tally| {
        all.merge(tally);
        all
    });
    StatsRow {
        key: StatsKey::default(),
        tally: all.unwrap_or_else(|| question(scope).tally()),
    }
}

/// How many calls are left only as sums, which do not record who called; none where that makes no difference.
fn calls_of_unknown_client(reader: &dyn Reader, scope: &Scope) -> anyhow::Result<u64> {
    if scope.filter.client.is_none() || scope.session.is_some() {
        return Ok(0);
    }
    let of_any = Filter {
        client: None,
        ..scope.whole_filter()
    };
    let rows = reader.stats(&StatsQuestion::sums(&of_any, GroupBy::Client))?;
    let unplaced = rows
        .into_iter()
        .map(|row| Summary::from(row).unplaced_calls);
    Ok(unplaced.fold(0, u64::saturating_add))
}

/// What makes the counted calls fewer than there were.
fn doubt(summary: &Summary, scope: &Scope, of_unknown_client: u64) -> Option<String> {
    let calls = |count: u64| units::grouped(count);
    if of_unknown_client > 0 {
        return Some(format!(
            "{} calls are known only by sums, which do not record who called",
            calls(of_unknown_client)
        ));
    }
    if summary.unplaced_calls > 0 {
        return Some(format!(
            "{} calls are known only by the sum of an hour that the window cuts",
            calls(summary.unplaced_calls)
        ));
    }
    let session = scope.session.as_ref()?;
    // What is left out on purpose is not missing.
    let is_whole = scope.filter.tools.is_empty()
        && scope.filter.methods.is_empty()
        && scope.filter.client.is_none()
        && scope.by.is_none()
        && scope.window.since <= session.started_at
        && scope.window.until > session.last_seen_at;
    let counted = i64::try_from(summary.calls).unwrap_or(i64::MAX);
    let gone = session.total_calls.saturating_sub(counted);
    (is_whole && gone > 0).then(|| {
        let gone = calls(gone.cast_unsigned());
        format!("{gone} calls of the session were removed from the store")
    })
}

/// How many gaps touch a window, and how many events are missing in them.
fn gaps(reader: &dyn Reader, window: TimeWindow) -> anyhow::Result<(u64, u64)> {
    let no_session = SessionKey {
        proxy: String::new(),
        id: String::new(),
    };
    // Gaps pass every filter: with a session that no request has, nothing else comes.
    let filter = Filter {
        since: Some(window.since),
        until: Some(window.until),
        session: Some(no_session),
        ..Filter::default()
    };
    let range = Range {
        by: OrderBy::Time,
        after: None,
        before: None,
        order: Order::Ascending,
        most: None,
    };
    let (mut gaps, mut missing) = (0_u64, 0_u64);
    each_page(reader, &filter, range, &mut |fetched| {
        for entry in &fetched.entries {
            if let Entry::Gap(gap) = entry {
                gaps += 1;
                missing = missing.saturating_add(gap.count);
            }
        }
        Ok(())
    })?;
    Ok((gaps, missing))
}

/// From the last call to the end of the window, wherever the window begins.
fn age_us(reader: &dyn Reader, scope: &Scope, key: &StatsKey) -> anyhow::Result<Option<i64>> {
    let filter = narrowed(scope, key);
    let range = Range {
        by: OrderBy::Time,
        after: None,
        before: None,
        order: Order::Descending,
        most: Some(1),
    };
    let mut newest = None;
    each_page(reader, &filter, range, &mut |fetched| {
        let mut requests = fetched.entries.iter().filter(|entry| entry.is_request());
        newest = newest.or(requests.next().map(|entry| entry.place().ts));
        Ok(())
    })?;
    Ok(newest.map(|ts| scope.window.until.saturating_sub(ts).saturating_mul(1000)))
}

/// The filter of one line's calls, from whenever on.
fn narrowed(scope: &Scope, key: &StatsKey) -> Filter {
    let mut filter = Filter {
        since: None,
        ..scope.whole_filter()
    };
    if let Some(proxy) = &key.proxy {
        filter.proxy = Some(Pattern::name(proxy));
    }
    if let Some(method) = &key.method {
        filter.methods = vec![Pattern::name(method)];
    }
    if let Some(tool) = &key.tool {
        filter.tools = vec![Pattern::name(tool)];
    }
    filter
}
