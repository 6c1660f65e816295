//! Whether every text of one kind is of another, by walking the automata of their patterns side by
//! side. Exact where the patterns are regular; silent where they are not.

use super::steps::StepBudget;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use std::collections::{HashSet, VecDeque};

/// A pattern that nothing matches.
pub(super) const NO_TEXT: &str = "[^\\s\\S]";

/// How many pairs of states are walked.
const MAX_STATES: usize = 30_000;

/// How large one automaton may become, in bytes.
const MAX_AUTOMATON_BYTES: usize = 2 << 20;

/// Lengths beyond this are not counted.
const MAX_COUNTED_LENGTH: u64 = 300;

/// Texts with a length and patterns.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts<'a> {
    pub(super) patterns: Vec<&'a str>,
    pub(super) min_length: u64,
    pub(super) max_length: Option<u64>,
}

/// Whether every text of `narrow` is one of `wide`; none when that cannot be determined. A text that is
/// not comes along as the shortest there is.
pub(super) fn texts_include(
    narrow: &Texts<'_>,
    wide: &Texts<'_>,
    steps: &StepBudget,
) -> Option<Result<(), String>> {
    let bounds = [narrow.min_length, wide.min_length].into_iter();
    let longest = bounds
        .chain(narrow.max_length)
        .chain(wide.max_length)
        .max()
        .unwrap_or(0);
    // Each pattern is one automaton more, and their states are counted in pairs, triples and so on.
    if longest > MAX_COUNTED_LENGTH || narrow.patterns.len() + wide.patterns.len() > 6 {
        return None;
    }
    if narrow.patterns.is_empty() && wide.patterns.is_empty() {
        return Some(lengths_include(narrow, wide));
    }
    let patterns = narrow.patterns.iter().chain(&wide.patterns);
    let mut automata = patterns
        .map(|pattern| automaton(&ecma(pattern)?, steps))
        .collect::<Option<Vec<_>>>()?;
    // It reads every text that is UTF-8, and dies at bytes that are not.
    automata.push(automaton("^(?s:.)*$", steps)?);
    let walk = Product {
        bytes: distinguishing_bytes(&automata),
        automata,
        narrow,
        wide,
        longest,
        steps,
    };
    walk.first_outside()
}

/// Whether no text matches both patterns; false also when that cannot be determined.
pub(super) fn are_disjoint(one: &str, other: &str, steps: &StepBudget) -> bool {
    let both = Texts {
        patterns: vec![one, other],
        ..Texts::default()
    };
    let none = Texts {
        patterns: vec![NO_TEXT],
        ..Texts::default()
    };
    texts_include(&both, &none, steps) == Some(Ok(()))
}

/// Whether all that matches one pattern matches another.
pub(super) fn pattern_includes(narrow: &str, wide: &str, steps: &StepBudget) -> bool {
    let texts = |pattern| Texts {
        patterns: vec![pattern],
        ..Texts::default()
    };
    narrow == wide || texts_include(&texts(narrow), &texts(wide), steps) == Some(Ok(()))
}

/// The same where lengths alone decide.
fn lengths_include(narrow: &Texts<'_>, wide: &Texts<'_>) -> Result<(), String> {
    // The shortest text outside is too short, or one longer than allowed.
    let too_short = (narrow.min_length < wide.min_length).then_some(narrow.min_length);
    let too_long = || Some(narrow.min_length.max(wide.max_length? + 1));
    let outside = too_short.or_else(too_long);
    match outside.filter(|length| narrow.max_length.is_none_or(|most| *length <= most)) {
        Some(length) => Err((0..length).map(|_| 'a').collect()),
        None => Ok(()),
    }
}

struct Product<'a> {
    /// One byte of each class that all automata treat alike.
    bytes: Vec<u8>,
    automata: Vec<dense::DFA<Vec<u32>>>,
    narrow: &'a Texts<'a>,
    wide: &'a Texts<'a>,
    longest: u64,
    steps: &'a StepBudget,
}

/// The states of all automata, which of them have matched already, and the length so far.
#[derive(Clone, PartialEq, Eq, Hash)]
struct AutomataState {
    states: Vec<StateID>,
    matched: Vec<bool>,
    length: u64,
}

/// Where a byte leads.
enum TextStep {
    To(AutomataState),
    /// No text of interest goes on there.
    Nowhere,
    /// An automaton gives up.
    Unknown,
}

