//! A URL of a server, taken apart: `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?KEY=VALUE&…`.

use std::collections::BTreeMap;

/// Its parts by the names that libpq gives them.
pub(super) fn parse(url: &str) -> Result<BTreeMap<String, String>, &'static str> {
    let mut given = BTreeMap::new();
    let (_, rest) = url.split_once("://").ok_or("it has no `//`")?;
    let (head, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may hold an `@` that nobody escaped: the last one before the path ends it.
    let (who, place) = match head.rsplit_once('@') {
        Some((who, place)) => (Some(who), place),
        None => (None, head),
    };
    if let Some(who) = who {
        let (user, password) = match who.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (who, None),
        };
        put(&mut given, "user", user)?;
        put(&mut given, "password", password.unwrap_or_default())?;
    }
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    put(&mut given, "dbname", database)?;
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    // Each with a port of its own, or none.
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        let (name, port) = host_and_port(host)?;
        names.push(name);
        ports.push(port);
    }
    put(&mut given, "host", &names.join(","))?;
    // Without any the environment may say one.
    if ports.iter().any(|port| !port.is_empty()) {
        put(&mut given, "port", &ports.join(","))?;
    }
    for parameter in parameters.split('&').filter(|it| !it.is_empty()) {
        let (key, value) = parameter
            .split_once('=')
            .ok_or("a parameter is written KEY=VALUE")?;
        put(&mut given, &decoded(key)?, value)?;
    }
    Ok(given)
}

fn put(parts: &mut BTreeMap<String, String>, key: &str, value: &str) -> Result<(), &'static str> {
    // What is written as nothing is left to the environment.
    if !value.is_empty() {
        parts.insert(key.to_owned(), decoded(value)?);
    }
    Ok(())
}

fn host_and_port(host: &str) -> Result<(&str, &str), &'static str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, port) = rest
            .split_once(']')
            .ok_or("a `[` of an address has no `]`")?;
        return Ok((name, port.strip_prefix(':').unwrap_or(port)));
    }
    Ok(host.split_once(':').unwrap_or((host, "")))
}

const WRONG: &str = "a `%` needs two hexadecimal digits behind it";

fn decoded(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return Err(WRONG);
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(WRONG);
        let value = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(value).map_err(|_| WRONG)?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}
