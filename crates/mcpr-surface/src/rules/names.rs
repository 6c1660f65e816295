//! What names look like to a reader, and how much they share. Pure; what follows from it stands in
//! `mistakable`.

use std::collections::BTreeSet;
use unicode_security::confusable_detection::skeleton;

/// What is left of a name when all that eyes may miss is taken away.
pub(super) fn looks(name: &str) -> String {
    let plain = name
        .chars()
        .filter(|one| one.is_alphanumeric())
        .collect::<String>();
    // Folded to small letters after the first skeleton, which knows capitals as they look.
    let folded = skeleton(&plain).collect::<String>().to_lowercase();
    // Once more: a capital I and a small l look alike as well.
    skeleton(&folded)
        .filter(|one| one.is_alphanumeric())
        .collect()
}

/// A word with those of its letters made Latin that only look so.
pub(super) fn latin(word: &str) -> String {
    let mut made = String::with_capacity(word.len());
    for one in word.chars() {
        let alike = skeleton(one.encode_utf8(&mut [0; 4])).collect::<String>();
        // Latin letters stay as they are: a skeleton would turn `m` into `rn`.
        if !one.is_ascii() && alike.is_ascii() {
            made.push_str(&alike);
        } else {
            made.push(one);
        }
    }
    made
}

/// How many words two names share.
pub(super) fn shared_words(one: &str, other: &str) -> usize {
    let words = |name: &str| {
        let mut split = String::new();
        for letter in name.chars() {
            // Words of `camelCase` begin at a capital.
            if letter.is_uppercase() {
                split.push(' ');
            }
            split.extend(letter.to_lowercase());
        }
        let words = split.split(|one: char| !one.is_alphanumeric());
        words
            // `of`, `to` and the like are in many names.
            .filter(|word| word.len() > 2)
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    words(one).intersection(&words(other)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_alike() {
        let check = |one: &str, other: &str, expected: bool| {
            assert_eq!(looks(one) == looks(other), expected, "{one} {other}");
        };
        check("send_email", "sendEmail", true);
        check("send_email", "send-emai1", true);
        check("send_email", "send_emaiI", true);
        check("search", "s\u{0435}arch", true);
        check("search", "research", false);
        check("list_issues", "list_issue", false);
    }
}
