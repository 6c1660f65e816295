//! A name and its value as two members that stand side by side: `"name": "API_KEY", "value": "…"`, in
//! JSON, in YAML, in the attributes of XML, in either order. Must not look further than the next member.

use super::assign::NamedKey;
use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::{blocks, members, value, words};
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// How far a name may stand from its value.
const WINDOW_BYTES: usize = 256;

const NAMES: &str = "name|key|header|field|variable|env|label|element|id|attribute|property|param(?:eter)?|k|\
    (?:param(?:eter)?|header|field|var(?:iable)?|env|attribute|property|option|setting|config|meta|secret|input|arg(?:ument)?)_?(?:name|key)";

/// What declares a variable in HCL, or an option of a command in Python.
static DECLARED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?-u)(?:variable\s+"([A-Za-z0-9_-]{1,64})"\s*\{[^{}]{0,192}|(?:option|argument)\(\s*\\*["']([A-Za-z0-9_-]{1,64})\\*["'][^()]{0,192})$"#)
        .expect("the pattern is sound")
});

/// A key of YAML whose members stand below it, deeper than itself.
static ABOVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?m-u)^( *)([A-Za-z0-9_.-]{1,64}):[ \t]*\r?\n((?: +[a-z_]{1,24}: [^\n]{0,96}\n){0,4}) +$",
    )
    .expect("the pattern is sound")
});

/// Members that may stand between the two.
// Bounded in number and length: a name further off is another value's.
const BETWEEN: &str = r#"(?:\\*["']?[A-Za-z0-9_:.-]{1,32}\\*["']?\s{0,3}[:=]\s{0,3}(?:\\*["'][^"'<>\\]{0,48}\\*["'][\s,;]*|[^"'<>\\\n:=]{1,48}\n\s*)){0,3}"#;

/// A member that names something, at the end of what stands before the value.
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    let member = r#"\\*["']?\s{0,3}[:=]\s{0,3}\\*["']?([A-Za-z0-9_.-]{1,64})\\*["']?[\s,;]*"#;
    // An element of the value's own may follow: `<setting name="ApiKey"><value>`.
    Regex::new(&format!(
        r#"(?i-u)\b(?:{NAMES}){member}{BETWEEN}(?:\\*["']|>\s{{0,3}}<)?$"#
    ))
    .expect("the pattern is sound")
});

/// The same at the start of what stands behind it.
static AFTER: LazyLock<Regex> = LazyLock::new(|| {
    let member = r#"\\*["']?\s{0,3}[:=]\s{0,3}\\*["']?([A-Za-z0-9_.-]{1,64})(?:[\\"'\s,}]|$)"#;
    Regex::new(&format!(
        r#"(?i-u)^\\*["']?[\s,;]*(?:- )?{BETWEEN}\\*["']?(?:{NAMES}){member}"#
    ))
    .expect("the pattern is sound")
});

