//! What is kept of what passes: the flags that `record`, `tap` and `store import` share.

use super::Refused;
use crate::ingest::Screen;
use crate::redact::Redactor;

/// What is taken out before anything is stored.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Redaction {
    /// Take out what this regular expression matches as well; may be repeated
    #[arg(long, value_name = "PATTERN")]
    redact: Vec<String>,
    /// Store secrets as they are
    #[arg(long, conflicts_with = "redact")]
    no_redact: bool,
}

impl Redaction {
    /// What events pass on their way into the store.
    ///
    /// # Errors
    /// When a pattern cannot be used.
    pub(crate) fn screen(&self) -> Result<Screen, Refused> {
        if self.no_redact {
            return Ok(Screen::without_redaction());
        }
        let redactor = Redactor::new(&self.redact).map_err(|error| {
            let hint = "give a regular expression, such as 'ACME-[0-9]{6}'";
            Refused::new(format!("--redact: {error}")).hint(hint)
        })?;
        Ok(Screen::with(redactor))
    }
}
