//! Which names of members, parameters, headers and options hold secrets, as data. Must not look at the
//! values, but for numbers of PINs.

use super::endings::Endings;
use std::sync::LazyLock;

/// How sure a name is that its value is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secrecy {
    /// It says nothing.
    None,
    /// Long random values are: `cache_signing_key`, though keys of tables are called so too.
    KeyMaterial,
    /// What looks like no word is: `tokens`, which are words and counts as well.
    Random,
    /// Whatever it is, but a number: `cookies`, of which there may be 3.
    NoNumber,
    /// Whatever it is.
    Any,
}

/// A name that ends so holds a secret. In small letters, without separators.
#[rustfmt::skip]
const AT_END: &[&str] = &[
    "accesskey", "accesskeyid", "accountkey", "adminkey", "apikey", "appkey", "applicationkey", "appsecret",
    "aspnetsessionid", "authkey", "authorization", "authtok", "clientassertion", "clientkey", "connectionstring",
    "connectsid", "connstr", "connstring", "consumerkey", "contrasena", "cookie", "credential", "cryptkey", "databasekey",
    "dbkey", "decryptionkey", "deploykey", "encryptionkey", "functionkey", "hmackey", "ingestionkey", "integrationkey",
    "jsessionid", "jwt", "keypass", "kennwort", "licensekey", "licencekey", "masterkey", "mnemonic", "motdepasse", "otp",
    "pass", "passcode", "passphrase", "passwd", "password", "passwort", "phpsessid", "pincode", "privatekey",
    "privkey", "privatekeydata", "clientkeydata", "dockerconfigjson", "dockercfg", "authident", "pwd", "recoveryphrase", "rolekey", "rootkey", "secret", "secretkey", "secretkeybase", "seedphrase",
    "senha", "serverkey", "servicekey", "sessionkey", "sharedaccesskey", "sharedkey", "signingkey", "signkey", "storagekey",
    "storepass", "subscriptionkey", "symmetrickey", "token", "totp", "wachtwoord", "webhookkey", "writekey", "xsrf",
    "bindpw", "rootpw", "userpw", "dbpw", "adminpw", "passkey", "aeskey", "cipherkey", "pskkey", "presharedkey", "wpapsk",
    "csrf", "functionskey", "gpgkey", "pgpkey", "cryptokey", "anonkey", "sastoken", "sharedaccesssignature", "securestring",
    "psk", "wifikey", "wlankey", "wepkey", "wpakey", "networkkey", "requirepass", "masterauth", "ssn", "socialsecuritynumber",
    "cardnumber", "cvv", "cvv2", "cvc", "securitycode", "mfacode", "otpcode", "totpcode", "2facode", "twofactorcode",
    "recoverykey", "backupkey", "securityanswer", "secretword", "paroladordine", "psw", "passw", "pword", "passwrd", "ghpat", "githubpat", "gitlabpat", "azurepat", "adopat",
    "devopspat", "gitpat",
    // Words of other languages; those with a letter beyond ASCII are without it here.
    "passord", "salasana", "heslo", "adgangskode", "losenord", "lsenord", "haslo", "jelszo", "lozinka", "geslo",
    "contrasenya", "contrasenia", "contrasea", "palabraclave", "clavesecreta", "clavedeacceso", "clavesecretas", "katasandi", "zugangsdaten", "geheimnis", "pawort", "motpasse",
    "verificationcode", "smscode", "onetimecode", "backupcode", "recoverycode", "accesscode", "logincode", "devicecode",
];

/// The plural of these holds secrets as well, but a number is a count.
#[rustfmt::skip]
const PLURAL: &[&str] = &[
    "accesskeys", "apikeys", "authkeys", "backupcodes", "connectionstrings", "cookies", "credentials", "creds",
    "passphrases", "passwords", "passwds", "privatekeys", "recoverycodes", "secretkeys", "secrets", "signingkeys",
    "cookiejar", "otps", "jwts",
];

/// A name that ends so holds tokens of a language model as often as secrets.
#[rustfmt::skip]
const RANDOM: &[&str] = &["tokens", "sessid", "sid", "dsn", "sig", "hmac", "authcode", "xsrftoken", "clave", "parola", "sifre", "mdp"];

/// A name with one of these in it holds a secret, unless what follows says that it is about one.
#[rustfmt::skip]
const ANYWHERE: &[&str] = &["password", "passwd", "passphrase", "apikey"];

/// What may follow the name of a secret without changing what it is.
#[rustfmt::skip]
const TAILS: &[&str] = &[
    "base64", "b64", "value", "string", "plaintext", "plain", "text", "raw", "hex", "prod", "production", "staging",
    "live", "test", "dev", "old", "new", "current", "previous", "primary", "secondary", "backup", "pem",
];

