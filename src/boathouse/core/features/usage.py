"""Who uses a feature: before it is changed or removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.errors import FeatureError
from boathouse.core.options import require_choice

if TYPE_CHECKING:
    from boathouse.core.features.feature_view import FeatureView


@dataclass(frozen=True)
class UsageOptions:
    """What happens when a definition is gone that a model in use was trained on.

    Attributes:
        removed_in_use: ``refuse`` stops before anything is registered; ``warn`` goes on.
    """

    removed_in_use: str

    def __post_init__(self) -> None:
        """Check the choice."""
        require_choice("removed_in_use", self.removed_in_use, ("refuse", "warn"))


@dataclass(frozen=True, kw_only=True)
class ModelUse:
    """One registered version and what it looks up.

    Attributes:
        model: Registered name.
        version: Version as text.
        aliases: Aliases that point to it.
        views: ``name@version=digest`` of each view, comma-separated, as its tag has it.
    """

    model: str
    version: str
    aliases: tuple[str, ...]
    views: str

    @property
    def digests(self) -> Mapping[str, str]:
        """Digest of each view the version looks up, by the view's name."""
        pairs = (each.split("=", 1) for each in self.views.split(",") if "=" in each)
        return {label.split("@", 1)[0]: digest for label, digest in pairs}

    @property
    def title(self) -> str:
        """Model, version and aliases, for messages."""
        return f"{self.model} version {self.version}" + (f" ({', '.join(self.aliases)})" if self.aliases else "")


def users_of(view: FeatureView, uses: Sequence[ModelUse]) -> list[ModelUse]:
    """Return the versions that were trained on exactly this definition."""
    return [use for use in uses if use.digests.get(view.name) == view.digest]


def find_removed(views: Sequence[FeatureView], uses: Sequence[ModelUse]) -> dict[tuple[str, str], list[str]]:
    """Return who uses each definition (view, digest) that is not declared any more."""
    declared = {(view.name, view.digest) for view in views}
    removed: dict[tuple[str, str], list[str]] = {}
    for use in uses:
        for definition in use.digests.items():
            if definition not in declared:
                removed.setdefault(definition, []).append(use.title)
    return removed


def check_removed(views: Sequence[FeatureView], uses: Sequence[ModelUse]) -> None:
    """Refuse that a definition is gone which a model in use was trained on.

    Raises:
        FeatureError: Naming the first such view, its digest and its users.
    """
    for (view, digest), users in sorted(find_removed(views, uses).items()):
        raise FeatureError.still_used(view, digest, users)
