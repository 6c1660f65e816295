-- Layout 17. Requests that are over and wait for what another source may add: over is the row that they become, as
-- JSON, if nothing more is told of them.
ALTER TABLE open_requests ADD COLUMN over TEXT;
