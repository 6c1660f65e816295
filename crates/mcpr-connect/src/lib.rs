//! From a store's URL to the backend that keeps it: the one place that names backends.
//!
//! A crate of its own, because `mcpr-store` cannot know those that depend on it. A new backend is its own
//! crate, a line here, and a line in the manifest.

use mcpr_store::{Backend, Scheme, StoreError, StoreUrl};
#[cfg(feature = "postgres")]
use mcpr_store_postgres::PostgresBackend;
#[cfg(feature = "rocksdb")]
use mcpr_store_rocksdb::RocksdbBackend;
use mcpr_store_sqlite::SqliteBackend;

/// The store at a URL. Nothing is opened yet.
///
/// # Errors
/// [`Unsupported`](mcpr_store::StoreErrorKind::Unsupported) where this build lacks the backend.
pub fn connect(url: &StoreUrl) -> Result<Box<dyn Backend>, StoreError> {
    match url.scheme() {
        Scheme::Sqlite => Ok(Box::new(SqliteBackend::at(url)?)),
        #[cfg(feature = "postgres")]
        Scheme::Postgres => Ok(Box::new(PostgresBackend::at(url)?)),
        #[cfg(feature = "rocksdb")]
        Scheme::RocksDb => Ok(Box::new(RocksdbBackend::at(url)?)),
        #[cfg(not(all(feature = "postgres", feature = "rocksdb")))]
        lacking => {
            let backend = lacking.as_str();
            let message = format!("{url}: this build of mcpr cannot open stores in {backend}");
            let hint = "name a SQLite store with --db: a path, or sqlite:PATH";
            Err(StoreError::unsupported(message).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_store::{StoreErrorKind, Trust, WriterOptions};

    #[test]
    fn a_backend_that_this_build_lacks_is_refused_without_the_password() {
        let mut lacking = Vec::new();
        if cfg!(not(feature = "rocksdb")) {
            lacking.push(("rocksdb:/var/lib/mcpr", "RocksDB"));
        }
        if cfg!(not(feature = "postgres")) {
            lacking.push(("postgres://ada:secret@db.example/mcpr", "PostgreSQL"));
        }
        for (text, name) in lacking {
            let url = StoreUrl::parse(text).expect(text);
            let error = connect(&url).expect_err(text);
            assert_eq!(error.kind, StoreErrorKind::Unsupported, "{text}");
            let printed = format!("{error} {error:?}");
            assert!(printed.contains(name), "{printed}");
            assert!(!printed.contains("secret"), "{printed}");
        }
    }

    #[test]
    fn a_store_is_made_by_its_writer_and_by_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let text = format!("sqlite:{}", path.display());
        let store = connect(&StoreUrl::parse(text).expect("a URL")).expect("a backend");
        let missing = |kind| kind == StoreErrorKind::Missing;
        assert!(store.reader().is_err_and(|error| missing(error.kind)));
        assert!(!path.exists());
        drop(store.writer(WriterOptions::default()).expect("a writer"));
        drop(store.reader().expect("a reader"));
        drop(store.admin(Trust::Owner).expect("an admin"));
        assert!(store.sizes().expect("sizes").store_bytes > 0);
        assert_eq!(store.files().first(), Some(&path));
    }
}
