//! A server at an address: Streamable HTTP of both eras. Each message is a post of its own; what it
//! asks for comes back as JSON, or in a stream of events.

mod address;
mod agent;
mod events;
mod faults;
mod post;

pub use address::{Header, HeaderError, ServerUrl, UrlError};
pub use post::{BodyKind, PostAnswer, PostBox};

use super::{ClientError, Transport};
use events::{Event, EventReader};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::http::header::CONTENT_TYPE;
use ureq::http::{HeaderValue, Response, StatusCode};
use ureq::{Agent, Body, BodyReader};

/// The longest answer.
const MAX_MESSAGE: u64 = 16 << 20;

/// All that is read of a server: more is not a list of tools.
const MAX_OUTPUT: u64 = 256 << 20;

/// How long the end of a session may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The first protocol version whose requests name their method in a header.
const NAMES_METHODS: &str = "2026-07-28";

/// A server at an address.
#[derive(Debug)]
pub struct HttpServer {
    agent: Agent,
    url: ServerUrl,
    headers: Vec<Header>,
    /// A secret: never shown.
    session: Option<HeaderValue>,
    version: Option<String>,
    /// The method that was asked last.
    asked: String,
    source: Source,
    waiting: VecDeque<Value>,
    /// How much is read yet.
    left: u64,
}

/// Where more of an answer comes from.
enum Source {
    /// Nothing came in time.
    Late,
    /// All of it is here.
    Whole,
    Stream(EventReader<BodyReader<'static>>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Late => "Late",
            Self::Whole => "Whole",
            Self::Stream(_) => "Stream",
        })
    }
}

impl HttpServer {
    /// A server that is not asked yet.
    ///
    /// # Errors
    /// When no secure connection could come about on this machine.
    pub fn new(url: ServerUrl, headers: Vec<Header>) -> Result<Self, ClientError> {
        Ok(Self {
            agent: agent::agent(&url)?,
            url,
            headers,
            session: None,
            version: None,
            asked: String::new(),
            source: Source::Late,
            waiting: VecDeque::new(),
            left: MAX_OUTPUT,
        })
    }

    fn post(&self, message: &Value, until: Instant) -> Result<Response<Body>, ureq::Error> {
        let left = until.saturating_duration_since(Instant::now());
        let mut request = self.agent.post(self.url.uri.clone());
        request = request.config().timeout_global(Some(left)).build();
        request = request
            .header("accept", "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in self.own_headers() {
            request = request.header(name, value);
        }
        if self
            .version
            .as_deref()
            .is_some_and(|it| it >= NAMES_METHODS)
        {
            request = request.header("mcp-method", message["method"].as_str().unwrap_or(""));
        }
        request.send(message.to_string())
    }

    /// What says who asks, in which session and by which version.
    fn own_headers(&self) -> impl Iterator<Item = (&str, HeaderValue)> {
        let given = self.headers.iter();
        let given = given.map(|header| (header.name.as_str(), header.value.clone()));
        let session = self.session.clone().map(|id| ("mcp-session-id", id));
        let version = self.version.as_deref();
        let version = version.and_then(|it| HeaderValue::from_str(it).ok());
        let version = version.map(|it| ("mcp-protocol-version", it));
        given.chain(session).chain(version)
    }

    /// What a response to a question brings, and where the rest of it comes from.
    fn answer_of(&mut self, response: Response<Body>, id: &Value) -> Result<Source, ClientError> {
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::NOT_FOUND && self.session.is_some() {
            return Err(self.unanswered("its session is gone (404)"));
        }
        let kind = parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|it| it.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if parts.status.is_success() {
            if self.session.is_none() {
                let session = parts.headers.get("mcp-session-id").cloned();
                self.session = session.map(|mut id| {
                    id.set_sensitive(true);
                    id
                });
            }
            if kind.eq_ignore_ascii_case("text/event-stream") {
                return Ok(Source::Stream(EventReader::new(body.into_reader())));
            }
        }
        let Some(text) = self.whole(body)? else {
            return Ok(Source::Late);
        };
        // Who may ask, and where, is not stated in terms of MCP, even where the text is.
        let is_about_access = matches!(parts.status.as_u16(), 300..=399 | 401 | 403 | 407);
        let mut messages = messages_of(&text);
        if !parts.status.is_success() {
            messages.retain_mut(|message| is_error_for(message, id));
        }
        match messages.is_empty() {
            false if !is_about_access => {
                self.waiting.extend(messages);
                Ok(Source::Whole)
            }
            _ if !parts.status.is_success() => {
                Err(faults::status(&self.url, &self.asked, &parts, &text))
            }
            _ if text.is_empty() => {
                let status = faults::shown(parts.status);
                Err(self.unanswered(&format!("it sent nothing ({status})")))
            }
            _ => Err(ClientError::NotMcp {
                url: self.url.shown().to_owned(),
                why: if kind.is_empty() || kind.ends_with("json") {
                    "what it sent is not a message".to_owned()
                } else {
                    format!("it sent {kind}")
                },
            }),
        }
    }

