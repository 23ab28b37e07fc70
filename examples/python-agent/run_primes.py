"""Publishes the template, runs it, shows every step as it is pushed, and prints the result."""

import sys
from pathlib import Path

from google.protobuf.json_format import MessageToDict, ParseDict
from ops import Ops
from opscore.v1 import workflow_pb2 as workflow

TEMPLATE = Path(__file__).parents[1] / "templates" / "primes.yaml"

below = int(sys.argv[1])
ops = Ops()
meta = ops.metadata()

source = workflow.TemplateSource(text=TEMPLATE.read_text())
ops.workflow.PublishTemplate(workflow.PublishTemplateRequest(source=source), metadata=meta)
start = {"template_id": "primes", "input": {"json": {"below": below}}}
request = ParseDict(start, workflow.StartRunRequest())
run_id = ops.workflow.StartRun(request, metadata=meta).run.run_id

# The stream of one run begins with its history and ends after the run did.
watch = workflow.WatchRunsRequest(run_id=run_id)
for frame in ops.workflow.WatchRuns(watch, metadata=meta):
    for entry in frame.entries:
        if entry.WhichOneof("body") == "step":
            print(entry.step_path, workflow.StepState.Name(entry.step.to_state))

get = workflow.GetRunRequest(run_id=run_id, view=workflow.VIEW_FULL)
run = ops.workflow.GetRun(get, metadata=meta).run
print(MessageToDict(run.output.json)["text"] if run.HasField("output") else run.failure)
