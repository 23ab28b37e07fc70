"""Log lines on their way to the server."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from backoff import delays

LINES_MAX = 10_000
BATCH_MAX = 500
GATHER_S = 0.1

Entry = dict[str, Any]
# Sends entries under the numbers from `first` on. Raises ConnectionError when there was no answer.
Send = Callable[[int, list[Entry]], None]


class LogBuffer:
    """Sends lines in batches, from its own thread: no task waits for its log.

    The lines of a producer are numbered from 1. A batch without an answer is sent again under the
    same numbers, and what the server has already it counts as duplicates: nothing is lost, nothing
    is there twice.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lines: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> None:
        if self._lines.qsize() < LINES_MAX:
            self._lines.put(entry)
        else:
            self._dropped += 1

    def close(self, patience_s: float = 10.0) -> None:
        """Sends what is left, for as long as the patience lasts."""
        self._lines.put(None)
        self._thread.join(patience_s)
        lost = self._dropped + self._lines.qsize()
        if lost > 0:
            print(f"{lost} log lines were lost", file=sys.stderr)

    def _run(self) -> None:
        first = 1
        while batch := self._gather():
            self._insist(first, batch)
            first += len(batch)

    def _gather(self) -> list[Entry]:
        """A first line, and those that come within a moment. Empty once closed."""
        batch: list[Entry] = []
        line = self._lines.get()
        time.sleep(GATHER_S)
        while line is not None:
            batch.append(line)
            if len(batch) == BATCH_MAX or self._lines.empty():
                return batch
            line = self._lines.get()
        if batch:
            self._lines.put(None)
        return batch

    def _insist(self, first: int, batch: list[Entry]) -> None:
        for delay_s in delays():
            try:
                return self._send(first, batch)
            except ConnectionError:
                time.sleep(delay_s)
            except Exception as error:  # Refused: it would be refused again.
                print(f"{len(batch)} log lines were refused: {error}", file=sys.stderr)
                return None
