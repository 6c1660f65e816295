//! Operations of several requests, in words and as JSON.

use super::units;
use mcpr_model::OperationStage;
use mcpr_store::query::Operation;
use serde_json::{Value, json};

/// Most of its requests that are named in words.
const MAX_NAMED: usize = 8;

/// Its requests by their numbers, how long it took, and how far it came.
#[must_use]
pub fn operation_in_words(operation: &Operation) -> String {
    let seqs = &operation.seqs;
    let mut named: Vec<String> = seqs
        .iter()
        .take(MAX_NAMED)
        .map(|seq| format!("#{seq}"))
        .collect();
    if let Some(more) = seqs.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        named.push(format!("{more} more"));
    }
    let s = if seqs.len() == 1 { "" } else { "s" };
    let mut text = format!("{} request{s}: {}; ", seqs.len(), named.join(", "));
    text.push_str(&units::latency(operation.elapsed_us()));
    if operation.waiting_us > 0 {
        text.push_str(", ");
        text.push_str(&units::latency(operation.waiting_us));
        text.push_str(" of it waiting for input");
    }
    if operation.retries > 0 {
        text.push_str("; asked again after its answer broke off");
    }
    let waits = operation.stage == OperationStage::InputRequired;
    let end = match (operation.is_failed, operation.is_open()) {
        (true, _) => "; it failed",
        (false, true) if waits => "; it waits for input",
        (false, true) => "; it is not complete",
        (false, false) => "",
    };
    text.push_str(end);
    text
}

/// The same as JSON.
pub(super) fn operation_value(operation: &Operation) -> Value {
    json!({
        "seqs": operation.seqs,
        "method": operation.first.method,
        "target": operation.first.target(),
        "stage": operation.stage.as_str(),
        "failed": operation.is_failed,
        "retries": operation.retries,
        "elapsed_us": operation.elapsed_us(),
        "server_us": operation.server_us,
        "waiting_us": operation.waiting_us,
    })
}

/// The same as the text of a JSON object.
#[must_use]
pub fn operation_object(operation: &Operation) -> String {
    super::text::escape_json(&operation_value(operation).to_string()).into_owned()
}
