//! What stands between a key and its value: a sign of some language, the word that says how a token is
//! used, a type. Must not look at the value.

use super::{value, words};

/// How a value is given to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// `:`, which prose has too.
    Colon,
    /// `=` and its kind.
    Assigned,
    /// `==` and its kind, of texts.
    Compared,
    /// `|` of a table.
    Column,
}

/// The sign that gives a value to a key, and where it ends.
pub(super) fn sign(text: &[u8], at: usize) -> Option<(Sign, usize)> {
    // Longer signs come before those that they begin with.
    const SIGNS: [&str; 21] = [
        "===", "!==", "||=", "??=", ":=", "=>", "==", "!=", "?=", "+=", "->", "<-", "=~", "~>",
        "?:", "%3D", "%3d", "=", ":", "：", "＝",
    ];
    let rest = &text[at.min(text.len())..];
    // Files of properties escape their own sign within a value: `password\=…`.
    let (at, rest) = match rest {
        [b'\\', b'=' | b':', ..] => (at + 1, &rest[1..]),
        _ => (at, rest),
    };
    // A path of Rust or C++ gives no value.
    if rest.starts_with(b"::") {
        return None;
    }
    // Two of them are an `or`.
    if rest.first() == Some(&b'|') && !rest.starts_with(b"||") {
        return Some((Sign::Column, at + 1));
    }
    let sign = SIGNS
        .iter()
        .find(|sign| rest.starts_with(sign.as_bytes()))?;
    let kind = match *sign {
        ":" | "?:" | "：" => Sign::Colon,
        "==" | "===" | "!=" | "!==" | "=~" => Sign::Compared,
        _ => Sign::Assigned,
    };
    Some((kind, at + sign.len()))
}

/// Ways to authenticate, and what makes a secret of a text.
const SCHEMES: [&str; 11] = [
    "bearer",
    "basic",
    "digest",
    "token",
    "apikey",
    "bot",
    "negotiate",
    "ntlm",
    "vapid",
    "ssws",
    "convertto-securestring",
];

/// Whether a text is a word that says how the token behind it is used.
pub(super) fn is_scheme(text: &[u8]) -> bool {
    SCHEMES
        .iter()
        .any(|scheme| text.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// Where the token begins behind the word that says how it is used: `Bearer …`.
pub(super) fn after_scheme(text: &[u8], at: usize) -> usize {
    let rest = &text[at.min(text.len())..];
    let scheme = SCHEMES.iter().find(|scheme| {
        rest.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
            && matches!(rest.get(scheme.len()), Some(b' ' | b'\t'))
    });
    scheme.map_or(at, |scheme| {
        at + scheme.len() + value::blanks(&rest[scheme.len()..])
    })
}

/// Whether a text says where a token is taken from, and does not hold one: `Bearer ${TOKEN}`.
pub(super) fn is_variable_behind_scheme(candidate: &[u8]) -> bool {
    let at = after_scheme(candidate, 0);
    let token = &candidate[at..];
    // Not every placeholder: a word may be a password.
    at > 0 && token.starts_with(b"$") && words::is_placeholder(token)
}

/// Where the value begins behind a type: `password: &str = "…"`.
pub(super) fn after_type(text: &[u8], at: usize) -> Option<usize> {
    const LONGEST: usize = 40;
    let is_of_type = |byte: &u8| byte.is_ascii_alphanumeric() || b"_<>&[]|?'. ".contains(byte);
    let len = text[at..]
        .iter()
        .take(LONGEST)
        .take_while(|byte| is_of_type(byte))
        .count();
    let end = at + len;
    let is_set = text.get(end) == Some(&b'=') && !matches!(text.get(end + 1), Some(b'=' | b'>'));
    // Behind a type the sign has blanks around it; `password: abc=x` is a value without a type.
    let is_spaced = len > 1 && text[end - 1] == b' ' && text.get(end + 1) == Some(&b' ');
    (is_set && is_spaced).then_some(end + 2)
}
