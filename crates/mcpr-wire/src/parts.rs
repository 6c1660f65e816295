//! What requests and answers say of the operation that they are part of: a state that the client hands back,
//! questions that it answers, a task. Pure.

use super::fields::raw_string;
use super::rpc::lenient;
use mcpr_model::{OperationLink, OperationPart, OperationStage, Target, is_poll};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Methods that a server may answer with questions.
const ROUNDS: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];
/// Most questions of one answer that are distinguished.
// Their names come from the server.
const MAX_QUESTIONS: usize = 64;

#[derive(Debug, Default, Deserialize)]
struct Asked<'a> {
    #[serde(borrow, rename = "requestState")]
    state: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputResponses")]
    responses: Option<&'a RawValue>,
    #[serde(borrow, rename = "taskId")]
    task_id: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Answered<'a> {
    #[serde(borrow, rename = "resultType")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "requestState")]
    state: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputRequests")]
    requests: Option<&'a RawValue>,
    #[serde(borrow, rename = "taskId")]
    task_id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    // The revision of 2025-11-25 has the task within.
    #[serde(borrow)]
    task: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What a request takes up.
pub(super) fn follows(
    method: &str,
    target: &str,
    params: Option<&RawValue>,
) -> Option<OperationLink> {
    let takes_rounds = ROUNDS.contains(&method);
    let takes_task = is_poll(method);
    if !takes_rounds && !takes_task {
        return None;
    }
    let params = params?;
    let text = params.get().as_bytes();
    let names = |name: &str| memchr::memmem::find(text, name.as_bytes()).is_some();
    // Nearly no call has any of them: it is not read once more for that.
    if !(names("requestState") || names("inputResponses") || names("taskId")) {
        return None;
    }
    let asked: Asked<'_> = lenient(Some(params));
    if takes_task {
        return raw_string(asked.task_id).map(|id| OperationLink::of_task(&id));
    }
    let of_state = raw_string(asked.state).map(|state| OperationLink::of_state(&state));
    of_state.or_else(|| {
        let names = names_of(asked.responses?);
        Some(of_names(method, target, &names))
    })
}

/// What an answer leaves open, and how far its operation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnswerPart {
    stage: OperationStage,
    left: Left,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Left {
    Nothing,
    Exact(OperationLink),
    Questions(Vec<String>),
}

impl AnswerPart {
    /// What the result of an answer says, where it says anything of it.
    pub(super) fn of(result: Option<&RawValue>) -> Option<Self> {
        let result = result?;
        let text = result.get().as_bytes();
        let names = |name: &str| memchr::memmem::find(text, name.as_bytes()).is_some();
        if !(names("resultType") || names("taskId")) {
            return None;
        }
        let mut answered: Answered<'_> = lenient(Some(result));
        let kind = raw_string(answered.kind);
        if kind.as_deref() == Some("input_required") {
            let state = raw_string(answered.state).map(|state| OperationLink::of_state(&state));
            let questions = || answered.requests.map(|raw| Left::Questions(names_of(raw)));
            let left = state.map(Left::Exact).or_else(questions);
            return Some(Self {
                stage: OperationStage::InputRequired,
                left: left.unwrap_or(Left::Nothing),
            });
        }
        if answered.task_id.is_none() {
            answered = lenient(answered.task);
        }
        let id = raw_string(answered.task_id)?;
        let stage = match raw_string(answered.status).as_deref() {
            Some("completed") => OperationStage::Completed,
            Some("failed") => OperationStage::Failed,
            Some("cancelled") => OperationStage::Cancelled,
            Some("input_required") => OperationStage::InputRequired,
            // A status of a later revision says at least that it has not ended as these do.
            _ => OperationStage::Working,
        };
        // Where what came of it does not stand here, the client fetches that next (`tasks/result`).
        let is_all = stage == OperationStage::Cancelled
            || answered.result.is_some()
            || answered.error.is_some();
        let left = if is_all {
            Left::Nothing
        } else {
            Left::Exact(OperationLink::of_task(&id))
        };
        Some(Self { stage, left })
    }

    fn leaves(&self, method: &str, target: &str) -> Option<OperationLink> {
        match &self.left {
            Left::Nothing => None,
            Left::Exact(link) => Some(*link),
            Left::Questions(names) => Some(of_names(method, target, names)),
        }
    }
}

