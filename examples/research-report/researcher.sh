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

# field JSON EXPRESSION: a part of it, or JSON made of it; `it` is the JSON.
field() {
  node -p 'const it = JSON.parse(process.argv[1]); const part = ('"$2"');
    typeof part === "string" ? part : JSON.stringify(part)' "$1"
}

answer=$(call LifecycleService/RegisterAgent '{
  "agentId": "'$agent'",
  "spec": {"capabilities": [{"name": "research"}], "slots": 1},
  "openSession": {},
  "requestId": "researcher-'$$'"
}')
session=$(field "$answer" it.agent.session.sessionId)
epoch=$(field "$answer" it.agent.session.epoch)

while :; do
  polled=$(call TaskService/PollTasks '{"sessionId": "'"$session"'", "epoch": '"$epoch"', "wait": "5s", "autoAck": true}')
  task=$(field "$polled" 'it.assignments?.[0] ?? ""')
  [ -n "$task" ] || continue
  entry=$(field "$task" '{operation: "agent.work", severity: "SEVERITY_INFO", agentId: "'$agent'",
    taskId: it.taskId, runId: it.runId, stepPath: it.stepPath,
    message: `looked up: ${it.input.json.question}`}')
  call LoggingService/LogOperations "{\"entries\": [$entry]}" >/dev/null
  report=$(field "$task" '{taskId: it.taskId, leaseEpoch: it.leaseEpoch, output: {json: {
    question: it.input.json.question, answer: `${it.input.json.question} Nobody knows for sure.`}}}')
  # Keyed by task and lease: sent again after a lost answer, it counts once. A refusal is not repeated:
  # then the task is another's.
  curl -sS -o /dev/null --retry 20 --retry-all-errors --retry-delay 0 --max-time 10 \
    -H 'content-type: application/json' -d "$report" "$url/opscore.v1.TaskService/CompleteTask" || true
done
