//! Calls that a log reports in words and without ids: which beginning an end belongs to, as far as the
//! words say it.

use super::HostLogs;
use crate::Moment;
use mcpr_model::{
    Event, EventKey, Kind, Outcome, Request, SessionState, SessionUpdate, Target, TargetKind,
};
use mcpr_wire::{
    CallStep, CallStepKind, Decoded, Direction, LogConnection, LoggedDuration, LoggedMessages,
};
use std::collections::BTreeMap;
use std::collections::VecDeque;

/// Most calls of a log that are open under a name; of more the oldest is forgotten, as pairing gives it up.
// The names come from the log.
const MAX_OPEN: usize = 1024;
/// Most tools of which something is open at once.
const MAX_TOOLS: usize = 1024;
/// Most calls of a log that are open in all: no more of them wait for their answers.
const MAX_ALL_OPEN: usize = 16_384;

/// What a call is found by: whose it is, and its tool or its own id.
type CallName = (LogConnection, String);

/// A call that has begun.
#[derive(Debug)]
struct OpenCall {
    /// The id that it has among what waits.
    id: String,
    began: Moment,
}

/// The calls that are open.
#[derive(Debug, Default)]
pub(super) struct CallsWithoutIds {
    open: BTreeMap<CallName, VecDeque<OpenCall>>,
    /// How many those are.
    open_count: usize,
    next: u64,
    /// A last line without its newline that was taken: it comes again with it.
    unfinished: Option<u64>,
    /// Lines of one moment that were alike, each of which reports a call of its own.
    alike: Vec<(u64, u64)>,
    alike_at: i64,
}

impl CallsWithoutIds {
    /// Whether a line was taken before, when it had no newline yet.
    fn is_again(&mut self, key: EventKey, may_grow: bool) -> bool {
        if may_grow {
            self.unfinished = Some(key.hash);
            return false;
        }
        self.unfinished.take() == Some(key.hash)
    }

    /// Says when the step that follows was.
    fn at(&mut self, us: i64) {
        if self.alike_at != us {
            self.alike.clear();
            self.alike_at = us;
        }
    }

    /// The key of a line among those of the same moment that read the same.
    fn key_among_alike(&mut self, key: EventKey) -> EventKey {
        let known = self.alike.iter_mut().find(|(hash, _)| *hash == key.hash);
        let Some((hash, count)) = known else {
            // More than these at one moment are one delivery twice.
            if self.alike.len() < MAX_OPEN {
                self.alike.push((key.hash, 0));
            }
            return key;
        };
        *count += 1;
        EventKey::of_bytes(&hash.to_le_bytes(), *count)
    }

    /// Notes that a call has begun, and gives the id that it waits under.
    fn begin(&mut self, name: CallName, began: Moment) -> String {
        let id = format!("{} {}", name.1, self.next);
        self.next += 1;
        // Names of calls that never end must not fill the memory.
        let is_one_more = !self.open.contains_key(&name) && self.open.len() >= MAX_TOOLS;
        if (is_one_more || self.open_count >= MAX_ALL_OPEN)
            && let Some((_, calls)) = self.open.pop_first()
        {
            self.open_count -= calls.len();
        }
        let calls = self.open.entry(name).or_default();
        if calls.len() >= MAX_OPEN && calls.pop_front().is_some() {
            self.open_count -= 1;
        }
        self.open_count += 1;
        let id_held = id.clone();
        calls.push_back(OpenCall { id: id_held, began });
        id
    }

    /// The id of the call that an end belongs to, and whether another one may be meant as well.
    fn end(
        &mut self,
        name: &CallName,
        at: Moment,
        took: Option<LoggedDuration>,
    ) -> (Option<String>, bool) {
        let Some(calls) = self.open.get_mut(name) else {
            return (None, false);
        };
        // The length in the log shows which of several it was: it rounds, so that it may fit two.
        let off = |call: &OpenCall| {
            let lasted = at.at.saturating_duration_since(call.began.at).as_micros();
            let lasted = i64::try_from(lasted).unwrap_or(i64::MAX);
            took.map_or(0, |took| (lasted - took.us).abs())
        };
        let within = took.map_or(0, |took| took.within_us);
        let fitting = calls.iter().filter(|call| off(call) <= within).count();
        let best = (0..calls.len()).min_by_key(|&at| off(&calls[at]));
        let found = best.and_then(|at| calls.remove(at));
        self.open_count -= usize::from(found.is_some());
        if calls.is_empty() {
            self.open.remove(name);
        }
        (found.map(|call| call.id), fitting > 1)
    }
}

