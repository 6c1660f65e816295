//! The HTTP source: takes what a proxy would post to a cloud endpoint, and what exporters of OpenTelemetry post, and
//! answers when it is committed. Beside that, or alone, it shows how the recorder is: `/healthz`, `/readyz`, `/metrics`. Nothing here decodes or stores: bodies go through the decoder and the queue that files
//! go through. The only part with a runtime, on a thread of its own.

mod answer;
mod body;
mod gate;
mod intake;
mod limits;
mod otlp;
mod server;
mod token;
mod watched;

pub use gate::{Admission, Gate};
pub use intake::Intake;
pub use server::Served;
pub use token::{Token, TokenError};

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// An address that is taken, and not served yet.
#[derive(Debug)]
pub struct BoundAddress {
    listener: TcpListener,
    address: SocketAddr,
}

impl BoundAddress {
    /// Takes an address; port 0 is any free one.
    ///
    /// # Errors
    /// When the system does not give it, mostly because another program has it.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        // Tokio takes no other listener over.
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address, with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The source's name in the store.
    #[must_use]
    pub fn source_name(&self) -> String {
        format!("http {}", self.address)
    }

    /// Serves the address on a thread of its own.
    ///
    /// # Errors
    /// When no thread or runtime can be started.
    pub fn serve(self, gate: Gate, served: Served) -> io::Result<Listening> {
        // One thread is enough for what waits; decoding has threads of its own.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("mcpr-listen".to_owned())
            .spawn(move || runtime.block_on(server::run(self.listener, gate, served, stopped)))?;
        Ok(Listening { stop, thread })
    }
}

/// An address that is served.
#[derive(Debug)]
pub struct Listening {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Listening {
    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Takes no more connections, answers the requests that are there, and ends. The recorder must
    /// still be at work, for an answer waits for its commit.
    ///
    /// # Errors
    /// When serving had failed before.
    pub fn stop(self) -> io::Result<()> {
        // A server that has ended by itself hears nothing, and needs not.
        let _ = self.stop.send(());
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(io::Error::other("the listening thread panicked")),
        }
    }
}
