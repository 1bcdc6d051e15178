"""Which part a model plays in a scoring run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from boathouse.core.errors import ModelError

if TYPE_CHECKING:
    from boathouse.core.modelling import LoadedModel, NoModel

CHAMPION, CHALLENGER = "champion", "challenger"
ROLES = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class RoleModel:
    """A model and its part: only the champion decides; everything else is scored for comparison."""

    model: LoadedModel
    role: str


class ModelVersions(Protocol):
    """Every version of one registered model, loaded when asked for."""

    def load(self, version: str) -> LoadedModel:
        """Return ``version``, checked; ModelError if there is none."""


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
        raise ModelError.no_champion(environment)
    return RoleModel(champion, CHAMPION)  # type: ignore[arg-type] # NoModel is false
