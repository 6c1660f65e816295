//! What stands in a secret's place without being one: placeholders, types, words of prose. Must not know where
//! a value stands.

/// Words that stand where a value would: kinds of value, what a validator says, keywords of languages,
/// ways to authenticate. All in lower case.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "accepted", "active", "changed", "correct", "inactive", "incorrect", "leave", "matches", "max", "min", "mismatch", "mismatched",
    "strong", "verified", "weak", "why", "short", "sent", "unavailable", "unchanged", "refreshed", "rotated", "valid", "wrong", "expires", "available",
    // What validators say in other languages.
    "erforderlich", "siehe", "mindestens", "ung\u{fc}ltig", "falsch", "leer", "ein", "eine", "das", "der", "die", "obligatorio", "obligatoria", "requerido",
    "requerida", "incorrecta", "incorrecto", "incorreta", "requis", "requise", "obligatoire", "invalide", "oubli\u{e9}", "verplicht", "ongeldig", "minimaal",
    "richiesta", "obbligatoria", "errata", "obrigatoria", "invalida", "invalido",
    "about", "absent", "all", "auth", "f32", "f64", "i32", "i64", "u8", "u16", "u32", "u64", "usize", "match", "unicode", "allowed", "also", "an", "and", "any", "apikey", "are", "argument", "as",
    "asc", "at", "authentication", "authorization", "await", "basic", "be", "bearer", "because", "been",
    "before", "blank", "bool", "boolean", "bot", "bound", "but", "by", "byte", "bytes", "can", "cannot",
    "char", "check", "config", "configured", "const", "contains", "cookie", "cookies", "could",     "default", "denied", "deprecated", "desc", "did", "digest", "disabled", "do", "does", "each", "either",
    "email", "empty", "enabled", "ensure", "enter", "env", "environment", "error", "exactly", "expected",
    "expects", "expired", "failed", "false", "field", "file", "filepath", "flag", "fn", "for", "forbidden",
    "found", "from", "func", "function", "generate", "generated", "get", "given", "go", "has", "hashed",
    "have", "header", "hidden", "how", "http", "https", "identifier", "if", "in", "includes", "inherit",
    "input", "instead", "int", "integer", "invalid", "is", "it", "its", "jwt", "key", "keyword", "known", "lambda",
    "length", "less", "let", "list", "local", "location", "long", "lost", "many", "map", "masked", "maximum",
    "may", "mfa", "minimum", "missing", "more", "must", "name", "names", "needs", "never",
    "new", "nil", "no", "none", "not", "nothing", "null", "nullable", "number", "oauth", "oauth2", "object",
    "of", "off", "ok", "on", "one", "only", "open", "openid", "optional", "option", "or", "passed", "password", "path",
    "please", "present", "private", "prompt", "properties", "protected", "provide", "provided", "public", "read", "redacted",
    "ref", "refers", "refused", "regexp", "rejected", "removed", "required", "requires", "reset", "return", "returns",
    "revoked", "rotate", "same", "see", "self", "sensitive", "set", "should", "single", "some", "sso", "static",
    "str", "string", "strings", "stored", "struct", "successfully", "sync", "text", "than", "token", "that", "the", "their",
    "there", "these", "they", "this", "to", "too", "true", "type", "typeof", "unauthorized", "undefined",
    "unexpected", "unknown", "unset", "unsupported", "until", "updated", "url", "use", "used", "user", "uses",
    "using", "utf-8", "uuid", "valid", "validated", "value", "values", "var", "varchar", "vec", "void", "was", "were",
    "what", "when", "where", "whether", "which", "will", "with", "without", "word", "would", "write", "wrong",
    "yes", "you", "your",
    // What stands there until somebody puts a secret in.
    "changeme", "change-me", "change_me", "replaceme", "placeholder", "todo", "tbd",
    // What a browser sends along: `credentials: 'same-origin'`.
    "same-origin", "include", "omit",
];

