//! What is answered: the messages of OTLP for success and of `google.rpc` for refusal, in the encoding of the post.

use crate::message::{ExportResponse, PartialSuccess, RefusalStatus};
use crate::{Encoding, RejectedParts, Signal};
use prost::Message;
use serde_json::json;

/// An `Export…ServiceResponse`; `rejected` is how many parts could not be used, and why.
#[must_use]
pub fn reply_body(encoding: Encoding, signal: Signal, rejected: Option<&RejectedParts>) -> Vec<u8> {
    let Some(RejectedParts { count, why }) = rejected else {
        return match encoding {
            // A message without members has no bytes.
            Encoding::Protobuf => Vec::new(),
            Encoding::Json => b"{}".to_vec(),
        };
    };
    // Exporters log it, and do not send the rest again.
    let count = i64::try_from(*count).unwrap_or(i64::MAX);
    match encoding {
        Encoding::Protobuf => ExportResponse {
            partial_success: Some(PartialSuccess {
                rejected: count,
                error_message: why.clone(),
            }),
        }
        .encode_to_vec(),
        Encoding::Json => {
            let member = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            // Numbers of 64 bits are strings in the JSON of protobuf.
            let reply = json!({"partialSuccess": {member: count.to_string(), "errorMessage": why}});
            reply.to_string().into_bytes()
        }
    }
}

/// A `google.rpc.Status` with why a post was refused.
#[must_use]
pub fn refusal_body(encoding: Encoding, code: i32, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => RefusalStatus {
            code,
            message: message.to_owned(),
        }
        .encode_to_vec(),
        Encoding::Json => json!({"code": code, "message": message})
            .to_string()
            .into_bytes(),
    }
}
