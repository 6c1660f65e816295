-- Layout 16. Requests whose end nobody saw: what told of them cannot know it. They have the status `unknown`.

-- error_kind of requests: 7 unseen, which is no error; 8 denied, refused before it was sent. Hourly sums count both.
ALTER TABLE rollups ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollups ADD COLUMN errors_denied INTEGER NOT NULL DEFAULT 0;

DROP VIEW request_log;
CREATE VIEW request_log AS
SELECT r.seq,
       CASE typeof(r.request_id)
           WHEN 'blob' THEN lower(
               substr(hex(r.request_id), 1, 8) || '-' || substr(hex(r.request_id), 9, 4) || '-' ||
               substr(hex(r.request_id), 13, 4) || '-' || substr(hex(r.request_id), 17, 4) || '-' ||
               substr(hex(r.request_id), 21))
           ELSE CAST(r.request_id AS TEXT)
       END AS request_id,
       r.ts,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.ts / 1000.0, 'unixepoch') AS time,
       p.name AS proxy,
       CASE o.kind WHEN 0 THEN 'mcp' WHEN 1 THEN 'http' ELSE 'oauth' END AS kind,
       CASE WHEN s.inferred = 0 THEN s.session_id END AS session_id,
       s.session_id AS session,
       CASE WHEN c.name IS NULL AND sc.name IS NOT NULL THEN sc.name ELSE c.name END AS client_name,
       CASE WHEN c.name IS NULL AND sc.name IS NOT NULL THEN sc.version ELSE c.version END
           AS client_version,
       o.method,
       CASE o.target_kind WHEN 1 THEN o.target END AS tool,
       CASE o.target_kind WHEN 2 THEN o.target END AS resource_uri,
       CASE o.target_kind WHEN 3 THEN o.target END AS prompt_name,
       r.latency_us,
       r.upstream_us,
       CASE WHEN r.error_kind IS NULL THEN 'ok' WHEN r.error_kind = 5 THEN 'timeout'
            WHEN r.error_kind = 7 THEN 'unknown' ELSE 'error' END
           AS status,
       CASE r.error_kind
           WHEN 1 THEN 'rpc' WHEN 2 THEN 'tool' WHEN 3 THEN 'http' WHEN 4 THEN 'cancelled'
           WHEN 5 THEN 'timeout' WHEN 6 THEN 'died' WHEN 8 THEN 'denied'
       END AS error_kind,
       r.error_code,
       r.error_msg,
       r.bytes_in,
       r.bytes_out
FROM requests r
         LEFT JOIN operations o ON o.id = r.operation
         LEFT JOIN proxies p ON p.id = o.proxy
         LEFT JOIN sessions s ON s.id = r.session
         LEFT JOIN clients c ON c.id = r.client
         LEFT JOIN clients sc ON sc.id = s.client;

DROP VIEW rollup_log;
CREATE VIEW rollup_log AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', u.hour / 1000, 'unixepoch') AS hour,
       p.name AS proxy,
       o.method,
       o.target,
       u.calls,
       u.errors_rpc + u.errors_tool + u.errors_http + u.errors_cancelled + u.errors_timeout
           + u.errors_died + u.errors_denied AS errors,
       u.unseen,
       u.latency_sum_us / u.calls AS latency_mean_us,
       u.latency_max_us,
       u.bytes_in,
       u.bytes_out
FROM rollups u
         JOIN operations o ON o.id = u.operation
         JOIN proxies p ON p.id = o.proxy;
