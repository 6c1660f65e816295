//! A server at an address with this program in the middle: Streamable HTTP of both eras, and the older pair
//! of a stream and posts. Each request is passed on as it is and each piece of its answer as it comes; a
//! copy is read by the recorder of the tap, on threads of its own. Runs on a thread of its own.

mod answers;
mod bodies;
mod broken;
mod capped;
mod coding;
mod copies;
mod endpoint;
mod events;
mod exchange;
mod flight;
mod gate;
mod headers;
mod pieces;
mod prompt;
mod reading;
mod server;
mod sessions;
mod target;
mod transcript;
mod upstream;
mod verdict;

pub use target::{RelayTarget, TargetError};
pub use upstream::{ServerTrust, TrustError};

use crate::tap::{FinalFlush, OnMessage, TapRecorder, TapReport};
use crate::{Config, Moment};
use copies::ExchangeCopies;
use mcpr_model::Text;
use mcpr_wire::Bodies;
use reading::ExchangeReading;
use server::RelayState;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use transcript::ExchangeTranscript;

/// An address that is taken, and the servers that are to be reached there.
#[derive(Debug)]
pub struct RelayAddress {
    listener: TcpListener,
    address: SocketAddr,
    state: RelayState,
}

impl RelayAddress {
    /// Takes an address of this machine; port 0 is any free one.
    ///
    /// # Errors
    /// When the system does not give it, mostly because another program has it.
    pub fn bind(
        address: SocketAddr,
        targets: Vec<RelayTarget>,
        trust: &ServerTrust,
    ) -> Result<Self, RelayError> {
        let needs_tls = targets.iter().any(RelayTarget::is_secure);
        // Before the address is taken: whoever waits for it must not see it come and go.
        let client = upstream::client(trust, needs_tls)?;
        let bound = TcpListener::bind(address).and_then(|listener| {
            // Tokio takes no other listener over.
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = bound.map_err(|error| RelayError::Bind(address, error))?;
        let state = RelayState {
            address,
            targets,
            client,
            copies: Arc::default(),
            is_ending: AtomicBool::new(false),
        };
        Ok(Self {
            listener,
            address,
            state,
        })
    }

    /// The URL by which a client reaches a server here.
    #[must_use]
    pub fn url_of(&self, target: &RelayTarget) -> String {
        format!("http://{}{}", self.address, target.local_path())
    }

    /// The servers.
    #[must_use]
    pub fn targets(&self) -> &[RelayTarget] {
        &self.state.targets
    }

    /// Starts to record what will pass; `run` is an id of this run alone.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn record(
        &self,
        config: Config,
        source: &str,
        run: &str,
        bodies: Bodies,
        on_message: OnMessage,
    ) -> io::Result<TapRecorder> {
        let names = self.state.targets.iter().map(|it| Text::from(it.name()));
        let transcript = ExchangeTranscript::new(source, names.collect(), run, bodies);
        let copies = Arc::clone(&self.state.copies);
        let reading = ExchangeReading::new(transcript, Arc::clone(&copies));
        TapRecorder::start_reading(config, reading, copies, on_message)
    }

    /// Says that nothing is recorded.
    pub fn record_nothing(&self) {
        self.state.copies.abandon();
    }

    /// Serves the address on a thread of its own.
    ///
    /// # Errors
    /// When no thread or runtime can be started.
    pub fn serve(self) -> io::Result<Relay> {
        // One thread is enough for what only waits and passes on.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let copies = Arc::clone(&self.state.copies);
        let (listener, state) = (self.listener, self.state);
        let thread = std::thread::Builder::new()
            .name("mcpr-tap relay".to_owned())
            .spawn(move || {
                let served = runtime.block_on(server::run(listener, state, stopped));
                // A look-up of a name that is still under way is not waited for.
                runtime.shutdown_background();
                served
            })?;
        Ok(Relay {
            stop,
            thread,
            copies,
        })
    }
}

/// Why an address is not served.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// It cannot be taken.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, io::Error),
    /// A server cannot be reached by TLS.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// An address that is served.
#[derive(Debug)]
pub struct Relay {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
    copies: Arc<ExchangeCopies>,
}

impl Relay {
    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Takes no more requests, ends those that are under way, and then the record.
    ///
    /// # Errors
    /// When serving had failed before.
    pub fn stop(
        self,
        recorder: Option<TapRecorder>,
        last: FinalFlush,
        hurry: &AtomicBool,
    ) -> io::Result<Option<TapReport>> {
        // A relay that has ended by itself hears nothing, and needs not.
        let _ = self.stop.send(());
        // All that passed is copied once the thread has ended.
        let served = self.thread.join();
        self.copies.close(Moment::now());
        let report = recorder.map(|recorder| recorder.finish(last, hurry));
        match served {
            Ok(result) => result.map(|()| report),
            Err(_) => Err(io::Error::other(
                "the thread that passes requests on panicked",
            )),
        }
    }
}
