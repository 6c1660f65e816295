//! A file handed to the program that shows it, where there is a screen for that.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program that opens a file, where somebody would see it; by its variables.
pub(super) fn opener(variable: impl Fn(&str) -> Option<OsString>) -> Option<&'static str> {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "macos") {
        Some("open")
    } else {
        // Over SSH and in a container there is none, and a browser in the terminal would take the screen.
        (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")).then_some("xdg-open")
    }
}

/// Starts the opener; says whether that was possible.
pub(super) fn open(opener: &str, file: &Path) -> std::io::Result<()> {
    let mut child = Command::new(opener)
        .arg(file)
        // What it prints would stand on the screen; a group of its own, so that it outlives this program.
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // Some openers stay as long as the browser does.
    std::thread::Builder::new()
        .name("opener".to_owned())
        .spawn(move || child.wait())
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn nothing_is_opened_where_nobody_would_see_it() {
        let with = |set: &'static [(&str, &str)]| {
            opener(move |name| {
                let found = set.iter().find(|(known, _)| *known == name)?;
                Some(found.1.into())
            })
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[("DISPLAY", "")]), None);
        assert_eq!(with(&[("DISPLAY", ":0")]), Some("xdg-open"));
        assert_eq!(with(&[("WAYLAND_DISPLAY", "wayland-0")]), Some("xdg-open"));
    }

    #[test]
    fn an_opener_that_is_not_there_is_an_error() {
        assert!(open("/nowhere/xdg-open", Path::new("/tmp/x.html")).is_err());
    }
}
