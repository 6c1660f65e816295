//! A key and what is assigned to it, in whatever language: `password=…`, `"api_key": "…"`, headers,
//! options of commands, attributes, blocks. Must not know where a value ends; see [`super::value`].

use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::signs::{Sign, after_scheme, after_type, is_variable_behind_scheme, sign};
use super::value::{self, FoundValue};
use super::{blocks, quotes, tongues, typed, url, words};
use std::ops::Range;

/// Values longer than this are taken as they stand: looking into them would be done over and over.
pub(super) const MAX_LOOKED_INTO_BYTES: usize = 1024;

/// What stands around a key.
pub(super) struct NamedKey<'a> {
    pub(super) name: Range<usize>,
    pub(super) text: &'a [u8],
    pub(super) secrecy: Secrecy,
    /// The quote before the name, and the backslashes before that.
    pub(super) quote: Option<(usize, u8)>,
}

impl NamedKey<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.text[self.name.clone()]
    }

    pub(super) fn ends_with_any(&self, words: &[&str]) -> bool {
        let lower = self.bytes().to_ascii_lowercase();
        words.iter().any(|word| lower.ends_with(word.as_bytes()))
    }
}

impl Pass<'_> {
    /// A word that keys are made of begins here; a phrase is given whole.
    pub(super) fn key(&mut self, hit: &Range<usize>) {
        // A name may hold several such words, and is asked once. A phrase is more than the words in it.
        let is_phrase = self.text[hit.clone()].contains(&b' ');
        if hit.start < self.named && !is_phrase {
            return;
        }
        let mut name = self.name_around(hit);
        self.named = name.end;
        // The kind of a mark is not a key.
        if self.text[..name.start].ends_with(b"[redacted:") {
            return;
        }
        // Asked first: within an address a value ends at `&`, whatever else its name says.
        if let Some(secret) = self.parameter(&name) {
            let end = secret.end;
            return self.take(secret, end, "url");
        }
        if self.mode.only_addresses {
            return;
        }
        if self.text[name.clone()].eq_ignore_ascii_case(b"identified") {
            return self.identified_by(name.end);
        }
        let mut secrecy = keys::secrecy(&self.text[name.clone()]);
        if keys::is_secret_pin(&self.text[name.clone()], &self.text[name.end..]) {
            secrecy = Secrecy::Any;
        }
        // `API key: …`: the words before may say whose key it is.
        let phrase = if secrecy < Secrecy::NoNumber {
            self.phrase(&name)
        } else {
            None
        };
        if let Some(phrase) = phrase {
            secrecy = Secrecy::Random;
            name = phrase;
        }
        if secrecy == Secrecy::None {
            return;
        }
        let text = self.text;
        let mut key = NamedKey {
            name,
            text,
            secrecy,
            quote: None,
        };
        key.quote = self.quote_before(key.name.start);
        self.assigned(&key);
    }

    /// `?name=…`, `&name=…`
    fn parameter(&self, name: &Range<usize>) -> Option<Range<usize>> {
        let before = self.before(name.start)?;
        let is_of_address =
            b"?&".contains(&before) || before == b'#' || before == b';' && self.mode.only_addresses;
        let is_set = self.text.get(name.end) == Some(&b'=');
        (is_of_address && is_set)
            .then(|| url::parameter(self.text, name))
            .flatten()
    }

    fn assigned(&mut self, key: &NamedKey<'_>) {
        let text = self.text;
        if let Some(range) = blocks::element(text, key) {
            let end = range.end;
            return self.take(range, end, "key");
        }
        let mut at = key.name.end;
        // Only an option takes its value behind a mere blank.
        if key.bytes().starts_with(b"-")
            && key.quote.is_none()
            && matches!(text.get(at), Some(b' ' | b'\t'))
        {
            return self.option(key, at);
        }
        let closed = self.after_closing_quote(key);
        let is_closed = closed.is_some();
        at = typed::after_declared(text, closed.unwrap_or(at));
        if let Some(from) = typed::dumped(text, key, at) {
            return self.value(key, Sign::Assigned, from);
        }
        // `config["password"] =` closes its bracket, `**Password**:` its emphasis.
        let closers: &[u8] = if is_closed { b"])" } else { b"*" };
        at += text[at..]
            .iter()
            .take(2)
            .take_while(|byte| closers.contains(byte))
            .count();
        let after = at + tongues::blanks(text, at, MAX_GAP);
        // Without a sign there are lists, calls and SQL, each with its own form.
        let Some((sign, end)) = sign(text, after) else {
            return self.without_sign(key, after, is_closed);
        };
        if sign == Sign::Column && key.secrecy >= Secrecy::NoNumber && self.column(&key.name) {
            return;
        }
        // `**Password:** …` closes its emphasis behind the sign.
        let end = end
            + text[end..]
                .iter()
                .take(2)
                .take_while(|byte| **byte == b'*')
                .count();
        let from = end + tongues::blanks(text, end, MAX_GAP);
        let is_line = sign == Sign::Colon && !is_closed;
        // A name with a dash at the start of a line, or in quotes, is a header of some program:
        // `X-Api-Key: …`.
        let is_named_so = key.bytes().contains(&b'-')
            && key.secrecy >= Secrecy::NoNumber
            && (key.quote.is_some() || blocks::begins_line(text, key.name.start).is_some());
        if is_line && (keys::is_header(key.bytes()) || is_named_so) {
            return self.header(key, from);
        }
        if sign == Sign::Colon
            && let Some(range) = blocks::block(text, key, from)
        {
            let end = range.end;
            return self.take(range, end, "key");
        }
        self.value(key, sign, from);
    }

    /// A key with no sign behind it, but for what stands at `at`.
    fn without_sign(&mut self, key: &NamedKey<'_>, at: usize, is_closed: bool) {
        let text = self.text;
        if self.heredoc(key, at) || self.fallback(key, at) || self.called(key, at) {
            return;
        }
        // A table before a list: the head of one may be in quotes.
        if key.secrecy >= Secrecy::NoNumber && self.column(&key.name) {
            return;
        }
        // `{password,"…"}` of Erlang.
        let is_tuple = !is_closed && matches!(self.before(key.name.start), Some(b'{' | b'('));
        if (is_closed || is_tuple) && text.get(at) == Some(&b',') {
            return self.listed(key, at + 1);
        }
        if self.braced(key, at) || is_closed && self.typed(key, at) {
            return;
        }
        self.quoted_behind(key, at);
        self.redact_phrase(key, at);
    }

    /// Behind the quote that closes a name: one that was opened, too, by what is not there any more
    /// (`word":"…"`), or before a mark of a selector (`"#password"`).
    fn after_closing_quote(&self, key: &NamedKey<'_>) -> Option<usize> {
        let text = self.text;
        let at = key.name.end;
        let (slashes, quote) = if let Some(opened) = key.quote {
            opened
        } else {
            let (slashes, quote, end) = quotes::opening(text, at)?;
            let next = text.get(end + value::blanks(&text[end..]));
            let is_meant = match self.before(key.name.start) {
                None => next == Some(&b':'),
                Some(b'#') => matches!(next, Some(b',' | b')')),
                Some(_) => false,
            };
            is_meant.then_some((slashes, quote))?
        };
        let end = at + slashes;
        let is_closed =
            text.get(end) == Some(&quote) && text[at..end].iter().all(|byte| *byte == b'\\');
        is_closed.then_some(end + 1)
    }

    fn value(&mut self, key: &NamedKey<'_>, sign: Sign, from: usize) {
        let text = self.text;
        let mut from = from;
        if let Some(b'\n' | b'\r') = text.get(from) {
            // A value on the next line is a text in quotes.
            let blanks = text[from..]
                .iter()
                .take(MAX_GAP)
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            from += blanks;
            let is_text = matches!(text.get(from), Some(b'"' | b'\'' | b'\\'))
                || typed::after_tag(text, from) > from;
            if !is_text
                // Behind `def f(password):` stands the function's documentation.
                || text[from..].starts_with(b"\"\"\"")
                || text[from..].starts_with(b"\'\'\'")
            {
                return;
            }
        }
        if self.heredoc(key, from) {
            return;
        }
        from = super::html::after_inline_tag(text, from);
        from = typed::after_tag(text, from);
        from = if sign == Sign::Colon {
            after_type(text, from).unwrap_or(from)
        } else {
            from
        };
        if sign == Sign::Colon {
            from = typed::after_tag(text, typed::after_anchor(text, from));
        }
        let from = after_scheme(text, from);
        if let Some(range) = tongues::bracketed(text, from)
            && key.secrecy >= Secrecy::NoNumber
            && !tongues::is_prose(key.bytes(), &text[range.clone()])
        {
            let end = range.end;
            return self.take(range, end, "key");
        }
        let Some(mut found) = value::value(text, from, &self.steps) else {
            return;
        };
        if !found.is_quoted && self.is_count(sign, &found) {
            return;
        }
        let mark = tongues::before_mark(&text[found.secret.clone()]);
        if !found.is_quoted && mark > 0 && mark < found.secret.len() {
            found.end = found.secret.start + mark;
            found.secret.end = found.end;
        }
        if !found.is_quoted && !found.is_code && self.is_line(key, sign) {
            found = self.with_rest_of_line(found);
        }
        if found.is_quoted && self.is_closing(key, from) {
            return;
        }
        if self.is_meant(key, sign, &found) {
            self.take_with_new(found);
        } else if key.secrecy >= Secrecy::NoNumber && !found.is_code {
            self.take_new(found.end);
        }
    }

    /// Whether prose counts something here: `credentials: 3 found`, `Password: 8 characters at least`.
    fn is_count(&self, sign: Sign, found: &FoundValue) -> bool {
        const MOST_DIGITS: usize = 2;
        let candidate = &self.text[found.secret.clone()];
        let is_number = candidate.len() <= MOST_DIGITS && candidate.iter().all(u8::is_ascii_digit);
        let next = self.text[found.end..].strip_prefix(b" ");
        let is_followed = next
            .and_then(<[u8]>::first)
            .is_some_and(|byte| byte.is_ascii_lowercase() || *byte >= 0xc3);
        sign == Sign::Colon && is_number && is_followed
    }

    /// Whether the quote here closes a text that the key is the end of: `"token=" + value`.
    fn is_closing(&self, key: &NamedKey<'_>, at: usize) -> bool {
        const LONGEST: usize = 512;
        let quote = self.text[at];
        let next = self.text.get(at + 1);
        let is_behind_text =
            next.is_none_or(|next| next.is_ascii_whitespace() || b"),+;.%:]".contains(next));
        if !b"\"'`".contains(&quote)
            || !is_behind_text
            || key
                .quote
                .is_some_and(|(_, of_key)| self.text[key.name.end] == of_key)
        {
            return false;
        }
        let behind = &self.text[at.saturating_sub(LONGEST)..key.name.start];
        let from = memchr::memrchr(b'\n', behind).map_or(0, |at| at + 1);
        let is_letter = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
        let quotes = (from..behind.len()).filter(|at| {
            let before = at.checked_sub(1).and_then(|before| behind.get(before));
            // An apostrophe within a word is not a quote.
            behind[*at] == quote && !(is_letter(before) && is_letter(behind.get(at + 1)))
        });
        // An odd number before the key: a text is open, and ends here.
        quotes.count() % 2 == 1
    }

    /// Whether the value of a key goes on to the end of its line: in YAML, and in files of variables.
    fn is_line(&self, key: &NamedKey<'_>, sign: Sign) -> bool {
        let is_of_variable =
            |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        let is_variable = sign == Sign::Assigned && key.bytes().iter().all(is_of_variable);
        // Prose puts a colon behind these words, and goes on to the end of the line.
        let is_prose_word = key.ends_with_any(&[
            "token",
            "otp",
            "secret",
            "auth",
            "bearer",
            "signature",
            "cookie",
            "pass",
        ]);
        (sign == Sign::Colon && !is_prose_word || is_variable)
            && blocks::begins_line(self.text, key.name.start).is_some()
    }

    fn with_rest_of_line(&mut self, found: FoundValue) -> FoundValue {
        const LONGEST: usize = 256;
        let end = self.end_of_line(found.end);
        let rest = &self.text[found.end..end];
        // YAML wants a blank before a comment; any other `#` is of the value.
        let comment = memchr::memmem::find(rest, b" #").unwrap_or(rest.len());
        let rest = rest[..comment].trim_ascii_end();
        let has = |marks: &[u8]| rest.iter().any(|byte| marks.contains(byte));
        let whole = found.secret.start..found.end + rest.len();
        let is_one = rest.len() <= LONGEST
            && rest.starts_with(b" ")
            && !has(b"=:,;\"'`|{}()<>")
            && !words::is_sentence(&self.text[whole.clone()]);
        if is_one {
            FoundValue {
                end: whole.end,
                secret: whole,
                ..found
            }
        } else {
            found
        }
    }

    /// Whether what was found is a secret, and no word, expression or mark of a place for one.
    fn is_meant(&self, key: &NamedKey<'_>, sign: Sign, found: &FoundValue) -> bool {
        let candidate = &self.text[found.secret.clone()];
        if found.is_code {
            return false;
        }
        let is_bare = !found.is_quoted && found.end == found.secret.end;
        if candidate.len() > MAX_LOOKED_INTO_BYTES {
            return is_bare || key.secrecy >= Secrecy::NoNumber;
        }
        // A mark with more beside it is a secret of which a part was found first: the rest goes as
        // well.
        let is_mark = value::mark_at(self.text, found.secret.start).is_some();
        let is_own = !found.is_quoted && is_name_again(key.bytes(), candidate);
        if words::is_placeholder(candidate)
            || is_variable_behind_scheme(candidate)
            || sign == Sign::Colon && !found.is_quoted && tongues::is_prose(key.bytes(), candidate)
            || !is_mark && !found.is_quoted && (is_own || words::is_expression(candidate))
        {
            return false;
        }
        let plain = without_marks(candidate);
        match (sign, key.secrecy) {
            // Tables describe parameters as often as they hold values.
            (Sign::Column, Secrecy::Any | Secrecy::NoNumber) => words::looks_random(&plain),
            // Programs compare variables: `if token == expected`.
            (Sign::Compared, _)
                if (!found.is_quoted || key.ends_with_any(&["token"]))
                    && !plain.iter().any(u8::is_ascii_digit) =>
            {
                is_mark
            }
            (_, Secrecy::None) | (Sign::Column, _) => false,
            (_, Secrecy::KeyMaterial) => words::is_key_material(&plain),
            // Prose names methods behind such words, too: `Encryption key: AES-256-GCM`.
            (_, Secrecy::Random) if key.bytes().contains(&b' ') => {
                words::looks_random(&plain) && words::has_token(&plain)
            }
            (_, Secrecy::Random) => words::looks_random(&plain) && !words::is_algorithm(&plain),
            (_, Secrecy::NoNumber) if plain.iter().all(u8::is_ascii_digit) => is_mark,
            (_, Secrecy::NoNumber | Secrecy::Any) => {
                is_mark || is_prose_about(key, sign, found, &plain)
            }
        }
    }
}

