//! What servers showed, as other programs kept it: mcpr 0.4 the newest lists whole, mcpr 0.5 items.

use super::Source;
use super::fault::Fault;
use super::layout::{Program, columns};
use mcpr_model::{Said, SurfaceNews};
use mcpr_store::query::{LoneItem, SurfaceRow, Surfaces};
use mcpr_surface::capture::{Seen, negotiated, step};
use rusqlite::Connection;

/// Everything that a store knows of surfaces.
pub(super) fn surfaces(source: &Source<'_>, program: Program) -> Result<Surfaces, Fault> {
    Ok(match program {
        Program::V04 => Surfaces {
            versions: newest_lists(source.connection)?,
            ..Surfaces::default()
        },
        Program::V05 => Surfaces {
            items: items(source.connection)?,
            ..Surfaces::default()
        },
    })
}

/// The newest payload of each list: earlier ones are not kept. The first layouts have none.
fn newest_lists(connection: &Connection) -> Result<Vec<SurfaceRow>, Fault> {
    if !columns(connection, "server_schema")?
        .iter()
        .any(|name| name == "proxy")
    {
        return Ok(Vec::new());
    }
    let mut lists = connection.prepare(
        "SELECT proxy, method, upstream_url, payload, max(captured_at) FROM server_schema
         GROUP BY proxy, method ORDER BY proxy, method",
    )?;
    let mut rows = lists.query([])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        let payload: String = row.get(3)?;
        let upstream: String = row.get(2)?;
        let news = SurfaceNews {
            proxy: row.get::<_, String>(0)?.into(),
            method: row.get::<_, String>(1)?.into(),
            ts: row.get(4)?,
            session_id: None,
            client_name: None,
            said: Said::Whole {
                upstream: Some(upstream.as_str().into()),
                result: payload.into(),
            },
        };
        // As if it were seen for the first time: that gives it the canonical form that ours have.
        // What is no list is left out.
        let Ok((_, Seen::New(new))) = step(&news, None, None, &mut ()) else {
            continue;
        };
        let history = history(connection, &news)?;
        versions.push(SurfaceRow {
            proxy: news.proxy.to_string(),
            method: news.method.to_string(),
            // A list without a recorded change has this one version.
            version: history.count.max(1),
            sha256: new.sha256,
            payload: new.payload,
            first_seen_at: history.newest.unwrap_or(news.ts),
            last_seen_at: news.ts,
            // Which request it came with was not kept.
            seq: 0,
            session_id: None,
            client_name: None,
            upstream: Some(upstream),
            announced: false,
            protocol: negotiated(&news),
            peculiar: new.peculiar,
            changes: if history.changes.is_empty() {
                new.changes
            } else {
                history.changes
            },
        });
    }
    Ok(versions)
}

/// What the table of changes tells of a list.
#[derive(Default)]
struct History {
    /// How often the list changed, its first sight included.
    count: i64,
    /// When it changed last.
    newest: Option<i64>,
    /// What changed then.
    changes: Vec<(String, Option<String>)>,
}

fn history(connection: &Connection, news: &SurfaceNews) -> Result<History, Fault> {
    let found = columns(connection, "schema_changes")?;
    if !found.iter().any(|name| name == "proxy") {
        return Ok(History::default());
    }
    let of_list = [news.proxy.as_str(), news.method.as_str()];
    let mut history = connection.query_row(
        "SELECT count(DISTINCT detected_at), max(detected_at) FROM schema_changes
         WHERE proxy = ?1 AND method = ?2",
        of_list,
        |row| {
            Ok(History {
                count: row.get(0)?,
                newest: row.get(1)?,
                changes: Vec::new(),
            })
        },
    )?;
    let mut changes = connection.prepare(
        "SELECT change_type, item_name FROM schema_changes
         WHERE proxy = ?1 AND method = ?2 AND detected_at = ?3 ORDER BY id",
    )?;
    history.changes = changes
        .query_map((of_list[0], of_list[1], history.newest), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(history)
}

/// The items that mcpr 0.5 saw; whether they are all, it does not say.
fn items(connection: &Connection) -> Result<Vec<LoneItem>, Fault> {
    if columns(connection, "schema_items")?.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = connection.prepare(
        "SELECT proxy, CASE kind WHEN 'tool' THEN 'tools/list' WHEN 'prompt' THEN 'prompts/list'
                WHEN 'resource' THEN 'resources/list' ELSE 'resources/templates/list' END AS method,
                item_key, payload, captured_at
         FROM schema_items ORDER BY proxy, method, item_key",
    )?;
    let items = items.query_map([], |row| {
        let captured_at = row.get(4)?;
        Ok(LoneItem {
            proxy: row.get(0)?,
            method: row.get(1)?,
            item: row.get(2)?,
            payload: row.get(3)?,
            first_seen_at: captured_at,
            last_seen_at: captured_at,
        })
    })?;
    Ok(items.collect::<rusqlite::Result<_>>()?)
}
