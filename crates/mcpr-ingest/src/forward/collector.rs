//! A collector of OTLP as a target: requests go as spans, and how far is noted in the store once they are taken.

use super::noted::Noted;
use super::{Followed, Forward, News, OnNews, WATCH, is_stopped, open};
use crate::import::request_of;
use flate2::Compression;
use flate2::write::GzEncoder;
use mcpr_client::{BodyKind, Header, PostAnswer, PostBox, ServerUrl};
use mcpr_model::{Request, Text};
use mcpr_otlp::{rejected_in, spans_of};
use mcpr_store::query::{Cursor, Entry, Filter, Page, RequestRow, StoredKey};
use mcpr_store::{Reader, StoreError, StoreErrorKind};
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Most spans of a post: collectors take a few megabytes, and a span has about 500 bytes.
const POST_SPANS: usize = 512;
/// How long a post may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a collector may have us wait, at most.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

const KIND: BodyKind = BodyKind {
    content_type: "application/x-protobuf",
    encoding: "gzip",
};

/// Where spans are posted to.
#[derive(Debug)]
pub struct Collector {
    post_box: PostBox,
    name: String,
    /// Whether it has ever taken anything: until then what it refuses is not a fault of a row.
    has_taken: AtomicBool,
}

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(pub String);

/// What became of a post.
enum Posted {
    Taken,
    /// Taken, but for some, and why.
    Refused(u64, String),
    /// There is too much in it, or something that is not understood.
    Unfit(String),
}

impl Collector {
    /// The collector that `otlp+http://HOST:PORT` or `otlp+https://…` names; `None` of any other text. What stands
    /// behind the address is kept; without a path it is `/v1/traces`.
    ///
    /// # Errors
    /// Where nothing can be posted there.
    pub fn parse(text: &str, headers: Vec<Header>) -> Option<Result<Self, TargetError>> {
        let url = text.strip_prefix("otlp+")?;
        Some(Self::at(url, headers).map_err(TargetError))
    }

