//! What is not looked at, because it cannot be a secret, is what looking at it would leave alone.

use super::redactor;
use crate::keys;
use crate::scan::{Mode, is_short_word, pass};

fn random_word(random: &mut fastrand::Rng, parts: &[&str], most: usize) -> String {
    let count = random.usize(1..=most);
    (0..count)
        .map(|_| parts[random.usize(..parts.len())])
        .collect()
}

#[test]
fn a_word_too_short_for_a_token_holds_no_secret() {
    let parts = [
        "a", "7", "_", "-", ".", "token", "key", "sk-", "xoxb-", "napi_", "re_", "AKIA", "eyJ",
        "auth", "a1B2c3",
    ];
    let seed = mcpr_seed::seed();
    println!("MCPR_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut short = 0;
    for _ in 0..20_000 {
        let word = random_word(&mut random, &parts, 6);
        if is_short_word(word.as_bytes()) {
            short += 1;
            assert_eq!(pass(word.as_bytes(), Mode::default()), None, "{word}");
        }
    }
    assert!(short > 1_000, "{short} of the words were short");
}

#[test]
fn a_word_that_a_secret_may_stand_in_is_looked_at() {
    let texts = [
        "token=a",
        "pw=x",
        "a:b@c",
        "a b",
        "\"",
        "napi_a1B2c3D4e5F6",
        "é",
    ];
    for text in texts {
        assert!(!is_short_word(text.as_bytes()), "{text}");
    }
}

/// Names are looked up by their last two letters; the answer is that of going through the lists.
#[test]
fn the_end_of_a_name_is_found_as_in_its_list() {
    for list in keys::lists() {
        for word in list.words {
            for name in [(*word).to_owned(), format!("my{word}"), format!("x9{word}")] {
                let found = list.endings.of(name.as_bytes());
                let first = list.words.iter().find(|word| name.ends_with(**word));
                assert_eq!(found, first.copied(), "{name}");
            }
        }
        assert_eq!(list.endings.of(b"x"), None);
        assert_eq!(list.endings.of(b""), None);
    }
}

#[test]
fn a_user_s_pattern_sees_short_words_too() {
    let redactor = crate::Redactor::new(&["^acme$".to_owned()]).unwrap();
    assert_eq!(redactor.json(r#"{"a":"acme"}"#, 99).redacted, 1);
    assert_eq!(redactor.text("acme").unwrap().1, 1);
    assert_eq!(self::redactor().text("acme"), None);
}

/// Most names are ruled out by their end and a pair of letters; the answer is that of all lists.
#[test]
fn a_name_that_is_ruled_out_early_is_none_of_a_secret() {
    let parts = [
        "p",
        "P",
        "pa",
        "pi",
        "pass",
        "word",
        "wd",
        "phrase",
        "api",
        "key",
        "Key",
        "keys",
        "_",
        "-",
        ".",
        "a",
        "s",
        "x",
        "7",
        "auth",
        "Auth",
        "bearer",
        "signature",
        "text",
        "value",
        "token",
        "é",
        " ",
        "[redacted:key]",
    ];
    let words = keys::lists().into_iter().flat_map(|list| list.words);
    let words: Vec<&str> = words.copied().chain(parts).collect();
    let seed = mcpr_seed::seed();
    println!("MCPR_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut secret = 0;
    for _ in 0..50_000 {
        let list = if random.bool() { &words[..] } else { &parts };
        let name = random_word(&mut random, list, 5);
        let by_lists = keys::secrecy_by_lists(name.as_bytes());
        assert_eq!(keys::secrecy(name.as_bytes()), by_lists, "{name}");
        secret += usize::from(by_lists != keys::Secrecy::None);
    }
    assert!(secret > 5_000, "{secret} of the names were of secrets");
}
