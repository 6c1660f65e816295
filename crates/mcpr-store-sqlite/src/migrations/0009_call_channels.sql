-- Layout 9. One call that two streams of a proxy tell of is one row.

-- call: what a row is found by when the other stream tells of it, with who has told of it in its two
-- lowest bits; null where no other stream can.
ALTER TABLE requests ADD COLUMN call INTEGER;
CREATE INDEX requests_call ON requests (call) WHERE call IS NOT NULL;
