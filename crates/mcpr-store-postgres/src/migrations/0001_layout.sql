-- The layout of a store on a server, in what PostgreSQL and those that speak its protocol have in common: no
-- sequences, no triggers, no extensions, no references between tables. Numbers are given out by the one row of
-- `mcpr_store`, which each transaction that writes locks first.
--
-- Texts that come from outside are `bytea`: they may hold a NUL, which `text` cannot, and are ordered by bytes
-- whatever the collation of the database. The views show them as text.

CREATE TABLE mcpr_store (
    id smallint PRIMARY KEY CHECK (id = 1),
    layout integer NOT NULL,
    store_id bigint NOT NULL,
    -- The last sequence number that was given out.
    last_seq bigint NOT NULL,
    -- The last number of a session, a version or a text.
    last_id bigint NOT NULL,
    -- The last number of a proxy, a client or an operation: they are fewer, and each request has two of them.
    last_name integer NOT NULL,
    -- Grows with each transaction that changes anything,
    commits bigint NOT NULL,
    -- and this one with those that remove or rename, after which a number may stand for nothing.
    cares bigint NOT NULL,
    requests bigint NOT NULL,
    duplicates bigint NOT NULL,
    conflicts bigint NOT NULL,
    undecided bigint NOT NULL
);

CREATE TABLE proxies (
    id bigint PRIMARY KEY,
    name bytea NOT NULL UNIQUE
);

-- `identity` is a hash of name and version, of which either may be unknown.
CREATE TABLE clients (
    id bigint PRIMARY KEY,
    name bytea,
    version bytea,
    identity bytea NOT NULL UNIQUE
);

-- What was called. `identity` is a hash of all of it: a name may be longer than a key of an index.
CREATE TABLE operations (
    id bigint PRIMARY KEY,
    proxy bigint NOT NULL,
    kind smallint NOT NULL,
    method bytea NOT NULL,
    target_kind smallint,
    target bytea,
    -- The operation whose hourly sums it counts in, where it has none of its own.
    summed_as bigint,
    identity bytea NOT NULL UNIQUE
);
CREATE INDEX operations_proxy ON operations (proxy);

-- `client` is 0 where none is known.
CREATE TABLE sessions (
    id bigint PRIMARY KEY,
    proxy bigint NOT NULL,
    session_id bytea NOT NULL,
    inferred boolean NOT NULL,
    client bigint NOT NULL,
    started_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    ended_at bigint,
    total_calls bigint NOT NULL,
    total_errors bigint NOT NULL,
    conversation bytea,
    UNIQUE (session_id, proxy)
);
CREATE INDEX sessions_used ON sessions (last_seen_at, started_at);
CREATE INDEX sessions_started ON sessions (started_at);
CREATE INDEX sessions_inferred ON sessions (proxy, client, started_at) WHERE inferred;

-- Narrow, since there are many: columns stand in the order in which they fit without a gap between them, and where
-- none of them is NULL a row needs no map of which are.
CREATE TABLE requests (
    seq bigint NOT NULL,
    ts bigint NOT NULL,
    key bigint NOT NULL,
    -- 0 where there is none.
    session bigint NOT NULL,
    -- None where nobody knows it.
    latency_us bigint,
    operation integer NOT NULL,
    -- 0 where none is known.
    client integer NOT NULL,
    -- 0 where it ended well.
    error_kind smallint NOT NULL,
    -- Of the id: many rows share one, so that an index over it is a tenth of one over ids.
    id_hash smallint NOT NULL,
    -- What is shown of a request and never asked for: format, status, sizes and times, as in `figures.rs`.
    figures bytea NOT NULL,
    -- Empty where there is none.
    request_id bytea NOT NULL,
    -- Rows come in this order, so that no page is split to leave room.
    PRIMARY KEY (seq) WITH (fillfactor = 100),
    UNIQUE (ts, key) WITH (fillfactor = 100)
);
-- Equal values share an entry: a second column would make each an entry of its own.
CREATE INDEX requests_session ON requests (session);
CREATE INDEX requests_id ON requests (id_hash);
-- What is asked for among many and is rare: of each operation, since of many there is none.
CREATE INDEX requests_failed ON requests (operation, error_kind, ts, seq) WHERE error_kind <> 0;
CREATE INDEX requests_slow ON requests (operation, latency_us, ts) WHERE latency_us >= 100000;