/// The place of a request in its operation, from what it takes up and its answer; none where it is all of it.
pub(super) fn part(
    method: &str,
    target: Option<&Target>,
    follows: Option<OperationLink>,
    answer: Option<&AnswerPart>,
) -> Option<Box<OperationPart>> {
    let target = target.map_or("", |target| &target.name);
    let takes_part = ROUNDS.contains(&method) || is_poll(method);
    let answer = answer.filter(|_| takes_part);
    if follows.is_none() && answer.is_none() {
        return None;
    }
    Some(Box::new(OperationPart {
        follows,
        leaves: answer.and_then(|answer| answer.leaves(method, target)),
        stage: answer.map_or(OperationStage::Complete, |answer| answer.stage),
    }))
}

fn names_of(raw: &RawValue) -> Vec<String> {
    let named: BTreeMap<String, &RawValue> = lenient(Some(raw));
    named.into_keys().take(MAX_QUESTIONS).collect()
}

fn of_names(method: &str, target: &str, names: &[String]) -> OperationLink {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    OperationLink::of_questions(method, target, &names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::TargetKind;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).expect("JSON")
    }

    fn followed(method: &str, params: &str) -> Option<OperationLink> {
        follows(method, "t", Some(&raw(params)))
    }

    fn left(result: &str) -> Option<(OperationStage, Option<OperationLink>)> {
        let answer = AnswerPart::of(Some(&raw(result)));
        let target = Target {
            kind: TargetKind::Tool,
            name: "t".into(),
        };
        let part = part("tools/call", Some(&target), None, answer.as_ref())?;
        Some((part.stage, part.leaves))
    }

    #[test]
    fn a_retry_takes_up_what_the_answer_before_left() {
        let asked = r#"{"resultType":"input_required","inputRequests":{"b":{},"a":{}}}"#;
        let retry = r#"{"name":"t","inputResponses":{"a":{},"b":{}}}"#;
        let (stage, link) = left(asked).expect("a part");
        assert_eq!(stage, OperationStage::InputRequired);
        assert_eq!(link, followed("tools/call", retry));
        assert_ne!(link, followed("prompts/get", retry));
        let with_state = asked.replace(
            "\"inputRequests\"",
            "\"requestState\":\"x\",\"inputRequests\"",
        );
        let (_, link) = left(&with_state).expect("a part");
        let retry = r#"{"name":"t","inputResponses":{},"requestState":"x"}"#;
        assert_eq!(link, followed("tools/call", retry));
        assert!(link.is_some_and(OperationLink::is_exact));
    }

    #[test]
    fn polls_take_up_the_task_until_it_has_ended() {
        let task = Some(OperationLink::of_task("7"));
        let began = r#"{"resultType":"task","taskId":"7","status":"working"}"#;
        assert_eq!(left(began), Some((OperationStage::Working, task)));
        let older = r#"{"task":{"taskId":"7","status":"working"}}"#;
        assert_eq!(left(older), Some((OperationStage::Working, task)));
        assert_eq!(followed("tasks/get", r#"{"taskId":"7"}"#), task);
        let ended = r#"{"taskId":"7","status":"failed","error":{"code":-1}}"#;
        assert_eq!(left(ended), Some((OperationStage::Failed, None)));
        // Before 2026-07-28 what came of it is asked for by itself.
        let ended = r#"{"taskId":"7","status":"completed"}"#;
        assert_eq!(left(ended), Some((OperationStage::Completed, task)));
        let cancelled = r#"{"taskId":"7","status":"cancelled"}"#;
        assert_eq!(left(cancelled), Some((OperationStage::Cancelled, None)));
    }

    #[test]
    fn an_operation_of_one_request_has_no_parts() {
        assert_eq!(left(r#"{"resultType":"complete","content":[]}"#), None);
        assert_eq!(left(r#"{"content":[{"text":"taskId"}]}"#), None);
        assert_eq!(
            followed("tools/call", r#"{"name":"t","arguments":{"taskId":"7"}}"#),
            None
        );
        assert_eq!(followed("ping", r#"{"taskId":"7"}"#), None);
    }

    #[test]
    fn odd_shapes_link_nothing() {
        for params in ["[]", "7", r#"{"taskId":7}"#, r#"{"requestState":{}}"#] {
            assert_eq!(followed("tasks/get", params), None, "{params}");
            assert_eq!(followed("tools/call", params), None, "{params}");
        }
        for result in [r#"["taskId"]"#, r#"{"taskId":7}"#, r#"{"task":"taskId"}"#] {
            assert_eq!(left(result), None, "{result}");
        }
    }
}
