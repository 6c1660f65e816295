//! A connection to the server that is meant: to whichever of several hosts is what is wanted.

use crate::db::Db;
use crate::errors::{DbFault, is_away};
use crate::settings::{ConnectionSettings, Host, TlsMode, Wanted};
use crate::tls::{self, Tls};
use mcpr_store::{StoreError, StoreErrorKind, StoreUrl};
use std::error::Error as _;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionRole {
    /// Only answers questions: the server itself refuses to write.
    Reader,
    /// Writes: its server has to be the primary.
    Writer,
}

/// How long a question may take, where nobody says it.
const READER_TIMEOUT: &str = "5min";
/// How long a writer waits for its turn before it says so.
const LOCK_TIMEOUT: &str = "20s";
/// What the system is asked to do with connections whose other end may have gone, where nobody says it.
const KEEPALIVE: [(&str, &str); 4] = [
    ("keepalives_idle", "20"),
    ("keepalives_interval", "5"),
    ("keepalives_retries", "3"),
    ("tcp_user_timeout", "30"),
];

/// A server that was named.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: StoreUrl,
    settings: ConnectionSettings,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The settings hold a password.
        write!(f, "Server({})", self.url)
    }
}

impl Server {
    /// The server of a URL, in the environment of this process.
    pub(crate) fn at(url: &StoreUrl) -> Result<Self, StoreError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut settings = ConnectionSettings::of(url, &variable)?;
        settings.add_defaults(&KEEPALIVE);
        Ok(Self {
            url: url.clone(),
            settings,
        })
    }

    /// Connects.
    pub(crate) fn connect(&self, role: ConnectionRole) -> Result<Db, StoreError> {
        let wanted = match (role, self.settings.wanted) {
            // Nothing can be written elsewhere.
            (ConnectionRole::Writer, _) => Wanted::Primary,
            (ConnectionRole::Reader, wanted) => wanted,
        };
        let rounds: &[Wanted] = match wanted {
            Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
            Wanted::Any => &[Wanted::Any],
            Wanted::Primary => &[Wanted::Primary],
            Wanted::Standby => &[Wanted::Standby],
        };
        // In the order in which they are named, as libpq does it.
        let mut last = None;
        for &wanted in rounds {
            for host in &self.settings.hosts {
                match self.connect_to(host, role, wanted) {
                    Ok(db) => return Ok(db),
                    // Of several hosts the failure that says most is reported: what a server answers, before that none
                    // does.
                    Err(error) if says_more(last.as_ref(), &error) => last = Some(error),
                    Err(_) => {}
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            let message = format!("{}: it names no host", self.url);
            StoreError::new(StoreErrorKind::Other, message)
        }))
    }

    fn connect_to(
        &self,
        host: &Host,
        role: ConnectionRole,
        wanted: Wanted,
    ) -> Result<Db, StoreError> {
        let doing = format!("connect to {}", named(host));
        let failed = |fault: DbFault| fault.at(&self.url, &doing);
        let config = self.settings.connection_to(host);
        let config = config.map_err(|error| failed(error.into()))?;
        let mode = self.settings.tls(host);
        // Also on a socket, where there is nobody to listen in.
        let client = if mode == TlsMode::Disable {
            config.connect(postgres::NoTls)
        } else {
            let tls = Tls::of(mode, self.settings.root_certificates.as_deref());
            let tls = tls.map_err(|why| {
                StoreError::new(StoreErrorKind::Other, format!("{}: {why}", self.url))
            })?;
            config.connect(tls)
        };
        let client = client.map_err(|error| self.refused(host, mode, error))?;
        let mut db = Db::new(client);
        self.set_up(&mut db, host, role, wanted).map_err(failed)?;
        Ok(db)
    }

    fn set_up(
        &self,
        db: &mut Db,
        host: &Host,
        role: ConnectionRole,
        wanted: Wanted,
    ) -> Result<(), DbFault> {
        // The server itself says it, whatever its name promises.
        let setting = db.row("SELECT current_setting('transaction_read_only')", &[])?;
        let is_standby = setting.is_some_and(|row| row.get::<_, String>(0) == "on");
        let place = named(host);
        match wanted {
            Wanted::Primary if is_standby => {
                // It may be the primary soon: whoever was writing goes on as soon as it is.
                let message = format!("{place} is a standby, which may only be read");
                return Err(StoreError::new(StoreErrorKind::Retryable, message)
                    .hint("name the primary, or all hosts: postgres://HOST,HOST/DATABASE")
                    .into());
            }
            // One that is asked for its answers must not load the primary.
            Wanted::Standby if !is_standby => {
                let message = format!("{place} is not a standby");
                return Err(StoreError::new(StoreErrorKind::Other, message)
                    .hint("ask for target_session_attrs=prefer-standby")
                    .into());
            }
            _ => {}
        }
        match role {
            ConnectionRole::Reader => {
                let has_timeout = self.settings.says_option("statement_timeout");
                db.batch("SET default_transaction_read_only = on")?;
                // A question that never ends would hold back what the server clears up.
                if !has_timeout {
                    db.batch(&format!("SET statement_timeout = '{READER_TIMEOUT}'"))?;
                }
                Ok(())
            }
            ConnectionRole::Writer => {
                // A COMMIT that waits for a standby and runs out of time would be acknowledged without it.
                db.batch(&format!(
                    "SET lock_timeout = '{LOCK_TIMEOUT}'; SET statement_timeout = 0"
                ))?;
                // What is acknowledged is on the disk, whatever the server's default is.
                // Asked for first: where more is demanded than that, it stays.
                let level = db.row("SELECT current_setting('synchronous_commit')", &[])?;
                if level.is_some_and(|row| row.get::<_, String>(0) == "off") {
                    db.batch("SET synchronous_commit = on")?;
                }
                Ok(())
            }
        }
    }

    /// Why there is no connection to a host.
    fn refused(&self, host: &Host, mode: TlsMode, error: postgres::Error) -> StoreError {
        let is_of_tls = is_of_tls(&error);
        let doing = format!("connect to {}", named(host));
        let mut fault = DbFault::from(error).at(&self.url, &doing);
        if is_of_tls && mode != TlsMode::Prefer {
            fault.kind = StoreErrorKind::Permission;
            let hint = match mode {
                TlsMode::VerifyCa | TlsMode::VerifyFull => {
                    "name the file with the certificate of its authority: sslrootcert=FILE in the URL"
                }
                _ => {
                    "have the server speak TLS; on a network that you trust, sslmode=disable in the URL goes without"
                }
            };
            fault = fault.hint(hint);
        }
        fault
    }
}

/// Whether TLS itself is what failed, and not the connection below it.
fn is_of_tls(error: &postgres::Error) -> bool {
    let source = error.source();
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    match io {
        // A certificate, or what the two ends cannot agree about.
        Some(io) => tls::is_refusal(io),
        // The library has no kind for a server without TLS, only words.
        None => error.code().is_none() && error.to_string().contains("TLS"),
    }
}

fn named(host: &Host) -> String {
    if host.name.starts_with('/') {
        format!("{}/.s.PGSQL.{}", host.name, host.port)
    } else {
        format!("{}:{}", host.name, host.port)
    }
}

/// Whether a failure is reported instead of one before it.
fn says_more(before: Option<&StoreError>, error: &StoreError) -> bool {
    before.is_none_or(|before| is_away(before) && !is_away(error))
}
