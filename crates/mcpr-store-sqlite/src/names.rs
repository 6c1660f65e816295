//! Interning: the numbers of proxies, clients and operations, found once and remembered.
//!
//! What is remembered holds only while no other writer commits and no transaction is rolled back;
//! the appender forgets it then.

use super::seal;
use mcpr_model::{Kind, Request, Target, Text};
use mcpr_store::query::{OTHER, SummedAs};
use rusqlite::{OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Most operations or clients remembered at once; past that, all are forgotten and found again.
const MAX_REMEMBERED: usize = 65_536;
/// Most bytes of names remembered at once.
const MAX_REMEMBERED_BYTES: usize = 8 << 20;

/// The terms of the index over clients, word for word: any other way to ask looks at every client.
pub(super) const CLIENT_BY_IDENTITY: &str = "SELECT id FROM clients
     WHERE (name IS NULL) = (?1 IS NULL) AND ifnull(name, '') = ifnull(?1, '')
       AND (version IS NULL) = (?2 IS NULL) AND ifnull(version, '') = ifnull(?2, '')";

/// An operation by its texts, whose hash alone has an index.
pub(super) const OPERATION_BY_HASH: &str = "SELECT id, ifnull(summed_as, id) FROM operations
     WHERE hash = ?1 AND proxy = ?2 AND kind = ?3
       AND method = ?4 AND target_kind IS ?5 AND target IS ?6";

/// Numbers of names that are known to be committed or part of the running transaction.
#[derive(Debug, Default)]
pub(super) struct NameNumbers {
    proxies: FxHashMap<Text, i64>,
    clients: FxHashMap<ClientIdentity, i64>,
    last_client: Option<(ClientIdentity, i64)>,
    operations: FxHashMap<i64, Operation>,
    /// Those whose sums stand for others, by proxy and hash.
    others: FxHashMap<(i64, i64), i64>,
    summed: SummedCounts,
    /// The highest numbers that were given out, where they are known.
    last_client_id: Option<i64>,
    last_operation_id: Option<i64>,
    scratch: Vec<u8>,
    /// Bytes of the names remembered.
    bytes: usize,
}

/// A client's name and version.
type ClientIdentity = (Option<Text>, Option<Text>);

#[derive(Debug)]
struct Operation {
    id: i64,
    sums: i64,
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
    /// Number of the operation whose hourly sums it counts in: mostly its own.
    pub(super) sums: i64,
}

/// An operation by its texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct OperationTexts<'a> {
    pub(super) kind: Kind,
    pub(super) proxy: &'a Text,
    pub(super) method: &'a Text,
    pub(super) target: Option<&'a Target>,
}

/// How many things have hourly sums of their own: methods by proxy, targets by proxy and method.
#[derive(Debug, Default)]
struct SummedCounts {
    methods: FxHashMap<i64, usize>,
    targets: FxHashMap<(i64, Text), usize>,
}

