"""Calls an Ops-Core server: JSON over HTTP/1.1, with the standard library alone."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# The work is that of the gRPC agent: handlers do not know how their tasks come.
sys.path.append(str(Path(__file__).parents[1] / "python-agent"))
from backoff import delays

Json = Any
TIMEOUT_S = 40.0
# Refusals after which the same request may succeed; docs/errors.md has them all.
TRANSIENT = {
    *("CONTENTION", "DEADLINE_PASSED", "DRAINING", "OVERLOADED"),
    *("RATE_LIMITED", "STORE_FULL", "STORE_UNAVAILABLE"),
}


class Refused(Exception):
    """The server's word: a reason of the closed list in docs/errors.md, and a text for people."""

    def __init__(self, status: int, body: bytes, retry_after_s: float = 0.0) -> None:
        try:
            error = json.loads(body)
        except ValueError:
            error = {}  # Of a proxy in between.
        details = [detail.get("debug", {}) for detail in error.get("details", [])]
        reasons = [detail["reason"] for detail in details if "reason" in detail]
        self.reason = reasons[0].removeprefix("ERROR_REASON_") if reasons else str(status)
        self.retry_after_s = retry_after_s
        self.is_transient = self.reason in TRANSIENT or self.reason in {"502", "503", "504"}
        super().__init__(f"{error.get('message', 'no answer of Ops-Core')} ({self.reason})")


class OpsHttp:
    """Connects to OPSCORE_URL, http://127.0.0.1:6772 if there is none.

    Each thread has one connection and keeps it. A call that got no answer is made again, with the
    same bytes and so with the same request_id: the server does a thing once, however often it is
    asked.
    """

    def __init__(self) -> None:
        self._url = urlsplit(os.environ.get("OPSCORE_URL", "http://127.0.0.1:6772"))
        self._local = threading.local()
        self._headers = {"content-type": "application/json"}
        if token := os.environ.get("OPSCORE_TOKEN"):
            self._headers["authorization"] = f"Bearer {token}"

    def call(self, method: str, message: Json, *, patience_s: float = 60.0) -> Json:
        """Raises Refused, or ConnectionError when there was no answer in all that time."""
        body = json.dumps(message).encode()
        give_up_s = time.monotonic() + patience_s
        for delay_s in delays():
            try:
                return self._try(f"/opscore.v1.{method}", body)
            except Refused as refused:
                if not refused.is_transient:
                    raise
                error: Exception = refused
                delay_s = max(delay_s, refused.retry_after_s)
            except (OSError, HTTPException) as broken:
                error = broken
            if time.monotonic() + delay_s > give_up_s:
                raise ConnectionError(f"{method}: {error}") from error
            time.sleep(delay_s)
        raise AssertionError("delays never end")

    def _try(self, path: str, body: bytes) -> Json:
        connection = self._connection()
        try:
            connection.request("POST", self._url.path.rstrip("/") + path, body, self._headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException):
            connection.close()  # The next request opens it again.
            raise
        if response.status == 200:
            return json.loads(answer)
        raise Refused(response.status, answer, float(response.headers.get("retry-after") or 0))

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
            connection = self._local.connection = kind(self._url.netloc, timeout=TIMEOUT_S)
        return connection
