//! The file that remembers how far a listing came: `CURSOR STORE` in one line, and `AFTER UNTIL` behind
//! it where an end in time held back some of what was stored before that place.

use super::held::Held;
use crate::commands::Refused;
use crate::commands::replace::replace;
use crate::console::Console;
use anyhow::Context;
use mcpr_store::query::{Cursor, Head};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How far a listing came, and in which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::commands) struct Position {
    /// The store's own id; 0 where it has none.
    pub(in crate::commands) store_id: i64,
    /// Everything up to here was looked at.
    pub(in crate::commands) cursor: Cursor,
    /// What is still to be shown of what stands before it.
    pub(in crate::commands) held: Option<Held>,
}

impl Position {
    /// The same place in the store as it is now: in another store that is before its first row.
    pub(in crate::commands) fn within(self, head: Head) -> Self {
        let is_here = self.store_id == 0 || self.store_id == head.store_id;
        let cursor = match self.store_id {
            0 => self.cursor,
            // A store that was put back to an earlier state gives out its places again.
            id if id == head.store_id => self.cursor.min(head.cursor),
            _ => Cursor::START,
        };
        Self {
            store_id: head.store_id,
            cursor,
            // What is held back stands before it, in a store that was put back too.
            held: self.held.filter(|held| is_here && held.after < cursor),
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
    /// Reads what the file says; one that is not there says nothing yet, and neither does an empty one.
    pub(in crate::commands) fn open(path: &Path, console: &mut Console) -> anyhow::Result<Self> {
        // The opening of a pipe would wait for its other end.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let message = format!(
                "cannot read the cursor file {}: it is not a regular file",
                path.display()
            );
            return Err(Refused::new(message)
                .hint("name a file with --cursor-file")
                .into());
        }
        let kept = match fs::read_to_string(path) {
            Ok(text) if is_blank(&text) => {
                console.note(&format!(
                    "the cursor file {} is empty: this is taken as the first run",
                    path.display()
                ));
                None
            }
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
        replace(&self.path, line(position).as_bytes())
            .with_context(|| format!("cannot write the cursor file {}", self.path.display()))?;
        self.kept = Some(position);
        Ok(())
    }
}

/// Whether nothing was ever written: `mktemp` leaves such a file, and so does a machine that stopped
/// before the text was on the disk.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c == '\0' || c.is_ascii_whitespace())
}

fn line(position: Position) -> String {
    let Position {
        store_id,
        cursor,
        held,
    } = position;
    let held = held.map_or_else(String::new, |it| format!(" {} {}", it.after, it.until));
    format!("{cursor} {store_id:016x}{held}\n")
}

/// A bare number, such as a script may have written, is a position in whatever store is read.
fn parse(text: &str) -> Option<Position> {
    let mut words = text.split_whitespace();
    let cursor = words.next()?.parse().ok()?;
    let store_id = match words.next() {
        Some(word) => i64::from_str_radix(word, 16).ok()?,
        None => 0,
    };
    let held = match words.next() {
        Some(after) => Some(Held {
            after: after.parse().ok()?,
            until: words.next()?.parse().ok()?,
        }),
        None => None,
    };
    words.next().is_none().then_some(Position {
        store_id,
        cursor,
        held,
    })
}

fn not_a_cursor(path: &Path) -> Refused {
    Refused::new(format!("{} is not a cursor file", path.display()))
        .hint("name another file, or remove this one to begin with the first request")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> anyhow::Result<CursorFile> {
        CursorFile::open(path, &mut Console::captured().0)
    }

    #[test]
    fn a_position_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cursor");
        let mut cursor = opened(&path).unwrap();
        assert_eq!(cursor.position(), None);
        let held = |until| {
            Some(Held {
                after: Cursor::from_seq(5),
                until,
            })
        };
        for held in [None, held(-5), held(1_795_224_608_318)] {
            let position = Position {
                store_id: 0x1234,
                cursor: Cursor::from_seq(77),
                held,
            };
            cursor.keep(position).unwrap();
            assert_eq!(opened(&path).unwrap().position(), Some(position));
        }
        let names = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    #[test]
    fn a_position_in_another_store_is_its_beginning() {
        let head = Head {
            store_id: 7,
            cursor: Cursor::from_seq(50),
            version: 1,
        };
        let kept_back = Some(Held {
            after: Cursor::from_seq(30),
            until: 9,
        });
        let cases = [
            (7, 40, 40, kept_back),
            (7, 60, 50, kept_back),
            (7, 30, 30, None),
            (8, 40, 0, None),
            (0, 60, 60, kept_back),
        ];
        for (store_id, seq, expected, still_held) in cases {
            let cursor = Cursor::from_seq(seq);
            let placed = Position {
                store_id,
                cursor,
                held: kept_back,
            };
            let wanted = Position {
                store_id: 7,
                cursor: Cursor::from_seq(expected),
                held: still_held,
            };
            assert_eq!(placed.within(head), wanted, "{store_id} {seq}");
        }
    }

    #[test]
    fn what_a_cursor_file_may_hold() {
        let at = |seq, store_id, held| {
            Some(Position {
                store_id,
                cursor: Cursor::from_seq(seq),
                held,
            })
        };
        let held = Held {
            after: Cursor::from_seq(3),
            until: 1_795_224_608_318,
        };
        let cases = [
            ("5 00000000000000ff\n", at(5, 255, None)),
            ("5 ff 3 1795224608318\n", at(5, 255, Some(held))),
            ("5", at(5, 0, None)),
            ("", None),
            ("-1", None),
            ("five", None),
            ("5 zz", None),
            ("5 ff more", None),
            ("5 ff 1", None),
            ("5 ff 1 2 more", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_empty_file_is_a_beginning_and_is_reported_to_be_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cursor");
        for text in ["", "\n", "\0\0\0\0"] {
            fs::write(&path, text).unwrap();
            let (mut console, _, err) = Console::captured();
            let mut cursor = CursorFile::open(&path, &mut console).unwrap();
            assert_eq!(cursor.position(), None, "{text:?}");
            assert!(err.text().contains("is empty"), "{text:?}: {}", err.text());
            cursor.keep(Position::default()).unwrap();
            assert!(opened(&path).unwrap().position().is_some());
        }
    }

    #[test]
    fn the_file_behind_a_link_is_written_and_the_link_stays() {
        let directory = tempfile::tempdir().unwrap();
        let [real, link] = ["real", "link"].map(|name| directory.path().join(name));
        fs::write(&real, "3").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut cursor = opened(&link).unwrap();
        let position = Position {
            cursor: Cursor::from_seq(4),
            ..Position::default()
        };
        cursor.keep(position).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(opened(&real).unwrap().position(), Some(position));
    }
}
