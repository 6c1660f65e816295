-- Layout 4. How many secrets were taken out on the way in; and what was asked and answered, where
-- that is kept: a table of its own, so that rows stay small and go later than their payloads.

ALTER TABLE sources ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;

-- ts: the request's. Bodies are zstd frames; …_bytes: how long they were as they passed; …_cut:
-- whether the end is missing.
CREATE TABLE payloads (
    seq          INTEGER PRIMARY KEY,
    ts           INTEGER NOT NULL,
    params_bytes INTEGER,
    params_cut   INTEGER NOT NULL CHECK (params_cut IN (0, 1)),
    answer_bytes INTEGER,
    answer_cut   INTEGER NOT NULL CHECK (answer_cut IN (0, 1)),
    params       BLOB,
    answer       BLOB
) STRICT;
CREATE INDEX payloads_ts ON payloads (ts);
