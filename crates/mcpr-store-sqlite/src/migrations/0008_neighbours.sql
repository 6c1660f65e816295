-- Layout 8. What was looked for among everything there ever was is found by what lies around it: an
-- inferred session by its neighbours in time, a request by two bytes of its own id's hash.

DROP INDEX sessions_inferred;
CREATE INDEX sessions_inferred ON sessions (proxy, client, started_at) WHERE inferred = 1;
-- For lists of all sessions, page by page: without it each page would sort all of them.
CREATE INDEX sessions_started ON sessions (started_at);

-- One row for 1,000 places in the sequence. id: seq / 1000; max_ts: of its requests, as they were
-- stored; marks: two bytes for each place. The function id_marks is the writer's own.
CREATE TABLE request_ids (
    id     INTEGER PRIMARY KEY,
    max_ts INTEGER NOT NULL,
    marks  BLOB NOT NULL,
    seal   INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO request_ids (id, max_ts, marks)
    WITH RECURSIVE stretches (id) AS (
        SELECT min(seq) / 1000 FROM requests HAVING count(*) > 0
        UNION ALL
        SELECT (SELECT min(seq) / 1000 FROM requests WHERE seq >= (id + 1) * 1000) FROM stretches
        WHERE id IS NOT NULL)
    SELECT id, (SELECT max(ts) FROM requests
                WHERE seq >= id * 1000 AND seq < (id + 1) * 1000 AND request_id IS NOT NULL) AS newest,
           (SELECT id_marks(seq, request_id) FROM requests
            WHERE seq >= id * 1000 AND seq < (id + 1) * 1000)
    FROM stretches WHERE newest IS NOT NULL;
