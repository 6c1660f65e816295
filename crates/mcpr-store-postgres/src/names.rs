//! The numbers that stand for names: found together for a whole batch, and given out where they are new.
//!
//! What is remembered holds until somebody removes or renames: writers only add.

use crate::db::{Cell, Db, cell};
use crate::errors::DbFault;
use crate::store_row::StoreRow;
use crate::values::{bytes, code, identity, optional_bytes, string};
use mcpr_model::{Batch, Event, Kind, Request, Target, Text};
use mcpr_store::query::{OTHER, SummedAs};
use postgres::types::Type;
use rustc_hash::{FxHashMap, FxHashSet};

/// Most names that are remembered between batches.
const MAX_REMEMBERED: usize = 65_536;

/// What was called, by its texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CalledTexts {
    pub(crate) proxy: Text,
    pub(crate) kind: Kind,
    pub(crate) method: Text,
    pub(crate) target: Option<Target>,
}

impl CalledTexts {
    fn of(request: &Request) -> Self {
        Self {
            proxy: request.proxy.clone(),
            kind: request.kind,
            method: request.method.clone(),
            target: request.target.clone(),
        }
    }

    pub(crate) fn identity(&self, proxy: i64) -> Vec<u8> {
        let target_kind = self.target.as_ref().map(|it| it.kind.code().to_le_bytes());
        identity(&[
            Some(&proxy.to_le_bytes()),
            Some(&self.kind.code().to_le_bytes()),
            Some(self.method.as_bytes()),
            target_kind.as_ref().map(<[u8; 8]>::as_slice),
            self.target.as_ref().map(|it| it.name.as_bytes()),
        ])
    }
}

/// An operation by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OperationNumbers {
    pub(crate) id: i64,
    pub(crate) proxy: i64,
    /// The operation whose hourly sums it counts in.
    pub(crate) sums: i64,
}

/// A client by its texts.
type Client = (Option<Text>, Option<Text>);

/// How many operations of a proxy have hourly sums of their own: by method, its targets.
type Summed = FxHashMap<Text, usize>;

/// The names that are known.
#[derive(Debug, Default)]
pub(crate) struct KnownNames {
    proxies: FxHashMap<Text, i64>,
    clients: FxHashMap<Client, i64>,
    operations: FxHashMap<CalledTexts, OperationNumbers>,
    summed: FxHashMap<i64, Summed>,
    /// The state of removals and renamings in which all of this was read.
    cares: i64,
    new_proxies: Vec<(i64, Text)>,
    new_clients: Vec<(i64, Client)>,
    new_operations: Vec<(OperationNumbers, CalledTexts)>,
}

impl KnownNames {
    /// Forgets everything: after a failure.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Begins a batch: forgets what may stand for nothing any more, and what is too much. Says whether all was kept.
    pub(crate) fn begin(&mut self, cares: i64) -> bool {
        // Numbers alone are small; it is the texts that take the room.
        let count = self.proxies.len() + self.clients.len() + self.operations.len();
        let is_kept = self.cares == cares && count <= MAX_REMEMBERED;
        if !is_kept {
            self.clear();
        }
        self.cares = cares;
        // Other writers give sums to operations of their own.
        self.summed.clear();
        is_kept
    }

    /// Finds the numbers of all names of a batch that have one; says whether all have.
    pub(crate) fn find_all(&mut self, db: &mut Db, batch: &Batch) -> Result<bool, DbFault> {
        let mut wanted = NamesOfBatch::default();
        for event in &batch.events {
            wanted.add(event);
        }
        self.find_proxies(db, &wanted.proxies)?;
        let clients: Vec<Client> = wanted.clients().collect();
        let operations: Vec<CalledTexts> = wanted.operations().collect();
        self.find_clients(db, &clients)?;
        self.find_operations(db, &operations)?;
        Ok(wanted
            .proxies
            .iter()
            .all(|it| self.proxies.contains_key(*it))
            && clients.iter().all(|it| self.clients.contains_key(it))
            && operations.iter().all(|it| self.operations.contains_key(it)))
    }

