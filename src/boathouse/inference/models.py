"""The models of a scoring run with their roles, and the record of the run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from boathouse.errors import ModelError
from boathouse.lifecycle.vacancy import NoChampion, explain_no_champion
from boathouse.namespaces import shorten
from boathouse.problem.scored_tables import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from datetime import datetime

    from boathouse.features.feature_view import FeatureView
    from boathouse.lifecycle.policy import GovernanceOptions
    from boathouse.lifecycle.state import ModelState
    from boathouse.modelling.result import LoadedModel, NoModel


@dataclass(frozen=True)
class RoleModel:
    """A model and its role: only the champion decides; every other version is scored for comparison."""

    model: LoadedModel
    role: str


class ModelVersions(Protocol):
    """All versions of one registered model, loaded on demand."""

    def load(self, version: str) -> LoadedModel:
        """Return ``version``, checked; ModelError if there is none."""


@dataclass(frozen=True, kw_only=True)
class ChampionCheck:
    """What a run has to know of its model where there is no champion.

    Attributes:
        state: The model by the ledger.
        governance: Rules of the environment.
        now: The time, UTC.
        strict: Whether a run that cannot score is an error; else it ends in order and says what to do.
    """

    state: ModelState
    governance: GovernanceOptions
    now: datetime
    strict: bool

    def explain(self) -> NoChampion:
        """Return why there is no champion, and what to do.

        Raises:
            ModelError: With the same text, if the run is strict.
        """
        absent = explain_no_champion(self.state, self.governance, now=self.now)
        if self.strict:
            raise ModelError(str(absent))
        return absent


def lacks_champion(champion: LoadedModel | NoModel, aliases: Mapping[str, str], *, version: str | None = None) -> bool:
    """Return whether a run needs the champion and there is none; one that names another ``version`` does not."""
    return version in {None, aliases.get(CHAMPION)} and (not champion or CHAMPION not in aliases)


def choose_models(
    champion: LoadedModel | NoModel,
    versions: ModelVersions | None,
    aliases: Mapping[str, str],
    *,
    version: str | None,
    with_challenger: bool,
    environment: str,
) -> list[RoleModel]:
    """Return the models of a run: the champion or ``version``, and the challenger on request.

    Args:
        champion: What the alias champion points to, or that it points to nothing.
        versions: All versions; None where neither a version nor the challenger is asked for.
        aliases: Version at each alias, as the registry has it now.
        version: A version to score with in place of the champion; None for the champion.
        with_challenger: Whether the challenger scores the same rows.
        environment: Named in errors.

    Raises:
        ModelError: If there is no champion, no such version, or no challenger where one is asked for.
    """
    if versions is None:
        return [_take_champion(champion, aliases, environment)]
    chosen = [_choose_first(champion, versions, aliases, version, environment)]
    if with_challenger:
        if CHALLENGER not in aliases:
            raise ModelError.no_challenger(environment)
        if aliases[CHALLENGER] != chosen[0].model.version:
            chosen.append(RoleModel(versions.load(aliases[CHALLENGER]), CHALLENGER))
    return chosen


def _choose_first(
    champion: LoadedModel | NoModel,
    versions: ModelVersions,
    aliases: Mapping[str, str],
    version: str | None,
    environment: str,
) -> RoleModel:
    if version is not None and version != aliases.get(CHAMPION):
        return RoleModel(versions.load(version), CHALLENGER)
    return _take_champion(champion, aliases, environment)


def _take_champion(champion: LoadedModel | NoModel, aliases: Mapping[str, str], environment: str) -> RoleModel:
    if not champion or CHAMPION not in aliases:
        raise ModelError.no_champion(environment, getattr(champion, "reason", ""))
    return RoleModel(champion, CHAMPION)  # type: ignore[arg-type] # NoModel is false


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
        """Return full name, ``@`` and version of those of ``tables`` (``<schema>.<table>``) that were read."""
        return sorted(f"{name}@{version}" for name, version in self.table_versions.items() if shorten(name) in tables)

    def feature_versions(self, views: Sequence[FeatureView]) -> list[str]:
        """Return ``<view>@<view version>=<digest>:v<Delta version>`` of each view; ``:v?`` where that is unknown."""
        read = {shorten(name): version for name, version in self.table_versions.items()}
        return [f"{view.name}@{view.version}={view.digest}:v{read.get(view.table, '?')}" for view in views]
