"""What the store has to know of a feature view: a plain description that needs no engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boathouse.core.errors import OnlineStoreError

if TYPE_CHECKING:
    from boathouse.core.features import FeatureView

KEY_TYPES = ("bigint", "string")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class OnlineView:
    """One view in the store: one row per key.

    Attributes:
        name: Name of the view, and of its table.
        digest: Digest of the definition that its values were computed by.
        keys: Key columns and their types, ``bigint`` or ``string``.
        features: Features in stored order, each a double; null is unknown, and SQLite keeps -0.0 as 0.0.
        max_age_s: Age in seconds from which a value is stale, or None.
    """

    name: str
    digest: str
    keys: tuple[tuple[str, str], ...]
    features: tuple[str, ...]
    max_age_s: int | None = None

    def __post_init__(self) -> None:
        """Check names, which become names of tables and columns, and types of keys.

        Raises:
            OnlineStoreError: Naming what the store cannot hold.
        """
        names = [self.name, *(name for name, _ in self.keys), *self.features]
        odd = sorted(name for name in names if not _NAME.fullmatch(name))
        if odd:
            raise OnlineStoreError.odd_names(self.name, odd)
        wrong = sorted(f"{name} {dtype}" for name, dtype in self.keys if dtype not in KEY_TYPES)
        if wrong or not self.keys:
            raise OnlineStoreError.wrong_keys(self.name, wrong, KEY_TYPES)

    @classmethod
    def from_feature_view(cls, view: FeatureView) -> OnlineView:
        """Return the online side of a declared view; its maximum age is its time to live."""
        age = view.max_age_days
        return cls(
            name=view.label,
            digest=view.digest,
            keys=view.keys,
            features=view.feature_names,
            max_age_s=None if age is None else age * _SECONDS_A_DAY,
        )

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(name for name, _ in self.keys)
