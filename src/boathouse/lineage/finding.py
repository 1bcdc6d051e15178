"""A finding: one thing about a model that a person has to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boathouse.lineage.model_history import ModelVersionHistory

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a person has to look at.

    Attributes:
        severity: ``error`` (the record contradicts itself or the rules), ``warning`` or ``note``.
        kind: Name in the closed list of checks.
        version: Version concerned, or empty for the model as a whole.
        message: What is wrong and what to do.
    """

    severity: str
    kind: str
    version: str
    message: str


def of_model(severity: str, kind: str, message: str) -> Finding:
    """Return a finding about the model as a whole."""
    return Finding(severity=severity, kind=kind, version="", message=message)


def of_version(severity: str, kind: str, each: ModelVersionHistory, message: str) -> Finding:
    """Return a finding about one version."""
    return Finding(severity=severity, kind=kind, version=each.version, message=message)
