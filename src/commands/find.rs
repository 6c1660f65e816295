//! From what a person typed of a session's id to the one session that is meant.

use super::Refused;
use crate::query::when::Zone;
use crate::query::{SessionFilter, SessionRow};
use crate::render::units;
use crate::store::Reader;

/// Most candidates that are listed when a prefix fits several sessions.
const MAX_CANDIDATES: usize = 10;

/// The session that an id or a prefix means; `None` where there is none.
///
/// A whole id wins over a longer one. The `~` of an inferred id may be left out, since shells have
/// a meaning of their own for it.
pub(super) fn find_session(
    reader: &mut dyn Reader,
    text: &str,
    proxy: Option<&str>,
    zone: Zone,
) -> anyhow::Result<Option<SessionRow>> {
    if text.is_empty() {
        let hint = "`mcpr sessions` lists the ids; any unambiguous prefix will do";
        return Err(Refused::new("an empty session id").hint(hint).into());
    }
    let mut candidates = with_prefix(reader, text, proxy)?;
    if candidates.is_empty() {
        candidates = with_prefix(reader, &format!("~{text}"), proxy)?;
    }
    let exact: Vec<_> = candidates
        .iter()
        .filter(|row| {
            row.session_id.strip_prefix('~').unwrap_or(&row.session_id) == text
                || row.session_id == text
        })
        .cloned()
        .collect();
    if !exact.is_empty() {
        candidates = exact;
    }
    match candidates.len() {
        0 | 1 => Ok(candidates.pop()),
        _ => Err(ambiguous(text, &candidates, zone).into()),
    }
}

fn with_prefix(
    reader: &mut dyn Reader,
    prefix: &str,
    proxy: Option<&str>,
) -> anyhow::Result<Vec<SessionRow>> {
    let filter = SessionFilter {
        proxy: proxy.map(str::to_owned),
        prefix: Some(prefix.to_owned()),
        with_empty: true,
        ..SessionFilter::default()
    };
    Ok(reader.sessions(&filter)?)
}

fn ambiguous(text: &str, candidates: &[SessionRow], zone: Zone) -> Refused {
    let mut lines: Vec<String> = candidates
        .iter()
        .take(MAX_CANDIDATES)
        .map(|row| {
            let client = row.client_name.as_deref().unwrap_or("-");
            let started = units::time(row.started_at, zone);
            format!(
                "{}  {}  {client}  started {started}",
                row.session_id, row.proxy
            )
        })
        .collect();
    if candidates.len() > MAX_CANDIDATES {
        lines.push(format!("… and {} more", candidates.len() - MAX_CANDIDATES));
    }
    let same_id = candidates
        .iter()
        .all(|row| row.session_id == candidates[0].session_id);
    let hint = if same_id {
        "choose one with --proxy NAME"
    } else {
        "give more of the id"
    };
    Refused::new(format!("`{text}` fits {} sessions", candidates.len()))
        .details(lines)
        .hint(hint)
}
