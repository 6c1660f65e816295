//! `--listen` and `--metrics` on the command line: who may post and scrape, checked before anything is opened
//! or made.

use super::Args;
use crate::commands::Refused;
use crate::config::values::address;
use crate::console::Console;
use anyhow::Context;
use mcpr_ingest::listen::{BoundAddress, Gate, Intake, Listening, Served, Token};
use mcpr_ingest::monitor::Monitor;
use mcpr_ingest::{DEFAULT_PROXY, Full, LineDecoder, Recorder};
use mcpr_tail::Tailer;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The variable that holds the token where no file does.
const TOKEN_VARIABLE: &str = "MCPR_LISTEN_TOKEN";

/// What concerns the HTTP source, and what the recorder shows of itself.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("address").args(["listen", "metrics"]).multiple(true))]
pub(crate) struct ListenArgs {
    /// Listen on this address for what a proxy posts to its [cloud].endpoint
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Show metrics, health and readiness at this address; --listen shows them at its own as well
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Accept only posts and scrapes that show the bearer token in this file (or in `MCPR_LISTEN_TOKEN`)
    #[arg(long, value_name = "FILE", requires = "address")]
    pub(crate) token_file: Option<PathBuf>,
    /// Listen on an address that other machines reach; needs a token
    #[arg(long, requires = "address")]
    pub(crate) allow_remote: bool,
    /// Answer to this name in the Host header too; may be repeated
    #[arg(long, value_name = "NAME", requires = "address")]
    pub(crate) allow_host: Vec<String>,
}

/// The addresses that are served, taken and their rules known.
pub(super) struct Ready {
    posts: Option<ReadyAddress>,
    metrics: Option<ReadyAddress>,
}

/// An address, taken, and who is let in there.
struct ReadyAddress {
    bound: BoundAddress,
    gate: Gate,
}

impl ListenArgs {
    /// Whether an address is named.
    pub(super) fn is_named(&self) -> bool {
        self.listen.is_some() || self.metrics.is_some()
    }

    /// Takes the addresses, if any are asked for.
    pub(super) fn prepare(&self, console: &mut Console) -> anyhow::Result<Option<Ready>> {
        if !self.is_named() {
            return Ok(None);
        }
        let token = self.token(console)?;
        let take = |address: Option<SocketAddr>, takes_posts: bool| {
            let ready = address.map(|address| self.take(address, token.clone(), takes_posts));
            ready.transpose()
        };
        Ok(Some(Ready {
            posts: take(self.listen, true)?,
            metrics: take(self.metrics, false)?,
        }))
    }

    fn take(
        &self,
        address: SocketAddr,
        token: Option<Token>,
        takes_posts: bool,
    ) -> anyhow::Result<ReadyAddress> {
        if !address.ip().is_loopback() {
            self.may_be_remote(address, token.is_some())?;
        }
        let bound = BoundAddress::bind(address).map_err(|error| {
            Refused::new(format!("cannot listen on {address}: {error}"))
                .hint("choose another port; port 0 takes any that is free")
        })?;
        let gate = Gate {
            address: bound.address(),
            hosts: self.allow_host.clone(),
            token,
            takes_posts,
        };
        Ok(ReadyAddress { bound, gate })
    }

    fn may_be_remote(&self, address: SocketAddr, has_token: bool) -> Result<(), Refused> {
        let refused = Refused::new(format!("other machines reach {address}"));
        match (self.allow_remote, has_token) {
            (true, true) => Ok(()),
            (false, _) => {
                Err(refused.hint("listen on 127.0.0.1, or add --allow-remote and --token-file"))
            }
            (true, false) => Err(refused.hint(format!(
                "--allow-remote needs a token: --token-file FILE, or {TOKEN_VARIABLE}"
            ))),
        }
    }