/// What a name adds to a secret's word when it names no secret.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "age", "attempts", "at", "changed", "confirmationrequired", "count", "days", "enabled", "error", "expired", "expires",
    "expiry", "exists", "failed", "field", "file", "filename", "hint", "help", "id", "input", "label", "length", "less",
    "limit", "link", "management", "manager", "max", "message", "min", "mode", "name", "path", "placeholder", "policy", "prompt",
    "protected", "reset", "resets", "required", "requirements", "rules", "score", "set", "status", "store", "strength", "type",
    "url", "uri", "updated", "valid", "validator", "visible", "authentication", "auth", "method", "provider", "generator",
    "ref", "expiration", "env", "header", "lastchanged", "source", "note", "notes", "command", "prefix", "description", "route", "metadata", "alias", "mgr", "realm", "filter", "handler", "box", "dialog", "page", "form", "view", "screen", "service",
    "utils", "helper", "test", "tests", "spec",
];

/// Words that hold a secret where they are a name or its last word: `auth`, `x-auth`, `basicAuth`, but
/// neither `author` nor `oauth`.
pub(super) const LAST_WORDS: [&str; 3] = ["auth", "bearer", "signature"];

/// As those, but not for numbers: pulses have a width.
const SHORT_PASSWORD: &str = "pw";

/// A signature of a function is called `functionSignature`: this one stands behind a separator.
const NOT_IN_CAMEL_CASE: &str = "signature";

/// A name whose value is a secret only where it is a number of so many digits: maps and boards have
/// pins too.
const PIN: &str = "pin";
const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

/// Names that end like a secret's and name something else: cursors, progress, counts, parts of a vocabulary.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "progresstoken", "pagetoken", "nexttoken", "continuationtoken", "synctoken", "canceltoken", "cancellationtoken",
    "pertoken", "compass", "bypass", "cursortoken", "resumetoken", "deltatoken", "skiptoken", "maxtoken", "maxtokens",
    "mintokens", "numtokens", "inputtokens", "outputtokens", "totaltokens", "prompttokens", "completiontokens",
    "reasoningtokens", "cachedtokens", "thinkingtokens", "eostoken", "bostoken", "padtoken", "unktoken", "septoken",
    "clstoken", "masktoken", "stoptoken", "specialtoken", "specialtokens", "stoptokens", "tokenspertoken", "newtokens", "csstoken",
    "designtoken", "oldpwd", "errortoken", "designtokens", "multipass", "onepass", "firstpass", "secondpass", "singlepass", "overpass",
    "underpass", "trespass", "nopass", "testspass", "didpass", "allpass", "publickeytoken", "unexpectedtoken",
    "syntaxtoken", "invalidtoken", "expectedtoken", "renderpass", "forgotpassword", "resetpassword", "changepassword", "haspassword",
    "assn", "failuresignature", "errorsignature", "methodsignature", "callsignature", "typesignature", "nexttokens", "cachekey", "primarykey", "foreignkey",
];

/// Names of an address's parameters that hold a secret there and need not elsewhere.
#[rustfmt::skip]
const IN_ADDRESS: &[&str] = &[
    "key", "sig", "signature", "auth", "xamzsignature", "xamzcredential", "xgoogsignature", "sas", "hmac", "sign", "pw",
    "awsaccesskeyid", "code", "xgoogcredential", "sid", "sessionid", "ticket", "clientsecret",
];

/// Names whose last word is `key` and that are of tables, maps and music.
#[rustfmt::skip]
const HARMLESS_KEYS: &[&str] = &[
    "primarykey", "foreignkey", "sortkey", "partitionkey", "cachekey", "objectkey", "publickey", "idempotencykey",
    "hotkey", "shortcutkey", "rowkey", "mapkey", "uniquekey", "groupkey", "projectkey", "issuekey", "s3key", "filekey",
    "translationkey", "i18nkey", "keykey", "routingkey", "hashkey", "rangekey", "lookupkey", "datakey", "statekey", "querykey",
    "dedupekey", "dedupkey", "storekey", "tablekey", "indexkey", "metakey", "orderkey", "resourcekey", "versionkey",
    "hostkey", "publishablekey", "parentkey", "naturalkey", "surrogatekey", "compositekey", "registrykey", "bucketkey", "etagkey",
    "nodekey", "itemkey", "entitykey", "recordkey", "eventkey", "messagekey", "threadkey", "flagkey", "configkey", "settingkey",
];

