//! Where a store is: a path, or a URL that names a backend.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The backend that a store belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A SQLite file: a plain path, or `sqlite:PATH`.
    Sqlite,
    /// A PostgreSQL server: `postgres://USER@HOST/DATABASE`.
    Postgres,
    /// A RocksDB directory: `rocksdb:PATH`.
    RocksDb,
}

impl Scheme {
    /// The schemes by the names that URLs give them.
    const NAMES: [(&str, Self); 4] = [
        ("sqlite", Self::Sqlite),
        ("postgres", Self::Postgres),
        ("postgresql", Self::Postgres),
        ("rocksdb", Self::RocksDb),
    ];

    /// What the backend is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::RocksDb => "RocksDB",
        }
    }

    /// Whether a store of it can be held to a size: it has to report how much of it holds something.
    #[must_use]
    pub fn is_measured(self) -> bool {
        // Elsewhere the room of what went comes back later, by itself.
        self == Self::Sqlite
    }
}

/// Where a store is. Printed (`{}` and `{:?}`), it shows no password.
///
/// ```
/// use mcpr_store::{Scheme, StoreUrl};
/// use std::path::Path;
///
/// let file = StoreUrl::parse("sqlite:/var/lib/mcpr.db")?;
/// assert_eq!(file.path(), Some(Path::new("/var/lib/mcpr.db")));
/// let server = StoreUrl::parse("postgres://ada:secret@db.example/mcpr")?;
/// assert_eq!(server.scheme(), Scheme::Postgres);
/// assert_eq!(server.to_string(), "postgres://ada@db.example/mcpr");
/// # Ok::<(), mcpr_store::StoreUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: Scheme,
    location: Location,
}

#[derive(Clone, PartialEq, Eq)]
enum Location {
    /// In the file system.
    Path(PathBuf),
    /// On a server: the whole URL as it was given, with its password.
    Server(String),
}

/// A text that names no store. The text itself is left out: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Nothing stands behind the scheme.
    #[error("`{0}:` names no file")]
    NoPath(&'static str),
    /// A file URL has parameters.
    #[error("a `{0}:` URL takes no parameters; write a `?` of a file's name as `%3F`")]
    Parameters(&'static str),
    /// A `%` that no two hexadecimal digits follow.
    #[error("a `%` in a `{0}:` URL needs two hexadecimal digits behind it")]
    Escape(&'static str),
    /// A server's URL without `//`, or one that is not UTF-8.
    #[error("a `{0}` URL is written {0}://USER@HOST/DATABASE")]
    Server(&'static str),
    /// `word://…` of a word that is not a backend.
    #[error("no kind of store has URLs that begin with `{0}://`")]
    UnknownScheme(String),
}

impl StoreUrl {
    /// Reads a path or a URL. A path that looks like a URL can be written with `./` before it.
    ///
    /// # Errors
    /// When a URL is not well-formed, or of a scheme that no backend has.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, StoreUrlError> {
        let text = text.as_ref();
        let bytes = text.as_bytes();
        for (name, scheme) in Scheme::NAMES {
            let rest = bytes.strip_prefix(name.as_bytes());
            let Some(rest) = rest.and_then(|rest| rest.strip_prefix(b":")) else {
                continue;
            };
            return match scheme {
                Scheme::Postgres => server(name, scheme, text),
                Scheme::Sqlite | Scheme::RocksDb => file(name, scheme, rest),
            };
        }
        match unknown_scheme(bytes) {
            Some(scheme) => Err(StoreUrlError::UnknownScheme(scheme)),
            None => Ok(Self::from(PathBuf::from(text))),
        }
    }

    /// The backend that it belongs to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its place in the file system; `None` of a store on a server.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.location {
            Location::Path(path) => Some(path),
            Location::Server(_) => None,
        }
    }

    /// The URL of a server with all its secrets, for the backend that connects to it.
    #[must_use]
    pub fn connection_text(&self) -> Option<&str> {
        match &self.location {
            Location::Path(_) => None,
            Location::Server(url) => Some(url),
        }
    }

    /// Whether it holds a password, which printed it does not show.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.connection_text()
            .is_some_and(|url| without_password(url) != url)
    }

    /// The same store as a text that names it from any directory, with all secrets.
    ///
    /// # Errors
    /// When a relative path is given and the current directory is not known.
    pub fn from_anywhere(&self) -> std::io::Result<OsString> {
        let path = match &self.location {
            Location::Path(path) => std::path::absolute(path)?,
            Location::Server(url) => return Ok(url.into()),
        };
        // A plain path is one of SQLite: no other store needs less than its scheme.
        let name = Scheme::NAMES.iter().find(|(_, it)| *it == self.scheme);
        let (Some((name, _)), true) = (name, self.scheme != Scheme::Sqlite) else {
            return Ok(path.into_os_string());
        };
        let mut text = format!("{name}:").into_bytes();
        for &byte in path.as_os_str().as_bytes() {
            match byte {
                b'%' => text.extend(b"%25"),
                b'?' => text.extend(b"%3F"),
                _ => text.push(byte),
            }
        }
        Ok(OsString::from_vec(text))
    }
}

