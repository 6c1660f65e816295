//! What is stored as the events that it would come from. Pure.

use super::beside::BesideRow;
use mcpr_model::{Event, SurfaceContent, SurfaceUpdate, SurfaceVersion, Text};
use mcpr_store::query::{LoneItem, SurfaceRow};

/// The event that a row beside the requests comes from.
pub(super) fn beside(row: BesideRow) -> Event {
    match row {
        BesideRow::BadLine(row) => Event::BadLine(row.line),
        BesideRow::Version(row) => version(*row),
    }
}

pub(super) fn version(row: SurfaceRow) -> Event {
    Event::Surface(Box::new(SurfaceUpdate {
        proxy: row.proxy.into(),
        method: row.method.into(),
        // With the time of its first sight it stands at the same place in its history.
        ts: row.first_seen_at,
        session_id: row.session_id.map(Text::from),
        client_name: row.client_name.map(Text::from),
        content: SurfaceContent::Version(Box::new(SurfaceVersion {
            // The target gives it another number where this one is taken.
            version: row.version,
            payload: row.payload.into(),
            last_seen_at: row.last_seen_at,
            upstream: row.upstream.map(Text::from),
            announced: row.announced,
            protocol: row.protocol.map(Text::from),
            peculiar: row.peculiar,
            changes: row.changes,
        })),
    }))
}

/// An item that was seen alone is seen at both of its times: a store makes one item of both.
pub(super) fn item(item: &LoneItem) -> [Event; 2] {
    let times = [
        item.first_seen_at,
        item.last_seen_at.max(item.first_seen_at),
    ];
    times.map(|ts| {
        Event::Surface(Box::new(SurfaceUpdate {
            proxy: Text::from(&item.proxy),
            method: Text::from(&item.method),
            ts,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Item {
                item: item.payload.as_str().into(),
            },
        }))
    })
}
