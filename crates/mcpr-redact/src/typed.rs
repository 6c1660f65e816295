//! Secrets that are given to a key by a call or a declaration instead of a sign: what is typed into a
//! field of that name, `char password[] = "…"`, `std::string password{"…"}`. Must not know of other signs.

use super::assign::NamedKey;
use super::keys::Secrecy;
use super::scan::Pass;
use super::{heredocs, value, words};

/// How programs that drive a browser type a text into a field, whose name stands before.
const TYPED: &[&str] = &[
    ".fill(",
    ".type(",
    ".typeText(",
    ".pressSequentially(",
    ".send_keys(",
    ".sendKeys(",
    ".setValue(",
    ".set_value(",
];

impl Pass<'_> {
    /// `getByLabel('Password').fill('…')`, from behind the name's quote on.
    pub(super) fn typed(&mut self, key: &NamedKey<'_>, at: usize) -> bool {
        // Brackets and an option or two stand between a field and the call; further off it is
        // another field's.
        const FARTHEST: usize = 48;
        let text = self.text;
        let near = &text[at..text.len().min(at + FARTHEST)];
        let line = memchr::memchr(b'\n', near).unwrap_or(near.len());
        let ends = TYPED.iter().filter_map(|call| {
            let found = memchr::memmem::find(&near[..line], call.as_bytes())?;
            Some(at + found + call.len())
        });
        // The nearest call is made on this field.
        let Some(from) = ends.min() else {
            return false;
        };
        let Some(found) =
            // A variable that is typed in says nothing of its value.
            value::value(text, from, &self.steps).filter(|found| found.is_quoted && !found.is_code)
        else {
            return false;
        };
        let candidate = &text[found.secret.clone()];
        let is_meant = key.secrecy >= Secrecy::NoNumber && !words::is_placeholder(candidate);
        if is_meant {
            self.take(found.secret, found.end, "key");
        }
        is_meant
    }

    /// `std::string password{"…"}`
    pub(super) fn braced(&mut self, key: &NamedKey<'_>, at: usize) -> bool {
        let text = self.text;
        // In most languages `password {` opens a block; a quote makes it an initial value.
        let is_text = text.get(at) == Some(&b'{') && text.get(at + 1) == Some(&b'"');
        if !is_text || key.secrecy < Secrecy::NoNumber {
            return false;
        }
        let Some(found) = value::value(text, at + 1, &self.steps) else {
            return false;
        };
        let candidate = &text[found.secret.clone()];
        let is_meant = text.get(found.end) == Some(&b'}') && !words::is_placeholder(candidate);
        if is_meant {
            self.take(found.secret, found.end, "key");
        }
        is_meant
    }
}

/// How the name of a call begins that sets a secret.
const SETTERS: [&str; 8] = [
    "set", "with", "use", "put", "add", "update", "change", "reset",
];

