-- Times are UTC, in text that sorts by time: 2026-01-31T23:59:59.123456Z.

CREATE TABLE documents (
    collection TEXT NOT NULL,
    partition  TEXT NOT NULL,
    id         TEXT NOT NULL,
    etag       TEXT NOT NULL,
    body       TEXT NOT NULL, -- a JSON object
    modified   TEXT NOT NULL,
    expires    TEXT,          -- never, if null
    PRIMARY KEY (collection, partition, id)
) STRICT;

CREATE INDEX documents_by_expiry ON documents (expires) WHERE expires IS NOT NULL;

CREATE TABLE queues (
    name TEXT NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    queue         TEXT NOT NULL,
    text          TEXT NOT NULL,
    inserted      TEXT NOT NULL,
    expires       TEXT NOT NULL,
    next_visible  TEXT NOT NULL,
    dequeue_count INTEGER NOT NULL DEFAULT 0,
    receipt       TEXT        -- of the last receive
) STRICT;

CREATE INDEX messages_by_turn ON messages (queue, next_visible, id);

-- For people: one line per blob version that arrived, and one per step it took.

CREATE VIEW ledger AS
SELECT body ->> 'blob'        AS blob,
       body ->> 'state'       AS state,
       body ->> 'route'       AS route,
       body ->> 'destination' AS destination,
       body ->> 'reason'      AS reason,
       body ->> 'length'      AS length,
       modified
FROM documents
WHERE collection = 'ledger'
ORDER BY modified;

CREATE VIEW steps AS
SELECT body ->> 'blob'                AS blob,
       step.value ->> 'at'            AS at,
       step.value ->> 'step'          AS step,
       step.value ->> 'detail'        AS detail,
       step.value ->> 'invocationId'  AS invocation_id
FROM documents, json_each(body, '$.steps') AS step
WHERE collection = 'ledger'
ORDER BY at;