/// What makes a value of a secret: `Password(value=…)`.
static MADE_OF: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)([A-Za-z]{1,48})[({]$").expect("the pattern is sound"));

/// The word `value` stands here: if it names a value, the member beside it says of what.
pub(super) fn value(pass: &mut Pass<'_>, hit: &Range<usize>) {
    let text = pass.text;
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let stem = text[pass.at.min(hit.start)..hit.start]
        .iter()
        .rev()
        .take(LONGEST_STEM + 1);
    let stem = hit.start - stem.take_while(|byte| is_of_name(byte)).count()..hit.start;
    let is_whole = (stem.is_empty() || is_stem(&text[stem.clone()]))
        && text.get(hit.end).is_none_or(|byte| !is_of_name(byte));
    let hit = &(stem.start..hit.end);
    let Some(at) = is_whole.then(|| after_sign(text, hit)).flatten() else {
        return;
    };
    // The name before comes first, as the value need not be read to find it.
    let Some(name) = name_before(pass, hit.start).or_else(|| name_after(pass, at)) else {
        return;
    };
    let key = NamedKey {
        name: hit.clone(),
        text,
        secrecy: keys::secrecy(&name),
        quote: None,
    };
    if let Some(lines) = blocks::block(text, &key, at) {
        let end = lines.end;
        return pass.take(lines, end, "key");
    }
    let Some(found) = value::value(text, at, &pass.steps) else {
        return;
    };
    let candidate = &text[found.secret.clone()];
    let is_meant = match keys::secrecy(&name) {
        Secrecy::None => false,
        Secrecy::KeyMaterial => words::is_key_material(candidate),
        Secrecy::Random => words::looks_random(candidate),
        // Examples repeat the name: `name: token, value: token`.
        Secrecy::NoNumber | Secrecy::Any => !candidate.eq_ignore_ascii_case(&name),
    };
    if is_meant && !found.is_code && !words::is_placeholder(candidate) {
        pass.take(found.secret, found.end, "key");
    }
}

/// Longest of [`members::STEMS`], with what parts it from the word.
const LONGEST_STEM: usize = 10;

/// Whether what stands before `value` only says of what it is the value.
fn is_stem(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"_").unwrap_or(before);
    members::STEMS
        .iter()
        .any(|stem| before.eq_ignore_ascii_case(stem.as_bytes()))
}

/// The name that a declaration gives, at the end of what stands before its value.
fn declared(before: &[u8]) -> Option<&[u8]> {
    if let Some(found) = DECLARED.captures(before) {
        return found
            .get(1)
            .or_else(|| found.get(2))
            .map(|name| name.as_bytes());
    }
    let found = ABOVE.captures(before)?;
    let indent = found.get(1)?.len();
    let members = before.rsplit(|byte| *byte == b'\n').next()?.len();
    (members > indent)
        .then(|| found.get(2))
        .flatten()
        .map(|name| name.as_bytes())
}

/// Where the value begins behind the word: after a sign, or within an element `<value>…`.
fn after_sign(text: &[u8], hit: &Range<usize>) -> Option<usize> {
    let is_element = text.get(hit.end) == Some(&b'>') && text[..hit.start].ends_with(b"<");
    if is_element {
        return Some(hit.end + 1);
    }
    let mut at = hit.end;
    at += text[at..]
        .iter()
        .take(16)
        .take_while(|byte| b"\\\"'".contains(byte))
        .count();
    at += value::blanks(&text[at..]);
    if !matches!(text.get(at), Some(b':' | b'=')) {
        return None;
    }
    at += 1;
    at += value::blanks(&text[at..]);
    Some(super::signs::after_scheme(
        text,
        super::typed::after_tag(text, at),
    ))
}

fn name_before(pass: &Pass<'_>, start: usize) -> Option<Vec<u8>> {
    const MAX_TRIES: usize = 4;
    let from = start.saturating_sub(WINDOW_BYTES).max(pass.at);
    let before = &pass.text[from..start];
    // `env:`, `- name: API_KEY`: of several that may name the value, one that is a secret's does.
    let (mut at, mut first) = (0, None);
    for _ in 0..MAX_TRIES {
        let Some(found) = BEFORE.captures_at(before, at) else {
            break;
        };
        let name = found.get(1)?.as_bytes();
        if keys::secrecy(name) != Secrecy::None {
            return Some(name.to_vec());
        }
        first = first.or_else(|| Some(name.to_vec()));
        at = found.get(0)?.start() + 1;
    }
    if first.is_some() {
        return first;
    }
    if let Some(name) = declared(before) {
        return Some(name.to_vec());
    }
    // A token of a parser has a value, too.
    let made = MADE_OF.captures(before)?.get(1)?.as_bytes();
    let is_secret = keys::secrecy(made) >= Secrecy::NoNumber && !made.ends_with(b"oken");
    is_secret.then(|| made.to_vec())
}

/// What comes behind is looked at only where the value is short: one that goes on and on has no name
/// behind it that would be believed.
fn name_after(pass: &Pass<'_>, at: usize) -> Option<Vec<u8>> {
    const LONGEST_VALUE: usize = 1024;
    let last = pass.text.len().min(at + LONGEST_VALUE);
    let found = value::value(&pass.text[..last], at, &pass.steps)?;
    let rest = &pass.text[found.end..pass.text.len().min(found.end + WINDOW_BYTES)];
    let found = AFTER.captures(rest)?;
    Some(found.get(1)?.as_bytes().to_vec())
}
