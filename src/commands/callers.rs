//! The sessions that called some tools: `--tool` of `sessions` and `clients`.

use super::args::patterns;
use super::pages::{Fetched, OrderBy, Range, each_page};
use super::{Refused, complete};
use clap_complete::ArgValueCompleter;
use mcpr_model::Kind;
use mcpr_store::Reader;
use mcpr_store::query::{
    Entry, Filter, Order, Page, Pattern, SessionFilter, SessionPage, SessionRow,
};

/// Which tools have to be called.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct CalledArgs {
    /// Show those that called tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    pub(super) tool: Vec<String>,
}

impl CalledArgs {
    /// The tools that were named, and when they were called; `None` where it is all one.
    pub(super) fn called(&self, filter: &SessionFilter) -> Result<Option<CalledTools>, Refused> {
        Ok((!self.tool.is_empty()).then_some(CalledTools {
            tools: patterns("--tool", &self.tool)?,
            since: filter.since,
            until: filter.until,
        }))
    }

    /// The condition in words, once for each.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.tool.iter().map(|glob| format!("tool `{glob}`"))
    }
}

/// Tools, and the time in which they were called.
#[derive(Debug)]
pub(super) struct CalledTools {
    tools: Vec<Pattern>,
    since: Option<i64>,
    until: Option<i64>,
}

impl CalledTools {
    fn filter(&self, session: &SessionRow) -> Filter {
        Filter {
            session: Some(session.key()),
            tools: self.tools.clone(),
            kind: Some(Kind::Mcp),
            since: self.since,
            until: self.until,
            ..Filter::default()
        }
    }

    /// Whether a session has such a call.
    pub(super) fn is_in(&self, session: &SessionRow, reader: &dyn Reader) -> anyhow::Result<bool> {
        let mut has_any = false;
        self.each_call(session, Some(1), reader, &mut |_| has_any = true)?;
        Ok(has_any)
    }

    /// The same session with such calls alone: how many there were, how many failed, and when they were.
    pub(super) fn counted_in(
        &self,
        session: SessionRow,
        reader: &dyn Reader,
    ) -> anyhow::Result<Option<SessionRow>> {
        let mut times: Option<(i64, i64)> = None;
        let (mut calls, mut errors) = (0, 0);
        self.each_call(&session, None, reader, &mut |(ts, has_failed)| {
            calls += 1;
            errors += i64::from(has_failed);
            let (first, last) = times.unwrap_or((ts, ts));
            times = Some((first.min(ts), last.max(ts)));
        })?;
        Ok(times.map(|(started_at, last_seen_at)| SessionRow {
            total_calls: calls,
            total_errors: errors,
            started_at,
            last_seen_at,
            ..session
        }))
    }

    /// Hands over when each call was and whether it failed.
    fn each_call(
        &self,
        session: &SessionRow,
        most: Option<usize>,
        reader: &dyn Reader,
        take: &mut dyn FnMut((i64, bool)),
    ) -> anyhow::Result<()> {
        let range = Range {
            by: OrderBy::Storing,
            after: None,
            before: None,
            order: Order::Ascending,
            most,
        };
        let filter = self.filter(session);
        each_page(
            reader,
            &filter,
            range,
            &mut |Fetched { entries, .. }| {
                for entry in &entries {
                    if let Entry::Request(row) = entry {
                        take((row.ts, row.status.is_failure()));
                    }
                }
                Ok(())
            },
        )
    }

    /// The sessions that were used last and have such calls, and whether there are more of them than so many.
    pub(super) fn used_last(
        &self,
        filter: &SessionFilter,
        most: usize,
        reader: &dyn Reader,
    ) -> anyhow::Result<(Vec<SessionRow>, bool)> {
        let mut found = Vec::new();
        let mut page = SessionPage::used_last(Page::MAX_LIMIT);
        loop {
            let rows = reader.sessions(filter, &page)?;
            let is_last = rows.len() < page.limit;
            page.after = rows.last().map(SessionRow::place).or(page.after);
            for row in rows {
                if !self.is_in(&row, reader)? {
                    continue;
                }
                if found.len() == most {
                    return Ok((found, true));
                }
                found.push(row);
            }
            if is_last {
                return Ok((found, false));
            }
        }
    }
}
