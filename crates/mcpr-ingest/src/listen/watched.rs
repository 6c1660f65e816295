//! A client's stream that ends when the client takes too long: with a request's head, or between two
//! requests. Hyper's own timeout counts both alike, and proxies post every five seconds.

use super::limits::{HEAD, IDLE};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// Waiting for the first byte of the next request.
    Idle,
    /// Reading a head, or waiting for the first one.
    Head,
    /// Reading and answering a request, which has limits of its own.
    Request,
}

/// What a connection is doing, and until when it may.
#[derive(Debug)]
pub(super) struct ConnectionStage(Mutex<(Activity, Option<Instant>)>);

impl ConnectionStage {
    /// A connection that begins.
    pub(super) fn new(now: Instant) -> Self {
        // A new connection owes its first head at once; as an idle one it could stay a minute.
        Self(Mutex::new((Activity::Head, Some(now + HEAD))))
    }

    fn lock(&self) -> MutexGuard<'_, (Activity, Option<Instant>)> {
        // A poisoned lock only means that another task panicked between two plain assignments.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the connection is doing.
    pub(super) fn doing(&self) -> Activity {
        self.lock().0
    }

    /// Says that a request's head is there, or that its answer is.
    pub(super) fn enter(&self, doing: Activity, now: Instant) {
        let until = match doing {
            Activity::Idle => Some(now + IDLE),
            Activity::Head => Some(now + HEAD),
            Activity::Request => None,
        };
        *self.lock() = (doing, until);
    }

    /// Says that bytes came, which begin a head where none was on its way; gives the limit from then on.
    fn read(&self, came: bool, now: Instant) -> Option<Instant> {
        if came && self.doing() == Activity::Idle {
            self.enter(Activity::Head, now);
        }
        self.lock().1
    }
}

/// The stream, and the stage that limits it.
#[derive(Debug)]
pub(super) struct TimedStream {
    stream: TcpStream,
    stage: Arc<ConnectionStage>,
    alarm: Pin<Box<Sleep>>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, stage: Arc<ConnectionStage>) -> Self {
        let alarm = Box::pin(sleep_until(Instant::now() + HEAD));
        Self {
            stream,
            stage,
            alarm,
        }
    }

    fn poll_alarm(&mut self, came: bool, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // No alarm: a request that is served has limits of its own.
        let Some(until) = self.stage.read(came, Instant::now()) else {
            return Poll::Pending;
        };
        if self.alarm.deadline() != until {
            self.alarm.as_mut().reset(until);
        }
        let rung = self.alarm.as_mut().poll(context);
        rung.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // Before the alarm: a byte that is there in time ends the idle time.
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let came = buffer.filled().len() > before;
        match (polled, self.poll_alarm(came, context)) {
            // A head that goes on coming is over all the same.
            (_, Poll::Ready(over)) => Poll::Ready(over),
            (polled, Poll::Pending) => polled,
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_head_begins_with_its_first_byte_and_a_request_has_limits_of_its_own() {
        let begin = Instant::now();
        let stage = ConnectionStage::new(begin);
        let later = begin + Duration::from_secs(1);
        assert_eq!(
            stage.read(true, later),
            Some(begin + HEAD),
            "from its beginning"
        );
        stage.enter(Activity::Request, later);
        assert_eq!(stage.read(true, later), None);
        stage.enter(Activity::Idle, later);
        assert_eq!(stage.read(false, later), Some(later + IDLE));
        let first = later + Duration::from_secs(30);
        assert_eq!(stage.read(true, first), Some(first + HEAD));
        let more = first + Duration::from_secs(2);
        assert_eq!(
            stage.read(true, more),
            Some(first + HEAD),
            "later bytes begin nothing"
        );
    }
}
