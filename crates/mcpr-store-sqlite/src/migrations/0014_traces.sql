-- Layout 14. The trace that a request is a part of.

-- trace: the 16 bytes of a trace id of W3C Trace Context.
ALTER TABLE request_notes ADD COLUMN trace BLOB CHECK (length(trace) = 16);
CREATE INDEX request_notes_by_trace ON request_notes (trace) WHERE trace IS NOT NULL;
