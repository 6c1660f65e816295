-- Layout 13. What is in flight, what a tap knows of its server, and requests that were open when it died.

-- error_kind of requests: 6 died. Hourly sums count them beside the others.
ALTER TABLE rollups ADD COLUMN errors_died INTEGER NOT NULL DEFAULT 0;

-- Requests that were seen and whose answer was not: put in by whoever sees them first, gone in the transaction
-- that stores their row. Names stand in full, for there are few rows and none stays.
-- key: the hash of the event that the row will be; of_bytes: whether that is of its bytes, else of an id; writer: of whose batches; resumes: whether the source is read
-- again from before the request, so that a writer that is gone has not lost it; seen_at: when its batch was made.
CREATE TABLE open_requests (
    key            INTEGER PRIMARY KEY,
    of_bytes       INTEGER NOT NULL CHECK (of_bytes IN (0, 1)),
    writer         INTEGER NOT NULL,
    resumes        INTEGER NOT NULL CHECK (resumes IN (0, 1)),
    seen_at        INTEGER NOT NULL,
    ts             INTEGER NOT NULL,
    proxy          TEXT NOT NULL,
    kind           INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    session_id     TEXT,
    client_name    TEXT,
    client_version TEXT,
    method         TEXT NOT NULL,
    target_kind    INTEGER CHECK (target_kind BETWEEN 1 AND 3),
    target         TEXT,
    request_id     ANY,
    bytes_in       INTEGER,
    params_bytes   INTEGER,
    params_cut     INTEGER NOT NULL CHECK (params_cut IN (0, 1)),
    params         BLOB,
    seal           INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What a tap knows of the server that it ran for a session. said_at: when something was last said of it.
-- refused: why it could not be started. stderr, stray: the last of its standard error, and of what it wrote to
-- standard output that is no message, as zstd frames; …_bytes: how much there was in all.
CREATE TABLE server_runs (
    session        INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    said_at        INTEGER NOT NULL,
    command        TEXT,
    pid            INTEGER,
    ended_at       INTEGER,
    exit_code      INTEGER,
    exit_signal    INTEGER,
    refused        TEXT,
    protocol       TEXT,
    server_name    TEXT,
    server_version TEXT,
    stderr_bytes   INTEGER NOT NULL,
    stray_bytes    INTEGER NOT NULL,
    stderr         BLOB,
    stray          BLOB,
    seal           INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX server_runs_said ON server_runs (said_at);
CREATE INDEX server_runs_ended ON server_runs (ended_at) WHERE ended_at IS NOT NULL;

DROP VIEW request_log;
CREATE VIEW request_log AS
SELECT r.seq,
       CASE typeof(r.request_id)
           WHEN 'blob' THEN lower(
               substr(hex(r.request_id), 1, 8) || '-' || substr(hex(r.request_id), 9, 4) || '-' ||
               substr(hex(r.request_id), 13, 4) || '-' || substr(hex(r.request_id), 17, 4) || '-' ||
               substr(hex(r.request_id), 21))
           ELSE CAST(r.request_id AS TEXT)
       END AS request_id,
       r.ts,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.ts / 1000.0, 'unixepoch') AS time,
       p.name AS proxy,
       CASE o.kind WHEN 0 THEN 'mcp' WHEN 1 THEN 'http' ELSE 'oauth' END AS kind,
       CASE WHEN s.inferred = 0 THEN s.session_id END AS session_id,
       s.session_id AS session,
       CASE WHEN c.name IS NULL AND sc.name IS NOT NULL THEN sc.name ELSE c.name END AS client_name,
       CASE WHEN c.name IS NULL AND sc.name IS NOT NULL THEN sc.version ELSE c.version END
           AS client_version,
       o.method,
       CASE o.target_kind WHEN 1 THEN o.target END AS tool,
       CASE o.target_kind WHEN 2 THEN o.target END AS resource_uri,
       CASE o.target_kind WHEN 3 THEN o.target END AS prompt_name,
       r.latency_us,
       r.upstream_us,
       CASE WHEN r.error_kind IS NULL THEN 'ok' WHEN r.error_kind = 5 THEN 'timeout' ELSE 'error' END
           AS status,
       CASE r.error_kind
           WHEN 1 THEN 'rpc' WHEN 2 THEN 'tool' WHEN 3 THEN 'http' WHEN 4 THEN 'cancelled'
           WHEN 5 THEN 'timeout' WHEN 6 THEN 'died'
       END AS error_kind,
       r.error_code,
       r.error_msg,
       r.bytes_in,
       r.bytes_out
FROM requests r
         LEFT JOIN operations o ON o.id = r.operation
         LEFT JOIN proxies p ON p.id = o.proxy
         LEFT JOIN sessions s ON s.id = r.session
         LEFT JOIN clients c ON c.id = r.client
         LEFT JOIN clients sc ON sc.id = s.client;

DROP VIEW rollup_log;
CREATE VIEW rollup_log AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', u.hour / 1000, 'unixepoch') AS hour,
       p.name AS proxy,
       o.method,
       o.target,
       u.calls,
       u.errors_rpc + u.errors_tool + u.errors_http + u.errors_cancelled + u.errors_timeout
           + u.errors_died AS errors,
       u.latency_sum_us / u.calls AS latency_mean_us,
       u.latency_max_us,
       u.bytes_in,
       u.bytes_out
FROM rollups u
         JOIN operations o ON o.id = u.operation
         JOIN proxies p ON p.id = o.proxy;
