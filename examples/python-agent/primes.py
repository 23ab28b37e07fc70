"""The work itself: counts the primes below a number, in two halves."""

from __future__ import annotations

from math import isqrt

from task import Failed, Handler, Json, Task

CHUNK = 1_000


def plan(task: Task) -> Json:
    below = task.input["below"]
    if not isinstance(below, (int, float)) or below < 2 or below != int(below):
        # Trying again would not help.
        raise Failed("BAD_INPUT", "below must be a whole number from 2", permanent=True)
    middle = 2 + int(below - 2) * 3 // 5
    return {"halves": [{"first": 2, "below": middle}, {"first": middle, "below": int(below)}]}


def count(task: Task) -> Json:
    first, below = int(task.input["first"]), int(task.input["below"])
    primes = 0
    for start in range(first, below, CHUNK):
        end = min(start + CHUNK, below)
        primes += sum(is_prime(number) for number in range(start, end))
        task.report_progress((end - first) / (below - first), f"{primes} primes up to {end}")
    return {"primes": primes}


def report(task: Task) -> Json:
    if task.attempt == 1:
        raise Failed("OVERLOADED", "the first attempt fails, so that you see a second")
    below, primes = int(task.input["below"]), int(sum(task.input["counts"]))
    return {"primes": primes, "text": f"There are {primes} primes below {below}."}


def is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, isqrt(number) + 1))


HANDLERS: dict[str, Handler] = {
    "primes.plan": plan,
    "primes.count": count,
    "primes.report": report,
}
