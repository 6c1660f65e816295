//! What is known of servers' lists and has not been seen for long.

use super::{Slice, Stage, TableWalk};
use crate::census;
use crate::payloads::oldest_of;
use crate::surfaces::{remove_version, trim};
use mcpr_store::{Oldest, Retention};
use mcpr_surface::capture::MAX_VERSIONS;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::VecDeque;

/// Most versions removed in one transaction: each may have a long text.
const VERSIONS: usize = 100;

/// The versions that are not the one seen last of their list, of one proxy or of all.
// What was seen last of a list is what its server shows now: it never goes for its age.
const SUPERSEDED: &str = "(?1 IS NULL OR s.proxy = (SELECT id FROM proxies WHERE name = ?1))
     AND EXISTS (SELECT 1 FROM surfaces n WHERE n.proxy = s.proxy AND n.method = s.method
                 AND (n.last_seen, n.version) > (s.last_seen, s.version))";

pub(super) fn stages(what: &Retention) -> Vec<Stage> {
    let of_versions = what.clone();
    let (mut after, mut lists) = (0, None);
    let mut stages: Vec<Stage> = vec![
        Box::new(move |connection| remove_slice(connection, &of_versions, &mut after)),
        Box::new(move |connection| trim_lists(connection, &mut lists)),
    ];
    let tables: [(&'static str, &'static [&'static str], _); 3] = [
        ("surface_items", &["proxy", "method", "item"], "last_seen"),
        ("surface_pages", &["proxy", "chain", "method"], "ts"),
        ("surface_announcements", &["proxy", "method"], "ts"),
    ];
    for (table, key, ts) in tables {
        let walk = TableWalk {
            table,
            key,
            condition: format!(
                "{ts} < ?1 AND (?2 IS NULL OR proxy = (SELECT id FROM proxies WHERE name = ?2))"
            ),
            values: vec![what.before.into(), what.proxy.clone().into()],
            counts: false,
        };
        stages.push(walk.stage());
    }
    stages
}

/// Removes superseded versions that were not seen since a time, from a number on.
fn remove_slice(
    connection: &mut Connection,
    what: &Retention,
    after: &mut i64,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = format!(
        "SELECT s.id FROM surfaces s WHERE s.id > ?3 AND s.last_seen < ?2 AND {SUPERSEDED}
         ORDER BY s.id LIMIT {VERSIONS}"
    );
    let old: Vec<i64> = tx
        .prepare_cached(&sql)?
        .query_map(params![what.proxy, what.before, *after], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in &old {
        remove_version(&tx, *id)?;
    }
    census::settle(&tx)?;
    tx.commit()?;
    // What stays is not looked at again by the next slice.
    *after = old.last().copied().unwrap_or(*after);
    Ok(Slice {
        removed: old.len() as u64,
        is_last: old.len() < VERSIONS,
    })
}

/// Lists with more versions than their bound, and how many they have.
type LongLists = VecDeque<(i64, String, u64)>;

/// Removes versions beyond the bound of their list, one list at a time: older layouts had none.
fn trim_lists(
    connection: &mut Connection,
    lists: &mut Option<LongLists>,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let lists = match lists {
        Some(lists) => lists,
        None => lists.insert(long_lists(&tx)?),
    };
    let mut removed = 0;
    if let Some((proxy, method, versions)) = lists.pop_front() {
        // One list a transaction, for each of its versions may bring a long text down with it.
        trim(&tx, proxy, &method)?;
        removed = versions - MAX_VERSIONS as u64;
    }
    census::settle(&tx)?;
    tx.commit()?;
    Ok(Slice {
        removed,
        is_last: lists.is_empty(),
    })
}

fn long_lists(tx: &Transaction<'_>) -> rusqlite::Result<LongLists> {
    tx.prepare_cached(
        "SELECT proxy, method, count(*) FROM surfaces
         GROUP BY proxy, method HAVING count(*) > ?1",
    )?
    .query_map([MAX_VERSIONS], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?
    .collect()
}

/// The time before which the oldest superseded versions lie whose texts take so many bytes together.
pub(crate) fn oldest(
    connection: &Connection,
    proxy: Option<&str>,
    bytes: u64,
) -> rusqlite::Result<Option<Oldest>> {
    let sql = format!(
        "SELECT s.last_seen, ifnull(octet_length(x.text), 0)
         FROM surfaces s LEFT JOIN surface_texts x ON x.id = s.text
         WHERE {SUPERSEDED} ORDER BY s.last_seen"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    oldest_of(statement.query([proxy])?, bytes)
}
