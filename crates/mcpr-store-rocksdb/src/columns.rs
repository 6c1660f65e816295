//! The column families of a store, and how each is laid out.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options, SliceTransform,
};

/// A column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// The state of the store, and how far each writer came.
    Meta,
    /// Operations and clients by number and by content.
    Names,
    /// Requests by number.
    Requests,
    /// By time and key: what is stored is found here, and the timeline.
    Times,
    /// By the id that they came with.
    Ids,
    /// By the call that several channels report.
    Calls,
    /// By session.
    BySession,
    /// Those that failed.
    Errors,
    /// The slowest first.
    Slow,
    /// Hourly sums.
    Sums,
    /// Sessions, and the orders that they are listed in.
    Sessions,
    Payloads,
    /// What servers showed.
    Surfaces,
    Sources,
    Checkpoints,
    /// Requests in flight, and what taps know of their servers.
    Flight,
    Gaps,
    BadLines,
    /// Sums of what requests are stored as, a block of numbers each: what damage is recognised by.
    Seals,
}

impl Column {
    pub(crate) const ALL: [Self; 19] = [
        Self::Meta,
        Self::Names,
        Self::Requests,
        Self::Times,
        Self::Ids,
        Self::Calls,
        Self::BySession,
        Self::Errors,
        Self::Slow,
        Self::Sums,
        Self::Sessions,
        Self::Payloads,
        Self::Surfaces,
        Self::Sources,
        Self::Checkpoints,
        Self::Flight,
        Self::Gaps,
        Self::BadLines,
        Self::Seals,
    ];

    /// The indexes over requests: each row has a key there, or none.
    pub(crate) const INDEXES: [Self; 6] = [
        Self::Times,
        Self::Ids,
        Self::Calls,
        Self::BySession,
        Self::Errors,
        Self::Slow,
    ];

    /// Its name in the store, for ever.
    pub(crate) fn name(self) -> &'static str {
        match self {
            // There always is one of this name.
            Self::Meta => "default",
            Self::Names => "names",
            Self::Requests => "requests",
            Self::Times => "times",
            Self::Ids => "ids",
            Self::Calls => "calls",
            Self::BySession => "by_session",
            Self::Errors => "errors",
            Self::Slow => "slow",
            Self::Sums => "sums",
            Self::Sessions => "sessions",
            Self::Payloads => "payloads",
            Self::Surfaces => "surfaces",
            Self::Sources => "sources",
            Self::Checkpoints => "checkpoints",
            Self::Flight => "flight",
            Self::Gaps => "gaps",
            Self::BadLines => "bad_lines",
            Self::Seals => "seals",
        }
    }

    /// Its place in [`Column::ALL`].
    pub(crate) fn index(self) -> usize {
        // The order of declaration is that of `ALL`, which a test holds to.
        self as usize
    }

    /// The bytes at the beginning of its keys that a filter knows, where it is asked by such a beginning.
    fn prefix_bytes(self) -> Option<usize> {
        match self {
            // The hash of an id; the number of a session.
            Self::Ids => Some(4),
            Self::BySession => Some(8),
            _ => None,
        }
    }

    pub(crate) fn has_prefix(self) -> bool {
        self.prefix_bytes().is_some()
    }

    fn options(self, cache: &Cache) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_size(16 << 10);
        table.set_block_cache(cache);
        // Stated, and not left to the engine: a newer one may write a newer form, which the mcpr before it could not
        // read.
        table.set_format_version(5);
        let mut options = Options::default();
        match self.prefix_bytes() {
            Some(bytes) => {
                options.set_prefix_extractor(SliceTransform::create_fixed_prefix(bytes));
                // Whole keys are asked for by a look for damage alone: a filter of those would be room for nothing.
                table.set_whole_key_filtering(false);
                table.set_bloom_filter(10.0, false);
            }
            // Asked for each request that comes, and it mostly is not there.
            None if self == Self::Times => table.set_bloom_filter(10.0, false),
            None => {}
        }
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(WRITE_BUFFER_BYTES);
        // Also what is new: most of a store of some hundred thousand rows stands there.
        options.set_compression_type(DBCompressionType::Zstd);
        options
    }
}

/// How much a column family holds in memory before it is written out.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// How much all of them hold, and so how much a reader of another process has to read of the log.
const ALL_BUFFERS_BYTES: usize = 48 << 20;
/// How much of what was read is held unpacked.
const CACHE_BYTES: usize = 32 << 20;

/// Every column family with its options.
pub(crate) fn descriptors() -> Vec<ColumnFamilyDescriptor> {
    // One for all column families: which of them is read depends on what is asked.
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    let of = |column: Column| ColumnFamilyDescriptor::new(column.name(), column.options(&cache));
    Column::ALL.map(of).into()
}

/// The options of the whole store.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // Each column family alone would hold less than its bound for hours, and all together keep a long log.
    options.set_db_write_buffer_size(ALL_BUFFERS_BYTES);
    options.set_max_total_wal_size(ALL_BUFFERS_BYTES as u64);
    // A recorder runs beside what it records, and must not take the machine from it.
    options.set_max_background_jobs(2);
    // The engine's own log says nothing to who uses a store.
    options.set_log_level(rocksdb::LogLevel::Warn);
    options.set_max_log_file_size(1 << 20);
    options.set_keep_log_file_num(2);
    options.set_stats_dump_period_sec(0);
    // A secondary needs every file open: the primary may remove them.
    options.set_max_open_files(-1);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_found_at_its_place() {
        for (at, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column.index(), at, "{}", column.name());
        }
    }
}
