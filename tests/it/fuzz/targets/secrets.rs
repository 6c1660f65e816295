//! Secrets among hostile bytes: gone, whatever stands around them, and nothing else is broken by it.

use super::Choices;
use mcpr_redact::Redactor;
use serde_json::{Value, json};

/// A token of a known shape, as no capture has one.
const TOKEN: &str = "ghp_q7Zr2Lk9Xw4Tn8Vb3Mc6Hd1Jf5Gs0Pa7Ye2";

/// Plants a token, a key and a document of their own; takes everything out once, and once more.
pub(super) fn redacted(data: &[u8]) {
    let mut choices = Choices::new(data);
    let limit = usize::from(choices.byte()) * 16;
    let text = String::from_utf8_lossy(choices.rest()).into_owned();
    let redactor = Redactor::default();

    let middle = text.floor_char_boundary(text.len() / 2);
    let (before, after) = text.split_at(middle);
    let planted = format!("{before} {TOKEN} {after}");
    let (clean, count) = redactor.text(&planted).expect("there is a secret in it");
    assert!(!clean.contains(TOKEN), "{clean:?}");
    assert!(count > 0);
    if let Some((again, _)) = redactor.text(&clean) {
        assert_eq!(again, clean, "once is enough");
    }

    let document = json!({"a": [text, {"password": planted}], "b": TOKEN, TOKEN: 1}).to_string();
    let whole = redactor.json(&document, usize::MAX);
    assert!(!whole.is_cut);
    let read: Value = serde_json::from_str(&whole.text).expect("JSON stays JSON");
    assert_eq!(read["b"], "[redacted:token]");
    assert!(!whole.text.contains(TOKEN), "{:?}", whole.text);
    // Alone the text may be a word that stands in a secret's place: `null`.
    assert_eq!(read["a"][1]["password"], "[redacted:key]");
    let cut = redactor.json(&document, limit);
    assert!(!cut.text.contains(TOKEN), "{:?}", cut.text);
    assert!(cut.is_cut || cut.text == whole.text);

    // What claims to be JSON need not be.
    let odd = redactor.json(&planted, limit);
    assert!(!odd.text.contains(TOKEN), "{:?}", odd.text);
}
