-- Layout 20. Where the requests of a session stand, in ranges of the sequence: few for each session, where an index
-- over sessions had an entry for each request.

-- Between a session's first and last place in a range stand requests of others, too; of its own the next one is at most
-- 256 places away. Both lie in the same 16,384 places: seq / 16384.
CREATE TABLE session_ranges (
    session   INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    seal      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (session, first_seq)
) STRICT, WITHOUT ROWID;
INSERT INTO session_ranges (session, first_seq, last_seq)
    SELECT session, min(seq), max(seq)
    FROM (SELECT session, seq, sum(is_first) OVER (PARTITION BY session ORDER BY seq) AS range
          FROM (SELECT session, seq,
                       seq - lag(seq, 1, -1000) OVER (PARTITION BY session ORDER BY seq) > 256 AS is_first
                FROM requests WHERE session IN (SELECT id FROM sessions)))
    GROUP BY session, range, seq / 16384;
DROP INDEX requests_session;
