-- A checksum in every row, over the columns before it. A generated column cannot be added to a
-- table: it is made again.

ALTER TABLE log RENAME TO old;
CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  ns TEXT NOT NULL,
  body TEXT NOT NULL,
  agent_id TEXT,
  run_id TEXT,
  task_id TEXT,
  trace_id TEXT,
  principal TEXT,
  producer_id TEXT,
  producer_seq INTEGER,
  checksum INTEGER NOT NULL AS (
    row_checksum(
      position, at_ms, ns, body, agent_id, run_id, task_id, trace_id,
      principal, producer_id, producer_seq
    )
  ) STORED
) STRICT;
INSERT INTO log SELECT * FROM old;
DROP TABLE old;
CREATE INDEX log_by_agent ON log (ns, agent_id, position) WHERE agent_id IS NOT NULL;
CREATE INDEX log_by_run ON log (ns, run_id, position) WHERE run_id IS NOT NULL;
CREATE INDEX log_by_task ON log (ns, task_id, position) WHERE task_id IS NOT NULL;
CREATE INDEX log_by_trace ON log (ns, trace_id, position) WHERE trace_id IS NOT NULL;
