-- Layout 5. Which conversation of its client a session belongs to, where that is known: a table of its
-- own, as few sessions have one, and the seals of the others stay as they are.

CREATE TABLE conversations (
    session      INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    conversation TEXT NOT NULL,
    seal         INTEGER NOT NULL DEFAULT 0
) STRICT;

DROP VIEW session_log;
CREATE VIEW session_log AS
SELECT s.session_id,
       s.inferred,
       p.name AS proxy,
       c.name AS client_name,
       c.version AS client_version,
       s.started_at,
       s.last_seen_at,
       s.ended_at,
       s.total_calls,
       s.total_errors,
       v.conversation
FROM sessions s
         JOIN proxies p ON p.id = s.proxy
         LEFT JOIN clients c ON c.id = s.client
         LEFT JOIN conversations v ON v.session = s.id;