impl Pass<'_> {
    /// `setPassword("…")`, `builder.password("…")`
    pub(super) fn called(&mut self, key: &NamedKey<'_>, at: usize) -> bool {
        let text = self.text;
        // A macro of Rust has a mark before its bracket.
        let at = at + usize::from(text.get(at) == Some(&b'!'));
        if text.get(at) != Some(&b'(') || key.secrecy < Secrecy::NoNumber {
            return false;
        }
        let inner = at + 1 + value::blanks(&text[at + 1..]);
        let Some(found) = value::value(text, inner, &self.steps)
            .filter(|found| found.is_quoted && !found.is_code)
        else {
            return false;
        };
        let candidate = &text[found.secret.clone()];
        let name = key.bytes();
        let last = name
            .iter()
            .rposition(|byte| *byte == b'.')
            .map_or(name, |dot| &name[dot + 1..]);
        let last = last.to_ascii_lowercase();
        let is_setter = SETTERS
            .iter()
            .any(|start| last.starts_with(start.as_bytes()));
        // What a form says beside its field has no digits.
        let is_one = !candidate.is_empty() && !candidate.iter().any(u8::is_ascii_whitespace);
        // Of a cookie the first argument is its name, unless it is all of it.
        let is_cookie = last.ends_with(b"cookie")
            && text[found.end..].trim_ascii_start().starts_with(b",")
            && !candidate.contains(&b'=');
        let is_meant = is_one
            && !is_cookie
            && !words::is_placeholder(candidate)
            && (is_setter || candidate.iter().any(u8::is_ascii_digit) && candidate.len() >= 4);
        if is_meant {
            self.take(found.secret, found.end, "key");
        }
        is_meant
    }

    /// `process.env.API_KEY || "…"`, `os.environ.get("API_KEY") or "…"`, `ENV.fetch("API_KEY") { "…" }`
    pub(super) fn fallback(&mut self, key: &NamedKey<'_>, at: usize) -> bool {
        const SIGNS: [&[u8]; 5] = [b"||", b"??", b"or ", b"{", b":-"];
        let text = self.text;
        let Some(sign) = SIGNS.iter().find(|sign| text[at..].starts_with(sign)) else {
            return false;
        };
        let from = at + sign.len() + value::blanks(&text[at + sign.len()..]);
        let is_of_shell = *sign == b":-";
        // A block is a value, and a word a sign, only behind a call that looks a variable up.
        let is_block = *sign == b"{";
        let is_of_call = text[key.name.end..at].trim_ascii_end().ends_with(b")");
        if key.secrecy < Secrecy::NoNumber || (is_block || *sign == b"or ") && !is_of_call {
            return false;
        }
        let Some(found) = value::value(text, from, &self.steps)
            .filter(|found| !found.is_code && (found.is_quoted || is_of_shell))
        else {
            return false;
        };
        let candidate = &text[found.secret.clone()];
        let is_closed = !is_block || text[found.end..].trim_ascii_start().starts_with(b"}");
        let is_meant = is_closed
            && candidate.len() >= 3
            && !candidate.iter().any(u8::is_ascii_whitespace)
            && !words::is_placeholder(candidate);
        if is_meant {
            self.take(found.secret, found.end, "key");
        }
        is_meant
    }

    /// A text up to a word of its own, or what a shell gives to a program.
    pub(super) fn heredoc(&mut self, key: &NamedKey<'_>, at: usize) -> bool {
        let text = self.text;
        if key.secrecy < Secrecy::NoNumber {
            return false;
        }
        let secret = if let Some(lines) = heredocs::lines(text, at) {
            lines
        } else if let Some(word) = heredocs::word(text, at)
            && let Some(found) =
                value::value(text, word, &self.steps).filter(|found| !found.is_code)
        {
            found.secret
        } else {
            return false;
        };
        let candidate = &text[secret.clone()];
        let short = &candidate[..candidate.len().min(LOOKED_AT)];
        if words::is_placeholder(short) || words::is_sentence(short) {
            return false;
        }
        let end = secret.end;
        self.take(secret, end, "key");
        true
    }
}

/// How much of a long value is asked whether it is words.
const LOOKED_AT: usize = 256;

