//! Where a URL leads: hosts, user, database, and what else libpq would take from the environment, a service file or a
//! password file. Pure but for those two files.

mod files;
mod text;

use mcpr_store::{StoreError, StoreErrorKind, StoreUrl};
use std::collections::BTreeMap;
use std::path::PathBuf;

use files::{password_of, service};
use text::parse;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Not at all.
    Disable,
    /// Where the server can.
    Prefer,
    /// Always; whoever answers is believed.
    Require,
    /// Always, with a certificate that a known authority has signed.
    VerifyCa,
    /// The same, and it is for this host.
    VerifyFull,
}

impl TlsMode {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    /// The word of it that the library knows.
    pub(crate) fn as_library_word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require | Self::VerifyCa | Self::VerifyFull => "require",
        }
    }
}

/// Which of several servers is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Whichever answers first.
    Any,
    /// One that may be written.
    Primary,
    /// One that may only be read.
    Standby,
    /// A standby, or else any.
    PreferStandby,
}

/// One place where a server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name, an address, or the directory of a socket.
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Host {
    /// Whether nothing that is sent to it leaves this machine.
    fn is_local(&self) -> bool {
        self.name.starts_with('/') || ["localhost", "127.0.0.1", "::1"].contains(&&*self.name)
    }
}

/// What a connection is made with.
#[derive(Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) wanted: Wanted,
    tls: Option<TlsMode>,
    pub(crate) root_certificates: Option<PathBuf>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    /// What the library itself understands.
    others: Vec<(String, String)>,
}

/// The variables of libpq, and the parameters that they stand for.
const VARIABLES: [(&str, &str); 14] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGDATABASE", "dbname"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGSERVICE", "service"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
];

/// What the library takes as it is.
const OTHERS: [&str; 12] = [
    "hostaddr",
    "options",
    "application_name",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "channel_binding",
    "sslnegotiation",
    "load_balance_hosts",
];

/// Where sockets are, where nobody says it: as Debian has them, and as PostgreSQL itself does.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