    fn at(url: &str, headers: Vec<Header>) -> Result<Self, String> {
        let (head, query) = url.split_once('?').unwrap_or((url, ""));
        let rest = head.split_once("://").map_or("", |(_, rest)| rest);
        // A path is that of a collector behind others; mostly there is none.
        let has_path = rest.trim_end_matches('/').contains('/');
        let mut url = head.to_owned();
        if !has_path {
            url = format!("{}/v1/traces", head.trim_end_matches('/'));
        }
        if !query.is_empty() {
            url = format!("{url}?{query}");
        }
        let url: ServerUrl = url.parse().map_err(|_| {
            "a collector is named by otlp+http://HOST:PORT or otlp+https://HOST:PORT".to_owned()
        })?;
        if url.is_open() && !headers.is_empty() {
            return Err("others could read the token on its way: use otlp+https://".to_owned());
        }
        let name = format!("otlp+{}", url.shown());
        let post_box = PostBox::new(url, headers).map_err(|error| error.to_string())?;
        Ok(Self {
            post_box,
            name,
            has_taken: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// Follows until it is asked to stop, or something fails.
    pub(super) fn follow(
        &self,
        task: &Forward,
        stop: &AtomicBool,
        on_news: OnNews<'_>,
    ) -> Result<Cursor, StoreError> {
        let Followed { from, mut local } = open(task)?;
        let mut noted = Noted::read(local.as_mut(), &self.name)?;
        let head = from.head()?;
        // Beyond its end it stands where a store was put back from an earlier copy of itself.
        let known = noted.place().filter(|place| *place <= head.cursor);
        let mut place = known.unwrap_or(Cursor::START);
        loop {
            if place != Cursor::START {
                let gone = from.gone_behind(place)?;
                if gone > 0 {
                    on_news(News::Gone(gone));
                }
            }
            // In bounded pieces, however much there is.
            let head = from.head()?;
            loop {
                let (requests, end) = next(from.as_ref(), place, head.cursor)?;
                if !requests.is_empty() {
                    self.send(&requests, stop, on_news)?;
                }
                // Only now: what is sent twice is the same spans, what is not sent would be lost.
                place = end;
                noted.note(place)?;
                on_news(News::Sent(place));
                if place >= head.cursor || is_stopped(stop) {
                    break;
                }
            }
            if task.once || is_stopped(stop) {
                return Ok(place);
            }
            from.watch(head, WATCH)?;
        }
    }

    /// Sends requests. Where a post is refused as a whole it goes in halves, until the one is found that is not taken.
    fn send(
        &self,
        requests: &[Request],
        stop: &AtomicBool,
        on_news: OnNews<'_>,
    ) -> Result<(), StoreError> {
        let mut parts = vec![requests];
        while let Some(part) = parts.pop() {
            match self.post(part, stop)? {
                Posted::Taken => self.has_taken.store(true, Ordering::Relaxed),
                Posted::Refused(count, why) => {
                    self.has_taken.store(true, Ordering::Relaxed);
                    on_news(News::Refused(count, &why));
                }
                Posted::Unfit(why) if part.len() < 2 => {
                    // One that takes nothing at all takes no OTLP: no row is lost to it.
                    if !self.has_taken.load(Ordering::Relaxed) {
                        return Err(self.failed(&why));
                    }
                    on_news(News::Refused(1, &why));
                }
                Posted::Unfit(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    // In their order: the first half is taken next.
                    parts.extend([second, first]);
                }
            }
        }
        Ok(())
    }

    fn post(&self, requests: &[Request], stop: &AtomicBool) -> Result<Posted, StoreError> {
        let body = compressed(&spans_of(requests));
        let answer = self.post_box.post(KIND, &body, PATIENCE);
        let answer = answer.map_err(|error| self.failed(&error.to_string()))?;
        match answer.status {
            200..=299 => Ok(taken(&answer)),
            400 | 413 | 422 => Ok(Posted::Unfit(refusal(&answer))),
            429 | 502..=504 => {
                let wait = answer.retry_after.unwrap_or_default().min(LONGEST_WAIT);
                super::wait(wait, stop);
                Err(self.failed(&refusal(&answer)))
            }
            // Who may post, and where, is a matter for a person, who may mend it while rows wait.
            401 | 403 | 407 => {
                let error = self.failed(&refusal(&answer));
                Err(error.hint("the collector wants other credentials: see --token-file"))
            }
            404 | 405 | 415 => {
                let error = self.failed(&refusal(&answer));
                Err(error.hint("nothing takes OTLP at this address"))
            }
            _ => Err(self.failed(&refusal(&answer))),
        }
    }

    fn failed(&self, why: &str) -> StoreError {
        // Faults of a connection name the address by themselves.
        let message = if why.contains("://") {
            why.to_owned()
        } else {
            format!("{}: {why}", self.name)
        };
        StoreError::new(StoreErrorKind::Retryable, message)
    }
}

fn refusal(answer: &PostAnswer) -> String {
    format!("it answers with status {}", answer.status)
}

fn taken(answer: &PostAnswer) -> Posted {
    // Whatever else an answer of success says, the spans are taken.
    match rejected_in(&answer.body) {
        Ok(Some(rejected)) => Posted::Refused(rejected.count, rejected.why),
        Ok(None) | Err(_) => Posted::Taken,
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("memory takes every write")
}

/// The requests behind a place, as many as go into one post, and the place behind them.
fn next(
    from: &dyn Reader,
    place: Cursor,
    end: Cursor,
) -> Result<(Vec<Request>, Cursor), StoreError> {
    let mut page = Page::after(place, POST_SPANS);
    page.before = Some(end.next());
    let entries = from.entries(&Filter::default(), page)?;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        // What is left are bad lines, which no collector knows.
        return Ok((Vec::new(), end));
    };
    let keys = from.keys(first.seq(), last.seq())?;
    let keys: HashMap<i64, StoredKey> = keys.into_iter().map(|key| (key.seq, key)).collect();
    // A page that is not full is the last one.
    let place = if entries.len() < POST_SPANS {
        end
    } else {
        last.cursor()
    };
    // Gaps have no span.
    let requests = entries.iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some(request(row, keys.get(&row.seq))),
        Entry::Gap(_) => None,
    });
    Ok((requests.collect(), place))
}

/// A request with its client also where the session alone has stated that: no session goes along.
fn request(row: &RequestRow, key: Option<&StoredKey>) -> Request {
    let text = |text: &Option<String>| text.as_ref().map(Text::from);
    Request {
        client_name: text(&row.client_name),
        client_version: text(&row.client_version),
        ..request_of(row, key)
    }
}
