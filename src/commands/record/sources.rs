//! The sources named on the command line, checked before anything is opened or made.

use mcpr_tail::{PathKind, SourceSpec, classify, text_of};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// What is to be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// Files and globs, followed by the tailer.
    pub(super) files: Vec<SourceSpec>,
    /// Streams that can be read only once.
    pub(super) streams: Vec<Stream>,
    /// Files that are not there yet.
    pub(super) awaited: Vec<PathBuf>,
    /// Patterns that match no file yet.
    pub(super) unmatched: Vec<String>,
    /// Named pipes that a pattern matches and nobody reads.
    pub(super) pipes: Vec<PathBuf>,
}

/// A stream that can be read only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard input.
    Stdin,
    /// A named pipe.
    Fifo(PathBuf),
}

impl Stream {
    /// The name a person knows it by.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::Fifo(path) => text_of(path).into(),
        }
    }
}

/// A source that cannot be read: which, why, and what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{path}: {message}")]
pub(super) struct BadSource {
    path: String,
    message: String,
    /// What a person can do.
    pub(super) hint: String,
}

impl BadSource {
    fn new(path: &OsStr, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            path: text_of(Path::new(path)).into(),
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl Sources {
    /// Sorts the arguments; `once` says that nothing is waited for.
    pub(super) fn resolve(arguments: &[OsString], once: bool) -> Result<Self, BadSource> {
        let mut sources = Self::default();
        for argument in arguments {
            sources.add(argument, once)?;
        }
        Ok(sources)
    }

    /// Adds the logs of these patterns: with `once` those that are there, else also those that appear later.
    pub(super) fn discover(&mut self, patterns: &[PathBuf], once: bool) {
        for pattern in patterns {
            let spec = SourceSpec::parse(pattern.as_os_str());
            // Nobody named them, so that those that are missing are not reported.
            if (!once || spec.matches_any()) && !self.files.contains(&spec) {
                self.files.push(spec);
            }
        }
    }

    fn add(&mut self, argument: &OsStr, once: bool) -> Result<(), BadSource> {
        if argument == "-" {
            if !self.streams.contains(&Stream::Stdin) {
                self.streams.push(Stream::Stdin);
            }
            return Ok(());
        }
        let path = Path::new(argument);
        let kind = classify(path).map_err(|error| {
            BadSource::new(
                argument,
                format!("cannot be read: {error}"),
                "check its permissions",
            )
        })?;
        match kind {
            PathKind::Regular => {
                readable(argument)?;
                self.files.push(SourceSpec::Path(path.to_owned()));
                Ok(())
            }
            PathKind::Fifo => {
                self.streams.push(Stream::Fifo(path.to_owned()));
                Ok(())
            }
            PathKind::Directory => Err(BadSource::new(
                argument,
                "is a directory",
                format!(
                    "name its files with a glob: '{}/*.log'",
                    text_of(path).trim_end_matches('/')
                ),
            )),
            PathKind::Other => Err(BadSource::new(
                argument,
                "is neither a file nor a named pipe",
                "name a file, a named pipe, or - for standard input",
            )),
            PathKind::Missing => self.add_missing(argument, once),
        }
    }

    /// What is not there is a glob, or a file that can appear later in a directory that is.
    fn add_missing(&mut self, argument: &OsStr, once: bool) -> Result<(), BadSource> {
        let spec = SourceSpec::parse(argument);
        match &spec {
            SourceSpec::Glob(_) => {
                let matches = spec.matches_any();
                let pipes = spec.named_pipes();
                if let (false, Some(pipe)) = (matches || spec.has_rotated(), pipes.first()) {
                    let hint = format!("name the pipe itself: {}", text_of(pipe));
                    let message = "no file matches, only a named pipe, which no glob reads";
                    return Err(BadSource::new(argument, message, hint));
                }
                self.pipes.extend(pipes);
                if once && !matches && !spec.has_rotated() {
                    let hint = "check the pattern, or leave --once out to wait for files";
                    return Err(BadSource::new(argument, "no file matches", hint));
                }
                if !once && !matches {
                    let pattern = text_of(Path::new(argument));
                    self.unmatched.push(pattern.into());
                }
            }
            SourceSpec::Path(path) => {
                if (once && !spec.has_rotated()) || !has_directory(path) {
                    return Err(BadSource::new(argument, "no such file", "check the path"));
                }
                if !once {
                    self.awaited.push(path.clone());
                }
            }
        }
        self.files.push(spec);
        Ok(())
    }
}

fn has_directory(path: &Path) -> bool {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.is_dir(),
        _ => true,
    }
}

fn readable(argument: &OsStr) -> Result<(), BadSource> {
    std::fs::File::open(argument).map(drop).map_err(|error| {
        let message = format!("cannot be read: {error}");
        BadSource::new(argument, message, "check its permissions")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(argument: &Path, once: bool) -> Result<Sources, BadSource> {
        Sources::resolve(&[argument.as_os_str().to_owned()], once)
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let cases = [
            (at("none.log"), "no such file"),
            (at("none/none.log"), "no such file"),
            (at("*.none"), "no file matches"),
            (directory.path().to_owned(), "is a directory"),
            (
                PathBuf::from("/dev/null"),
                "is neither a file nor a named pipe",
            ),
        ];
        for (path, expected) in cases {
            let error = resolve(&path, true).expect_err(expected);
            assert_eq!(error.message, expected, "{}", path.display());
            assert!(!error.hint.is_empty());
        }
    }

    #[test]
    fn without_once_a_missing_file_is_awaited_where_its_directory_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("later.log");
        assert_eq!(resolve(&file, false).expect("awaited").awaited, [file]);
        let nowhere = directory.path().join("none/later.log");
        assert!(resolve(&nowhere, false).is_err());
    }

    #[test]
    fn a_named_pipe_that_a_pattern_matches_is_reported() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("p.fifo");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo runs").success());
        let all = directory.path().join("p.*");
        let error = resolve(&all, true).expect_err("nothing to read");
        assert!(error.hint.ends_with("p.fifo"), "{error:?}");
        std::fs::write(directory.path().join("p.log"), "").expect("a file");
        assert_eq!(resolve(&all, true).expect("a file").pipes, [pipe]);
    }

    #[test]
    fn standard_input_counts_once() {
        let arguments = ["-".into(), "-".into()];
        let sources = Sources::resolve(&arguments, true).expect("standard input");
        assert_eq!(sources.streams, [Stream::Stdin]);
    }
}
