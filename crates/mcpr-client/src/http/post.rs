//! One address to which bodies are posted: what they are is their sender's matter.

use super::{Header, ServerUrl, agent, faults};
use crate::ClientError;
use std::io::Read;
use std::time::Duration;
use ureq::Agent;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};

/// The longest answer that is looked at.
const MAX_ANSWER: u64 = 64 << 10;

/// An address that takes posts.
#[derive(Debug)]
pub struct PostBox {
    agent: Agent,
    url: ServerUrl,
    headers: Vec<Header>,
}

/// What a post was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// How long to wait before the next post, where that was stated.
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// How a body is written.
#[derive(Debug, Clone, Copy)]
pub struct BodyKind {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its `Content-Encoding`.
    pub encoding: &'static str,
}

impl PostBox {
    /// An address that nothing was posted to yet.
    ///
    /// # Errors
    /// When no secure connection could come about on this machine.
    pub fn new(url: ServerUrl, headers: Vec<Header>) -> Result<Self, ClientError> {
        Ok(Self {
            agent: agent::agent(&url)?,
            url,
            headers,
        })
    }

    /// The address, without what may be secret in it.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.url.shown()
    }

    /// Posts a body; any status is an answer.
    ///
    /// # Errors
    /// When no answer came: whether the body was taken is not known then.
    pub fn post(
        &self,
        kind: BodyKind,
        body: &[u8],
        limit: Duration,
    ) -> Result<PostAnswer, ClientError> {
        let request = self.agent.post(self.url.uri.clone());
        let mut request = request.config().timeout_global(Some(limit)).build();
        request = request
            .header(CONTENT_TYPE, kind.content_type)
            .header(CONTENT_ENCODING, kind.encoding);
        for header in &self.headers {
            request = request.header(header.name.as_str(), header.value.clone());
        }
        let failed = |error| faults::connection(&self.url, error);
        let response = request.send(body).map_err(failed)?;
        let (parts, answer) = response.into_parts();
        let retry_after = parts.headers.get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|it| it.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        let read = answer.into_reader().take(MAX_ANSWER).read_to_end(&mut body);
        read.map_err(|error| failed(ureq::Error::from(error)))?;
        Ok(PostAnswer {
            status: parts.status.as_u16(),
            retry_after: retry_after.map(Duration::from_secs),
            body,
        })
    }
}
