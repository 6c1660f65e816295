//! Which files are one log: what rotation has put aside, and what is written now. Reported from names;
//! looks at no file itself.

use super::rotated::base_after_date;
use mcpr_model::steps;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What compressors add to a name.
const COMPRESSED: [&str; 5] = [".gz", ".xz", ".zst", ".bz2", ".lz4"];
/// What rotation adds to a name beside numbers and dates.
const WORDS: [&str; 4] = ["old", "bak", "prev", "last"];

/// The path that a log has while it is written. A number in the middle of a name, `mcp1.log` or
/// `mcp-1.log`, is rotation's only where `exists` says that there is a log without it: programs write
/// numbered logs side by side.
#[must_use]
pub fn log_of(path: &Path, exists: &dyn Fn(&Path) -> bool) -> PathBuf {
    steps::look();
    let log = beside(path, exists);
    above(&log, exists).unwrap_or(log)
}

/// The path that it has in its own directory.
fn beside(path: &Path, exists: &dyn Fn(&Path) -> bool) -> PathBuf {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return path.to_owned();
    };
    let suffix = COMPRESSED
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let name = suffix.unwrap_or(name);
    // Behind the extension anything that rotation adds will do; before it a short number is more
    // often part of the name.
    let name = without_addition(name, is_any).unwrap_or(name);
    // A number before the name may be anything.
    if let Some(base) = base_after_date(OsStr::new(name)).map(|base| path.with_file_name(base))
        && exists(&base)
    {
        return base;
    }
    let (stem, extension) = name.rfind('.').map_or((name, ""), |dot| name.split_at(dot));
    if extension.is_empty() {
        return path.with_file_name(name);
    }
    if let Some(stem) = without_addition(stem, is_date_or_word) {
        return path.with_file_name(format!("{stem}{extension}"));
    }
    let unnumbered = stem.trim_end_matches(|it: char| it.is_ascii_digit());
    // Without the number alone, as `mcp1.log` is of `mcp.log`; then without its separator, as
    // `mcp-1.log` is.
    for stem in [unnumbered, unnumbered.trim_end_matches(SEPARATORS)] {
        let base = path.with_file_name(format!("{stem}{extension}"));
        if !stem.is_empty() && stem.len() < name.len() && exists(&base) {
            return base;
        }
    }
    path.with_file_name(name)
}

/// The path that it has in the directory above, where its own is for what was rotated: one for a day,
/// or, where `exists` says that there is such a log above, one for what is old.
fn above(path: &Path, exists: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let directory = path.parent()?;
    let name = directory.file_name()?.to_str()?.to_ascii_lowercase();
    let log = directory.parent()?.join(path.file_name()?);
    let is_for_old = DIRECTORIES.iter().any(|word| name.contains(word));
    (is_day(&name) || is_for_old && exists(&log)).then_some(log)
}

/// What names of directories have in them that are for rotated files.
const DIRECTORIES: [&str; 6] = ["old", "arch", "rotat", "backup", "hist", "prev"];

/// A date without a time: a program that names directories by the time keeps each run apart.
fn is_day(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_of_day = |byte: u8| byte.is_ascii_digit() || b"-_.".contains(&byte);
    digits == 8 && name.bytes().all(is_of_day)
}

const SEPARATORS: [char; 3] = ['.', '-', '_'];

/// A name without what stands behind its last separators, where that is what rotation adds.
fn without_addition(name: &str, is_added: fn(&str) -> bool) -> Option<&str> {
    let cuts = name.match_indices(SEPARATORS);
    let mut found =
        // The first cut that fits is the longest addition: a date may have separators of its own.
        // Before a dot at the very beginning there is no name.
        cuts.filter(|(at, separator)| *at > 0 && is_added(&name[at + separator.len()..]));
    found.next().map(|(at, _)| &name[..at])
}

fn is_any(addition: &str) -> bool {
    is_date_or_word(addition)
        || (!addition.is_empty() && addition.bytes().all(|it| it.is_ascii_digit()))
}

fn is_date_or_word(addition: &str) -> bool {
    let is_of_date = |byte: u8| byte.is_ascii_digit() || b"-_.:T+@Z".contains(&byte);
    // Six at least, as in `261129`: a shorter number is not a date.
    let digits = addition.bytes().filter(u8::is_ascii_digit).count();
    WORDS.contains(&addition) || (digits >= 6 && addition.bytes().all(is_of_date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_log_are_known_by_their_names() {
        let cases = [
            ("d/mcp.log", "d/mcp.log"),
            ("d/mcp.log.1", "d/mcp.log"),
            ("mcp.log.12.gz", "mcp.log"),
            ("mcp.log-20261129.gz", "mcp.log"),
            ("mcp.log.2026-11-29T10:00:00", "mcp.log"),
            ("mcp-2026-11-29.log", "mcp.log"),
            ("mcp.old.log", "mcp.log"),
            ("mcp.log.old", "mcp.log"),
            ("mcp1.log", "mcp.log"),
            ("d/2026-11-29-mcp.log.gz", "d/mcp.log"),
            ("20261129-other.log", "20261129-other.log"),
            ("mcp-2.log", "mcp.log"),
            ("mcp.3.log", "mcp.log"),
            // Nothing is written to `window.log`: these are two logs.
            ("window1.log", "window1.log"),
            ("window-2.log", "window-2.log"),
            ("server-v2.log", "server-v2.log"),
            ("1.log", "1.log"),
            ("mcp", "mcp"),
            ("mcp.1", "mcp"),
            ("/", "/"),
            ("d/old/mcp.log.1", "d/mcp.log"),
            ("old/mcp.log-20261129.gz", "mcp.log"),
            ("d/Archive/mcp.log", "d/mcp.log"),
            ("d/archive/other.log", "d/archive/other.log"),
            ("20261128/window.log", "window.log"),
            ("d/2026-11-28/mcp.log.1", "d/mcp.log"),
            ("d/20261128T101500/mcp.log", "d/20261128T101500/mcp.log"),
            ("d/new/mcp.log", "d/new/mcp.log"),
        ];
        let exists = |path: &Path| path.ends_with("mcp.log");
        for (path, expected) in cases {
            assert_eq!(
                log_of(Path::new(path), &exists),
                Path::new(expected),
                "{path}"
            );
        }
    }
}
