//! What is shown of each list, and how that is typed and chosen.

use super::{App, Pane};
use crate::watch::prompt::{Prompt, Purpose, Typed};
use crate::watch::queries::{Query, Row};
use crossterm::event::KeyEvent;
use mcpr_store::query::{Filter, Pattern, SessionKey, SessionRow, StatsKey};

impl App {
    /// Whether anything is left out that the keys have chosen.
    pub(in crate::watch) fn has_filters(&self) -> bool {
        !self.filters().is_empty()
    }

    /// What the list goes by, in words: a name and a value each.
    pub(in crate::watch) fn filters(&self) -> Vec<(&'static str, String)> {
        let mut words = Vec::new();
        let base = &self.setting.base;
        // Lists of other things are filtered by those of these that they have.
        let is_of_pane = |name: &str| match self.pane {
            Pane::Requests | Pane::Tools => true,
            Pane::Sessions => ["proxy", "session", "client", "since", "until"].contains(&name),
            Pane::Output | Pane::Changes => name == "proxy",
        };
        let of_base = self.setting.base_words.iter();
        words.extend(of_base.filter(|(name, _)| is_of_pane(name)).cloned());
        if self.pane == Pane::Requests {
            if let Some(key) = &self.only_tool {
                let of_proxy = key.proxy.clone().filter(|_| base.proxy.is_none());
                words.extend(of_proxy.map(|proxy| ("proxy", proxy)));
                let name = if key.tool.is_some() { "tool" } else { "method" };
                let value = key.tool.clone().or(key.method.clone());
                words.extend(value.map(|value| (name, value)));
            }
            words.extend(
                self.only_session
                    .as_ref()
                    .map(|key| ("session", key.id.clone())),
            );
        }
        let text = self.text();
        words.extend((!text.is_empty()).then(|| ("text", text.to_owned())));
        words
    }

    /// The text that the list is filtered by.
    fn text(&self) -> &str {
        match self.pane {
            Pane::Requests => &self.requests.query.text,
            Pane::Sessions => &self.sessions.text,
            Pane::Tools => &self.tools.text,
            Pane::Output => &self.output.text,
            Pane::Changes => &self.changes.text,
        }
    }

    fn look_for(&mut self, text: String) {
        match self.pane {
            Pane::Requests => {
                let query = Query {
                    text,
                    ..self.requests.query.clone()
                };
                self.requests.show(query);
            }
            Pane::Sessions => {
                self.sessions.text = text;
                self.sessions.begin();
            }
            Pane::Tools => self.tools.look_for(text),
            Pane::Output => self.output.look_for(text),
            Pane::Changes => self.changes.look_for(text),
        }
    }

    /// Begins to type: a filter in a list, what is searched for in a request.
    pub(super) fn type_filter(&mut self) {
        let prompt = if self.detail.is_some() {
            Prompt {
                purpose: Purpose::Search,
                text: String::new(),
            }
        } else {
            let before = self.text().to_owned();
            Prompt {
                text: before.clone(),
                purpose: Purpose::Filter { before },
            }
        };
        self.prompt = Some(prompt);
    }

    /// Takes a key while something is typed.
    pub(super) fn typed(&mut self, key: KeyEvent) -> Option<super::AppEffect> {
        let prompt = self.prompt.as_mut()?;
        let typed = prompt.key(key);
        let (text, purpose) = (prompt.text.clone(), prompt.purpose.clone());
        if matches!(typed, Typed::Accepted | Typed::Left) {
            self.prompt = None;
        }
        match (typed, purpose) {
            (Typed::Changed, Purpose::Filter { .. }) => self.look_for(text),
            (Typed::Left, Purpose::Filter { before }) if self.text() != before => {
                self.look_for(before);
            }
            (Typed::Changed | Typed::Accepted, Purpose::Search) => {
                self.search_for(text, typed == Typed::Accepted);
            }
            (Typed::Accepted, Purpose::WriteTo) => return self.write_to(&text),
            // Nothing was typed, or it was left.
            _ => {}
        }
        None
    }

