//! The state of the whole screen: events go in, what is to be shown and done comes out. Pure: no store, no
//! terminal, no clock.

mod act;
mod filters;
mod flight;

use super::changes::ChangeList;
use super::detail::Detail;
use super::draw::layout;
use super::event::ScreenEvent;
use super::keys::{self, KeyPlace};
use super::output::OutputList;
use super::prompt::Prompt;
use super::queries::{Answer, FailureQuery, OpenedRequest, Row, ScanDirection};
use super::query_slots::{ListQueries, SumQueries};
use super::requests::RequestList;
use super::sessions::SessionList;
use super::tools::ToolList;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{
    Cursor, Filter, Head, OpenRow, Pattern, SessionFilter, SessionKey, StatsKey,
};
use std::path::PathBuf;

/// How often clocks go on, in milliseconds.
const CLOCK_MS: i64 = 1000;

/// What the screen is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Requests,
    Sessions,
    Tools,
    Output,
    Changes,
}

impl Pane {
    /// Its name on the screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Sessions => "sessions",
            Self::Tools => "tools",
            Self::Output => "output",
            Self::Changes => "schema",
        }
    }
}

/// What has to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AppEffect {
    /// Give a text to the terminal's clipboard.
    Copy(String),
    /// Write a file that is not there yet.
    Write { path: PathBuf, text: String },
    /// Make a report of the requests that pass this.
    Report(Box<Filter>),
    /// Give the terminal back until somebody continues this program.
    Suspend,
    /// Take the terminal again, which somebody else had.
    Redraw,
    /// The end.
    End(AppEnd),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AppEnd {
    /// Somebody left.
    Left,
    Signal(i32),
    /// It cannot go on, because of this.
    Failed(String),
}

/// How the screen begins.
#[derive(Debug, Clone)]
pub(super) struct ScreenSetting {
    /// The store, as it is named on the screen.
    pub(super) store: String,
    /// What requests are shown at all.
    pub(super) base: Filter,
    /// The same in words, as far as the screen says it: a name and a value each.
    pub(super) base_words: Vec<(&'static str, String)>,
    /// Whether schema changes can be determined.
    pub(super) with_changes: bool,
    pub(super) zone: Zone,
    pub(super) now_ms: i64,
}

impl ScreenSetting {
    /// What sessions are shown at all: conditions on requests do not apply to sessions.
    fn sessions(&self) -> SessionFilter {
        let base = &self.base;
        let only = base.session.as_ref();
        SessionFilter {
            proxy: match only {
                Some(key) => Some(Pattern::name(&key.proxy)),
                None => base.proxy.clone(),
            },
            id: only.map(|key| key.id.clone()),
            client: base.client.clone(),
            since: base.since,
            until: base.until,
            ..SessionFilter::default()
        }
    }
}

/// The state.
#[derive(Debug)]
pub(super) struct App {
    pub(super) setting: ScreenSetting,
    pub(super) now_ms: i64,
    pub(super) size: (u16, u16),
    pub(super) panes: Vec<Pane>,
    pub(super) pane: Pane,
    pub(super) requests: RequestList,
    pub(super) sessions: SessionList,
    pub(super) tools: ToolList,
    pub(super) output: OutputList,
    pub(super) changes: ChangeList,
    pub(super) detail: Option<Detail>,
    pub(super) prompt: Option<Prompt>,
    /// The help, from this line on.
    pub(super) help: Option<usize>,
    /// The message at the bottom until the next key.
    pub(super) notice: Option<String>,
    /// Why the store cannot be read now.
    pub(super) trouble: Option<String>,
    pub(super) head: Option<Head>,
    /// Where the store stood when it was paused.
    pub(super) paused_at: Option<Cursor>,
    pub(super) only_tool: Option<StatsKey>,
    pub(super) only_session: Option<SessionKey>,
    /// The requests in flight, whatever is filtered.
    open: Vec<OpenRow>,
    /// The one among them that is chosen, by its key.
    open_choice: Option<i64>,
    /// A look for a failure that was not asked for yet.
    wanted_failure: Option<FailureQuery>,
    changed: bool,
}

impl App {
    pub(super) fn new(setting: ScreenSetting) -> Self {
        let mut panes = vec![Pane::Requests, Pane::Sessions, Pane::Tools, Pane::Output];
        panes.extend(setting.with_changes.then_some(Pane::Changes));
        let mut app = Self {
            now_ms: setting.now_ms,
            size: (80, 24),
            panes,
            pane: Pane::Requests,
            requests: RequestList::default(),
            sessions: SessionList::default(),
            tools: ToolList::default(),
            output: OutputList::default(),
            changes: ChangeList::default(),
            detail: None,
            prompt: None,
            help: None,
            notice: None,
            trouble: None,
            head: None,
            paused_at: None,
            only_tool: None,
            only_session: None,
            open: Vec::new(),
            open_choice: None,
            wanted_failure: None,
            changed: true,
            setting,
        };
        app.requests.query.filter = app.setting.base.clone();
        app.sessions.filter = app.setting.sessions();
        app.output.proxy.clone_from(&app.setting.base.proxy);
        app.changes.proxy.clone_from(&app.setting.base.proxy);
        app.sessions.begin();
        app.changes.may_have_changed();
        app.lay_out();
        app
    }

