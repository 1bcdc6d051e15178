"""Rehearsed workspaces."""

from tests.fixtures.rehearsed_workspace import deployed, rehearsed

__all__ = ["deployed", "rehearsed"]
