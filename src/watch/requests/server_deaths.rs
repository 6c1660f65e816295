//! Servers that died, as rows among the requests: where they stand, and that what one looks at stays where it is
//! when they come. Pure.

use super::{PageEnd, RequestList};
use crate::watch::needle::Needle;
use crate::watch::queries::{Row, ServerDeath};
use std::collections::VecDeque;

impl RequestList {
    /// Takes in which servers died, in the order of that; whether that is to be seen.
    pub(in crate::watch) fn take_server_deaths(&mut self, deaths: Vec<ServerDeath>) -> bool {
        self.deaths = deaths;
        self.place_server_deaths();
        self.settle();
        true
    }

    /// Shows none that died later, while the list is paused.
    pub(in crate::watch) fn show_deaths_until(&mut self, at: Option<i64>) {
        self.deaths_until = at;
        self.place_server_deaths();
    }

    /// Puts each before the first row that was over later, as that is the order of storing. They are put there anew
    /// whenever rows have come or gone: only a row beside them says where they belong.
    pub(super) fn place_server_deaths(&mut self) {
        let has = |is_end| self.rows.iter().any(|row| row.entry().is_none() == is_end);
        // Requests of an earlier list stand there until the first answer, which a store without any never gives.
        if self.is_stale && has(false) || self.deaths.is_empty() && !has(true) {
            return;
        }
        let at = |at: usize| self.rows.get(at).cloned();
        let (top, chosen) = (at(self.view.top), at(self.view.chosen));
        let needle = Needle::new(&self.query.text);
        let mut meant = self.deaths.clone();
        meant.retain(|end| self.shows(end, needle.as_ref()));
        let mut ends = meant.into_iter().peekable();
        // Before the first row that was fetched may stand others, and behind the last, too.
        let is_whole_above = self.older == PageEnd::Nothing;
        let mut placed = VecDeque::with_capacity(self.rows.len());
        for row in std::mem::take(&mut self.rows) {
            if row.entry().is_none() {
                continue;
            }
            while let Some(end) = ends.next_if(|end| end.at < row.over_at()) {
                if is_whole_above || !placed.is_empty() {
                    placed.push_back(Row::ServerDeath(end));
                }
            }
            placed.push_back(row);
        }
        if self.is_complete() && (is_whole_above || !placed.is_empty()) {
            placed.extend(ends.map(Row::ServerDeath));
        }
        self.rows = placed;
        let place = |row: Option<Row>| self.rows.iter().position(|it| Some(it) == row.as_ref());
        let (top, chosen) = (place(top), place(chosen));
        self.view.top = top.unwrap_or(self.view.top);
        self.view
            .choose(chosen.unwrap_or(self.view.chosen), self.rows.len());
    }

    fn shows(&self, end: &ServerDeath, needle: Option<&Needle>) -> bool {
        let filter = &self.query.filter;
        let is_stated =
            |needle: &Needle| needle.is_in(&end.text) || needle.is_in(&end.session.proxy);
        filter.takes_server_end(&end.session)
            && filter.holds_time(end.at)
            && self.deaths_until.is_none_or(|until| end.at <= until)
            && needle.is_none_or(is_stated)
    }
}

#[cfg(test)]
mod tests {
    use crate::watch::testing::{Bench, NOW};

    const DIED: &str = "── server exited with code 1: Cannot find module 'foo' ──";

    fn line_of(screen: &str, text: &str) -> Option<usize> {
        screen.lines().position(|line| line.contains(text))
    }

    /// Requests end a second apart, the last of 60 at `NOW - 99_940_000`.
    fn ended(n: i64) -> i64 {
        NOW - 100_000_000 + n * 1000
    }

