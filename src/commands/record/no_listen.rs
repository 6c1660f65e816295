//! What takes the place of `--listen` and `--metrics` where they are left out: there is no such flag, and so nothing that
//! could be ready or listening.

use super::Args;
use super::reload::Changes;
use crate::console::Console;
use mcpr_ingest::Recorder;
use mcpr_tail::Tailer;

/// No flags.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenArgs {}

/// Nothing that can be.
pub(super) enum Ready {}

/// Nothing that can be.
pub(super) enum Servers {}

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

impl ListenArgs {
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the shape of the one that is left out"
    )]
    pub(super) fn changes(&self, _: &Self, _: &mut Console) -> anyhow::Result<NewRules> {
        Ok(NewRules)
    }
}

/// No rules.
pub(super) struct NewRules;

impl NewRules {
    #[expect(clippy::unused_self, reason = "the shape of the one that is left out")]
    pub(super) fn apply(self, _: Option<&Servers>, _: &mut Changes) {}
}

impl Ready {
    pub(super) fn start(self, _: &Args, _: &Recorder, _: &mut Console) -> anyhow::Result<Servers> {
        match self {}
    }
}

impl Servers {
    pub(super) fn has_ended(&self) -> bool {
        match *self {}
    }

    pub(super) fn see_files(&self, _: &Tailer) {
        match *self {}
    }

    pub(super) fn stop(self) -> std::io::Result<()> {
        match self {}
    }
}
