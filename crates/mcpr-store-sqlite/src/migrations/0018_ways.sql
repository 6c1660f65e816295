-- Layout 18. By which way a row came, what HTTP says of it, and which requests are one operation.

-- format: see mcpr_model::SourceFormat. http_status: of the answer. first_event_us: from the request to the first
-- byte of its answer. latency_us is -1 from now on where nobody knows it.
ALTER TABLE requests ADD COLUMN format INTEGER;
ALTER TABLE requests ADD COLUMN http_status INTEGER;
ALTER TABLE requests ADD COLUMN first_event_us INTEGER;

-- untimed: calls whose latency nobody knows; the sum, the bounds and the sketch are of the others.
ALTER TABLE rollups ADD COLUMN untimed INTEGER NOT NULL DEFAULT 0;

-- follows, leaves: hashes of what a request takes up and leaves open; two rows with the same one are parts of one
-- operation. stage: what its answer says, see mcpr_model::OperationStage; null where it is an operation alone.
ALTER TABLE request_notes ADD COLUMN follows INTEGER;
ALTER TABLE request_notes ADD COLUMN leaves INTEGER;
ALTER TABLE request_notes ADD COLUMN stage INTEGER;
CREATE INDEX request_notes_parts ON request_notes (seq) WHERE stage IS NOT NULL;

ALTER TABLE open_requests ADD COLUMN format INTEGER;
ALTER TABLE open_requests ADD COLUMN follows INTEGER;

-- formats: bit N for each format with the number N that was met. sampled: one of how many is told of, or 1 where
-- that is not said; 0 where it is no sample.
ALTER TABLE sources ADD COLUMN formats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN sampled INTEGER NOT NULL DEFAULT 0;

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
       nullif(r.latency_us, -1) AS latency_us,
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
       r.bytes_out,
       r.http_status,
       r.first_event_us,
       CASE r.format
           WHEN 1 THEN 'mcpr_v04' WHEN 2 THEN 'mcpr_v05_stderr' WHEN 3 THEN 'mcpr_v05_cloud'
           WHEN 4 THEN 'export' WHEN 5 THEN 'jsonrpc' WHEN 6 THEN 'desktop_log'
           WHEN 7 THEN 'toolhive' WHEN 8 THEN 'mcpproxy_go' WHEN 9 THEN 'codex_rollout'
           WHEN 10 THEN 'kong' WHEN 11 THEN 'agentgateway' WHEN 12 THEN 'envoy_ai_gateway'
           WHEN 13 THEN 'mcpsnoop' WHEN 14 THEN 'gh_aw_mcpg' WHEN 15 THEN 'claude_code_log'
           WHEN 16 THEN 'vscode_log' WHEN 17 THEN 'cursor_log' WHEN 18 THEN 'otlp'
       END AS format
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
       u.latency_sum_us / nullif(u.calls - u.untimed, 0) AS latency_mean_us,
       CASE WHEN u.calls > u.untimed THEN u.latency_max_us END AS latency_max_us,
       u.bytes_in,
       u.bytes_out
FROM rollups u
         JOIN operations o ON o.id = u.operation
         JOIN proxies p ON p.id = o.proxy;
