//! What every event passes on its way into the queue: secrets are taken out of what is free text in
//! it, then names are held to their length. The one place where that happens, for every source. Must
//! not drop an event.

use mcpr_model::{
    BadLine, Body, Event, Outcome, Payload, Request, ServerRun, SurfaceContent, SurfaceUpdate,
    TargetKind, Text,
};
use mcpr_redact::{Redactor, shorten};

/// What is done to events before they are stored.
#[derive(Debug, Clone)]
pub struct Screen {
    redactor: Option<Redactor>,
    body_limit_bytes: usize,
}

impl Default for Screen {
    fn default() -> Self {
        Self::with(Redactor::default())
    }
}

impl Screen {
    /// Most bytes kept of the parameters, and of the answer, unless configured otherwise.
    pub const BODY_LIMIT_BYTES: usize = 64 << 10;

    /// The same screen with another limit for bodies, at most [`Body::MAX_BYTES`].
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        // More than the decoder keeps cannot be kept here.
        self.body_limit_bytes = bytes.min(Body::MAX_BYTES);
        self
    }

    /// Takes out what this redactor finds.
    #[must_use]
    pub fn with(redactor: Redactor) -> Self {
        Self {
            redactor: Some(redactor),
            body_limit_bytes: Self::BODY_LIMIT_BYTES,
        }
    }

    /// Leaves every secret in its place.
    #[must_use]
    pub fn without_redaction() -> Self {
        Self {
            redactor: None,
            body_limit_bytes: Self::BODY_LIMIT_BYTES,
        }
    }

    /// A name without the secrets in it; `None` where there is none. Names are stored as they are: this is
    /// for those that leave for another system.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<String> {
        let (clean, _) = self.redactor.as_ref()?.text(name)?;
        Some(clean)
    }

    /// Goes over events in their order; says how many secrets were taken out.
    pub fn pass(&self, events: &mut [Event]) -> u64 {
        let each = events.iter_mut().map(|event| {
            let redacted = self.event(event);
            // After redaction: a secret that is cut in two is found by no rule.
            event.cut_names();
            redacted
        });
        each.sum()
    }

    fn event(&self, event: &mut Event) -> u64 {
        let bodies = self.bodies(event);
        let Some(redactor) = &self.redactor else {
            return bodies;
        };
        let texts = match event {
            Event::Request(request) => in_request(redactor, request),
            Event::BadLine(line) => in_bad_line(redactor, line),
            Event::Surface(update) => in_surface(redactor, update),
            Event::Open(open) => in_request(redactor, &mut open.request),
            Event::Server(run) => in_run(redactor, run),
            // They hold ids, names and times alone.
            Event::Session(_) | Event::Gap(_) | Event::Withdrawn(_) => 0,
        };
        bodies + texts
    }

    /// Bodies are cut to their limit, also where secrets stay.
    fn bodies(&self, event: &mut Event) -> u64 {
        let request = match event {
            Event::Request(request) => request,
            Event::Open(open) => &mut open.request,
            _ => return 0,
        };
        let Some(payload) = &mut request.payload else {
            return 0;
        };
        let Payload { params, answer } = &mut **payload;
        let bodies = [params, answer].into_iter().flatten();
        bodies.map(|body| self.body(body)).sum()
    }

    fn body(&self, body: &mut Body) -> u64 {
        let limit = self.body_limit_bytes;
        // One pass over a body does both: nothing behind the limit has to be looked at.
        let short = match &self.redactor {
            Some(redactor) => redactor.json(&body.text, limit),
            None => shorten(&body.text, limit),
        };
        // The decoder may have cut it before.
        body.is_cut |= short.is_cut;
        body.text = short.text.into();
        short.redacted
    }
}

/// Names (of tools, methods, clients) are not free text and stay as they are.
fn in_request(redactor: &Redactor, request: &mut Request) -> u64 {
    let Outcome {
        error_code,
        error_msg,
        ..
    } = &mut request.outcome;
    let mut count = 0;
    if let Some(code) = error_code {
        count += replace(code, |code| redactor.text(code));
    }
    if let Some(message) = error_msg {
        let is_cut = message.len() >= Outcome::MAX_MESSAGE_CHARS
            && message.chars().count() >= Outcome::MAX_MESSAGE_CHARS;
        count += if is_cut {
            // Its end may be the beginning of a secret, which no rule would know as one.
            replace(message, |message| redactor.head_of_text(message))
        } else {
            replace(message, |message| redactor.text(message))
        };
    }
    if let Some(target) = &mut request.target
        // URIs may carry a password or a token; tools and prompts are named by the server's author.
        && target.kind == TargetKind::Resource
    {
        count += replace(&mut target.name, |name| redactor.text(name));
    }
    if let Some(update) = &mut request.surface {
        count += in_surface(redactor, update);
    }
    count
}

/// A command line may hold a token, and whatever a server writes may hold anything.
fn in_run(redactor: &Redactor, run: &mut ServerRun) -> u64 {
    let mut count = 0;
    for text in [&mut run.command, &mut run.refused].into_iter().flatten() {
        count += replace(text, |text| redactor.text(text));
    }
    for tail in [&mut run.stderr, &mut run.stray].into_iter().flatten() {
        if let Some((clean, found)) = redactor.text(&tail.text) {
            tail.text = clean.into();
            count += found;
        }
    }
    count
}