impl ConnectionSettings {
    /// Those of a URL, in this environment.
    ///
    /// # Errors
    /// When it is not well-formed, or says what nobody understands.
    pub(crate) fn of(
        url: &StoreUrl,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, StoreError> {
        let failed = |why: String| {
            let message = format!("{url}: {why}");
            StoreError::new(StoreErrorKind::Other, message).hint(
                "a store on a server is written postgres://USER@HOST/DATABASE?sslmode=verify-full",
            )
        };
        let text = url.connection_text().unwrap_or_default();
        let mut given = parse(text).map_err(|why| failed(why.to_owned()))?;
        let named = |name: &str| VARIABLES.iter().find(|(_, of)| *of == name);
        let from_environment = |name: &str| named(name).and_then(|(it, _)| variable(it));
        let service_name = given
            .remove("service")
            .or_else(|| from_environment("service"));
        if let Some(name) = service_name {
            for (key, value) in service(&name, variable).map_err(&failed)? {
                given.entry(key).or_insert(value);
            }
        }
        for (name, key) in VARIABLES {
            if let Some(value) = variable(name) {
                given.entry(key.to_owned()).or_insert(value);
            }
        }
        // It has done what it is for.
        given.remove("service");
        Self::of_parameters(given, variable).map_err(failed)
    }

    fn of_parameters(
        mut given: BTreeMap<String, String>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let hosts = hosts(given.remove("host"), given.remove("port").as_deref())?;
        let tls = match given.remove("sslmode") {
            None => None,
            Some(word) => Some(TlsMode::of(&word).ok_or(
                "sslmode is one of disable, prefer, require, verify-ca and verify-full".to_owned(),
            )?),
        };
        let wanted = match given.remove("target_session_attrs").as_deref() {
            None | Some("any") => Wanted::Any,
            Some("read-write" | "primary") => Wanted::Primary,
            Some("read-only" | "standby") => Wanted::Standby,
            Some("prefer-standby") => Wanted::PreferStandby,
            Some(_) => {
                let words = "any, read-write, primary, read-only, standby and prefer-standby";
                return Err(format!("target_session_attrs is one of {words}"));
            }
        };
        // As libpq looks for it.
        let home = variable("HOME").map(PathBuf::from);
        let password_file = given.remove("passfile").map(PathBuf::from);
        let mut settings = Self {
            hosts,
            user: given.remove("user"),
            database: given.remove("dbname"),
            wanted,
            tls,
            root_certificates: given.remove("sslrootcert").map(PathBuf::from),
            password: given.remove("password"),
            password_file: password_file.or_else(|| Some(home?.join(".pgpass"))),
            others: Vec::new(),
        };
        for (key, value) in given {
            // A parameter that is silently ignored would be worse than one that is refused.
            if !OTHERS.contains(&&*key) {
                return Err(format!("`{key}` is not a parameter of a connection"));
            }
            settings.others.push((key, value));
        }
        Ok(settings)
    }

    /// How the connection to a host is protected: what leaves this machine is, unless somebody says that it need not.
    pub(crate) fn tls(&self, host: &Host) -> TlsMode {
        if host.name.starts_with('/') {
            return TlsMode::Disable;
        }
        // On this machine nobody listens in who could not read the files as well.
        let default = if host.is_local() {
            TlsMode::Prefer
        } else {
            TlsMode::Require
        };
        match self.tls {
            // As libpq has it: who names the authorities wants them to be asked.
            Some(TlsMode::Require) if self.root_certificates.is_some() => TlsMode::VerifyCa,
            stated => stated.unwrap_or(default),
        }
    }

    /// Adds what is not given.
    pub(crate) fn add_defaults(&mut self, defaults: &[(&str, &str)]) {
        for (key, value) in defaults {
            if self.others.iter().all(|(other, _)| other != key) {
                self.others.push(((*key).to_owned(), (*value).to_owned()));
            }
        }
    }

    /// Whether a setting of the session is given in `options`.
    pub(crate) fn says_option(&self, name: &str) -> bool {
        let mut options = self.others.iter().filter(|(key, _)| key == "options");
        options.any(|(_, value)| value.contains(name))
    }

    /// The text that the library makes a connection to one host of.
    pub(crate) fn connection_to(&self, host: &Host) -> Result<postgres::Config, postgres::Error> {
        let mut parts = vec![
            ("host".to_owned(), host.name.clone()),
            ("port".to_owned(), host.port.to_string()),
            (
                "sslmode".to_owned(),
                self.tls(host).as_library_word().to_owned(),
            ),
        ];
        let optional = [("user", &self.user), ("dbname", &self.database)];
        for (key, value) in optional {
            parts.extend(value.clone().map(|value| (key.to_owned(), value)));
        }
        parts.extend(self.others.iter().cloned());
        for (key, default) in [("application_name", "mcpr"), ("connect_timeout", "10")] {
            if self.others.iter().all(|(other, _)| other != key) {
                parts.push((key.to_owned(), default.to_owned()));
            }
        }
        let parts: Vec<String> = parts
            .iter()
            .map(|(key, value)| quoted(key, value))
            .collect();
        let mut config: postgres::Config = parts.join(" ").parse()?;
        if let Some(password) = self.password_for(host, &config) {
            config.password(password);
        }
        Ok(config)
    }

    fn password_for(&self, host: &Host, config: &postgres::Config) -> Option<String> {
        if self.password.is_some() {
            return self.password.clone();
        }
        let user = config.get_user()?;
        let database = config.get_dbname().unwrap_or(user);
        password_of(self.password_file.as_deref()?, host, database, user)
    }
}

/// The hosts of lists that commas separate, each with its port.
fn hosts(names: Option<String>, ports: Option<&str>) -> Result<Vec<Host>, String> {
    let names: Vec<String> = match names.filter(|names| !names.is_empty()) {
        Some(names) => names.split(',').map(str::to_owned).collect(),
        None => SOCKETS.map(str::to_owned).to_vec(),
    };
    let port = |text: &str| -> Result<u16, String> {
        if text.is_empty() {
            return Ok(5432);
        }
        let wrong = || format!("`{text}` is not a port");
        text.parse().map_err(|_| wrong())
    };
    let ports: Vec<&str> = ports.unwrap_or_default().split(',').collect();
    let each = names.into_iter().enumerate();
    each.map(|(at, name)| {
        // One port is that of all hosts.
        let text = ports.get(at).or_else(|| ports.last()).copied();
        let port = port(text.unwrap_or_default())?;
        Ok(Host { name, port })
    })
    .collect()
}

fn quoted(key: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("{key}='{escaped}'")
}

#[cfg(test)]
mod tests;
