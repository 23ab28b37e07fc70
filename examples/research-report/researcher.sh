#!/bin/sh
# A researcher in plain shell: curl and JSON over HTTP/1.1, no client library.
# Usage: researcher.sh URL
set -eu
url=$1
agent=researcher

# call SERVICE/METHOD JSON: repeats for half a minute, through a restart of the server. Every call
# here is safe to repeat.
call() {
  tries=0
  until curl -sS --fail-with-body --max-time 40 -H 'content-type: application/json' \
    -d "$2" "$url/opscore.v1.$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || return 1
    sleep 0.2
  done
}

# field EXPRESSION: reads JSON from standard input; `it` is the message.
field() {
  node -e 'const it = JSON.parse(require("fs").readFileSync(0, "utf8")); const v = ('"$1"'); process.stdout.write(typeof v === "string" ? v : JSON.stringify(v ?? null))'
}

answer=$(call LifecycleService/RegisterAgent '{
  "agentId": "'$agent'",
  "spec": {"capabilities": [{"name": "research"}], "slots": 1},
  "openSession": {},
  "requestId": "researcher-'$$'"
}')
session=$(printf %s "$answer" | field 'it.agent.session.sessionId')
epoch=$(printf %s "$answer" | field 'it.agent.session.epoch')

while :; do
  polled=$(call TaskService/PollTasks '{"sessionId": "'"$session"'", "epoch": '"$epoch"', "wait": "5s", "autoAck": true}')
  task=$(printf %s "$polled" | field '(it.assignments ?? [])[0]?.taskId ?? ""')
  [ -n "$task" ] || continue
  lease=$(printf %s "$polled" | field 'it.assignments[0].leaseEpoch')
  output=$(printf %s "$polled" | field '({json: {question: it.assignments[0].input.json.question, answer: `${it.assignments[0].input.json.question} Nobody knows for sure.`}})')
  call LoggingService/LogOperations "$(printf %s "$polled" | field '({entries: [{operation: "agent.work", severity: "SEVERITY_INFO", agentId: "'$agent'", taskId: it.assignments[0].taskId, runId: it.assignments[0].runId, stepPath: it.assignments[0].stepPath, message: `looked up: ${it.assignments[0].input.json.question}`}]})')" >/dev/null
  # Keyed by task and lease: sent again after a lost answer, it counts once.
  curl -sS -o /dev/null --retry 20 --retry-all-errors --retry-delay 0 --max-time 10 \
    -H 'content-type: application/json' \
    -d '{"taskId": "'"$task"'", "leaseEpoch": '"$lease"', "output": '"$output"'}' \
    "$url/opscore.v1.TaskService/CompleteTask" || true
done
