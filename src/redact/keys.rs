//! Which names of members, parameters and headers hold secrets. Must not look at the values.

/// A name with one of these in it holds a secret.
const ANYWHERE: [&str; 4] = ["password", "passwd", "passphrase", "apikey"];

/// A name that ends so holds a secret.
const AT_END: [&str; 22] = [
    "pwd",
    "pass",
    "secret",
    "secrets",
    "token",
    "jwt",
    "accesskey",
    "accesskeyid",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "sessionkey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "connectionstring",
    "otp",
    "pincode",
    "clientassertion",
];

/// Words that hold a secret where they are a name or its last word: `auth`, `x-auth`, `basicAuth`, but
/// neither `author` nor `oauth`.
pub(super) const LAST_WORDS: [&str; 3] = ["auth", "bearer", "signature"];

/// A signature of a function is called `functionSignature`: this one stands behind a separator.
const NOT_IN_CAMEL_CASE: &str = "signature";

/// A name whose value is a secret only where it is a number of so many digits: maps and boards have
/// pins too.
const PIN: &str = "pin";
const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

/// Names that end like a secret and are none: cursors, progress, counts.
const HARMLESS: [&str; 9] = [
    "progresstoken",
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "synctoken",
    "canceltoken",
    "pertoken",
    "compass",
    "bypass",
];

/// Names of an address's parameters that hold a secret there and need not elsewhere.
const IN_ADDRESS: [&str; 8] = [
    "key",
    "sig",
    "signature",
    "auth",
    "xamzsignature",
    "xamzcredential",
    "xgoogsignature",
    "sas",
];

/// Longest name that is looked at, in bytes; the end of a longer one says what it is.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// Whether the value under a name is a secret, whatever the name's case and its `_`, `-`, `.`.
pub(super) fn is_secret(name: &[u8]) -> bool {
    if LAST_WORDS.iter().any(|word| is_last_word(name, word)) {
        return true;
    }
    let mut buffer = [0; MAX_NAME_BYTES];
    let name = plain(name, &mut buffer);
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end.as_bytes()));
    let holds = |part: &&str| memchr::memmem::find(name, part.as_bytes()).is_some();
    !ends(&HARMLESS) && (ends(&AT_END) || ANYWHERE.iter().any(holds))
}

/// Whether a name is that of a PIN, and what follows it in JSON is one.
pub(super) fn is_secret_pin(name: &[u8], rest: &str) -> bool {
    if !is_last_word(name, PIN) {
        return false;
    }
    let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
    value.is_some_and(|value| {
        let (value, ends) = match value.strip_prefix('"') {
            Some(text) => (text, &b"\""[..]),
            None => (value, &b",} \t\r\n"[..]),
        };
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let end = value.as_bytes().get(digits);
        PIN_DIGITS.contains(&digits) && end.is_none_or(|byte| ends.contains(byte))
    })
}

/// Whether a name is this word or ends with it, parted by its case or by what is no letter or digit.
fn is_last_word(name: &[u8], word: &str) -> bool {
    let Some(start) = name.len().checked_sub(word.len()) else {
        return false;
    };
    let (before, last) = name.split_at(start);
    let is_parted = before.last().is_none_or(|byte| {
        let is_camel = byte.is_ascii_lowercase() && last[0].is_ascii_uppercase();
        byte.is_ascii() && !byte.is_ascii_alphanumeric() || is_camel && word != NOT_IN_CAMEL_CASE
    });
    last.eq_ignore_ascii_case(word.as_bytes()) && is_parted
}

/// Whether the value of an address's parameter is a secret.
pub(super) fn is_secret_parameter(name: &[u8]) -> bool {
    let mut buffer = [0; MAX_NAME_BYTES];
    let plain = plain(name, &mut buffer);
    is_secret(name) || IN_ADDRESS.iter().any(|known| plain == known.as_bytes())
}

/// The last letters and digits of a name, in lower case.
fn plain<'a>(name: &[u8], buffer: &'a mut [u8; MAX_NAME_BYTES]) -> &'a [u8] {
    let mut from = MAX_NAME_BYTES;
    for byte in name
        .iter()
        .rev()
        .filter(|byte| byte.is_ascii_alphanumeric())
    {
        if from == 0 {
            break;
        }
        from -= 1;
        buffer[from] = byte.to_ascii_lowercase();
    }
    &buffer[from..]
}
