//! A request that was seen and whose answer was not.

use super::{ErrorKind, Request};
use serde::{Deserialize, Serialize};

/// A request in flight: what is known of it until its row says how it ended. Or one that is over, and waits for
/// what another source may still add to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// The request, with the key that its row will have. Its outcome and its duration say nothing, unless it is
    /// over.
    pub request: Request,
    /// Whether its source is read again from before it, should the recorder that reads it be gone.
    pub resumes: bool,
    /// Whether the request is all that its row will be, should nothing more be reported of it.
    #[serde(default)]
    pub is_over: bool,
}

impl OpenRequest {
    /// Its row, once its recorder is gone: how long it waited nobody saw, as its answer may have come since.
    #[must_use]
    pub fn abandoned(self) -> Request {
        let mut request = self.request;
        if !self.is_over {
            request.outcome.error_kind = Some(ErrorKind::Timeout);
            request.latency_us = None;
        }
        request
    }
}
