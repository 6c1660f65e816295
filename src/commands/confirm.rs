//! Asking before something is gone for good.

use super::Refused;
use crate::console::Console;

/// Whether the person at the terminal says yes. Where there is nobody to ask, `--yes` must have been
/// said.
pub(super) fn confirmed(question: &str, console: &mut Console) -> anyhow::Result<bool> {
    match console.ask(&format!("{question} [y/N] ")) {
        Some(answer) => Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")),
        None => Err(Refused::new("there is nobody to ask at a terminal")
            .hint("--yes goes on without a question, --dry-run only tells")
            .into()),
    }
}
