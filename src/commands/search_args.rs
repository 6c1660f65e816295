//! What is searched for, as it was typed: `--grep`, how it is meant, and where it is looked for.

use super::Refused;
use clap::ValueEnum;
use mcpr_store::query::{Search, SearchedBodies};

/// A search, as it was typed.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct SearchArgs {
    /// Show requests that match the regular expression TEXT; without a capital it ignores case
    // A negative number is a code of JSON-RPC.
    #[arg(short, long, value_name = "TEXT", allow_negative_numbers = true)]
    grep: Option<String>,
    /// Take the TEXT of --grep as it stands, not as a regular expression
    #[arg(short = 'F', long, requires = "grep")]
    fixed_strings: bool,
    /// Search these for --grep too, where they are kept (repeatable; commas separate)
    #[arg(
        long = "in",
        value_enum,
        value_name = "WHERE",
        value_delimiter = ',',
        requires = "grep"
    )]
    bodies: Vec<BodyChoice>,
}

/// What is searched beside the fields of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BodyChoice {
    /// Arguments and answers
    Payloads,
    /// What was asked
    Arguments,
    /// What was answered
    Answers,
}

impl SearchArgs {
    /// The search that is meant, where there is one.
    pub(super) fn search(&self) -> Result<Option<Search>, Refused> {
        let Some(text) = &self.grep else {
            return Ok(None);
        };
        let search = if self.fixed_strings {
            Search::fixed(text)
        } else {
            Search::expression(text)
        };
        let refused = |hint: &str| {
            let hint = hint.to_owned();
            move |error| Refused::new(format!("--grep: {error}")).hint(hint)
        };
        let search = search.map_err(refused(if self.fixed_strings {
            "search for a part of it"
        } else {
            "with -F (--fixed-strings) it is searched for as it stands"
        }))?;
        Ok(Some(search.also_in(self.bodies())))
    }

    fn bodies(&self) -> SearchedBodies {
        let has =
            |choice| self.bodies.contains(&choice) || self.bodies.contains(&BodyChoice::Payloads);
        SearchedBodies {
            arguments: has(BodyChoice::Arguments),
            answers: has(BodyChoice::Answers),
        }
    }

    /// Whether payloads may have what the fields do not.
    pub(super) fn leaves_out_bodies(&self) -> bool {
        self.grep.is_some() && self.bodies() != SearchedBodies::ALL
    }

    /// The text, as it was typed.
    pub(super) fn text(&self) -> Option<&str> {
        self.grep.as_deref()
    }

    /// The condition in words.
    pub(super) fn words(&self) -> Option<String> {
        let text = self.grep.as_deref()?;
        let bodies = match self.bodies() {
            SearchedBodies::ALL => ", in arguments and answers too",
            SearchedBodies {
                arguments: true, ..
            } => ", in arguments too",
            SearchedBodies { answers: true, .. } => ", in answers too",
            SearchedBodies { .. } => "",
        };
        let what = if self.fixed_strings {
            "text"
        } else {
            "match of"
        };
        Some(format!("{what} `{text}`{bodies}"))
    }
}
