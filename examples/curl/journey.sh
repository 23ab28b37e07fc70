#!/bin/sh
# The whole journey with curl alone: an agent, a workflow, its logs and its history. Every call is
# printed as it could be typed. Run it against a server (npm start), as often as you like:
#   sh examples/curl/journey.sh
# OPSCORE_URL names another server, OPSCORE_TOKEN holds its API key. Needs a POSIX shell and curl.
set -eu
URL=${OPSCORE_URL:-http://127.0.0.1:6772}
HERE=$(cd "$(dirname "$0")" && pwd)
ME=$$ # Makes the ids of this journey its own.
FILES=$(mktemp -d)
READER=
trap 'stop_reader; rm -rf "$FILES"' EXIT
trap 'exit 1' INT TERM

title() { printf '\n== %s\n' "$*"; }

fetch() { curl -sS --fail-with-body ${OPSCORE_TOKEN:+-H "authorization: Bearer $OPSCORE_TOKEN"} "$@"; }

# call SERVICE/METHOD JSON: one call. Leaves the answer in $ANSWER.
call() {
  printf "curl \$URL/opscore.v1.%s -H 'content-type: application/json' -d '%s'\n" "$1" "$2"
  ANSWER=$(fetch "$URL/opscore.v1.$1" -H 'content-type: application/json' -d "$2") || {
    printf '%s\n' "$ANSWER" >&2
    exit 1
  }
  printf '%s\n' "$ANSWER"
}

# field NAME: the first value of that name in $ANSWER. Enough for ids and numbers; see jq for more.
field() {
  printf '%s' "$ANSWER" | awk -v name="\"$1\":" '{
    at = index($0, name)
    if (at == 0) exit
    value = substr($0, at + length(name))
    sub(/^"/, "", value)
    sub(/[",}\]].*/, "", value)
    print value
  }'
}

# text_of FILE: a file as a JSON string.
text_of() { sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' "$1" | awk '{ printf "%s\\n", $0 }'; }

# read_stream FILE CURL_ARGUMENT...: reads a stream into a file, in the background.
read_stream() {
  file=$1
  shift
  printf 'curl -N'
  printf " '%s'" "$@" | sed "s|'\(-[A-Za-z-]*\)'|\1|g; s|'$URL\([^']*\)'|\"\$URL\1\"|"
  printf '\n'
  # With exec, the process that is killed later is curl itself.
  (exec curl -sS -N ${OPSCORE_TOKEN:+-H "authorization: Bearer $OPSCORE_TOKEN"} "$@") >"$file" &
  READER=$!
}

stop_reader() {
  [ -z "$READER" ] || kill "$READER" 2>/dev/null || true
  READER=
}

# until_seen FILE TEXT: waits until a stream has brought something.
until_seen() {
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { echo "waited in vain for $2" >&2; exit 1; }
    sleep 0.1
  done
}

title 'An agent registers and opens a session. Epoch and session id go with everything it says.'
call LifecycleService/RegisterAgent '{"agentId": "curl-'$ME'", "openSession": {}, "requestId": "curl-'$ME'",
  "spec": {"capabilities": [{"name": "write"}], "labels": {"shell": "sh"}}}'
SESSION=$(field sessionId)
EPOCH=$(field epoch)

title 'A lost answer does no harm: the same request_id gives the same answer, and no second session.'
call LifecycleService/RegisterAgent '{"agentId": "curl-'$ME'", "openSession": {}, "requestId": "curl-'$ME'",
  "spec": {"capabilities": [{"name": "write"}], "labels": {"shell": "sh"}}}'
[ "$(field sessionId)" = "$SESSION" ]

title 'A template is published: YAML as text. Publishing the same again changes nothing.'
call WorkflowService/PublishTemplate '{"source": {"text": "'"$(text_of "$HERE/template.yaml")"'"}}'

title 'A run starts.'
call WorkflowService/StartRun '{"runId": "letter-'$ME'", "templateId": "letter", "input": {"json": {"to": "Ada"}}}'

title 'The agent asks for work, and waits up to 20 s for it.'
poll() {
  call TaskService/PollTasks '{"sessionId": "'"$SESSION"'", "epoch": '"$EPOCH"', "wait": "20s"}'
  TASK=$(field taskId)
  LEASE=$(field leaseEpoch)
}
poll

title 'It accepts the task: from now on it holds a lease.'
call TaskService/AckTask '{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"'}'

title 'A heartbeat renews the lease and tells how far the work is.'
call LifecycleService/Heartbeat '{"beat": {"agentId": "curl-'$ME'", "sessionId": "'"$SESSION"'", "epoch": '"$EPOCH"',
  "state": "AGENT_STATE_ACTIVE",
  "held": [{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"', "progress": 1, "ratio": 0.5, "note": "half a letter"}]}}'

title 'The attempt fails. The template allows three.'
call TaskService/FailTask '{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"',
  "fail": {"failure": {"reason": "OUT_OF_INK", "message": "the ink ran out"}}}'

title 'So the task comes again: a second attempt, under a new lease.'
poll
call TaskService/CompleteTask '{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"', "output": {"json": {"text": "dear Ada"}}}'

title 'Its output is the input of the second step.'
poll
call TaskService/CompleteTask '{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"', "output": {"json": {"text": "Dear Ada,"}}}'

