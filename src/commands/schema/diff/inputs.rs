//! What files, directories, revisions of git and standard input hold, as texts and as a surface.

use super::sides::Side;
use crate::commands::Refused;
use mcpr_surface::gather::{GatherError, Gatherer};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Most files of a directory that are read.
const MAX_FILES: usize = 10_000;

/// How the names of files end that hold a tool of a directory.
const ENDINGS: &[&str] = &[".json", ".snap"];

/// The texts of one side, before they are read as lists.
#[derive(Debug)]
pub(crate) struct Texts {
    /// What they are, in words.
    pub(crate) name: String,
    pub(crate) files: Vec<(String, String)>,
}

impl Texts {
    /// Reads all that one side is made of.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, Refused> {
        let mut files = Vec::new();
        let mut names = Vec::new();
        for path in paths {
            let read = of_one(path)?;
            names.push(match read.as_slice() {
                // Standard input has a name of its own.
                [(name, _)] => name.clone(),
                _ => path.display().to_string(),
            });
            files.extend(read);
        }
        let name = names.join(" + ");
        Ok(Self { name, files })
    }

    /// Whether the other side has the same texts, whatever their names.
    pub(crate) fn are_those_of(&self, other: &Self) -> bool {
        let texts = |side: &Self| side.files.len();
        let both = self.files.iter().zip(&other.files);
        texts(self) == texts(other) && both.into_iter().all(|((_, a), (_, b))| a == b)
    }

    /// What they hold.
    pub(crate) fn side(self) -> Result<Side, Refused> {
        let Self { name, files } = self;
        let refused = |name: &str, error: &GatherError| {
            let refused = Refused::new(format!("{name}: {error}"));
            match error {
                GatherError::Tampered => refused.hint("take it anew with `mcpr schema snapshot`"),
                GatherError::Proxies(_) => refused,
                GatherError::Unread { .. } => refused.hint(
                    "give the result of a list such as tools/list, the whole JSON-RPC answer, what \
                     the server wrote to its standard output, or what `mcpr schema --json` prints",
                ),
            }
        };
        let mut gatherer = Gatherer::default();
        for (name, text) in &files {
            gatherer.add(text).map_err(|error| refused(name, &error))?;
        }
        let (surface, places, noise) = gatherer.finish().map_err(|error| refused(&name, &error))?;
        Ok(Side {
            name,
            surface: surface.into(),
            files,
            places,
            noise,
        })
    }
}

/// Name and text of each file that a path stands for.
fn of_one(path: &Path) -> Result<Vec<(String, String)>, Refused> {
    let name = path.display().to_string();
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let name = "standard input".to_owned();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Refused::new(format!("cannot read {name}: {error}")))?;
        let text = text_of(&name, bytes)?;
        return Ok(vec![(name, text)]);
    }
    if path.is_dir() {
        return of_directory(path);
    }
    // A file of that name comes first: names may hold colons.
    let revision = name.split_once(':').filter(|_| !path.exists());
    if let Some((revision, inner)) = revision
        && !revision.is_empty()
    {
        return of_revision(revision, inner);
    }
    let bytes =
        fs::read(path).map_err(|error| Refused::new(format!("cannot read {name}: {error}")))?;
    Ok(vec![(name.clone(), text_of(&name, bytes)?)])
}

fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Refused::new(format!("{name}: invalid UTF-8 at byte {at}"))
    })
}

/// Whether a file of a directory is one of those that are read.
fn is_meant(name: &str) -> bool {
    !name.starts_with('.') && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn checked(names: &mut [String], place: &str) -> Result<(), Refused> {
    if names.is_empty() {
        return Err(
            Refused::new(format!("{place}: no file in it ends with .json or .snap"))
                .hint("a directory holds one tool a file, or lists"),
        );
    }
    if names.len() > MAX_FILES {
        let count = names.len();
        return Err(Refused::new(format!(
            "{place}: {count} files, more than {MAX_FILES} are not read"
        )));
    }
    // In an order that is the same everywhere.
    names.sort();
    Ok(())
}

fn of_directory(path: &Path) -> Result<Vec<(String, String)>, Refused> {
    let refused =
        |error: std::io::Error| Refused::new(format!("cannot read {}: {error}", path.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(refused)? {
        let name = entry.map_err(refused)?.file_name();
        // A name that is not UTF-8 is not one of ours.
        names.extend(name.into_string().ok().filter(|name| is_meant(name)));
    }
    checked(&mut names, &path.display().to_string())?;
    let read = names.into_iter().map(|name| {
        let path = path.join(name);
        let name = path.display().to_string();
        let bytes = fs::read(&path);
        let bytes = bytes.map_err(|error| Refused::new(format!("cannot read {name}: {error}")))?;
        Ok((name.clone(), text_of(&name, bytes)?))
    });
    read.collect()
}

/// What git has under a path at a revision: a file, or the files of a directory.
fn of_revision(revision: &str, inner: &str) -> Result<Vec<(String, String)>, Refused> {
    if revision.starts_with('-') {
        return Err(Refused::new(format!("no revision of git: {revision}")));
    }
    let whole = format!("{revision}:{inner}");
    // Git counts paths from the root of the repository, people from where they are.
    let here = format!("{revision}:./{inner}");
    let found = [&whole, &here]
        .into_iter()
        .find_map(|name| git(&["cat-file", "-t", name]).ok().map(|sort| (name, sort)));
    let Some((place, sort)) = found else {
        let why = git(&["cat-file", "-t", &whole]).err().unwrap_or_default();
        return Err(Refused::new(format!("cannot read {whole}: {why}"))
            .hint("there is no file of that name either; GITREV:PATH reads a revision of git"));
    };
    let blob = |name: &str| {
        let bytes = git(&["cat-file", "blob", name]);
        let bytes = bytes.map_err(|why| Refused::new(format!("cannot read {name}: {why}")))?;
        Ok((name.to_owned(), text_of(name, bytes)?))
    };
    if sort.trim_ascii() != b"tree" {
        return Ok(vec![blob(place)?]);
    }
    let listed = git(&["ls-tree", "-z", "--name-only", place])
        .map_err(|why| Refused::new(format!("cannot read {place}: {why}")))?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let names = listed.split('\0').filter(|name| is_meant(name));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    checked(&mut names, place)?;
    let place = place.trim_end_matches('/');
    let read = names.iter().map(|name| blob(&format!("{place}/{name}")));
    read.collect()
}

/// What git prints, or why it does not.
fn git(words: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("git")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("git does not start: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let line = message.lines().next().unwrap_or("git failed");
    Err(line.trim_start_matches("fatal: ").to_owned())
}