/// `sqlite:a.db`, `sqlite:/a.db` and `sqlite:///a.db`; `sqlite://a.db` is relative, as sqlx takes it.
fn file(name: &'static str, scheme: Scheme, rest: &[u8]) -> Result<StoreUrl, StoreUrlError> {
    let rest = rest.strip_prefix(b"//").unwrap_or(rest);
    // A parameter that is silently ignored would be worse than one that is refused.
    if rest.contains(&b'?') {
        return Err(StoreUrlError::Parameters(name));
    }
    let path = percent_decoded(rest).ok_or(StoreUrlError::Escape(name))?;
    if path.is_empty() {
        return Err(StoreUrlError::NoPath(name));
    }
    let path = PathBuf::from(OsString::from_vec(path));
    Ok(StoreUrl {
        scheme,
        location: Location::Path(path),
    })
}

fn server(name: &'static str, scheme: Scheme, text: &OsStr) -> Result<StoreUrl, StoreUrlError> {
    let url = text.to_str().ok_or(StoreUrlError::Server(name))?;
    let rest = url.get(name.len() + 1..).unwrap_or_default();
    if !rest.starts_with("//") {
        return Err(StoreUrlError::Server(name));
    }
    Ok(StoreUrl {
        scheme,
        location: Location::Server(url.to_owned()),
    })
}

/// The scheme of what can only be meant as a URL: `word://…`.
fn unknown_scheme(bytes: &[u8]) -> Option<String> {
    let end = bytes.windows(3).position(|window| window == b"://")?;
    let scheme = &bytes[..end];
    let is_scheme = scheme.first()?.is_ascii_alphabetic()
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    is_scheme.then(|| String::from_utf8_lossy(scheme).into_owned())
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let value = digit(*high)? * 16 + digit(*low)?;
        decoded.push(u8::try_from(value).ok()?);
        rest = after;
    }
    Some(decoded)
}

