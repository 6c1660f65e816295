//! The shapes of secrets in text, as a table. A rule matches bytes; only what its group `s` matches
//! is replaced, else the whole match. Must not depend on the order of the table for what is found.

use super::keys;
use std::ops::Range;

/// One shape of secret.
pub(super) struct Rule {
    /// What its mark says.
    pub(super) kind: &'static str,
    pub(super) pattern: &'static str,
    /// Asked with the text, where the match begins, and the range of the secret.
    pub(super) accepts: fn(&[u8], usize, Range<usize>) -> bool,
    /// Whether it is about credentials in addresses.
    pub(super) of_address: bool,
}

/// The rules in the order in which they are applied: what replaces most comes first.
pub(super) const RULES: &[Rule] = &[
    Rule {
        kind: "private-key",
        pattern: r"(?s-u)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        accepts: always,
        of_address: false,
    },
    // The slashes may stand escaped, as in JSON.
    Rule {
        kind: "url",
        pattern: r#"(?-u)[A-Za-z][A-Za-z0-9+.-]*:(?://|\\/\\/)(?P<s>[^\s/?#"'<>\\]+)@"#,
        accepts: is_user_part,
        of_address: true,
    },
    Rule {
        kind: "url",
        pattern: r#"(?-u)[?&;][A-Za-z0-9_.%-]+=(?P<s>[^\s&"'#<>\\;]+)"#,
        accepts: is_parameter,
        of_address: true,
    },
    Rule {
        kind: "key",
        pattern: r#"(?i-u)(?:authorization|cookie)\s{0,3}:\s{0,3}(?P<s>[^\s"'\\\[][^\r\n"'\\]*)"#,
        accepts: always,
        of_address: false,
    },
    Rule {
        kind: "key",
        pattern: concat!(
            r"(?i-u)(?:pass(?:word|wd|phrase)?|pwd|secrets?|token|jwt|[_-]?key(?:[_-]?id)?|",
            r"credentials?|authorization|cookie|connection[_-]?string|otp|pincode|",
            r"auth|bearer|signature)",
            r#"(?:\\*["'])?\s{0,3}[:=]\s{0,3}"#,
            r#"(?:\\+"(?P<s>(?:[^"\\]|\\\\\\"|\\\\)+)|"(?P<s2>(?:[^"\\]|\\.)+)|'(?P<s3>[^'\r\n]+)|"#,
            r#"(?P<s4>(?:(?:bearer|basic|digest|token)\s+)?[^\s"'<>,;&})\\]+))"#
        ),
        accepts: is_under_secret_key,
        of_address: false,
    },
    Rule {
        kind: "key",
        pattern: r"(?i-u)--?[a-z0-9-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key)\s+(?P<s>[^\s-]\S*)",
        accepts: always,
        of_address: false,
    },
    Rule {
        kind: "bearer",
        pattern: r"(?i-u)\b(?:bearer|basic)\s{1,3}(?P<s>[A-Za-z0-9._~+/=-]{8,})",
        accepts: looks_random,
        of_address: false,
    },
    Rule {
        kind: "jwt",
        pattern: r"(?-u)\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
        accepts: always,
        of_address: false,
    },
    Rule {
        kind: "token",
        pattern: concat!(
            r"(?-u)\b(?:gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|",
            r"gl(?:pat|ptt|dt|rt|cbt|oas)-[A-Za-z0-9_.-]{20,}|",
            r"sk-[A-Za-z0-9_-]{20,}|(?:[prs]k|whsec)_(?:live_|test_)?[A-Za-z0-9]{20,}|",
            r"A(?:KIA|SIA|GPA|IDA|ROA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|",
            r"ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{20,}|",
            r"xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{30,}|",
            r"pypi-[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|",
            r"do[ort]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|hv[sb]\.[A-Za-z0-9_-]{20,}|",
            r"ntn_[A-Za-z0-9]{30,}|lin_api_[A-Za-z0-9]{30,}|sq0[a-z]{3}-[A-Za-z0-9_-]{20,}|",
            r"AGE-SECRET-KEY-1[A-Z0-9]{40,}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}|",
            r"dckr_pat_[A-Za-z0-9_-]{20,}|rubygems_[a-f0-9]{40,}|crates?io[A-Za-z0-9]{30,})",
        ),
        accepts: always,
        of_address: false,
    },
    Rule {
        kind: "token",
        pattern: r"(?-u)hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_-]{20,})",
        accepts: always,
        of_address: false,
    },
];

