//! The worker behind the lists: on a thread of its own it says where the store stands, and looks for rows,
//! sessions and single requests.

use super::event::{Events, ScreenEvent};
use super::needle::Needle;
use super::output::MAX_SERVERS;
use super::queries::{
    Answer, EndedQuery, OpenedRequest, OutputsQuery, RecheckQuery, ServerDeath, SessionsQuery,
};
use super::query_slots::{ListQueries, QuerySlots};
use super::scan::Scan;
use super::store::{Connection, Reply};
use crate::render::{
    RequestDetails, ServerFailure, list_of, server_output, shown_document, shown_facts,
};
use mcpr_model::ErrorKind;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{
    Cursor, Entry, Filter, Head, OpenRow, Order, Page, Pattern, RequestRow, SessionFilter,
    SessionKey, SessionPage, SessionRow, TimePage,
};
use mcpr_store::{Reader, StoreError, fold};
use std::time::{Duration, Instant};

/// How often the store is asked where it stands. So rows are at most so old when they are shown, and a
/// thousand commits a second cost no more than ten.
const HEAD_EVERY: Duration = Duration::from_millis(100);
/// How often what is in flight is looked at without news of the store: whoever waits for it may be gone.
const OPEN_EVERY: Duration = Duration::from_secs(1);
/// How often servers that died are looked for while something is recorded: what each wrote last is read with it.
const DEATHS_EVERY: Duration = Duration::from_secs(1);
/// Most servers that failed which are looked at for one answer.
const MAX_FAILED: usize = 200;
/// Sessions of one answer.
pub(super) const SESSIONS_AT_ONCE: usize = 200;

/// The worker.
#[derive(Debug)]
pub(super) struct ListWorker {
    store: Connection,
    slots: QuerySlots<ListQueries>,
    events: Events,
    zone: Zone,
}

/// The scans that are running.
#[derive(Debug, Default)]
pub(super) struct ListScans {
    older: Option<Scan>,
    newer: Option<Scan>,
    failure: Option<Scan>,
    recheck: Option<RecheckQuery>,
    whole: Option<i64>,
    ended: Option<EndedQuery>,
    sessions: Option<SessionScan>,
    outputs: Option<OutputsQuery>,
    head: Option<Head>,
    head_at: Option<Instant>,
    open: Vec<OpenRow>,
    open_at: Option<Instant>,
    deaths: Vec<ServerDeath>,
    deaths_at: Option<Instant>,
    /// Something was committed since.
    are_deaths_old: bool,
}

/// A scan for sessions that is running.
#[derive(Debug)]
struct SessionScan {
    ask: SessionsQuery,
    page: SessionPage,
    found: Vec<SessionRow>,
}

impl ListWorker {
    pub(super) fn new(
        store: Connection,
        slots: QuerySlots<ListQueries>,
        events: Events,
        zone: Zone,
    ) -> Self {
        Self {
            store,
            slots,
            events,
            zone,
        }
    }

    /// Works until the slots are closed or nobody listens any more.
    pub(super) fn run(mut self) {
        let mut looks = ListScans::default();
        let mut in_trouble = false;
        let mut wait = Duration::ZERO;
        while let Some(queries) = self.slots.take(wait) {
            looks.take(queries);
            let zone = self.zone;
            let answers = match self
                .store
                .ask(&mut |reader, head| looks.turn(reader, head, zone))
            {
                Reply::Answered(answers) => answers,
                Reply::Later(error) => {
                    // What was looked for is looked for again once the store is back.
                    wait = HEAD_EVERY;
                    if !std::mem::replace(&mut in_trouble, true)
                        && !self.send(Answer::Trouble(Some(format!("{error:#}"))))
                    {
                        return;
                    }
                    continue;
                }
                Reply::Never(error) => {
                    self.send(Answer::Failed(format!("{error:#}")));
                    return;
                }
            };
            if std::mem::take(&mut in_trouble) && !self.send(Answer::Trouble(None)) {
                return;
            }
            for answer in answers {
                if !self.send(answer) {
                    return;
                }
            }
            wait = looks.wait();
        }
    }

    /// Whether the screen took it.
    fn send(&self, answer: Answer) -> bool {
        self.events.send(ScreenEvent::Answered(answer))
    }
}

impl ListScans {
    /// Takes over what is wanted. A list that asks anew lets what it asked before go.
    pub(super) fn take(&mut self, queries: ListQueries) {
        let asks = [&queries.older, &queries.newer];
        if let Some(newest) = asks.into_iter().flatten().map(|ask| ask.generation).max() {
            for look in [&mut self.older, &mut self.newer, &mut self.failure] {
                look.take_if(|look| look.generation() < newest);
            }
        }
        let replace = |look: &mut Option<Scan>, by: Option<Scan>| *look = by.or(look.take());
        replace(&mut self.older, queries.older.map(Scan::rows));
        replace(&mut self.newer, queries.newer.map(Scan::rows));
        replace(&mut self.failure, queries.failure.map(Scan::failure));
        self.recheck = queries.recheck.or(self.recheck.take());
        self.whole = queries.whole.or(self.whole);
        self.ended = queries.ended.or(self.ended.take());
        self.outputs = queries.outputs.or(self.outputs.take());
        if let Some(ask) = queries.sessions {
            self.sessions = Some(SessionScan::new(ask));
        }
    }