impl Product<'_> {
    fn first_outside(&self) -> Option<Result<(), String>> {
        // Patterns of JSON Schema match anywhere in a text.
        let start = start::Config::new().anchored(Anchored::No);
        let states = self.automata.iter().map(|one| one.start_state(&start).ok());
        let states = states.collect::<Option<Vec<_>>>()?;
        let matched = vec![false; states.len()];
        let start = AutomataState {
            states,
            matched,
            length: 0,
        };
        let mut seen = HashSet::from([start.clone()]);
        // Breadth first, so that the first text found is the shortest.
        let mut queue = VecDeque::from([(start, Vec::new())]);
        let looking = (self.bytes.len() * self.automata.len()) as u64 / 4 + 1;
        while let Some((stand, text)) = queue.pop_front() {
            if !self.steps.take(looking) {
                return None;
            }
            if self.is_outside(&stand)? {
                return String::from_utf8(text).ok().map(Err);
            }
            for byte in self.bytes.iter().copied() {
                let next = match self.step(&stand, byte) {
                    TextStep::To(next) => next,
                    TextStep::Nowhere => continue,
                    TextStep::Unknown => return None,
                };
                // Not counted by steps alone: each also takes memory.
                if seen.len() > MAX_STATES {
                    return None;
                }
                if seen.insert(next.clone()) {
                    let mut text = text.clone();
                    text.push(byte);
                    queue.push_back((next, text));
                }
            }
        }
        Some(Ok(()))
    }

    fn step(&self, stand: &AutomataState, byte: u8) -> TextStep {
        let mut next = stand.clone();
        for (at, automaton) in self.automata.iter().enumerate() {
            let state = automaton.next_state(stand.states[at], byte);
            // An automaton that gave up proves nothing about any text that goes on from here.
            if automaton.is_quit_state(state) {
                return TextStep::Unknown;
            }
            next.states[at] = state;
            // Once it matched within the text, what follows does not matter.
            next.matched[at] |= automaton.is_match_state(state);
        }
        let last = self.automata.len() - 1;
        // What counts of the last one, which reads any text, is where it stands.
        next.matched[last] = false;
        if self.automata[last].is_dead_state(next.states[last]) {
            return TextStep::Nowhere;
        }
        // Longer than every bound, all lengths are alike, which keeps the states few.
        next.length = (next.length + u64::from(begins_character(byte))).min(self.longest + 1);
        let too_long = self
            .narrow
            .max_length
            .is_some_and(|most| next.length > most);
        if too_long {
            TextStep::Nowhere
        } else {
            TextStep::To(next)
        }
    }

    fn is_outside(&self, stand: &AutomataState) -> Option<bool> {
        let mut matches = Vec::new();
        for (at, automaton) in self.automata.iter().enumerate() {
            // Automata report a match one byte late, and `$` only here.
            let end = automaton.next_eoi_state(stand.states[at]);
            if automaton.is_quit_state(end) {
                return None;
            }
            matches.push(stand.matched[at] || automaton.is_match_state(end));
        }
        let (narrow, wide) = matches.split_at(self.narrow.patterns.len());
        let in_bounds = |texts: &Texts<'_>| {
            stand.length >= texts.min_length
                && texts.max_length.is_none_or(|most| stand.length <= most)
        };
        let (wide, is_text) = wide.split_at(wide.len() - 1);
        Some(
            is_text[0]
                && narrow.iter().all(|matches| *matches)
                && in_bounds(self.narrow)
                && !(wide.iter().all(|matches| *matches) && in_bounds(self.wide)),
        )
    }
}

/// All bytes, the readable ones first, so that a text found is a readable one where there is one.
fn bytes() -> impl Iterator<Item = u8> {
    let readable = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z');
    let is_readable = |byte: &u8| byte.is_ascii_alphanumeric();
    readable.chain((0..=255).filter(move |byte| !is_readable(byte)))
}

/// The first byte of each class that every automaton reads in the same way, in the order of all.
fn distinguishing_bytes(automata: &[dense::DFA<Vec<u32>>]) -> Vec<u8> {
    let mut seen = HashSet::new();
    let is_new = |byte: &u8| {
        let classes = automata.iter().map(|one| one.byte_classes().get(*byte));
        // Lengths are counted in characters, so that the first byte of one is distinguished from the others.
        seen.insert((begins_character(*byte), classes.collect::<Vec<_>>()))
    };
    bytes().filter(is_new).collect()
}

fn begins_character(byte: u8) -> bool {
    // Every byte but those that go on with a character in UTF-8.
    byte & 0xc0 != 0x80
}

/// How many bytes of an automaton are built in one step.
const BYTES_PER_STEP: usize = 16;

