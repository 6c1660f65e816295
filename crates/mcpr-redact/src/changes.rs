//! The new value that stands beside the old one of a key: `"old" -> "new"` of Terraform, `from 'old' to
//! 'new'` of a log. Must not decide which keys are secret.

use super::scan::Pass;
use super::value::{self, FoundValue};
use super::words;

/// What stands between the two.
const ARROWS: [&str; 6] = ["->", "=>", "→", "⇒", "to ", "-&gt;"];

/// Most blanks around an arrow.
const MAX_GAP: usize = 32;

impl Pass<'_> {
    /// Takes what was found, and the value behind an arrow.
    pub(super) fn take_with_new(&mut self, found: FoundValue) {
        let (from, end) = (found.secret.start, found.end);
        let new = self.new_value(end);
        self.take(found.secret, end, "key");
        if let Some(new) = new {
            self.take(new.secret, new.end, "key");
            self.skip = from..self.skip.end;
        }
    }

    /// A key's old value was not a secret, such as `null`: the new one behind the arrow may be.
    pub(super) fn take_new(&mut self, end: usize) {
        if let Some(new) = self.new_value(end) {
            self.take(new.secret, new.end, "key");
        }
    }

    fn new_value(&self, end: usize) -> Option<FoundValue> {
        let text = self.text;
        let gap = value::blanks(&text[end..]).min(MAX_GAP);
        let rest = &text[end + gap..];
        let arrow = ARROWS
            .iter()
            .find(|arrow| rest.starts_with(arrow.as_bytes()))?;
        let at = end + gap + arrow.len();
        let at = at + value::blanks(&text[at..]).min(MAX_GAP);
        let new = value::value(text, at, &self.steps)?;
        let candidate = &text[new.secret.clone()];
        let short = &candidate[..candidate.len().min(256)];
        // Behind an arrow programs have types, too, and prose words behind `to`.
        let is_word = new.is_quoted || words::looks_random(short);
        (is_word && !new.is_code && !words::is_placeholder(short)).then_some(new)
    }
}