/// Longest name that is looked at, in bytes; the end of a longer one says what it is.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// How sure a name is that its value is a secret, whatever the name's case and its `_`, `-`, `.`.
pub(super) fn secrecy(name: &[u8]) -> Secrecy {
    if !may_be_secret(name) {
        return Secrecy::None;
    }
    secrecy_by_lists(name)
}

/// Whether a name can be one of a secret, by its last three letters and by a pair within. That rules out most
/// names, and every key of every message is asked.
fn may_be_secret(name: &[u8]) -> bool {
    // The only word of two letters: the table is one of three.
    if let [.., b'p' | b'P', b'w' | b'W'] = name {
        return true;
    }
    let end = match name {
        // Nearly every name ends with letters.
        [.., a, b, c]
            if a.is_ascii_alphanumeric()
                && b.is_ascii_alphanumeric()
                && c.is_ascii_alphanumeric() =>
        {
            [*a, *b, *c]
        }
        _ => {
            // Names of other languages seldom end with three letters of ASCII.
            if !name.is_ascii() {
                return true;
            }
            let mut letters = name
                .iter()
                .rev()
                .filter(|byte| byte.is_ascii_alphanumeric());
            let (Some(c), Some(b), Some(a)) = (letters.next(), letters.next(), letters.next())
            else {
                return false;
            };
            [*a, *b, *c]
        }
    };
    // Digits number a name, and say nothing of the word before them.
    end[2].is_ascii_digit() || KNOWN_ENDS[end_of_three(end)] || may_hold(name)
}

/// Whether a word of [`ANYWHERE`] may stand in a name: in each `a` or `i` follows a `p`, and separators may
/// stand between.
fn may_hold(name: &[u8]) -> bool {
    const LONGEST: usize = 32;
    // What follows the name is not one of those.
    let mut letters = [b'z'; LONGEST + 1];
    let Some(head) = letters
        .get_mut(..name.len())
        .filter(|_| name.len() <= LONGEST)
    else {
        return true;
    };
    head.copy_from_slice(name);
    letters.make_ascii_lowercase();
    // Names are short and differ in length: a loop of one length without branches is the fastest, for which
    // numbers stand in the place of truths.
    let found = (0..LONGEST).fold(0, |found, at| {
        let next = letters[at + 1];
        let is_next =
            u8::from(matches!(next, b'a' | b'i')) | u8::from(!next.is_ascii_alphanumeric());
        found | u8::from(letters[at] == b'p') & is_next
    });
    found > 0
}

/// How many ends of three letters are distinguished.
const ENDS: usize = 1 << 12;

/// The number of three letters in either case; others may have it, too.
const fn end_of_three(letters: [u8; 3]) -> usize {
    // Five bits distinguish letters, whatever their case.
    let [a, b, c] = letters;
    (a as usize & 31) << 7 ^ (b as usize & 31) << 4 ^ (c as usize & 31)
}

/// How every name ends that is one of a secret and has no word of [`ANYWHERE`] in it.
static KNOWN_ENDS: [bool; ENDS] = {
    let mut known = [false; ENDS];
    let lists = [AT_END, PLURAL, TAILS, RANDOM, &LAST_WORDS, &["key", "keys"]];
    // Loops are spelled out: a constant is made without iterators.
    let mut list = 0;
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            if let [.., a, b, c] = lists[list][at].as_bytes() {
                known[end_of_three([*a, *b, *c])] = true;
            } else {
                panic!("a word of a list has three letters");
            }
            at += 1;
        }
        list += 1;
    }
    known
};

/// As [`secrecy`], of a name that was not ruled out.
pub(super) fn secrecy_by_lists(name: &[u8]) -> Secrecy {
    // A mark that stands in a name says what was there, not what is named.
    if memchr::memchr_iter(b'[', name).any(|at| name[at..].starts_with(b"[redacted:")) {
        return Secrecy::None;
    }
    // Asked of the name as it is written: without case and separators no last word shows.
    if LAST_WORDS.iter().any(|word| is_last_word(name, word)) {
        return Secrecy::Any;
    }
    if !name.is_ascii() {
        let secrecy = super::tongues::secrecy(name);
        if secrecy > Secrecy::None {
            return secrecy;
        }
    }
    let mut buffer = [0; MAX_NAME_BYTES];
    let plain = plain(name, &mut buffer);
    let secrecy = of_plain(name, plain);
    if secrecy == Secrecy::None && is_last_word(name, SHORT_PASSWORD) {
        return Secrecy::NoNumber;
    }
    // Nearly no name is that of a secret: whether it is one of the exceptions is asked last.
    if secrecy == Secrecy::None || ENDINGS.harmless.of(plain).is_some() {
        return Secrecy::None;
    }
    secrecy
}

