//! The server: accepts, serves each connection as a task, and ends in order. Speaks HTTP/1 alone.

use super::answer::{Answer, Refusal, healthy};
use super::body::{self, Room};
use super::connections::{Connections, Phase, Place};
use super::gate::{Asked, Gate};
use super::intake::Intake;
use super::limits::{HEAD_BYTES, LAST_ANSWERS, LAST_HEADS, SWEEP};
use super::watched::Watched;
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
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// What a client hears when every connection is busy with a commit.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 33\r\n\r\n{\"error\":\"too many connections\"}\n";

/// What all connections share.
#[derive(Debug)]
struct Shared {
    gate: Gate,
    intake: Intake,
    room: Room,
}

/// Serves until `stop` says so, or its sender is gone.
pub(super) async fn run(
    listener: BoundListener,
    gate: Gate,
    intake: Intake,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let shared = Arc::new(Shared {
        gate,
        intake,
        room: Room::new(),
    });
    let connections = Connections::default();
    let (is_ending, ending) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    accept(stream, &shared, &connections, (&mut tasks, &ending));
                }
                // Out of descriptors, or a client that has gone: neither gets better by asking now.
                Err(_) => sleep(SWEEP).await,
            },
            Some(_) = tasks.join_next() => {}
            _ = sweep.tick(), if !connections.is_empty() => connections.end_overdue(Instant::now()),
        }
    }
    drop(listener);
    // Nobody listens when there are no connections.
    let _ = is_ending.send(true);
    end(tasks, &connections).await;
    shared.intake.end().await;
    Ok(())
}

fn accept(
    stream: TcpStream,
    shared: &Arc<Shared>,
    connections: &Connections,
    (tasks, ending): (&mut JoinSet<()>, &watch::Receiver<bool>),
) {
    let Some(place) = connections.open(Instant::now()) else {
        // What does not fit into the socket's own buffer is not worth waiting for.
        let _ = stream.try_write(BUSY);
        return;
    };
    let place = Arc::new(place);
    let serving = serve(
        stream,
        Arc::clone(shared),
        Arc::clone(&place),
        ending.clone(),
    );
    place.ends_by(tasks.spawn(serving));
}

/// Waits for the last answers.
async fn end(mut tasks: JoinSet<()>, connections: &Connections) {
    let (mut last_heads, mut last_answers) = (pin!(sleep(LAST_HEADS)), pin!(sleep(LAST_ANSWERS)));
    let mut heads_may_come = true;
    loop {
        tokio::select! {
            joined = tasks.join_next() => if joined.is_none() { return },
            () = &mut last_heads, if heads_may_come => {
                heads_may_come = false;
                connections.end_waiting();
            }
            () = &mut last_answers => return,
        }
    }
}

/// Serves one connection to its end.
async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    place: Arc<Place>,
    mut ending: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // Without it a small answer could wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let local = local.ip().to_canonical();
    let io = TokioIo::new(Watched {
        stream,
        place: Arc::clone(&place),
    });
    let service = service_fn(|request| {
        let (shared, place) = (&shared, &place);
        async move {
            place.enter(Phase::Body, Instant::now());
            let answer = answer(request, local, shared, place).await;
            place.enter(Phase::Idle, Instant::now());
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Our own limits tell a head from an idle connection; hyper's one would count both.
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
    let _ = connection.await;
}

async fn answer(
    request: Request<Incoming>,
    local: IpAddr,
    shared: &Shared,
    place: &Place,
) -> Answer {
    let (head, mut body) = request.into_parts();
    let taken = match shared.gate.check(&head, local) {
        Ok(asked) => take(asked, &mut body, shared, place).await,
        Err(refusal) => Err(refusal),
    };
    match taken {
        Ok(answer) => answer,
        Err(refusal) => {
            body::discard(&mut body, &head.headers).await;
            refusal.answer()
        }
    }
}

async fn take(
    asked: Asked,
    body: &mut Incoming,
    shared: &Shared,
    place: &Place,
) -> Result<Answer, Refusal> {
    if !shared.intake.is_open() {
        return Err(Refusal::Ending);
    }
    if asked == Asked::Health {
        return Ok(healthy());
    }
    let whole = body::read(body, &shared.room).await?;
    let delivery = shared.intake.decode(asked, &whole.bytes)?;
    drop(whole);
    place.enter(Phase::Commit, Instant::now());
    let found = shared.intake.store(delivery).await?;
    Ok(found.answer())
}
