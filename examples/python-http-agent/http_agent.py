"""An agent over plain HTTP: long polls bring tasks, heartbeats keep them, reports end them."""

from __future__ import annotations

import queue
import sys
import threading
import uuid
from contextlib import suppress

from ops_http import Json, OpsHttp, Refused  # First: it finds the folder of the others.

from log_buffer import Entry, LogBuffer
from task import Handler
from workbench import Workbench

SLOTS = 2
POLL = "5s"
LOOK_AGAIN_S = 1.0
# This session is over: open another. Any other refusal ends the agent; with SESSION_SUPERSEDED
# a newer process of the same agent has taken over.
SESSION_OVER = {"SESSION_NOT_FOUND", "SESSION_CLOSED"}


class HttpAgent:
    """Outlives the server: work goes on while it is away, and a session goes on when it is back."""

    def __init__(self, ops: OpsHttp, agent_id: str, handlers: dict[str, Handler]) -> None:
        self._ops = ops
        self._agent_id = agent_id
        self._capabilities = [{"name": name} for name in handlers]
        self._session: Json = None
        self._opening = str(uuid.uuid4())
        self._draining = False
        self._ended = threading.Event()
        self._producer_id = f"{agent_id}/{uuid.uuid4()}"
        self._log = LogBuffer(self._send_log)
        self._bench = Workbench(handlers, SLOTS, self._log, self._send_report)

    def run(self) -> None:
        """Works until it is drained."""
        threading.Thread(target=self._keep_beating, name="beat", daemon=True).start()
        try:
            while not self._is_done():
                try:
                    self._work()
                except ConnectionError as error:
                    print(f"interrupted: {error}", file=sys.stderr)
                except Refused as refused:
                    self._forgive(refused)
        finally:
            self._leave()

    def drain(self) -> None:
        """Finishes what is held, takes nothing new, then ends. Safe in a signal handler."""
        self._draining = True
        self._bench.wake.put(None)

    def _is_done(self) -> bool:
        return self._draining and (self._session is None or self._bench.is_clear)

    def _forgive(self, refused: Refused) -> None:
        if refused.reason not in SESSION_OVER:
            raise refused
        self._session = None

    def _work(self) -> None:
        """Takes what there is room for, or waits for room."""
        self._session = self._session or self._open_session()
        free = SLOTS - len(self._bench.held)
        if self._draining:
            self._beat()
        if self._draining or free == 0:
            return self._wait_for_room()
        polling = {**self._key(), "maxTasks": free, "wait": POLL}
        answer = self._ops.call("TaskService/PollTasks", polling, patience_s=5.0)
        self._bench.obey(answer.get("directives", []))
        for assignment in answer.get("assignments", []):
            self._bench.give_back(assignment) if self._draining else self._bench.take(assignment)

    def _wait_for_room(self) -> None:
        with suppress(queue.Empty):
            self._bench.wake.get(timeout=LOOK_AGAIN_S)

    def _open_session(self) -> Json:
        spec = {"capabilities": self._capabilities, "slots": SLOTS}
        request = {"agentId": self._agent_id, "spec": spec, "openSession": {}}
        # The same request_id until it is answered, so that a lost answer opens no second session.
        answer = self._ops.call(
            "LifecycleService/RegisterAgent", {**request, "requestId": self._opening}
        )
        self._opening = str(uuid.uuid4())
        session = answer["agent"]["session"]
        print(f"session {session['epoch']} of {self._agent_id} is open", flush=True)
        return session

    def _key(self) -> Json:
        return {"sessionId": self._session["sessionId"], "epoch": self._session["epoch"]}

    def _keep_beating(self) -> None:
        """Heartbeats, from their own thread: they renew the leases of the session and its tasks."""
        interval_s = LOOK_AGAIN_S
        while not self._ended.wait(interval_s):
            if self._session is None:
                continue
            interval_s = float(self._session["heartbeatInterval"].removesuffix("s"))
            try:
                self._beat()
                self._send_reports(list(self._bench.unanswered.values()))
            except (ConnectionError, Refused) as error:
                # The next one may arrive; that the session is over, the next poll finds as well.
                print(f"heartbeat: {error}", file=sys.stderr)

    def _beat(self) -> None:
        held = [task.held for task in list(self._bench.held.values())]
        beat = {"agentId": self._agent_id, **self._key(), "state": self._state(), "held": held}
        answer = self._ops.call("LifecycleService/Heartbeat", {"beat": beat}, patience_s=1.0)
        self._bench.obey(answer.get("directives", []))

    def _state(self) -> str:
        if self._draining:
            return "AGENT_STATE_DRAINING"
        return "AGENT_STATE_ACTIVE" if self._bench.held else "AGENT_STATE_IDLE"

    def _send_report(self, report: Json) -> None:
        try:
            self._send_reports([report])
        except (ConnectionError, Refused) as error:
            print(f"a report waits for the next heartbeat: {error}", file=sys.stderr)

    def _send_reports(self, reports: list[Json]) -> None:
        if reports:
            answer = self._ops.call("TaskService/ReportTasks", {"reports": reports})
            self._bench.settle(answer["results"])

    def _send_log(self, first: int, entries: list[Entry]) -> None:
        batch = {
            "producerId": self._producer_id,
            "firstProducerSeq": first,
            "entries": [{"agentId": self._agent_id, **entry} for entry in entries],
            "durability": "LOG_DURABILITY_COMMITTED",
        }
        self._ops.call("LoggingService/LogOperations", batch)

    def _leave(self) -> None:
        self._ended.set()
        self._bench.close()
        self._log.close()
        if self._session:
            closing = {**self._key(), "reason": "drained", "requestId": str(uuid.uuid4())}
            try:
                self._ops.call("LifecycleService/CloseSession", closing, patience_s=10.0)
            except (ConnectionError, Refused) as error:
                print(f"the session is left to its lease: {error}", file=sys.stderr)
