//! What stands in a list of requests beside what is stored: requests in flight, and servers that died. Each at its
//! place in time.

use super::now_ms;
use super::printer::Printer;
use crate::console::Console;
use crate::render::LogRow;
use mcpr_model::ServerRun;
use mcpr_store::query::Filter;
use mcpr_store::{Reader, StoreError};
use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};

/// Most servers that died which are shown in one list; the newest stay.
const MAX_DEATHS: usize = 200;

/// Rows that are put between others, in the order of the list.
#[derive(Debug, Default)]
pub(super) struct InsertedRows {
    rows: VecDeque<LogRow>,
    is_reversed: bool,
}

/// What is put between the stored rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WantedInserts {
    pub(super) in_flight: bool,
    pub(super) deaths: bool,
}

impl InsertedRows {
    /// What there is now for a filter.
    pub(super) fn of(
        reader: &dyn Reader,
        filter: &Filter,
        wanted: WantedInserts,
    ) -> Result<Self, StoreError> {
        let mut rows = Vec::new();
        if wanted.in_flight {
            rows.extend(in_flight(reader, filter)?);
        }
        if wanted.deaths {
            let (since, until) = (filter.since.unwrap_or(0), filter.until.unwrap_or(i64::MAX));
            rows.extend(deaths(reader, filter, since, until)?);
        }
        // Stable, so that of one moment requests stand before the death of their server.
        rows.sort_by_key(LogRow::ts);
        Ok(Self {
            rows: rows.into(),
            is_reversed: false,
        })
    }

    /// The same for a list that begins with the latest.
    pub(super) fn reversed(mut self) -> Self {
        self.rows.make_contiguous().reverse();
        self.is_reversed = true;
        self
    }

    /// Leaves out servers that died before a list begins: what is in flight is shown however old it is.
    pub(super) fn begin_at(&mut self, ts: i64) {
        self.rows
            .retain(|row| row.notice.is_none() || row.ts() >= ts);
    }

    /// Leaves out all but so many of the newest.
    pub(super) fn keep_newest(&mut self, most: Option<usize>) {
        let most = most.unwrap_or(usize::MAX);
        if self.is_reversed {
            self.rows.truncate(most);
        } else {
            let over = self.rows.len().saturating_sub(most);
            self.rows.drain(..over);
        }
    }

    /// Takes what stands before a row of a time.
    pub(super) fn before(&mut self, ts: i64) -> Vec<LogRow> {
        let is_reversed = self.is_reversed;
        let is_before = |row: &LogRow| {
            if is_reversed {
                row.ts() > ts
            } else {
                row.ts() < ts
            }
        };
        let count = self.rows.iter().take_while(|row| is_before(row)).count();
        self.rows.drain(..count).collect()
    }

    /// Takes all that is left.
    pub(super) fn rest(&mut self) -> Vec<LogRow> {
        self.rows.drain(..).collect()
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The requests among them.
    pub(super) fn requests(&self) -> impl Iterator<Item = &LogRow> + Clone {
        self.rows.iter().filter(|row| row.notice.is_none())
    }
}

/// What a list that goes on has told of what goes on.
#[derive(Debug, Default)]
pub(super) struct LiveFlight {
    /// Whether other formats have rows of requests in flight, too.
    pub(super) is_wanted: bool,
    /// Whether they are asked for beside other statuses.
    is_named: bool,
    told: HashSet<i64>,
    /// Servers that died since then are told,
    since: Option<i64>,
    /// but for these sessions.
    dead: HashSet<(String, i64)>,
}

impl LiveFlight {
    /// With rows of requests in flight also where a script reads them, as a flag or a status asks for.
    pub(super) fn wanting(is_wanted: bool, is_named: bool) -> Self {
        Self {
            is_wanted: is_wanted || is_named,
            is_named,
            ..Self::default()
        }
    }

    /// Shows what goes on: in a table below its rows, with a running clock; in other formats once.
    pub(super) fn show(
        &mut self,
        printer: &mut Printer<'_>,
        reader: &dyn Reader,
        filter: &Filter,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if printer.view.is_table() {
            self.show_deaths(printer, reader, filter, console)?;
            let mut rows = in_flight(reader, &of_any_status(filter, self.is_named))?;
            // The newest: the oldest may hang for hours.
            let skipped = rows.len().saturating_sub(console.room_below());
            rows.drain(..skipped);
            return printer.show_below(reader, &rows, console);
        }
        if !self.is_wanted {
            return Ok(());
        }
        let now = now_ms();
        let open = reader.open_requests(&of_any_status(filter, self.is_named))?;
        let keys: HashSet<i64> = open.iter().map(|open| open.key).collect();
        let new = open
            .into_iter()
            .filter(|open| !self.told.contains(&open.key));
        let rows: Vec<LogRow> = new.map(|open| LogRow::in_flight(open, now)).collect();
        // Only those that wait still: no more is remembered than there is.
        self.told = keys;
        printer.print_live(reader, &rows, console)
    }

    fn show_deaths(
        &mut self,
        printer: &mut Printer<'_>,
        reader: &dyn Reader,
        filter: &Filter,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let since = *self.since.get_or_insert(printer.view.now_ms);
        let mut rows = deaths(reader, filter, since, i64::MAX)?;
        rows.retain(|row| {
            let key = (row.notice.clone().unwrap_or_default(), row.ts());
            self.dead.insert(key)
        });
        if let Some(last) = rows.last() {
            // Two may die within one millisecond, and one of them be told later.
            self.since = Some(last.ts());
            self.dead.retain(|(_, ts)| *ts >= last.ts());
        }
        printer.print_live(reader, &rows, console)
    }
}

/// A filter for requests in flight, which have none of the statuses that it names, where they are named as well.
pub(super) fn of_any_status(filter: &Filter, is_named: bool) -> Cow<'_, Filter> {
    if !is_named {
        return Cow::Borrowed(filter);
    }
    Cow::Owned(Filter {
        statuses: Vec::new(),
        ..filter.clone()
    })
}

/// The requests in flight that pass a filter, as rows.
pub(super) fn in_flight(reader: &dyn Reader, filter: &Filter) -> Result<Vec<LogRow>, StoreError> {
    let now = now_ms();
    // The clock is read once, so that equally old ones look so.
    let open = reader.open_requests(filter)?.into_iter();
    Ok(open.map(|open| LogRow::in_flight(open, now)).collect())
}

/// The servers that died in a window and whose requests a filter can mean, as lines.
pub(super) fn deaths(
    reader: &dyn Reader,
    filter: &Filter,
    since: i64,
    until: i64,
) -> Result<Vec<LogRow>, StoreError> {
    let found = reader.server_deaths(since, until, MAX_DEATHS)?.into_iter();
    Ok(found
        .filter(|run| is_meant(filter, run))
        .filter_map(|run| {
            let text = run.ending()?;
            Some(LogRow::notice(&run.proxy, run.ended_at()?, &text))
        })
        .collect())
}

/// As of a gap, all that matters is where it was: whatever else is asked, it may be the reason.
fn is_meant(filter: &Filter, run: &ServerRun) -> bool {
    let is_of_proxy = filter
        .proxy
        .as_ref()
        .is_none_or(|it| it.matches(&run.proxy));
    let of_session = filter.session.as_ref();
    is_of_proxy
        && of_session.is_none_or(|key| *run.proxy == *key.proxy && *run.session_id == *key.id)
}
