"""Counts primes for an Ops-Core server until SIGTERM or Ctrl-C, then finishes what it holds."""

import signal

from http_agent import HttpAgent
from ops_http import OpsHttp
from primes import HANDLERS

agent = HttpAgent(OpsHttp(), "python-http", HANDLERS)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: agent.drain())
agent.run()
print("drained")