    /// All of a body; none when it does not come in time.
    fn whole(&mut self, body: Body) -> Result<Option<Vec<u8>>, ClientError> {
        let mut text = Vec::new();
        let limit = MAX_MESSAGE.min(self.left);
        let read = body.into_reader().take(limit + 1).read_to_end(&mut text);
        match read.map_err(ureq::Error::from) {
            Ok(_) => {}
            Err(error) if faults::is_late(&error) => return Ok(None),
            Err(error) => return Err(faults::connection(&self.url, error)),
        }
        let size = text.len() as u64;
        if size > limit {
            return Err(ClientError::TooMuch("an answer of more than 16 MiB"));
        }
        self.left -= size;
        Ok(Some(text))
    }

    fn unanswered(&self, why: &str) -> ClientError {
        ClientError::Unanswered {
            url: self.url.shown().to_owned(),
            asked: self.asked.clone(),
            why: why.to_owned(),
        }
    }
}

impl Transport for HttpServer {
    fn send(&mut self, message: &Value, until: Instant) -> Result<(), ClientError> {
        let method = message["method"].as_str();
        let question = method.zip(message.get("id"));
        if let Some((method, _)) = question {
            method.clone_into(&mut self.asked);
        }
        let response = match self.post(message, until) {
            Ok(response) => response,
            Err(error) if faults::is_late(&error) => {
                self.source = Source::Late;
                return Ok(());
            }
            Err(error) => return Err(faults::connection(&self.url, error)),
        };
        // A server that minds a notification says so to the next question.
        if let Some((_, id)) = question {
            self.waiting.clear();
            self.source = self.answer_of(response, id)?;
        }
        Ok(())
    }

    fn receive(&mut self, _: Instant) -> Result<Option<Value>, ClientError> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(message));
            }
            let stream = match &mut self.source {
                Source::Late => return Ok(None),
                Source::Whole => return Err(self.unanswered("it answers another question")),
                Source::Stream(stream) => stream,
            };
            match stream.next(&mut self.left).map_err(ureq::Error::from) {
                Ok(Event::Data(data)) => self.waiting.extend(messages_of(&data)),
                Ok(Event::TooMuch) => {
                    return Err(ClientError::TooMuch(
                        "a stream of more than 256 MiB, or 16 in one event",
                    ));
                }
                Ok(Event::End) => return Err(self.unanswered("its stream of events ended")),
                Err(error) if faults::is_late(&error) => return Ok(None),
                Err(error) => return Err(faults::connection(&self.url, error)),
            }
        }
    }

    fn agree(&mut self, version: &str) {
        self.version = Some(version.to_owned());
    }
}

/// Where a session was opened it is closed, so that the server need not keep it.
impl Drop for HttpServer {
    fn drop(&mut self) {
        // What is still read of belongs to the session.
        self.source = Source::Whole;
        if self.session.is_none() {
            return;
        }
        let mut request = self.agent.delete(self.url.uri.clone());
        request = request.config().timeout_global(Some(PATIENCE)).build();
        for (name, value) in self.own_headers() {
            request = request.header(name, value);
        }
        // Servers may refuse it, and forget the session by themselves.
        let _ = request.call();
    }
}

/// The messages of a body or an event: one, or a batch of an older version.
fn messages_of(text: &[u8]) -> Vec<Value> {
    let found = match serde_json::from_slice(text) {
        Ok(Value::Array(batch)) => batch,
        Ok(message) => vec![message],
        Err(_) => Vec::new(),
    };
    let is_message = |message: &Value| message.get("jsonrpc").is_some();
    found.into_iter().filter(is_message).collect()
}

/// Whether a message that came with a status of failure is an error; one without an id is of the
/// question that it came back for.
fn is_error_for(message: &mut Value, id: &Value) -> bool {
    if message.get("error").is_none() {
        return false;
    }
    if message["id"].is_null() {
        message["id"] = id.clone();
    }
    true
}
