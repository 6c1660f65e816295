//! A directory that was named and is not open yet.

use crate::engine::{self, Engine, Found};
use crate::read::RocksdbReader;
use crate::state::LAYOUT;
use crate::verify::verify;
use crate::writer::{OpenedFor, RocksdbStore};
use mcpr_store::{
    Admin, Backend, Depth, Findings, Migrated, Reader, Sizes, StoreError, StoreErrorKind, StoreUrl,
    Trust, Writer, WriterOptions,
};
use std::path::PathBuf;

/// A store in a directory that `RocksDB` keeps.
#[derive(Debug)]
pub struct RocksdbBackend {
    url: StoreUrl,
    path: PathBuf,
}

impl RocksdbBackend {
    /// The store at a URL that names a directory. It need not be there yet.
    ///
    /// # Errors
    /// When the URL names none.
    pub fn at(url: &StoreUrl) -> Result<Self, StoreError> {
        let path = url.path().ok_or_else(|| {
            let message = format!("{url} names no directory");
            StoreError::new(StoreErrorKind::Other, message)
        })?;
        Ok(Self {
            url: url.clone(),
            path: path.to_owned(),
        })
    }
}

impl Backend for RocksdbBackend {
    fn url(&self) -> &StoreUrl {
        &self.url
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        let engine = Engine::reading(&self.path)?;
        let reader = RocksdbReader::of(engine);
        // A store that is newer or damaged is reported at once.
        reader.head()?;
        Ok(Box::new(reader))
    }

    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, StoreError> {
        // A recorder asks to be the only one; whoever writes beside it takes turns.
        let role = if options.exclusive {
            OpenedFor::Recorder
        } else {
            OpenedFor::Beside
        };
        Ok(Box::new(RocksdbStore::open(
            &self.path,
            options.trust,
            role,
        )?))
    }

    fn admin(&self, trust: Trust) -> Result<Box<dyn Admin>, StoreError> {
        Ok(Box::new(RocksdbStore::open(
            &self.path,
            trust,
            OpenedFor::Care,
        )?))
    }

    fn verify(&self, depth: Depth) -> Result<Findings, StoreError> {
        match Engine::reading(&self.path) {
            Ok(engine) => verify(&engine, depth),
            // The engine does not even open what is damaged in some places.
            Err(error) if error.kind == StoreErrorKind::Corrupt => Ok(Findings {
                problems: vec![format!("{error:#}")],
                ..Findings::default()
            }),
            Err(error) => Err(error),
        }
    }

    fn sizes(&self) -> Result<Sizes, StoreError> {
        let (store_bytes, log_bytes) = engine::sizes(&self.path);
        Ok(Sizes {
            store_bytes,
            log_bytes,
        })
    }

    fn migrate(&self, trust: Trust) -> Result<Migrated, StoreError> {
        let was_there = engine::look_at(&self.path)? == Found::Store;
        // There is one layout so far, which who opens a store for writing makes.
        drop(RocksdbStore::open(&self.path, trust, OpenedFor::Beside)?);
        let to = i64::from(LAYOUT);
        Ok(Migrated {
            from: was_there.then_some(to),
            to,
        })
    }

    fn grants(&self, _: Option<&str>, _: Option<&str>) -> Result<String, StoreError> {
        let message =
            "a store in a directory has no roles: who may read and write its files may do so";
        Err(StoreError::unsupported(message).at(&self.path))
    }

    fn files(&self) -> Vec<PathBuf> {
        // Which files lie in it changes all the time: the directory stands for them.
        vec![self.path.clone()]
    }
}