-- What few requests have.
CREATE TABLE request_notes (
    seq bigint PRIMARY KEY,
    retyped boolean NOT NULL,
    trace bytea,
    -- What a request takes up and leaves open; two rows with the same one are parts of one operation.
    follows bigint,
    leaves bigint,
    stage smallint,
    -- What several channels may report.
    call bigint,
    error_code bytea,
    error_msg bytea
);
CREATE INDEX request_notes_trace ON request_notes (trace) WHERE trace IS NOT NULL;
CREATE INDEX request_notes_parts ON request_notes (seq) WHERE stage IS NOT NULL;
CREATE INDEX request_notes_call ON request_notes (call) WHERE call IS NOT NULL;

-- Bodies are zstd frames.
CREATE TABLE payloads (
    seq bigint PRIMARY KEY,
    ts bigint NOT NULL,
    params_bytes bigint,
    answer_bytes bigint,
    params_cut boolean NOT NULL,
    answer_cut boolean NOT NULL,
    params bytea,
    answer bytea
);
CREATE INDEX payloads_ts ON payloads (ts);

CREATE TABLE gaps (
    seq bigint PRIMARY KEY,
    key bigint NOT NULL UNIQUE,
    count bigint NOT NULL,
    from_ts bigint NOT NULL,
    to_ts bigint NOT NULL,
    source bytea NOT NULL
);
CREATE INDEX gaps_from ON gaps (from_ts, seq);

CREATE TABLE bad_lines (
    seq bigint PRIMARY KEY,
    ts bigint NOT NULL,
    place bigint NOT NULL,
    source bytea NOT NULL,
    reason bytea NOT NULL,
    excerpt bytea NOT NULL
);

CREATE TABLE rollups (
    hour bigint NOT NULL,
    operation bigint NOT NULL,
    calls bigint NOT NULL,
    -- By kind, in the order in which a version of mcpr lists them.
    errors bigint[] NOT NULL,
    latency_sum_us bigint NOT NULL,
    latency_min_us bigint NOT NULL,
    latency_max_us bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    sketch bytea NOT NULL,
    PRIMARY KEY (hour, operation)
    -- Those of this hour change with each batch: with room for it, they do so where they stand.
) WITH (fillfactor = 70);

-- Each recorder has a name, by which its checkpoints and sources are kept apart from those of other machines.
CREATE TABLE recorders (
    id bigint PRIMARY KEY,
    name bytea NOT NULL UNIQUE,
    -- Who has the name now, and when that was last said; 0 where nobody has.
    holder bigint NOT NULL,
    seen_at timestamptz NOT NULL
);

CREATE TABLE sources (
    recorder bigint NOT NULL,
    identity bytea NOT NULL,
    name bytea NOT NULL,
    counts bigint[] NOT NULL,
    last_at bigint NOT NULL,
    PRIMARY KEY (recorder, identity)
);

CREATE TABLE checkpoints (
    recorder bigint NOT NULL,
    device bigint NOT NULL,
    inode bigint NOT NULL,
    path bytea NOT NULL,
    head_len bigint NOT NULL,
    head_hash bigint NOT NULL,
    marker_len bigint NOT NULL,
    marker_hash bigint NOT NULL,
    place bigint NOT NULL,
    seen_at bigint NOT NULL,
    PRIMARY KEY (recorder, device, inode)
);

-- How far each writer has come. The time says whether one that has requests in flight is still there.
CREATE TABLE writers (
    writer bigint PRIMARY KEY,
    number bigint NOT NULL,
    -- The commit with which it began.
    began bigint NOT NULL,
    committed_at bigint NOT NULL
);

