//! One pass over a text: every place where something that is looked for stands is asked whether a secret
//! is there. Linear: what was taken is not looked at again, and what was let go was looked at a bounded
//! number of bytes far, or is remembered. Must not know where the text comes from.

use super::forms::{FORMS, SignlessForm};
use super::shapes::timed_tokens;
use super::shapes::{Letters, SHAPES, SHORTEST_TOKEN, SecretPart, TokenPart, TokenShape};
use super::{
    encoded, html, keys, manifests, pairs, passwords, programs, tongues, url, value, words,
};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::cell::Cell;
use std::ops::Range;
use std::sync::LazyLock;

/// What a pass is to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mode {
    /// The text is the head of something longer: a token that the end cuts in two goes as well.
    pub(super) is_head: bool,
    /// Only credentials in addresses.
    pub(super) only_addresses: bool,
}

/// What stands where a finder was met.
#[derive(Debug, Clone, Copy)]
enum FinderKind {
    Shape(&'static TokenShape),
    Key,
    /// A name of several words.
    Phrase,
    Address,
    Scheme,
    PrivateKey,
    PrivateLines,
    PairValue,
    /// An option of a program that takes a secret.
    Option,
    Form(&'static SignlessForm),
    Oracle,
    Insert,
    /// The end of an element of HTML that may hold a label.
    Label,
    HiddenField,
    /// An element that is meant for a page's programs.
    Meta,
    /// A port, as a file of passwords has one.
    Port,
    Manifest,
    ManifestOfJson,
}

/// Every finder, and what it finds.
struct Finders {
    search: AhoCorasick,
    found: Vec<FinderKind>,
}

static FINDERS: LazyLock<Finders> = LazyLock::new(|| {
    let mut all: Vec<(&str, FinderKind)> = Vec::new();
    for shape in SHAPES {
        all.extend(
            shape
                .starts
                .iter()
                .map(|start| (*start, FinderKind::Shape(shape))),
        );
    }
    all.extend(keys::FINDERS.iter().map(|word| (*word, FinderKind::Key)));
    all.extend(tongues::finders().map(|word| (word, FinderKind::Phrase)));
    all.extend(
        tongues::PHRASES
            .iter()
            .map(|words| (*words, FinderKind::Phrase)),
    );
    all.extend(
        programs::FINDERS
            .iter()
            .map(|word| (*word, FinderKind::Option)),
    );
    for form in &FORMS {
        all.extend(
            form.finders
                .iter()
                .map(|word| (*word, FinderKind::Form(form))),
        );
    }
    all.extend(
        passwords::PORTS
            .iter()
            .map(|start| (*start, FinderKind::Port)),
    );
    let manifests = manifests::FINDERS.iter();
    all.extend(manifests.map(|word| (*word, FinderKind::Manifest)));
    let manifests = manifests::FINDERS_OF_JSON.iter();
    all.extend(manifests.map(|word| (*word, FinderKind::ManifestOfJson)));
    all.extend(html::LABEL_ENDS.iter().map(|end| (*end, FinderKind::Label)));
    let fields = html::HIDDEN_FIELDS.iter();
    all.extend(fields.map(|field| (*field, FinderKind::HiddenField)));
    all.extend([
        ("<meta ", FinderKind::Meta),
        (":*:", FinderKind::Port),
        ("://", FinderKind::Address),
        // JSON may escape its slashes.
        (":\\/\\/", FinderKind::Address),
        ("@tcp(", FinderKind::Address),
        ("@unix(", FinderKind::Address),
        ("bearer ", FinderKind::Scheme),
        ("basic ", FinderKind::Scheme),
        ("-----BEGIN ", FinderKind::PrivateKey),
        ("-----END ", FinderKind::PrivateKey),
        ("---- BEGIN SSH2 ", FinderKind::PrivateKey),
        ("Private-Lines: ", FinderKind::PrivateLines),
        ("value", FinderKind::PairValue),
        ("jdbc:oracle:", FinderKind::Oracle),
        ("insert into ", FinderKind::Insert),
        ("replace into ", FinderKind::Insert),
        ("copy ", FinderKind::Insert),
        ("default", FinderKind::PairValue),
    ]);
    let search = AhoCorasick::builder()
        // Keys and schemes come in any case; `Pass::shape` holds tokens to theirs.
        .ascii_case_insensitive(true)
        // The only kind that reports overlapping matches: a key may begin within a token's start.
        .match_kind(MatchKind::Standard)
        // A DFA is 3 to 5 % faster and takes 5.7 MB, a tenth of what a recorder may have.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(all.iter().map(|(word, _)| word))
        .expect("the finders are sound");
    let found = all.into_iter().map(|(_, found)| found).collect();
    Finders { search, found }
});

/// A text that is gone over.
pub(super) struct Pass<'a> {
    pub(super) text: &'a [u8],
    pub(super) mode: Mode,
    /// The secrets that were found, and the kinds of their marks.
    taken: Vec<(Range<usize>, &'static str)>,
    /// What was taken last, with the quotes and brackets around it; not looked into again.
    pub(super) skip: Range<usize>,
    /// Where what was taken before that ends.
    pub(super) floor: usize,
    /// What stands before is settled.
    pub(super) at: usize,
    /// Names that end before were looked at.
    pub(super) named: usize,
    /// Lines that end before were read as rows of a table, or are not rows.
    pub(super) tabled: usize,
    /// Rows of tables of HTML that end before were read as heads, or are not heads.
    pub(super) headed: usize,
    /// Documents of YAML that end before were read as manifests.
    pub(super) manifested: usize,
    pub(super) region: url::Region,
    pub(super) steps: Cell<usize>,
    /// Where runs end that were looked for, by their letters.
    runs: [Range<usize>; Letters::COUNT],
    /// The end of the line that was looked for last, and from where.
    line: Range<usize>,
}

/// Whether a text is one word that is shorter than any token: no secret stands in it, as every other
/// kind needs a sign, a blank or a bracket.
pub(super) fn is_short_word(text: &[u8]) -> bool {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.len() < SHORTEST_TOKEN && text.iter().all(is_of_word)
}

/// A text without its secrets, and how many there were; `None` where there are none.
pub(super) fn pass(text: &[u8], mode: Mode) -> Option<(Vec<u8>, u64)> {
    replaced(text, secrets(text, mode)?)
}

/// As [`pass`], for what stands encoded in a text.
pub(super) fn pass_decoded(text: &[u8], mode: Mode) -> Option<(Vec<u8>, u64)> {
    let decoded = encoded::decode(text)?;
    let found = secrets(&decoded.text, mode)?.into_iter();
    let found = found.map(|(range, kind)| (decoded.place(&range), kind));
    replaced(text, found.collect())
}

/// Where the secrets of a text stand, and the kinds of their marks.
fn secrets(text: &[u8], mode: Mode) -> Option<Vec<(Range<usize>, &'static str)>> {
    const STEPS_PER_BYTE: usize = 8;
    let finders = &*FINDERS;
    let mut hits = finders.search.find_overlapping_iter(text).peekable();
    let timed = timed_tokens(text);
    // Most texts have no hit, and nothing is set up for them.
    if timed.is_empty() {
        hits.peek()?;
    }
    let mut pass = Pass {
        text,
        mode,
        taken: Vec::new(),
        skip: 0..0,
        floor: 0,
        at: 0,
        named: 0,
        tabled: 0,
        headed: 0,
        manifested: 0,
        region: url::Region::default(),
        // The constant lets a short text close its brackets.
        steps: Cell::new(text.len().saturating_mul(STEPS_PER_BYTE) + 4096),
        runs: Default::default(),
        line: 0..0,
    };
    for hit in hits {
        // A key stands before its value, and may hold a token itself.
        if !pass.skip.contains(&hit.start()) {
            // Matches come in the order of their ends, so that one that begins before the last
            // secret can still follow it.
            pass.at = if hit.start() >= pass.skip.end {
                pass.skip.end
            } else {
                pass.floor
            };
            pass.ask(
                finders.found[hit.pattern().as_usize()],
                &(hit.start()..hit.end()),
            );
        }
    }
    if !mode.only_addresses {
        pass.taken
            .extend(timed.into_iter().map(|token| (token, "token")));
    }
    (!pass.taken.is_empty()).then_some(pass.taken)
}

/// The text with marks in the places of these secrets.
fn replaced(text: &[u8], mut taken: Vec<(Range<usize>, &'static str)>) -> Option<(Vec<u8>, u64)> {
    // The finders' order is that of their ends.
    taken.sort_by_key(|(range, _)| range.start);
    let (mut out, mut done, mut count) = (Vec::with_capacity(text.len()), 0, 0);
    for (range, kind) in taken {
        // A secret within another goes with it and counts once.
        if range.start >= done {
            out.extend_from_slice(&text[done..range.start]);
            out.extend_from_slice(b"[redacted:");
            out.extend_from_slice(kind.as_bytes());
            out.push(b']');
            count += 1;
        }
        done = done.max(range.end);
    }
    out.extend_from_slice(&text[done..]);
    (count > 0).then_some((out, count))
}

impl Pass<'_> {
    fn ask(&mut self, found: FinderKind, hit: &Range<usize>) {
        if self.mode.only_addresses {
            match found {
                FinderKind::Address => self.address(hit),
                FinderKind::Key => self.key(&(hit.start..hit.start)),
                // These are web hooks: addresses whose path is the secret.
                FinderKind::Shape(shape) if shape.of == SecretPart::Rest => self.shape(shape, hit),
                _ => {}
            }
            return;
        }
        match found {
            FinderKind::Shape(shape) => self.shape(shape, hit),
            FinderKind::Key => self.key(&(hit.start..hit.start)),
            FinderKind::Phrase => self.key(hit),
            FinderKind::Address => self.address(hit),
            FinderKind::Scheme => self.scheme(hit),
            FinderKind::PrivateKey => self.private_key(hit),
            FinderKind::PrivateLines => self.private_lines(hit),
            FinderKind::PairValue => pairs::value(self, hit),
            FinderKind::Option => self.program_option(hit),
            FinderKind::Form(form) => self.form(form, hit),
            FinderKind::Oracle => self.oracle(hit.end),
            FinderKind::Insert => self.insert(hit),
            FinderKind::Label => self.label(hit),
            FinderKind::HiddenField => self.hidden_field(hit),
            FinderKind::Meta => self.meta(hit),
            FinderKind::Port => self.password_line(hit),
            FinderKind::Manifest => self.manifest(hit),
            FinderKind::ManifestOfJson => self.manifest_of_json(hit),
        }
    }

    /// Takes a secret; what stands from it to `end` is settled.
    pub(super) fn take(&mut self, secret: Range<usize>, end: usize, kind: &'static str) {
        self.floor = self.at;
        self.skip = secret.start..end.max(secret.end);
        // Another pass must leave a mark alone, or no text would ever be clean.
        if !secret.is_empty() && value::mark_at(self.text, secret.start) != Some(secret.end) {
            self.taken.push((secret, kind));
        }
    }

    /// The byte before, if it is not settled yet.
    pub(super) fn before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1)
            .filter(|before| *before >= self.at)
            .map(|before| self.text[before])
    }

