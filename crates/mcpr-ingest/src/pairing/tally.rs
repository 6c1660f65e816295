//! What pairing counts beside the rows it makes.

/// What passed and leads to no row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairingTally {
    /// Notifications, progress among them.
    pub notifications: u64,
    /// Notifications of progress.
    pub progress: u64,
    /// Answers that came after their request was cancelled or given up.
    pub late: u64,
    /// Answers to nothing that was asked.
    pub unasked: u64,
    /// Answers whose id had another type than that of their request.
    pub retyped: u64,
    /// Requests whose answer may be among what was lost: they lead to no row.
    pub doubtful: u64,
}

/// Requests whose end is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnresolvedRequests {
    /// How many.
    pub count: u64,
    /// When the first was asked, in unix milliseconds.
    pub from_ts: i64,
    /// When the last was.
    pub to_ts: i64,
}

impl UnresolvedRequests {
    pub(super) fn at(ts: i64) -> Self {
        Self {
            count: 0,
            from_ts: ts,
            to_ts: ts,
        }
    }

    pub(super) fn add(&mut self, ts: i64) {
        self.count += 1;
        self.from_ts = self.from_ts.min(ts);
        self.to_ts = self.to_ts.max(ts);
    }
}