/// A server's URL without its password, which may stand before the `@` or among the parameters.
fn without_password(url: &str) -> String {
    let (head, parameters) = match url.split_once('?') {
        Some((head, parameters)) => (head, Some(parameters)),
        None => (url, None),
    };
    // The password may hold an `@` that was not escaped: the last one before the path ends it.
    let mut text = match (head.split_once("://"), head.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, host))) => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        _ => head.to_owned(),
    };
    let shown = parameters.into_iter().flat_map(|all| all.split('&'));
    let shown = shown.filter(|one| !one.to_ascii_lowercase().contains("password"));
    for (at, parameter) in shown.enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(parameter);
    }
    text
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Path(path) => path.display().fmt(f),
            Location::Server(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// A path is a SQLite file, whatever it is called.
impl From<PathBuf> for StoreUrl {
    fn from(path: PathBuf) -> Self {
        Self {
            scheme: Scheme::Sqlite,
            location: Location::Path(path),
        }
    }
}

impl From<&Path> for StoreUrl {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<&PathBuf> for StoreUrl {
    fn from(path: &PathBuf) -> Self {
        path.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_a_path_or_a_url() {
        let cases = [
            ("a.db", Scheme::Sqlite, Some("a.db")),
            ("/a b/c.db", Scheme::Sqlite, Some("/a b/c.db")),
            ("./sqlite:a", Scheme::Sqlite, Some("./sqlite:a")),
            ("a:b.db", Scheme::Sqlite, Some("a:b.db")),
            ("/x/a://b", Scheme::Sqlite, Some("/x/a://b")),
            ("sqlite:a.db", Scheme::Sqlite, Some("a.db")),
            ("sqlite:/a.db", Scheme::Sqlite, Some("/a.db")),
            ("sqlite:///a.db", Scheme::Sqlite, Some("/a.db")),
            ("sqlite://a.db", Scheme::Sqlite, Some("a.db")),
            ("sqlite:a%20b%3F", Scheme::Sqlite, Some("a b?")),
            ("rocksdb:/a", Scheme::RocksDb, Some("/a")),
            ("postgres://h/d", Scheme::Postgres, None),
            ("postgresql://h/d", Scheme::Postgres, None),
        ];
        for (text, scheme, path) in cases {
            let url = StoreUrl::parse(text).expect(text);
            assert_eq!(url.scheme(), scheme, "{text}");
            assert_eq!(url.path(), path.map(Path::new), "{text}");
            assert_eq!(url.connection_text().is_some(), path.is_none(), "{text}");
        }
    }

    #[test]
    fn from_anywhere_it_is_the_same_store() {
        let here = std::env::current_dir().expect("a directory");
        for text in ["a.db", "sqlite:a%3F", "rocksdb:a/%25", "postgres://u:s@h/d"] {
            let url = StoreUrl::parse(text).expect(text);
            let again = url.from_anywhere().expect(text);
            let again = StoreUrl::parse(again).expect(text);
            assert_eq!(again.scheme(), url.scheme(), "{text}");
            assert_eq!(
                again.path(),
                url.path().map(|path| here.join(path)).as_deref(),
                "{text}"
            );
            assert_eq!(again.connection_text(), url.connection_text(), "{text}");
        }
    }

    #[test]
    fn what_names_no_store_is_refused() {
        let cases = [
            ("sqlite:", StoreUrlError::NoPath("sqlite")),
            ("sqlite://", StoreUrlError::NoPath("sqlite")),
            ("sqlite:a?mode=ro", StoreUrlError::Parameters("sqlite")),
            ("sqlite:a%2", StoreUrlError::Escape("sqlite")),
            ("rocksdb:%zz", StoreUrlError::Escape("rocksdb")),
            ("postgres:h/d", StoreUrlError::Server("postgres")),
            ("mysql://h/d", StoreUrlError::UnknownScheme("mysql".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(StoreUrl::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_noticed() {
        let has = |text: &str| StoreUrl::parse(text).expect(text).has_password();
        assert!(has("postgres://u:secret@h/d"));
        assert!(has("postgres://h/d?password=secret&sslmode=require"));
        assert!(!has("postgres://u@h/d?sslmode=require"));
        assert!(!has("postgres://h,h2/d"));
        assert!(!has("a:b@c.db"));
    }

    #[test]
    fn a_password_is_never_printed() {
        let cases = [
            ("postgres://u:secret@h/d", "postgres://u@h/d"),
            ("postgres://u:se@cret@h,i:1/d", "postgres://u@h,i:1/d"),
            ("postgres://u:se/cret@h/d", "postgres://u@h/d"),
            ("postgres://:secret@h/d", "postgres://@h/d"),
            ("postgres://h/d", "postgres://h/d"),
            (
                "postgres://h/d?password=secret&sslmode=require",
                "postgres://h/d?sslmode=require",
            ),
            (
                "postgres://u:s@h/d?a=b&sslpassword=secret",
                "postgres://u@h/d?a=b",
            ),
        ];
        for (text, shown) in cases {
            let url = StoreUrl::parse(text).expect(text);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
            assert_eq!(url.connection_text(), Some(text));
        }
    }
}
