-- Layout 3. What servers show: every version of every list, what each brought, and lists that are
-- not whole yet. And seals: a hash in every row that is shown and that no batch's checksum covers, so
-- that a flipped bit of it is found.

ALTER TABLE rollups ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE gaps ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checkpoints ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;

CREATE TABLE surfaces (
    id           INTEGER PRIMARY KEY,
    proxy        INTEGER NOT NULL REFERENCES proxies (id),
    method       TEXT NOT NULL,
    version      INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    payload      TEXT NOT NULL,
    first_seen   INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    session_id   TEXT,
    client_name  TEXT,
    upstream     TEXT,
    announced    INTEGER NOT NULL CHECK (announced IN (0, 1)),
    peculiar     TEXT NOT NULL,
    protocol     TEXT,
    seal         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (proxy, method, version)
) STRICT;

CREATE TABLE surface_changes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    surface INTEGER NOT NULL REFERENCES surfaces (id),
    change  TEXT NOT NULL,
    item    TEXT,
    seal    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX surface_changes_surface ON surface_changes (surface);

-- Pages that wait for the rest of their chain; chain: the session, or the client where there is none.
CREATE TABLE surface_pages (
    proxy          INTEGER NOT NULL,
    chain          TEXT NOT NULL,
    method         TEXT NOT NULL,
    next_cursor    TEXT NOT NULL,
    items          TEXT NOT NULL,
    duplicate_keys TEXT NOT NULL,
    ts             INTEGER NOT NULL,
    seal           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (proxy, chain, method)
) STRICT, WITHOUT ROWID;

-- When a server last announced that a list has changed.
CREATE TABLE surface_announcements (
    proxy  INTEGER NOT NULL,
    method TEXT NOT NULL,
    ts     INTEGER NOT NULL,
    PRIMARY KEY (proxy, method)
) STRICT, WITHOUT ROWID;

-- Items seen on their own, of lists that were never seen whole.
CREATE TABLE surface_items (
    proxy      INTEGER NOT NULL,
    method     TEXT NOT NULL,
    item       TEXT NOT NULL,
    payload    TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    seal       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (proxy, method, item)
) STRICT, WITHOUT ROWID;

CREATE VIEW surface_log AS
SELECT p.name AS proxy, s.method, s.version, s.sha256, s.first_seen, s.last_seen, s.session_id,
       c.change, c.item
FROM surfaces s
         JOIN proxies p ON p.id = s.proxy
         LEFT JOIN surface_changes c ON c.surface = s.id;