/// A reason can quote what did not fit.
fn in_bad_line(redactor: &Redactor, line: &mut BadLine) -> u64 {
    let mut count = 0;
    if let Some((reason, found)) = redactor.text(&line.reason) {
        line.reason = reason;
        count += found;
    }
    // An excerpt is always a beginning, and may end within a secret.
    if let Some((mut excerpt, found)) = redactor.head(&line.excerpt) {
        // A mark can be longer than what it stands for.
        excerpt.truncate(BadLine::MAX_EXCERPT_BYTES);
        line.excerpt = excerpt;
        count += found;
    }
    count
}

/// A surface is what is compared from version to version: a `password` in a schema is the name of a
/// parameter, and stays. Only the credentials of addresses go.
fn in_surface(redactor: &Redactor, update: &mut SurfaceUpdate) -> u64 {
    let json = match &mut update.content {
        SurfaceContent::Page { result, .. } => result,
        SurfaceContent::Item { item } => item,
        SurfaceContent::ListChanged => return 0,
        SurfaceContent::Whole { upstream, result } => {
            return in_address(redactor, upstream) + put_json(result);
        }
        SurfaceContent::Version(version) => {
            return in_address(redactor, &mut version.upstream) + put_json(&mut version.payload);
        }
    };
    put_json(json)
}

fn in_address(redactor: &Redactor, address: &mut Option<Text>) -> u64 {
    address.as_mut().map_or(0, |address| {
        replace(address, |address| redactor.text(address))
    })
}

fn put_json(json: &mut Box<str>) -> u64 {
    mcpr_redact::addresses(json).map_or(0, |(text, count)| {
        *json = text.into();
        count
    })
}

/// Puts the redacted text in the place of a text; gives how many secrets were taken out.
fn replace(text: &mut Text, redact: impl FnOnce(&str) -> Option<(String, u64)>) -> u64 {
    redact(text).map_or(0, |(redacted, count)| {
        *text = redacted.into();
        count
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::{ErrorKind, EventKey, Kind, Target};

    fn request(message: &str, target: Option<Target>) -> Event {
        Event::Request(Request {
            target,
            outcome: Outcome {
                error_kind: Some(ErrorKind::Rpc),
                error_code: Some("-1".into()),
                error_msg: Some(message.into()),
                retyped: false,
            },
            ..Request::new(EventKey::of_id("1"), 1, "p".into(), Kind::Mcp, "m".into())
        })
    }

    fn surface(content: SurfaceContent) -> Event {
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: "p".into(),
            method: "tools/list".into(),
            ts: 1,
            session_id: None,
            client_name: None,
            content,
        }))
    }

    fn bad(reason: &str, excerpt: &[u8]) -> Event {
        Event::BadLine(BadLine {
            source: "-".into(),
            offset: 0,
            reason: reason.into(),
            excerpt: excerpt.to_vec(),
            ts: 1,
        })
    }

    fn check(before: Event, after: &Event, expected: u64) {
        let mut kept = [before.clone()];
        assert_eq!(Screen::without_redaction().pass(&mut kept), 0);
        assert_eq!(kept[0], before);
        let mut passed = [before];
        assert_eq!(Screen::default().pass(&mut passed), expected);
        assert_eq!(&passed[0], after);
    }

    #[test]
    fn free_text_loses_its_secrets_and_names_stay() {
        let target = |kind, name: &str| {
            Some(Target {
                kind,
                name: name.into(),
            })
        };
        check(
            request("password=x", target(TargetKind::Resource, "https://u:p@h/")),
            &request(
                "password=[redacted:key]",
                target(TargetKind::Resource, "https://[redacted:url]@h/"),
            ),
            2,
        );
        let named = request("no", target(TargetKind::Tool, "password=x"));
        check(named.clone(), &named, 0);
        check(
            bad("at \"password=x\"", b"\xff{\"token\":\"x\",sk-"),
            &bad(
                "at \"password=[redacted:key]\"",
                b"\xff{\"token\":\"[redacted:key]\",sk-",
            ),
            2,
        );
    }

    #[test]
    fn a_message_that_was_cut_ends_without_half_a_token() {
        let filled = "é".repeat(Outcome::MAX_MESSAGE_CHARS - 9);
        check(
            request(&format!("{filled} ghp_abcd"), None),
            &request(&format!("{filled} [redacted:token]"), None),
            1,
        );
    }

    #[test]
    fn surfaces_lose_the_credentials_of_addresses_only() {
        let page = |text: &str| {
            surface(SurfaceContent::Page {
                cursor: None,
                asked_version: None,
                result: text.into(),
            })
        };
        let schema = r#"{"properties":{"password":{"default":"token=x"}}}"#;
        check(page(schema), &page(schema), 0);
        check(
            page(r#"{"uri":"https://u:p@h/"}"#),
            &page(r#"{"uri":"https://[redacted:url]@h/"}"#),
            1,
        );
        let whole = |upstream: &str| {
            surface(SurfaceContent::Whole {
                upstream: Some(upstream.into()),
                result: "{}".into(),
            })
        };
        check(
            whole("https://h/?api_key=x"),
            &whole("https://h/?api_key=[redacted:url]"),
            1,
        );
    }
}
