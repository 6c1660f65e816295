//! Credentials in addresses: who logs in, and parameters. Linear: how far an address goes is looked for
//! once. Must not know what stands around it.

use super::keys;
use super::scan::Mode;
use std::ops::Range;

/// How far the address goes that was looked at last.
#[derive(Debug, Default)]
pub(super) struct Region {
    end: usize,
    last_at: Option<usize>,
}

// A text may hold many colons, and each is read back no further.
const LONGEST_SCHEME: usize = 32;

/// Schemes of servers that one logs in to with a name and a password, which may hold a slash.
const OF_STORES: [&[u8]; 12] = [
    b"postgres",
    b"postgresql",
    b"mysql",
    b"mariadb",
    b"mongodb",
    b"srv",
    b"redis",
    b"rediss",
    b"amqp",
    b"amqps",
    b"clickhouse",
    b"mssql",
];

// A broker of NATS takes a token in the place of a user.
const OF_WEB: [&[u8]; 7] = [b"http", b"https", b"ws", b"wss", b"ftp", b"ftps", b"nats"];

fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`<>".contains(&byte)
}

/// Where an address ends that these bytes are within; an escaped slash belongs to it.
fn region(text: &[u8], from: usize) -> Region {
    let mut end = from;
    let mut last_at = None;
    while let Some(&byte) = text.get(end) {
        let is_escape = byte == b'\\' && text.get(end + 1) != Some(&b'/');
        if is_end(byte) || is_escape {
            break;
        }
        if byte == b'@' {
            last_at = Some(end);
        }
        end += 1;
    }
    Region { end, last_at }
}

/// The name and password of the address whose authority begins here; its scheme ends at `colon`.
pub(super) fn user_part(
    text: &[u8],
    colon: usize,
    from: usize,
    known: &mut Region,
    mode: Mode,
) -> Option<Range<usize>> {
    let scheme = scheme(text, colon)?;
    // One address may hold many `://`: how far it goes is looked for once.
    if known.end <= from {
        *known = region(text, from);
    }
    let whole = &text[from..known.end];
    let len = whole
        .iter()
        .position(|byte| b"/?#\\".contains(byte))
        .unwrap_or(whole.len());
    let authority = &whole[..len];
    let is_web = OF_WEB.iter().any(|web| scheme.eq_ignore_ascii_case(web));
    let is_store = OF_STORES
        .iter()
        .any(|store| scheme.eq_ignore_ascii_case(store));
    let user = if let Some(at) = authority.iter().rposition(|byte| *byte == b'@') {
        // One of a store may hold `@` and `/` both.
        let last = known.last_at.filter(|last| {
            is_store && *last > from + at && !whole[at..last - from].contains(&b'=')
        });
        from..last.unwrap_or(from + at)
    } else if let Some(at) = behind_mark(text, known.end, colon - scheme.len(), authority) {
        from..at
    } else {
        // A slash within the password: what stands before it is not a port.
        let colon = authority.iter().position(|byte| *byte == b':')?;
        let is_port = authority[colon + 1..].iter().all(u8::is_ascii_digit);
        match known.last_at.filter(|at| *at > from) {
            Some(at) if !authority.starts_with(b"[") && (!is_port || is_store) => from..at,
            // The `@` may stand behind the cut.
            None if mode.is_head && !is_port && known.end == text.len() => from..known.end,
            _ => return None,
        }
    };
    let name = &text[user.clone()];
    // `ssh://git@host` names a user alone; before a host of the web a single word is a token, unless it is one of
    // letters as users are called. Where nothing but addresses is looked at, nobody misses a user's name.
    let is_user = is_login(name) && !mode.only_addresses && !scheme.eq_ignore_ascii_case(b"nats");
    let is_secret = name.contains(&b':') || is_web && !name.is_empty() && !is_user;
    (is_secret && !name.is_empty()).then_some(user)
}

