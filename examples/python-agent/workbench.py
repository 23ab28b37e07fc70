"""The tasks of an agent, from hand-out to the server's answer, whatever the transport."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from log_buffer import LogBuffer
from task import Handler, Json, Task, outcome_of

ACK = 0  # The report_seq of acknowledgements: nobody has to find them again.
TRANSIENT = {"STATUS_CODE_UNAVAILABLE", "STATUS_CODE_ABORTED", "STATUS_CODE_DEADLINE_EXCEEDED"}


class Workbench:
    """Does tasks in threads and keeps their outcomes until the server has answered them.

    What comes in and goes out is JSON in the shape of the contract: the gRPC agent converts its
    messages, the HTTP agent sends it as it is.
    """

    def __init__(
        self,
        handlers: dict[str, Handler],
        slots: int,
        log: LogBuffer,
        send: Callable[[Json], None],
    ) -> None:
        self.held: dict[str, Task] = {}
        # By report_seq. Each heartbeat sends them again: it costs nothing to say a thing twice.
        self.unanswered: dict[int, Json] = {}
        # Something is given in when a task has ended. Only this queue is safe in signal handlers.
        self.wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._handlers = handlers
        self._log = log
        self._send = send
        self._report_seq = count(1)
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="task")

    @property
    def is_clear(self) -> bool:
        return not self.held and not self.unanswered

    def take(self, assignment: Json) -> None:
        """Acknowledges a task, by which the short offer becomes a lease, and starts it."""
        task = Task.of(assignment)
        known = self.held.get(task.task_id)
        outcomes = list(self.unanswered.values())
        # An offer whose ack was lost comes again, perhaps when the work is done already.
        is_new = (known is None or known.lease_epoch != task.lease_epoch) and not any(
            outcome.items() >= task.key.items() for outcome in outcomes
        )
        if is_new:
            if known:
                known.drop()
            self.held[task.task_id] = task
        self._send({**task.key, "ack": {}})
        if is_new:
            self._threads.submit(self._perform, task)

    def give_back(self, assignment: Json) -> None:
        self._report({**Task.of(assignment).key, "release": {"reason": "the agent leaves"}})

    def obey(self, directives: list[Json]) -> None:
        for directive in directives:
            for kind, body in directive.items():
                task = self.held.get(body.get("taskId", ""))
                # What is said about an earlier lease does not concern this one.
                if task and task.lease_epoch == body["leaseEpoch"]:
                    task.cancel() if kind == "cancelTask" else task.drop()

    def settle(self, results: list[Json]) -> None:
        """Takes the server's answers to reports: the outcomes among them need not be kept."""
        for result in results:
            code = result.get("error", {}).get("code")
            if code in TRANSIENT:
                continue  # It is sent again with the next heartbeat.
            report_seq = result.get("reportSeq", 0)
            self.unanswered.pop(report_seq, None)
            task = self.held.get(result["taskId"])
            if code and task and report_seq == ACK:
                task.drop()  # The offer has lapsed.

    def close(self) -> None:
        for task in list(self.held.values()):
            task.drop()
        self._threads.shutdown()

    def _perform(self, task: Task) -> None:
        self._say(task, f"starts {task.step_path}, attempt {task.attempt}")
        outcome = outcome_of(task, self._handlers)
        if not task.dropped:
            how = outcome["fail"]["failure"]["reason"] if "fail" in outcome else "done"
            self._say(task, f"ends {task.step_path}: {how}")
            self._report(outcome)
        if self.held.get(task.task_id) is task:
            del self.held[task.task_id]
        self.wake.put(None)

    def _report(self, outcome: Json) -> None:
        report = {**outcome, "reportSeq": next(self._report_seq)}
        self.unanswered[report["reportSeq"]] = report
        self._send(report)

    def _say(self, task: Task, message: str) -> None:
        print(message, flush=True)
        about = {"task_id": task.task_id, "run_id": task.run_id, "step_path": task.step_path}
        self._log.write({"operation": "agent.work", "message": message, **about})