impl HostLogs {
    /// Takes what a line reports about calls in words; rows go to its events. Says whether it was a guess which
    /// call one belongs to.
    pub(crate) fn take_call_steps(&mut self, decoded: &mut Decoded, may_grow: bool) -> bool {
        let mut is_ambiguous = false;
        for step in decoded.call_steps.drain(..) {
            if !self.without_ids.is_again(step.key, may_grow) {
                is_ambiguous |= self.take_call_step(&step, &mut decoded.events);
            }
        }
        is_ambiguous
    }

    fn take_call_step(&mut self, step: &CallStep, events: &mut Vec<Event>) -> bool {
        let us = self.moment_of(step.at);
        let moment = self.moment(us);
        self.without_ids.at(us);
        let own_name = step.call_id.as_ref().unwrap_or(&step.tool);
        let name = (step.of.clone(), own_name.to_string());
        let CallStepKind::Ended { outcome, took } = &step.what else {
            let id = self.without_ids.begin(name, moment);
            let message = step.request(&id);
            self.take(frame(step, Direction::ToServer, message), events);
            return false;
        };
        // Each time, for a delivery that comes again must say the same.
        events.extend(conversation_of(step, moment.ts));
        let (id, is_ambiguous) = self.without_ids.end(&name, moment, *took);
        // A line that reads as one before it is another call only where one is open for it: else it came twice.
        let own_key = self.without_ids.key_among_alike(step.key);
        let Some(id) = id else {
            let mut row = unbegun(step, outcome, moment);
            row.format = self.format;
            events.push(Event::Request(row));
            return false;
        };
        let first = events.len();
        let message = CallStep::answer(&id, outcome);
        self.take(frame(step, Direction::ToClient, message), events);
        // Its end makes the row: where reading goes on between the two, the end is all that is read again.
        for at in first..events.len() {
            if let Event::Request(row) = &mut events[at] {
                let began = std::mem::replace(&mut row.key, own_key);
                events.push(Event::Withdrawn(began.hash));
            }
        }
        is_ambiguous
    }
}

fn frame(step: &CallStep, direction: Direction, message: mcpr_wire::Message) -> LoggedMessages {
    LoggedMessages {
        of: step.of.clone(),
        at: step.at,
        direction,
        messages: vec![message],
    }
}

/// The session of a conversation, where the log says one.
fn conversation_of(step: &CallStep, ts: i64) -> Option<Event> {
    let (session_id, conversation) = (step.of.session_id.clone()?, step.conversation.clone()?);
    Some(Event::Session(SessionUpdate {
        session_id,
        proxy: Some(step.of.server.clone()),
        ts,
        started_at: None,
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: Some(conversation),
    }))
}

