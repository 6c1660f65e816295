//! A server that was named and is not connected to yet.

use crate::connect::{ConnectionRole, Server};
use crate::grants;
use crate::layout::{self, TABLES};
use crate::read::PostgresReader;
use crate::verify::verify;
use crate::writer::{PostgresStore, WriterRole};
use mcpr_store::{
    Admin, Backend, Depth, Findings, Migrated, Reader, Sizes, StoreError, StoreUrl, Trust, Writer,
    WriterOptions,
};
use std::path::PathBuf;

/// A store on a PostgreSQL server.
#[derive(Debug)]
pub struct PostgresBackend {
    server: Server,
}

impl PostgresBackend {
    /// The store at a URL of a server. Nothing is connected to.
    ///
    /// # Errors
    /// When the URL, or what the environment adds to it, is not understood.
    pub fn at(url: &StoreUrl) -> Result<Self, StoreError> {
        Ok(Self {
            server: Server::at(url)?,
        })
    }
}

/// The name by which the checkpoints of this machine are kept apart from those of others, where nobody names one.
fn recorder_name() -> String {
    let named = std::env::var("MCPR_WRITER").ok();
    // Set and empty is as if it was not set.
    let named = named.filter(|name| !name.is_empty());
    named
        .or_else(|| whoami::hostname().ok())
        .unwrap_or_else(|| "recorder".to_owned())
}

impl Backend for PostgresBackend {
    fn url(&self) -> &StoreUrl {
        &self.server.url
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(PostgresReader::open(&self.server)?))
    }

    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, StoreError> {
        // Also of a tap: its sources are those of this machine.
        let name = options.name.unwrap_or_else(recorder_name);
        let role = if options.exclusive {
            WriterRole::Recorder(name)
        } else {
            WriterRole::Beside(name)
        };
        Ok(Box::new(PostgresStore::open(&self.server, &role)?))
    }

    fn admin(&self, _: Trust) -> Result<Box<dyn Admin>, StoreError> {
        Ok(Box::new(PostgresStore::open(
            &self.server,
            &WriterRole::Care,
        )?))
    }

    fn verify(&self, depth: Depth) -> Result<Findings, StoreError> {
        verify(&self.server, depth)
    }

    fn sizes(&self) -> Result<Sizes, StoreError> {
        let mut db = self.server.connect(ConnectionRole::Reader)?;
        // With their indexes, and what long values take beside them.
        let tables: Vec<&str> = TABLES.to_vec();
        let sql = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = current_schema() AND c.relname = ANY($1)";
        let bytes = db.number(sql, &[&tables]);
        let bytes = bytes.map_err(|fault| fault.at(&self.server.url, "measure the store"))?;
        Ok(Sizes {
            store_bytes: bytes.cast_unsigned(),
            log_bytes: 0,
        })
    }

    fn migrate(&self, _: Trust) -> Result<Migrated, StoreError> {
        let url = &self.server.url;
        let mut db = self.server.connect(ConnectionRole::Writer)?;
        let migrated = layout::migrate(&mut db);
        let (from, to) = migrated.map_err(|fault| fault.at(url, "bring the store up to date"))?;
        Ok(Migrated {
            from: (from > 0).then_some(from.into()),
            to: to.into(),
        })
    }

    fn grants(&self, reader: Option<&str>, recorder: Option<&str>) -> Result<String, StoreError> {
        let mut db = self.server.connect(ConnectionRole::Reader)?;
        let schema = db.row("SELECT current_schema()::text", &[]);
        let schema = schema.map_err(|fault| fault.at(&self.server.url, "read the store"))?;
        let schema = schema.and_then(|row| row.get::<_, Option<String>>(0));
        Ok(grants::of(
            &schema.unwrap_or_else(|| "public".to_owned()),
            reader,
            recorder,
        ))
    }

    /// None: it is on a server.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}
