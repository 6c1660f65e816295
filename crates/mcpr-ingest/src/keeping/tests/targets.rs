//! What waits for a target that it is sent to.

use super::*;
use crate::unsent::waits_at;
use mcpr_model::{Checkpoint, Counts, SourceProgress};

/// Notes that a target has everything up to a row.
fn sent(kept: &mut Kept, seq: i64) {
    kept.batches += 1;
    let checkpoint = Checkpoint::of_target("all.db".into(), 7, seq);
    let batch = Batch {
        writer: 1,
        number: kept.batches,
        now: 0,
        events: Vec::new(),
        sources: vec![SourceProgress {
            name: "all.db".into(),
            checkpoint: Some(checkpoint),
            counts: Counts::default(),
        }],
    };
    kept.writer.append(&batch).expect("a commit");
}

#[test]
fn rows_that_were_not_sent_do_not_go_for_their_age() {
    let mut kept = Kept::new(Keep {
        requests_ms: Some(DAY),
        payloads_ms: Some(DAY),
        max_bytes: None,
    });
    let url = kept.backend.url().clone();
    kept.keeping = kept.keeping.heed_targets(Some(waits_at(&url)));
    let body = |_| Some("{}".to_owned());
    let left = |kept: &Kept| {
        let reader = kept.backend.reader().expect("a reader");
        let overview = reader.overview().expect("an overview");
        (overview.requests, overview.payloads)
    };
    kept.record(BEGIN, 10, &body);
    sent(&mut kept, 5);
    kept.record(BEGIN + 3 * DAY, 1, &body);
    assert_eq!(left(&kept), (11, 11), "half of the old ones were not sent");
    sent(&mut kept, 10);
    kept.record(BEGIN + 3 * DAY + 2 * HOUR, 1, &body);
    assert_eq!(left(&kept), (2, 2), "the others were not old");
}
