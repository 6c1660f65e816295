//! The configuration file: which keys there are, what each may say, and where it is. What a key does is
//! decided by the commands, to whose flags it gives defaults.

pub mod values;

use crate::nearest::did_you_mean;
use mcpr_redact::Redactor;
use mcpr_store::StoreUrl;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};
use values::{address, body_limit, kept_ms, most_bytes};

/// The variable that names another file than the usual one.
pub const FILE_VARIABLE: &str = "MCPR_CONFIG";
/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a key may say.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// A text for which this finds no fault.
    Text(fn(&str) -> Result<(), String>),
    /// The same of a file, which may begin with `~/`.
    Place(fn(&str) -> Result<(), String>),
    /// A text or a number of bytes.
    Size(fn(&str) -> Result<(), String>),
    /// `true` or `false`.
    Flag,
    /// Texts for each of which this finds no fault.
    List(fn(&str) -> Result<(), String>),
    /// Texts by name; they are read as `NAME=TEXT` each.
    Table,
}

/// A key of the file.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The id of the flag that it gives a default to.
    pub flag: &'static str,
    /// The commands that take it, or none where all do that have the flag.
    pub commands: &'static [&'static str],
    /// The variable that stands above it.
    pub variable: Option<&'static str>,
    /// The value where neither a flag nor the file sets one.
    pub default: &'static str,
    shape: Shape,
}

impl Key {
    /// Whether a command takes it.
    #[must_use]
    pub fn is_of(&self, command: &str) -> bool {
        self.commands.is_empty() || self.commands.contains(&command)
    }
}

/// Every key, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    Key {
        name: "store",
        flag: "db",
        commands: &[],
        variable: Some("MCPR_DB"),
        default: "~/.mcpr/recorder.db",
        shape: Shape::Place(store),
    },
    Key {
        name: "keep",
        flag: "keep",
        commands: &["record", "tap", "serve", "stats"],
        variable: Some("MCPR_KEEP"),
        default: "30d",
        shape: Shape::Text(|text| kept_ms(text).map(drop)),
    },
    Key {
        name: "keep_payloads",
        flag: "keep_payloads",
        commands: &["record", "tap", "serve", "stats"],
        variable: Some("MCPR_KEEP_PAYLOADS"),
        default: "7d",
        shape: Shape::Text(|text| kept_ms(text).map(drop)),
    },
    Key {
        name: "max_size",
        flag: "max_size",
        commands: &["record", "tap", "serve", "stats"],
        variable: Some("MCPR_MAX_SIZE"),
        default: "2G",
        shape: Shape::Size(|text| most_bytes(text).map(drop)),
    },
    Key {
        name: "payloads",
        flag: "payloads",
        commands: &["record", "tap", "serve"],
        variable: None,
        default: "false",
        shape: Shape::Flag,
    },
    Key {
        name: "payload_limit",
        flag: "payload_limit",
        commands: &["record", "tap", "serve"],
        variable: None,
        default: "64K",
        shape: Shape::Size(|text| body_limit(text).map(drop)),
    },
    Key {
        name: "redact",
        flag: "redact",
        commands: &["record", "tap", "serve", "import"],
        variable: None,
        default: "",
        shape: Shape::List(pattern),
    },
    Key {
        name: "listen",
        flag: "listen",
        commands: &["record"],
        variable: None,
        default: "",
        shape: Shape::Text(|text| address(text).map(drop)),
    },
    Key {
        name: "metrics",
        flag: "metrics",
        commands: &["record"],
        variable: None,
        default: "",
        shape: Shape::Text(|text| address(text).map(drop)),
    },
    Key {
        name: "token_file",
        flag: "token_file",
        commands: &["record"],
        variable: None,
        default: "",
        shape: Shape::Place(|_| Ok(())),
    },
    Key {
        name: "allow_remote",
        flag: "allow_remote",
        commands: &["record"],
        variable: None,
        default: "false",
        shape: Shape::Flag,
    },
    Key {
        name: "allow_host",
        flag: "allow_host",
        commands: &["record"],
        variable: None,
        default: "",
        shape: Shape::List(|_| Ok(())),
    },
    Key {
        name: "servers",
        flag: "servers",
        commands: &["serve"],
        variable: None,
        default: "",
        shape: Shape::Table,
    },
];

fn store(text: &str) -> Result<(), String> {
    StoreUrl::parse(Path::new(text))
        .map(drop)
        .map_err(|error| error.to_string())
}

fn pattern(text: &str) -> Result<(), String> {
    Redactor::new(&[text.to_owned()])
        .map(drop)
        .map_err(|error| error.to_string())
}

/// What a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The name of its key.
    pub name: &'static str,
    /// Its values: one, but of a list.
    pub values: Vec<String>,
    /// The line it stands in, from 1.
    pub line: usize,
}

/// What the file says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where the file is, or would be.
    pub file: Option<PathBuf>,
    /// What stands in it.
    pub all: Vec<Setting>,
}

/// A file that cannot be used.
#[derive(Debug)]
pub struct SettingsError {
    file: PathBuf,
    line: Option<usize>,
    message: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// What the file of this user says; nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be read or says something that means nothing, or the one that was named is not there.
    pub fn of_user() -> Result<Self, SettingsError> {
        let named = std::env::var_os(FILE_VARIABLE).filter(|name| !name.is_empty());
        let is_named = named.is_some();
        let Some(file) = named.map(PathBuf::from).or_else(usual_file) else {
            return Ok(Self::default());
        };
        let fault = |message: String| SettingsError {
            file: file.clone(),
            line: None,
            message,
        };
        let text = match read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !is_named => String::new(),
            Err(error) => return Err(fault(error.to_string())),
        };
        let all = parse(&text).map_err(|(line, message)| SettingsError {
            line: Some(line),
            ..fault(message)
        })?;
        Ok(Self {
            file: Some(file),
            all,
        })
    }

    /// What is reported about a key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.name == name)
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let mut limited = File::open(file)?.take(MAX_BYTES + 1);
    limited.read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    Ok(text)
}

