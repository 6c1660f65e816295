//! What is kept of what passes: the flags that `record`, `tap` and `store import` share.

use super::Refused;
use crate::config::values::body_limit;
use mcpr_ingest::Screen;
use mcpr_redact::Redactor;
use mcpr_wire::Bodies;

/// How much of a body is kept by default, in bytes: `64K`.
#[cfg(feature = "tap")]
const PAYLOAD_LIMIT: usize = 64 * 1024;

/// What is taken out before anything is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Redaction {
    /// Redact matches of this regular expression as well; may be repeated
    #[arg(long, value_name = "PATTERN")]
    redact: Vec<String>,
    /// Store secrets as they are
    #[arg(long, conflicts_with = "redact")]
    no_redact: bool,
    /// What the configuration file says, which holds beside the flags.
    #[arg(skip)]
    configured: Vec<String>,
}

/// What is kept besides the facts of a request.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RecordingOptions {
    /// Keep the payloads of MCP requests as well; `tap` does by default
    #[arg(long, overrides_with = "no_payloads")]
    payloads: bool,
    /// Keep no payloads, whatever the configuration says
    #[arg(long)]
    no_payloads: bool,
    /// Keep at most SIZE of the parameters and of the answer of a request (up to 1M)
    #[arg(long, value_name = "SIZE", default_value = "64K", value_parser = body_limit)]
    payload_limit: usize,
    #[command(flatten)]
    redaction: Redaction,
    /// Whether payloads are kept where neither a flag nor the configuration says so.
    #[arg(skip)]
    keeps_payloads: bool,
}

impl RecordingOptions {
    /// The arguments that say the same; none where nothing differs from the default.
    #[cfg(feature = "tap")]
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.payloads {
            arguments.push("--payloads".to_owned());
        }
        if self.no_payloads {
            arguments.push("--no-payloads".to_owned());
        }
        if self.payload_limit != PAYLOAD_LIMIT {
            arguments.extend(["--payload-limit".to_owned(), self.payload_limit.to_string()]);
        }
        // In one word each: a pattern may begin with a dash.
        let patterns = self.redaction.redact.iter();
        arguments.extend(patterns.map(|pattern| format!("--redact={pattern}")));
        if self.redaction.no_redact {
            arguments.push("--no-redact".to_owned());
        }
        arguments
    }

    /// Takes in the patterns of the configuration file.
    pub(crate) fn configure(&mut self, patterns: &[String]) {
        self.redaction.configure(patterns);
    }

    /// Keeps payloads unless a flag says otherwise: for a tap, whose user wants to see what was asked.
    #[cfg(feature = "tap")]
    pub(crate) fn keep_payloads(&mut self) {
        self.keeps_payloads = true;
    }

    /// Whether payloads are kept.
    pub(crate) fn bodies(&self) -> Bodies {
        if (self.payloads || self.keeps_payloads) && !self.no_payloads {
            Bodies::Kept
        } else {
            Bodies::Left
        }
    }

    /// How much is kept of a body, in bytes.
    pub(crate) fn payload_limit(&self) -> usize {
        self.payload_limit
    }

    /// What is taken out.
    pub(crate) fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// What events pass on their way into the store.
    ///
    /// # Errors
    /// When a pattern cannot be used.
    pub(crate) fn screen(&self) -> Result<Screen, Refused> {
        let screen = self.redaction.screen()?;
        Ok(screen.with_body_limit(self.payload_limit))
    }
}

impl Redaction {
    /// Takes in the patterns of the configuration file.
    pub(crate) fn configure(&mut self, patterns: &[String]) {
        self.configured = patterns.to_vec();
    }

    /// What events pass on their way into the store.
    ///
    /// # Errors
    /// When a pattern cannot be used.
    pub(crate) fn screen(&self) -> Result<Screen, Refused> {
        if self.no_redact {
            return Ok(Screen::without_redaction());
        }
        let patterns = [&self.configured[..], &self.redact[..]].concat();
        let redactor = Redactor::new(&patterns).map_err(|error| {
            let hint = "give a regular expression, such as 'ACME-[0-9]{6}'";
            Refused::new(format!("--redact: {error}")).hint(hint)
        })?;
        Ok(Screen::with(redactor))
    }
}
