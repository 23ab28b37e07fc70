-- Log rows of one UTC day of arrival. body is the row as JSON; other columns are copies for indexes
-- and for the repair of producers.
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
  producer_seq INTEGER
) STRICT;
CREATE INDEX log_by_agent ON log (ns, agent_id, position) WHERE agent_id IS NOT NULL;
CREATE INDEX log_by_run ON log (ns, run_id, position) WHERE run_id IS NOT NULL;
CREATE INDEX log_by_task ON log (ns, task_id, position) WHERE task_id IS NOT NULL;
CREATE INDEX log_by_trace ON log (ns, trace_id, position) WHERE trace_id IS NOT NULL;