    /// The end of the line; looked for once per line.
    pub(super) fn end_of_line(&mut self, at: usize) -> usize {
        if !self.line.contains(&at) {
            self.line = at..value::end_of_line(self.text, at);
        }
        self.line.end
    }

    /// Whether a token can begin here: behind no letter, but behind an escape that ends with one.
    fn is_bound(&self, start: usize) -> bool {
        let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if self.before(start).is_none_or(|byte| !is_of_word(byte)) {
            return true;
        }
        let back = |len: usize| start.checked_sub(len).map(|from| &self.text[from..start]);
        let is_hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
        back(2).is_some_and(|two| two[0] == b'\\')
            || back(3).is_some_and(|three| three[0] == b'%' && is_hex(&three[1..]))
            || back(6).is_some_and(|six| six.starts_with(b"\\u") && is_hex(&six[2..]))
            || back(3).is_some_and(|three| three == b"bot")
    }

    fn shape(&mut self, shape: &'static TokenShape, hit: &Range<usize>) {
        const LOOKED_AT: usize = 256;
        let start = &self.text[hit.clone()];
        // The search ignores case, a token's beginning does not.
        let Some(begin) = shape.starts.iter().find(|known| known.as_bytes() == start) else {
            return;
        };
        // What is long and has a mark of its own in it begins a token wherever it stands.
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
        let is_distinct = begin.len() > 3 && begin.bytes().any(|byte| !is_plain(&byte));
        let from = match shape.of {
            SecretPart::Around(letters, least) => {
                let behind = &self.text[self.at..hit.start];
                let run = behind
                    .iter()
                    .rev()
                    .take_while(|byte| letters.has(**byte))
                    // A long run may hold many such beginnings: reading back is bounded for each.
                    .take(256)
                    .count();
                if run < least {
                    return;
                }
                hit.start - run
            }
            _ if is_distinct || self.is_bound(hit.start) => hit.start,
            _ => return,
        };
        let Some(end) = self.end_of_shape(shape, hit.end) else {
            return;
        };
        let secret = if shape.of == SecretPart::Rest {
            hit.end..end
        } else {
            from..end
        };
        let is_cut = self.mode.is_head && end == self.text.len();
        let near = &self.text[hit.end..end.min(hit.end + LOOKED_AT)];
        let is_meant = match shape.of {
            SecretPart::Dense => words::is_dense(near),
            SecretPart::Scattered => words::is_scattered(near),
            _ => true,
        };
        if !is_meant && !is_cut {
            return;
        }
        self.take(secret, end, shape.kind);
    }

