//! What stands in a list of requests beside what is stored: requests in flight, and servers that died. Each at its
//! place in time.

use super::now_ms;
use super::pages::{Range, each_page};
use super::printer::Printer;
use crate::console::Console;
use crate::render::{IN_FLIGHT, LogRow, units};
use mcpr_model::ServerRun;
use mcpr_store::query::{Entry, Filter, Flight, NameKind, OpenRow, Order, SessionKey, SessionRow};
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
    /// No streams among them: their status is asked for, and nobody waits for a stream.
    pub(super) only_waiting: bool,
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
        if wanted.only_waiting {
            rows.retain(is_waited_for);
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

    /// Leaves out requests of other sessions: those in flight that say no session have none yet.
    pub(super) fn of_session(mut self, session: &SessionRow) -> Self {
        self.rows.retain(|row| match &row.entry {
            Entry::Request(request) => row.notice.is_some() || session.holds_open(request),
            Entry::Gap(_) => true,
        });
        self
    }

    /// Leaves out servers that died before a list begins: what is in flight is shown however old it is.
    pub(super) fn begin_at(&mut self, ts: i64) {
        self.rows
            .retain(|row| row.notice.is_none() || row.ts() >= ts);
    }

    /// Leaves out all requests but so many of the newest.
    pub(super) fn keep_newest(&mut self, most: Option<usize>) {
        let all = self.requests().count();
        let kept = most.unwrap_or(usize::MAX).min(all);
        // Of a list that begins with the latest, the first ones are kept.
        let places = if self.is_reversed {
            0..kept
        } else {
            all - kept..all
        };
        let mut at = 0;
        self.rows.retain(|row| {
            if row.notice.is_some() {
                return true;
            }
            at += 1;
            places.contains(&(at - 1))
        });
    }

    /// Leaves out what is too old for a list of so many requests in flight and stored ones together, and makes
    /// its limit that of the stored ones.
    pub(super) fn share_limit(
        &mut self,
        reader: &dyn Reader,
        filter: &Filter,
        range: &mut Range,
    ) -> anyhow::Result<()> {
        let Some(most) = range.most else {
            return Ok(());
        };
        let mut waiting: Vec<i64> = self.requests().map(LogRow::ts).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        // The newest are taken from the end.
        waiting.sort_unstable();
        let all = waiting.len();
        let mut stored = 0;
        let backwards = Range {
            order: Order::Descending,
            ..*range
        };
        each_page(reader, filter, backwards, &mut |fetched| {
            for entry in fetched.entries.iter().filter(|entry| entry.is_request()) {
                let ts = entry.place().ts;
                while waiting.last().is_some_and(|waiting| *waiting >= ts)
                    && stored + all - waiting.len() < most
                {
                    waiting.pop();
                }
                stored += usize::from(stored + all - waiting.len() < most);
            }
            Ok(())
        })?;
        if stored + all < most {
            return Ok(());
        }
        range.most = Some(stored);
        self.keep_newest(Some(most - stored));
        if stored == 0 {
            // No row of the store says where the list begins.
            let first = self.requests().map(LogRow::ts).min();
            self.begin_at(first.unwrap_or(i64::MAX));
        }
        Ok(())
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

/// What a list that goes on has reported of what is in flight.
#[derive(Debug, Default)]
pub(super) struct LiveFlight {
    /// Whether other formats have rows of requests in flight, too.
    pub(super) is_wanted: bool,
    /// Whether they are asked for beside other statuses.
    is_named: bool,
    reported: HashSet<i64>,
    /// Servers that died since then are reported,
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

    /// Shows what goes on: in a table on a terminal below its rows, with a running clock; elsewhere once.
    pub(super) fn show(
        &mut self,
        printer: &mut Printer<'_>,
        reader: &dyn Reader,
        filter: &Filter,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if printer.view.is_table() {
            self.show_deaths(printer, reader, filter, console)?;
            let room = console.room_below();
            // What is printed into a pipe stays: a clock cannot run there.
            if room > 0 || !self.is_wanted {
                let open = self.open(reader, filter)?;
                let (rows, beyond) = below(open, room, now_ms());
                return printer.show_below(reader, &rows, beyond.as_deref(), console);
            }
        }
        if !self.is_wanted {
            return Ok(());
        }
        let now = now_ms();
        let open = self.open(reader, filter)?;
        let keys: HashSet<i64> = open.iter().map(|open| open.key).collect();
        let new = open
            .into_iter()
            .filter(|open| !self.reported.contains(&open.key));
        let rows: Vec<LogRow> = new.map(|open| LogRow::in_flight(open, now)).collect();
        // Only those that wait still: no more is remembered than there is.
        self.reported = keys;
        printer.print_live(reader, rows, console)
    }

    fn open(&self, reader: &dyn Reader, filter: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        let mut open = reader.open_requests(&of_any_status(filter, self.is_named))?;
        open.retain(|open| !self.is_named || open.row.flight != Some(Flight::Open));
        Ok(open)
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
            // Two may die within one millisecond, and one of them be reported later.
            self.since = Some(last.ts());
            self.dead.retain(|(_, ts)| *ts >= last.ts());
        }
        printer.print_live(reader, rows, console)
    }
}

/// What is in flight as rows for so many lines, and a line on those for which there is none.
fn below(mut open: Vec<OpenRow>, room: usize, now: i64) -> (Vec<LogRow>, Option<String>) {
    let mut beyond = None;
    if open.len() > room {
        // The newest are shown: the oldest may hang for hours. One line is for what is reported about them.
        let count = open.len() - room.saturating_sub(1);
        // A stream is open for hours, and hangs on nothing.
        let mut waiting = open[..count]
            .iter()
            .filter(|open| open.row.flight != Some(Flight::Open));
        let oldest = waiting.next().map_or(now, |open| open.row.ts);
        let waited = units::lasting(now.saturating_sub(oldest).max(0));
        beyond = Some(format!(
            "{IN_FLIGHT} {count} more in flight, the oldest for {waited}"
        ));
        open.drain(..count);
    }
    let rows = open.into_iter().map(|open| LogRow::in_flight(open, now));
    (rows.collect(), beyond.filter(|_| room > 0))
}

/// Whether somebody waits for it: no line on a server, and no stream.
fn is_waited_for(row: &LogRow) -> bool {
    let stream = Some(Flight::Open);
    row.notice.is_some()
        || !matches!(&row.entry, Entry::Request(request) if request.flight == stream)
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
    let mut found = reader.server_deaths(since, until, MAX_DEATHS)?;
    found.retain(|run| filter.takes_server_end(&SessionKey::of_run(run)));
    if found.is_empty() {
        return Ok(Vec::new());
    }
    // Which server it was goes without saying only where there is no other.
    let known = reader.names(NameKind::Proxy, "", 2)?;
    let is_only =
        |run: &ServerRun| filter.session.is_some() || known.iter().all(|it| *it == *run.proxy);
    Ok(found
        .into_iter()
        .filter_map(|run| {
            let mut text = run.ending()?;
            if !is_only(&run) {
                text = format!("{}: {text}", run.proxy);
            }
            Some(LogRow::notice(&run.proxy, run.ended_at()?, &text))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_store::query::RequestRow;

    #[test]
    fn those_in_flight_for_which_there_is_no_room_are_counted() {
        let open = |ts: i64| OpenRow {
            key: ts,
            row: RequestRow {
                ts,
                flight: Some(Flight::Pending),
                ..RequestRow::default()
            },
            params: None,
        };
        let shown = |count: i64, room: usize| {
            let (rows, beyond) = below((1..=count).map(open).collect(), room, 5_000);
            let first = rows.first().map(LogRow::ts);
            (first, rows.len(), beyond.unwrap_or_default())
        };
        let more = |count: usize| format!("▸ {count} more in flight, the oldest for 4s");
        assert_eq!(shown(6, 6), (Some(1), 6, String::new()));
        assert_eq!(shown(15, 6), (Some(11), 5, more(10)));
        assert_eq!(shown(15, 1), (None, 0, more(15)));
        assert_eq!(shown(15, 0), (None, 0, String::new()));
    }
}
