//! The variables that have a say in how output looks, read once at the start.

use super::pager::DEFAULT_PAGER;

/// What the process was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NO_COLOR`: any value but the empty one forbids colour (no-color.org).
    pub no_color: Option<String>,
    /// `CLICOLOR_FORCE`: any value but `0` and the empty one demands it (bixense.com/clicolors).
    pub clicolor_force: Option<String>,
    /// `CLICOLOR`: `0` forbids it.
    pub clicolor: Option<String>,
    /// `TERM`: `dumb` knows no colour and no pager.
    pub term: Option<String>,
    /// `COLUMNS`: the width where the terminal does not report.
    pub columns: Option<String>,
    /// `LINES`: the height where the terminal does not report.
    pub lines: Option<String>,
    /// `COLORFGBG`: what some terminals say of their colours.
    pub colorfgbg: Option<String>,
    /// `MCPR_PAGER`: the pager for mcpr alone.
    pub mcpr_pager: Option<String>,
    /// `PAGER`: the pager for every program.
    pub pager: Option<String>,
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::read(&|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The variables as `get` reports them.
    pub(super) fn read(get: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            no_color: get("NO_COLOR"),
            clicolor_force: get("CLICOLOR_FORCE"),
            clicolor: get("CLICOLOR"),
            term: get("TERM"),
            columns: get("COLUMNS"),
            lines: get("LINES"),
            colorfgbg: get("COLORFGBG"),
            mcpr_pager: get("MCPR_PAGER"),
            pager: get("PAGER"),
        }
    }

    /// The width that `COLUMNS` gives.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        positive(self.columns.as_deref())
    }

    /// The height that `LINES` gives.
    #[must_use]
    pub fn lines(&self) -> Option<usize> {
        positive(self.lines.as_deref())
    }

    /// The command that long output goes through; `None` where it goes through none.
    #[must_use]
    pub fn pager_command(&self) -> Option<&str> {
        // A variable that is set and empty asks for no pager, so it must not fall through to the
        // next.
        let named = self.mcpr_pager.as_deref().or(self.pager.as_deref());
        let command = named.unwrap_or(DEFAULT_PAGER).trim();
        let is_dumb = self.term.as_deref() == Some("dumb");
        (!is_dumb && !matches!(command, "" | "cat")).then_some(command)
    }
}

fn positive(text: Option<&str>) -> Option<usize> {
    text?.trim().parse().ok().filter(|&number| number > 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::Environment;

    /// The environment in which only these are set.
    pub(in crate::console) fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::read(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn sizes_are_positive_numbers() {
        for (value, expected) in [
            ("80", Some(80)),
            (" 80 ", Some(80)),
            ("0", None),
            ("", None),
            ("wide", None),
        ] {
            assert_eq!(environment(&[("COLUMNS", value)]).columns(), expected);
            assert_eq!(environment(&[("LINES", value)]).lines(), expected);
        }
    }

    #[test]
    fn the_first_pager_that_is_named_counts() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, Option<&str>); 8] = [
            (&[], Some("less -FRX")),
            (&[("PAGER", "more -d")], Some("more -d")),
            (&[("PAGER", "more"), ("MCPR_PAGER", "most")], Some("most")),
            (&[("PAGER", "more"), ("MCPR_PAGER", "")], None),
            (&[("PAGER", "")], None),
            (&[("PAGER", " cat ")], None),
            (&[("PAGER", "cat -v")], Some("cat -v")),
            (&[("PAGER", "more"), ("TERM", "dumb")], None),
        ];
        for (variables, expected) in cases {
            let got = environment(variables);
            assert_eq!(got.pager_command(), expected, "{variables:?}");
        }
    }
}
