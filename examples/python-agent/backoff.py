"""How long to wait before the next try."""

import random
from collections.abc import Iterator


def delays(first_s: float = 0.1, longest_s: float = 5.0) -> Iterator[float]:
    """Grows for ever, with full jitter: agents that lost the same server do not return as one."""
    ceiling_s = first_s
    while True:
        yield random.uniform(0, ceiling_s)
        ceiling_s = min(ceiling_s * 2, longest_s)
