-- Layout 12. What is said of few requests, in a table of its own.

-- retyped: the answer came under an id of another JSON type than the request's.
CREATE TABLE request_notes (
    seq     INTEGER PRIMARY KEY,
    retyped INTEGER NOT NULL CHECK (retyped IN (0, 1)),
    seal    INTEGER NOT NULL DEFAULT 0
) STRICT;
