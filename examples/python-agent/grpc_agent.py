"""An agent over gRPC: one two-way stream brings tasks down and takes reports and heartbeats up."""

from __future__ import annotations

import queue
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

import grpc
from backoff import delays
from google.protobuf.json_format import MessageToDict, ParseDict
from log_buffer import Entry, LogBuffer
from ops import Ops  # First: it finds the generated classes.
from opscore.v1 import lifecycle_pb2 as lifecycle
from opscore.v1 import logging_pb2 as logging
from opscore.v1 import task_pb2 as tasks
from task import Handler, Json
from workbench import Workbench

SLOTS = 2
CALL_S = 10.0
# This session is over: open another.
SESSION_OVER = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
# Trying again cannot help. ABORTED: a newer process of the same agent has taken over.
FATAL = {
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}

Frame = tasks.WorkTasksRequest
Outbox = queue.SimpleQueue  # of Frame, then None


class GrpcAgent:
    """Outlives the server: work goes on while it is away, and a session goes on when it is back."""

    def __init__(self, ops: Ops, agent_id: str, handlers: dict[str, Handler]) -> None:
        self._ops = ops
        self._agent_id = agent_id
        self._capabilities = [lifecycle.Capability(name=name) for name in handlers]
        self._session: lifecycle.Session | None = None
        self._opening = str(uuid.uuid4())
        self._outbox: Outbox = queue.SimpleQueue()
        self._draining = False
        self._producer_id = f"{agent_id}/{uuid.uuid4()}"
        self._log = LogBuffer(self._send_log)
        self._bench = Workbench(handlers, SLOTS, self._log, self._send_report)

    def run(self) -> None:
        """Works until it is drained."""
        tries = delays()
        try:
            while not self._is_done():
                try:
                    self._session = self._session or self._open_session()
                    for _ in self._work(self._session):
                        tries = delays()
                except grpc.RpcError as error:
                    self._forgive(error)
                if not self._is_done():
                    time.sleep(next(tries))
        finally:
            self._leave()

    def drain(self) -> None:
        """Finishes what is held, takes nothing new, then ends. Safe in a signal handler."""
        self._draining = True
        self._bench.wake.put(None)

    def _is_done(self) -> bool:
        return self._draining and (self._session is None or self._bench.is_clear)

    def _forgive(self, error: grpc.RpcError) -> None:
        code = error.code()
        if code in FATAL:
            raise error
        if code in SESSION_OVER:
            self._session = None
        if code != grpc.StatusCode.CANCELLED:  # Our own doing.
            print(f"interrupted: {code.name} {error.details()}", file=sys.stderr)

    def _open_session(self) -> lifecycle.Session:
        request = lifecycle.RegisterAgentRequest(
            agent_id=self._agent_id,
            spec=lifecycle.AgentSpec(capabilities=self._capabilities, slots=SLOTS),
            open_session=lifecycle.SessionOptions(),
            request_id=self._opening,  # The same until it is answered.
        )
        session = self._call(self._ops.lifecycle.RegisterAgent, request).agent.session
        self._opening = str(uuid.uuid4())
        print(f"session {session.epoch} of {self._agent_id} is open", flush=True)
        return session

    def _work(self, session: lifecycle.Session) -> Iterator[None]:
        """Works on one stream until it ends or breaks; yields after each frame of the server."""
        self._outbox = outbox = queue.SimpleQueue()
        frames = self._frames(session, outbox)
        meta = self._ops.metadata()
        stream = self._ops.task.WorkTasks(frames, metadata=meta, wait_for_ready=True)
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(session, stream, ended), daemon=True)
        beating.start()
        try:
            for frame in stream:
                self._take(MessageToDict(frame), stream)
                yield
        finally:
            ended.set()
            outbox.put(None)
            self._bench.wake.put(None)
            beating.join()

    def _frames(self, session: lifecycle.Session, outbox: Outbox) -> Iterator[Frame]:
        opening = tasks.StreamTasksRequest(session_id=session.session_id, epoch=session.epoch)
        yield Frame(open=opening)
        yield from iter(outbox.get, None)

    def _beat(self, session: lifecycle.Session, stream: grpc.Call, ended: threading.Event) -> None:
        """Heartbeats, from their own thread: they renew the leases of the session and its tasks."""
        interval_s = session.heartbeat_interval.ToTimedelta().total_seconds()
        while not ended.is_set():
            if self._is_done():
                stream.cancel()
            if self._outbox.empty():  # Else the one before has not left yet.
                self._outbox.put(self._heartbeat(session))
            with suppress(queue.Empty):
                self._bench.wake.get(timeout=interval_s)

    def _heartbeat(self, session: lifecycle.Session) -> Frame:
        held = [task.held for task in list(self._bench.held.values())]
        key = {"session_id": session.session_id, "epoch": session.epoch}
        beat = {"agent_id": self._agent_id, **key, "state": self._state(), "held": held}
        again = [to_report(outcome) for outcome in list(self._bench.unanswered.values())]
        return Frame(beat=ParseDict(beat, lifecycle.AgentBeat()), reports=again)

    def _state(self) -> str:
        if self._draining:
            return "AGENT_STATE_DRAINING"
        return "AGENT_STATE_ACTIVE" if self._bench.held else "AGENT_STATE_IDLE"

    def _take(self, frame: Json, stream: grpc.Call) -> None:
        directives = frame.get("directives", [])
        self._bench.settle(frame.get("results", []))
        self._bench.obey(directives)
        if any("reopenStream" in directive for directive in directives):
            stream.cancel()
        for assignment in frame.get("assignments", []):
            self._bench.give_back(assignment) if self._draining else self._bench.take(assignment)
        if self._is_done():
            self._bench.wake.put(None)

    def _send_report(self, report: Json) -> None:
        # If the stream is gone, the first heartbeat of the next one brings it.
        self._outbox.put(Frame(reports=[to_report(report)]))

    def _send_log(self, first: int, entries: list[Entry]) -> None:
        request = logging.LogOperationsRequest(
            producer_id=self._producer_id,
            first_producer_seq=first,
            entries=[logging.LogEntry(agent_id=self._agent_id, **entry) for entry in entries],
            durability=logging.LOG_DURABILITY_COMMITTED,
        )
        try:
            self._call(self._ops.logging.LogOperations, request)
        except grpc.RpcError as error:
            if error.code() not in FATAL:
                raise ConnectionError from error
            raise

    def _leave(self) -> None:
        self._bench.close()
        self._log.close()
        if self._session:
            key = {"session_id": self._session.session_id, "epoch": self._session.epoch}
            request = lifecycle.CloseSessionRequest(**key, reason="drained")
            try:
                self._call(self._ops.lifecycle.CloseSession, request)
            except grpc.RpcError as error:
                print(f"the session is left to its lease: {error.details()}", file=sys.stderr)
        self._ops.channel.close()

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request: Json) -> Json:
        # A channel without a connection looks for one with backoff; a call waits for it.
        meta = self._ops.metadata()
        return method(request, timeout=CALL_S, metadata=meta, wait_for_ready=True)


def to_report(outcome: Json) -> tasks.TaskReport:
    return ParseDict(outcome, tasks.TaskReport())
