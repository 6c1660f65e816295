//! Keys that are given a value without a sign: options of commands, names in lists, words of SQL. Must
//! not know of assignments.

use super::assign::{MAX_GAP, MAX_LOOKED_INTO_BYTES, NamedKey, without_marks};
use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::signs::after_scheme;
use super::{html, value, words};
use regex::bytes::Regex;
use std::sync::LazyLock;

impl Pass<'_> {
    /// `--token …`
    pub(super) fn option(&mut self, key: &NamedKey<'_>, at: usize) {
        const BOTH: [&[u8]; 8] = [
            b"--no-",
            b"--require-",
            b"--allow-",
            b"--with-",
            b"--skip-",
            b"--use-",
            b"--show-",
            b"--ask-",
        ];
        let text = self.text;
        let gap = value::blanks(&text[at..]);
        if self.heredoc(key, at + gap) {
            return;
        }
        let from = after_scheme(text, at + gap);
        // A switch takes no value: what follows it is another argument.
        let is_switch = BOTH.iter().any(|start| key.bytes().starts_with(start));
        if key.secrecy < Secrecy::NoNumber
            || is_switch
            || matches!(
                text.get(from),
                // The next option, a pipe or the brackets of a usage line: the option has no value
                // here.
                None | Some(b'-' | b'|' | b',' | b'[' | b'<' | b'(')
            )
        {
            return;
        }
        let Some(found) = value::value(text, from, &self.steps) else {
            return;
        };
        let candidate = &text[found.secret.clone()];
        let is_of_variable = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
        // Help texts explain an option behind several blanks, or name its value in capitals.
        let is_help = gap > 1 && !words::looks_random(&without_marks(candidate))
            || candidate.iter().all(is_of_variable);
        if !found.is_code
            // No placeholder and no help text is that long.
            && (candidate.len() > MAX_LOOKED_INTO_BYTES || !words::is_placeholder(candidate) && !is_help)
        {
            self.take(found.secret, found.end, "key");
        }
    }

    /// `"--token", "…"`, `("Authorization", "…")`
    pub(super) fn listed(&mut self, key: &NamedKey<'_>, at: usize) {
        let text = self.text;
        let from = at
            + text[at..]
                .iter()
                .take(MAX_GAP)
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
        let Some(found) =
            value::value(text, from, &self.steps).filter(|found| found.is_quoted && !found.is_code)
        else {
            return;
        };
        if is_value_of_list(key.bytes(), key.secrecy, &text[found.secret.clone()]) {
            self.take(found.secret, found.end, "key");
        }
    }

    /// `PASSWORD '…'`
    pub(super) fn quoted_behind(&mut self, key: &NamedKey<'_>, at: usize) {
        const LONGEST: usize = 128;
        let gap = at - key.name.end;
        let near = &self.text[key.name.start.saturating_sub(LONGEST)..key.name.start];
        if gap > 0
            // A line of `.netrc` has no quotes around its password.
            && key.bytes() == b"password"
            && is_of_netrc(near, &self.text[at..])
            && let Some(found) = value::bare(self.text, at)
        {
            return self.take(found.secret, found.end, "key");
        }
        // Properties of Java may have a blank in the place of a sign.
        let is_property = key.bytes().contains(&b'.')
            && key.secrecy >= Secrecy::NoNumber
            && super::blocks::begins_line(self.text, key.name.start).is_some();
        if gap > 0
            && is_property
            && let Some(found) = value::bare(self.text, at)
            && matches!(self.text.get(found.end), None | Some(b'\r' | b'\n'))
            && words::looks_random(&self.text[found.secret.clone()])
        {
            return self.take(found.secret, found.end, "key");
        }
        // Scripts of builds are given names and values so: `apiKey "…"`.
        if gap > 0
            && key.secrecy >= Secrecy::NoNumber
            && key.quote.is_none()
            && matches!(self.text.get(at), Some(b'"' | b'\''))
            && let Some(found) = value::value(self.text, at, &self.steps)
            && html::is_meant(&self.text[found.secret.clone()], key.bytes(), key.secrecy)
        {
            return self.take_with_new(found);
        }
        let is_password = key.ends_with_any(&["password", "passwd", "pwd", "passphrase"]);
        if gap > 0 && is_password && key.quote.is_none() {
            self.quoted_word(after_words(self.text, at));
        }
    }

    /// `IDENTIFIED BY '…'`
    pub(super) fn identified_by(&mut self, at: usize) {
        const BY: usize = " by ".len();
        self.quoted_word(at + BY);
    }

    fn quoted_word(&mut self, at: usize) {
        if !matches!(self.text.get(at), Some(b'"' | b'\'')) {
            return;
        }
        let Some(found) = value::value(self.text, at, &self.steps) else {
            return;
        };
        let candidate = &self.text[found.secret.clone()];
        // Prose quotes phrases behind the word `password`; a value is one word.
        let is_word = candidate.len() >= 3 && !candidate.iter().any(u8::is_ascii_whitespace);
        if is_word && !words::is_placeholder(candidate) {
            self.take_with_new(found);
        }
    }
}

