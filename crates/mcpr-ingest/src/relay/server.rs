//! The connections of clients, and each request on its way to its server and back.

use super::bodies::{AnswerBody, RequestBody};
use super::copies::{ExchangeCopies, ExchangeCopy};
use super::endpoint::EndpointRewriter;
use super::pieces::ExchangeEnd;
use super::upstream::{MAX_HEADERS, UpstreamClient, cause};
use super::{RelayTarget, gate, headers};
use crate::Moment;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as BoundListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most connections of clients at a time; further ones wait until one ends.
const CONNECTIONS: usize = 4096;
/// Most bytes of a head.
const HEAD_BYTES: usize = 1 << 20;
/// How long what is under way may take once the end was asked for: streams stay open for as long as
/// they can, and nobody waits for them.
const LAST_ANSWERS: Duration = Duration::from_millis(300);

/// What a client gets.
type RelayAnswer = Response<Either<AnswerBody, Full<Bytes>>>;

/// What all connections share.
#[derive(Debug)]
pub(super) struct RelayState {
    pub(super) address: SocketAddr,
    pub(super) targets: Vec<RelayTarget>,
    pub(super) client: UpstreamClient,
    pub(super) copies: Arc<ExchangeCopies>,
    pub(super) is_ending: AtomicBool,
}

/// Serves until `stop` says so, or its sender is gone.
pub(super) async fn run(
    listener: BoundListener,
    state: RelayState,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let state = Arc::new(state);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (is_ending, ending) = watch::channel(false);
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            (stream, place) = crate::accept::next(&listener, &places) => {
                tasks.spawn(serve(stream, Arc::clone(&state), ending.clone(), place));
            }
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    state.is_ending.store(true, Ordering::Release);
    // Nobody listens when there are no connections.
    let _ = is_ending.send(true);
    let all = async { while tasks.join_next().await.is_some() {} };
    let _ = timeout(LAST_ANSWERS, all).await;
    // Streams that are still open end here, and say so to the recorder.
    tasks.shutdown().await;
    Ok(())
}

/// Serves one connection to its end, and then gives its place back.
async fn serve(
    stream: TcpStream,
    state: Arc<RelayState>,
    mut ending: watch::Receiver<bool>,
    _place: Option<OwnedSemaphorePermit>,
) {
    // Without it a small event could wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let state = &state;
        async move { Ok::<_, Infallible>(relay(request, state).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // A client keeps its connection for as long as it likes, as it would with the server.
        .header_read_timeout(None)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(MAX_HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // A connection that breaks concerns nobody but its client.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ending.wait_for(|&is_ending| is_ending) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Reports the end of an exchange whose client goes before there is an answer.
struct Unanswered<'a> {
    copy: Option<Arc<ExchangeCopy>>,
    body: RequestBody,
    state: &'a RelayState,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(copy) = self.copy.take() {
            self.body.settle();
            copy.end(if self.state.is_ending.load(Ordering::Acquire) {
                ExchangeEnd::TapEnded
            } else {
                ExchangeEnd::ClientLeft
            });
        }
    }
}

/// Passes a request on, and its answer back.
async fn relay(request: Request<Incoming>, state: &RelayState) -> RelayAnswer {
    let (mut head, body) = request.into_parts();
    if let Err(refusal) = gate::check(&head, state.address) {
        return plain_answer(StatusCode::FORBIDDEN, &refusal.to_string());
    }
    let Some((server, uri)) = super::target::route(&state.targets, &head.uri) else {
        let text = "mcpr tap: there is no server of this name at the beginning of the path";
        return plain_answer(StatusCode::NOT_FOUND, text);
    };
    let path_and_query = uri.path_and_query().map_or("/", |it| it.as_str());
    let asked = headers::asked(server, &head.method, path_and_query, &head.headers);
    let copy = Arc::new(state.copies.begin(asked, Moment::now()));
    headers::strip(&mut head.headers);
    if let Some(host) = uri
        .authority()
        .and_then(|it| HeaderValue::from_str(it.as_str()).ok())
    {
        head.headers.insert(HOST, host);
    }
    head.uri = uri;
    let is_get = head.method == Method::GET;
    // Which version a client speaks says nothing of what its server does.
    head.version = hyper::Version::HTTP_11;
    // The way to the server takes the body along, and gives none of it back where it fails.
    let body = RequestBody::new(body, Arc::clone(&copy));
    let mut unanswered = Unanswered {
        copy: Some(Arc::clone(&copy)),
        body: body.clone(),
        state,
    };
    let answered = state
        .client
        .request(Request::from_parts(head, body.clone()))
        .await;
    match answered {
        // Its body is passed on by whoever sends it to the client.
        Ok(answer) => {
            body.settle();
            unanswered.copy = None;
            let (mut head, body) = answer.into_parts();
            copy.answered(headers::answered(
                head.status,
                &head.headers,
                &head.extensions,
            ));
            headers::strip(&mut head.headers);
            head.version = hyper::Version::HTTP_11;
            let may_announce = is_get && headers::may_announce(head.status, &head.headers);
            let rewriter =
                may_announce.then(|| EndpointRewriter::new(&state.targets[server], state.address));
            Response::from_parts(head, Either::Left(AnswerBody::new(body, rewriter, copy)))
        }
        Err(error) => {
            // Its row says what was asked, though nobody took it.
            body.drain().await;
            unanswered.copy = None;
            let what = if error.is_connect() {
                "the server cannot be reached"
            } else {
                "the connection to the server broke"
            };
            let why = compact_str::format_compact!("{what}: {}", cause(&error));
            copy.end(ExchangeEnd::Broken(why.clone()));
            plain_answer(StatusCode::BAD_GATEWAY, &format!("mcpr tap: {why}"))
        }
    }
}

/// An answer of our own, in words.
fn plain_answer(status: StatusCode, text: &str) -> RelayAnswer {
    let body = Full::from(Bytes::from(format!("{text}\n")));
    let mut answer = Response::new(Either::Right(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
