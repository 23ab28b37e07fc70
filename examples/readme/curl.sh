URL=${URL:-http://127.0.0.1:6772}
call() { curl -sS --fail-with-body -w '\n' -H 'content-type: application/json' -d "$2" "$URL/opscore.v1.$1"; }

call WorkflowService/PublishTemplate '{"source": {"text":
  "template_id: hello\nversion: 1.0.0\nmain: {steps: [{id: greet, task: {agent: {capability: greet}, input: {name: input.name}}}]}"}}'
SESSION=$(call LifecycleService/RegisterAgent '{"agentId": "greeter", "openSession": {},
  "spec": {"capabilities": [{"name": "greet"}]}}' | sed 's/.*"sessionId":"\([^"]*\)".*/\1/')
call WorkflowService/StartRun '{"runId": "hello-1", "templateId": "hello", "input": {"json": {"name": "Ada"}}}'
TASK=$(call TaskService/PollTasks "{\"sessionId\": \"$SESSION\", \"epoch\": 1, \"wait\": \"5s\"}" |
  sed 's/.*"taskId":"\([^"]*\)".*/\1/')
call TaskService/CompleteTask "{\"taskId\": \"$TASK\", \"leaseEpoch\": 1, \"output\": {\"json\": {\"text\": \"Hello, Ada\"}}}"
call WorkflowService/GetRun '{"runId": "hello-1", "view": "VIEW_FULL"}'