fn of_plain(name: &[u8], plain: &[u8]) -> Secrecy {
    // Of tests there pass 12.
    if plain == b"pass" {
        return Secrecy::NoNumber;
    }
    if let Some(secrecy) = of_end(plain) {
        return secrecy;
    }
    let is_of_words = |ends: &[&str]| ends.iter().any(|end| plain.ends_with(end.as_bytes()));
    // `bside` and `resid` only seem to end with a session's `sid`.
    if ENDINGS.random.of(plain).is_some() && !is_of_words(&["bside", "resid"]) {
        return Secrecy::Random;
    }
    let held = ANYWHERE
        .iter()
        .filter(|_| may_hold(plain))
        .find_map(|part| Some(&plain[last_place(plain, part.as_bytes())? + part.len()..]));
    match held {
        Some(rest) if !ABOUT.iter().any(|about| rest.ends_with(about.as_bytes())) => {
            Secrecy::NoNumber
        }
        None if is_key(name) && ENDINGS.harmless_keys.of(plain).is_none() => Secrecy::KeyMaterial,
        _ => Secrecy::None,
    }
}

/// What the end of a name says: `API_KEY_PROD`, `token2`, `SECRET_BASE64`.
fn of_end(plain: &[u8]) -> Option<Secrecy> {
    // `API_KEY_PROD_B64` has two.
    const MAX_TAILS: usize = 2;
    let mut stem = plain;
    for _ in 0..MAX_TAILS {
        // Digits number a name, but those of `base64` are a part of the word.
        let whole_tail = ENDINGS.tails.of(stem);
        stem = if whole_tail.is_some() {
            stem
        } else {
            without_end_digits(stem)
        };
        if ENDINGS.at_end.of(stem).is_some() {
            return Some(Secrecy::Any);
        }
        if ENDINGS.plural.of(stem).is_some() {
            return Some(Secrecy::NoNumber);
        }
        let tail = whole_tail.or_else(|| ENDINGS.tails.of(stem))?;
        stem = stem.strip_suffix(tail.as_bytes())?;
    }
    None
}

/// Where a part of a name stands last. Names are short: no searcher is worth its making.
fn last_place(name: &[u8], part: &[u8]) -> Option<usize> {
    let begins = &name[..(name.len() + 1).checked_sub(part.len())?];
    memchr::memrchr_iter(*part.first()?, begins).find(|at| name[*at..].starts_with(part))
}

/// The lists above, by the ends of their words.
struct AllEndings {
    at_end: Endings,
    plural: Endings,
    tails: Endings,
    random: Endings,
    harmless: Endings,
    harmless_keys: Endings,
}

/// A list and what finds the ends of names in it.
#[cfg(test)]
pub(super) struct NameList {
    pub(super) words: &'static [&'static str],
    pub(super) endings: &'static Endings,
}

#[cfg(test)]
pub(super) fn lists() -> [NameList; 6] {
    let list = |words, endings| NameList { words, endings };
    [
        list(AT_END, &ENDINGS.at_end),
        list(PLURAL, &ENDINGS.plural),
        list(TAILS, &ENDINGS.tails),
        list(RANDOM, &ENDINGS.random),
        list(HARMLESS, &ENDINGS.harmless),
        list(HARMLESS_KEYS, &ENDINGS.harmless_keys),
    ]
}

static ENDINGS: LazyLock<AllEndings> = LazyLock::new(|| AllEndings {
    at_end: Endings::new(AT_END),
    plural: Endings::new(PLURAL),
    tails: Endings::new(TAILS),
    random: Endings::new(RANDOM),
    harmless: Endings::new(HARMLESS),
    harmless_keys: Endings::new(HARMLESS_KEYS),
});

/// Whether a name is of several words, of which the last is `key` or `keys`.
fn is_key(name: &[u8]) -> bool {
    let is_of = |word: &str| name.len() > word.len() && is_last_word(name, word);
    is_of("key") || is_of("keys")
}

/// A name without the digits behind it, which number it.
fn without_end_digits(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !byte.is_ascii_digit());
    &name[..end.map_or(0, |at| at + 1)]
}

/// Whether a name is that of a header which holds a secret to the end of its line.
pub(super) fn is_header(name: &[u8]) -> bool {
    let mut buffer = [0; MAX_NAME_BYTES];
    let plain = plain(name, &mut buffer);
    plain.ends_with(b"authorization") || is_cookie(name)
}

/// Whether a name is that of cookies.
pub(super) fn is_cookie(name: &[u8]) -> bool {
    let mut buffer = [0; MAX_NAME_BYTES];
    matches!(
        plain(name, &mut buffer),
        b"cookie" | b"setcookie" | b"cookie2" | b"setcookie2"
    )
}

