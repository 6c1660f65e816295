//! Connections as they are taken, by whatever listens.

use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// How long after a connection could not be taken the next is tried.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The next connection, once there is a place for it.
pub(crate) async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // Out of descriptors, or a client that has gone: neither gets better by asking now.
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}