    /// One turn: whatever is quick, and a step of what is not. When the store fails, all of it is left
    /// for the next turn.
    pub(super) fn turn(
        &mut self,
        reader: &dyn Reader,
        head: Head,
        zone: Zone,
    ) -> Result<Vec<Answer>, StoreError> {
        let mut answers = Vec::new();
        if self.head_at.is_none_or(|at| at.elapsed() >= HEAD_EVERY) {
            answers.extend(self.in_flight(reader, head)?);
            answers.extend(self.server_deaths(reader, head)?);
            self.head_at = Some(Instant::now());
            if self.head.replace(head) != Some(head) {
                answers.push(Answer::Head(head));
            }
        }
        if let Some(seq) = self.whole {
            let whole = whole(reader, seq, zone)?.map(Box::new);
            answers.push(Answer::Whole { seq, whole });
            self.whole = None;
        }
        if let Some(EndedQuery { key, row }) = &self.ended {
            let seq = stored(reader, row)?;
            answers.push(Answer::Ended { key: *key, seq });
            self.ended = None;
        }
        if let Some(ask) = &self.recheck {
            let rows = present(reader, ask)?;
            answers.extend(self.recheck.take().map(|ask| Answer::Present { ask, rows }));
        }
        if let Some(OutputsQuery(proxy)) = &self.outputs {
            // Each second while one looks at them, and a few hundred KB at most.
            let runs = reader.server_outputs(proxy.as_ref(), MAX_SERVERS)?;
            answers.push(Answer::Outputs(runs));
            self.outputs = None;
        }
        // Newer rows first: they are what a follower waits for.
        for look in [&mut self.newer, &mut self.failure, &mut self.older] {
            let Some(scan) = look else { continue };
            let (answer, is_over) = scan.step(reader)?;
            answers.extend(answer);
            if is_over {
                *look = None;
            }
        }
        if let Some(look) = &mut self.sessions
            && let Some(answer) = look.step(reader)?
        {
            answers.push(answer);
            self.sessions = None;
        }
        Ok(answers)
    }

    /// What is in flight, where that may have changed and has.
    fn in_flight(&mut self, reader: &dyn Reader, head: Head) -> Result<Option<Answer>, StoreError> {
        let is_over = |at: Instant| at.elapsed() >= OPEN_EVERY;
        let is_due = !self.open.is_empty() && self.open_at.is_none_or(is_over);
        if self.head == Some(head) && !is_due {
            return Ok(None);
        }
        let open = reader.open_requests(&Filter::default())?;
        self.open_at = Some(Instant::now());
        if open == self.open {
            return Ok(None);
        }
        self.open.clone_from(&open);
        Ok(Some(Answer::Open(open)))
    }

    /// Which servers died, where that may have changed and has.
    fn server_deaths(
        &mut self,
        reader: &dyn Reader,
        head: Head,
    ) -> Result<Option<Answer>, StoreError> {
        self.are_deaths_old |= self.head != Some(head);
        let is_due = self.deaths_at.is_none_or(|at| at.elapsed() >= DEATHS_EVERY);
        if !(self.are_deaths_old && is_due) {
            return Ok(None);
        }
        let runs = reader.server_deaths(0, i64::MAX, MAX_FAILED)?;
        self.are_deaths_old = false;
        self.deaths_at = Some(Instant::now());
        let deaths: Vec<ServerDeath> = runs.iter().filter_map(ServerDeath::of).collect();
        if deaths == self.deaths {
            return Ok(None);
        }
        self.deaths.clone_from(&deaths);
        Ok(Some(Answer::ServerDeaths(deaths)))
    }

    /// Whether nothing is being looked for.
    pub(super) fn is_idle(&self) -> bool {
        let looks = [&self.older, &self.newer, &self.failure];
        looks.into_iter().all(Option::is_none) && self.sessions.is_none()
    }

    /// The next turn asks where the store stands, however soon it comes.
    #[cfg(test)]
    pub(super) fn forget_when(&mut self) {
        self.head_at = None;
        self.deaths_at = None;
    }

    /// How long nothing has to be done.
    fn wait(&self) -> Duration {
        if !self.is_idle() {
            return Duration::ZERO;
        }
        let since = self.head_at.map_or(HEAD_EVERY, |at| at.elapsed());
        HEAD_EVERY
            .saturating_sub(since)
            .max(Duration::from_millis(1))
    }
}

