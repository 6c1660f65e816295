//! What the process reports to its caller when it ends.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; an empty list is done too.
    Done,
    /// Done, and the answer is no: nothing found, a change found, damage found.
    No,
    /// An error, usage included.
    Failed,
    /// Ended by this signal.
    Signal(u8),
    /// With the code of a program that was run.
    Child(u8),
}

impl Exit {
    /// The number the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Failed => 2,
            // As shells report a program that a signal has ended.
            Self::Signal(number) => 128_u8.saturating_add(number),
            Self::Child(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_are_those_of_the_manual() {
        let codes = [
            Exit::Done,
            Exit::No,
            Exit::Failed,
            Exit::Signal(2),
            Exit::Signal(15),
            Exit::Child(7),
        ];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 130, 143, 7]);
    }
}
