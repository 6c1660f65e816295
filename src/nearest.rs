//! The known word that is nearest to one that is not known. Pure.

/// How alike two words must be, from 0 to 1, for one to be taken for a slip of the other.
const ALIKE: f64 = 0.8;

/// The word among those known that was probably meant.
pub(crate) fn did_you_mean<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&word, &known.to_lowercase());
    known
        .iter()
        .map(|known| (likeness(known), *known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_slip_is_met_with_what_was_meant() {
        let known = ["keep", "keep_payloads", "max_size", "error-rate"];
        let cases = [
            ("kep", Some("keep")),
            ("keep-payloads", Some("keep_payloads")),
            ("MaxSize", Some("max_size")),
            ("eror-rate", Some("error-rate")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(did_you_mean(word, &known), expected, "{word}");
        }
    }
}
