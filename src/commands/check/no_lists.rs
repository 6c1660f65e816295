//! Conditions on what servers offer, in a build without `schema`: there are none.

use super::condition::SchemaLevel;
use super::measure::TimeWindow;
use super::outcome::Outcome;
use crate::commands::Refused;
use mcpr_store::Reader;
use mcpr_store::query::Pattern;

/// Says what is missing.
pub(super) fn judge(
    _reader: &dyn Reader,
    _proxy: Option<&Pattern>,
    _window: TimeWindow,
    _level: SchemaLevel,
) -> anyhow::Result<Outcome> {
    let refused = Refused::new("this build of mcpr does not compare lists of servers");
    Err(refused.hint("build it with the feature `schema`").into())
}
