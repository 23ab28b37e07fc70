-- Everything that must not be forgotten, except logs. Times are Unix ms.

-- store_id names the data set; min_app is the oldest stored format that a server must know.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('store_id', lower(hex(randomblob(16)))), ('min_app', '1');

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
  PRIMARY KEY (kind, ns, id)
) STRICT;
CREATE INDEX entity_by_status ON entity (kind, ns, status, created_ms, id);
CREATE INDEX entity_by_parent ON entity (kind, ns, parent, id) WHERE parent IS NOT NULL;
CREATE INDEX entity_by_created ON entity (kind, ns, created_ms, id);

-- Last sequence and hash of an entity's entries; small, so that an entry does not rewrite a state.
CREATE TABLE chain (
  ns TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (ns, kind, id)
) STRICT, WITHOUT ROWID;

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
  PRIMARY KEY (journal, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_by_entity ON entry (journal, ns, kind, id, position);

CREATE TABLE head (
  journal TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  floor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO head VALUES ('agents', 0, 0, 0), ('runs', 0, 0, 0);

-- state: 0 waiting, 1 ready, 2 reserved. Finished items are deleted.
CREATE TABLE due (
  queue TEXT NOT NULL,
  key TEXT NOT NULL,
  state INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL,
  payload TEXT,
  token INTEGER NOT NULL,
  owner TEXT,
  until_ms INTEGER,
  PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_ready ON due (queue, priority DESC, due_at_ms, key) WHERE state = 1;
CREATE INDEX due_waiting ON due (due_at_ms) WHERE state = 0;
CREATE INDEX due_reserved ON due (until_ms) WHERE state = 2;

-- The last token given out, over all keys: one that is finished and put again goes on rising.
CREATE TABLE token (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
INSERT INTO token VALUES (1, 0);

CREATE TABLE reply (
  ns TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  body TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY (ns, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_by_expiry ON reply (expires_ms);

-- next_ms: when its silence is raised next, first at half the lease, then at its end, then never.
CREATE TABLE session_lease (
  ns TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  session_epoch INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  next_ms INTEGER,
  PRIMARY KEY (ns, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_lease_next ON session_lease (next_ms) WHERE next_ms IS NOT NULL;
