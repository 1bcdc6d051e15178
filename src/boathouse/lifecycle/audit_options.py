"""How the audit tables are guarded: which anchors keep their heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boathouse.errors import OptionError
from boathouse.options import require_choice

FILE, REGISTRY, WEBHOOK = "file", "registry", "webhook"
ANCHORS = (FILE, REGISTRY, WEBHOOK)


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """How the audit tables are guarded.

    Attributes:
        anchors: Where the head of each table is kept besides: ``file`` (beside the lakehouse), ``registry`` (a tag of
            the registered model), ``webhook`` (what receivers were sent is held against the ledger).
    """

    anchors: Sequence[str] = ANCHORS

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            OptionError: If one is unknown, or none is given.
        """
        if isinstance(self.anchors, str) or not self.anchors:
            raise OptionError.out_of_range("audit.anchors", self.anchors, f"a list of {', '.join(ANCHORS)}")
        for name in self.anchors:
            require_choice("audit.anchors", name, ANCHORS)