    /// Takes in what happened; what has to be done outside comes out.
    pub(super) fn handle(&mut self, event: ScreenEvent) -> Option<AppEffect> {
        match event {
            ScreenEvent::Key(key) => {
                self.changed = true;
                return self.key(key);
            }
            ScreenEvent::Resized(columns, rows) => {
                self.changed |= self.size != (columns, rows);
                self.size = (columns, rows);
            }
            ScreenEvent::Answered(answer) => return self.take(answer),
            ScreenEvent::Signal(signal) => return Some(signalled(signal)),
            ScreenEvent::Now(now_ms) => {
                // The clocks of what is in flight go by the second.
                let ticks = now_ms / CLOCK_MS > self.now_ms / CLOCK_MS;
                self.changed |= ticks && !self.open.is_empty() && self.paused_at.is_none();
                self.now_ms = self.now_ms.max(now_ms);
                if ticks {
                    self.go_on_with_opened();
                }
            }
            ScreenEvent::Written(outcome) => {
                self.changed = true;
                self.notice = Some(outcome.unwrap_or_else(|error| error));
            }
            ScreenEvent::Ended(thread) => {
                let why = format!("the {thread} thread has ended");
                return Some(AppEffect::End(AppEnd::Failed(why)));
            }
        }
        None
    }

    /// Gives each part the room that it has on the screen.
    fn lay_out(&mut self) {
        let height = layout::list_height(self.size, self.has_filters());
        let views = [
            &mut self.requests.view,
            &mut self.sessions.view,
            &mut self.tools.view,
            &mut self.output.view,
            &mut self.changes.view,
        ];
        for view in views {
            view.height = height;
        }
        // What is in flight stands above the rows.
        let above = self.in_flight(height).len();
        self.requests.view.height = height.saturating_sub(above).max(1);
        self.requests.settle();
        self.sessions.settle();
        self.tools.settle();
        self.output.resize(layout::list_width(self.size));
        self.output.settle();
        self.changes.settle();
        if let Some(detail) = &mut self.detail {
            let facts = layout::facts_height(self.size, detail);
            detail.resize(layout::side_sizes(self.size, facts, detail.wraps));
        }
        if let Some(line) = &mut self.help {
            *line = (*line).min(layout::last_help_line(self.size));
        }
    }

    /// Whether the screen has to be drawn again.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What is lacking now. To be asked after events, for each lack is reported once.
    pub(super) fn queries(&mut self) -> (ListQueries, SumQueries) {
        self.lay_out();
        let mut lists = ListQueries::default();
        let mut sums = SumQueries::default();
        if self.head.is_none() {
            return (lists, sums);
        }
        self.requests.queries(self.now_ms, &mut lists);
        lists.failure = self.wanted_failure.take();
        lists.whole = self.detail.as_mut().and_then(Detail::queries);
        lists.ended = self.detail.as_mut().and_then(Detail::ended_query);
        // What is paused stays as it was; what was never read is read.
        let is_still = self.paused_at.is_some();
        match self.pane {
            Pane::Sessions if !is_still || self.sessions.is_loading() => {
                self.sessions.queries(self.now_ms, &mut lists);
            }
            Pane::Tools if !is_still || self.tools.sums().is_none() => {
                sums.tools = self.tools.queries(&self.setting.base, self.now_ms);
            }
            Pane::Output if !is_still || !self.output.is_loaded => {
                lists.outputs = self.output.queries(self.now_ms);
            }
            Pane::Changes if !is_still || !self.changes.is_loaded => {
                sums.changes = self.changes.queries(self.now_ms);
            }
            _ => {}
        }
        (lists, sums)
    }

    /// When something is to be asked although nothing happens; unix milliseconds.
    pub(super) fn due_at(&self) -> Option<i64> {
        if self.paused_at.is_some() || self.head.is_none() {
            return None;
        }
        let of_pane = match self.pane {
            Pane::Requests => self.requests.due_at(),
            Pane::Sessions => self.sessions.due_at(),
            Pane::Tools => self.tools.due_at(),
            Pane::Output => self.output.due_at(),
            Pane::Changes => self.changes.due_at(),
        };
        let tick = self
            .now_ms
            .saturating_add(CLOCK_MS - self.now_ms % CLOCK_MS);
        let of_clock = (!self.open.is_empty()).then_some(tick);
        [of_pane, of_clock].into_iter().flatten().min()
    }