/// The row of a call whose beginning was not read. How long it took is unknown: the sentence rounds, and stands
/// where it ended.
fn unbegun(step: &CallStep, outcome: &Outcome, at: Moment) -> Request {
    let (key, proxy, ts) = (step.key, step.of.server.clone(), at.ts);
    Request {
        session_id: step.of.session_id.clone(),
        target: Some(Target {
            kind: TargetKind::Tool,
            name: step.tool.clone(),
        }),
        outcome: outcome.clone(),
        ..Request::new(key, ts, proxy, Kind::Mcp, "tools/call".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LineDecoder, LineOptions};

    const DAY: &str = "2026-11-01T00:00";

    fn line(second: &str, sentence: &str) -> String {
        format!(
            r#"{{"debug":"{sentence}","timestamp":"{DAY}:{second}Z","sessionId":"c","cwd":"/"}}"#
        )
    }

    /// A row's tool, start within the minute, latency, and whether it failed.
    type PairedRow = (String, i64, Option<i64>, bool);

    /// The rows, and whether a guess was reported.
    fn rows(lines: &[String]) -> (Vec<PairedRow>, bool) {
        let options = LineOptions::default();
        let mut decoder = LineDecoder::new("log", "files", options.clone());
        for line in lines {
            decoder.line(0, line.as_bytes(), 0);
        }
        let events = decoder.take().events;
        let rows = events.iter().filter_map(|event| match event {
            Event::Request(row) => {
                assert_eq!(
                    (row.request_id.as_ref(), row.bytes_in, row.bytes_out),
                    (None, None, None)
                );
                let tool = row.target.as_ref().map(|it| it.name.to_string());
                let failed = row.outcome.error_kind.is_some();
                Some((
                    tool.unwrap_or_default(),
                    row.ts % 60_000,
                    row.latency_us,
                    failed,
                ))
            }
            _ => None,
        });
        (rows.collect(), !options.notes.take().is_empty())
    }

    #[test]
    fn calls_that_never_end_are_kept_up_to_a_number() {
        let mut calls = CallsWithoutIds::default();
        let moment = Moment::now();
        for number in 0..3 * MAX_ALL_OPEN {
            let tool = format!("t{}", number % 20);
            calls.begin((LogConnection::of_server("p"), tool), moment);
            let held: usize = calls.open.values().map(VecDeque::len).sum();
            assert_eq!(held, calls.open_count);
            assert!(held <= MAX_ALL_OPEN, "{held}");
        }
    }

    #[test]
    fn latency_is_the_difference_of_the_times_and_a_failure_is_one_row() {
        let failure = line("03.001", "no note").replace("debug", "error");
        let lines = [
            line("01.000", "Calling MCP tool: find"),
            line("02.250", "Tool 'find' completed successfully in 1s"),
            line("02.900", "Calling MCP tool: open"),
            line("03.000", "Tool 'open' failed after 0s: no note"),
            failure,
        ];
        let expected = [
            ("find".to_owned(), 1_000, Some(1_250_000), false),
            ("open".to_owned(), 2_900, Some(100_000), true),
        ];
        assert_eq!(rows(&lines), (expected.to_vec(), false));
    }

    #[test]
    fn of_two_calls_of_one_tool_the_length_shows_which_ended_and_else_it_is_reported_to_be_a_guess()
    {
        let began = [
            line("01.000", "Calling MCP tool: find"),
            line("02.000", "Calling MCP tool: find"),
        ];
        let clear = [
            line("02.300", "Tool 'find' completed successfully in 300ms"),
            line("09.000", "Tool 'find' completed successfully in 8s"),
        ];
        let expected = [
            ("find".to_owned(), 2_000, Some(300_000), false),
            ("find".to_owned(), 1_000, Some(8_000_000), false),
        ];
        assert_eq!(
            rows(&[&began[..], &clear].concat()),
            (expected.to_vec(), false)
        );
        let unclear = [
            line("05.000", "Tool 'find' completed successfully in 3s"),
            line("05.100", "Tool 'find' failed after 3s: no note"),
        ];
        let (paired, is_guess) = rows(&[&began[..], &unclear].concat());
        assert_eq!((paired.len(), is_guess), (2, true));
        assert_eq!(paired.iter().filter(|row| row.3).count(), 1, "{paired:?}");
    }

    #[test]
    fn calls_of_one_moment_are_as_many_as_their_lines() {
        let began = line("01.000", "Calling MCP tool: find");
        let ended = line("01.500", "Tool 'find' completed successfully in 500ms");
        let (paired, is_guess) = rows(&[began.clone(), began, ended.clone(), ended]);
        assert_eq!((paired.len(), is_guess), (2, true));
        let lone = line("01.500", "Tool 'find' completed successfully in 500ms");
        // When it began, and so how long it took, is unknown.
        let expected = ("find".to_owned(), 1_500, None, false);
        assert_eq!(rows(&[lone]), (vec![expected], false));
    }

    #[test]
    fn a_delivery_that_comes_again_says_the_same() {
        let began = line("01.000", "Calling MCP tool: find");
        let ended = line("01.500", "Tool 'find' completed successfully in 500ms");
        let lone = line("01.500", "Tool 'open' completed successfully in 500ms");
        for body in [began + "\n" + &ended, lone] {
            let mut decoder = LineDecoder::new("post", "files", LineOptions::default());
            let mut paired = || {
                decoder.lines(body.as_bytes(), 0);
                decoder.take().events
            };
            assert_eq!(paired(), paired(), "{body}");
        }
    }

    #[test]
    fn a_last_line_that_gets_its_newline_is_no_second_call() {
        let mut decoder = LineDecoder::new("log", "files", LineOptions::default());
        let began = line("01.000", "Calling MCP tool: find");
        let ended = line("01.500", "Tool 'find' completed successfully in 500ms");
        assert!(decoder.unfinished(0, began.as_bytes(), 0));
        decoder.line(0, began.as_bytes(), 0);
        assert!(decoder.unfinished(0, ended.as_bytes(), 0));
        decoder.line(0, ended.as_bytes(), 0);
        let events = decoder.take().events;
        let rows = events
            .iter()
            .filter(|event| matches!(event, Event::Request(_)));
        assert_eq!(rows.count(), 1, "{events:?}");
        assert!(!decoder.is_waiting());
    }
}
