"""A task as its handler sees it, whatever the transport."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = Any
Handler = Callable[["Task"], Json]


class Failed(Exception):
    """Raised by a handler: the attempt failed. Another follows, unless it is permanent."""

    def __init__(self, reason: str, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.permanent = permanent


class Stopped(Exception):
    """Raised inside a handler, by report_progress: nobody waits for its output any more."""


@dataclass
class Task:
    """One attempt. (task_id, lease_epoch) is the key of everything that is reported about it."""

    task_id: str
    lease_epoch: int
    run_id: str
    step_path: str
    capability: str
    attempt: int
    input: Json
    progress: int = 0
    ratio: float = 0.0
    note: str = ""
    # The lease is lost or the run has ended: stop, and report nothing.
    dropped: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, assignment: dict[str, Json]) -> Task:
        """From an opscore.v1.TaskAssignment as JSON."""
        return cls(
            task_id=assignment["taskId"],
            lease_epoch=assignment["leaseEpoch"],
            run_id=assignment["runId"],
            step_path=assignment["stepPath"],
            capability=assignment.get("capability", ""),
            attempt=assignment["attempt"],
            input=assignment.get("input", {}).get("json"),
        )

    @property
    def key(self) -> dict[str, Json]:
        return {"taskId": self.task_id, "leaseEpoch": self.lease_epoch}

    @property
    def held(self) -> dict[str, Json]:
        """What the next heartbeat says about it: this renews its lease."""
        progress = {"progress": self.progress, "ratio": self.ratio, "note": self.note}
        return {**self.key, **progress}

    def report_progress(self, ratio: float, note: str = "") -> None:
        """Call it often: here a task that was cancelled stops."""
        if self._stopping.is_set():
            raise Stopped
        self.ratio, self.note, self.progress = ratio, note, self.progress + 1

    def cancel(self) -> None:
        self._stopping.set()

    def drop(self) -> None:
        self.dropped = True
        self._stopping.set()


def outcome_of(task: Task, handlers: dict[str, Handler]) -> dict[str, Json]:
    """Does the task, and says how it ended: an opscore.v1.TaskReport as JSON."""
    failure: dict[str, Json]
    try:
        output = handlers[task.capability](task)
        json.dumps(output, allow_nan=False)  # Raises if it is no JSON.
        return {**task.key, "complete": {"output": {"json": output}}}
    except Stopped:
        failure = {"reason": "CANCELLED", "message": "stopped as asked"}
    except Failed as error:
        failure = {"reason": error.reason, "message": str(error), "permanent": error.permanent}
    except Exception as error:  # A bug in a handler ends the attempt, never the agent.
        failure = {"reason": "AGENT_ERROR", "message": repr(error)}
    return {**task.key, "fail": {"failure": failure}}
