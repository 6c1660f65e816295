//! The requests in flight: which of them are shown, chosen and opened, and how many there are of what.

use super::{App, Pane};
use crate::render::{RequestDetails, shown_document, shown_facts};
use crate::watch::detail::Detail;
use crate::watch::draw::layout;
use crate::watch::needle::Needle;
use crate::watch::queries::{OpenedRequest, Row};
use mcpr_store::query::{Filter, Flight, OpenRow, RequestRow, SessionRow, StatsKey};

impl App {
    /// Takes in what is in flight now; whether that is to be seen.
    pub(super) fn take_open(&mut self, open: Vec<OpenRow>) -> bool {
        self.open = open;
        let base = &self.setting.base;
        let is_meant = |open: &&OpenRow| base.matches(&open.row, open.payload().as_ref());
        let keys = self.pending().filter(is_meant).map(|open| StatsKey {
            proxy: Some(open.row.proxy.clone()),
            method: Some(open.row.method.clone()),
            tool: open.row.tool.clone(),
            ..StatsKey::default()
        });
        self.tools.wait_for(keys.collect());
        self.go_on_with_opened();
        self.paused_at.is_none()
    }

    /// The requests in flight that the list of requests shows above its rows, the newest, in a list of this height.
    pub(in crate::watch) fn in_flight(&self, height: usize) -> Vec<&OpenRow> {
        let query = &self.requests.query;
        let needle = Needle::new(&query.text);
        let is_meant = |open: &&OpenRow| {
            let fields = Filter::grep_fields(&open.row);
            let params = open.params.as_ref().map(|body| &*body.text);
            let mut texts = fields.into_iter().chain([params]).flatten();
            query.filter.matches(&open.row, open.payload().as_ref())
                && needle
                    .as_ref()
                    .is_none_or(|needle| texts.any(|text| needle.is_in(text)))
        };
        let all: Vec<&OpenRow> = self.open.iter().filter(is_meant).collect();
        // A third of the screen at most: the rest is for what has ended.
        let skipped = all.len().saturating_sub(height / 3);
        all[skipped..].to_vec()
    }

    /// How many requests of a tool or method are in flight; `None` while nothing is.
    pub(in crate::watch) fn in_flight_of(&self, key: &StatsKey) -> Option<usize> {
        let is_of_key = |open: &&OpenRow| {
            let row = &open.row;
            let of_name = match &key.tool {
                Some(tool) => row.tool.as_ref() == Some(tool),
                None => row.tool.is_none() && Some(&row.method) == key.method.as_ref(),
            };
            of_name && key.proxy.as_ref().is_none_or(|proxy| *proxy == row.proxy)
        };
        // Nothing at all is distinguished from none of this tool: the column is there for all or for none.
        self.has_pending()
            .then(|| self.pending().filter(is_of_key).count())
    }

    /// How many requests of a session are in flight; `None` while nothing is.
    pub(in crate::watch) fn in_flight_in(&self, session: &SessionRow) -> Option<usize> {
        let is_own = |open: &&OpenRow| session.holds_open(&open.row);
        self.has_pending()
            .then(|| self.pending().filter(is_own).count())
    }

    /// The requests that somebody waits for: a stream is open for hours, and `unknown` is what a recorder left that
    /// is gone.
    fn pending(&self) -> impl Iterator<Item = &OpenRow> {
        let is_pending = |open: &&OpenRow| open.row.flight == Some(Flight::Pending);
        self.open.iter().filter(is_pending)
    }

    /// Whether any request waits for its answer.
    pub(in crate::watch) fn has_pending(&self) -> bool {
        self.pending().next().is_some()
    }

    fn shown_in_flight(&self) -> Vec<&OpenRow> {
        self.in_flight(layout::list_height(self.size, self.has_filters()))
    }

    /// The request in flight that is chosen, and its place among those that are shown.
    pub(in crate::watch) fn chosen_in_flight(&self) -> Option<(usize, &OpenRow)> {
        let key = self.open_choice?;
        let mut shown = self.shown_in_flight().into_iter().enumerate();
        shown.find(|(_, open)| open.key == key)
    }

    /// The request that is chosen, whether it has ended or not.
    pub(super) fn chosen_request(&self) -> Option<&RequestRow> {
        match self.chosen_in_flight() {
            Some((_, open)) => Some(&open.row),
            None => self.requests.chosen().and_then(Row::request),
        }
    }

    /// Chooses the newest of what is in flight; says so where there is nothing.
    pub(super) fn choose_in_flight(&mut self) {
        let newest = self.shown_in_flight().last().map(|open| open.key);
        if newest.is_some() {
            // Whoever was looking at another list wants to see it.
            self.pane = Pane::Requests;
            self.detail = None;
            self.open_choice = newest;
        } else {
            self.notice = Some("nothing is in flight here".to_owned());
        }
    }

    /// Moves the choice where it is, or comes, among what is in flight; whether it did.
    pub(super) fn go_in_flight(&mut self, rows: isize) -> bool {
        let keys: Vec<i64> = self.shown_in_flight().iter().map(|open| open.key).collect();
        let chosen = self
            .open_choice
            .and_then(|key| keys.iter().position(|&it| it == key));
        let Some(at) = chosen else {
            // They stand before the first row.
            let comes = rows < 0 && self.requests.is_at_first() || self.requests.rows().is_empty();
            self.open_choice = keys.last().copied().filter(|_| comes);
            return self.open_choice.is_some();
        };
        let to = isize::try_from(at)
            .unwrap_or(isize::MAX)
            .saturating_add(rows);
        let to = usize::try_from(to).unwrap_or(0);
        // Down over the last of them, back to the row that was left.
        self.open_choice = match keys.get(to) {
            None if self.requests.rows().is_empty() => keys.last().copied(),
            key => key.copied(),
        };
        true
    }

