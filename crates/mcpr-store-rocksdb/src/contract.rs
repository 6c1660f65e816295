//! The contract of every backend, held to by this one.

use crate::engine::Engine;
use crate::read::RocksdbReader;
use crate::verify::verify;
use crate::writer::{OpenedFor, RocksdbStore};
use mcpr_store::contract::{Fixture, Store};
use mcpr_store::{Depth, Reader, StoreError, Trust};
use tempfile::TempDir;

/// A directory with a store.
struct Kept(TempDir);

impl Store for RocksdbStore {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(RocksdbReader::of(Engine::reading(self.path())?)))
    }
}

impl Fixture for Kept {
    fn open(&self) -> Box<dyn Store> {
        let path = self.0.path().join("store");
        let store = RocksdbStore::open(&path, Trust::Owner, OpenedFor::Beside);
        Box::new(store.expect("open"))
    }

    fn check(&self) {
        // As another process would: from what is written alone.
        let path = std::fs::canonicalize(self.0.path().join("store")).expect("a store");
        let engine = Engine::following(path).expect("opened");
        let findings = verify(&engine, Depth::Full).expect("looked at");
        assert_eq!(findings.problems, Vec::<String>::new());
    }
}

mcpr_store::contract_tests!(Kept(tempfile::tempdir().expect("a directory")));
