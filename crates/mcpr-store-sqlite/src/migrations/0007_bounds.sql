-- Layout 7. Everything that is stored has a bound and a way to go, and every row of every table has a
-- seal (requests have their batch's checksum). The functions row_seal, sha256 and packed are the
-- writer's own.

ALTER TABLE proxies ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payloads ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bad_lines ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE writers ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE surface_announcements ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;

-- summed_as: the operation whose hourly sums hold its calls, where that is not itself: a proxy's method
-- has sums of its own for so many targets, and one for all others together.
ALTER TABLE operations ADD COLUMN summed_as INTEGER;
ALTER TABLE operations ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
CREATE INDEX operations_summed ON operations (proxy, method) WHERE summed_as IS NULL;

-- key: which writer stored a gap, in which batch and at which place in it, as one hash. Two gaps may be
-- equal in all else.
ALTER TABLE gaps ADD COLUMN key INTEGER NOT NULL DEFAULT 0;
UPDATE gaps SET key = row_seal(seq, source, count, from_ts, to_ts);
CREATE UNIQUE INDEX gaps_key ON gaps (key);

-- seen_at: when its source last moved on.
ALTER TABLE checkpoints ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE checkpoints SET seen_at = CAST(unixepoch('subsec') * 1000 AS INTEGER);

-- Each distinct text of a list once, as a zstd frame; sha256 and bytes are the text's own.
CREATE TABLE surface_texts (
    id     INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    bytes  INTEGER NOT NULL,
    text   BLOB NOT NULL,
    seal   INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO surface_texts (sha256, bytes, text)
    SELECT sha256(payload), octet_length(payload), packed(payload)
    FROM surfaces GROUP BY sha256(payload);
ALTER TABLE surfaces ADD COLUMN text INTEGER REFERENCES surface_texts (id);
UPDATE surfaces SET text = (SELECT t.id FROM surface_texts t WHERE t.sha256 = sha256(payload));
ALTER TABLE surfaces DROP COLUMN payload;
CREATE INDEX surfaces_text ON surfaces (text);
-- The version seen last, and those that are the same text, without a look at the others.
CREATE INDEX surfaces_seen ON surfaces (proxy, method, last_seen, version);
CREATE INDEX surfaces_sha256 ON surfaces (proxy, method, sha256);
CREATE INDEX surface_pages_ts ON surface_pages (ts);

-- What waits of a chain: the pages themselves stand beside it, so that the next one only adds to them.
CREATE TABLE surface_page_items (
    proxy          INTEGER NOT NULL,
    chain          TEXT NOT NULL,
    method         TEXT NOT NULL,
    page           INTEGER NOT NULL,
    items          TEXT NOT NULL,
    duplicate_keys TEXT NOT NULL,
    seal           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (proxy, chain, method, page),
    FOREIGN KEY (proxy, chain, method) REFERENCES surface_pages (proxy, chain, method)
        ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
ALTER TABLE surface_pages ADD COLUMN pages INTEGER NOT NULL DEFAULT 1;
ALTER TABLE surface_pages ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE surface_pages SET bytes = octet_length(items);
INSERT INTO surface_page_items (proxy, chain, method, page, items, duplicate_keys)
    SELECT proxy, chain, method, 1, items, duplicate_keys FROM surface_pages;
ALTER TABLE surface_pages DROP COLUMN items;
ALTER TABLE surface_pages DROP COLUMN duplicate_keys;
