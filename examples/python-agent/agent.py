"""Counts primes for an Ops-Core server until SIGTERM or Ctrl-C, then finishes what it holds."""

import signal

from grpc_agent import GrpcAgent
from ops import Ops
from primes import HANDLERS

agent = GrpcAgent(Ops(), "python-grpc", HANDLERS)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: agent.drain())
agent.run()
print("drained")
