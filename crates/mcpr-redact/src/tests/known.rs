//! Every shape of the table: a sample made of its own facts goes, and one that is too short, or a part of
//! a longer word, stays.

use super::redactor;
use crate::shapes::{Letters, SHAPES, SecretPart, TokenPart, TokenShape};

fn letters(letters: Letters, len: usize, random: &mut fastrand::Rng) -> String {
    let all: Vec<char> = (0..128_u8)
        .filter(|byte| letters.has(*byte) && byte.is_ascii_alphanumeric())
        .map(char::from)
        .collect();
    let mut run: String = (0..len).map(|_| all[random.usize(0..all.len())]).collect();
    // So that it is not a word, whatever was drawn.
    if len > 3 && letters != Letters::Digits {
        run.replace_range(
            len - 2..,
            if letters == Letters::Hex || letters == Letters::Capitals {
                "7A"
            } else {
                "7Q"
            },
        );
    }
    run
}

/// A token of a shape; `less` is how much is missing of its last part.
fn sample(shape: &TokenShape, start: &str, less: usize, random: &mut fastrand::Rng) -> String {
    let mut token = String::new();
    if let SecretPart::Around(before, least) = shape.of {
        token.push_str(&letters(before, least, random));
    }
    token.push_str(start);
    for (index, part) in shape.then.iter().enumerate() {
        match part {
            TokenPart::Byte(byte) => token.push(char::from(*byte)),
            TokenPart::More(byte, of) => {
                token.push(char::from(*byte));
                token.push_str(&letters(*of, 12, random));
            }
            TokenPart::Run(of, least) => {
                let missing = if index + 1 == shape.then.len() {
                    less.min(*least)
                } else {
                    0
                };
                token.push_str(&letters(*of, least - missing, random));
            }
        }
    }
    if shape.of == SecretPart::Scattered {
        // What chance draws may by chance be like a word.
        let is_drawn = |at: usize| at >= start.len() && at.is_multiple_of(3);
        let digit = |at: usize| char::from(b'2' + u8::try_from(at % 7).unwrap_or_default());
        let drawn = token.char_indices();
        token = drawn
            .map(|(at, letter)| match letter {
                _ if is_drawn(at) => digit(at),
                // Nor a number with a few letters in it.
                '0'..='9' if at >= start.len() => 'b',
                letter => letter,
            })
            .collect();
    }
    token
}

#[test]
fn a_token_of_every_shape_goes() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for shape in SHAPES {
        for start in shape.starts {
            let token = sample(shape, start, 0, &mut random);
            for (before, after) in [
                ("", ""),
                ("x ", " y"),
                ("(", ")"),
                ("\"", "\","),
                ("é", "é"),
                ("a\\n", "\\n"),
                ("%20", "&"),
                ("=", ";"),
            ] {
                let text = format!("{before}{token}{after}");
                let (clean, _) = redactor()
                    .text(&text)
                    .unwrap_or_else(|| panic!("{}: {text}", shape.id));
                let secret = if shape.of == SecretPart::Rest {
                    &token[start.len()..]
                } else {
                    &token
                };
                assert!(!clean.contains(secret), "{}: {text} -> {clean}", shape.id);
            }
        }
    }
}

#[test]
fn what_is_too_short_for_its_shape_stays() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut seen = 0;
    for shape in SHAPES {
        let Some(TokenPart::Run(_, least)) = shape.then.last() else {
            continue;
        };
        for start in shape.starts {
            let token = sample(shape, start, least - least / 3, &mut random);
            // What is short for one shape may be long enough for another, or a random word behind a key.
            if let Some((clean, _)) = redactor().text(&format!("see {token} there")) {
                assert!(
                    clean.starts_with("see [redacted:") || clean.contains("[redacted:token]"),
                    "{clean}"
                );
            } else {
                seen += 1;
            }
        }
    }
    assert!(
        seen > SHAPES.len() / 2,
        "most are distinguished by their length: {seen}"
    );
}

#[test]
fn a_token_of_a_discord_bot_goes_and_other_words_with_full_stops_stay() {
    // Put together here, so that no scanner takes this file for a leak.
    for first in ["MTE", "Nzk", "OTk"] {
        let token = format!(
            "{first}{}.G{}.{}",
            "y".repeat(21),
            "aB3_x",
            "k9-Q".repeat(8)
        );
        for (before, after) in [("", ""), ("client.run('", "')"), ("x ", "."), ("=", ",")] {
            let text = format!("{before}{token}{after}");
            let (clean, _) = redactor().text(&text).unwrap_or_else(|| panic!("{text}"));
            assert!(!clean.contains(&token[..20]), "{clean}");
        }
    }
    for text in [
        "Com.example.packag.module.with.a.name",
        "Module.example.function_of_a_long_name_in_it",
        "Mxxxxxxxxxxxxxxxxxxxxxxxx.abcdef.short",
    ] {
        assert_eq!(redactor().text(text), None, "{text}");
    }
}
