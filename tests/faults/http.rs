//! Fault 11: hostile and unlucky clients of the HTTP source.

use super::program::Place;
use super::report::Outcome;
use anyhow::Result;

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let help = place.output(&["record", "--help"])?;
    let help = String::from_utf8_lossy(&help.stdout);
    Ok(Outcome::skipped(if help.contains("--listen") {
        "the clients are not written yet, though this build has `record --listen`"
    } else {
        "this build has no `record --listen`"
    }))
}
