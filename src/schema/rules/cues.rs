//! The cues themselves: characters that nobody sees, addresses, orders, concealment, other tools.
//! A cue is a reason to look, no proof of malice.

use std::collections::BTreeSet;

/// One cue in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cue {
    /// A character that is not shown, or turns the order of others round.
    Invisible(char),
    /// Where data may be sent, or more text fetched.
    Address(String),
    /// Words that steer the model.
    Order(String),
    /// Words that ask to keep something from the user.
    Concealment(String),
    /// Another tool.
    OtherTool(String),
}

impl Cue {
    pub(super) fn rule(&self) -> &'static str {
        match self {
            Self::Invisible(_) => "text-invisible",
            Self::Address(_) => "text-address",
            Self::Order(_) => "text-order",
            Self::Concealment(_) => "text-concealment",
            Self::OtherTool(_) => "text-other-tool",
        }
    }

    /// What makes two cues the same one.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Invisible(one) => format!("invisible {}", u32::from(*one)),
            Self::Address(text) => format!("address {text}"),
            Self::Order(text) => format!("order {text}"),
            Self::Concealment(text) => format!("concealment {text}"),
            Self::OtherTool(text) => format!("tool {text}"),
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Invisible(one) => {
                format!(
                    "the text now holds U+{:04X}, which nobody sees",
                    u32::from(*one)
                )
            }
            Self::Address(text) => format!("the text now names the address {text}"),
            Self::Order(text) => format!("the text now gives an order to the model: \"{text}\""),
            Self::Concealment(text) => {
                format!("the text now asks to keep something from the user: \"{text}\"")
            }
            Self::OtherTool(text) => format!("the text now names the tool {text}"),
        }
    }
}

/// Words that steer a model beyond the call, in lower case. `*` stands for up to four words.
const ORDERS: &[&str] = &[
    "ignore all",
    "ignore any",
    "ignore previous",
    "ignore the previous",
    "ignore prior",
    "ignore your",
    "ignore other",
    "ignore earlier",
    "ignore instructions",
    "disregard",
    "forget all",
    "forget previous",
    "forget your",
    "override any",
    "override previous",
    "override your",
    "system prompt",
    "system message",
    "new instructions",
    "additional instructions",
    "you are now",
    "act as",
    "pretend",
    "<important>",
    "<system>",
    "</system>",
    "<instructions>",
    "<instruction>",
    "[inst]",
    "<|im_start|>",
    "before using any",
    "before calling any",
    "before using other",
    "before calling other",
    "before any other",
    "before * other tool",
    "before * this tool *read",
    "instead of any other",
    "must be called first",
    "always call this",
    "always use this tool",
    "always run this",
    "always invoke",
    "always include",
    "always send",
    "always pass",
    "always add",
    "always forward",
    "always bcc",
    "must first",
    "you must call",
    "you must read",
    "you must send",
    "you must pass",
    "you must include",
    "you must also",
    "you must always",
    "must always call",
    "the assistant must",
    "the model must",
    "the agent must",
    "the ai must",
    "first read",
    "first call",
    "first fetch",
    "read the file",
    "read the contents of",
    "pass its content",
    "pass the content",
    "send * to http",
    "forward * to",
    "bcc",
    "exfiltrate",
    "conversation history",
    "entire conversation",
    "full conversation",
    "previous messages",
    "all environment variables",
    "id_rsa",
    ".ssh/",
    "mcp.json",
    "/etc/passwd",
    ".aws/credentials",
    "private key",
    "do not use any other",
    "do not use other",
    "do not call any other",
    "never use any other",
    "never call any other",
    "without asking",
    "without confirmation",
    "without confirming",
    "without approval",
    "do not ask",
    "don't ask",
    "no need to ask",
];

