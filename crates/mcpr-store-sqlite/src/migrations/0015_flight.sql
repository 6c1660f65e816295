-- Layout 15. The trace of a request in flight, and whether a server died: nothing was written into these two tables
-- before.

ALTER TABLE open_requests ADD COLUMN trace BLOB CHECK (length(trace) = 16);

DROP TABLE server_runs;

-- What a tap knows of the server that it ran for a session. said_at: when something was last said of it.
-- died: whether it was not to end so; refused: why it could not be started. stderr, stray: the last of its standard
-- error, and of what it wrote to standard output that is no message, as zstd frames; …_bytes: how much there was.
CREATE TABLE server_runs (
    session        INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    said_at        INTEGER NOT NULL,
    command        TEXT,
    pid            INTEGER,
    ended_at       INTEGER,
    exit_code      INTEGER,
    exit_signal    INTEGER,
    died           INTEGER NOT NULL CHECK (died IN (0, 1)),
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
CREATE INDEX server_runs_died ON server_runs (ended_at) WHERE died = 1;
