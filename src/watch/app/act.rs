//! What each key does.

use super::{App, AppEffect, AppEnd, Pane};
use crate::watch::detail::Detail;
use crate::watch::draw::layout;
use crate::watch::keys::KeyCommand;
use crate::watch::prompt::{Prompt, Purpose};
use crate::watch::queries::{Row, ScanDirection};
use mcpr_store::query::Entry;

impl App {
    /// Does what a key asks for.
    pub(super) fn act(&mut self, command: KeyCommand) -> Option<AppEffect> {
        match command {
            KeyCommand::Quit => return Some(AppEffect::End(AppEnd::Left)),
            KeyCommand::Interrupt => {
                return Some(AppEffect::End(AppEnd::Signal(signal_hook::consts::SIGINT)));
            }
            KeyCommand::Suspend => return Some(AppEffect::Suspend),
            KeyCommand::Redraw => return Some(AppEffect::Redraw),
            KeyCommand::Copy => return self.copy(),
            KeyCommand::Report => return Some(self.report()),
            KeyCommand::Help => self.help = if self.help.is_some() { None } else { Some(0) },
            KeyCommand::Back if self.help.is_some() => self.help = None,
            KeyCommand::Back => self.detail = None,
            KeyCommand::Down => self.go(1),
            KeyCommand::Up => self.go(-1),
            KeyCommand::PageDown => self.go(self.page()),
            KeyCommand::PageUp => self.go(-self.page()),
            KeyCommand::First => self.go_to_first(),
            KeyCommand::Last => self.go_to_last(),
            // In the help, only what leaves or moves it means something.
            _ if self.help.is_some() => {}
            command => self.act_on_list(command),
        }
        None
    }

    fn act_on_list(&mut self, command: KeyCommand) {
        match command {
            KeyCommand::Pane(number) => {
                if let Some(&pane) = self.panes.get(number) {
                    self.pane = pane;
                    // Whoever reads a request wants to see the other list.
                    self.detail = None;
                }
            }
            KeyCommand::NextPane => self.turn_to(1),
            KeyCommand::PreviousPane => self.turn_to(self.panes.len() - 1),
            KeyCommand::InFlight => self.choose_in_flight(),
            KeyCommand::Open => self.open(),
            KeyCommand::Filter => self.type_filter(),
            KeyCommand::NextFailure => self.seek_failure(ScanDirection::Newer),
            KeyCommand::PreviousFailure => self.seek_failure(ScanDirection::Older),
            KeyCommand::Pause => self.pause(),
            KeyCommand::OnlyTool => self.only_this_tool(),
            KeyCommand::OnlySession => self.only_this_session(),
            KeyCommand::Clear => self.clear_filters(),
            KeyCommand::Longer => self.change_window(true),
            KeyCommand::Shorter => self.change_window(false),
            KeyCommand::SortRight => self.tools.sort_by_next(true),
            KeyCommand::SortLeft => self.tools.sort_by_next(false),
            KeyCommand::Reverse => self.tools.reverse(),
            KeyCommand::NextRow => self.open_neighbour(1),
            KeyCommand::PreviousRow => self.open_neighbour(-1),
            command => self.act_on_detail(command),
        }
    }

    fn act_on_detail(&mut self, command: KeyCommand) {
        let Some(detail) = &mut self.detail else {
            return;
        };
        match command {
            KeyCommand::OtherSide => detail.focus = 1 - detail.focus,
            KeyCommand::Fold => detail.side().fold(None),
            KeyCommand::FoldIn => detail.side().fold(Some(true)),
            KeyCommand::Unfold => detail.side().fold(Some(false)),
            KeyCommand::FoldAll => detail.side().fold_all(),
            KeyCommand::Wrap => detail.wraps = !detail.wraps,
            KeyCommand::NextMatch => self.search_again(true),
            KeyCommand::PreviousMatch => self.search_again(false),
            KeyCommand::Write => self.type_path(),
            _ => {}
        }
    }

    fn turn_to(&mut self, steps: usize) {
        let at = self.panes.iter().position(|&pane| pane == self.pane);
        let next = (at.unwrap_or(0) + steps) % self.panes.len();
        self.pane = self.panes[next];
    }

    /// Rows of a page, of which one stays in sight.
    fn page(&self) -> isize {
        let height = match (&self.detail, self.pane) {
            _ if self.help.is_some() => layout::help_height(self.size),
            (Some(detail), _) => detail.sides[detail.focus].size.height,
            (None, Pane::Requests) => self.requests.view.height,
            (None, Pane::Sessions) => self.sessions.view.height,
            (None, Pane::Tools) => self.tools.view.height,
            (None, Pane::Output) => self.output.view.height,
            (None, Pane::Changes) => self.changes.view.height,
        };
        isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(1)
    }

    fn go(&mut self, rows: isize) {
        if let Some(line) = &mut self.help {
            *line = line
                .saturating_add_signed(rows)
                .min(layout::last_help_line(self.size));
            return;
        }
        if let Some(detail) = &mut self.detail {
            let side = detail.side();
            return side.body.go(rows, side.size);
        }
        match self.pane {
            Pane::Requests => {
                if !self.go_in_flight(rows) {
                    self.requests.go(rows);
                }
            }
            Pane::Sessions => self.sessions.go(rows),
            Pane::Tools => self.tools.go(rows),
            Pane::Output => self.output.go(rows),
            Pane::Changes => self.changes.go(rows),
        }
    }

