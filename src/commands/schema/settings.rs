//! `.mcpr/schema.toml`: what a repository has settled about how its surface is judged.

use super::gate::{FailOn, FailOnSecurity, Ignored, JudgedFor};
use crate::commands::Refused;
use clap::ValueEnum;
use mcpr_surface::Severity;
use mcpr_surface::rules::RuleId;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where it stands, from the root of a repository.
const PLACE: &str = ".mcpr/schema.toml";

/// What the file says; none of it has to stand there.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) judged_for: Option<JudgedFor>,
    pub(super) fail_on: Option<FailOn>,
    pub(super) fail_on_security: Option<FailOnSecurity>,
    pub(super) severity: Vec<(RuleId, Severity)>,
    pub(super) ignore: Vec<Ignored>,
    pub(super) accept: Option<PathBuf>,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(rename = "for")]
    judged_for: Option<String>,
    fail_on: Option<String>,
    fail_on_security: Option<String>,
    #[serde(default)]
    severity: BTreeMap<RuleId, String>,
    #[serde(default)]
    ignore: Vec<String>,
    accept: Option<PathBuf>,
}

impl Settings {
    /// Reads a file that was named, or the repository's, if it has one.
    pub(super) fn read(named: Option<&Path>) -> Result<Self, Refused> {
        let refused = |path: &Path, why: &dyn std::fmt::Display| {
            Refused::new(format!("settings {}: {why}", path.display())).hint(
                "docs/schema-ci.md has an example; keys are for, fail-on, fail-on-security, \
                 severity, ignore and accept",
            )
        };
        let Some(path) = named.map(Path::to_owned).or_else(of_repository) else {
            return Ok(Self::default());
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Gone since it was found; one that was named must be there.
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(refused(&path, &error)),
        };
        let written: Written = toml::from_str(&text).map_err(|error| refused(&path, &error))?;
        Self::of(written, &path).map_err(|why| refused(&path, &why))
    }

    fn of(written: Written, path: &Path) -> Result<Self, String> {
        let severity = written.severity.into_iter().map(|(rule, level)| {
            let level = level.parse::<Severity>();
            let level = level.map_err(|error| format!("severity of {rule}: {error}"))?;
            Ok::<_, String>((rule, level))
        });
        let ignore = written.ignore.iter().map(|text| {
            let ignored = text.parse::<Ignored>();
            ignored.map_err(|error| format!("ignore: {error}"))
        });
        Ok(Self {
            judged_for: word("for", written.judged_for)?,
            fail_on: word("fail-on", written.fail_on)?,
            fail_on_security: word("fail-on-security", written.fail_on_security)?,
            severity: severity.collect::<Result<_, _>>()?,
            ignore: ignore.collect::<Result<_, _>>()?,
            // As the file is in `.mcpr`, paths start from the directory around that.
            accept: written.accept.map(|accept| {
                let directory = path.parent().and_then(Path::parent);
                directory.unwrap_or(Path::new("")).join(accept)
            }),
        })
    }
}

/// A word that the flag of the same name takes.
fn word<T: ValueEnum>(key: &str, text: Option<String>) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    T::from_str(&text, false).map(Some).map_err(|_| {
        let values = T::value_variants().iter();
        let names =
            values.filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()));
        format!(
            "{key}: no `{text}`; there are {}",
            names.collect::<Vec<_>>().join(", ")
        )
    })
}

/// The file of the repository around the current directory, if it has one.
fn of_repository() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let root = here.ancestors().find(|at| at.join(".git").exists());
    // Outside a repository only the directory itself counts: `~/.mcpr` is where stores are.
    let within = here
        .ancestors()
        .take_while(|at| root.is_some() || *at == here);
    for directory in within {
        let path = directory.join(PLACE);
        if path.exists() {
            return Some(path);
        }
        if Some(directory) == root {
            break;
        }
    }
    None
}
