//! Conditions on what servers offer: whether a list changed in the window, and how bad that is.

use super::condition::{Condition, SchemaLevel};
use super::figures::FigureUnit;
use super::measure::TimeWindow;
use super::outcome::{ConditionState, Outcome};
use crate::commands::schema::{Brought, History, brought, is_seen_in};
use mcpr_store::Reader;
use mcpr_store::query::{Pattern, StatsKey, SurfaceRow};
use mcpr_surface::{Compatibility, Security};

impl SchemaLevel {
    fn is_reached(self, change: &Brought) -> bool {
        use Compatibility::{Breaking, Dangerous, Undecided};
        let level = change.compatibility;
        match self {
            Self::Breaking => level == Breaking,
            Self::Undecided => matches!(level, Breaking | Undecided),
            Self::Dangerous => matches!(level, Breaking | Undecided | Dangerous),
            Self::Any => true,
            Self::Alert => change.security >= Security::Alert,
            Self::Review => change.security >= Security::Review,
        }
    }
}

/// Judges what the versions of a window brought.
pub(super) fn judge(
    reader: &dyn Reader,
    proxy: Option<&Pattern>,
    window: TimeWindow,
    level: SchemaLevel,
) -> anyhow::Result<Outcome> {
    let mut is_known = false;
    let mut is_meant = |row: &SurfaceRow| {
        is_known |= was_seen(row, proxy, window);
        is_seen_in(row, proxy, &(window.since..window.until))
    };
    let (mut history, versions) = History::read(reader, None, &mut is_meant)?;
    let changes = brought(&versions, &mut history)?;
    let bad: Vec<&Brought> = changes.iter().filter(|one| level.is_reached(one)).collect();
    let state = match (bad.is_empty(), is_known) {
        (false, _) => ConditionState::Broken,
        (true, true) => ConditionState::Holds,
        (true, false) => ConditionState::Unknown,
    };
    let reason = match bad.last() {
        Some(worst) => Some(format!(
            "{} {} version {}: {}, {}",
            worst.proxy,
            worst.method,
            worst.version,
            worst.compatibility,
            worst.security.as_str()
        )),
        None if is_known => None,
        None => Some("no list of a server".to_owned()),
    };
    let count = u32::try_from(bad.len()).unwrap_or(u32::MAX);
    Ok(Outcome {
        condition: Condition::Schema(level).text().to_owned(),
        key: StatsKey::default(),
        state,
        unit: FigureUnit::Count,
        value: is_known.then(|| f64::from(count)),
        limit: None,
        calls: 0,
        reason,
    })
}

/// Whether a list was shown in the window: of one that nobody asked for it is not known whether it changed.
fn was_seen(row: &SurfaceRow, proxy: Option<&Pattern>, window: TimeWindow) -> bool {
    proxy.is_none_or(|proxy| proxy.matches(&row.proxy))
        && row.last_seen_at >= window.since
        && row.first_seen_at < window.until
}
