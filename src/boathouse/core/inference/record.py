"""What a scoring run read and under which run it is recorded: written on every prediction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boathouse.core.features import FeatureView


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run.

    Attributes:
        run_id: MLflow run; empty where tracking is off.
        table_versions: Delta version of each table read, by its three-level name.
    """

    run_id: str = ""
    table_versions: Mapping[str, int] = field(default_factory=dict)

    def data_versions(self, tables: Collection[str]) -> list[str]:
        """Return ``<env>.<schema>.<table>@<version>`` of those of ``tables`` (``<schema>.<table>``) that were read."""
        return sorted(
            f"{name}@{version}" for name, version in self.table_versions.items() if name.split(".", 1)[1] in tables
        )

    def feature_versions(self, views: Sequence[FeatureView]) -> list[str]:
        """Return ``<view>@<view version>=<digest>:v<Delta version>`` of each view; ``:v?`` where that is unknown."""
        read = {name.split(".", 1)[1]: version for name, version in self.table_versions.items()}
        return [f"{view.name}@{view.version}={view.digest}:v{read.get(view.table, '?')}" for view in views]
