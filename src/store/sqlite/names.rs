//! Interning: the numbers of proxies, clients and operations, found once and remembered.
//!
//! What is remembered holds only while no other writer commits and no transaction is rolled back;
//! the appender forgets it then.

use super::seal;
use crate::model::{Kind, Request, Target, Text};
use rusqlite::{OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Most operations or clients remembered at once; past that, all are forgotten and found again.
const MAX_REMEMBERED: usize = 65_536;

/// Numbers of names that are known to be committed or part of the running transaction.
#[derive(Debug, Default)]
pub(super) struct Names {
    proxies: FxHashMap<Text, i64>,
    clients: FxHashMap<ClientIdentity, i64>,
    last_client: Option<(ClientIdentity, i64)>,
    operations: FxHashMap<i64, Operation>,
    scratch: Vec<u8>,
}

/// A client's name and version.
type ClientIdentity = (Option<Text>, Option<Text>);

#[derive(Debug)]
struct Operation {
    id: i64,
    proxy_id: i64,
    proxy: Text,
    kind: Kind,
    method: Text,
    target: Option<Target>,
}

/// The numbers that stand for a request's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OperationRef {
    /// Number of the operation.
    pub(super) id: i64,
    /// Number of its proxy.
    pub(super) proxy: i64,
    /// Hash of its texts, which does not depend on numbers.
    pub(super) hash: i64,
}

impl Names {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.proxies.clear();
        self.clients.clear();
        self.last_client = None;
        self.operations.clear();
    }

    /// Keeps the memory bounded; to be called between transactions.
    pub(super) fn trim(&mut self) {
        if self.operations.len() > MAX_REMEMBERED || self.clients.len() > MAX_REMEMBERED {
            self.clear();
        }
    }

    /// The number of a proxy, given out if it is new.
    pub(super) fn proxy(&mut self, tx: &Transaction<'_>, name: &Text) -> rusqlite::Result<i64> {
        if let Some(&id) = self.proxies.get(name) {
            return Ok(id);
        }
        let found = tx
            .prepare_cached("SELECT id FROM proxies WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => tx
                .prepare_cached("INSERT INTO proxies (name) VALUES (?1)")?
                .insert([name.as_str()])?,
        };
        self.proxies.insert(name.clone(), id);
        Ok(id)
    }

    /// The number of a client, given out if it is new; none where neither name nor version is said.
    pub(super) fn client(
        &mut self,
        tx: &Transaction<'_>,
        name: Option<&Text>,
        version: Option<&Text>,
    ) -> rusqlite::Result<Option<i64>> {
        if name.is_none() && version.is_none() {
            return Ok(None);
        }
        // Most requests come from the client of the one before.
        if let Some(((last_name, last_version), id)) = &self.last_client
            && last_name.as_ref() == name
            && last_version.as_ref() == version
        {
            return Ok(Some(*id));
        }
        let id = self.client_by_identity(tx, name, version)?;
        self.last_client = Some(((name.cloned(), version.cloned()), id));
        Ok(Some(id))
    }

    fn client_by_identity(
        &mut self,
        tx: &Transaction<'_>,
        name: Option<&Text>,
        version: Option<&Text>,
    ) -> rusqlite::Result<i64> {
        let identity = (name.cloned(), version.cloned());
        if let Some(&id) = self.clients.get(&identity) {
            return Ok(id);
        }
        let values = params![name.map(Text::as_str), version.map(Text::as_str)];
        let found = tx
            .prepare_cached("SELECT id FROM clients WHERE name IS ?1 AND version IS ?2")?
            .query_row(values, |row| row.get(0))
            .optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            let id = tx
                .prepare_cached("INSERT INTO clients (name, version) VALUES (?1, ?2)")?
                .insert(values)?;
            seal::renew(tx, "clients", "id = ?1", [id])?;
            id
        };
        self.clients.insert(identity, id);
        Ok(id)
    }

    /// The number of a request's operation, given out if it is new.
    pub(super) fn operation(
        &mut self,
        tx: &Transaction<'_>,
        request: &Request,
    ) -> rusqlite::Result<OperationRef> {
        let names = (&request.proxy, &request.method);
        let target = request.target.as_ref();
        let hash = operation_hash(&mut self.scratch, request.kind, names, target);
        if let Some(known) = self
            .operations
            .get(&hash)
            .filter(|known| known.is_of(request))
        {
            return Ok(OperationRef {
                id: known.id,
                proxy: known.proxy_id,
                hash,
            });
        }
        let proxy = self.proxy(tx, &request.proxy)?;
        let id = find_or_add_operation(tx, request, proxy, hash)?;
        let known = Operation {
            id,
            proxy_id: proxy,
            proxy: request.proxy.clone(),
            kind: request.kind,
            method: request.method.clone(),
            target: request.target.clone(),
        };
        self.operations.insert(hash, known);
        Ok(OperationRef { id, proxy, hash })
    }
}

/// A hash over everything that an operation is; `scratch` saves an allocation a call.
pub(super) fn operation_hash(
    scratch: &mut Vec<u8>,
    kind: Kind,
    (proxy, method): (&Text, &Text),
    target: Option<&Target>,
) -> i64 {
    scratch.clear();
    scratch.push(kind as u8);
    scratch.push(target.map_or(0, |target| target.kind as u8 + 1));
    for text in [Some(proxy), Some(method), target.map(|it| &it.name)] {
        let text = text.map_or("", Text::as_str);
        scratch.extend_from_slice(&(text.len() as u64).to_le_bytes());
        scratch.extend_from_slice(text.as_bytes());
    }
    xxh3_64(scratch).cast_signed()
}

impl Operation {
    fn is_of(&self, request: &Request) -> bool {
        self.kind == request.kind
            && self.proxy == request.proxy
            && self.method == request.method
            && self.target == request.target
    }
}

fn find_or_add_operation(
    tx: &Transaction<'_>,
    request: &Request,
    proxy: i64,
    hash: i64,
) -> rusqlite::Result<i64> {
    let kind = request.kind as i64;
    let target_kind = request.target.as_ref().map(|target| target.kind as i64 + 1);
    let target = request.target.as_ref().map(|target| target.name.as_str());
    let method = request.method.as_str();
    let found = tx
        .prepare_cached(
            "SELECT id FROM operations WHERE hash = ?1 AND proxy = ?2 AND kind = ?3
             AND method = ?4 AND target_kind IS ?5 AND target IS ?6",
        )?
        .query_row(
            params![hash, proxy, kind, method, target_kind, target],
            |row| row.get(0),
        )
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => tx
            .prepare_cached(
                "INSERT INTO operations (hash, proxy, kind, method, target_kind, target)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .insert(params![hash, proxy, kind, method, target_kind, target]),
    }
}
