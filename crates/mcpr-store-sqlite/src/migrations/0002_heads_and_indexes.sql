-- Layout 2. A store knows itself again wherever its file lies; slow and failed requests, which are
-- few, are found without a look at the others.

INSERT INTO counters VALUES ('store_id', 1 + (random() & 0x3fffffffffffffff));

CREATE INDEX requests_slow ON requests (latency_us, ts, operation) WHERE latency_us >= 100000;
CREATE INDEX requests_errors ON requests (operation) WHERE error_kind IS NOT NULL;