    /// Where a shape ends whose beginning ends here, if it is whole, or cut by the end of a head.
    fn end_of_shape(&mut self, shape: &TokenShape, from: usize) -> Option<usize> {
        let mut at = from;
        for part in shape.then {
            let is_cut = self.mode.is_head && at == self.text.len() && at > from;
            match *part {
                _ if is_cut => return Some(at),
                TokenPart::Byte(byte) if self.text.get(at) == Some(&byte) => at += 1,
                TokenPart::Byte(_) => return None,
                TokenPart::More(byte, letters) => {
                    while self.text.get(at) == Some(&byte) {
                        at += 1 + self.run(letters, at + 1);
                    }
                }
                TokenPart::Run(letters, least) => {
                    let run = self.run(letters, at);
                    at += run;
                    let is_cut = self.mode.is_head && at == self.text.len() && at > from;
                    if run < least && !is_cut {
                        return None;
                    }
                }
            }
        }
        Some(at)
    }

    /// How many of these letters stand here; each run of them is looked at once.
    fn run(&mut self, letters: Letters, at: usize) -> usize {
        let known = &mut self.runs[letters as usize];
        if !known.contains(&at) {
            let len = self.text[at..]
                .iter()
                .take_while(|byte| letters.has(**byte))
                .count();
            *known = at..at + len;
        }
        known.end - at
    }