/// Words that a passphrase hardly holds and a sentence nearly always.
#[rustfmt::skip]
const OF_SENTENCES: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "cannot", "does", "for", "from", "has", "have", "if", "in",
    "is", "it", "must", "not", "of", "on", "or", "should", "than", "token", "that", "the", "this", "to", "was", "when", "which",
    "will", "with", "you", "your",
];

/// Names under which programs keep values: `config.password` is not a password.
#[rustfmt::skip]
const HOLDERS: &[&str] = &[
    "process", "os", "env", "req", "request", "res", "response", "self", "this", "config", "cfg", "settings", "conf",
    "opts", "options", "args", "params", "data", "ctx", "context", "user", "body", "input", "props", "state", "session",
    "import", "event", "form", "headers", "payload", "result", "vault", "secrets", "vars", "var", "local", "module",
    "cls", "app", "client", "auth", "account", "creds", "credentials", "item", "row", "node", "obj", "evt", "github",
];

fn is_word(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether a word is one of prose, of a type or of a language.
pub(super) fn is_plain(word: &[u8]) -> bool {
    is_word(word, WORDS)
}

/// Whether several words are a sentence and no passphrase.
pub(super) fn is_sentence(text: &[u8]) -> bool {
    const MAX_WORDS: usize = 12;
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    // A plain word alone may be a weak password; whether it stands for one is asked by
    // `is_placeholder`.
    is_plain(trim(first)) && words.clone().next().is_some()
        || words
            // A sentence shows itself early, and a long value costs no more.
            .take(MAX_WORDS)
            .any(|word| is_word(trim(word), OF_SENTENCES))
}

/// Whether a text in quotes is a sentence: of four words, of which two are hardly in a passphrase.
pub(super) fn is_prose(text: &[u8]) -> bool {
    const LONGEST: usize = 200;
    // A long text, or one with a token in it, may hold a secret beside its prose.
    if text.len() > LONGEST || has_token(text) {
        return false;
    }
    let words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let of_sentences = words
        .clone()
        .filter(|word| is_word(trim(word), OF_SENTENCES))
        .count();
    let count = words.clone().count();
    // What validators say: `Field required`.
    let is_sentence = count >= 2
        && words
            .clone()
            .all(|word| is_plain(trim(word)) || is_word(trim(word), OF_SENTENCES));
    // A passphrase has four words as well, but hardly two of these.
    is_sentence || of_sentences >= 2 && count >= 4 && !text.contains(&b'=')
}

/// Whether letters and digits stand together in a way that no word, no type and no place for a value
/// has them.
pub(super) fn has_token(text: &[u8]) -> bool {
    const SHORTEST: usize = 8;
    text.split(|byte| !byte.is_ascii_alphanumeric())
        .any(|word| {
            word.len() >= SHORTEST
                && word.iter().any(u8::is_ascii_digit)
                && word.iter().any(u8::is_ascii_alphabetic)
        })
}

/// A word without the marks around it.
pub(super) fn trim(word: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| b".,;:!?()[]{}<>\"'`*".contains(byte);
    let from = word
        .iter()
        .position(|byte| !is_mark(byte))
        .unwrap_or(word.len());
    let to = word
        .iter()
        .rposition(|byte| !is_mark(byte))
        .map_or(from, |at| at + 1);
    &word[from..to.max(from)]
}

/// Whether a whole value stands for a secret without being one: `${TOKEN}`, `<your key>`, `****`, `null`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = value
        // The end of a statement or of a member belongs to the code around the value.
        .strip_suffix(b";")
        .or_else(|| value.strip_suffix(b","))
        .unwrap_or(value);
    let Some((&first, _)) = value.split_first() else {
        return true;
    };
    // What begins like a placeholder may go on with a secret: `your token is a1B2c3D4`.
    if has_token(value) {
        return false;
    }
    let last = value[value.len() - 1];
    let is_name = |name: &[u8]| {
        !name.is_empty()
            && name
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
    };
    // Some other program has masked it already.
    let is_marks = value.len() > 2 && value.iter().all(|byte| b"*.xX#-_?".contains(byte))
        || value.len() > 2
            && std::str::from_utf8(value)
                .is_ok_and(|text| text.chars().all(|c| "•●…·∗".contains(c)));
    let is_wrapped = match (first, last) {
        (b'<', b'>') | (b'%', b'%') => value.len() > 2,
        (b'{', b'}') | (b'[', b']') if value.len() == 2 => true,
        (b'{', b'}') => value.starts_with(b"{{") || is_name(&value[1..value.len() - 1]),
        // Variables of shells and PowerShell. A name without braces must be in capitals: `$ecret`
        // is a password.
        (b'$', _) => {
            value.starts_with(b"${") && last == b'}'
                || value.starts_with(b"$(")
                || value.starts_with(b"$env:")
                || is_name(&value[1..])
        }
        (b'[', b']') | (b'(', b')') => is_plain(trim(value)),
        _ => false,
    };
    // None of the beginnings below is longer.
    let lower = value[..value.len().min(12)].to_ascii_lowercase();
    // Syntax themes give colours to keys such as `token`.
    let is_constant = value.starts_with(b"0x") && value.len() <= 10 || is_colour(value);
    let is_example = [
        &b"your"[..],
        b"<your",
        b"my-secret-",
        b"insert",
        b"replace",
        b"example-",
        b"[redacted",
        b"***",
        b"process.env",
        b"os.environ",
        b"env.",
    ]
    .iter()
    .any(|start| lower.starts_with(start));
    is_marks
        || is_wrapped
        || is_example
        || is_constant
        || is_plain(trim(value))
        || is_percent(value)
}

