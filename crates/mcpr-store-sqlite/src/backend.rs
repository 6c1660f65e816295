//! A SQLite file that was named and is not open yet.

use super::errors::failed;
use super::file::sibling;
use super::layout::layout_of;
use super::open;
use super::reader::open_reader;
use super::verify::verify;
use super::writer::SqliteStore;
use mcpr_store::files::lock::RecorderLock;
use mcpr_store::files::place::real_path;
use mcpr_store::{
    Admin, Backend, Depth, Findings, Migrated, Reader, Sizes, StoreError, StoreErrorKind, StoreUrl,
    Trust, Writer, WriterOptions,
};
use std::path::{Path, PathBuf};

/// A store in a SQLite file.
#[derive(Debug)]
pub struct SqliteBackend {
    url: StoreUrl,
    path: PathBuf,
}

impl SqliteBackend {
    /// The store at a URL that names a file. The file need not be there yet.
    ///
    /// # Errors
    /// When the URL names none.
    pub fn at(url: &StoreUrl) -> Result<Self, StoreError> {
        let path = url.path().ok_or_else(|| {
            let message = format!("{url} names no SQLite file");
            StoreError::new(StoreErrorKind::Other, message)
        })?;
        Ok(Self {
            url: url.clone(),
            path: path.to_owned(),
        })
    }
}

impl SqliteBackend {
    /// Where its files are, as far as that can be found out.
    fn real_path(&self) -> PathBuf {
        real_path(&self.path).unwrap_or_else(|_| self.path.clone())
    }
}

impl Backend for SqliteBackend {
    fn url(&self) -> &StoreUrl {
        &self.url
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        open_reader(&self.path)
    }

    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, StoreError> {
        let WriterOptions {
            exclusive, trust, ..
        } = options;
        // The lock is for the one that records all the time; others write beside it, commit by
        // commit.
        Ok(Box::new(if exclusive {
            SqliteStore::open_exclusive(&self.path, trust)?
        } else {
            SqliteStore::open_trusting(&self.path, trust)?
        }))
    }

    fn admin(&self, trust: Trust) -> Result<Box<dyn Admin>, StoreError> {
        Ok(Box::new(SqliteStore::open_trusting(&self.path, trust)?))
    }

    fn verify(&self, depth: Depth) -> Result<Findings, StoreError> {
        verify(&self.path, depth)
    }

    fn sizes(&self) -> Result<Sizes, StoreError> {
        // No log is the rule after a writer has ended well.
        let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        Ok(Sizes {
            store_bytes: size(&self.path),
            log_bytes: size(&sibling(&self.real_path(), "-wal")),
        })
    }

    fn migrate(&self, trust: Trust) -> Result<Migrated, StoreError> {
        let layout = |connection: &rusqlite::Connection| {
            layout_of(connection).map_err(failed("read the layout"))
        };
        let from = match open::open_reader(&self.path) {
            Ok((connection, _)) => Some(layout(&connection)?),
            Err(error) if error.kind == StoreErrorKind::Missing => None,
            Err(error) => return Err(error),
        };
        // Whoever opens it for writing migrates it.
        let store = SqliteStore::open_trusting(&self.path, trust)?;
        let to = layout(&store.connection)?;
        Ok(Migrated { from, to })
    }

    fn grants(&self, _: Option<&str>, _: Option<&str>) -> Result<String, StoreError> {
        let message = "a store in a file has no roles: who may read and write the file may do so";
        Err(StoreError::unsupported(message).at(&self.path))
    }

    fn files(&self) -> Vec<PathBuf> {
        own_files(&self.real_path()).into()
    }
}

/// The files that belong to a store: itself, its write-ahead log, shared memory and lock.
pub(super) fn own_files(path: &Path) -> [PathBuf; 4] {
    [
        path.to_owned(),
        sibling(path, "-wal"),
        sibling(path, "-shm"),
        RecorderLock::path_for(path),
    ]
}
