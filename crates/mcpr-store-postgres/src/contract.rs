//! The contract of every backend, held to by this one, on a server of its own.

use crate::connect::Server;
use crate::read::PostgresReader;
use crate::test_server::{TestDatabase, database};
use crate::verify::verify;
use crate::writer::{PostgresStore, WriterRole};
use mcpr_store::contract::{Fixture, Store};
use mcpr_store::{Depth, Reader, StoreError};

impl Store for PostgresStore {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(PostgresReader::open(self.server())?))
    }
}

impl Fixture for TestDatabase {
    fn open(&self) -> Box<dyn Store> {
        let server = Server::at(&self.url()).expect("a server");
        let role = WriterRole::Beside("here".to_owned());
        Box::new(PostgresStore::open(&server, &role).expect("open"))
    }

    fn check(&self) {
        let server = Server::at(&self.url()).expect("a server");
        let findings = verify(&server, Depth::Full).expect("looked at");
        assert_eq!(findings.problems, Vec::<String>::new());
    }
}

mcpr_store::contract_tests!(match database() {
    Some(database) => database,
    // Reported by who looked for it.
    None => return,
});
