//! The server: accepts, serves each connection as a task, and ends in order. Speaks HTTP/1 alone.

use super::answer::{self, Answer, Refusal};
use super::body::{self, BodyRoom};
use super::gate::{Gate, Wish};
use super::intake::Intake;
use super::limits::{CONNECTIONS, HEAD_BYTES, LAST_ANSWERS, LAST_HEADS, SCRAPES};
use super::otlp::OtlpPost;
use super::watched::{Activity, ConnectionStage, TimedStream};
use crate::monitor::{Format, Monitor};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener as BoundListener};
use std::pin::pin;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout};

/// What is served at an address.
#[derive(Debug)]
pub struct Served {
    /// Where posts go; `None` where none are taken.
    pub intake: Option<Intake>,
    /// What the recorder shows of itself.
    pub monitor: Arc<Monitor>,
}

/// What all connections share.
#[derive(Debug)]
struct ServerState {
    gate: Gate,
    /// Where posts go, if any are taken.
    intake: Option<Arc<Intake>>,
    room: BodyRoom,
    monitor: Arc<Monitor>,
    scrapes: Arc<Semaphore>,
}

/// Serves until `stop` says so, or its sender is gone.
pub(super) async fn run(
    listener: BoundListener,
    gate: Gate,
    served: Served,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let shared = Arc::new(ServerState {
        gate,
        intake: served.intake.map(Arc::new),
        room: BodyRoom::new(),
        monitor: served.monitor,
        scrapes: Arc::new(Semaphore::new(SCRAPES)),
    });
    let waiting = shared
        .intake
        .clone()
        .map(|it| tokio::spawn(it.give_up_waiting()));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (is_ending, ending) = watch::channel(false);
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            (stream, place) = crate::accept::next(&listener, &places) => {
                tasks.spawn(serve(stream, Arc::clone(&shared), ending.clone(), place));
            }
            Some(_) = tasks.join_next() => {}
        }
    }
    drop(listener);
    // Nobody listens when there are no connections.
    let _ = is_ending.send(true);
    // What has no answer by then is given up.
    let _ = timeout(LAST_ANSWERS, async {
        while tasks.join_next().await.is_some() {}
    })
    .await;
    if let Some(waiting) = waiting {
        waiting.abort();
    }
    if let Some(intake) = &shared.intake {
        intake.end().await;
    }
    Ok(())
}

/// Serves one connection to its end, and then gives its place back.
async fn serve(
    stream: TcpStream,
    shared: Arc<ServerState>,
    mut ending: watch::Receiver<bool>,
    _place: Option<OwnedSemaphorePermit>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Without it a small answer could wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let local = local.ip().to_canonical();
    let stage = Arc::new(ConnectionStage::new(Instant::now()));
    let io = TokioIo::new(TimedStream::new(stream, Arc::clone(&stage)));
    let service = service_fn(|request| {
        let (shared, stage) = (&shared, &stage);
        async move {
            stage.enter(Activity::Request, Instant::now());
            let answer = answer(request, local, shared).await;
            stage.enter(Activity::Idle, Instant::now());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The stream itself distinguishes a slow head from an idle connection; this one would not.
        .header_read_timeout(None)
        .half_close(true)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    // A connection that breaks concerns nobody but its client.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ending.wait_for(|&is_ending| is_ending) => connection.as_mut().graceful_shutdown(),
    }
    if timeout(LAST_HEADS, connection.as_mut()).await.is_err() && stage.doing() == Activity::Request
    {
        let _ = connection.await;
    }
}

async fn answer(request: Request<Incoming>, local: IpAddr, shared: &ServerState) -> Answer {
    let (head, mut body) = request.into_parts();
    let taken = match shared.gate.check(&head, local) {
        Ok(wish) => fulfil(wish, &mut body, shared).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(answer) => answer,
        Err(refusal) => {
            body::discard(&mut body, &head.headers).await;
            match OtlpPost::encoding_of_head(&head) {
                Some(encoding) => refusal.otlp_answer(encoding),
                None => refusal.answer(),
            }
        }
    }
}

async fn fulfil(wish: Wish, body: &mut Incoming, shared: &ServerState) -> Result<Answer, Refusal> {
    match wish {
        Wish::Health if shared.is_open() => Ok(answer::healthy()),
        Wish::Readiness => Ok(answer::readiness(shared.monitor.readiness())),
        Wish::Metrics(format) => scrape(format, shared).await,
        Wish::Json | Wish::Lines | Wish::Otlp(_) if shared.is_open() => {
            take(wish, body, shared).await
        }
        Wish::Health | Wish::Json | Wish::Lines | Wish::Otlp(_) => Err(Refusal::Ending),
    }
}

async fn take(wish: Wish, body: &mut Incoming, shared: &ServerState) -> Result<Answer, Refusal> {
    // The gate lets no post in where none are taken.
    let intake = shared.intake.as_ref().ok_or(Refusal::NotFound)?;
    let whole = body::read(body, &shared.room).await?;
    let found = intake.store(wish, whole).await?;
    Ok(match wish {
        Wish::Otlp(post) => answer::exported(post, found.rejected.as_ref()),
        _ => found.answer(),
    })
}

async fn scrape(format: Format, shared: &ServerState) -> Result<Answer, Refusal> {
    let place = Arc::clone(&shared.scrapes).try_acquire_owned();
    let place = place.map_err(|_| Refusal::Scrapes)?;
    let monitor = Arc::clone(&shared.monitor);
    // It reads the store, for which no post may wait.
    let writing = spawn_blocking(move || monitor.metrics(format));
    let text = writing.await.map_err(|_| Refusal::Ending)?;
    Ok(answer::metrics(text, format, place))
}

impl ServerState {
    /// Whether the recorder still takes what comes.
    fn is_open(&self) -> bool {
        self.intake.as_ref().is_none_or(|intake| intake.is_open())
    }
}
