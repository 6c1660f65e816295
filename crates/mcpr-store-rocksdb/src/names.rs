//! Operations and clients by their numbers. Rows keep the number; what it stands for is written once.

use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::records::{Client, Operation};
use crate::state::State;
use crate::view::View;
use mcpr_model::{Request, Text};
use mcpr_store::query::{Order, Summed};
use mcpr_store::{RollupKey, RollupRow, StoreError};
use rocksdb::WriteBatch;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// The sorts of records in [`Column::Names`]: by number, and the number by what it stands for.
const OPERATION: u8 = b'o';
const OPERATION_NUMBER: u8 = b'O';
const CLIENT: u8 = b'c';
const CLIENT_NUMBER: u8 = b'C';

/// Most names remembered; all are forgotten then, and read again where they are met.
const MAX_REMEMBERED: usize = 50_000;

fn operation_key(number: u64) -> Key {
    Key::of(OPERATION).unsigned(number)
}

fn client_key(number: u64) -> Key {
    Key::of(CLIENT).unsigned(number)
}

fn number_key_of_operation(it: &Operation) -> Key {
    let key = Key::of(OPERATION_NUMBER).text(&it.proxy).byte(it.kind);
    key.text(&it.method).byte(it.target.0).text(&it.target.1)
}

fn number_key_of_client(name: Option<&str>, version: Option<&str>) -> Key {
    Key::of(CLIENT_NUMBER).optional(name).optional(version)
}

/// The operation with a number.
pub(crate) fn operation(view: &View<'_>, number: u64) -> Result<Operation, StoreError> {
    let found = view.get(Column::Names, &operation_key(number))?;
    found.ok_or_else(|| damaged(format!("the operation {number} is gone")))
}

pub(crate) fn client(view: &View<'_>, number: u64) -> Result<Client, StoreError> {
    let found = view.get(Column::Names, &client_key(number))?;
    found.ok_or_else(|| damaged(format!("the client {number} is gone")))
}

/// Shows every operation.
pub(crate) fn each_operation(
    view: &View<'_>,
    take: &mut dyn FnMut(u64, Operation),
) -> Result<(), StoreError> {
    each(view, OPERATION, take)
}

pub(crate) fn each_client(
    view: &View<'_>,
    take: &mut dyn FnMut(u64, Client),
) -> Result<(), StoreError> {
    each(view, CLIENT, take)
}

fn each<T: serde::de::DeserializeOwned>(
    view: &View<'_>,
    sort: u8,
    take: &mut dyn FnMut(u64, T),
) -> Result<(), StoreError> {
    view.walk_under(
        Column::Names,
        Key::of(sort),
        Order::Ascending,
        &mut |key, bytes| {
            let number = KeyParts(&key[1..]).unsigned().unwrap_or_default();
            take(number, crate::codec::unseal(key, bytes)?);
            Ok(true)
        },
    )
}

/// A name with what changed of it.
#[derive(Debug, Clone)]
struct KnownName<T> {
    name: Arc<T>,
    /// By how much the number of its rows has changed.
    change: i64,
    is_new: bool,
}

/// The names that a writer remembers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    operations: FxHashMap<u64, KnownName<Operation>>,
    clients: FxHashMap<u64, KnownName<Client>>,
    /// Numbers by a hash of what they stand for, which is compared.
    operation_numbers: FxHashMap<u64, u64>,
    client_numbers: FxHashMap<u64, u64>,
    changed_operations: FxHashSet<u64>,
    changed_clients: FxHashSet<u64>,
    /// What has sums of its own, read when something new is met.
    summed: Option<Summed>,
}

fn hash_of_operation(proxy: &str, kind: u8, method: &str, target_kind: u8, target: &str) -> u64 {
    let mut hash = Xxh3::new();
    for part in [proxy, method, target] {
        // With its length, so that no end of one part is taken for the beginning of the next.
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&[kind, target_kind]);
    hash.digest()
}

