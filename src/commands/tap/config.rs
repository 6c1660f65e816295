//! An MCP client's configuration, with the tap put before its servers or taken away again. Pure:
//! text in, text out; every byte that is not the tap's stays as it is.

mod edit;
mod servers;
mod tapped;
mod toml_file;

use crate::commands::sources::ListedServer;
use edit::Edits;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use servers::{ConfiguredServer, Form, servers};
use std::ops::Range;
use tapped::Tapped;

/// A byte order mark, which some editors write at the start of a file.
const BOM: char = '\u{feff}';

/// What is to be done with each server.
#[derive(Debug, Clone)]
pub(super) enum Rewrite {
    /// Put this program before it, with these options between `--name=NAME` and `--`.
    Install {
        program: String,
        options: Vec<String>,
        /// Whether the program of an earlier tap is gone from its place.
        is_gone: fn(&str) -> bool,
    },
    /// Take the tap away.
    Uninstall {
        /// Entries as an installation found and left them.
        kept: Vec<KeptEntry>,
    },
}

/// An entry of a configuration as an installation found and left it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct KeptEntry {
    /// Where it stands, as a JSON pointer.
    pub(super) place: String,
    /// What stood there.
    pub(super) original: String,
    /// What was put there.
    pub(super) installed: String,
}

/// What became of one server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerOutcome {
    /// Its command was changed.
    Changed {
        before: Vec<String>,
        after: Vec<String>,
    },
    /// Its tap could not start and now can; what was wrong.
    Mended {
        why: &'static str,
        before: Vec<String>,
        after: Vec<String>,
    },
    /// It is as it should be already.
    AsWanted,
    /// It cannot be tapped; why.
    LeftAlone(&'static str),
}

/// A configuration, rewritten.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// Every server that was looked at, in the order of the file.
    pub(super) servers: Vec<(String, ServerOutcome)>,
    /// The entries that were changed, as they were and as they are.
    pub(super) entries: Vec<KeptEntry>,
}

/// Why a configuration cannot be rewritten.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("neither JSON nor TOML; as TOML: {0}")]
    Neither(String),
    #[error("the key {name:?} stands twice, in lines {} and {}", .lines.0, .lines.1)]
    Doubled { name: String, lines: (usize, usize) },
    #[error("it lists no MCP servers")]
    NoServers,
    #[error("it has no server {name}")]
    Unknown { name: String, known: Vec<String> },
}

/// Rewrites the servers of these names, or all of them where none is named.
pub(super) fn rewrite(
    text: &str,
    names: &[String],
    rewrite: &Rewrite,
) -> Result<Rewritten, ConfigError> {
    // The mark is put back at the end, so that the file stays what its editor wrote.
    let (mark, text) = match text.strip_prefix(BOM) {
        Some(rest) => (&text[..BOM.len_utf8()], rest),
        None => ("", text),
    };
    let root = parsed(text)?;
    let root = root.as_ref().and_then(|value| value.as_object());
    let servers = root.map(|root| servers(text, root)).transpose()?;
    let servers = servers
        .filter(|servers| !servers.is_empty())
        .ok_or(ConfigError::NoServers)?;
    let is_known = |name: &&String| servers.iter().any(|server| server.name == **name);
    // Before anything is changed: a misspelt name must not leave half of them tapped.
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        let known = servers
            .iter()
            .map(|server| server.name.to_owned())
            .collect();
        let name = name.clone();
        return Err(ConfigError::Unknown { name, known });
    }
    let (mut outcomes, mut entries, mut edits) = (Vec::new(), Vec::new(), Edits::new());
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for server in servers.iter().filter(|server| is_wanted(server.name)) {
        let (outcome, made) = rewrite_one(text, server, rewrite)?;
        outcomes.push((server.name.to_owned(), outcome));
        if !made.is_empty() {
            entries.push(entry(text, server, &made));
            edits.extend(made);
        }
    }
    Ok(Rewritten {
        text: format!("{mark}{}", edit::apply(text, edits)),
        servers: outcomes,
        entries,
    })
}

/// The servers of a configuration, in the order of the file.
///
/// # Errors
/// When it cannot be read, or says twice what runs under a name.
pub(super) fn list(text: &str) -> Result<Vec<ListedServer>, ConfigError> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let root = parsed(text)?;
    let root = root.as_ref().and_then(|value| value.as_object());
    let servers = root.map(|root| servers(text, root)).transpose()?;
    let mut listed = Vec::new();
    for server in servers.into_iter().flatten() {
        let command = server.form(text)?.and_then(|form| form.command());
        let is_remote = command.is_err() && server.url().is_some();
        listed.push(ListedServer {
            name: server.name.to_owned(),
            transport: match (&command, is_remote) {
                (Ok(_), _) => Some("stdio"),
                (Err(_), true) => Some("http"),
                (Err(_), false) => None,
            },
            is_tapped: command.is_ok_and(|command| tapped::tapped(&command).is_some()),
        });
    }
    Ok(listed)
}

