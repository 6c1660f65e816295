-- Layout 10. What is taken out of a table is missed: of each table whose rows have seals, how many there
-- are and what their seals come to (mod 2^64). Filled after the migrations, when all is sealed. And a
-- request's hash covers the code of its call.

CREATE TABLE census (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    seals INTEGER NOT NULL,
    seal  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Only calls that two streams can tell of have a code, which the batches' checksums did not cover.
UPDATE batches SET checksum = wrapping_sum(checksum, c.change),
    seal = row_seal(id, writer, committed_at, first_seq, last_seq, requests, min_ts, max_ts,
                    wrapping_sum(checksum, c.change))
FROM (SELECT (SELECT max(b.first_seq) FROM batches b WHERE b.first_seq <= r.seq) AS first,
             wrapped_sum(call_change(r.seq, r.ts, r.key, o.hash, r.session, r.client, r.latency_us,
                                     r.upstream_us, r.bytes_in, r.bytes_out, r.error_kind,
                                     r.request_id, r.error_code, r.error_msg, r.call)) AS change
      FROM requests r JOIN operations o ON o.id = r.operation
      WHERE r.call IS NOT NULL GROUP BY 1) c
WHERE first_seq = c.first;

-- Sessions without a call are listed page by page as well.
DROP INDEX sessions_last_seen;
CREATE INDEX sessions_last_seen ON sessions (last_seen_at);