/// A known token of which the end of the text leaves only the beginning.
pub(super) const CUT_TOKEN: Rule = Rule {
    kind: "token",
    pattern: concat!(
        r"(?-u)\b(?:gh[oprsu]_|github_pat_|glpat-|sk-|[prs]k_(?:live|test)_|whsec_|AKIA|ASIA|AIza|",
        r"ya29\.|GOCSPX-|xox[a-z]-|xapp-|npm_|pypi-|hf_|SG\.|do[ort]_v1_|shpat_|hv[sb]\.|ntn_|",
        r"lin_api_|AGE-SECRET-KEY-|dckr_pat_|eyJ)[A-Za-z0-9_.-]+\z",
    ),
    accepts: always,
    of_address: false,
};

/// Whether a text is a mark, with nothing but punctuation behind it.
pub(super) fn is_mark(text: &[u8]) -> bool {
    let Some(name) = text.strip_prefix(b"[redacted:") else {
        return false;
    };
    let is_of_kind = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'-';
    let rest = name.iter().skip_while(|byte| is_of_kind(byte));
    rest.clone().all(u8::is_ascii_punctuation)
}

fn always(_: &[u8], _: usize, _: Range<usize>) -> bool {
    true
}

/// `user:password@`, and a lone word before `@` where a server of the web is named by it.
fn is_user_part(text: &[u8], start: usize, secret: Range<usize>) -> bool {
    let user = &text[secret];
    let scheme = text[start..].split(|byte| *byte == b':').next();
    let web: [&[u8]; 6] = [b"http", b"https", b"ws", b"wss", b"ftp", b"ftps"];
    user.contains(&b':')
        || scheme.is_some_and(|scheme| web.iter().any(|web| scheme.eq_ignore_ascii_case(web)))
}

fn is_parameter(text: &[u8], start: usize, secret: Range<usize>) -> bool {
    keys::is_secret_parameter(&text[start + 1..secret.start - 1])
}

/// A key's end was found: the whole of it decides. Prose says `token: …` of things that are none.
fn is_under_secret_key(text: &[u8], start: usize, secret: Range<usize>) -> bool {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-$".contains(byte);
    let key_end = text[start..secret.start]
        .iter()
        .position(|byte| !is_of_key(byte))
        .map_or(secret.start, |at| start + at);
    let before = text[..start]
        .iter()
        .rev()
        .take(keys::MAX_NAME_BYTES)
        .take_while(|byte| is_of_key(byte))
        .count();
    let key = &text[start - before..key_end];
    let is_quoted = matches!(text[secret.start - 1], b'"' | b'\'');
    let is_assigned = text[key_end..secret.start].contains(&b'=') || is_quoted;
    let key_lower = key.to_ascii_lowercase();
    let ends_with_any = |words: &[&str]| {
        words
            .iter()
            .any(|word| key_lower.ends_with(word.as_bytes()))
    };
    let is_prose = !is_assigned && ends_with_any(&["token", "pass", "otp"]);
    // An error says `auth: 401` too.
    let is_weak = !is_quoted && ends_with_any(&keys::LAST_WORDS);
    let is_long = secret.len() >= 16;
    keys::is_secret(key)
        && (!(is_prose || is_weak) || looks_random(text, start, secret.clone()))
        && (!is_weak || is_long)
}

/// Words of prose have no digits and are not long.
fn looks_random(text: &[u8], _: usize, secret: Range<usize>) -> bool {
    secret.len() >= 24 || text[secret].iter().any(u8::is_ascii_digit)
}
