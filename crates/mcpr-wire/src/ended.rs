//! How a request ended, as gateways report it that see less than the whole answer. What they cannot have
//! seen is unknown, never ok. Pure.

use crate::rpc::shorten;
use mcpr_model::{ErrorKind, Outcome, Text};

/// How a request ended at a layer, with what is reported of it.
pub(super) fn failed(kind: ErrorKind, code: Option<Text>, message: Option<&str>) -> Outcome {
    Outcome {
        error_kind: Some(kind),
        error_code: code,
        error_msg: message.map(shorten),
        retyped: false,
    }
}

/// What an HTTP status says, where it is that of an error.
pub(super) fn of_status(status: i64, message: Option<&str>) -> Option<Outcome> {
    let code = || Text::from(status.to_string());
    (status >= 400).then(|| failed(ErrorKind::Http, Some(code()), message))
}

/// An end that looks well to one who does not read results: a tool may have failed in its result.
pub(super) fn unless_in_result(method: &str) -> Outcome {
    if method == "tools/call" {
        unseen()
    } else {
        Outcome::default()
    }
}

/// An end that nobody saw.
pub(super) fn unseen() -> Outcome {
    failed(ErrorKind::Unseen, None, None)
}
