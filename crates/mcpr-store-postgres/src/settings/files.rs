//! The files of libpq: services, and passwords.

use super::Host;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the file of services is for all users.
const SHARED_SERVICES: &str = "/etc/postgresql-common/pg_service.conf";

/// What a service stands for.
pub(super) fn service(
    name: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, String> {
    let own = variable("PGSERVICEFILE").map(PathBuf::from);
    let home = || Some(PathBuf::from(variable("HOME")?).join(".pg_service.conf"));
    let own = own.or_else(home);
    for path in own.into_iter().chain([PathBuf::from(SHARED_SERVICES)]) {
        // A file that is not there has no services.
        if let Ok(text) = fs::read_to_string(&path)
            && let Some(found) = service_in(&text, name)
        {
            return Ok(found);
        }
    }
    Err(format!("no service is called `{name}`"))
}

fn service_in(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            // The next section begins.
            if found.is_some() {
                break;
            }
            found = (section.trim() == name).then(Vec::new);
        } else if let (Some(found), Some((key, value))) = (&mut found, line.split_once('=')) {
            found.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

/// The password of a file for a host, a database and a user. Nothing is taken of a file that others may read.
pub(super) fn password_of(path: &Path, host: &Host, database: &str, user: &str) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    if mode & 0o077 != 0 {
        return None;
    }
    password_in(&fs::read_to_string(path).ok()?, host, database, user)
}

fn password_in(text: &str, host: &Host, database: &str, user: &str) -> Option<String> {
    let port = host.port.to_string();
    // A socket is called `localhost` there.
    let is_socket = host.name.starts_with('/');
    text.lines().find_map(|line| {
        if line.starts_with('#') {
            return None;
        }
        let [name, at, of, by, password] = fields(line)?;
        let is_it = |stated: &str, meant: &str| stated == "*" || stated == meant;
        let is_host = is_it(&name, &host.name) || (is_socket && name == "localhost");
        (is_host && is_it(&at, &port) && is_it(&of, database) && is_it(&by, user))
            .then_some(password)
    })
}

/// The five fields of a line; a `\` takes the next character as it is.
fn fields(line: &str) -> Option<[String; 5]> {
    let mut fields: [String; 5] = Default::default();
    let mut at = 0;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if at < 4 => at += 1,
            '\\' => fields.get_mut(at)?.extend(characters.next()),
            other => fields.get_mut(at)?.push(other),
        }
    }
    (at == 4).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_that_of_the_first_line_that_is_meant() {
        let text = "# a comment\nh:5432:d:other:no\nh:*:d:u:a\\:b\\\\c\n*:*:*:*:any\n";
        let host = |name: &str| Host {
            name: name.to_owned(),
            port: 5432,
        };
        let cases = [
            ("h", "d", "u", "a:b\\c"),
            ("h", "e", "u", "any"),
            ("i", "d", "u", "any"),
        ];
        for (name, database, user, expected) in cases {
            let found = password_in(text, &host(name), database, user);
            assert_eq!(found.as_deref(), Some(expected), "{name} {database}");
        }
        let socket = password_in("localhost:5432:d:u:s\n", &host("/run"), "d", "u");
        assert_eq!(socket.as_deref(), Some("s"));
    }

    #[test]
    fn a_file_that_others_may_read_gives_no_password() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pgpass");
        fs::write(&path, "*:*:*:*:secret\n").expect("a file");
        let host = Host {
            name: "h".to_owned(),
            port: 1,
        };
        for (mode, expected) in [(0o644, None), (0o600, Some("secret".to_owned()))] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(password_of(&path, &host, "d", "u"), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_service_ends_where_the_next_one_begins() {
        let text = "[a]\nhost=x\n\n[b]\n# of b\nhost = y\nport=1\n[c]\nhost=z\n";
        let found = service_in(text, "b").expect("it is there");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(found, [pair("host", "y"), pair("port", "1")]);
        assert_eq!(service_in(text, "d"), None);
    }
}
