//! What prose puts between the name of a secret and its value: `password for bob: …`, `the password is …`. Must not
//! take a mere word for a value: prose goes on with those.

use super::assign::{MAX_GAP, NamedKey};
use super::keys::Secrecy;
use super::scan::Pass;
use super::{html, tongues, value, words};

/// What may stand between a secret and whose it is.
const OF: [&str; 16] = [
    "for ", "of ", "de ", "du ", "do ", "da ", "del ", "für ", "von ", "от ", "для ", "к ",
    "pour ", "para ", "per ", "voor ",
];

impl Pass<'_> {
    /// A word that prose gives to a secret, from behind its name on: `is …`, `for bob: …`.
    pub(super) fn redact_phrase(&mut self, key: &NamedKey<'_>, at: usize) {
        let text = self.text;
        if key.secrecy < Secrecy::Random || key.quote.is_some() {
            return;
        }
        if let Some(range) = tongues::bracketed(text, at)
            && !key.bytes().is_ascii()
            && !tongues::is_prose(key.bytes(), &text[range.clone()])
        {
            let end = range.end;
            return self.take(range, end, "key");
        }
        let after = after_phrase(text, at).or_else(|| after_word(text, at, key));
        let Some(from) = after else {
            return;
        };
        let Some(found) = value::value(text, from, &self.steps).filter(|found| !found.is_code)
        else {
            return;
        };
        let candidate = &text[found.secret.clone()];
        // The full stop ends the sentence.
        let candidate = candidate.strip_suffix(b".").unwrap_or(candidate);
        if html::is_meant(candidate, key.bytes(), key.secrecy) && !words::is_file(candidate) {
            let secret = found.secret.start..found.secret.start + candidate.len();
            self.take(secret, found.end, "key");
        }
    }
}

/// Where a value begins behind a dash, or in other languages behind one more word and its sign: `ключ доступа: …`.
fn after_word(text: &[u8], at: usize, key: &NamedKey<'_>) -> Option<usize> {
    const LONGEST_WORD: usize = 40;
    let dash = ["— ", "– "]
        .iter()
        .find(|dash| text[at..].starts_with(dash.as_bytes()));
    if let Some(dash) = dash {
        return Some(at + dash.len());
    }
    let near = &text[at..text.len().min(at + LONGEST_WORD)];
    let is_of_word = |byte: &&u8| byte.is_ascii_alphabetic() || **byte >= 0x80;
    let len = near.iter().take_while(is_of_word).count();
    let is_named = !key.bytes().is_ascii() && len > 0 && near.get(len) == Some(&b':');
    is_named.then(|| at + len + 1 + tongues::blanks(text, at + len + 1, MAX_GAP))
}

/// Where a value begins behind the words that may follow the name of a secret.
fn after_phrase(text: &[u8], at: usize) -> Option<usize> {
    const LONGEST_OWNER: usize = 48;
    let near = &text[at..text.len().min(at + LONGEST_OWNER)];
    let starts = |text: &[u8], word: &str| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    let mut from = at;
    if let Some(of) = OF.iter().find(|of| starts(near, of)) {
        let is_of_owner = |at: &usize| {
            let byte = near[*at];
            byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_-.@'\" ".contains(&byte)
        };
        let end = (of.len()..near.len())
            .find(|at| !is_of_owner(at))
            .unwrap_or(near.len());
        let owner = &near[of.len()..end];
        if memchr::memchr2(b':', b'=', &near[end..near.len().min(end + 1)]).is_some() {
            return Some(at + end + 1 + tongues::blanks(text, at + end + 1, MAX_GAP));
        }
        // `for bob is …`
        from = at + of.len() + memchr::memmem::find(owner, b" is ")? + 1;
    }
    let rest = &text[from..];
    let verb = [
        "is: ",
        "is ",
        "was ",
        "has been reset to ",
        "has been set to ",
        "reset to ",
        "set to ",
    ];
    let verb = verb.iter().find(|verb| starts(rest, verb))?;
    Some(from + verb.len())
}