    fn go_to_first(&mut self) {
        if let Some(line) = &mut self.help {
            *line = 0;
            return;
        }
        if let Some(detail) = &mut self.detail {
            return detail.side().body.go_to_first();
        }
        match self.pane {
            Pane::Requests => {
                self.open_choice = None;
                self.requests.go_to_first();
            }
            Pane::Sessions => self.sessions.go_to_first(),
            Pane::Tools => self.tools.view.first(),
            Pane::Output => self.output.view.first(),
            Pane::Changes => self.changes.view.first(),
        }
    }

    fn go_to_last(&mut self) {
        if let Some(line) = &mut self.help {
            *line = layout::last_help_line(self.size);
            return;
        }
        if let Some(detail) = &mut self.detail {
            let side = detail.side();
            return side.body.go_to_last(side.size);
        }
        match self.pane {
            Pane::Requests => {
                self.open_choice = None;
                self.requests.go_to_last();
            }
            Pane::Sessions => self.sessions.go_to_last(),
            Pane::Tools => self.tools.go_to_last(),
            Pane::Output => self.output.go_to_last(),
            Pane::Changes => self.changes.go_to_last(),
        }
    }

    fn open(&mut self) {
        match self.pane {
            Pane::Requests => {
                if !self.open_in_flight() {
                    self.open_chosen();
                }
            }
            Pane::Sessions | Pane::Output => self.only_this_session(),
            Pane::Tools => self.only_this_tool(),
            // A change is whole in its row.
            Pane::Changes => {}
        }
    }

    /// Opens the request that is chosen.
    pub(super) fn open_chosen(&mut self) {
        let Some(row) = self.requests.chosen() else {
            return;
        };
        let seq = match row {
            Row::Stored {
                entry: Entry::Request(row),
                ..
            } => row.seq,
            Row::Stored { .. } => {
                self.notice =
                    Some("a gap stands for what was lost: there is nothing to open".to_owned());
                return;
            }
            Row::ServerDeath(_) => {
                self.only_this_session();
                self.notice =
                    Some("only what this server was asked; 4 shows what it wrote".to_owned());
                return;
            }
        };
        // What one reads stays, whatever comes in.
        self.requests.follows = false;
        self.detail = Some(Detail::opening(seq, self.detail.as_ref()));
    }

    fn open_neighbour(&mut self, rows: isize) {
        let open = self.chosen_in_flight().map(|(_, open)| open.key);
        if self.go_in_flight(rows) && self.open_choice != open {
            // From one in flight to the next, or back to the newest row.
            if !self.open_in_flight() {
                self.open_chosen();
            }
            return;
        }
        if open.is_some() {
            self.notice = Some("this is the newest".to_owned());
            return;
        }
        let before = self.requests.view.chosen;
        self.requests.go(rows);
        // Gaps and servers that ended are passed over.
        while self
            .requests
            .chosen()
            .is_some_and(|row| row.request().is_none())
        {
            let at = self.requests.view.chosen;
            self.requests.go(rows);
            if self.requests.view.chosen == at {
                break;
            }
        }
        let chosen = self.requests.chosen();
        if self.requests.view.chosen == before || chosen.is_none_or(|row| row.request().is_none()) {
            self.requests
                .view
                .choose(before, self.requests.rows().len());
            let which = if rows > 0 {
                "this is the newest"
            } else {
                "this is the oldest"
            };
            self.notice = Some(which.to_owned());
            return;
        }
        self.open_chosen();
    }

    pub(super) fn seek_failed_request(&mut self, toward: ScanDirection) {
        // Nothing in flight has failed yet.
        self.open_choice = None;
        match self.requests.seek_failure(toward) {
            Some(ask) => self.wanted_failure = Some(ask),
            None if self.detail.is_some() => self.open_chosen(),
            None => {}
        }
    }

    fn pause(&mut self) {
        let Some(head) = self.head else { return };
        self.paused_at = match self.paused_at {
            Some(_) => None,
            None => Some(head.cursor),
        };
        self.requests.reaches(self.paused_at.unwrap_or(head.cursor));
        let until = self.paused_at.map(|_| self.now_ms);
        self.requests.show_deaths_until(until);
    }

    fn change_window(&mut self, longer: bool) {
        if !self.tools.change_window(longer) {
            let which = if longer {
                "the longest window"
            } else {
                "the shortest window"
            };
            self.notice = Some(format!("this is {which}"));
        }
    }

    fn copy(&mut self) -> Option<AppEffect> {
        let detail = self.detail.as_mut()?;
        let Some(text) = detail.side().text.clone() else {
            self.notice = Some("there is nothing to copy on this side".to_owned());
            return None;
        };
        let size = crate::render::units::bytes(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.notice = Some(format!("gave {size} to the terminal's clipboard (OSC 52)"));
        Some(AppEffect::Copy(text))
    }

    /// Asks for a report of what the list of requests shows. It sums up, so that the text of `/` has no part in it.
    fn report(&mut self) -> AppEffect {
        self.notice = Some("making the report …".to_owned());
        AppEffect::Report(Box::new(self.requests.query.filter.clone()))
    }

    fn type_path(&mut self) {
        let Some(detail) = self.detail.as_ref().filter(|detail| detail.whole.is_some()) else {
            return;
        };
        self.prompt = Some(Prompt {
            purpose: Purpose::WriteTo,
            text: match detail.open_key {
                Some(_) => "mcpr-in-flight.json".to_owned(),
                None => format!("mcpr-{}.json", detail.seq),
            },
        });
    }

    fn search_again(&mut self, down: bool) {
        let Some(detail) = &mut self.detail else {
            return;
        };
        if detail.search.is_empty() {
            self.notice = Some("nothing to search for yet: `/` asks".to_owned());
        } else if !detail.search_again(down) {
            self.notice = Some(format!("`{}` is not on this side", detail.search));
        }
    }
}
