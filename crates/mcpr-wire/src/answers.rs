//! The answers of a batch, found by the ids of its calls: one look-up each, in whatever order they
//! stand.

use super::rpc::RpcAnswer;
use super::{LooseId, TypedId};
use rustc_hash::FxHashMap;

/// The answers of one exchange.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    /// All of them, with their lengths.
    pub(super) all: Vec<(RpcAnswer<'a>, i64)>,
    by_id: FxHashMap<TypedId, usize>,
    /// Those that no call waits for under their exact id, by that id without its type; `None` where two
    /// have it.
    by_loose_id: FxHashMap<LooseId, Option<usize>>,
    /// An error that names no call: it answers every one.
    for_all: Option<usize>,
}

impl<'a> Answers<'a> {
    /// The answers to calls with these ids.
    pub(super) fn new(all: Vec<(RpcAnswer<'a>, i64)>, asked: &[Option<TypedId>]) -> Self {
        let mut by_id = FxHashMap::default();
        for (index, (answer, _)) in all.iter().enumerate() {
            if let Some(id) = answer.id.and_then(TypedId::of) {
                // Of two answers with one id the first counts.
                by_id.entry(id).or_insert(index);
            }
        }
        // A server that cannot read a batch answers with one error whose id is null.
        let for_all = all.iter().position(|(answer, _)| answer.is_for_all());
        let mut answers = Self {
            all,
            by_id,
            by_loose_id: FxHashMap::default(),
            for_all,
        };
        answers.find_retyped(asked);
        answers
    }

    /// Clients take `"1"` for the answer to `1` where nothing else waits under that id.
    fn find_retyped(&mut self, asked: &[Option<TypedId>]) {
        let waiting = || {
            asked
                .iter()
                .flatten()
                .filter(|id| !self.by_id.contains_key(id))
        };
        let mut waiting_ids: FxHashMap<LooseId, u32> = FxHashMap::default();
        for id in waiting() {
            *waiting_ids.entry(id.loose()).or_default() += 1;
        }
        // The usual case: every call has its answer under its exact id.
        if waiting_ids.is_empty() {
            return;
        }
        let mut by_loose_id = FxHashMap::default();
        for (id, index) in &self.by_id {
            let id = id.loose();
            // Where two calls wait under one id nobody can know whose answer it is.
            if waiting_ids.get(&id) == Some(&1) {
                let found = by_loose_id.entry(id);
                found.and_modify(|it| *it = None).or_insert(Some(*index));
            }
        }
        // An answer that a call waits for under its exact id is that call's.
        for id in asked
            .iter()
            .flatten()
            .filter(|id| self.by_id.contains_key(id))
        {
            by_loose_id.remove(&id.loose());
        }
        self.by_loose_id = by_loose_id;
    }

    /// The answer to a call: the one with its id, else one for all.
    pub(super) fn of(&self, id: Option<&TypedId>) -> Option<&(RpcAnswer<'a>, i64)> {
        let exact = id.and_then(|id| self.by_id.get(id).copied());
        let retyped = || id.and_then(|id| self.by_loose_id.get(&id.loose()).copied().flatten());
        let found = exact.or_else(retyped).or(self.for_all)?;
        self.all.get(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bodies, Decoded, LineContext, decode_line};
    use crate::typed_id::ids_read;
    use mcpr_model::{Event, Request};
    use std::fmt::Write;

    fn rows(line: &str) -> Vec<Request> {
        let mut decoded = Decoded::default();
        let context = LineContext {
            proxy: "p",
            bodies: Bodies::Left,
        };
        decode_line(line.as_bytes(), context, &mut decoded);
        assert_eq!(decoded.bad, [], "{line}");
        let requests = decoded.events.into_iter().filter_map(|event| match event {
            Event::Request(request) => Some(request),
            _ => None,
        });
        requests.collect()
    }

    fn batch(calls: &[&str], answers: &[&str]) -> String {
        let call = |id: &&str| format!(r#"{{"id":{id},"method":"ping"}}"#);
        let answer = |id: &&str| format!(r#"{{"id":{id},"error":{{"code":{id}}}}}"#);
        let calls: Vec<String> = calls.iter().map(call).collect();
        let answers: Vec<String> = answers.iter().map(answer).collect();
        format!(
            r#"{{"type":"transaction","ts":1,"latency_us":1,"request":{{"kind":"mcp_batch","rpcs":[{}]}},"response":{{"kind":"mcp_batch","results":[{}]}}}}"#,
            calls.join(","),
            answers.join(",")
        )
    }

    #[test]
    fn each_call_of_a_batch_gets_its_own_answer() {
        let cases: [(&[&str], &[&str], &[&str]); 7] = [
            (&["1", "2", "3"], &["3", "2", "1"], &["1", "2", "3"]),
            (&["1", "\"1\""], &["\"1\"", "1"], &["1", "1"]),
            (&["1", "2"], &["\"2\"", "1"], &["1", "2"]),
            (&["1", "2"], &["2", "\"1.0\""], &["1.0", "2"]),
            // Two that wait under one text, and one answer to either: nobody knows whose it is.
            (&["1", "2"], &["\"3\"", "2"], &["timeout", "2"]),
            (&["1", "\"1\"", "2"], &["1", "2"], &["1", "timeout", "2"]),
            (&["1", "2"], &["1", "1"], &["1", "timeout"]),
        ];
        for (calls, answers, expected) in cases {
            let line = batch(calls, answers);
            let got: Vec<String> = rows(&line)
                .into_iter()
                .map(|row| {
                    row.outcome
                        .error_code
                        .map_or("timeout".into(), |it| it.to_string())
                })
                .collect();
            assert_eq!(got, expected, "{calls:?} {answers:?}");
        }
    }

    #[test]
    fn a_batch_answered_in_reverse_takes_work_by_its_length() {
        let steps = |n: usize| {
            let mut ids: Vec<String> = Vec::new();
            for id in 0..n {
                let mut text = String::new();
                write!(text, "{id}").expect("a string takes it");
                ids.push(text);
            }
            let calls: Vec<&str> = ids.iter().map(String::as_str).collect();
            let answers: Vec<&str> = ids.iter().rev().map(String::as_str).collect();
            let line = batch(&calls, &answers);
            let before = ids_read();
            assert_eq!(rows(&line).len(), n);
            ids_read() - before
        };
        assert_eq!(steps(4000), 4 * steps(1000), "ids that were read");
    }
}