fn hash_of(it: &Operation) -> u64 {
    let (target_kind, target) = &it.target;
    hash_of_operation(&it.proxy, it.kind, &it.method, *target_kind, target)
}

fn hash_of_client(name: Option<&str>, version: Option<&str>) -> u64 {
    let mut hash = Xxh3::new();
    for part in [name, version] {
        hash.update(&part.map_or(u64::MAX, |it| it.len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default().as_bytes());
    }
    hash.digest()
}

impl Names {
    /// Keeps what is remembered within its bound; between two batches only.
    pub(crate) fn trim(&mut self) {
        // Between batches nothing waits to be written: what is forgotten within one would lose its counts.
        if self.operations.len() + self.clients.len() > MAX_REMEMBERED {
            *self = Self::default();
        }
    }

    pub(crate) fn operation(
        &mut self,
        view: &View<'_>,
        number: u64,
    ) -> Result<Arc<Operation>, StoreError> {
        if let Some(known) = self.operations.get(&number) {
            return Ok(Arc::clone(&known.name));
        }
        let name = Arc::new(operation(view, number)?);
        self.remember_operation(number, Arc::clone(&name), false);
        Ok(name)
    }

    pub(crate) fn client(
        &mut self,
        view: &View<'_>,
        number: u64,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        // A request that names no client has none: nothing is stored under 0.
        if number == 0 {
            return Ok(None);
        }
        if let Some(known) = self.clients.get(&number) {
            return Ok(Some(Arc::clone(&known.name)));
        }
        let name = Arc::new(client(view, number)?);
        self.remember_client(number, Arc::clone(&name), false);
        Ok(Some(name))
    }

    fn remember_operation(&mut self, number: u64, name: Arc<Operation>, is_new: bool) {
        let hash = hash_of(&name);
        self.operation_numbers.insert(hash, number);
        let known = KnownName {
            name,
            change: 0,
            is_new,
        };
        self.operations.insert(number, known);
        if is_new {
            self.changed_operations.insert(number);
        }
    }

    fn remember_client(&mut self, number: u64, name: Arc<Client>, is_new: bool) {
        let hash = hash_of_client(name.name.as_deref(), name.version.as_deref());
        self.client_numbers.insert(hash, number);
        let known = KnownName {
            name,
            change: 0,
            is_new,
        };
        self.clients.insert(number, known);
        if is_new {
            self.changed_clients.insert(number);
        }
    }

    /// The number of the operation of a request, given if it is new.
    pub(crate) fn number_of(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        request: &Request,
    ) -> Result<u64, StoreError> {
        let target = request.target.as_ref();
        let (target_kind, target) = target.map_or((0, ""), |it| {
            (crate::records::small(it.kind.code()), it.name.as_str())
        });
        let kind = crate::records::small(request.kind.code());
        let hash = hash_of_operation(&request.proxy, kind, &request.method, target_kind, target);
        if let Some(&number) = self.operation_numbers.get(&hash)
            && let Some(known) = self.operations.get(&number)
            && known.name.proxy == request.proxy
            && known.name.method == request.method
            && known.name.kind == kind
            && (known.name.target.0, known.name.target.1.as_str()) == (target_kind, target)
        {
            return Ok(number);
        }
        self.number_of_key(view, state, &RollupRow::key_of(request))
    }

    /// The same of what sums are kept of.
    pub(crate) fn number_of_key(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        key: &RollupKey,
    ) -> Result<u64, StoreError> {
        let mut wanted = Operation::of(key);
        let stored = view.get::<u64>(Column::Names, &number_key_of_operation(&wanted))?;
        if let Some(number) = stored.or_else(|| self.new_like(&wanted)) {
            self.operation(view, number)?;
            return Ok(number);
        }
        // Before its sums are looked for: those of all others together may need a number as well.
        let number = state.next_id();
        let sums = self.summed(view)?.key(key.clone());
        wanted.sums = if sums == *key {
            number
        } else {
            // Itself it has sums, so that it is asked for no further.
            self.number_of_key(view, state, &sums)?
        };
        self.remember_operation(number, Arc::new(wanted), true);
        Ok(number)
    }

    /// The number of one that is not written yet.
    fn new_like(&self, wanted: &Operation) -> Option<u64> {
        let number = *self.operation_numbers.get(&hash_of(wanted))?;
        self.operations
            .get(&number)
            .filter(|known| known.name.is_same(wanted))
            .map(|_| number)
    }

    fn summed(&mut self, view: &View<'_>) -> Result<&mut Summed, StoreError> {
        if self.summed.is_none() {
            let mut summed = Summed::default();
            each_operation(view, &mut |number, it| {
                if it.sums == number {
                    summed.key(it.rollup_key(0));
                }
            })?;
            // What is new in this batch is not stored yet.
            for (number, known) in &self.operations {
                if known.is_new && known.name.sums == *number {
                    summed.key(known.name.rollup_key(0));
                }
            }
            self.summed = Some(summed);
        }
        Ok(self.summed.get_or_insert_default())
    }

    /// The number of a client, given if it is new; 0 for one without a name and a version.
    pub(crate) fn number_of_client(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        name: Option<&Text>,
        version: Option<&Text>,
    ) -> Result<u64, StoreError> {
        if name.is_none() && version.is_none() {
            return Ok(0);
        }
        let (of_name, of_version) = (name.map(Text::as_str), version.map(Text::as_str));
        let hash = hash_of_client(of_name, of_version);
        let is_it = |it: &Client| it.name.as_ref() == name && it.version.as_ref() == version;
        if let Some(&number) = self.client_numbers.get(&hash)
            && let Some(known) = self.clients.get(&number)
            && is_it(&known.name)
        {
            return Ok(number);
        }
        if let Some(number) =
            view.get::<u64>(Column::Names, &number_key_of_client(of_name, of_version))?
        {
            self.client(view, number)?;
            return Ok(number);
        }
        let number = state.next_id();
        let client = Client {
            name: name.cloned(),
            version: version.cloned(),
            rows: 0,
        };
        self.remember_client(number, Arc::new(client), true);
        Ok(number)
    }

    /// Counts rows that came or went.
    pub(crate) fn count(
        &mut self,
        view: &View<'_>,
        operation: u64,
        client: u64,
        by: i64,
    ) -> Result<(), StoreError> {
        if !self.operations.contains_key(&operation) {
            self.operation(view, operation)?;
        }
        if let Some(known) = self.operations.get_mut(&operation) {
            known.change += by;
            self.changed_operations.insert(operation);
        }
        if client != 0 && !self.clients.contains_key(&client) {
            self.client(view, client)?;
        }
        if let Some(known) = self.clients.get_mut(&client) {
            known.change += by;
            self.changed_clients.insert(client);
        }
        Ok(())
    }

    /// Writes what is new, and how many rows each has.
    pub(crate) fn write(
        &mut self,
        view: &View<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), StoreError> {
        let column = view.column(Column::Names);
        for number in std::mem::take(&mut self.changed_operations) {
            let Some(known) = self.operations.get_mut(&number) else {
                continue;
            };
            let name = Arc::make_mut(&mut known.name);
            // A store that was damaged may count too few; what is left is then none, and no huge number.
            name.rows = name.rows.saturating_add_signed(known.change);
            let key = operation_key(number);
            batch.put_cf(column, &key, crate::codec::seal(key.as_ref(), name)?);
            if known.is_new {
                let key = number_key_of_operation(name);
                batch.put_cf(column, &key, crate::codec::seal(key.as_ref(), &number)?);
            }
            (known.change, known.is_new) = (0, false);
        }
        for number in std::mem::take(&mut self.changed_clients) {
            let Some(known) = self.clients.get_mut(&number) else {
                continue;
            };
            let name = Arc::make_mut(&mut known.name);
            name.rows = name.rows.saturating_add_signed(known.change);
            let key = client_key(number);
            batch.put_cf(column, &key, crate::codec::seal(key.as_ref(), name)?);
            if known.is_new {
                let key = number_key_of_client(name.name.as_deref(), name.version.as_deref());
                batch.put_cf(column, &key, crate::codec::seal(key.as_ref(), &number)?);
            }
            (known.change, known.is_new) = (0, false);
        }
        Ok(())
    }
}

/// Gives the operations of a proxy to another name; says in whose sums each of them counts then.
pub(crate) fn rename(
    view: &View<'_>,
    batch: &mut WriteBatch,
    old: &str,
    new: &str,
) -> Result<FxHashMap<u64, u64>, StoreError> {
    let column = view.column(Column::Names);
    let mut of_old: FxHashMap<u64, Operation> = FxHashMap::default();
    each_operation(view, &mut |number, it| {
        if it.proxy == old {
            of_old.insert(number, it);
        }
    })?;
    let renamed = |it: &Operation| Operation {
        proxy: new.into(),
        ..it.clone()
    };
    // Rows go on under their numbers. Of several that are one operation now, all but the one that is found by its name
    // only lead to that one's sums; an earlier renaming may have left some of those.
    let mut found: FxHashMap<u64, u64> = FxHashMap::default();
    for (&number, it) in &of_old {
        let there = view.get::<u64>(Column::Names, &number_key_of_operation(&renamed(it)))?;
        let own = || view.get::<u64>(Column::Names, &number_key_of_operation(it));
        let by_name = match there {
            Some(there) => Some(there),
            None => own()?,
        };
        found.insert(number, by_name.unwrap_or(number));
    }
    let mut sums: FxHashMap<u64, u64> = FxHashMap::default();
    for &number in of_old.keys() {
        let by_name = found.get(&number).copied().unwrap_or(number);
        let of = match of_old.get(&by_name) {
            Some(it) => it.sums,
            None => operation(view, by_name)?.sums,
        };
        sums.insert(number, found.get(&of).copied().unwrap_or(of));
    }
    for (number, it) in &of_old {
        batch.delete_cf(column, number_key_of_operation(it));
        let name = Operation {
            sums: sums.get(number).copied().unwrap_or(it.sums),
            ..renamed(it)
        };
        let key = operation_key(*number);
        batch.put_cf(column, &key, crate::codec::seal(key.as_ref(), &name)?);
        if found.get(number) == Some(number) {
            let key = number_key_of_operation(&name);
            batch.put_cf(column, &key, crate::codec::seal(key.as_ref(), number)?);
        }
    }
    Ok(sums)
}

/// Removes the operations and clients that nothing uses.
pub(crate) fn remove_unused(view: &View<'_>, batch: &mut WriteBatch) -> Result<(), StoreError> {
    let column = view.column(Column::Names);
    let mut used = crate::sums::operations(view)?;
    let (mut operations, mut clients) = (Vec::new(), Vec::new());
    each_operation(view, &mut |number, it| operations.push((number, it)))?;
    // One that others count in stays as long as they do.
    used.extend(
        operations
            .iter()
            .filter(|(_, it)| it.rows > 0)
            .flat_map(|(number, it)| [*number, it.sums]),
    );
    for (number, it) in operations {
        if used.contains(&number) {
            continue;
        }
        batch.delete_cf(column, operation_key(number));
        let key = number_key_of_operation(&it);
        // Where a rename has made two of one name, the other one may be found by it.
        if view.get::<u64>(Column::Names, &key)? == Some(number) {
            batch.delete_cf(column, &key);
        }
    }
    each_client(view, &mut |number, it| clients.push((number, it)))?;
    for (number, it) in clients.into_iter().filter(|(_, it)| it.rows == 0) {
        batch.delete_cf(column, client_key(number));
        batch.delete_cf(
            column,
            number_key_of_client(it.name.as_deref(), it.version.as_deref()),
        );
    }
    Ok(())
}
