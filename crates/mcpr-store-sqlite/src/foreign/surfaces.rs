//! What servers showed, as other programs kept it: mcpr 0.4 the newest lists whole, mcpr 0.5 items.

use super::fault::Fault;
use super::layout::{Program, columns};
use super::{Held, Source};
use mcpr_model::{SurfaceContent, SurfaceUpdate};
use mcpr_store::query::{ListKey, LoneItem, SurfacePage, SurfaceRow, Surfaces};
use mcpr_surface::capture::{Seen, negotiated, step};
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;

/// What a store knows of the lists of a page. Their names are looked for first: of texts only those of the
/// page are read.
pub(super) fn surfaces(
    source: &Source<'_>,
    program: Program,
    page: &SurfacePage,
) -> Result<Surfaces, Fault> {
    let connection = source.connection;
    let limit = page.limit.min(SurfacePage::MAX_LIMIT);
    let mut surfaces = Surfaces::default();
    let mut count = 0;
    let mut held = Held::default();
    let lists = match program {
        Program::V04 => lists_of_04(connection)?,
        Program::V05 => lists_of_05(connection)?,
    };
    for list in lists.iter().filter(|list| page.holds(list)) {
        if count == limit {
            break;
        }
        match program {
            // What is not a list leaves its place to the next one.
            Program::V04 => match newest(connection, list)? {
                Some(version) => {
                    held.take_in::<SurfaceRow>(&[&version.payload])?;
                    surfaces.versions.push(version);
                }
                None => continue,
            },
            Program::V05 => surfaces
                .items
                .append(&mut items(connection, list, &mut held)?),
        }
        count += 1;
    }
    Ok(surfaces.on(page))
}

fn list_of(row: &Row<'_>) -> rusqlite::Result<ListKey> {
    Ok(ListKey {
        proxy: row.get(0)?,
        method: row.get(1)?,
    })
}

/// The lists of a store of mcpr 0.4; the first layouts have none.
fn lists_of_04(connection: &Connection) -> Result<BTreeSet<ListKey>, Fault> {
    if !columns(connection, "server_schema")?
        .iter()
        .any(|name| name == "proxy")
    {
        return Ok(BTreeSet::new());
    }
    let mut lists = connection.prepare("SELECT DISTINCT proxy, method FROM server_schema")?;
    let lists = lists.query_map([], list_of)?;
    Ok(lists.collect::<rusqlite::Result<_>>()?)
}

/// The newest payload of a list: earlier ones are not kept.
fn newest(connection: &Connection, list: &ListKey) -> Result<Option<SurfaceRow>, Fault> {
    let mut newest = connection.prepare_cached(
        "SELECT proxy, method, upstream_url, payload, max(captured_at) FROM server_schema
         WHERE proxy = ?1 AND method = ?2 GROUP BY proxy, method",
    )?;
    let mut rows = newest.query([&list.proxy, &list.method])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let payload: String = row.get(3)?;
    let upstream: String = row.get(2)?;
    let update = SurfaceUpdate {
        proxy: row.get::<_, String>(0)?.into(),
        method: row.get::<_, String>(1)?.into(),
        ts: row.get(4)?,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Whole {
            upstream: Some(upstream.as_str().into()),
            result: payload.into(),
        },
    };
    // As if it were seen for the first time: that gives it the canonical form that ours have.
    // What is not a list is left out.
    let Ok((_, Seen::New(new))) = step(&update, None, None, &mut ()) else {
        return Ok(None);
    };
    let history = history(connection, &update)?;
    Ok(Some(SurfaceRow {
        proxy: update.proxy.to_string(),
        method: update.method.to_string(),
        // A list without a recorded change has this one version.
        version: history.count.max(1),
        sha256: new.sha256,
        payload: new.payload,
        first_seen_at: history.newest.unwrap_or(update.ts),
        last_seen_at: update.ts,
        // Which request it came with was not kept.
        seq: 0,
        session_id: None,
        client_name: None,
        upstream: Some(upstream),
        announced: false,
        protocol: negotiated(&update),
        peculiar: new.peculiar,
        changes: if history.changes.is_empty() {
            new.changes
        } else {
            history.changes
        },
    }))
}

/// What the table of changes reports about a list.
#[derive(Default)]
struct History {
    /// How often the list changed, its first sight included.
    count: i64,
    /// When it changed last.
    newest: Option<i64>,
    /// What changed then.
    changes: Vec<(String, Option<String>)>,
}

fn history(connection: &Connection, update: &SurfaceUpdate) -> Result<History, Fault> {
    let found = columns(connection, "schema_changes")?;
    if !found.iter().any(|name| name == "proxy") {
        return Ok(History::default());
    }
    let of_list = [update.proxy.as_str(), update.method.as_str()];
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

/// The SQL of the list that an item of mcpr 0.5 belongs to.
const METHOD: &str = "CASE kind WHEN 'tool' THEN 'tools/list' WHEN 'prompt' THEN 'prompts/list'
    WHEN 'resource' THEN 'resources/list' ELSE 'resources/templates/list' END";

/// The lists of which a store of mcpr 0.5 has items.
fn lists_of_05(connection: &Connection) -> Result<BTreeSet<ListKey>, Fault> {
    if columns(connection, "schema_items")?.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT DISTINCT proxy, {METHOD} FROM schema_items");
    let mut lists = connection.prepare(&sql)?;
    let lists = lists.query_map([], list_of)?;
    Ok(lists.collect::<rusqlite::Result<_>>()?)
}

/// The items of a list that mcpr 0.5 saw; whether they are all, it does not say.
fn items(connection: &Connection, list: &ListKey, held: &mut Held) -> Result<Vec<LoneItem>, Fault> {
    let sql = format!(
        "SELECT item_key, payload, captured_at FROM schema_items
         WHERE proxy = ?1 AND {METHOD} = ?2 ORDER BY item_key"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([&list.proxy, &list.method])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let captured_at = row.get(2)?;
        let item = LoneItem {
            proxy: list.proxy.clone(),
            method: list.method.clone(),
            item: row.get(0)?,
            payload: row.get(1)?,
            first_seen_at: captured_at,
            last_seen_at: captured_at,
        };
        // One by one: a page has the items of many lists.
        held.take_in::<LoneItem>(&[&item.proxy, &item.method, &item.item, &item.payload])?;
        items.push(item);
    }
    Ok(items)
}