/// Where the value of a key begins that a program has printed as it keeps it: `[password] => …` and
/// `s:8:"password";s:3:"…"` of PHP, `(password . "…")` of Lisp, `<<"password">> => <<"…">>` of Erlang.
/// `at` is behind the name and the quote that closes it.
pub(super) fn dumped(text: &[u8], key: &NamedKey<'_>, at: usize) -> Option<usize> {
    const LONGEST_SCOPE: usize = 64;
    let rest = &text[at..text.len().min(at + LONGEST_SCOPE * 2)];
    let before = key
        .name
        .start
        .checked_sub(1 + usize::from(key.quote.is_some()))?;
    let behind = |len: usize| at + len + value::blanks(&text[at + len..]);
    match text.get(before)? {
        b'[' => {
            // A property of an object says its class and who may see it.
            let is_of_scope = |byte: &u8| byte.is_ascii_alphanumeric() || b":_\\\"".contains(byte);
            let scope = rest
                .iter()
                .take(LONGEST_SCOPE)
                .take_while(|byte| is_of_scope(byte))
                .count();
            let is_scope = scope == 0 || rest[0] == b':' || rest[scope - 1] == b':';
            let sign = rest[scope..]
                .strip_prefix(b"]")?
                .trim_ascii_start()
                .strip_prefix(b"=>")?;
            if !is_scope || scope == 0 && key.quote.is_some() {
                return None;
            }
            let from = at + rest.len() - sign.len();
            let gap = text[from..].iter().take(LONGEST_SCOPE);
            let gap = gap.take_while(|byte| byte.is_ascii_whitespace()).count();
            Some(after_tag(text, from + gap))
        }
        b'(' if rest.starts_with(b" . ") => Some(behind(2)),
        // A key of YAML that has a line of its own.
        b' ' if rest.starts_with(b"\n: ") && text[..before].ends_with(b"?") => Some(behind(2)),
        b'<' if rest.starts_with(b">>") => {
            let sign = behind(2);
            let from = sign
                + [&b"=>"[..], b","]
                    .iter()
                    .find(|sign_of| text[sign..].starts_with(sign_of))?
                    .len();
            let from = from + value::blanks(&text[from..]);
            text[from..].starts_with(b"<<").then_some(from + 2)
        }
        b':' => {
            // The length of the value stands before its quote.
            let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
            let digits = rest[slashes..].strip_prefix(b";s:")?;
            let len = digits
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            (len > 0 && digits.get(len) == Some(&b':')).then_some(at + slashes + 3 + len + 1)
        }
        _ => None,
    }
}

/// Where a value begins behind an anchor of YAML, which names what follows it.
pub(super) fn after_anchor(text: &[u8], at: usize) -> usize {
    const LONGEST: usize = 32;
    let Some(name) = text[at.min(text.len())..].strip_prefix(b"&") else {
        return at;
    };
    let len = name
        .iter()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    if name.get(len) == Some(&b' ') {
        at + len + 2
    } else {
        at
    }
}

/// Where a declaration goes on behind the type that stands after its name, as in Go, or behind the
/// brackets of an array, as in C; `at` is behind the name.
pub(super) fn after_declared(text: &[u8], at: usize) -> usize {
    const TYPES: [&[u8]; 4] = [b" string =", b" *string =", b" []byte =", b" String ="];
    const LONGEST_ARRAY: usize = 8;
    let rest = &text[at..];
    if let Some(found) = TYPES.iter().find(|name| rest.starts_with(name)) {
        // Its `=` is left to be read as the sign.
        return at + found.len() - 1;
    }
    let Some(inner) = rest.strip_prefix(b"[") else {
        return at;
    };
    let digits = inner
        .iter()
        .take(LONGEST_ARRAY)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    // Without `=` behind it an element is read, not set.
    let is_array = inner.get(digits) == Some(&b']')
        && inner[digits + 1..].trim_ascii_start().starts_with(b"=");
    if is_array { at + digits + 2 } else { at }
}

/// Where a value begins behind a tag of YAML that says it is a text, `!!str`, or behind the brackets of
/// Go's `[]byte("…")`. What other tags name, such as `!Ref`, is not a value.
pub(super) fn after_tag(text: &[u8], at: usize) -> usize {
    const TAGS: [&[u8]; 6] = [
        b"!!str ",
        b"!!binary ",
        b"!str ",
        b"!unsafe ",
        b"!<tag:yaml.org,2002:str> ",
        b"[]",
    ];
    let rest = &text[at.min(text.len())..];
    // `string(7) "…"`, `string '…'`: the type before a value in a dump of PHP.
    if let Some(typed) = rest.strip_prefix(b"string") {
        let typed = typed.strip_prefix(b"(").map_or(typed, |len| {
            let digits = len
                .iter()
                .take(8)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            len[digits..].strip_prefix(b")").unwrap_or(typed)
        });
        let is_text = matches!(typed, [b' ', b'"' | b'\'', ..]);
        return if is_text {
            text.len() - typed.len() + 1
        } else {
            at
        };
    }
    let found = TAGS.iter().find(|tag| rest.starts_with(tag));
    found.map_or(at, |tag| at + tag.len())
}