-- Writers that others must know to be there: they have requests in flight, or run a server. `sessions` end with it.
CREATE TABLE leases (
    writer bigint PRIMARY KEY,
    seen_at timestamptz NOT NULL,
    sessions bytea NOT NULL
);

-- Requests in flight, each as JSON.
CREATE TABLE open_requests (
    key bigint PRIMARY KEY,
    writer bigint NOT NULL,
    seen_at bigint NOT NULL,
    request bytea NOT NULL
);

-- What taps know of their servers, as JSON.
CREATE TABLE server_runs (
    session bigint PRIMARY KEY,
    said_at bigint NOT NULL,
    ended_at bigint,
    died boolean NOT NULL,
    has_output boolean NOT NULL,
    run bytea NOT NULL
);

CREATE TABLE surface_texts (
    id bigint PRIMARY KEY,
    sha256 bytea NOT NULL UNIQUE,
    bytes bigint NOT NULL,
    content bytea NOT NULL
);

CREATE TABLE surfaces (
    id bigint PRIMARY KEY,
    proxy bigint NOT NULL,
    method bytea NOT NULL,
    version bigint NOT NULL,
    content bigint NOT NULL,
    first_seen_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    seq bigint NOT NULL,
    announced boolean NOT NULL,
    sha256 bytea NOT NULL,
    session_id bytea,
    client_name bytea,
    upstream bytea,
    protocol bytea,
    -- Lists of texts, as JSON.
    peculiar bytea NOT NULL,
    changes bytea NOT NULL,
    UNIQUE (proxy, method, version)
);
CREATE INDEX surfaces_content ON surfaces (content);

CREATE TABLE surface_items (
    proxy bigint NOT NULL,
    method bytea NOT NULL,
    identity bytea NOT NULL,
    item bytea NOT NULL,
    content bytea NOT NULL,
    first_seen_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    PRIMARY KEY (proxy, method, identity)
);

CREATE TABLE surface_announcements (
    proxy bigint NOT NULL,
    method bytea NOT NULL,
    ts bigint NOT NULL,
    PRIMARY KEY (proxy, method)
);

CREATE TABLE surface_pages (
    proxy bigint NOT NULL,
    method bytea NOT NULL,
    chain bytea NOT NULL,
    next_cursor bytea NOT NULL,
    ts bigint NOT NULL,
    pages bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (proxy, method, chain)
);

CREATE TABLE surface_page_items (
    proxy bigint NOT NULL,
    method bytea NOT NULL,
    chain bytea NOT NULL,
    page bigint NOT NULL,
    items bytea NOT NULL,
    duplicate_keys bytea NOT NULL,
    PRIMARY KEY (proxy, method, chain, page)
);

-- For a person with psql. A name with a NUL in it is shown escaped.
CREATE VIEW request_log AS
SELECT r.seq, to_timestamp(r.ts / 1000.0) AS at, encode(p.name, 'escape') AS proxy,
       encode(o.method, 'escape') AS method, encode(o.target, 'escape') AS target,
       encode(s.session_id, 'escape') AS session, r.latency_us, nullif(r.error_kind, 0) AS error_kind,
       encode(n.error_code, 'escape') AS error_code, encode(n.error_msg, 'escape') AS error_msg
FROM requests r JOIN operations o ON o.id = r.operation JOIN proxies p ON p.id = o.proxy
     LEFT JOIN sessions s ON s.id = r.session LEFT JOIN request_notes n ON n.seq = r.seq;

CREATE VIEW session_log AS
SELECT encode(p.name, 'escape') AS proxy, encode(s.session_id, 'escape') AS session, s.inferred,
       encode(c.name, 'escape') AS client, to_timestamp(s.started_at / 1000.0) AS started_at,
       to_timestamp(s.last_seen_at / 1000.0) AS last_seen_at, s.total_calls, s.total_errors
FROM sessions s JOIN proxies p ON p.id = s.proxy LEFT JOIN clients c ON c.id = s.client;
