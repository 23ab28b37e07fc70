"""Publishes the template, runs it, waits for its end by long polls, and prints the result."""

import sys
import uuid
from pathlib import Path

from ops_http import OpsHttp

TEMPLATE = Path(__file__).parents[1] / "templates" / "primes.yaml"

below = int(sys.argv[1])
ops = OpsHttp()

ops.call("WorkflowService/PublishTemplate", {"source": {"text": TEMPLATE.read_text()}})
start = {"templateId": "primes", "input": {"json": {"below": below}}}
# However often this request has to be sent, it starts one run.
run = ops.call("WorkflowService/StartRun", {**start, "requestId": str(uuid.uuid4())})["run"]
while "endTime" not in run:
    wait = {"runId": run["runId"], "view": "VIEW_FULL", "untilEnded": True, "wait": "20s"}
    run = ops.call("WorkflowService/GetRun", wait)["run"]
for step in run["steps"]:
    print(step["stepPath"], step["state"])
print(run["output"]["json"]["text"] if "output" in run else run["failure"])
