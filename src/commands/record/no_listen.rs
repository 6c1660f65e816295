//! What takes the place of `--listen` where it is left out: there is no such flag, and so nothing that
//! could be ready or listening.

use crate::console::Console;
use mcpr_ingest::{LineDecoder, SourceHandle};

/// No flags.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenArgs {}

/// Nothing that can be.
pub(super) enum Ready {}

/// Nothing that can be.
pub(super) enum Listening {}

impl ListenArgs {
    /// Whether an address is named.
    #[expect(clippy::unused_self, reason = "the shape of the one that is left out")]
    pub(super) fn is_named(&self) -> bool {
        false
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the shape of the one that is left out"
    )]
    pub(super) fn prepare(&self, _: &mut Console) -> anyhow::Result<Option<Ready>> {
        Ok(None)
    }
}

impl Ready {
    pub(super) fn source_name(&self) -> String {
        match *self {}
    }

    pub(super) fn start(
        self,
        _: LineDecoder,
        _: SourceHandle,
        _: &mut Console,
    ) -> anyhow::Result<Listening> {
        match self {}
    }
}

impl Listening {
    pub(super) fn has_ended(&self) -> bool {
        match *self {}
    }

    pub(super) fn stop(self) -> std::io::Result<()> {
        match self {}
    }
}
