//! A request that was seen and whose answer was not.

use super::Request;
use serde::{Deserialize, Serialize};

/// A request in flight: what is known of it until its row says how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// The request, with the key that its row will have. Its outcome and its duration say nothing.
    pub request: Request,
    /// Whether its source is read again from before it, should the recorder that reads it be gone.
    pub resumes: bool,
}
