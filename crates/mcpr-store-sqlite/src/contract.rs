//! The contract of every backend, held to by this one.

use crate::{SqliteStore, verify};
use mcpr_store::contract::{Fixture, Store};
use mcpr_store::{Depth, Reader, StoreError};
use tempfile::TempDir;

/// A directory with a store.
struct Kept(TempDir);

impl Store for SqliteStore {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Self::reader(self)
    }
}

impl Fixture for Kept {
    fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(&self.0.path().join("store.db")).expect("open"))
    }

    fn check(&self) {
        let findings = verify(&self.0.path().join("store.db"), Depth::Full).expect("looked at");
        assert_eq!(findings.problems, Vec::<String>::new());
    }
}

mcpr_store::contract_tests!(Kept(tempfile::tempdir().expect("a directory")));
