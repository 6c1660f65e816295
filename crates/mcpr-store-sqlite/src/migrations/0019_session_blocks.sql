-- Layout 19. Sums over 1,024 sessions that stand one behind the other, so that a question about clients does not look
-- at each session there ever was. Made when none of them changes any more; removed where one does.

-- block: sessions.id / 1024; client: 0 where it is not known; used: whether the sessions have a call; first_started_at
-- and so on: the bounds of their times.
CREATE TABLE session_blocks (
    block              INTEGER NOT NULL,
    client             INTEGER NOT NULL,
    proxy              INTEGER NOT NULL,
    used               INTEGER NOT NULL CHECK (used IN (0, 1)),
    sessions           INTEGER NOT NULL,
    calls              INTEGER NOT NULL,
    errors             INTEGER NOT NULL,
    first_started_at   INTEGER NOT NULL,
    last_started_at    INTEGER NOT NULL,
    first_last_seen_at INTEGER NOT NULL,
    last_seen_at       INTEGER NOT NULL,
    seal               INTEGER NOT NULL,
    PRIMARY KEY (block, client, proxy, used)
) STRICT, WITHOUT ROWID;