/// Whether a name is that of a PIN, and what follows it is one; the quote that closes the name may still
/// stand before the sign.
pub(super) fn is_secret_pin(name: &[u8], rest: &[u8]) -> bool {
    const MAX_QUOTES: usize = 4;
    if !is_last_word(name, PIN) {
        return false;
    }
    let is_quote = |byte: &&u8| b"\\\"'".contains(byte);
    let quotes = |text: &[u8]| text.iter().take(MAX_QUOTES).take_while(is_quote).count();
    let rest = rest[quotes(rest)..].trim_ascii_start();
    let Some((b':' | b'=', value)) = rest.split_first() else {
        return false;
    };
    let value = value.trim_ascii_start();
    let opened = quotes(value);
    let value = &value[opened..];
    // What goes on behind its digits is not a PIN: `1234.5`, `1234 Main Street`.
    let ends: &[u8] = if opened > 0 {
        b"\\\"'"
    } else {
        b",;&)} \t\r\n"
    };
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_end = value.get(digits).is_none_or(|byte| ends.contains(byte));
    PIN_DIGITS.contains(&digits) && is_end
}

/// Whether a name is this word or ends with it, parted by its case or by what is not a letter or digit.
pub(super) fn is_last_word(name: &[u8], word: &str) -> bool {
    let Some(start) = name.len().checked_sub(word.len()) else {
        return false;
    };
    let (before, last) = name.split_at(start);
    last.eq_ignore_ascii_case(word.as_bytes())
        && before.last().is_none_or(|byte| {
            // `xAuth` shows where its last word begins, `oauth` does not.
            let is_camel = byte.is_ascii_lowercase() && last[0].is_ascii_uppercase();
            byte.is_ascii() && !byte.is_ascii_alphanumeric()
                || is_camel && word != NOT_IN_CAMEL_CASE
        })
}

/// Whether the value of an address's parameter is a secret.
pub(super) fn is_secret_parameter(name: &[u8]) -> bool {
    let mut buffer = [0; MAX_NAME_BYTES];
    let plain = plain(name, &mut buffer);
    secrecy(name) >= Secrecy::Random || IN_ADDRESS.iter().any(|known| plain == known.as_bytes())
}

/// The last letters and digits of a name, in lower case.
pub(super) fn plain<'a>(name: &[u8], buffer: &'a mut [u8; MAX_NAME_BYTES]) -> &'a [u8] {
    // Filled from the back, as the end of a name says what it is.
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

/// Words that a text is searched for: where one stands, a name may.
#[rustfmt::skip]
pub(super) const FINDERS: &[&str] = &[
    // Those with `=` are too common as words to be looked for without it.
    "pass", "pwd", "secret", "token", "jwt", "key", "cred", "auth", "cookie", "connection", "connstr", "conn_str",
    "conn-str", "otp", "bearer", "signature", "sharedaccess", "sessid", "sessionid", "connect.sid", "assertion", "kennwort",
    "contrase", "senha", "wachtwoord", "motdepasse", "mot_de_passe", "identified by", "mnemonic", "seedphrase", "seed_phrase", "recovery", "backup", "privkey", "dsn",
    "xsrf", "csrf", "dockerconfigjson", "dockercfg", "bindpw", "rootpw", "userpw", "db_pw", "dbpw", "adminpw", "psk", "pin_code", "pincode", "pin-code", "securestring", "sid=", "sig=", "sas=", "sign=", "hmac=", "pw=", "sig\"", "hmac\"", "pw\"", "sig'", "hmac'", "pw'", "session_id=", "session-id=", "code=", "ticket=", "credential=",
    "ssn", "social_security", "social-security", "socialsecurity", "cardnumber", "card_number", "card-number", "cvv", "cvc",
    "mfa", "2fa", "two_factor", "two-factor", "twofactor", "verification", "onetime", "one_time", "one-time", "sms", "security_code",
    "security-code", "securitycode", "accesscode", "access_code", "access-code", "logincode", "login_code", "devicecode", "device_code",
    "phrase", "psw=", "psw:", "passw", "pword", "_pat=", "_pat:", "_pat\"", "_pat ",
    "passord", "salasana", "heslo", "adgangskode", "losenord", "haslo", "jelszo", "lozinka", "geslo", "clave", "parola", "sifre",
    "zugangsdaten", "geheimnis", "mdp=", "mdp:", "mdp :",
    "pin=", "pin:", "pin\"", "pin\\\"", "pin'", "authenticate ", "identify ",
];