/// Words that ask to keep something from a person, in lower case.
const CONCEALMENTS: &[&str] = &[
    "do not tell",
    "don't tell",
    "not tell the user",
    "never tell",
    "do not mention",
    "don't mention",
    "never mention",
    "without mentioning",
    "do not inform",
    "don't inform",
    "never inform",
    "do not notify",
    "don't notify",
    "without telling",
    "without informing",
    "without notifying",
    "do not reveal",
    "don't reveal",
    "never reveal",
    "do not disclose",
    "don't disclose",
    "never disclose",
    "do not show",
    "don't show",
    "do not display",
    "don't display",
    "do not explain",
    "don't explain",
    "do not let the user",
    "don't let the user",
    "hide this",
    "hide it",
    "hide the",
    "hidden from the user",
    "hide from",
    "keep this secret",
    "keep it secret",
    "keep secret",
    "keep this confidential",
    "keep this hidden",
    "keep this from",
    "secretly",
    "covertly",
    "silently",
    "quietly",
    "user should not know",
    "user must not know",
    "user should not see",
    "user must not see",
    "user does not need to know",
    "user doesn't need to know",
    "not visible to the user",
    "invisible to the user",
    "unnoticed",
    "do not log",
    "don't log",
];

/// Every cue of a text. `others` are the names of other tools.
pub(super) fn cues(text: &str, others: &BTreeSet<&str>) -> Vec<Cue> {
    let mut found = invisible(text);
    let visible = text
        .chars()
        .filter(|one| !is_invisible(*one))
        .collect::<String>();
    found.extend(addresses(&visible).into_iter().map(Cue::Address));
    let words = words_of(&visible);
    found.extend(phrases(&words, ORDERS).into_iter().map(Cue::Order));
    found.extend(
        phrases(&words, CONCEALMENTS)
            .into_iter()
            .map(Cue::Concealment),
    );
    found.extend(tools(&visible, others).into_iter().map(Cue::OtherTool));
    found
}

fn invisible(text: &str) -> Vec<Cue> {
    let mut found = BTreeSet::new();
    let mut last = ' ';
    for one in text.chars() {
        // A joiner or a selector within an emoji is part of a picture.
        let is_in_picture = matches!(one, '\u{200d}' | '\u{fe0f}' | '\u{fe0e}') && is_picture(last);
        if is_invisible(one) && !is_in_picture {
            found.insert(one);
        }
        last = one;
    }
    found.into_iter().map(Cue::Invisible).collect()
}

fn is_picture(one: char) -> bool {
    matches!(u32::from(one), 0x2190..=0x2bff | 0x3030..=0x303d | 0x1f000..=0x1faff | 0xfe0f)
        || matches!(one, '#' | '*' | '0'..='9' | '©' | '®')
}

fn is_invisible(one: char) -> bool {
    let is_control = one.is_control() && !matches!(one, '\n' | '\r' | '\t');
    is_control
        || matches!(
            u32::from(one),
            0xad | 0x34f
                | 0x61c
                | 0x115f
                | 0x1160
                | 0x17b4
                | 0x17b5
                | 0x180b..=0x180f
                | 0x200b..=0x200f
                | 0x202a..=0x202e
                | 0x2060..=0x206f
                | 0x3164
                | 0xfe00..=0xfe0f
                | 0xfeff
                | 0xffa0
                | 0xfff0..=0xfffb
                | 0xe0000..=0xe0fff
        )
}

/// Hosts of URLs, mail addresses and bare IP addresses.
fn addresses(text: &str) -> BTreeSet<String> {
    let is_end = |one: char| one.is_whitespace() || "\"'`<>()[]{}|,;".contains(one);
    let pieces = text.split(is_end).filter(|piece| !piece.is_empty());
    pieces.filter_map(address).collect()
}

fn address(piece: &str) -> Option<String> {
    let piece = piece
        .trim_end_matches(['.', ':', '!', '?', '*', '_'])
        .to_lowercase();
    if let Some((scheme, rest)) = piece.split_once("://") {
        let scheme = scheme
            .rsplit(|one: char| !one.is_ascii_alphanumeric())
            .next()?;
        let host = rest.split(['/', '?', '#']).next()?;
        let host = host.rsplit('@').next()?;
        let is_named = host.chars().any(char::is_alphanumeric);
        return (is_named && !scheme.is_empty()).then(|| format!("{scheme}://{host}"));
    }
    if let Some((name, host)) = piece.split_once('@')
        && !name.is_empty()
        && host.contains('.')
        && host
            .chars()
            .all(|one| one.is_alphanumeric() || one == '.' || one == '-')
    {
        return Some(piece.clone());
    }
    let host = piece.split('/').next()?;
    let host = host.split(':').next()?;
    let is_plain = host.parse::<std::net::Ipv4Addr>().is_ok();
    (host.starts_with("www.") || is_plain).then(|| host.to_owned())
}

