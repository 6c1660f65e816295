-- Layout 11. Marks of ids are put together in blocks, so that an id is looked for in one place of a block
-- and not in all of it. What older layouts have in `request_ids` goes into blocks as the writer comes by.

-- id: seq / 64000; max_ts: of its requests, as they were stored; newest: the same of each thousand places.
CREATE TABLE id_blocks (
    id     INTEGER PRIMARY KEY,
    max_ts INTEGER NOT NULL,
    newest BLOB NOT NULL,
    seal   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- id: of the block, times 256, plus the upper byte of the marks; marks: the lower byte and the place in the
-- block (two bytes), one behind the other.
CREATE TABLE id_marks (
    id    INTEGER PRIMARY KEY,
    marks BLOB NOT NULL,
    seal  INTEGER NOT NULL DEFAULT 0
) STRICT;