impl NameNumbers {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.proxies.clear();
        self.clients.clear();
        self.last_client = None;
        self.operations.clear();
        self.others.clear();
        self.summed = SummedCounts::default();
        (self.last_client_id, self.last_operation_id) = (None, None);
        self.bytes = 0;
    }

    /// Keeps the memory bounded; to be called between transactions.
    pub(super) fn trim(&mut self) {
        if self.operations.len() > MAX_REMEMBERED
            || self.clients.len() > MAX_REMEMBERED
            || self.proxies.len() > MAX_REMEMBERED
            || self.bytes > MAX_REMEMBERED_BYTES
        {
            // All at once: which of them come again is not known, and each costs only one look-up
            // to find.
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
        let id = if let Some(id) = found {
            id
        } else {
            // Proxies are few, so that a second statement for the seal does not matter.
            let mut insert = tx.prepare_cached("INSERT INTO proxies (name) VALUES (?1)")?;
            let id = insert.insert([name.as_str()])?;
            seal::renew(tx, "proxies", "id = ?1", [id])?;
            id
        };
        self.bytes += name.len();
        self.proxies.insert(name.clone(), id);
        Ok(id)
    }

    /// The number of a client, given out if it is new; none where neither name nor version is given.
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
            .prepare_cached(CLIENT_BY_IDENTITY)?
            .query_row(values, |row| row.get(0))
            .optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            // The number is chosen here, so that the row and the seal over it are one statement.
            let id = next_id(tx, "clients", &mut self.last_client_id)?;
            tx.prepare_cached(
                "INSERT INTO clients (id, name, version, seal)
                 VALUES (?3, ?1, ?2, row_seal(?3, ?1, ?2))",
            )?
            .execute(params![
                name.map(Text::as_str),
                version.map(Text::as_str),
                id
            ])?;
            id
        };
        self.bytes += [name, version]
            .into_iter()
            .flatten()
            .map(Text::len)
            .sum::<usize>();
        self.clients.insert(identity, id);
        Ok(id)
    }

    /// The number of a request's operation, given out if it is new.
    pub(super) fn operation(
        &mut self,
        tx: &Transaction<'_>,
        request: &Request,
    ) -> rusqlite::Result<OperationRef> {
        let called = OperationTexts {
            kind: request.kind,
            proxy: &request.proxy,
            method: &request.method,
            target: request.target.as_ref(),
        };
        let hash = operation_hash(&mut self.scratch, called);
        if let Some(known) = self
            .operations
            .get(&hash)
            // Two operations may have one hash: the texts decide, and the other one is asked of its
            // table.
            .filter(|known| known.is_of(request))
        {
            return Ok(OperationRef {
                id: known.id,
                proxy: known.proxy_id,
                hash,
                sums: known.sums,
            });
        }
        // Only now, for the memory of operations knows the proxy's number as well.
        let proxy = self.proxy(tx, &request.proxy)?;
        let (id, sums) = match find_operation(tx, called, proxy, hash)? {
            Some(found) => found,
            None => self.add_operation(tx, called, proxy, hash)?,
        };
        let target_bytes = called.target.map_or(0, |target| target.name.len());
        self.bytes += request.proxy.len() + request.method.len() + target_bytes;
        let known = Operation {
            id,
            sums,
            proxy_id: proxy,
            proxy: request.proxy.clone(),
            kind: request.kind,
            method: request.method.clone(),
            target: request.target.clone(),
        };
        self.operations.insert(hash, known);
        Ok(OperationRef {
            id,
            proxy,
            hash,
            sums,
        })
    }

    /// Gives a new operation its number, and says whose sums it counts in.
    fn add_operation(
        &mut self,
        tx: &Transaction<'_>,
        called: OperationTexts<'_>,
        proxy: i64,
        hash: i64,
    ) -> rusqlite::Result<(i64, i64)> {
        let other = Text::const_new(OTHER);
        // A proxy that makes up names without an end must not get a row of sums each hour for each
        // of them.
        let summed_as = match self.summed.place(tx, called, proxy)? {
            SummedAs::Itself => None,
            SummedAs::OtherTarget => {
                let target = called.target.map(|target| Target {
                    kind: target.kind,
                    name: other,
                });
                let target = target.as_ref();
                Some(self.others(tx, OperationTexts { target, ..called }, proxy)?)
            }
            SummedAs::OtherMethod => {
                // Without a target: those of methods that are not distinguished are not distinguished
                // either.
                let (method, target) = (&other, None);
                let called = OperationTexts {
                    method,
                    target,
                    ..called
                };
                Some(self.others(tx, called, proxy)?)
            }
        };
        let id = self.insert_operation(tx, called, proxy, hash, summed_as)?;
        Ok((id, summed_as.unwrap_or(id)))
    }

    /// The operation that stands for all those without sums of their own.
    pub(super) fn others(
        &mut self,
        tx: &Transaction<'_>,
        called: OperationTexts<'_>,
        proxy: i64,
    ) -> rusqlite::Result<i64> {
        let hash = operation_hash(&mut self.scratch, called);
        if let Some(&id) = self.others.get(&(proxy, hash)) {
            return Ok(id);
        }
        let id = match find_operation(tx, called, proxy, hash)? {
            Some((id, _)) => id,
            None => self.insert_operation(tx, called, proxy, hash, None)?,
        };
        self.others.insert((proxy, hash), id);
        Ok(id)
    }

    fn insert_operation(
        &mut self,
        tx: &Transaction<'_>,
        called: OperationTexts<'_>,
        proxy: i64,
        hash: i64,
        summed_as: Option<i64>,
    ) -> rusqlite::Result<i64> {
        let id = next_id(tx, "operations", &mut self.last_operation_id)?;
        tx.prepare_cached(
            "INSERT INTO operations (id, proxy, kind, method, target_kind, target, hash, summed_as,
                                     seal)
             VALUES (?8, ?1, ?2, ?3, ?4, ?5, ?6, ?7, row_seal(?8, ?1, ?2, ?3, ?4, ?5, ?6, ?7))",
        )?
        .execute(params![
            proxy,
            called.kind.code(),
            called.method.as_str(),
            called.target.map(|target| target.kind.code()),
            called.target.map(|target| target.name.as_str()),
            hash,
            summed_as,
            id
        ])?;
        Ok(id)
    }
}

