"""Errors of the bundle that deploys the project."""

from __future__ import annotations

from boathouse.errors.base import BoathouseError


class BundleError(BoathouseError):
    """The bundle cannot be read or resolved."""