/// Most blanks around a sign.
pub(super) const MAX_GAP: usize = 32;

/// Prose writes `token: …` about things that are not tokens, and an error `auth: 401`.
fn is_prose_about(key: &NamedKey<'_>, sign: Sign, found: &FoundValue, plain: &[u8]) -> bool {
    let is_quoted = found.is_quoted;
    let of_prose = [
        "token",
        "pass",
        "otp",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "cookie",
        "cookies",
    ];
    let is_prose = sign == Sign::Colon && !is_quoted && key.ends_with_any(&of_prose);
    let is_last = keys::LAST_WORDS
        .iter()
        .any(|word| keys::is_last_word(key.bytes(), word));
    let is_weak = !is_quoted && is_last;
    let is_of_code = is_last && plain.contains(&b'(') && !plain.contains(&b'=');
    let is_prose_of = sign == Sign::Colon && is_quoted && words::is_prose(plain);
    let is_access_key = key.ends_with_any(&["accesskey"]) && plain.len() <= 2;
    // The working directory is called so, too.
    let is_path = key.ends_with_any(&["pwd"]) && plain.starts_with(b"/") || words::is_file(plain);
    let is_number =
        key.ends_with_any(&["token"]) && plain.len() <= 4 && plain.iter().all(u8::is_ascii_digit);
    // With a blank before it a mere identifier is code; files of variables have none.
    let is_identifier = sign == Sign::Assigned
        && !is_quoted
        && key.text[..found.secret.start].ends_with(b" ")
        && key.ends_with_any(&[
            "token",
            "key",
            "auth",
            "signature",
            "cookie",
            "cookies",
            "credential",
            "credentials",
            "bearer",
        ])
        && plain
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"_.;".contains(byte));
    let is_link = is_weak && plain.starts_with(b"http");
    if is_prose_of || is_link || is_access_key || is_path || is_number || is_identifier {
        return false;
    }
    let is_long = plain.len() >= 16;
    let is_random = plain.len() >= 24 || plain.iter().any(u8::is_ascii_digit);
    (!(is_prose || is_weak) || is_random) && (!is_weak || is_long) && !is_of_code
}

/// Whether a value is the name of its key again, or the end of it: `self.token = token`.
fn is_name_again(name: &[u8], candidate: &[u8]) -> bool {
    let candidate = candidate.strip_suffix(b";").unwrap_or(candidate);
    let is_long = candidate.len() >= 3 && name.len() >= candidate.len();
    candidate.eq_ignore_ascii_case(name)
        || is_long && name[name.len() - candidate.len()..].eq_ignore_ascii_case(candidate)
}

/// What stands beside the marks in a text.
pub(super) fn without_marks(candidate: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(candidate.len());
    let mut at = 0;
    while at < candidate.len() {
        if let Some(end) = value::mark_at(candidate, at) {
            at = end;
        } else {
            plain.push(candidate[at]);
            at += 1;
        }
    }
    plain
}