/// The number of a new row: asked of the table once, for no other writer's rows come in between.
fn next_id(tx: &Transaction<'_>, table: &str, last: &mut Option<i64>) -> rusqlite::Result<i64> {
    // Upwards only: who remembers names looks at nothing but what stands behind the last one seen.
    let highest = match last {
        Some(last) => *last,
        None => tx.query_row(
            &format!("SELECT ifnull(max(id), 0) FROM {table}"),
            [],
            |row| row.get(0),
        )?,
    };
    *last = Some(highest + 1);
    Ok(highest + 1)
}

/// A hash over everything that an operation is; `scratch` saves an allocation a call.
pub(super) fn operation_hash(scratch: &mut Vec<u8>, called: OperationTexts<'_>) -> i64 {
    scratch.clear();
    let target_code = called.target.map_or(0, |target| target.kind.code());
    // One byte each: the codes are small, and stores out there hold hashes made this way.
    scratch.push(called.kind.code().to_le_bytes()[0]);
    scratch.push(target_code.to_le_bytes()[0]);
    let target = called.target.map(|target| &target.name);
    for text in [Some(called.proxy), Some(called.method), target] {
        let text = text.map_or("", Text::as_str);
        // With their lengths, or a text that ends where another begins could be cut elsewhere and
        // hash alike.
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

impl SummedCounts {
    /// Whose sums a new operation counts in; it is counted as there from now on.
    fn place(
        &mut self,
        tx: &Transaction<'_>,
        called: OperationTexts<'_>,
        proxy: i64,
    ) -> rusqlite::Result<SummedAs> {
        // Counted in memory after the first look: rows of this transaction are in the counts
        // already.
        let key = (proxy, called.method.clone());
        let targets = match self.targets.get(&key) {
            Some(&targets) => Some(targets),
            None => targets_of(tx, proxy, called.method)?,
        };
        let methods = match self.methods.get(&proxy) {
            Some(&methods) => methods,
            None => methods_of(tx, proxy)?,
        };
        let summed_as = SummedAs::of(called.target, methods, targets);
        let is_new_method = targets.is_none() && summed_as == SummedAs::Itself;
        let is_new_target = called.target.is_some() && summed_as == SummedAs::Itself;
        self.methods
            .insert(proxy, methods + usize::from(is_new_method));
        // A method without sums of its own has no targets that could be counted.
        if summed_as != SummedAs::OtherMethod {
            let targets = targets.unwrap_or(0) + usize::from(is_new_target);
            self.targets.insert(key, targets);
        }
        Ok(summed_as)
    }
}

/// How many targets of a method have sums of their own; `None` where the method itself has none.
fn targets_of(tx: &Transaction<'_>, proxy: i64, method: &Text) -> rusqlite::Result<Option<usize>> {
    // A row without a target is not among them: `NULL <> …` is not true.
    let (rows, targets): (usize, usize) = tx
        .prepare_cached(
            "SELECT count(*), count(CASE WHEN target <> ?3 THEN 1 END) FROM operations
             WHERE proxy = ?1 AND method = ?2 AND summed_as IS NULL",
        )?
        .query_row(params![proxy, method.as_str(), OTHER], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok((rows > 0).then_some(targets))
}

/// How many methods of a proxy have sums of their own: one look-up for each.
fn methods_of(tx: &Transaction<'_>, proxy: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached(
        "WITH RECURSIVE methods (method) AS (
             SELECT min(method) FROM operations WHERE proxy = ?1 AND summed_as IS NULL
             UNION ALL
             SELECT (SELECT min(o.method) FROM operations o
                     WHERE o.proxy = ?1 AND o.summed_as IS NULL AND o.method > m.method)
             FROM methods m WHERE m.method IS NOT NULL)
         SELECT count(method) FROM methods WHERE method <> ?2",
    )?
    .query_row(params![proxy, OTHER], |row| row.get(0))
}

/// The number of an operation, and that of the one whose sums it counts in.
pub(super) fn find_operation(
    tx: &Transaction<'_>,
    called: OperationTexts<'_>,
    proxy: i64,
    hash: i64,
) -> rusqlite::Result<Option<(i64, i64)>> {
    // `IS`, because a method without a target has NULL there, which `=` never finds.
    tx.prepare_cached(OPERATION_BY_HASH)?
        .query_row(
            params![
                hash,
                proxy,
                called.kind.code(),
                called.method.as_str(),
                called.target.map(|target| target.kind.code()),
                called.target.map(|target| target.name.as_str())
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}