/// `#dcdccc`, `#e37170 bold`
fn is_colour(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"#") else {
        return false;
    };
    let digits = rest
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    matches!(digits, 3 | 6 | 8) && rest.get(digits).is_none_or(|byte| *byte == b' ')
}

/// Whether a value is the place of a file that holds the secret.
pub(super) fn is_file(value: &[u8]) -> bool {
    const ENDS: [&str; 10] = [
        ".key", ".pem", ".crt", ".p12", ".pfx", ".p8", ".json", ".txt", ".gpg", ".jks",
    ];
    const STARTS: [&str; 4] = ["/", "./", "../", "~/"];
    STARTS
        .iter()
        .any(|start| value.starts_with(start.as_bytes()))
        && ENDS.iter().any(|end| value.ends_with(end.as_bytes()))
}

/// `%s`, `%{x}`, `%(x)s`.
fn is_percent(value: &[u8]) -> bool {
    value[0] == b'%' && (value.len() <= 3 || matches!(value[1], b'{' | b'('))
}

/// Whether a value without quotes is an expression of a program: `user.password`, `get_token()`.
pub(super) fn is_expression(value: &[u8]) -> bool {
    let value = value.strip_suffix(b";").unwrap_or(value);
    // A type, an element or a place to fill in.
    if value.starts_with(b"<") && !has_token(value) {
        return true;
    }
    if let Some(name) = value
        .strip_prefix(b"$")
        .or_else(|| value.strip_prefix(b"\\"))
    {
        let len = name
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_')
            .count();
        // A variable of a shell, PHP or Perl, alone or followed by what reads a part of it.
        return len > 0 && name.get(len).is_none_or(|byte| b"-[{;.)".contains(byte));
    }
    let value = value
        .strip_prefix(b"&")
        .or_else(|| value.strip_prefix(b"*"))
        .unwrap_or(value);
    let end = value
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"_.?$!".contains(byte)))
        .unwrap_or(value.len());
    let path = &value[..end];
    if path
        .first()
        .is_none_or(|first| !(first.is_ascii_alphabetic() || b"_$".contains(first)))
    {
        return false;
    }
    let is_called = matches!(value.get(end), Some(b'(' | b'[')) || value[end..].starts_with(b"::");
    // A variable that is called like a secret, as in `password = db_password`.
    let is_name = end == value.len()
        && path.contains(&b'_')
        && path
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && super::keys::secrecy(path) != super::keys::Secrecy::None;
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'.').take(8).collect();
    let is_held = parts.len() > 1 && is_word(parts[0], HOLDERS);
    let is_plain_path = parts.len() > 1
        && path
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"_.?".contains(byte))
        && parts
            .last()
            .is_some_and(|last| super::keys::secrecy(last) != super::keys::Secrecy::None);
    is_called || is_held || is_plain_path || is_name
}

