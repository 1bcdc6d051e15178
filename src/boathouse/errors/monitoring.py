"""Errors of monitoring."""

from __future__ import annotations

from collections.abc import Iterable

from boathouse.errors.base import BoathouseError


class MonitoringError(BoathouseError):
    """Monitoring lacks what it compares."""

    @classmethod
    def missing_columns(cls, side: str, columns: Iterable[str]) -> MonitoringError:
        """Name the side of a comparison and the columns it lacks."""
        return cls(
            f"The {side} window lacks the columns {', '.join(columns)}. "
            "Compare only columns that both windows have, or score again with the present features."
        )

    @classmethod
    def empty_side(cls, side: str) -> MonitoringError:
        """Name the side of a comparison that has no rows."""
        return cls(f"The {side} window has no rows: nothing to compare. Check 'as_of' and the months scored.")

    @classmethod
    def nothing_scored(cls, as_of: object, environment: str) -> MonitoringError:
        """Name the date up to which predictions were looked for and the command that makes them."""
        return cls(
            f"No predictions are dated up to {as_of} in environment '{environment}'. "
            f"Make them with: kedro run --pipeline batch_inference --env {environment}"
        )
