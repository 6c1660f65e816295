//! Sessions: a record under each number, found by id, by the orders that they are listed in, and inferred ones by their
//! neighbours in time.

mod changes;

pub(crate) use changes::SessionChanges;

use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::view::View;
use mcpr_store::StoreError;
use mcpr_store::query::{Order, SessionKey, SessionOrder, SessionPlace, SessionRow};
use serde::{Deserialize, Serialize};

/// The sorts of records in [`Column::Sessions`].
const RECORD: u8 = b's';
const BY_ID: u8 = b'i';
const STARTED: u8 = b'b';
const USED: u8 = b'u';
const INFERRED: u8 = b'n';

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredSession {
    proxy: String,
    id: String,
    inferred: bool,
    client_name: Option<String>,
    client_version: Option<String>,
    started_at: i64,
    last_seen_at: i64,
    ended_at: Option<i64>,
    total_calls: i64,
    total_errors: i64,
    conversation: Option<String>,
}

impl StoredSession {
    fn of(row: &SessionRow) -> Self {
        let row = row.clone();
        Self {
            proxy: row.proxy,
            id: row.session_id,
            inferred: row.inferred,
            client_name: row.client_name,
            client_version: row.client_version,
            started_at: row.started_at,
            last_seen_at: row.last_seen_at,
            ended_at: row.ended_at,
            total_calls: row.total_calls,
            total_errors: row.total_errors,
            conversation: row.conversation,
        }
    }

    fn row(self) -> SessionRow {
        SessionRow {
            session_id: self.id,
            inferred: self.inferred,
            proxy: self.proxy,
            client_name: self.client_name,
            client_version: self.client_version,
            started_at: self.started_at,
            last_seen_at: self.last_seen_at,
            ended_at: self.ended_at,
            total_calls: self.total_calls,
            total_errors: self.total_errors,
            conversation: self.conversation,
        }
    }
}

fn record_key(number: u64) -> Key {
    Key::of(RECORD).unsigned(number)
}

fn id_key(id: &str) -> Key {
    Key::of(BY_ID).text(id)
}

fn named(key: Key, proxy: &str, id: &str) -> Key {
    key.text(proxy).text(id)
}

// Sessions are inferred for each proxy and client on their own: two clients at one proxy are two conversations.
/// All inferred sessions of a proxy and client.
fn pair_key(proxy: &str, client_name: Option<&str>, client_version: Option<&str>) -> Key {
    let key = Key::of(INFERRED).text(proxy);
    key.optional(client_name).optional(client_version)
}

fn pair_of(row: &SessionRow) -> Key {
    pair_key(
        &row.proxy,
        row.client_name.as_deref(),
        row.client_version.as_deref(),
    )
}

/// Where a session stands in an order.
fn place_key(order: SessionOrder, place: &SessionPlace) -> Key {
    let key = match order {
        SessionOrder::Started => Key::of(STARTED).signed(place.started_at),
        SessionOrder::Used => Key::of(USED)
            .falling(place.last_seen_at)
            .falling(place.started_at),
    };
    named(key, &place.key.proxy, &place.key.id)
}

fn index_keys(row: &SessionRow) -> Vec<Key> {
    let place = row.place();
    let mut keys = vec![
        // The id first: a person types an id, or its beginning, and seldom names the proxy.
        id_key(&row.session_id).text(&row.proxy),
        place_key(SessionOrder::Started, &place),
        place_key(SessionOrder::Used, &place),
    ];
    if row.inferred {
        let key = pair_of(row).signed(row.started_at);
        keys.push(key.text(&row.session_id));
    }
    keys
}

fn number_of(value: &[u8]) -> Result<u64, StoreError> {
    let number = KeyParts(value).unsigned();
    number.ok_or_else(|| damaged("the number of a session does not decode"))
}

/// The session with a number.
pub(crate) fn by_number(view: &View<'_>, number: u64) -> Result<Option<SessionRow>, StoreError> {
    let found = view.get::<StoredSession>(Column::Sessions, &record_key(number))?;
    Ok(found.map(StoredSession::row))
}

/// The number of the session with a key.
pub(crate) fn number_of_key(view: &View<'_>, key: &SessionKey) -> Result<Option<u64>, StoreError> {
    let found = view.raw(Column::Sessions, &id_key(&key.id).text(&key.proxy))?;
    found.map(|value| number_of(&value)).transpose()
}

/// The numbers of the sessions whose ids are one, or begin with it.
pub(crate) fn numbers_of_id(
    view: &View<'_>,
    id: &str,
    is_whole: bool,
) -> Result<Vec<u64>, StoreError> {
    let key = if is_whole {
        id_key(id)
    } else {
        Key::of(BY_ID).beginning(id)
    };
    let mut numbers = Vec::new();
    view.walk_under(Column::Sessions, key, Order::Ascending, &mut |_, value| {
        numbers.push(number_of(value)?);
        Ok(true)
    })?;
    Ok(numbers)
}

/// Shows sessions in an order, behind a place, while it is asked to go on.
pub(crate) fn each_in_order(
    view: &View<'_>,
    order: SessionOrder,
    after: Option<&SessionPlace>,
    take: &mut dyn FnMut(SessionRow) -> bool,
) -> Result<(), StoreError> {
    let sort = match order {
        SessionOrder::Started => STARTED,
        SessionOrder::Used => USED,
    };
    let (first, end) = Key::of(sort).all();
    let from = after.map_or(first, |after| place_key(order, after).next());
    view.walk(
        Column::Sessions,
        (from, end),
        Order::Ascending,
        &mut |_, value| {
            let row = by_number(view, number_of(value)?)?;
            Ok(take(row.ok_or_else(|| {
                damaged("a session is gone that is listed")
            })?))
        },
    )
}

/// Shows every session with its number.
pub(crate) fn each(
    view: &View<'_>,
    take: &mut dyn FnMut(u64, SessionRow) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    view.walk_under(
        Column::Sessions,
        Key::of(RECORD),
        Order::Ascending,
        &mut |key, bytes| {
            let session: StoredSession = crate::codec::unseal(key, bytes)?;
            take(number_of(&key[1..])?, session.row())?;
            Ok(true)
        },
    )
}

/// Every key that stands for a session beside its record.
pub(crate) fn count_of_keys(view: &View<'_>) -> Result<(u64, u64), StoreError> {
    let (mut found, mut wanted) = (0, 0);
    each(view, &mut |number, row| {
        for key in index_keys(&row) {
            wanted += 1;
            let value = view.raw(Column::Sessions, &key)?;
            found += u64::from(value.is_some_and(|it| number_of(&it).is_ok_and(|it| it == number)));
        }
        Ok(())
    })?;
    Ok((found, wanted))
}
