//! `--listen` and `--metrics` on the command line: who may post and scrape, checked before anything is opened
//! or made.

use super::Args;
use super::reload::Changes;
use crate::commands::Refused;
use crate::config::values::address;
use crate::console::Console;
use anyhow::Context;
use mcpr_ingest::listen::{Admission, BoundAddress, Gate, Intake, Listening, Served, Token};
use mcpr_ingest::monitor::Monitor;
use mcpr_ingest::{DEFAULT_PROXY, Full, LineDecoder, Live, Recorder};
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
    /// Listen on this address for what a proxy posts to its [cloud].endpoint, and for OTLP over HTTP
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
    admission: Live<Admission>,
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
        let admission = Live::new(self.admission(console)?);
        let take = |address: Option<SocketAddr>, takes_posts: bool| {
            let ready = address.map(|address| self.take(address, &admission, takes_posts));
            ready.transpose()
        };
        Ok(Some(Ready {
            posts: take(self.listen, true)?,
            metrics: take(self.metrics, false)?,
            admission,
        }))
    }

    fn admission(&self, console: &mut Console) -> anyhow::Result<Admission> {
        Ok(Admission {
            hosts: self.allow_host.clone(),
            token: self.token(console)?,
        })
    }

    /// What changes where these are taken in while the addresses of `bound` are served.
    ///
    /// # Errors
    /// When the token cannot be read, or what is served must not be served by these rules.
    pub(super) fn changes(&self, bound: &Self, console: &mut Console) -> anyhow::Result<NewRules> {
        let mut need_start = Vec::new();
        for (key, now, then) in [
            ("listen", self.listen, bound.listen),
            ("metrics", self.metrics, bound.metrics),
        ] {
            if now != then {
                need_start.push(key);
            }
        }
        // Nobody is let in or kept out where nothing is served.
        if !bound.is_named() {
            return Ok(NewRules {
                admission: None,
                need_start,
            });
        }
        let admission = self.admission(console)?;
        let served = [bound.listen, bound.metrics].into_iter().flatten();
        let mut served = served.filter(|address| !address.ip().is_loopback());
        let allowed =
            served.try_for_each(|address| self.may_be_remote(address, admission.token.is_some()));
        match allowed {
            Ok(()) => Ok(NewRules {
                admission: Some(admission),
                need_start,
            }),
            // They are for another address, which is served after a start.
            Err(_) if !need_start.is_empty() => Ok(NewRules {
                admission: None,
                need_start,
            }),
            Err(refused) => Err(refused.into()),
        }
    }

    fn take(
        &self,
        address: SocketAddr,
        admission: &Live<Admission>,
        takes_posts: bool,
    ) -> anyhow::Result<ReadyAddress> {
        if !address.ip().is_loopback() {
            self.may_be_remote(address, admission.get().token.is_some())?;
        }
        let bound = BoundAddress::bind(address).map_err(|error| {
            Refused::new(format!("cannot listen on {address}: {error}"))
                .hint("choose another port; port 0 takes any that is free")
        })?;
        let gate = Gate {
            address: bound.address(),
            admission: admission.clone(),
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
        Ok(Servers {
            listening,
            monitor,
            admission: self.admission,
        })
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
    admission: Live<Admission>,
}

/// Rules that were read while addresses are served.
pub(super) struct NewRules {
    /// Whom they let in, where that can change now.
    admission: Option<Admission>,
    /// Keys of addresses, which are taken at a start.
    need_start: Vec<&'static str>,
}

impl NewRules {
    /// Has them hold from now on.
    pub(super) fn apply(self, servers: Option<&Servers>, changes: &mut Changes) {
        changes.need_start.extend(self.need_start);
        let (Some(servers), Some(admission)) = (servers, self.admission) else {
            return;
        };
        // The token by its digest: that it changed is reported, not what it is.
        let before = servers.admission.get();
        if admission.hosts != before.hosts {
            changes.now.push("allow_host");
        }
        if admission.token != before.token {
            changes.now.push("token_file");
        }
        servers.admission.set(admission);
    }
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