    #[test]
    fn a_server_that_died_stands_where_it_did_among_the_requests() {
        let mut bench = Bench::over(60);
        bench.store.add_death("session-1", ended(57) + 500);
        bench.wait(2_000);
        let screen = bench.screen();
        let at = line_of(&screen, DIED).expect("it is shown at 80 columns");
        assert_eq!(line_of(&screen, "number=57"), Some(at - 1), "{screen}");
        assert_eq!(line_of(&screen, "number=58"), Some(at + 1), "{screen}");
        // It is the newest thing that happened until something else is.
        bench.store.add_death("session-2", ended(60) + 500);
        bench.wait(2_000);
        let screen = bench.screen();
        let last = screen.lines().rev().nth(1).unwrap_or_default();
        assert!(last.starts_with('▶') && last.contains(DIED), "{screen}");
        bench.store.add(1);
        bench.wait(2_000);
        assert_eq!(bench.chosen(), Some(61));
    }

    #[test]
    fn what_one_looks_at_stays_where_it_is_when_a_server_dies_above_it() {
        let mut bench = Bench::over(400);
        bench.keys("bbkk");
        let before = bench.screen();
        bench.store.add_death("session-2", ended(3));
        bench.store.add_death("session-1", ended(399));
        bench.wait(2_000);
        let rows = |screen: &str| {
            screen
                .lines()
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&before), rows(&bench.screen()));
        // Rows that slide out and in again bring it back once.
        bench.keys("g");
        assert_eq!(
            bench.screen().matches(DIED).count(),
            1,
            "{}",
            bench.screen()
        );
        bench.keys("G");
        assert_eq!(
            bench.screen().matches(DIED).count(),
            1,
            "{}",
            bench.screen()
        );
    }

    #[test]
    fn a_server_that_died_leads_to_its_session_and_is_no_failure_of_a_request() {
        let mut bench = Bench::over(60);
        bench.store.add_death("session-3", ended(59) + 500);
        bench.wait(2_000);
        bench.keys("k");
        assert_eq!(bench.chosen(), None, "{}", bench.screen());
        bench.keys("<Enter>");
        let screen = bench.screen();
        assert!(screen.contains("session session-3"), "{screen}");
        assert!(screen.contains("4 shows what it wrote"), "{screen}");
        assert!(line_of(&screen, DIED).is_some(), "{screen}");
        bench.keys("x");
        // Of one tool nobody knows whether it has to do with it.
        bench.keys("t");
        assert!(
            line_of(&bench.screen(), DIED).is_none(),
            "{}",
            bench.screen()
        );
        bench.keys("x/find module<Enter>");
        let screen = bench.screen();
        assert!(line_of(&screen, DIED).is_some(), "{screen}");
        bench.keys("/nowhere<Enter>");
        assert!(line_of(&bench.screen(), DIED).is_none());
        bench.keys("xE");
        assert_eq!(bench.chosen(), Some(50), "the last request that failed");
    }

    #[test]
    fn a_server_that_dies_while_it_is_paused_is_shown_when_it_goes_on() {
        let mut bench = Bench::over(60);
        bench.wait(2_000);
        bench.keys("p");
        bench.store.add_death("session-1", NOW + 3_000);
        bench.wait(5_000);
        assert!(
            line_of(&bench.screen(), DIED).is_none(),
            "{}",
            bench.screen()
        );
        bench.keys("p");
        bench.wait(1_000);
        assert!(
            line_of(&bench.screen(), DIED).is_some(),
            "{}",
            bench.screen()
        );
    }

    #[test]
    fn a_server_that_could_not_be_started_is_shown_although_nothing_was_asked() {
        let mut bench = Bench::over(0);
        bench.store.add_death("session-1", NOW);
        bench.wait(2_000);
        assert!(
            line_of(&bench.screen(), DIED).is_some(),
            "{}",
            bench.screen()
        );
        bench.keys("/nowhere");
        assert!(line_of(&bench.screen(), DIED).is_none());
        bench.keys("<Esc>");
        assert!(line_of(&bench.screen(), DIED).is_some());
        bench.store.add(1);
        bench.wait(2_000);
        let screen = bench.screen();
        assert!(
            screen.contains("number=1") && line_of(&screen, DIED).is_some(),
            "{screen}"
        );
    }
}