    /// The places that keys are looked up in.
    fn places(&self) -> &'static [KeyPlace] {
        if self.help.is_some() {
            &[KeyPlace::Help, KeyPlace::Everywhere]
        } else if self.detail.is_some() {
            &[KeyPlace::Detail, KeyPlace::Everywhere, KeyPlace::Lists]
        } else if self.pane == Pane::Tools {
            &[KeyPlace::Tools, KeyPlace::Lists, KeyPlace::Everywhere]
        } else {
            &[KeyPlace::Lists, KeyPlace::Everywhere]
        }
    }

    fn key(&mut self, key: crossterm::event::KeyEvent) -> Option<AppEffect> {
        self.notice = None;
        if self.prompt.is_some() {
            return self.typed(key);
        }
        let command = keys::command(key, self.places())?;
        self.act(command)
    }

    /// Takes in what the store says.
    fn take(&mut self, answer: Answer) -> Option<AppEffect> {
        let has_changed = match answer {
            Answer::Head(head) => {
                self.stands_at(head);
                true
            }
            Answer::Rows(rows) => {
                let has_changed = self.requests.take(rows);
                self.follow_detail();
                has_changed
            }
            Answer::Failure {
                generation,
                toward,
                found,
            } => {
                self.notice = self
                    .requests
                    .take_failure(generation, toward, found)
                    .map(str::to_owned);
                true
            }
            Answer::Present { ask, rows } => self.requests.keep_present(&ask, &rows),
            Answer::Whole { seq, whole } => self.take_whole(seq, whole),
            Answer::Ended { key, seq } => self.take_ended(key, seq),
            Answer::Sessions {
                ask,
                rows,
                failed,
                more,
            } => {
                self.sessions.learn_failed(failed);
                self.sessions.take(&ask, rows, more)
            }
            Answer::Tools { tools, took_ms } => {
                self.tools.take(tools, took_ms, self.now_ms);
                true
            }
            Answer::Outputs(runs) => self.output.take(&runs),
            Answer::Changes(changes) => {
                self.changes.take(changes);
                true
            }
            Answer::ServerDeaths(deaths) => self.requests.take_server_deaths(deaths),
            Answer::Open(open) => self.take_open(open),
            Answer::Trouble(trouble) => {
                self.trouble = trouble;
                true
            }
            Answer::Failed(why) => return Some(AppEffect::End(AppEnd::Failed(why))),
        };
        self.changed |= has_changed;
        None
    }

    /// The store stands here now.
    fn stands_at(&mut self, head: Head) {
        let before = self.head.replace(head);
        let is_another = before
            .is_some_and(|before| before.store_id != head.store_id || before.cursor > head.cursor);
        if is_another {
            self.paused_at = None;
            self.requests.forget();
            self.sessions.begin();
            self.tools.make_anew();
            self.output.forget();
            self.detail = None;
        }
        self.sessions.may_have_changed();
        self.tools.may_have_changed();
        self.changes.may_have_changed();
        let last = self.paused_at.unwrap_or(head.cursor);
        if before.is_none() || is_another {
            self.requests.begin_at(last);
        }
        self.requests.reaches(last);
        self.requests.may_have_lost_rows();
    }

    fn take_whole(&mut self, seq: i64, whole: Option<Box<OpenedRequest>>) -> bool {
        let Some(detail) = self.detail.as_mut().filter(|detail| detail.seq == seq) else {
            return false;
        };
        if let Some(whole) = whole {
            detail.take(whole);
            // One that was in flight when it was opened is a row by now.
            self.requests.choose_number(seq);
        } else {
            self.detail = None;
            self.notice = Some(format!("request {seq} is not in the store any more"));
        }
        true
    }

    /// While a request is open, going to a failure opens that.
    fn follow_detail(&mut self) {
        let chosen = self.requests.chosen().and_then(Row::seq);
        let is_other = self
            .detail
            .as_ref()
            .is_some_and(|detail| Some(detail.seq) != chosen);
        if self.requests.take_arrived() && is_other {
            self.open_chosen();
        }
    }

    fn seek_failure(&mut self, toward: ScanDirection) {
        let down = toward == ScanDirection::Newer;
        let found = match self.pane {
            Pane::Requests => return self.seek_failed_request(toward),
            Pane::Sessions => self.sessions.seek_failure(down),
            Pane::Tools => self.tools.seek_failure(down),
            Pane::Output => self.output.seek_failure(down),
            Pane::Changes => self.changes.seek_failure(down),
        };
        if !found {
            let which = if down {
                "no later failure"
            } else {
                "no earlier failure"
            };
            self.notice = Some(which.to_owned());
        }
    }
}

fn signalled(signal: i32) -> AppEffect {
    use signal_hook::consts::{SIGCONT, SIGTSTP};
    match signal {
        SIGTSTP => AppEffect::Suspend,
        SIGCONT => AppEffect::Redraw,
        signal => AppEffect::End(AppEnd::Signal(signal)),
    }
}

#[cfg(test)]
mod tests;