    fn address(&mut self, hit: &Range<usize>) {
        if self.text[hit.start] == b'@' {
            return self.data_source(hit);
        }
        let user = url::user_part(self.text, hit.start, hit.end, &mut self.region, self.mode);
        if let Some(user) = user {
            let end = user.end;
            self.take(user, end, "url");
        }
    }

    /// `user:password@tcp(host)/db`
    fn data_source(&mut self, hit: &Range<usize>) {
        let is_of_user = |byte: &u8| !byte.is_ascii_whitespace() && !b"\"'`=<>,;".contains(byte);
        let behind = &self.text[self.at..hit.start];
        let len = behind
            .iter()
            .rev()
            .take(256)
            .take_while(|byte| is_of_user(byte))
            .count();
        let user = hit.start - len..hit.start;
        if self.text[user.clone()].contains(&b':') {
            self.take(user, hit.end, "url");
        }
    }

    /// `Bearer …`, `Basic …`
    fn scheme(&mut self, hit: &Range<usize>) {
        let from = hit.end
            + self.text[hit.end..]
                .iter()
                .take(3)
                .take_while(|byte| **byte == b' ')
                .count();
        let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(byte);
        let len = self.text[from..]
            .iter()
            .take_while(|byte| is_of_token(byte))
            .count();
        let token = &self.text[from..from + len];
        // Prose says `Bearer Token`, too: a capital at the start proves nothing.
        let capitals = token
            .iter()
            .skip(1)
            .filter(|byte| byte.is_ascii_uppercase())
            .count();
        let is_mixed = len >= 12 && capitals >= 3 && token.iter().any(u8::is_ascii_lowercase);
        let is_random = is_mixed
            || len >= 24 && words::is_dense(token)
            || token.iter().any(u8::is_ascii_digit) && token.iter().any(u8::is_ascii_alphabetic);
        if self.is_bound(hit.start) && len >= 8 && is_random {
            self.take(from..from + len, from + len, "bearer");
        }
    }

    /// `jdbc:oracle:thin:user/password@host`
    fn oracle(&mut self, from: usize) {
        const LONGEST: usize = 256;
        let near = &self.text[from..self.text.len().min(from + LONGEST)];
        let len = near
            .iter()
            .take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'"')
            .count();
        let near = &near[..len];
        let slash = near.iter().position(|byte| *byte == b'/');
        let at = near.iter().rposition(|byte| *byte == b'@');
        if let (Some(slash), Some(at)) = (slash, at)
            && slash + 1 < at
        {
            self.take(from + slash + 1..from + at, from + at, "url");
        }
    }
}