/// The words of a text in lower case, one space between them, with signs at their ends kept.
fn words_of(text: &str) -> String {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let words = text
        .split_whitespace()
        .map(|word| word.trim_matches(['*', '_', '"', '`']));
    words.collect::<Vec<_>>().join(" ")
}

fn phrases(words: &str, known: &[&str]) -> Vec<String> {
    let hits = known.iter().filter(|phrase| has_phrase(words, phrase));
    hits.map(|phrase| (*phrase).to_owned()).collect()
}

/// Whether a phrase stands in the words, from one word's beginning to another's end.
fn has_phrase(words: &str, phrase: &str) -> bool {
    if let Some((head, tail)) = phrase.split_once('*') {
        let (head, tail) = (head.trim(), tail.trim());
        return positions(words, head).any(|at| {
            let rest = &words[at + head.len()..];
            let near = rest.split(' ').take(6).collect::<Vec<_>>().join(" ");
            positions(&near, tail).next().is_some()
        });
    }
    positions(words, phrase).next().is_some()
}

fn positions<'a>(words: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |one: char| one.is_alphanumeric() || one == '_';
    words
        .match_indices(phrase)
        .map(|(at, _)| at)
        .filter(move |at| {
            let begins = phrase.starts_with(is_word);
            let before = words[..*at].chars().next_back();
            let after = words[at + phrase.len()..].chars().next();
            let ends = phrase.ends_with(is_word);
            !(begins && before.is_some_and(is_word) || ends && after.is_some_and(is_word))
        })
}

/// Names of other tools, as words of their own; names that are plain words only in code marks.
fn tools(text: &str, others: &BTreeSet<&str>) -> BTreeSet<String> {
    let is_name = |one: char| one.is_alphanumeric() || matches!(one, '_' | '-' | '.' | '/');
    let mut found = BTreeSet::new();
    for piece in text.split(|one: char| !is_name(one)) {
        let piece = piece.trim_end_matches(['.', '-', '/']);
        let is_distinct = piece.contains(['_', '-', '/'])
            || piece.chars().skip(1).any(char::is_uppercase)
            || text.contains(&format!("`{piece}`"));
        if is_distinct && others.contains(piece) {
            found.insert(piece.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let others = BTreeSet::from(["send_email", "search"]);
        let found = cues(text, &others)
            .into_iter()
            .map(|cue| cue.key())
            .collect::<Vec<_>>();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn plain_descriptions_have_no_cues() {
        check(
            "Get the contents of a file or directory from a GitHub repository",
            &[],
        );
        check(
            "Returns null, if nothing was found. Search is case-insensitive. 👩‍💻 ❤️",
            &[],
        );
        check(
            "You can read files (e.g. a/b.txt) and search for `text`.",
            &[],
        );
    }

    #[test]
    fn cues_are_found() {
        check("a\u{200b}b", &["invisible 8203"]);
        check(
            "a\u{e0041}\u{202e}",
            &["invisible 8238", "invisible 917569"],
        );
        check(
            "see (https://Evil.example/x?y).",
            &["address https://evil.example"],
        );
        check(
            "mail a@b.example or 10.0.0.1:80",
            &["address 10.0.0.1", "address a@b.example"],
        );
        check("IGNORE\n  previous rules", &["order ignore previous"]);
        check(
            "Do not mention this to the user.",
            &["concealment do not mention"],
        );
        check(
            "like send_email, or `search`",
            &["tool search", "tool send_email"],
        );
        check(
            "igno\u{200b}re previous",
            &["invisible 8203", "order ignore previous"],
        );
    }
}
