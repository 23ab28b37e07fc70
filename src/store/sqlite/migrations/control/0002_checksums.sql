-- A checksum in every row, over the columns before it, and the floor of every chain. A generated
-- column cannot be added to a table: each is made again.

ALTER TABLE meta RENAME TO old;
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(key, value)) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO meta SELECT * FROM old;
DROP TABLE old;

-- state_hash stands for state.
ALTER TABLE entity RENAME TO old;
CREATE TABLE entity (
  ns TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  status TEXT NOT NULL,
  parent TEXT,
  state TEXT NOT NULL,
  state_hash BLOB NOT NULL, -- SHA-256 of state
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (
    row_checksum(ns, kind, id, version, status, parent, state_hash, created_ms, updated_ms)
  ) STORED,
  PRIMARY KEY (kind, ns, id)
) STRICT;
INSERT INTO entity SELECT * FROM old;
DROP TABLE old;
CREATE INDEX entity_by_status ON entity (kind, ns, status, created_ms, id);
CREATE INDEX entity_by_parent ON entity (kind, ns, parent, id) WHERE parent IS NOT NULL;
CREATE INDEX entity_by_created ON entity (kind, ns, created_ms, id);

-- The last entry that retention deleted: the first one kept goes on from it. Where that happened
-- before this migration, its hash is not known.
ALTER TABLE chain ADD COLUMN floor_sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chain ADD COLUMN floor_hash BLOB;
UPDATE chain SET floor_sequence = coalesce((
  SELECT sequence - 1 FROM entry e INDEXED BY entry_by_entity
  WHERE e.journal IN ('agents', 'runs') AND e.ns = chain.ns AND e.kind = chain.kind AND e.id = chain.id
  ORDER BY position LIMIT 1
), sequence);
UPDATE chain SET floor_hash = hash WHERE floor_sequence = sequence;

ALTER TABLE entry RENAME TO old;
CREATE TABLE entry (
  journal TEXT NOT NULL,
  position INTEGER NOT NULL,
  ns TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  body TEXT NOT NULL,
  hash BLOB NOT NULL,
  ends INTEGER NOT NULL, -- last entry of its commit in this journal
  checksum INTEGER NOT NULL AS (
    row_checksum(journal, position, ns, kind, id, sequence, at_ms, body, hash, ends)
  ) STORED,
  PRIMARY KEY (journal, position)
) STRICT, WITHOUT ROWID;
INSERT INTO entry SELECT * FROM old;
DROP TABLE old;
CREATE INDEX entry_by_entity ON entry (journal, ns, kind, id, position);

ALTER TABLE head RENAME TO old;
CREATE TABLE head (
  journal TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  floor INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(journal, position, at_ms, floor)) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO head SELECT * FROM old;
DROP TABLE old;

ALTER TABLE due RENAME TO old;
CREATE TABLE due (
  queue TEXT NOT NULL,
  key TEXT NOT NULL,
  state INTEGER NOT NULL, -- 0 waiting, 1 ready, 2 reserved; finished items are deleted
  priority INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL,
  payload TEXT,
  token INTEGER NOT NULL,
  owner TEXT,
  until_ms INTEGER,
  checksum INTEGER NOT NULL AS (
    row_checksum(queue, key, state, priority, due_at_ms, payload, token, owner, until_ms)
  ) STORED,
  PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
INSERT INTO due SELECT * FROM old;
DROP TABLE old;
CREATE INDEX due_ready ON due (queue, priority DESC, due_at_ms, key) WHERE state = 1;
CREATE INDEX due_waiting ON due (due_at_ms) WHERE state = 0;
CREATE INDEX due_reserved ON due (until_ms) WHERE state = 2;

ALTER TABLE token RENAME TO old;
CREATE TABLE token (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  last INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(one, last)) STORED
) STRICT;
INSERT INTO token SELECT * FROM old;
DROP TABLE old;

ALTER TABLE reply RENAME TO old;
CREATE TABLE reply (
  ns TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  body TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(ns, key, request_hash, body, expires_ms)) STORED,
  PRIMARY KEY (ns, key)
) STRICT, WITHOUT ROWID;
INSERT INTO reply SELECT * FROM old;
DROP TABLE old;
CREATE INDEX reply_by_expiry ON reply (expires_ms);

ALTER TABLE session_lease RENAME TO old;
CREATE TABLE session_lease (
  ns TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  session_epoch INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  next_ms INTEGER, -- when its silence is raised next: at half the lease, at its end, then never
  checksum INTEGER NOT NULL AS (
    row_checksum(ns, agent_id, session_epoch, lease_ms, until_ms, next_ms)
  ) STORED,
  PRIMARY KEY (ns, agent_id)
) STRICT, WITHOUT ROWID;
INSERT INTO session_lease SELECT * FROM old;
DROP TABLE old;
CREATE INDEX session_lease_next ON session_lease (next_ms) WHERE next_ms IS NOT NULL;
