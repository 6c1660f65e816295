//! The seed of every random test: another one each time, or the one that `MCPR_TEST_SEED` names.
//!
//! For tests only: no crate may depend on this one but as a dev-dependency, or behind a feature that
//! is for tests.

/// The variable that replays every random test: a decimal number.
pub const VARIABLE: &str = "MCPR_TEST_SEED";

/// A seed for one random test, which prints it where it fails.
///
/// # Panics
/// When the variable is set and is not a number: a run that was meant to replay must not be random.
#[must_use]
pub fn seed() -> u64 {
    match std::env::var(VARIABLE) {
        Ok(text) => text
            .trim()
            .parse()
            .unwrap_or_else(|error| panic!("{VARIABLE}={text}: {error}")),
        Err(_) => fastrand::u64(..),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_replays_and_its_absence_does_not() {
        match std::env::var(VARIABLE) {
            Ok(text) => assert_eq!(seed().to_string(), text.trim()),
            Err(_) => assert_ne!(seed(), seed()),
        }
    }
}
