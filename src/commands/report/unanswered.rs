//! What a window has beside its finished calls: those in flight, and servers that failed.

use super::ReportScope;
use mcpr_model::ServerRun;
use mcpr_store::query::{Filter, Flight, OpenRow};
use mcpr_store::{Reader, StoreError};

/// Most servers that are read for a report; it shows fewer, and counts the rest.
const MAX_SERVERS: usize = 1000;

/// The calls in flight that a report is about, however long they have waited.
pub(super) fn open_calls(
    reader: &dyn Reader,
    wanted: &ReportScope,
    with_payloads: bool,
) -> Result<Vec<OpenRow>, StoreError> {
    // A call that hangs since before the window hangs in it as well.
    let filter = Filter {
        since: None,
        ..wanted.filter()
    };
    let mut open = reader.open_requests(&filter)?;
    // Nobody waits for a stream of notifications.
    open.retain(|open| open.row.flight != Some(Flight::Open));
    if !with_payloads {
        for call in &mut open {
            call.params = None;
        }
    }
    Ok(open)
}

/// The servers that died or could not be started, as far as the report is about whole servers.
pub(super) fn failed_servers(
    reader: &dyn Reader,
    wanted: &ReportScope,
) -> Result<Vec<ServerRun>, StoreError> {
    let filter = wanted.filter();
    if let Some(session) = &wanted.session {
        // Its end may lie behind its last request, and so behind the window of the session.
        let run = reader.server_run(&session.key())?;
        return Ok(run.filter(|run| run.is_death).into_iter().collect());
    }
    // Who asks for a tool, a method or a client would take the end of any server for theirs.
    let is_of_some_calls = !filter.tools.is_empty() || !filter.methods.is_empty();
    if is_of_some_calls || filter.client.is_some() {
        return Ok(Vec::new());
    }
    let (since, until) = (filter.since.unwrap_or(0), filter.until.unwrap_or(i64::MAX));
    let mut runs = reader.server_deaths(since, until, MAX_SERVERS)?;
    runs.retain(|run| {
        filter
            .proxy
            .as_ref()
            .is_none_or(|proxy| proxy.matches(&run.proxy))
    });
    Ok(runs)
}
