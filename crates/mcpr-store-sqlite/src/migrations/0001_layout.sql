-- Layout 1. Repeated text stands once in a small table and is referred to by number;
-- the views at the end give the wide rows back.

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('last_seq', 0), ('duplicates', 0), ('conflicts', 0);

CREATE TABLE proxies (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE clients (
    id      INTEGER PRIMARY KEY,
    name    TEXT,
    version TEXT
) STRICT;
CREATE UNIQUE INDEX clients_identity
    ON clients (name IS NULL, ifnull(name, ''), version IS NULL, ifnull(version, ''));

-- What can be called: a proxy's method with its tool, resource or prompt.
-- kind: 0 mcp, 1 http, 2 oauth.  target_kind: 1 tool, 2 resource, 3 prompt.
-- hash: XXH3 over all of it, so that long texts need no index of their own.
CREATE TABLE operations (
    id          INTEGER PRIMARY KEY,
    proxy       INTEGER NOT NULL REFERENCES proxies (id),
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    method      TEXT NOT NULL,
    target_kind INTEGER CHECK (target_kind BETWEEN 1 AND 3),
    target      TEXT,
    hash        INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_hash ON operations (hash);

CREATE TABLE sessions (
    id           INTEGER PRIMARY KEY,
    proxy        INTEGER NOT NULL REFERENCES proxies (id),
    session_id   TEXT NOT NULL,
    inferred     INTEGER NOT NULL CHECK (inferred IN (0, 1)),
    client       INTEGER REFERENCES clients (id),
    started_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ended_at     INTEGER,
    total_calls  INTEGER NOT NULL,
    total_errors INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sessions_identity ON sessions (session_id, proxy);
CREATE INDEX sessions_last_seen ON sessions (last_seen_at) WHERE total_calls > 0;
CREATE INDEX sessions_inferred ON sessions (proxy, client) WHERE inferred = 1;

-- seq comes from counters.last_seq, so it is never used twice.
-- key: low 23 bits of the event's hash, with bits above them where (ts, key) is taken by another event.
-- request_id: 16 bytes for a UUID, a number for a number, else text.
-- error_kind: 1 rpc, 2 tool, 3 http, 4 cancelled, 5 timeout; null is ok.
-- No foreign keys here: they would cost a look-up each on every row.
CREATE TABLE requests (
    seq         INTEGER PRIMARY KEY,
    ts          INTEGER NOT NULL,
    key         INTEGER NOT NULL,
    operation   INTEGER NOT NULL,
    session     INTEGER,
    client      INTEGER,
    latency_us  INTEGER NOT NULL,
    upstream_us INTEGER,
    bytes_in    INTEGER,
    bytes_out   INTEGER,
    request_id  ANY,
    error_kind  INTEGER,
    error_code  TEXT,
    error_msg   TEXT
) STRICT;
CREATE UNIQUE INDEX requests_identity ON requests (ts, key);
CREATE INDEX requests_session ON requests (session) WHERE session IS NOT NULL;

CREATE TABLE gaps (
    seq     INTEGER PRIMARY KEY,
    source  TEXT NOT NULL,
    count   INTEGER NOT NULL,
    from_ts INTEGER NOT NULL,
    to_ts   INTEGER NOT NULL
) STRICT;

CREATE TABLE bad_lines (
    seq     INTEGER PRIMARY KEY,
    ts      INTEGER NOT NULL,
    source  TEXT NOT NULL,
    offset  INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    excerpt BLOB NOT NULL
) STRICT;

-- Hourly sums; sketch: see the sketch module. They outlive the requests.
CREATE TABLE rollups (
    hour             INTEGER NOT NULL,
    operation        INTEGER NOT NULL REFERENCES operations (id),
    calls            INTEGER NOT NULL,
    errors_rpc       INTEGER NOT NULL,
    errors_tool      INTEGER NOT NULL,
    errors_http      INTEGER NOT NULL,
    errors_cancelled INTEGER NOT NULL,
    errors_timeout   INTEGER NOT NULL,
    latency_sum_us   INTEGER NOT NULL,
    latency_min_us   INTEGER NOT NULL,
    latency_max_us   INTEGER NOT NULL,
    bytes_in         INTEGER NOT NULL,
    bytes_out        INTEGER NOT NULL,
    sketch           BLOB NOT NULL,
    PRIMARY KEY (hour, operation)
) STRICT, WITHOUT ROWID;

-- Where each file source stands.
CREATE TABLE checkpoints (
    device      INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    path        TEXT NOT NULL,
    head_len    INTEGER NOT NULL,
    head_hash   INTEGER NOT NULL,
    marker_len  INTEGER NOT NULL,
    marker_hash INTEGER NOT NULL,
    offset      INTEGER NOT NULL,
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;

-- What was met in each source, ever.
CREATE TABLE sources (
    name      TEXT PRIMARY KEY,
    lines     INTEGER NOT NULL,
    events    INTEGER NOT NULL,
    text      INTEGER NOT NULL,
    bad       INTEGER NOT NULL,
    unknown   INTEGER NOT NULL,
    filtered  INTEGER NOT NULL,
    dropped   INTEGER NOT NULL,
    nul_bytes INTEGER NOT NULL,
    last_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each writer has come: what makes a repeated commit recognisable.
CREATE TABLE writers (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    writer INTEGER NOT NULL UNIQUE,
    number INTEGER NOT NULL
) STRICT;

-- One row a commit, or several small ones of one writer in a row together.
-- checksum: the sum of its requests' hashes (mod 2^64).
CREATE TABLE batches (
    id           INTEGER PRIMARY KEY,
    writer       INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    first_seq    INTEGER NOT NULL,
    last_seq     INTEGER NOT NULL,
    requests     INTEGER NOT NULL,
    min_ts       INTEGER NOT NULL,
    max_ts       INTEGER NOT NULL,
    checksum     INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_first_seq ON batches (first_seq);

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
           WHEN 5 THEN 'timeout'
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

CREATE VIEW session_log AS
SELECT s.session_id,
       s.inferred,
       p.name AS proxy,
       c.name AS client_name,
       c.version AS client_version,
       s.started_at,
       s.last_seen_at,
       s.ended_at,
       s.total_calls,
       s.total_errors
FROM sessions s
         JOIN proxies p ON p.id = s.proxy
         LEFT JOIN clients c ON c.id = s.client;

CREATE VIEW rollup_log AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', u.hour / 1000, 'unixepoch') AS hour,
       p.name AS proxy,
       o.method,
       o.target,
       u.calls,
       u.errors_rpc + u.errors_tool + u.errors_http + u.errors_cancelled + u.errors_timeout AS errors,
       u.latency_sum_us / u.calls AS latency_mean_us,
       u.latency_max_us,
       u.bytes_in,
       u.bytes_out
FROM rollups u
         JOIN operations o ON o.id = u.operation
         JOIN proxies p ON p.id = o.proxy;