/// `$XDG_CONFIG_HOME/mcpr/config.toml`, else the place that stands for it.
fn usual_file() -> Option<PathBuf> {
    let of = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            // The XDG specification has relative paths ignored.
            .filter(|path| path.is_absolute())
    };
    let config = of("XDG_CONFIG_HOME").or_else(|| of("HOME").map(|home| home.join(".config")));
    config.map(|config| config.join("mcpr/config.toml"))
}

/// Reads the text of a file; a fault comes with its line.
fn parse(text: &str) -> Result<Vec<Setting>, (usize, String)> {
    let line_of = |at: usize| {
        let before = text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    };
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (line_of(at), error.message().to_owned())
    })?;
    let mut all = Vec::new();
    for (name, value) in table.get_ref() {
        let line = line_of(name.span().start);
        let key = key_of(name.get_ref()).map_err(|message| (line, message))?;
        let values = values_of(key, value.get_ref())
            .map_err(|message| (line, format!("`{}`: {message}", key.name)))?;
        all.push(Setting {
            name: key.name,
            values,
            line,
        });
    }
    Ok(all)
}

fn key_of(name: &str) -> Result<&'static Key, String> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Ok(key);
    }
    let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    Err(match did_you_mean(name, &known) {
        Some(nearest) => format!("no key `{name}`; did you mean `{nearest}`?"),
        None => format!("no key `{name}`; there are {}", known.join(", ")),
    })
}

fn values_of(key: &Key, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(format!("a text is wanted, and this is {}", kind_of(other))),
    };
    let checked = |text: String, check: fn(&str) -> Result<(), String>| {
        check(&text).map_err(|why| format!("`{text}`: {why}"))?;
        Ok(text)
    };
    match (key.shape, value) {
        (Shape::Flag, DeValue::Boolean(flag)) => Ok(vec![flag.to_string()]),
        (Shape::Flag, other) => Err(format!(
            "true or false is wanted, and this is {}",
            kind_of(other)
        )),
        (Shape::Size(check), DeValue::Integer(number)) => {
            Ok(vec![checked(number.to_string(), check)?])
        }
        (Shape::Text(check) | Shape::Size(check), value) => Ok(vec![checked(text(value)?, check)?]),
        (Shape::Place(check), value) => Ok(vec![checked(place(&text(value)?)?, check)?]),
        (Shape::List(check), DeValue::Array(values)) => values
            .iter()
            .map(|value| checked(text(value.get_ref())?, check))
            .collect(),
        (Shape::Table, DeValue::Table(entries)) => entries
            .iter()
            .map(|(name, value)| Ok(format!("{}={}", name.get_ref(), text(value.get_ref())?)))
            .collect(),
        (Shape::Table, other) => Err(format!(
            "a table of names is wanted, and this is {}",
            kind_of(other)
        )),
        (Shape::List(_), other) => Err(format!(
            "a list such as [\"a\", \"b\"] is wanted, and this is {}",
            kind_of(other)
        )),
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A file or URL that means the same wherever mcpr is run.
fn place(text: &str) -> Result<String, String> {
    if let Some(rest) = text.strip_prefix("~/") {
        let home = std::env::home_dir().ok_or("no home directory for `~`")?;
        return Ok(home.join(rest).to_string_lossy().into_owned());
    }
    let has_scheme = text
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.chars().all(|c| c.is_ascii_alphabetic()));
    if has_scheme || Path::new(text).is_absolute() {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` would be another file in every directory: begin it with / or ~/"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_they_say() {
        let text = "# mine\nstore = \"/var/lib/mcpr/r.db\"\npayloads = true\npayload_limit = 1024\n\
                    redact = [\"ACME-[0-9]+\", \"x\"]\nlisten = \"localhost:8787\"\n";
        let all = parse(text).expect("all is well");
        let mut messages: Vec<_> = all
            .iter()
            .map(|one| format!("{}:{} {}", one.line, one.name, one.values.join("|")))
            .collect();
        messages.sort();
        assert_eq!(
            messages,
            [
                "2:store /var/lib/mcpr/r.db",
                "3:payloads true",
                "4:payload_limit 1024",
                "5:redact ACME-[0-9]+|x",
                "6:listen localhost:8787",
            ]
        );
    }

    #[test]
    fn what_means_nothing_is_reported_with_its_line() {
        let cases = [
            ("stor = \"/a\"", 1, "did you mean `store`"),
            ("\n\ncolour = 1", 3, "there are store, keep"),
            (
                "payloads = \"yes\"",
                1,
                "true or false is wanted, and this is a text",
            ),
            ("payload_limit = \"2M\"", 1, "between 1 and 1M"),
            ("redact = \"a\"", 1, "a list such as"),
            ("redact = [\"(\"]", 1, "`redact`: `(`"),
            ("store = \"recorder.db\"", 1, "begin it with / or ~/"),
            ("store = \"mysql://a\"", 1, "mysql"),
            ("listen = 8787", 1, "a text is wanted, and this is a number"),
            ("listen = \"there\"", 1, "127.0.0.1:8787"),
            ("[tap]\npayloads = true", 1, "no key `tap`"),
            ("store = \"/a\"\nstore = \"/b\"", 2, "duplicate"),
            ("store = ", 1, ""),
        ];
        for (text, line, says) in cases {
            let (at, message) = parse(text).expect_err(text);
            assert_eq!(at, line, "{text}: {message}");
            assert!(message.contains(says), "{text}: {message}");
        }
    }
}