/// Whether a word is what a user is called: `jane.doe`, `Bob`.
fn is_login(name: &[u8]) -> bool {
    const LONGEST: usize = 24;
    const LONGEST_PART: usize = 12;
    let is_word = |part: &[u8]| {
        part.len() <= LONGEST_PART
            && part.split_first().is_some_and(|(first, rest)| {
                first.is_ascii_alphabetic() && rest.iter().all(u8::is_ascii_lowercase)
            })
    };
    name.len() <= LONGEST && name.split(|byte| b"._-".contains(byte)).all(is_word)
}

/// The `@` of an address in whose password a mark stands at which other addresses end.
fn behind_mark(text: &[u8], end: usize, start: usize, authority: &[u8]) -> Option<usize> {
    const LONGEST: usize = 64;
    let mark = *text.get(end)?;
    // What stands around the address ends with its mark.
    let opener = if mark == b'>' { b'<' } else { mark };
    let is_quoted = start > 0 && text[start - 1] == opener;
    let password = authority.splitn(2, |byte| *byte == b':').nth(1)?;
    let is_port = password.iter().all(u8::is_ascii_digit);
    if !b"'`\"<>".contains(&mark) || is_quoted || is_port {
        return None;
    }
    let rest = &text[end + 1..text.len().min(end + LONGEST)];
    let is_of_user = |byte: &u8| !byte.is_ascii_whitespace() && !b"\"'`<>,;)/".contains(byte);
    let len = rest.iter().take_while(|byte| is_of_user(byte)).count();
    let at = memchr::memrchr(b'@', &rest[..len])?;
    let is_host = rest.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
    is_host.then_some(end + 1 + at)
}

fn scheme(text: &[u8], colon: usize) -> Option<&[u8]> {
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+.-".contains(byte);
    let len = text[..colon]
        .iter()
        .rev()
        .take(LONGEST_SCHEME)
        .take_while(|byte| is_of_scheme(byte))
        .count();
    let scheme = text[colon - len..colon]
        // Of `mongodb+srv` and `git+https` the last part counts.
        .rsplit(|byte| *byte == b'+')
        .next()?;
    // What stands before it without a blank is not part of it.
    scheme.iter().any(u8::is_ascii_alphabetic).then_some(scheme)
}

/// The secret that a parameter of an address holds; its name stands here, `=` behind it.
pub(super) fn parameter(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let from = name.end + 1;
    if !keys::is_secret_parameter(&text[name.clone()]) {
        return None;
    }
    let mut end = super::value::mark_at(text, from).unwrap_or(from);
    while let Some(&byte) = text.get(end) {
        if is_end(byte)
            || byte == b'\\'
            || byte == b'#'
            || matches!(byte, b'&' | b';') && is_parted(text, end + 1)
        {
            break;
        }
        end += 1;
    }
    let value = &text[from..end];
    let is_named = |word: &[u8]| text[name.clone()].eq_ignore_ascii_case(word);
    // Rows of tables are numbered so, too.
    let is_session = is_named(b"sessionid") || is_named(b"session_id") || is_named(b"session-id");
    let is_weak = keys::secrecy(&text[name.clone()]) < keys::Secrecy::NoNumber
        && (is_session && value.len() < 8 || is_named(b"key") && !(value.len() >= 16 || super::words::looks_random(value))
            // That of a login is long, that of an error short.
            || is_named(b"code") && !(value.len() >= 16 && super::words::has_token(value)));
    (end > from && !is_weak && !super::words::is_placeholder(value)).then_some(from..end)
}

/// Whether another parameter follows, or nothing does.
fn is_parted(text: &[u8], at: usize) -> bool {
    const LONGEST_NAME: usize = 64;
    let at = super::value::mark_at(text, at).unwrap_or(at);
    let rest = &text[at..];
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.%[];".contains(byte);
    let len = rest
        .iter()
        .take(LONGEST_NAME)
        .take_while(|byte| is_of_name(byte))
        .count();
    rest.first().is_none_or(|byte| is_end(*byte)) || matches!(rest.get(len), Some(b'='))
}
