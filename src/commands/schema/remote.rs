//! A server at an address: where it is and what opens it to us. Secrets come from files and variables;
//! what stands on a command line is read by others.

use crate::commands::Refused;
use crate::console::Console;
use mcpr_client::{ClientError, Header, HttpServer, ServerUrl};
use std::fs;
use std::path::{Path, PathBuf};

/// The variable that holds the token where no file does.
const TOKEN_VARIABLE: &str = "MCPR_SCHEMA_TOKEN";

/// What a person can do who is kept out.
const CREDENTIALS: &str =
    "--token-file FILE or MCPR_SCHEMA_TOKEN gives a bearer token, --header others";

/// Where the server is.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RemoteArgs {
    /// Ask the server at this URL, which speaks Streamable HTTP
    #[arg(long, value_name = "URL", group = "server")]
    url: Option<String>,
    /// Show the bearer token in this file (or in `MCPR_SCHEMA_TOKEN`) to the server at --url
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// Send a header to --url, with the value of a variable, or those of a file with a `Name: value` a line; may be repeated
    #[arg(long, value_name = "NAME=VARIABLE|@FILE", requires = "url")]
    header: Vec<String>,
}

/// A server's address, understood.
pub(super) struct Remote {
    url: ServerUrl,
    headers: Vec<Header>,
}

impl RemoteArgs {
    /// The address as it may be shown, if one is given.
    pub(super) fn name(&self) -> Option<String> {
        let url = self.url.as_ref()?.parse::<ServerUrl>();
        Some(url.map_or_else(|_| "--url".to_owned(), |url| url.shown().to_owned()))
    }

    /// The server, if an address is given.
    pub(super) fn resolve(&self) -> Result<Option<Remote>, Refused> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        // The text is not repeated: it may hold what should not have been in it.
        let url: ServerUrl = url
            .parse()
            .map_err(|error| Refused::new(format!("--url: {error}")).hint(CREDENTIALS))?;
        let mut headers = Vec::new();
        for text in &self.header {
            headers.extend(headers_of(text)?);
        }
        headers.extend(self.token()?);
        for (at, header) in headers.iter().enumerate() {
            if headers[..at].iter().any(|other| other.is_twin(header)) {
                return Err(
                    Refused::new(format!("the header {} is given twice", header.name()))
                        .hint("a bearer token is the header Authorization"),
                );
            }
        }
        Ok(Some(Remote { url, headers }))
    }

    fn token(&self) -> Result<Option<Header>, Refused> {
        let (token, place) = match (&self.token_file, std::env::var(TOKEN_VARIABLE)) {
            // Whoever names a file means it, whatever the environment holds.
            (Some(file), _) => (read(file)?, file.display().to_string()),
            // A secret that a CI does not have for this run is an empty variable.
            (None, Ok(token)) if !token.is_empty() => (token, TOKEN_VARIABLE.to_owned()),
            _ => return Ok(None),
        };
        let header = Header::bearer(&token);
        header
            .map(Some)
            .map_err(|_| Refused::new(format!("{place}: no bearer token is in it")))
    }
}

impl Remote {
    /// A connection to the server, which was not asked yet.
    pub(super) fn connect(self, console: &mut Console) -> Result<HttpServer, Refused> {
        if self.url.is_open() && !self.headers.is_empty() {
            console.note(&format!(
                "warning: others can read the headers on their way to {}: it is not https",
                self.url.shown()
            ));
        }
        HttpServer::new(self.url, self.headers).map_err(|error| refused(&error))
    }
}

/// The headers of a `NAME=VARIABLE` or an `@FILE`.
fn headers_of(text: &str) -> Result<Vec<Header>, Refused> {
    let header = |place: &str, name: &str, value: &str| {
        Header::new(name, value).map_err(|error| Refused::new(format!("{place}: {error}")))
    };
    if let Some(file) = text.strip_prefix('@') {
        let lines = read(Path::new(file))?;
        let lines = lines.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        return lines
            .map(|(at, line)| {
                let place = format!("{file}:{}", at + 1);
                let parts = line.split_once(':');
                let (name, value) = parts
                    .ok_or_else(|| Refused::new(format!("{place}: a header is `Name: value`")))?;
                header(&place, name.trim(), value)
            })
            .collect();
    }
    // What is not a name of a variable may be a value, and is not repeated.
    let parts = text.split_once('=').filter(|(name, variable)| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !name.contains(':') && !variable.is_empty() && variable.bytes().all(is_plain)
    });
    let (name, variable) = parts.ok_or_else(|| {
        Refused::new("--header: give NAME=VARIABLE or @FILE")
            .hint("a value on the command line could be read by others")
    })?;
    // Nor is a name that is not set: it may have been meant as a value.
    let value = std::env::var(variable).map_err(|_| {
        Refused::new(format!("--header {name}: no variable of that name is set"))
            .hint("give NAME=VARIABLE or @FILE")
    })?;
    Ok(vec![header("--header", name, &value)?])
}

fn read(file: &Path) -> Result<String, Refused> {
    fs::read_to_string(file).map_err(|error| {
        Refused::new(format!("{}: it cannot be read: {error}", file.display()))
            .hint("check the path and its permissions")
    })
}

/// Why a server at an address was not asked, and what helps.
pub(super) fn refused(error: &ClientError) -> Refused {
    let refused = Refused::new(super::server::clean(&error.to_string()));
    match error {
        ClientError::Unreachable { .. } => {
            refused.hint("is the server running, and is the URL its own? the variables HTTPS_PROXY and NO_PROXY are obeyed")
        }
        ClientError::Insecure { .. } => refused.hint(
            "SSL_CERT_FILE names authorities of your own; a server without TLS has http:// in its URL",
        ),
        ClientError::Status { code: 401 | 403, .. } => refused.hint(CREDENTIALS),
        ClientError::Status { code: 300..=399, .. } => {
            refused.hint("headers follow to no other place: give --url where it is now")
        }
        ClientError::Status { code: 404 | 405, .. } | ClientError::NotMcp { .. } => refused.hint(
            "give the URL with its path, often /mcp; servers of 2024-11-05 (HTTP+SSE) are not asked",
        ),
        ClientError::TimeOut { .. } => refused.hint("--timeout gives it more time"),
        _ => refused,
    }
}
