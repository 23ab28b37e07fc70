-- A checksum in every row, over the columns before it. A generated column cannot be added to a
-- table: each is made again.

ALTER TABLE head RENAME TO old;
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  floor INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(one, position, at_ms, floor)) STORED
) STRICT;
INSERT INTO head SELECT * FROM old;
DROP TABLE old;

ALTER TABLE day RENAME TO old;
CREATE TABLE day (
  day TEXT PRIMARY KEY, -- YYYY-MM-DD, UTC
  first_position INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(day, first_position)) STORED
) STRICT, WITHOUT ROWID;
INSERT INTO day SELECT * FROM old;
DROP TABLE old;

ALTER TABLE producer RENAME TO old;
CREATE TABLE producer (
  ns TEXT NOT NULL,
  principal TEXT NOT NULL,
  id TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  checksum INTEGER NOT NULL AS (row_checksum(ns, principal, id, last_seq, position)) STORED,
  PRIMARY KEY (ns, principal, id)
) STRICT, WITHOUT ROWID;
INSERT INTO producer SELECT * FROM old;
DROP TABLE old;
