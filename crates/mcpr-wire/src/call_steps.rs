//! Calls that a log reports in words: that one has begun, that one has ended, and how. Which beginning an
//! end belongs to is not decided here. Pure.

use crate::durations::duration_us;
use crate::formats::jsonrpc::{AnswerMessage, RequestMessage};
use crate::{LogConnection, LogTime, Message, TypedId};
use mcpr_model::{EventKey, Outcome, RequestId, Target, TargetKind, Text};

/// A step of a call that is reported in words.
#[derive(Debug, PartialEq, Eq)]
pub struct CallStep {
    /// Whose it is.
    pub of: LogConnection,
    /// When.
    pub at: LogTime,
    /// The conversation that it is a part of, where the log says one.
    pub conversation: Option<Text>,
    /// What the log calls this very call, where it does.
    pub call_id: Option<Text>,
    /// The tool.
    pub tool: Text,
    /// What a second reading of the line is recognised by.
    pub key: EventKey,
    /// Which step it is.
    pub what: CallStepKind,
}

/// Which step of a call it is.
#[derive(Debug, PartialEq, Eq)]
pub enum CallStepKind {
    /// It was sent.
    Began,
    /// It is over.
    Ended {
        /// How it ended.
        outcome: Outcome,
        /// How long the log says that it took.
        took: Option<LoggedDuration>,
    },
}

/// A length of time as a sentence says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedDuration {
    /// In microseconds.
    pub us: i64,
    /// How far off it may be: sentences round.
    pub within_us: i64,
}

impl LoggedDuration {
    /// Reads `506ms`, `2s` or `1m 3s`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let us = duration_us(&text.replace(' ', ""))?;
        // Whole seconds are rounded, and the clock is read twice.
        let within_us = if text.ends_with("ms") {
            50_000
        } else {
            1_500_000
        };
        Some(Self { us, within_us })
    }
}

impl CallStep {
    /// The request that it began, under an id that is made for pairing and never shown.
    #[must_use]
    pub fn request(&self, id: &str) -> Message {
        Message::Request(RequestMessage {
            id: TypedId::of_text(id),
            request_id: RequestId::from_text(id),
            method: "tools/call".into(),
            target: Some(Target {
                kind: TargetKind::Tool,
                name: self.tool.clone(),
            }),
            client_name: None,
            client_version: None,
            trace_id: None,
            follows: None,
            stateless: None,
            bytes: 0,
            surface: None,
            key: Some(self.key),
            params: None,
            is_from_sentence: true,
        })
    }

    /// The answer that ended it.
    #[must_use]
    pub fn answer(id: &str, outcome: &Outcome) -> Message {
        Message::Answer(AnswerMessage::of_outcome(
            TypedId::of_text(id),
            outcome.clone(),
        ))
    }
}
