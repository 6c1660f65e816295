//! Texts that a pattern matches, to try as witnesses. Only proposals: the validator decides.

use regex_syntax::hir::{Class, Hir, HirKind};

/// How many texts one pattern yields.
const MAX_TEXTS: usize = 24;

/// Some texts that match, the plain ones first; none for patterns that only other engines read.
pub(super) fn texts_matching(pattern: &str) -> Vec<String> {
    let Ok(hir) = regex_syntax::parse(pattern) else {
        return Vec::new();
    };
    let mut texts = texts_of(&hir);
    texts.dedup();
    texts.truncate(MAX_TEXTS);
    texts
}

fn texts_of(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        // Anchors match without a text; whether they hold where they stand, the validator decides.
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => chars_of(class).into_iter().map(String::from).collect(),
        HirKind::Capture(capture) => texts_of(&capture.sub),
        HirKind::Alternation(branches) => branches.iter().flat_map(texts_of).collect(),
        HirKind::Concat(parts) => concatenated(parts),
        HirKind::Repetition(repetition) => {
            let inner = texts_of(&repetition.sub);
            let most = repetition.max.unwrap_or(u32::MAX);
            // The least, one more, and a few, as far as the bound allows.
            let counts = [
                repetition.min,
                repetition.min.saturating_add(1),
                3.min(most),
            ];
            // Long repetitions multiply when they are nested.
            let counts = counts.into_iter().filter(|count| *count <= most.min(256));
            let mut texts = Vec::new();
            for count in counts {
                for text in inner.iter().take(MAX_TEXTS / 3) {
                    texts.push(text.repeat(count as usize));
                }
            }
            texts.dedup();
            texts
        }
    }
}

/// The first text of every part, then each part's other texts in turn among the first of the others.
fn concatenated(parts: &[Hir]) -> Vec<String> {
    let choices = parts.iter().map(texts_of).collect::<Vec<_>>();
    // A part that nothing matches leaves nothing for the whole.
    if choices.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let first = |at: usize| choices[at][0].as_str();
    let mut texts = vec![(0..choices.len()).map(first).collect::<String>()];
    for (changed, others) in choices.iter().enumerate() {
        for other in others.iter().skip(1).take(MAX_TEXTS) {
            let part = |at| {
                if at == changed {
                    other.as_str()
                } else {
                    first(at)
                }
            };
            texts.push((0..choices.len()).map(part).collect());
        }
    }
    texts.truncate(MAX_TEXTS * 2);
    texts
}

/// Ends and middles of a class's ranges, letters and digits before signs.
fn chars_of(class: &Class) -> Vec<char> {
    let mut chars = Vec::new();
    let mut add = |start: u32, end: u32| {
        let middle = start + (end - start) / 2;
        let familiar = ['a', 'b', 'A', '0', '1', ' '].map(u32::from);
        let familiar = familiar
            .into_iter()
            .filter(|code| (start..=end).contains(code));
        chars.extend(
            familiar
                .chain([start, end, middle])
                .filter_map(char::from_u32),
        );
    };
    match class {
        Class::Unicode(class) => {
            // Classes such as `\w` have hundreds of ranges, of which a few are enough.
            let ranges = class.ranges().iter().take(32);
            ranges.for_each(|range| add(range.start().into(), range.end().into()));
        }
        Class::Bytes(class) => {
            let ranges = class.ranges().iter().take(32);
            ranges.for_each(|range| add(range.start().into(), range.end().into()));
        }
    }
    chars.sort_by_key(|one| (!one.is_ascii_alphanumeric(), !one.is_ascii_graphic()));
    chars.dedup();
    chars.truncate(MAX_TEXTS);
    chars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_matches() {
        for pattern in [
            "^a+b?$",
            "^[0-9]{3}-[a-z]+$",
            "x|yz",
            "^(foo|ba[rz])$",
            r"^\w{2,4}$",
            "",
        ] {
            let texts = texts_matching(pattern);
            assert!(!texts.is_empty(), "{pattern}");
            let judge =
                super::super::engine::CompiledSchema::of(&serde_json::json!({"pattern": pattern}));
            let judge = judge.unwrap();
            for text in texts {
                assert!(judge.accepts(&text.clone().into()), "{pattern}: {text:?}");
            }
        }
        assert!(texts_matching("(?=a)b").is_empty());
    }
}
