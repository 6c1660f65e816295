//! `--listen` on the command line: who may post, checked before anything is opened or made.

use crate::commands::Refused;
use crate::config::values::address;
use crate::console::Console;
use anyhow::Context;
pub(super) use mcpr_ingest::listen::Listening;
use mcpr_ingest::listen::{BoundAddress, Gate, Intake, Token};
use mcpr_ingest::{LineDecoder, SourceHandle};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The variable that holds the token where no file does.
const TOKEN_VARIABLE: &str = "MCPR_LISTEN_TOKEN";

/// What concerns the HTTP source.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenArgs {
    /// Listen on this address for what a proxy posts to its [cloud].endpoint
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Accept only posts that show the bearer token in this file (or in `MCPR_LISTEN_TOKEN`)
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub(crate) token_file: Option<PathBuf>,
    /// Listen on an address that other machines reach; needs a token
    #[arg(long, requires = "listen")]
    pub(crate) allow_remote: bool,
    /// Answer to this name in the Host header too; may be repeated
    #[arg(long, value_name = "NAME", requires = "listen")]
    pub(crate) allow_host: Vec<String>,
}

/// The HTTP source, its address taken and its rules known.
pub(super) struct Ready {
    bound: BoundAddress,
    gate: Gate,
}

impl ListenArgs {
    /// Whether an address is named.
    pub(super) fn is_named(&self) -> bool {
        self.listen.is_some()
    }

    /// Takes the address, if one is asked for.
    pub(super) fn prepare(&self, console: &mut Console) -> anyhow::Result<Option<Ready>> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let token = self.token(console)?;
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
        };
        Ok(Some(Ready { bound, gate }))
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
    /// The source's name in the store.
    pub(super) fn source_name(&self) -> String {
        self.bound.source_name()
    }

    /// Begins to serve, and says where.
    pub(super) fn start(
        self,
        decoder: LineDecoder,
        handle: SourceHandle,
        console: &mut Console,
    ) -> anyhow::Result<Listening> {
        let address = self.bound.address();
        let listening = self
            .bound
            .serve(self.gate, Intake::new(decoder, handle))
            .with_context(|| format!("cannot serve {address}"))?;
        console.note(&format!("listening on http://{address}"));
        Ok(listening)
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
