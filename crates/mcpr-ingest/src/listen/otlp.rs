//! Posts of OTLP: what their heads ask for, and how they become a delivery. What they mean is decided in
//! `mcpr-otlp`.

use super::answer::Refusal;
use super::limits::BODY_BYTES;
use crate::Delivery;
use flate2::read::MultiGzDecoder;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use mcpr_model::{Event, OpenRequest, Request};
use mcpr_otlp::{Encoding, Joiner, Post, Signal, decode};
use std::borrow::Cow;
use std::io::Read;

/// A post as its head announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtlpPost {
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    is_packed: bool,
}

impl OtlpPost {
    /// What a head announces whose path is one of OTLP.
    pub(super) fn of_head(head: &Parts) -> Option<Result<Self, Refusal>> {
        let signal = Signal::of_path(head.uri.path())?;
        let announced = encoding_of(&head.headers).ok_or(Refusal::OtlpContentType);
        Some(announced.and_then(|encoding| {
            let is_packed = is_packed(&head.headers).ok_or(Refusal::OtlpEncoding)?;
            Ok(Self {
                signal,
                encoding,
                is_packed,
            })
        }))
    }

    /// How a refusal of a request with this head is to be written, where it is a post of OTLP.
    pub(super) fn encoding_of_head(head: &Parts) -> Option<Encoding> {
        Signal::of_path(head.uri.path())?;
        // Who sends what nobody knows is answered in what people read.
        Some(encoding_of(&head.headers).unwrap_or(Encoding::Json))
    }

    /// Decodes a body. One at a time: an unpacked one has no room of its own.
    pub(super) fn read(
        self,
        joiner: &mut Joiner,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Post, Refusal> {
        let body = if self.is_packed {
            Cow::Owned(unpacked(body)?)
        } else {
            Cow::Borrowed(body)
        };
        decode(joiner, self.signal, self.encoding, &body, now_ms).map_err(Refusal::NotOtlp)
    }
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    // A few bytes may stand for very many: no more than a plain body may have is taken out.
    let mut reader = MultiGzDecoder::new(body).take(BODY_BYTES + 1);
    reader
        .read_to_end(&mut whole)
        .map_err(|_| Refusal::NotGzip)?;
    if whole.len() as u64 > BODY_BYTES {
        return Err(Refusal::TooLarge);
    }
    Ok(whole)
}

/// The one value of a header; `None` where there are several.
fn only<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    let essence = only(headers, &CONTENT_TYPE)?.split(';').next()?.trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    if is("application/x-protobuf") {
        Some(Encoding::Protobuf)
    } else {
        is("application/json").then_some(Encoding::Json)
    }
}

fn is_packed(headers: &HeaderMap) -> Option<bool> {
    if !headers.contains_key(CONTENT_ENCODING) {
        return Some(false);
    }
    let coding = only(headers, &CONTENT_ENCODING)?;
    let is = |name: &str| coding.eq_ignore_ascii_case(name);
    // The two that every exporter has.
    (is("gzip") || is("identity")).then(|| is("gzip"))
}

/// Puts what came of a post into a delivery: rows, and what waits so that a kill loses none of it.
pub(super) fn deliver(post: Post, admits: impl Fn(&str) -> bool, delivery: &mut Delivery) {
    // A span or record counts as a line does of a file: so the sums of a source add up.
    let counts = &mut delivery.progress.counts;
    let rejected = post.rejected.map_or(0, |it| it.count);
    counts.lines += post.known + post.others + rejected;
    counts.events += post.known;
    counts.unknown += post.others;
    counts.bad += rejected;
    counts.sampled = counts.sampled.max(post.sampled);
    let (joined, mut filtered) = (post.joined, 0);
    let mut wanted = |request: &Request| {
        let is_wanted = admits(&request.method);
        filtered += u64::from(!is_wanted);
        is_wanted
    };
    let rows = joined
        .rows
        .into_iter()
        .filter(&mut wanted)
        .map(Event::Request);
    delivery.events.extend(rows);
    delivery
        .events
        .extend(joined.withdrawn.into_iter().map(Event::Withdrawn));
    // Counted once it is a row.
    let held = joined
        .held
        .into_iter()
        .filter(|request| admits(&request.method));
    delivery.events.extend(held.map(waiting));
    delivery.progress.counts.filtered += filtered;
}

fn waiting(request: Request) -> Event {
    Event::Open(Box::new(OpenRequest {
        request,
        // Its exporter got the answer that it is stored, and does not come again.
        resumes: false,
        is_over: true,
    }))
}