/// The configuration as its members and texts: JSON, or else TOML.
fn parsed(text: &str) -> Result<Option<jsonc_parser::ast::Value<'_>>, ConfigError> {
    let error = match parse_to_ast(text, &CollectOptions::default(), &options()) {
        Ok(parsed) => return Ok(parsed.value),
        Err(error) => ConfigError::NotJson(error.to_string()),
    };
    // No file of TOML begins as JSON does.
    if text.trim_start().starts_with(['{', '/']) {
        return Err(error);
    }
    match toml_file::read(text) {
        Ok(root) => Ok(Some(root)),
        Err(reason) => Err(ConfigError::Neither(reason)),
    }
}

/// An entry as it is, and as these edits leave it.
fn entry(text: &str, server: &ConfiguredServer<'_>, edits: &Edits) -> KeptEntry {
    let original = text[server.range.clone()].to_owned();
    // Ranges count from the start of the file, and the entry is a piece of it.
    let within = edits.iter().map(|(range, with)| {
        (
            range.start - server.range.start..range.end - server.range.start,
            with.clone(),
        )
    });
    let installed = edit::apply(&original, within.collect());
    KeptEntry {
        place: server.place.clone(),
        original,
        installed,
    }
}

/// Comments and trailing commas, as the clients themselves allow; nothing looser.
fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// What becomes of a server, and the edits that make it so.
fn rewrite_one(
    text: &str,
    server: &ConfiguredServer<'_>,
    rewrite: &Rewrite,
) -> Result<(ServerOutcome, Edits), ConfigError> {
    let left = |why| Ok((ServerOutcome::LeftAlone(why), Edits::new()));
    let form = match server.form(text)? {
        Ok(form) => form,
        Err(why) => return left(why),
    };
    let before = match form.command() {
        Ok(command) => command,
        Err(why) => return left(why),
    };
    let tap = tapped::tapped(&before);
    Ok(match (rewrite, tap) {
        (Rewrite::Install { options, .. }, Some(tap))
            if !options.is_empty() && tap.options != *options =>
        {
            return left("it is tapped with other options: uninstall it first");
        }
        // Where no options are asked for, any tap that can start will do.
        (
            Rewrite::Install {
                program, is_gone, ..
            },
            Some(tap),
        ) => mend(&form, &before, &tap, program, is_gone(&before[0])),
        (
            Rewrite::Install {
                program, options, ..
            },
            None,
        ) => {
            let after = tapped::tap(
                program,
                server.name,
                options,
                &before,
                form.has_empty_args(),
            );
            let tap = &after[..after.len() - before.len()];
            let edits = edit::put(text, &form, tap);
            (ServerOutcome::Changed { before, after }, edits)
        }
        (Rewrite::Uninstall { kept }, Some(tap)) => {
            let after = tap.command.to_vec();
            let edits = give_back(text, server, kept).unwrap_or_else(|| {
                edit::take(text, &form, before.len() - after.len(), tap.had_empty_args)
            });
            (ServerOutcome::Changed { before, after }, edits)
        }
        (Rewrite::Uninstall { .. }, None) => (ServerOutcome::AsWanted, Edits::new()),
    })
}

/// The bytes that stood in a server's place, where nobody changed what an installation put there.
fn give_back(text: &str, server: &ConfiguredServer<'_>, kept: &[KeptEntry]) -> Option<Edits> {
    let present = &text[server.range.clone()];
    let is_it = |kept: &&KeptEntry| kept.place == server.place && kept.installed == present;
    let kept = kept.iter().find(is_it)?;
    Some(vec![(server.range.clone(), kept.original.clone())])
}

/// Makes a tap that is there already one that starts; the program is the present one, and whether
/// that of the tap is gone.
fn mend(
    form: &Form<'_>,
    before: &[String],
    tap: &Tapped<'_>,
    program: &str,
    is_gone: bool,
) -> (ServerOutcome, Edits) {
    let why = match (is_gone, tap.refused_name) {
        (true, _) => "the program of its tap is gone from there",
        (false, Some(_)) => "its tap is refused: the name begins with -",
        (false, None) => return (ServerOutcome::AsWanted, Edits::new()),
    };
    let mut edits = Edits::new();
    let mut after = before.to_vec();
    if is_gone {
        program.clone_into(&mut after[0]);
        edits.push(edit::replace(place(form, 0), program));
    }
    if let Some((at, name)) = tapped::refused_name(before) {
        let joined = format!("--name={name}");
        let range = place(form, at).start..place(form, at + 1).end;
        edits.push(edit::replace(range, &joined));
        after.splice(at..at + 2, [joined]);
    }
    let before = before.to_vec();
    (ServerOutcome::Mended { why, before, after }, edits)
}

/// Where a word of a command stands.
fn place(form: &Form<'_>, word: usize) -> Range<usize> {
    let range = match form.program() {
        Some(program) if word == 0 => program.range,
        program => {
            let index = word - usize::from(program.is_some());
            let array = form.array().expect("the words were read from it");
            array.elements[index].range()
        }
    };
    range.start..range.end
}

#[cfg(test)]
mod clients;
#[cfg(test)]
mod tests;
