//! How a server ended, and in which words that is said.

use std::fmt;

/// How the server ended, as the shell counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerExit {
    /// With this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

/// The end of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerEnd {
    /// How it ended.
    pub exit: ServerExit,
    /// Whether it was not to end: its client was there and nobody asked it, or it failed.
    pub is_death: bool,
}

impl fmt::Display for ServerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "server exited with code {code}"),
            Self::Signal(number) => {
                write!(f, "server was killed by signal {number}")?;
                // A number alone has to be looked up.
                let name = signal_hook::low_level::signal_name(i32::from(*number));
                name.map_or(Ok(()), |name| write!(f, " ({name})"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_says_its_code_or_its_signal_by_name() {
        let told = [
            ServerExit::Code(1),
            ServerExit::Signal(9),
            ServerExit::Signal(250),
        ];
        let expected = [
            "server exited with code 1",
            "server was killed by signal 9 (SIGKILL)",
            "server was killed by signal 250",
        ];
        assert_eq!(told.map(|exit| exit.to_string()), expected);
    }
}