    /// Opens the request in flight that is chosen; whether one is.
    pub(super) fn open_in_flight(&mut self) -> bool {
        let Some((_, open)) = self.chosen_in_flight() else {
            return false;
        };
        let opened = self.opened(open);
        self.detail = Some(Detail::of_open(open.key, opened, self.detail.as_ref()));
        true
    }

    /// What is known of a request in flight.
    fn opened(&self, open: &OpenRow) -> Box<OpenedRequest> {
        let payload = open.payload();
        let shown = RequestDetails::new(&open.row, &[], payload.as_ref()).at(self.now_ms);
        let (facts, document) = (
            shown_facts(&shown, self.setting.zone),
            shown_document(&shown),
        );
        Box::new(OpenedRequest {
            row: open.row.clone(),
            payload,
            output: None,
            facts,
            document,
        })
    }

    /// The clock of a request in flight that is opened goes on, until it has ended.
    pub(super) fn go_on_with_opened(&mut self) {
        let Some(key) = self.detail.as_ref().and_then(|detail| detail.open_key) else {
            return;
        };
        let opened = self.open.iter().find(|open| open.key == key);
        let opened = opened.map(|open| self.opened(open));
        if let Some(detail) = &mut self.detail {
            match opened {
                Some(opened) => detail.whole = Some(opened),
                None => detail.end(),
            }
        }
    }

    /// The request in flight that is opened has ended, and is stored under this number: it turns into that.
    pub(super) fn take_ended(&mut self, key: i64, seq: Option<i64>) -> bool {
        let opened = self.detail.as_mut();
        let Some(detail) = opened.filter(|detail| detail.open_key == Some(key)) else {
            return false;
        };
        self.open_choice = None;
        self.notice = Some(match seq {
            Some(seq) => {
                detail.become_stored(seq);
                "it has ended: this is its answer".to_owned()
            }
            None => "it has ended, and was not stored".to_owned(),
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::watch::testing::{Bench, NOW};

    #[test]
    fn a_tool_whose_only_call_hangs_is_listed_with_it() {
        let mut bench = Bench::over(0);
        bench.store.add_at(NOW - 60_000);
        // Of the same session, and of another tool.
        let _writer = bench.store.add_open(8);
        bench.wait(1_000);
        bench.keys("3");
        let screen = bench.screen();
        let tool = screen.lines().find(|line| line.contains("search"));
        assert!(tool.is_some_and(|line| line.contains("▸ 1")), "{screen}");
        assert_eq!(bench.app.tools.rows().count(), 2);
        bench.keys("2");
        let screen = bench.screen();
        assert!(
            screen.contains("IN FLIGHT") && screen.contains("▸ 1"),
            "{screen}"
        );
    }

    #[test]
    fn what_is_in_flight_is_chosen_and_opened_like_a_row() {
        let mut bench = Bench::over(60);
        let _writer = bench.store.add_open(61);
        bench.wait(100);
        bench.keys("i");
        let screen = bench.screen();
        let chosen = screen.lines().nth(2).expect("the first row");
        assert!(
            chosen.starts_with('▶') && chosen.contains("▸ pending 3s"),
            "it stands above the rows: {screen}"
        );
        bench.keys("<Enter>");
        let screen = bench.screen();
        assert!(
            screen.starts_with("[request in flight] tools/call read_file"),
            "{screen}"
        );
        assert!(
            screen.contains("\"number\": 61") && screen.contains("no answer yet"),
            "{screen}"
        );
        bench.wait(2_000);
        assert!(bench.screen().contains("pending 5s"), "{}", bench.screen());
        // Back to the row that was left, which is the newest.
        bench.keys("<Esc>j");
        assert_eq!(bench.chosen(), Some(60));
        let screen = bench.screen();
        let chosen = screen.lines().find(|line| line.starts_with('▶'));
        assert!(
            chosen.is_some_and(|line| line.contains("number=60")),
            "{screen}"
        );
        bench.keys("gk");
        let screen = bench.screen();
        let chosen = screen.lines().find(|line| line.starts_with('▶'));
        assert!(
            chosen.is_some_and(|line| line.contains("pending")),
            "before the first row stands what is in flight: {screen}"
        );
        bench.keys("t");
        assert!(bench.screen().contains("read_file"), "its tool is chosen");
        bench.keys("xG");
        bench.store.add(1);
        bench.wait(100);
        assert_eq!(bench.chosen(), Some(61), "the answer follows");
    }

    #[test]
    fn an_opened_request_in_flight_turns_into_its_answer_when_it_ends() {
        let mut bench = Bench::over(60);
        let writer = bench.store.add_open(61);
        bench.wait(100);
        bench.keys("i<Enter>");
        assert!(bench.screen().contains("no answer yet"));
        bench.store.end_open(writer, 61);
        bench.wait(200);
        let screen = bench.screen();
        assert!(screen.starts_with("[request 61] tools/call"), "{screen}");
        assert!(
            !screen.contains("no answer yet") && screen.contains("it has ended"),
            "{screen}"
        );
        bench.keys("<Esc>");
        assert_eq!(bench.chosen(), Some(61));
    }

    #[test]
    fn what_is_in_flight_on_the_first_screen_has_the_time_alone() {
        let mut bench = Bench::over(0);
        let _writer = bench.store.add_open(61);
        bench.wait(100);
        let _early = bench.screen();
        bench.store.add_at(NOW - 60_000);
        bench.wait(100);
        let screen = bench.screen();
        let heading = screen.lines().find(|line| line.contains("TIME"));
        assert!(
            heading
                .is_some_and(|line| line.contains("TIME      CALL") && line.contains("ARGUMENTS")),
            "{screen}"
        );
    }
}
