//! Whether to use colour: the user's word, then the environment, then whether anybody watches.

use super::Environment;

/// What `--color` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourChoice {
    /// Decide by environment and terminal.
    #[default]
    Auto,
    /// Use colour everywhere.
    Always,
    /// Never use colour.
    Never,
}

/// Whether a stream gets colour.
#[must_use]
pub fn uses_colour(choice: ColourChoice, environment: &Environment, is_terminal: bool) -> bool {
    let set = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    match choice {
        ColourChoice::Always => return true,
        ColourChoice::Never => return false,
        ColourChoice::Auto => {}
    }
    // Before `CLICOLOR_FORCE`: whoever forbids colour must never get any.
    if set(&environment.no_color) {
        return false;
    }
    if set(&environment.clicolor_force) && environment.clicolor_force.as_deref() != Some("0") {
        return true;
    }
    environment.clicolor.as_deref() != Some("0")
        && is_terminal
        // A dumb terminal would print the escape sequences as text.
        && environment.term.as_deref() != Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::environment::tests::environment;
    use ColourChoice::{Always, Auto, Never};

    #[test]
    fn the_first_that_has_a_say_decides() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(ColourChoice, Variables, bool, bool); 14] = [
            (Auto, &[], true, true),
            (Auto, &[], false, false),
            (Auto, &[("TERM", "dumb")], true, false),
            (Auto, &[("NO_COLOR", "1")], true, false),
            (Auto, &[("NO_COLOR", "")], true, true),
            (Auto, &[("CLICOLOR", "0")], true, false),
            (Auto, &[("CLICOLOR", "1")], false, false),
            (Auto, &[("CLICOLOR_FORCE", "1")], false, true),
            (Auto, &[("CLICOLOR_FORCE", "0")], false, false),
            (
                Auto,
                &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                true,
                false,
            ),
            (
                Auto,
                &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")],
                false,
                true,
            ),
            (
                Auto,
                &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")],
                false,
                true,
            ),
            (Always, &[("NO_COLOR", "1"), ("TERM", "dumb")], false, true),
            (Never, &[("CLICOLOR_FORCE", "1")], true, false),
        ];
        for (choice, variables, is_terminal, expected) in cases {
            let got = uses_colour(choice, &environment(variables), is_terminal);
            assert_eq!(got, expected, "{choice:?} {variables:?} {is_terminal}");
        }
    }
}