    fn token(&self, console: &mut Console) -> anyhow::Result<Option<Token>> {
        let (text, place) = match (&self.token_file, std::env::var_os(TOKEN_VARIABLE)) {
            // Whoever names a file means it, whatever the environment holds.
            (Some(file), _) => (token_in(file, console)?, file.display().to_string()),
            (None, Some(text)) => {
                let text = text.to_string_lossy().into_owned();
                (text, TOKEN_VARIABLE.to_owned())
            }
            (None, None) => return Ok(None),
        };
        let token = Token::new(&text).map_err(|error| {
            Refused::new(format!("{place}: {error}"))
                .hint("make one: openssl rand -hex 32 > FILE, and chmod 600 FILE")
        })?;
        Ok(Some(token))
    }
}

fn token_in(file: &Path, console: &mut Console) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Refused::new(format!(
            "{}: the token cannot be read: {error}",
            file.display()
        ))
        .hint("check the path and its permissions")
    })?;
    let mode = std::fs::metadata(file).map_or(0, |it| it.permissions().mode());
    if mode & 0o044 != 0 {
        console.note(&format!(
            "warning: others can read {}; chmod 600 would stop them",
            file.display()
        ));
    }
    Ok(text)
}

impl Ready {
    /// Begins to serve, and says where.
    pub(super) fn start(
        self,
        args: &Args,
        recorder: &Recorder,
        console: &mut Console,
    ) -> anyhow::Result<Servers> {
        let monitor = Monitor::new(recorder, &args.store.url()?, env!("CARGO_PKG_VERSION"))?;
        let monitor = Arc::new(monitor);
        let mut listening = Vec::new();
        if let Some(posts) = self.posts {
            let proxy = args.proxy.as_deref().unwrap_or(DEFAULT_PROXY);
            let decoder = LineDecoder::new(&posts.bound.source_name(), proxy, args.wanted());
            // What a full queue does is the client's to know: it is asked to come again.
            let intake = Intake::new(decoder, recorder.source(Full::Block));
            let address = posts.bound.address();
            listening.push(posts.serve(Some(intake), &monitor)?);
            console.note(&format!("listening on http://{address}"));
        }
        if let Some(metrics) = self.metrics {
            // From the beginning on; who only listens may never be asked.
            monitor.follow();
            let address = metrics.bound.address();
            listening.push(metrics.serve(None, &monitor)?);
            console.note(&format!("metrics on http://{address}/metrics"));
        }
        Ok(Servers { listening, monitor })
    }
}

impl ReadyAddress {
    fn serve(self, intake: Option<Intake>, monitor: &Arc<Monitor>) -> anyhow::Result<Listening> {
        let address = self.bound.address();
        let served = Served {
            intake,
            monitor: Arc::clone(monitor),
        };
        let listening = self.bound.serve(self.gate, served);
        listening.with_context(|| format!("cannot serve {address}"))
    }
}

/// The addresses that are served.
pub(super) struct Servers {
    listening: Vec<Listening>,
    monitor: Arc<Monitor>,
}

impl Servers {
    /// Whether one has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.listening.iter().any(Listening::has_ended)
    }

    /// Takes down how far files are behind.
    pub(super) fn see_files(&self, tailer: &Tailer) {
        self.monitor.see_files(tailer);
    }

    /// Answers what is on its way, and ends.
    pub(super) fn stop(self) -> io::Result<()> {
        let ends = self.listening.into_iter().map(Listening::stop);
        // Each is ended, whatever became of another.
        let ended = ends.fold(Ok(()), io::Result::and);
        // The recorder must be the last to have the store open.
        self.monitor.close();
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for (text, expected) in [
            ("127.0.0.1:8787", Some("127.0.0.1:8787")),
            ("localhost:0", Some("127.0.0.1:0")),
            ("[::1]:80", Some("[::1]:80")),
            ("8787", None),
            ("127.0.0.1", None),
            ("example.org:80", None),
        ] {
            let parsed = address(text).ok().map(|it| it.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }
}
