//! The file that remembers how far a listing came: `SEQ STORE` in one line.

use crate::commands::Refused;
use crate::query::Head;
use anyhow::Context;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How far a listing came, and in which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::commands) struct Position {
    /// The store's own id; 0 where it has none.
    pub(in crate::commands) store_id: i64,
    /// The last sequence number that needs no showing any more.
    pub(in crate::commands) seq: i64,
}

impl Position {
    /// The same place in the store as it is now: in another store that is before its first row.
    pub(in crate::commands) fn within(self, head: Head) -> Self {
        let seq = match self.store_id {
            0 => self.seq,
            // A store that was put back to an earlier state gives out its numbers again.
            id if id == head.store_id => self.seq.min(head.last_seq),
            _ => 0,
        };
        Self {
            store_id: head.store_id,
            seq,
        }
    }
}

/// A position kept in a file, which is replaced as a whole so that it is never half written.
#[derive(Debug)]
pub(in crate::commands) struct CursorFile {
    path: PathBuf,
    kept: Option<Position>,
}

impl CursorFile {
    /// Reads what the file says; one that is not there says nothing yet.
    pub(in crate::commands) fn open(path: &Path) -> anyhow::Result<Self> {
        let kept = match fs::read_to_string(path) {
            Ok(text) => Some(parse(&text).ok_or_else(|| not_a_cursor(path))?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(not_a_cursor(path).into());
            }
            Err(error) => {
                let doing = || format!("cannot read the cursor file {}", path.display());
                return Err(error).with_context(doing);
            }
        };
        Ok(Self {
            path: path.to_owned(),
            kept,
        })
    }

    /// What the file says.
    pub(in crate::commands) fn position(&self) -> Option<Position> {
        self.kept
    }

    /// Writes a position down, unless it stands there already.
    pub(in crate::commands) fn keep(&mut self, position: Position) -> anyhow::Result<()> {
        if self.kept == Some(position) {
            return Ok(());
        }
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = PathBuf::from(name);
        fs::write(&beside, line(position))
            .and_then(|()| fs::rename(&beside, &self.path))
            .inspect_err(|_| {
                // What is left of the attempt is of no use to anybody.
                let _ = fs::remove_file(&beside);
            })
            .with_context(|| format!("cannot write the cursor file {}", self.path.display()))?;
        self.kept = Some(position);
        Ok(())
    }
}

fn line(position: Position) -> String {
    format!("{} {:016x}\n", position.seq, position.store_id)
}

/// A bare number, such as a script may have written, is a position in whatever store is read.
fn parse(text: &str) -> Option<Position> {
    let mut words = text.split_whitespace();
    let seq = words.next()?.parse().ok().filter(|&seq| seq >= 0)?;
    let store_id = match words.next() {
        Some(word) => i64::from_str_radix(word, 16).ok()?,
        None => 0,
    };
    words.next().is_none().then_some(Position { store_id, seq })
}

fn not_a_cursor(path: &Path) -> Refused {
    Refused::new(format!("{} is not a cursor file", path.display()))
        .hint("name another file, or remove this one to begin with the first request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cursor");
        let mut cursor = CursorFile::open(&path).unwrap();
        assert_eq!(cursor.position(), None);
        let position = Position {
            store_id: 0x1234,
            seq: 77,
        };
        cursor.keep(position).unwrap();
        assert_eq!(CursorFile::open(&path).unwrap().position(), Some(position));
        let names = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    #[test]
    fn a_position_in_another_store_is_its_beginning() {
        let head = Head {
            store_id: 7,
            last_seq: 50,
            version: 1,
        };
        for (store_id, seq, expected) in [(7, 40, 40), (7, 60, 50), (8, 40, 0), (0, 60, 60)] {
            let placed = Position { store_id, seq }.within(head);
            let wanted = Position {
                store_id: 7,
                seq: expected,
            };
            assert_eq!(placed, wanted, "{store_id} {seq}");
        }
    }

    #[test]
    fn what_a_cursor_file_may_hold() {
        let at = |seq, store_id| Some(Position { store_id, seq });
        let cases = [
            ("5 00000000000000ff\n", at(5, 255)),
            ("5", at(5, 0)),
            ("", None),
            ("-1", None),
            ("five", None),
            ("5 zz", None),
            ("5 ff more", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