title 'The run has ended; this would have waited for it.'
call WorkflowService/GetRun '{"runId": "letter-'$ME'", "view": "VIEW_FULL", "untilEnded": true, "wait": "20s"}'

title 'All that happened, as NDJSON: the watch of one run ends after the run did.'
read_stream "$FILES/run" "$URL/opscore.v1.WorkflowService/WatchRuns?runId=letter-$ME"
wait "$READER"
READER=
cat "$FILES/run"

title 'A tail of the agent'\''s logs, as server-sent events.'
read_stream "$FILES/tail" -H 'accept: text/event-stream' -G --data-urlencode "filter=agent_id == \"curl-$ME\"" \
  "$URL/opscore.v1.LoggingService/TailLogs"
until_seen "$FILES/tail" '^id: '

title 'A batch of log entries. The producer numbers them.'
call LoggingService/LogOperations '{"producerId": "curl-'$ME'", "firstProducerSeq": "1", "entries": [
  {"agentId": "curl-'$ME'", "runId": "letter-'$ME'", "message": "bought ink", "attributes": {"colour": "blue"}},
  {"agentId": "curl-'$ME'", "runId": "letter-'$ME'", "message": "wrote a letter"}]}'

title 'Sent again, it counts as duplicate.'
call LoggingService/LogOperations '{"producerId": "curl-'$ME'", "firstProducerSeq": "1", "entries": [
  {"agentId": "curl-'$ME'", "runId": "letter-'$ME'", "message": "bought ink", "attributes": {"colour": "blue"}},
  {"agentId": "curl-'$ME'", "runId": "letter-'$ME'", "message": "wrote a letter"}]}'
[ "$(field duplicates)" = 2 ]

title 'The tail has them already.'
until_seen "$FILES/tail" 'wrote a letter'
stop_reader
cat "$FILES/tail"

title 'The tail was cut after its first entry, say. More is logged meanwhile.'
LAST=$(sed -n '/bought ink/q; s/^id: //p' "$FILES/tail" | tail -n 1)
call LoggingService/LogOperations '{"producerId": "curl-'$ME'", "firstProducerSeq": "3", "entries": [
  {"agentId": "curl-'$ME'", "runId": "letter-'$ME'", "severity": "SEVERITY_WARN", "message": "no stamps left"}]}'

title 'With Last-Event-ID it goes on there, as every EventSource does: nothing twice, nothing missing.'
read_stream "$FILES/again" -H 'accept: text/event-stream' -H "last-event-id: $LAST" \
  -G --data-urlencode "filter=agent_id == \"curl-$ME\"" "$URL/opscore.v1.LoggingService/TailLogs"
until_seen "$FILES/again" 'no stamps left'
stop_reader
cat "$FILES/again"

title 'The logs are searched: by filter and by text.'
call LoggingService/SearchLogs '{"filter": "run_id == \"letter-'$ME'\" && severity >= 13", "text": "STAMPS"}'

title 'Another run, which the agent takes up ...'
call WorkflowService/StartRun '{"runId": "regret-'$ME'", "templateId": "letter", "input": {"json": {"to": "Bob"}}}'
poll
call TaskService/AckTask '{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"'}'

title '... its history so far, with a cursor to go on from ...'
call WorkflowService/ListRunEntries '{"runId": "regret-'$ME'"}'
NEXT=$(field next)

title '... and a long poll that waits there for what comes next, while the run is cancelled.'
read_stream "$FILES/poll" -H 'content-type: application/json' \
  -d '{"runId": "regret-'$ME'", "after": "'"$NEXT"'", "wait": "20s"}' \
  "$URL/opscore.v1.WorkflowService/ListRunEntries"
call WorkflowService/ControlRuns '{"target": {"ids": {"ids": ["regret-'$ME'"]}}, "cancel": {}, "reason": "second thoughts"}'
wait "$READER"
READER=
cat "$FILES/poll"
echo

title 'The next heartbeat tells the agent to stop; it says that it did, and the run is over.'
call LifecycleService/Heartbeat '{"beat": {"agentId": "curl-'$ME'", "sessionId": "'"$SESSION"'", "epoch": '"$EPOCH"',
  "held": [{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"', "progress": 1}]}}'
call TaskService/FailTask '{"taskId": "'"$TASK"'", "leaseEpoch": '"$LEASE"', "fail": {"failure": {"reason": "CANCELLED"}}}'
call WorkflowService/GetRun '{"runId": "regret-'$ME'", "untilEnded": true, "wait": "20s"}'

title 'The agent leaves: its session is closed, its registration removed.'
call LifecycleService/CloseSession '{"sessionId": "'"$SESSION"'", "epoch": '"$EPOCH"', "reason": "done"}'
call LifecycleService/DeregisterAgent '{"agentId": "curl-'$ME'"}'
