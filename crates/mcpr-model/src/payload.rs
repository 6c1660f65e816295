//! The payload of a request, where it is kept.

use serde::{Deserialize, Serialize};

/// The bodies of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payload {
    /// The request's `params`.
    pub params: Option<Body>,
    /// The answer's `result`, or its `error`.
    pub answer: Option<Body>,
}

/// A JSON text as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The text; JSON, unless its end is missing.
    pub text: Box<str>,
    /// How long it was as it passed, in bytes.
    pub bytes: u64,
    /// Whether the end is missing.
    pub is_cut: bool,
}

impl Body {
    /// Most bytes of a body that are looked at, whatever the limit of what is kept.
    pub const MAX_BYTES: usize = 1 << 20;

    /// The body of a JSON text.
    #[must_use]
    pub fn of(json: &str) -> Self {
        // The whole limit is applied later, when secrets are out: half a secret looks like none.
        let len = json.floor_char_boundary(Self::MAX_BYTES);
        Self {
            text: json[..len].into(),
            bytes: json.len() as u64,
            is_cut: len < json.len(),
        }
    }
}

impl Payload {
    /// Both bodies, where there is one.
    #[must_use]
    pub fn of(params: Option<&str>, answer: Option<&str>) -> Option<Self> {
        // A row without bodies keeps no empty payload, and takes no space for one.
        (params.is_some() || answer.is_some()).then(|| Self {
            params: params.map(Body::of),
            answer: answer.map(Body::of),
        })
    }

    /// Bytes that the texts take.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        let len = |body: &Option<Body>| body.as_ref().map_or(0, |body| body.text.len());
        len(&self.params) + len(&self.answer)
    }
}
