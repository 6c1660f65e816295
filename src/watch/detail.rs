//! One request opened: its facts, and its parameters and answer side by side. Pure.

use super::body::{BodySize, BodyView};
use super::json_lines::JsonLines;
use super::needle::Needle;
use super::queries::{EndedQuery, OpenedRequest};
use crate::render::{units, why_no_payload};
use mcpr_model::{Body, ErrorKind};

/// What is shown of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DetailSide {
    /// What it is, and how large.
    pub(super) title: String,
    pub(super) body: BodyView,
    /// The message where there is no body.
    pub(super) nothing: &'static str,
    /// As it was recorded.
    pub(super) text: Option<String>,
    /// The screen it is laid out for.
    pub(super) size: BodySize,
}

/// A request that is opened.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of the request what no other one does, in any combination"
)]
pub(super) struct Detail {
    pub(super) seq: i64,
    /// What it is known by while it is in flight, and has no number.
    pub(super) open_key: Option<i64>,
    is_asked: bool,
    /// Whether its number is to be asked for, as it is in flight no longer; it is, once.
    has_ended: bool,
    is_end_asked: bool,
    /// `None` while it is read.
    pub(super) whole: Option<Box<OpenedRequest>>,
    pub(super) sides: [DetailSide; 2],
    /// The side that keys are about: 0 is the request.
    pub(super) focus: usize,
    pub(super) wraps: bool,
    pub(super) search: String,
}

impl Detail {
    /// A request that is still to be read; how it is looked at stays as it was.
    pub(super) fn opening(seq: i64, before: Option<&Self>) -> Self {
        Self {
            seq,
            open_key: None,
            is_asked: false,
            has_ended: false,
            is_end_asked: false,
            whole: None,
            sides: [DetailSide::none("request"), DetailSide::none("answer")],
            focus: before.map_or(0, |before| before.focus),
            wraps: before.is_none_or(|before| before.wraps),
            search: before.map_or_else(String::new, |before| before.search.clone()),
        }
    }

    /// A request in flight, of which all that is known is here.
    pub(super) fn of_open(key: i64, opened: Box<OpenedRequest>, before: Option<&Self>) -> Self {
        let mut detail = Self {
            open_key: Some(key),
            is_asked: true,
            ..Self::opening(opened.row.seq, before)
        };
        detail.take(opened);
        detail
    }

    /// The request that is to be read, once.
    pub(super) fn queries(&mut self) -> Option<i64> {
        (!std::mem::replace(&mut self.is_asked, true)).then_some(self.seq)
    }

    /// It is in flight no longer.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The request in flight whose number is to be asked for, once.
    pub(super) fn ended_query(&mut self) -> Option<EndedQuery> {
        let key = self.open_key.filter(|_| self.has_ended)?;
        let row = self.whole.as_ref()?.row.clone();
        (!std::mem::replace(&mut self.is_end_asked, true)).then_some(EndedQuery { key, row })
    }

    /// It has this number now: what is seen stays until the answer is read.
    pub(super) fn become_stored(&mut self, seq: i64) {
        (self.open_key, self.seq, self.is_asked) = (None, seq, false);
    }

    /// Takes in what was read.
    pub(super) fn take(&mut self, whole: Box<OpenedRequest>) {
        let payload = whole.payload.as_ref();
        let params = payload.and_then(|payload| payload.params.as_ref());
        let answer = payload.and_then(|payload| payload.answer.as_ref());
        let nothing = match payload {
            Some(_) => "none",
            None => why_no_payload(&whole.row),
        };
        let no_answer = if whole.row.flight.is_some() {
            "no answer yet"
        } else {
            nothing
        };
        let name = match whole.row.error_kind {
            Some(ErrorKind::Rpc) => "error",
            _ => "answer",
        };
        let sizes = self.sides.each_ref().map(|side| side.size);
        self.sides = [
            DetailSide::of("request", params, nothing, sizes[0]),
            DetailSide::of(name, answer, no_answer, sizes[1]),
        ];
        if let Some(output) = &whole.output {
            // It gave no answer: what it wrote instead says why.
            self.sides[1] = DetailSide::of_output(output, sizes[1]);
        }
        self.whole = Some(whole);
    }

    /// The side that keys are about.
    pub(super) fn side(&mut self) -> &mut DetailSide {
        &mut self.sides[self.focus]
    }

    /// Looks for the text again; whether it is there.
    pub(super) fn search_again(&mut self, down: bool) -> bool {
        let Some(needle) = Needle::new(&self.search) else {
            return true;
        };
        let side = self.side();
        side.body.search(&needle, down, side.size)
    }

    /// Takes over how large the sides are.
    pub(super) fn resize(&mut self, sizes: [BodySize; 2]) {
        for (side, size) in self.sides.iter_mut().zip(sizes) {
            side.size = size;
            side.body.settle(size);
        }
    }
}

impl DetailSide {
    /// Folds where one looks, or unfolds, or the other of the two.
    pub(super) fn fold(&mut self, fold: Option<bool>) {
        self.body.fold(fold);
        self.body.settle(self.size);
    }

    /// Folds everything, or unfolds it.
    pub(super) fn fold_all(&mut self) {
        self.body.fold_all();
        self.body.settle(self.size);
    }

    /// What a server wrote in the place of an answer.
    fn of_output(output: &str, size: BodySize) -> Self {
        Self {
            title: "server output".to_owned(),
            body: BodyView::new(JsonLines::of(output.trim_start(), false)),
            text: Some(output.to_owned()),
            size,
            ..Self::none("answer")
        }
    }

    fn none(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            body: BodyView::default(),
            nothing: "",
            text: None,
            size: BodySize {
                width: 0,
                height: 0,
                wraps: true,
            },
        }
    }

    fn of(name: &str, body: Option<&Body>, nothing: &'static str, size: BodySize) -> Self {
        let Some(body) = body else {
            return Self {
                nothing,
                size,
                ..Self::none(name)
            };
        };
        let bytes = |len: u64| units::bytes(i64::try_from(len).unwrap_or(i64::MAX));
        let kept = if body.is_cut {
            let kept = u64::try_from(body.text.len()).unwrap_or(u64::MAX);
            format!(", of which {} are kept", bytes(kept))
        } else {
            String::new()
        };
        Self {
            title: format!("{name} ({}{kept})", bytes(body.bytes)),
            body: BodyView::new(JsonLines::of(&body.text, body.is_cut)),
            nothing,
            text: Some(body.text.to_string()),
            size,
        }
    }
}
