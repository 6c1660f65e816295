//! Connections to servers whose every piece is acknowledged at once.
//!
//! A server that writes the head and the body of an answer separately, without `TCP_NODELAY`, holds the body
//! back until the head is acknowledged; Linux acknowledges on a connection in use 40 ms later. A program
//! that opens a connection for each request never meets that, so the tap would add it.

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;
use tower_service::Service;

type Tcp = TokioIo<TcpStream>;
type Connecting = Pin<Box<dyn Future<Output = Result<PromptStream, BoxError>> + Send>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens connections as the connector inside does.
#[derive(Clone)]
pub(super) struct PromptConnector(pub(super) HttpConnector);

impl Service<Uri> for PromptConnector {
    type Response = PromptStream;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let connecting = self.0.call(uri);
        Box::pin(async move { Ok(PromptStream(connecting.await?)) })
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct PromptStream(Tcp);

impl Read for PromptStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(context, buffer));
        acknowledge(self.0.inner());
        Poll::Ready(read)
    }
}

/// Sends the acknowledgement that is due. The system goes back to delaying by itself, so each piece needs it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn acknowledge(stream: &TcpStream) {
    // What cannot be set costs time and nothing else.
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

/// Other systems have no such setting.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn acknowledge(_stream: &TcpStream) {}

impl Write for PromptStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, pieces)
    }
}

impl Connection for PromptStream {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;
    use hyper::rt::ReadBuf;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    /// A connection that answers requests is one whose acknowledgements Linux delays: setting that aside
    /// must happen at each piece, not once.
    #[tokio::test]
    async fn each_piece_of_an_answer_is_acknowledged_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let uri: Uri = format!("http://{address}/").parse().expect("a URI");
        let (stream, accepted) = tokio::join!(
            async { PromptConnector(HttpConnector::new()).call(uri).await },
            listener.accept()
        );
        let mut stream = stream.expect("a connection");
        let (mut server, _) = accepted.expect("a connection");
        for _ in 0..3 {
            rustix::net::sockopt::set_tcp_quickack(stream.0.inner(), false).expect("an option");
            server.write_all(b"a piece").await.expect("written");
            let mut bytes = [0; 16];
            let mut buffer = ReadBuf::new(&mut bytes);
            poll_fn(|context| Pin::new(&mut stream).poll_read(context, buffer.unfilled()))
                .await
                .expect("read");
            assert_eq!(buffer.filled(), b"a piece");
            let is_prompt = rustix::net::sockopt::tcp_quickack(stream.0.inner());
            assert!(is_prompt.expect("an option"));
        }
    }
}
