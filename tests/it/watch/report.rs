//! `o`: a report of what the screen shows, in a file of its own, opened where there is a display.

use super::{Watched, recorded};
use crate::program::until;
use crate::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_report_is_written_for_its_owner_and_opened_where_there_is_a_display() {
    let home = recorded();
    // An opener that keeps what it was given.
    let opener = home.write(
        "xdg-open",
        "#!/bin/sh\nprintf %s \"$1\" > \"$HOME/opened\"\n",
    );
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let directory = opener.parent().unwrap().to_str().unwrap().to_owned();
    for display in ["", ":7"] {
        let terminal = Terminal::of(&home)
            .env("PATH", &directory)
            .env("TMPDIR", &directory)
            .env("DISPLAY", display);
        let watched = Watched::start_on(terminal, 200, 24, &[]);
        watched.expect("● live");
        watched.keys("o");
        watched.expect("wrote ");
        let is_shown = watched.screen().contains("gave it to xdg-open");
        assert_eq!(is_shown, !display.is_empty(), "{}", watched.screen());
        watched.keys("q");
        assert_eq!(watched.end(), Some(0));
    }
    until("it is opened", || {
        fs::read_to_string(home.path("opened")).is_ok_and(|path| !path.is_empty())
    });
    let path = fs::read_to_string(home.path("opened")).unwrap();
    assert_eq!(std::path::Path::new(&path).extension().unwrap(), "html");
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"));
    // The last day that was recorded, though that is long ago.
    assert!(page.contains("trigger-long-running-operation"));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