/// None also when it becomes too large, which takes as long as one of the largest size.
fn automaton(pattern: &str, steps: &StepBudget) -> Option<dense::DFA<Vec<u32>>> {
    let most = u64::try_from(MAX_AUTOMATON_BYTES / BYTES_PER_STEP).unwrap_or(u64::MAX);
    // Building cannot be interrupted, so that the steps for the largest must be there.
    if steps.left() < most {
        return None;
    }
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(MAX_AUTOMATON_BYTES))
        .determinize_size_limit(Some(MAX_AUTOMATON_BYTES));
    let thompson = thompson::Config::new().nfa_size_limit(Some(MAX_AUTOMATON_BYTES));
    let mut builder = dense::Builder::new();
    builder.configure(config).thompson(thompson);
    let built = builder.build(pattern).ok();
    let bytes = built.as_ref().map(dense::DFA::memory_usage);
    let taken = bytes.map(|bytes| u64::try_from(bytes / BYTES_PER_STEP).unwrap_or(most));
    steps.take(taken.unwrap_or(most));
    built
}

/// A pattern of JSON Schema in the syntax of the automata; none when it says what they cannot.
fn ecma(pattern: &str) -> Option<String> {
    let translated = jsonschema_regex::to_rust_regex(pattern).ok()?;
    if translated.contains("\\b") || translated.contains("\\B") {
        return None;
    }
    let mut made = String::with_capacity(translated.len());
    let mut in_class = 0_usize;
    let mut chars = translated.chars();
    while let Some(one) = chars.next() {
        match one {
            '\\' => {
                made.push(one);
                made.extend(chars.next());
                continue;
            }
            '[' => in_class += 1,
            ']' => in_class = in_class.saturating_sub(1),
            // In ECMA-262 the dot leaves out four ends of lines, here it would leave out one.
            '.' if in_class == 0 => {
                made.push_str("[^\\n\\r\\u2028\\u2029]");
                continue;
            }
            _ => {}
        }
        made.push(one);
    }
    Some(made)
}

/// A pattern for one text and no other.
pub(super) fn exactly(text: &str) -> String {
    let escaped = |one: char| {
        // All else by its number, so that no sign has a meaning of its own.
        let is_plain = one.is_alphanumeric() || one == '_' || one == ' ';
        if is_plain {
            one.to_string()
        } else {
            format!("\\u{{{:x}}}", u32::from(one))
        }
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn included(narrow: &Texts<'_>, wide: &Texts<'_>) -> Option<Result<(), String>> {
        texts_include(narrow, wide, &StepBudget::of(10_000_000))
    }

    #[test]
    fn patterns_are_compared_exactly() {
        let check = |narrow: &str, wide: &str, expected: Option<Result<(), &str>>| {
            let texts = |pattern| Texts {
                patterns: vec![pattern],
                ..Texts::default()
            };
            let found = included(&texts(narrow), &texts(wide));
            let expected = expected.map(|found| found.map_err(str::to_owned));
            assert_eq!(found, expected, "{narrow} in {wide}");
        };
        check("^a$", "a", Some(Ok(())));
        check("a", "^a$", Some(Err("aa")));
        check("^ba+b$", "b.*b", Some(Ok(())));
        check("^[a-z]{2}$", "^[a-z]{2,3}$", Some(Ok(())));
        check("^[a-z]{2,3}$", "^[a-z]{2}$", Some(Err("aaa")));
        check("^\\d+$", "^[0-9]+$", Some(Ok(())));
        check("^\\w$", "^[0-9A-Za-z_]$", Some(Ok(())));
        check("^.$", "^[a-zA-Z]$", Some(Err("0")));
        check("(?=x)y", "y", None);
    }

    #[test]
    fn lengths_count_characters() {
        let texts = |pattern, min_length, max_length| Texts {
            patterns: vec![pattern],
            min_length,
            max_length,
        };
        let texts_of = |min_length, max_length| Texts {
            patterns: Vec::new(),
            min_length,
            max_length,
        };
        let (narrow, wide) = (texts("^(ab)*$", 0, Some(5)), texts("^(ab){0,3}$", 0, None));
        assert_eq!(included(&narrow, &wide), Some(Ok(())));
        assert_eq!(included(&wide, &narrow), Some(Err("ababab".to_owned())));
        let (narrow, wide) = (texts_of(2, Some(4)), texts_of(1, None));
        assert_eq!(included(&narrow, &wide), Some(Ok(())));
        assert_eq!(included(&wide, &narrow), Some(Err("a".to_owned())));
        let (narrow, wide) = (texts_of(2, Some(4)), texts_of(2, Some(3)));
        assert_eq!(included(&narrow, &wide), Some(Err("aaaa".to_owned())));
        assert_eq!(
            included(&texts_of(4, Some(3)), &texts_of(9, None)),
            Some(Ok(()))
        );
        let (narrow, wide) = (texts("^é+$", 0, Some(2)), texts("^é{0,2}$", 0, None));
        assert_eq!(included(&narrow, &wide), Some(Ok(())));
    }

    #[test]
    fn disjoint_patterns_are_reported() {
        assert!(are_disjoint("^a", "^b", &StepBudget::of(1_000_000)));
        assert!(!are_disjoint("a", "b", &StepBudget::of(1_000_000)));
    }
}