impl SessionScan {
    fn new(ask: SessionsQuery) -> Self {
        Self {
            page: SessionPage {
                after: ask.after.clone(),
                ..SessionPage::used_last(SESSIONS_AT_ONCE)
            },
            ask,
            found: Vec::new(),
        }
    }

    /// Looks at the next page; the answer, once there is one.
    fn step(&mut self, reader: &dyn Reader) -> Result<Option<Answer>, StoreError> {
        let filter = SessionFilter {
            // A session that has just begun is what one wants to see.
            with_empty: true,
            ..self.ask.filter.clone()
        };
        let rows = reader.sessions(&filter, &self.page)?;
        let more = rows.len() >= self.page.limit;
        self.page.after = rows
            .last()
            .map(SessionRow::place)
            .or(self.page.after.take());
        let needle = Needle::new(&self.ask.text);
        let is_meant = |row: &SessionRow| {
            let texts = [
                Some(&row.session_id),
                Some(&row.proxy),
                row.client_name.as_ref(),
            ];
            let mut texts = texts.into_iter().flatten();
            needle
                .as_ref()
                .is_none_or(|needle| texts.any(|text| needle.is_in(text)))
        };
        self.found.extend(rows.into_iter().filter(is_meant));
        if more && self.found.len() < SESSIONS_AT_ONCE {
            return Ok(None);
        }
        // A server fails within its session, never before that.
        let since = self.found.iter().map(|row| row.started_at).min();
        let failed = match since {
            Some(since) => reader.server_deaths(since, i64::MAX, MAX_FAILED)?,
            None => Vec::new(),
        };
        let failed = failed
            .iter()
            .map(|run| (SessionKey::of_run(run), ServerFailure::of(run)));
        Ok(Some(Answer::Sessions {
            ask: Box::new(self.ask.clone()),
            rows: std::mem::take(&mut self.found),
            failed: failed.collect(),
            more,
        }))
    }
}

/// One request with everything that is known of it.
fn whole(reader: &dyn Reader, seq: i64, zone: Zone) -> Result<Option<OpenedRequest>, StoreError> {
    let Some(row) = reader.request(seq)? else {
        return Ok(None);
    };
    let payload = reader.payload(seq)?;
    let version = match list_of(&row.method) {
        Some(list) => reader.surface_in_force(&row.proxy, list, row.ts)?,
        None => None,
    };
    let shown = RequestDetails::new(&row, version.as_slice(), payload.as_ref());
    let (facts, document) = (shown_facts(&shown, zone), shown_document(&shown));
    let output = server_output_of(reader, &row)?;
    Ok(Some(OpenedRequest {
        row,
        payload,
        output,
        facts,
        document,
    }))
}

/// What the server of a request wrote before it died with the request unanswered.
fn server_output_of(reader: &dyn Reader, row: &RequestRow) -> Result<Option<String>, StoreError> {
    let died = row.error_kind == Some(ErrorKind::Died);
    let Some(id) = row.session.as_ref().filter(|_| died) else {
        return Ok(None);
    };
    let key = SessionKey {
        proxy: row.proxy.clone(),
        id: id.clone(),
    };
    let run = fold::server_run_at(reader, &key, row.ts)?;
    let output = run.as_ref().map(|run| server_output(run, None));
    Ok(output.filter(|output| !output.is_empty()))
}

/// The number of the stored request that was in flight as this row.
fn stored(reader: &dyn Reader, open: &RequestRow) -> Result<Option<i64>, StoreError> {
    let filter = Filter {
        proxy: Some(Pattern::name(&open.proxy)),
        since: Some(open.ts),
        until: Some(open.ts.saturating_add(1)),
        ..Filter::default()
    };
    let page = TimePage {
        stored_before: None,
        after: None,
        before: None,
        // An id may come again; the one that has just ended was stored last.
        order: Order::Descending,
        limit: Page::MAX_LIMIT,
    };
    let entries = reader.timeline(&filter, page)?;
    Ok(entries.iter().find_map(|entry| match entry {
        Entry::Request(row)
            if row.request_id == open.request_id
                && row.method == open.method
                && row.session == open.session =>
        {
            Some(row.seq)
        }
        _ => None,
    }))
}

/// The rows of a range that are still there.
fn present(reader: &dyn Reader, ask: &RecheckQuery) -> Result<Vec<Cursor>, StoreError> {
    let mut rows = Vec::new();
    let mut page = Page::after(ask.first.previous(), Page::MAX_LIMIT);
    page.before = Some(ask.last.next());
    loop {
        let entries = reader.entries(&Filter::default(), page)?;
        rows.extend(entries.iter().map(Entry::cursor));
        match entries.last() {
            // The range is that of a bounded list: a few pages.
            Some(last) if entries.len() >= page.limit => page.after = Some(last.cursor()),
            _ => return Ok(rows),
        }
    }
}
