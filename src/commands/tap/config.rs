//! An MCP client's configuration, with the tap put before its servers or taken away again. Pure:
//! text in, text out; every byte that is not the tap's stays as it is.

mod change;
mod edit;
mod servers;
mod tapped;
mod toml_file;
mod yaml_file;

use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use servers::{ConfiguredServer, servers};
use yaml_file::YamlFault;

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
        /// Whether a tap of another program or with other options becomes this one.
        updates: bool,
        /// Where servers at URLs are reached instead.
        addresses: Vec<ServedAddress>,
        /// Which of them are not.
        unserved: UnservedUrls,
        /// Entries as earlier installations found and left them.
        kept: Vec<KeptEntry>,
    },
    /// Take the tap away.
    Uninstall {
        /// Where servers at URLs were reached instead.
        addresses: Vec<ServedAddress>,
        /// URLs that stay as they are though a tap stands there, and why.
        unserved: UnservedUrls,
        /// Entries as an installation found and left them.
        kept: Vec<KeptEntry>,
    },
}

impl Rewrite {
    fn addresses(&self) -> &[ServedAddress] {
        let (Self::Install { addresses, .. } | Self::Uninstall { addresses, .. }) = self;
        addresses
    }

    /// Why a URL stays as it is, where there is a reason.
    fn why_unserved(&self, url: &str) -> Option<&'static str> {
        let (Self::Install { unserved, .. } | Self::Uninstall { unserved, .. }) = self;
        let known = unserved.iter().find(|(known, _)| known == url);
        known.map(|(_, why)| *why)
    }

    fn kept(&self) -> &[KeptEntry] {
        let (Self::Install { kept, .. } | Self::Uninstall { kept, .. }) = self;
        kept
    }
}

/// URLs that stay as they are, and why.
pub(super) type UnservedUrls = Vec<(String, &'static str)>;

/// A server at a URL, and the address at which the tap stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServedAddress {
    pub(super) url: String,
    pub(super) local: String,
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
    /// Its tap was another one, or could not start; what was wrong.
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
    #[error("neither JSON nor TOML nor YAML; as JSON: {json}; as TOML: {toml}; as YAML: {yaml}")]
    NoForm {
        json: String,
        toml: String,
        yaml: String,
    },
    /// It is YAML; what stands in one place counts in others as well.
    #[error("it cannot be changed place by place: {0}")]
    Bound(String),
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
    let file = ConfigFile::read(text)?;
    let servers = file.servers()?;
    if servers.is_empty() {
        return Err(ConfigError::NoServers);
    }
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
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let wanted: Vec<_> = servers
        .iter()
        .filter(|server| is_wanted(server.name))
        .collect();
    // A tap that is to be another one is taken away first, and put again as a first one is.
    let outdated = change::outdated(text, &wanted, rewrite)?;
    let bare = change::take_away(text, &wanted, &outdated, rewrite)?;
    let (mut outcomes, edited) = change::all(&bare, &wanted, rewrite)?;
    change::note_updates(text, &wanted, &outdated, &mut outcomes)?;
    let entries = change::entries(text, &wanted, &edited)?;
    Ok(Rewritten {
        text: format!("{mark}{edited}"),
        servers: outcomes,
        entries,
    })
}

/// A server as it is listed to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerForm {
    pub(super) name: String,
    /// Where it stands, as a JSON pointer.
    pub(super) place: String,
    pub(super) way: ServerWay,
}

/// How a client reaches a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerWay {
    /// By this command.
    Command(Vec<String>),
    /// At this URL.
    Url(String),
    /// In no way that is known.
    Unknown,
}

impl ServerForm {
    /// The program of the tap before it, where there is one.
    pub(super) fn tap_program(&self) -> Option<&str> {
        match &self.way {
            ServerWay::Command(command) => tapped::tapped(command).map(|_| command[0].as_str()),
            _ => None,
        }
    }
}

/// The servers of a configuration, in the order of the file.
///
/// # Errors
/// When it cannot be read, or says twice what runs under a name.
pub(super) fn list(text: &str) -> Result<Vec<ServerForm>, ConfigError> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let file = ConfigFile::read(text)?;
    let form = |server: &ConfiguredServer<'_>| {
        let command = server.form(text)?.and_then(|form| form.command());
        let way = match (command, server.url()) {
            (Ok(command), _) => ServerWay::Command(command),
            (Err(_), Ok(url)) => ServerWay::Url(url.value.to_string()),
            (Err(_), Err(_)) => ServerWay::Unknown,
        };
        Ok(ServerForm {
            name: server.name.to_owned(),
            place: server.place.clone(),
            way,
        })
    };
    file.servers()?.iter().map(form).collect()
}

/// The text of a configuration with what is in it.
struct ConfigFile<'a> {
    text: &'a str,
    root: Option<jsonc_parser::ast::Value<'a>>,
}

impl<'a> ConfigFile<'a> {
    fn read(text: &'a str) -> Result<Self, ConfigError> {
        let root = parsed(text)?;
        Ok(Self { text, root })
    }

    fn servers(&self) -> Result<Vec<ConfiguredServer<'_>>, ConfigError> {
        let root = self.root.as_ref().and_then(|value| value.as_object());
        let servers = root.map(|root| servers(self.text, root)).transpose()?;
        Ok(servers.unwrap_or_default())
    }
}

/// The configuration as its members and texts: JSON, or else TOML, or else YAML.
fn parsed(text: &str) -> Result<Option<jsonc_parser::ast::Value<'_>>, ConfigError> {
    let json = match parse_to_ast(text, &CollectOptions::default(), &options()) {
        Ok(parsed) => return Ok(parsed.value),
        Err(error) => error.to_string(),
    };
    // No file of TOML begins as JSON does, and of YAML none that a client writes.
    if text.trim_start().starts_with(['{', '/']) {
        return Err(ConfigError::NotJson(json));
    }
    let toml = match toml_file::read(text) {
        Ok(root) => return Ok(Some(root)),
        Err(reason) => reason,
    };
    if let Some((name, lines)) = toml_file::doubled(text) {
        return Err(ConfigError::Doubled { name, lines });
    }
    let yaml = match yaml_file::read(text) {
        // Nearly every text is YAML, as one value: a broken file of another form is not a configuration without
        // servers.
        Ok(root) if root.as_object().is_some() || root.text(text).is_empty() => {
            return Ok(Some(root));
        }
        Ok(_) => "it has no keys with values".to_owned(),
        Err(YamlFault::Bound(why)) => return Err(ConfigError::Bound(why)),
        Err(YamlFault::Broken(why)) => why,
    };
    Err(ConfigError::NoForm { json, toml, yaml })
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

#[cfg(test)]
mod clients;
#[cfg(test)]
mod tests;
