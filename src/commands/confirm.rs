//! Asking before something is gone for good.

use super::Refused;
use crate::console::Console;

/// Whether the person at the terminal says yes. Where there is nobody to ask, `--yes` must have been
/// given; `otherwise` names what else the command takes in its place.
pub(super) fn confirmed(
    question: &str,
    otherwise: Option<&str>,
    console: &mut Console,
) -> anyhow::Result<bool> {
    if let Some(answer) = console.ask(&format!("{question} [y/N] ")) {
        return Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"));
    }
    // A flag that the command refuses would be no way out.
    let more = otherwise.map(|text| format!(", {text}"));
    let hint = format!(
        "--yes goes on without a question{}",
        more.unwrap_or_default()
    );
    let refused = Refused::new("there is nobody to ask at a terminal");
    Err(refused.hint(hint).into())
}
