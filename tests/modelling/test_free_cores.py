"""Threads of a fit go by the processors that others leave free."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from boathouse.modelling import free_cores
from boathouse.modelling.free_cores import free_threads, threads_for


@pytest.mark.parametrize(
    ("shares", "threads"),
    [([1.0, 1.0], 2), ([0.97, 0.8], 2), ([0.9, 0.4], 1), ([0.33, 0.33], 1), ([0.05, 0.05], 1), ([1.0] * 4, 4)],
)
def test_as_many_threads_as_the_time_that_they_got_adds_up_to(shares: list[float], threads: int) -> None:
    assert threads_for(shares) == threads


def test_beside_busy_programs_a_fit_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_cores, "_seen", {})
    cores = len(os.sched_getaffinity(0))
    others = [subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"]) for _ in range(3 * cores)]
    try:
        assert free_threads(2) == 1
    finally:
        for each in others:
            each.kill()
            each.wait()


def test_free_processors_are_looked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr(free_cores, "_seen", {})
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(free_cores, "_take_shares", lambda threads: looks.append(threads) or [1.0] * threads)
    assert [free_threads(2), free_threads(2), free_threads(1)] == [2, 2, 1]
    assert looks == [2]
    monkeypatch.setattr(free_cores, "_BELIEVED_SECONDS", 0.0)
    free_threads(2)
    assert looks == [2, 2]