/// Letters and digits, close together, as no word of prose has them.
pub(super) fn looks_random(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let is_whole = !value.iter().any(u8::is_ascii_whitespace);
    // Four other marks are allowed: a UUID has so many.
    is_whole && value.len() >= 8 && digits > 0 && letters > 0 && digits + letters + 4 >= value.len()
}

/// Whether a value is the name of a way to hash or to encrypt: `SHA256withRSA`, `HMAC-SHA512`.
pub(super) fn is_algorithm(value: &[u8]) -> bool {
    const PARTS: [&[u8]; 16] = [
        b"hmac", b"sha", b"md5", b"aes", b"rsa", b"ecdsa", b"dsa", b"with", b"gcm", b"cbc", b"pss",
        b"ed", b"hs", b"rs", b"es", b"ps",
    ];
    const LONGEST: usize = 32;
    let lower = value[..value.len().min(LONGEST)].to_ascii_lowercase();
    let mut rest = &lower[..];
    while let Some((first, behind)) = rest.split_first() {
        let part = PARTS.iter().find_map(|part| rest.strip_prefix(*part));
        let is_between = first.is_ascii_digit() || b"-_/. ".contains(first);
        match part.or_else(|| is_between.then_some(behind)) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    value.len() <= LONGEST && lower.iter().any(u8::is_ascii_alphabetic)
}

/// As [`looks_random`], longer, and not the form in which rows are numbered.
pub(super) fn is_key_material(value: &[u8]) -> bool {
    let is_uuid = value.len() == 36 && value.split(|byte| *byte == b'-').count() == 5;
    // Slugs and paths are as long, but their parts are short.
    let longest = value
        .split(|byte| !byte.is_ascii_alphanumeric())
        .map(<[u8]>::len)
        .max();
    value.len() >= 20 && looks_random(value) && !is_uuid && longest >= Some(16)
}

/// Whether one part between `-`, `_` and `.` is long, and mixes digits or cases with letters.
pub(super) fn is_dense(value: &[u8]) -> bool {
    const LONG: usize = 12;
    value
        .split(|byte| !byte.is_ascii_alphanumeric())
        .any(|part| {
            let has = |test: fn(&u8) -> bool| part.iter().any(test);
            let kinds = [
                has(u8::is_ascii_digit),
                has(u8::is_ascii_uppercase),
                has(u8::is_ascii_lowercase),
            ];
            part.len() >= LONG && kinds.iter().filter(|kind| **kind).count() >= 2
        })
}

/// Whether one part between `-`, `_` and `.` is long, and changes between digits and letters of either case as
/// often as chance does. A name made of words, such as `returnsHttp404WhenMissing`, changes less often.
pub(super) fn is_scattered(value: &[u8]) -> bool {
    const LONG: usize = 12;
    // How many changes five letters have at least. By chance there are three with both cases, two with one.
    const OF_BOTH_CASES: usize = 2;
    const OF_ONE_CASE: usize = 1;
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    value
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|part| part.len() >= LONG && part.iter().any(u8::is_ascii_digit))
        .any(|part| {
            let pairs = part.windows(2);
            let changes = pairs.filter(|pair| kind(pair[0]) != kind(pair[1])).count();
            let has_cases =
                part.iter().any(u8::is_ascii_uppercase) && part.iter().any(u8::is_ascii_lowercase);
            let least = if has_cases {
                OF_BOTH_CASES
            } else {
                OF_ONE_CASE
            };
            changes * 5 >= part.len() * least
        })
}
