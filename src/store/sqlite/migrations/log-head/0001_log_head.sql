-- Outlives the files of the days: positions and the numbers of producers never start again.
CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  position INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  floor INTEGER NOT NULL
) STRICT;
INSERT INTO head VALUES (1, 0, 0, 0);

CREATE TABLE day (
  day TEXT PRIMARY KEY, -- YYYY-MM-DD, UTC
  first_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last number of each producer, and where its row is.
CREATE TABLE producer (
  ns TEXT NOT NULL,
  principal TEXT NOT NULL,
  id TEXT NOT NULL,
  last_seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (ns, principal, id)
) STRICT, WITHOUT ROWID;