    fn find_proxies(&mut self, db: &mut Db, wanted: &FxHashSet<&Text>) -> Result<(), DbFault> {
        let missing = wanted.iter().filter(|it| !self.proxies.contains_key(**it));
        let missing: Vec<Vec<u8>> = missing.map(|name| bytes(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = db.rows(
            "SELECT id, name FROM proxies WHERE name = ANY($1)",
            &[&missing],
        )?;
        for row in rows {
            self.proxies
                .insert(string(&row, 1)?.into(), row.try_get(0)?);
        }
        Ok(())
    }

    fn find_clients(&mut self, db: &mut Db, wanted: &[Client]) -> Result<(), DbFault> {
        let mut missing = FxHashMap::default();
        // By what it is found by: the answer holds no names.
        for client in wanted {
            if !self.clients.contains_key(client) {
                missing.insert(identity_of(client), client);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let identities: Vec<&Vec<u8>> = missing.keys().collect();
        let sql = "SELECT id, identity FROM clients WHERE identity = ANY($1)";
        for row in db.rows(sql, &[&identities])? {
            let identity: Vec<u8> = row.try_get(1)?;
            if let Some(client) = missing.remove(&identity) {
                self.clients.insert(client.clone(), row.try_get(0)?);
            }
        }
        Ok(())
    }

    fn find_operations(&mut self, db: &mut Db, wanted: &[CalledTexts]) -> Result<(), DbFault> {
        let mut missing = FxHashMap::default();
        for called in wanted {
            // None of a proxy without a number has one.
            if let Some(&proxy) = self.proxies.get(&called.proxy)
                && !self.operations.contains_key(called)
            {
                missing.insert(called.identity(proxy), called);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let identities: Vec<&Vec<u8>> = missing.keys().collect();
        let sql = "SELECT id, proxy, coalesce(summed_as, id), identity FROM operations
                   WHERE identity = ANY($1)";
        for row in db.rows(sql, &[&identities])? {
            let identity: Vec<u8> = row.try_get(3)?;
            if let Some(called) = missing.remove(&identity) {
                let operation = OperationNumbers {
                    id: row.try_get(0)?,
                    proxy: row.try_get(1)?,
                    sums: row.try_get(2)?,
                };
                self.operations.insert(called.clone(), operation);
            }
        }
        Ok(())
    }

    /// The number of a proxy, where it has one.
    pub(crate) fn known_proxy(&self, name: &str) -> Option<i64> {
        self.proxies.get(name).copied()
    }

    /// The number of a client, where it has one; 0 of nobody.
    pub(crate) fn known_client(&self, name: Option<&Text>, version: Option<&Text>) -> Option<i64> {
        if name.is_none() && version.is_none() {
            return Some(0);
        }
        let client = (name.cloned(), version.cloned());
        self.clients.get(&client).copied()
    }

    /// The number of a proxy, given out if it is new.
    pub(crate) fn proxy(&mut self, row: &mut StoreRow, name: &Text) -> i64 {
        if let Some(&known) = self.proxies.get(name) {
            return known;
        }
        let id = row.next_name();
        self.proxies.insert(name.clone(), id);
        self.new_proxies.push((id, name.clone()));
        id
    }

    /// The number of a client, given out if it is new; 0 of nobody.
    pub(crate) fn client(
        &mut self,
        row: &mut StoreRow,
        name: Option<&Text>,
        version: Option<&Text>,
    ) -> i64 {
        if let Some(known) = self.known_client(name, version) {
            return known;
        }
        let client = (name.cloned(), version.cloned());
        let id = row.next_name();
        self.clients.insert(client.clone(), id);
        self.new_clients.push((id, client));
        id
    }

    /// The numbers of a request's operation, given out if it is new.
    pub(crate) fn operation(
        &mut self,
        db: &mut Db,
        row: &mut StoreRow,
        request: &Request,
    ) -> Result<OperationNumbers, DbFault> {
        let called = CalledTexts::of(request);
        if let Some(&known) = self.operations.get(&called) {
            return Ok(known);
        }
        let proxy = self.proxy(row, &called.proxy);
        let place = self.place(db, &called, proxy)?;
        let sums = match Self::summed_with(place, &called) {
            None => None,
            Some(others) => Some(self.others(db, row, others, proxy)?.id),
        };
        Ok(self.add_operation(row, called, proxy, sums))
    }

    fn add_operation(
        &mut self,
        row: &mut StoreRow,
        called: CalledTexts,
        proxy: i64,
        sums: Option<i64>,
    ) -> OperationNumbers {
        let id = row.next_name();
        // Without others it counts for itself.
        let operation = OperationNumbers {
            id,
            proxy,
            sums: sums.unwrap_or(id),
        };
        self.operations.insert(called.clone(), operation);
        self.new_operations.push((operation, called));
        operation
    }

    /// Whose sums a new operation counts in.
    fn place(
        &mut self,
        db: &mut Db,
        called: &CalledTexts,
        proxy: i64,
    ) -> Result<SummedAs, DbFault> {
        if !self.summed.contains_key(&proxy) {
            let mut methods = Summed::default();
            let sql = "SELECT method, count(target) FROM operations
                       WHERE proxy = $1 AND summed_as IS NULL GROUP BY method";
            for row in db.rows(sql, &[&proxy])? {
                let targets = usize::try_from(row.try_get::<_, i64>(1)?).unwrap_or(0);
                methods.insert(string(&row, 0)?.into(), targets);
            }
            // What this batch has given out is in no table yet.
            for (operation, called) in &self.new_operations {
                if operation.proxy == proxy && operation.sums == operation.id {
                    count_in(&mut methods, called);
                }
            }
            self.summed.insert(proxy, methods);
        }
        let methods = self.summed.entry(proxy).or_default();
        let targets = methods.get(&called.method).copied();
        let place = SummedAs::of(called.target.as_ref(), methods.len(), targets);
        if place == SummedAs::Itself {
            count_in(methods, called);
        }
        Ok(place)
    }

    /// The operation that stands for those which an operation counts with.
    fn summed_with(place: SummedAs, called: &CalledTexts) -> Option<CalledTexts> {
        let other = || Text::const_new(OTHER);
        match place {
            SummedAs::Itself => None,
            SummedAs::OtherTarget => Some(CalledTexts {
                target: called.target.as_ref().map(|target| Target {
                    kind: target.kind,
                    name: other(),
                }),
                ..called.clone()
            }),
            SummedAs::OtherMethod => Some(CalledTexts {
                method: other(),
                target: None,
                ..called.clone()
            }),
        }
    }

    fn others(
        &mut self,
        db: &mut Db,
        row: &mut StoreRow,
        others: CalledTexts,
        proxy: i64,
    ) -> Result<OperationNumbers, DbFault> {
        // An earlier batch may have made it, and no event names it.
        self.find_operations(db, std::slice::from_ref(&others))?;
        match self.operations.get(&others) {
            Some(&known) => Ok(known),
            None => Ok(self.add_operation(row, others, proxy, None)),
        }
    }

    /// Writes what was given out.
    pub(crate) fn write(&mut self, db: &mut Db) -> Result<(), DbFault> {
        let rows = std::mem::take(&mut self.new_proxies).into_iter();
        let rows = rows.map(|(id, name)| -> Vec<Cell> { vec![cell(id), cell(bytes(&name))] });
        db.copy("proxies (id, name)", &[Type::INT8, Type::BYTEA], rows)?;
        let rows = std::mem::take(&mut self.new_clients).into_iter();
        let rows = rows.map(|(id, client)| -> Vec<Cell> {
            let identity = identity_of(&client);
            let (name, version) = client;
            vec![
                cell(id),
                cell(optional_bytes(name.as_deref())),
                cell(optional_bytes(version.as_deref())),
                cell(identity),
            ]
        });
        let types = [Type::INT8, Type::BYTEA, Type::BYTEA, Type::BYTEA];
        db.copy("clients (id, name, version, identity)", &types, rows)?;
        let rows = std::mem::take(&mut self.new_operations).into_iter();
        let rows = rows.map(|(operation, called)| operation_row(operation, &called));
        let types = [
            Type::INT8,
            Type::INT8,
            Type::INT2,
            Type::BYTEA,
            Type::INT2,
            Type::BYTEA,
            Type::INT8,
            Type::BYTEA,
        ];
        let into = "operations (id, proxy, kind, method, target_kind, target, summed_as, identity)";
        db.copy(into, &types, rows)
    }
}

fn operation_row(operation: OperationNumbers, called: &CalledTexts) -> Vec<Cell> {
    let OperationNumbers { id, proxy, sums } = operation;
    let target = called.target.as_ref();
    vec![
        cell(id),
        cell(proxy),
        cell(code(called.kind.code())),
        cell(bytes(&called.method)),
        cell(target.map(|it| code(it.kind.code()))),
        cell(target.map(|it| bytes(&it.name))),
        cell((sums != id).then_some(sums)),
        cell(called.identity(proxy)),
    ]
}

fn count_in(methods: &mut Summed, called: &CalledTexts) {
    let targets = methods.entry(called.method.clone()).or_default();
    *targets += usize::from(called.target.is_some());
}

fn identity_of((name, version): &Client) -> Vec<u8> {
    let part = |text: &Option<Text>| text.as_ref().map(|text| text.as_bytes().to_vec());
    let (name, version) = (part(name), part(version));
    identity(&[name.as_deref(), version.as_deref()])
}

/// The names of a batch, each once and by reference: it has few of them, again and again.
#[derive(Debug, Default)]
struct NamesOfBatch<'b> {
    proxies: FxHashSet<&'b Text>,
    clients: FxHashSet<(Option<&'b Text>, Option<&'b Text>)>,
    operations: FxHashSet<(&'b Text, Kind, &'b Text, Option<&'b Target>)>,
}

impl<'b> NamesOfBatch<'b> {
    fn add(&mut self, event: &'b Event) {
        match event {
            Event::Request(request) => {
                self.proxies.insert(&request.proxy);
                self.add_client(
                    request.client_name.as_ref(),
                    request.client_version.as_ref(),
                );
                let (kind, target) = (request.kind, request.target.as_ref());
                self.operations
                    .insert((&request.proxy, kind, &request.method, target));
                if let Some(update) = &request.surface {
                    self.proxies.insert(&update.proxy);
                }
            }
            Event::Session(update) => {
                self.proxies.extend(&update.proxy);
                self.add_client(update.client_name.as_ref(), update.client_version.as_ref());
            }
            Event::Surface(update) => drop(self.proxies.insert(&update.proxy)),
            Event::Server(run) => drop(self.proxies.insert(&run.proxy)),
            Event::Gap(_) | Event::BadLine(_) | Event::Open(_) | Event::Withdrawn(_) => {}
        }
    }

    fn add_client(&mut self, name: Option<&'b Text>, version: Option<&'b Text>) {
        if (name, version) != (None, None) {
            self.clients.insert((name, version));
        }
    }

    fn clients(&self) -> impl Iterator<Item = Client> {
        let clients = self.clients.iter();
        clients.map(|(name, version)| (name.cloned(), version.cloned()))
    }

    fn operations(&self) -> impl Iterator<Item = CalledTexts> {
        let operations = self.operations.iter();
        operations.map(|&(proxy, kind, method, target)| CalledTexts {
            proxy: proxy.clone(),
            kind,
            method: method.clone(),
            target: target.cloned(),
        })
    }
}