    fn search_for(&mut self, text: String, is_whole: bool) {
        let Some(detail) = &mut self.detail else {
            return;
        };
        detail.search = text;
        // What is marked follows the typing; one goes there when it is whole.
        if is_whole && !detail.search_again(true) {
            self.notice = Some(format!("`{}` is not on this side", detail.search));
        }
    }

    fn write_to(&mut self, path: &str) -> Option<super::AppEffect> {
        let whole = self.detail.as_ref()?.whole.as_ref()?;
        if path.trim().is_empty() {
            self.notice = Some("no file named: nothing was written".to_owned());
            return None;
        }
        Some(super::AppEffect::Write {
            path: path.into(),
            text: whole.document.clone(),
        })
    }

    /// Shows only the requests of the tool, or of the method, that is chosen.
    pub(super) fn only_this_tool(&mut self) {
        let key = match self.pane {
            Pane::Tools => self.tools.chosen().map(|row| row.key.clone()),
            Pane::Requests => self.chosen_request().map(|row| StatsKey {
                proxy: Some(row.proxy.clone()),
                method: Some(row.method.clone()),
                tool: row.tool.clone(),
                ..StatsKey::default()
            }),
            Pane::Sessions | Pane::Output | Pane::Changes => None,
        };
        match key {
            // The line that puts all others together names no method.
            Some(key) if key.method.is_some() => {
                self.only_tool = Some(key);
                self.show_requests();
            }
            _ => self.notice = Some("no tool is chosen here".to_owned()),
        }
    }

    /// Shows only the requests of the session that is chosen.
    pub(super) fn only_this_session(&mut self) {
        let key = match self.pane {
            Pane::Sessions => self.sessions.chosen().map(SessionRow::key),
            Pane::Output => self.output.chosen().map(|line| line.session.clone()),
            Pane::Requests => match (self.chosen_request(), self.requests.chosen()) {
                (Some(row), _) => row.session.clone().map(|id| SessionKey {
                    proxy: row.proxy.clone(),
                    id,
                }),
                (None, Some(Row::ServerDeath(end))) => Some(end.session.clone()),
                (None, _) => None,
            },
            Pane::Tools | Pane::Changes => None,
        };
        match key {
            Some(key) => {
                self.only_session = Some(key);
                self.show_requests();
            }
            None => self.notice = Some("no session is chosen here".to_owned()),
        }
    }

    /// Goes to the requests that are chosen now.
    fn show_requests(&mut self) {
        self.pane = Pane::Requests;
        self.detail = None;
        self.filter_anew();
    }

    fn filter_anew(&mut self) {
        let mut filter = self.setting.base.clone();
        if let Some(key) = &self.only_tool {
            filter.proxy = key.proxy.as_deref().map(Pattern::name).or(filter.proxy);
            filter.methods = exactly(key.method.as_deref());
            filter.tools = exactly(key.tool.as_deref());
            filter.kind = None;
        }
        filter.session = self.only_session.clone().or(filter.session);
        let query = Query {
            filter,
            text: self.requests.query.text.clone(),
        };
        self.requests.show(query);
    }

    /// Shows everything again, in the list that one looks at.
    pub(super) fn clear_filters(&mut self) {
        let is_clear = self.text().is_empty();
        match self.pane {
            Pane::Requests => {
                let base: &Filter = &self.setting.base;
                if is_clear && self.requests.query.filter == *base {
                    return;
                }
                (self.only_tool, self.only_session) = (None, None);
                self.requests.query.text.clear();
                self.filter_anew();
            }
            _ if !is_clear => self.look_for(String::new()),
            _ => {}
        }
    }
}

/// A pattern for one name. A name too long for a pattern was never recorded: names are cut.
fn exactly(name: Option<&str>) -> Vec<Pattern> {
    name.map(Pattern::name).into_iter().collect()
}