/// An entry of `.netrc`, up to the word `password`.
static OF_NETRC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?m-u)(?:\bmachine\s+\S{1,96}|^\s*default)((?:\s+(?:login|account)\s+\S{1,96})*)\s+$",
    )
    .expect("the pattern is sound")
});

/// Whether an entry of `.netrc` stands around the word `password`, behind which its value begins.
fn is_of_netrc(before: &[u8], value: &[u8]) -> bool {
    const LONGEST: usize = 256;
    let near = &value[..value.len().min(LONGEST)];
    let mut words = near
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    // A sentence about machines goes on with a plain word.
    let is_value = words
        .next()
        .is_some_and(|first| !words::is_placeholder(first));
    let is_login_next = words.next() == Some(b"login");
    let entry = OF_NETRC.captures(before);
    let has_login = entry
        .and_then(|entry| entry.get(1))
        .map(|login| !login.is_empty());
    is_value && has_login.is_some_and(|has_login| has_login || is_login_next)
}

/// Where a value may stand behind the words that follow a password: `is "…"`, `FOR 'bob' = '…'`.
fn after_words(text: &[u8], at: usize) -> usize {
    const LONGEST: usize = 96;
    let near = &text[at..text.len().min(at + LONGEST)];
    let starts = |word: &[u8]| {
        near.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if starts(b"for ") {
        return memchr::memmem::find(near, b"= ").map_or(at, |found| at + found + 2);
    }
    let word = [
        &b"is: "[..],
        b"is ",
        b"was ",
        b"changed from ",
        b"updated from ",
        b"from ",
        b"to ",
    ]
    .into_iter()
    .find(|word| starts(word));
    at + word.map_or(0, <[u8]>::len)
}

/// Whether what stands behind a name in a list is its value, and not one more name.
pub(super) fn is_value_of_list(name: &[u8], secrecy: Secrecy, candidate: &[u8]) -> bool {
    if secrecy < Secrecy::NoNumber
        || words::is_placeholder(candidate)
        || candidate.starts_with(b"-")
    {
        return false;
    }
    let is_of_name = |byte: &u8| byte.is_ascii_alphabetic() || b"_-.: ".contains(byte);
    // A list may hold names alone, as the required members of a schema do.
    let is_name = candidate.iter().all(is_of_name) && keys::secrecy(candidate) != Secrecy::None;
    // A dash or a header announces a value. Any other name may be a word among words, so that only
    // what looks random counts behind it.
    let is_sure = name.starts_with(b"-") || keys::is_header(name);
    let has = |test: fn(&u8) -> bool| candidate.iter().any(test);
    let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && candidate.len() >= 6;
    let is_random = is_mixed && !candidate.iter().any(u8::is_ascii_whitespace)
        || after_scheme(candidate, 0) > 0;
    let is_word = candidate.len() < 12
        && !candidate
            .iter()
            .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() || *byte == b' ');
    !is_name && (is_sure && (name.starts_with(b"-") || !is_word) || is_random)
}
