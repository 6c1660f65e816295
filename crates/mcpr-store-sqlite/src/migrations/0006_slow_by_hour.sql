-- Layout 6. Slow requests are found hour by hour: a new one then goes where the ones before it went,
-- not to a page of its own anywhere in the index.

DROP INDEX requests_slow;
CREATE INDEX requests_slow ON requests (ts / 3600000, latency_us, operation)
    WHERE latency_us >= 100000;
