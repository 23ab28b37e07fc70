"""The services of an Ops-Core server, over one gRPC channel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import grpc

GENERATED = Path(__file__).parent / "generated"
if not (GENERATED / "opscore").is_dir():
    sys.exit("There are no classes of the contract yet: run generate.sh, beside this file.")
sys.path.insert(0, str(GENERATED))

from opscore.v1.lifecycle_pb2_grpc import LifecycleServiceStub  # noqa: E402
from opscore.v1.logging_pb2_grpc import LoggingServiceStub  # noqa: E402
from opscore.v1.task_pb2_grpc import TaskServiceStub  # noqa: E402
from opscore.v1.workflow_pb2_grpc import WorkflowServiceStub  # noqa: E402

OPTIONS = [
    # How the channel finds a lost server again. Without these it may look away for two minutes, and
    # for 20 seconds at least: the second is also the time that a connection may take.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Finds connections that are dead and do not say so.
    ("grpc.keepalive_time_ms", 20_000),
]


class Ops:
    """Connects to OPSCORE_URL, http://127.0.0.1:6772 if there is none; https is TLS."""

    def __init__(self) -> None:
        url = urlsplit(os.environ.get("OPSCORE_URL", "http://127.0.0.1:6772"))
        if url.scheme == "https":
            self.channel = grpc.secure_channel(url.netloc, grpc.ssl_channel_credentials(), OPTIONS)
        else:
            self.channel = grpc.insecure_channel(url.netloc, OPTIONS)
        self.lifecycle = LifecycleServiceStub(self.channel)
        self.logging = LoggingServiceStub(self.channel)
        self.task = TaskServiceStub(self.channel)
        self.workflow = WorkflowServiceStub(self.channel)

    @staticmethod
    def metadata() -> list[tuple[str, str]]:
        """Of every call: a server with API keys asks for one."""
        token = os.environ.get("OPSCORE_TOKEN")
        return [("authorization", f"Bearer {token}")] if token else []
