//! Whether to use colour: the user's word, then the environment, then whether anybody watches.

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

/// The variables that have a say, as they were at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NO_COLOR`: any value but the empty one forbids colour (no-color.org).
    pub no_color: Option<String>,
    /// `CLICOLOR_FORCE`: any value but `0` and the empty one demands it (bixense.com/clicolors).
    pub clicolor_force: Option<String>,
    /// `CLICOLOR`: `0` forbids it.
    pub clicolor: Option<String>,
    /// `TERM`: `dumb` knows no colour.
    pub term: Option<String>,
    /// `COLUMNS`: the width where the terminal does not tell.
    pub columns: Option<String>,
}

impl Environment {
    /// What the process was started with.
    #[must_use]
    pub fn of_process() -> Self {
        let read = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            no_color: read("NO_COLOR"),
            clicolor_force: read("CLICOLOR_FORCE"),
            clicolor: read("CLICOLOR"),
            term: read("TERM"),
            columns: read("COLUMNS"),
        }
    }

    /// The width that `COLUMNS` gives.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.columns
            .as_ref()?
            .trim()
            .parse()
            .ok()
            .filter(|&columns| columns > 0)
    }
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
    if set(&environment.no_color) {
        return false;
    }
    if set(&environment.clicolor_force) && environment.clicolor_force.as_deref() != Some("0") {
        return true;
    }
    environment.clicolor.as_deref() != Some("0")
        && is_terminal
        && environment.term.as_deref() != Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColourChoice::{Always, Auto, Never};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let get = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Environment {
            no_color: get("NO_COLOR"),
            clicolor_force: get("CLICOLOR_FORCE"),
            clicolor: get("CLICOLOR"),
            term: get("TERM"),
            columns: get("COLUMNS"),
        }
    }

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

    #[test]
    fn columns_is_a_positive_number() {
        for (value, expected) in [("80", Some(80)), ("0", None), ("", None), ("wide", None)] {
            assert_eq!(environment(&[("COLUMNS", value)]).columns(), expected);
        }
    }
}
