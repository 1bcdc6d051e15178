"""Who the task acts as: the SDK of Databricks asks here when the environment names no credentials."""

from __future__ import annotations

from collections.abc import Callable

from . import read_task


def init_runtime_native_auth() -> tuple[str, Callable[[], dict[str, str]]]:
    """Return the workspace's address, and what makes the header of a request."""
    return read_task()["host"], lambda: {"Authorization": f"Bearer {read_task()['token']}"}
