//! The text formats of Prometheus, read by the letter.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Labels = BTreeMap<String, String>;

/// One value.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// Everything that was shown.
#[derive(Debug)]
pub(crate) struct Exposition(Vec<Sample>);

/// Labels by name.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    pairs.iter().map(owned).collect()
}

impl Exposition {
    /// Reads a text; it fails the test where it is not well formed.
    pub(crate) fn of(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let mut samples = Vec::new();
        let mut families = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let (keyword, rest) = comment.split_once(' ').unwrap();
                let name = rest.split(' ').next().unwrap();
                match keyword {
                    "HELP" => {
                        assert!(families.insert(name.to_owned()), "{name} comes twice");
                        name.clone_into(&mut family);
                    }
                    "TYPE" | "UNIT" => assert_eq!(name, family),
                    other => panic!("no keyword of a comment: {other}"),
                }
                continue;
            }
            let sample = sample(line);
            assert!(is_of(&sample.name, &family), "{line} below {family}");
            let key = (sample.name.clone(), sample.labels.clone());
            assert!(seen.insert(key), "it comes twice: {line}");
            samples.push(sample);
        }
        Self(samples)
    }

    /// The value under a name and exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &Labels) -> Option<f64> {
        let found = self.named(name).find(|sample| sample.labels == *labels);
        found.map(|sample| sample.value)
    }

    /// All values under a name.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// The names of all values.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|sample| &*sample.name).collect()
    }
}

/// Whether a value stands under the description of its family.
fn is_of(name: &str, family: &str) -> bool {
    let suffix = name.strip_prefix(family);
    suffix.is_some_and(|suffix| {
        ["", "_total", "_info", "_bucket", "_sum", "_count"].contains(&suffix)
    })
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, rest) = line.split_at(end);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(name.chars().all(is_name), "{line}");
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => label_list(rest),
        None => (Labels::new(), rest),
    };
    let value = value.strip_prefix(' ').unwrap();
    Sample {
        name: name.to_owned(),
        labels,
        value: value
            .parse()
            .unwrap_or_else(|_| panic!("no number: {line}")),
    }
}

/// The labels up to the closing brace, and what follows it.
fn label_list(mut rest: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap();
        let (mut value, behind) = label_value(behind);
        if name == "le" {
            // `1` in the one format is `1.0` in the other.
            value = value.parse::<f64>().unwrap().to_string();
        }
        assert_eq!(labels.insert(name.to_owned(), value), None, "{name} twice");
        match behind.strip_prefix(',') {
            Some(behind) => rest = behind,
            None => return (labels, behind.strip_prefix('}').unwrap()),
        }
    }
}

/// A label's value without its escapes, and what follows its closing quote.
fn label_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().unwrap().1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => panic!("no escape: {other}"),
            },
            _ => value.push(c),
        }
    }
    panic!("a value without an end: {text}");
}
