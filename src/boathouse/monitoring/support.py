"""Whether current rows lie where labelled rows have been: without that no estimate says anything of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from boathouse.options import require_between, require_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

# Probability up to which rows beyond what the reference had are not put down to chance, by column.
_BY_CHANCE = 1e-5
# Standard deviations above what chance adds to few values before a column counts.
_BEYOND_CHANCE = 4.0
# Values and columns named in a reason.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class SupportOptions:
    """How much of the current rows may lie outside of the reference.

    Attributes:
        maximum_new_share: Share of rows (0 to 1) with a value that a column of few values never had before.
        maximum_unsupported: Share of rows (0 to 1) outside of the reference in any column, or where its density is a
            twentieth of the current one or less.
        minimum_effective: Smallest effective share (0 to 1) of the reference after weighting it by density.
        discrete_values: A column with at most this many values in the reference has categories; 2 to 100.
    """

    maximum_new_share: float
    maximum_unsupported: float
    minimum_effective: float
    discrete_values: int

    def __post_init__(self) -> None:
        """Check every range.

        Raises:
            OptionError: Naming the option, its value and what is allowed.
        """
        require_between("maximum_new_share", self.maximum_new_share, 0.0, 1.0)
        require_between("maximum_unsupported", self.maximum_unsupported, 0.0, 1.0)
        require_between("minimum_effective", self.minimum_effective, 0.0, 1.0)
        require_whole("discrete_values", self.discrete_values, 2, 100)


@dataclass(frozen=True, kw_only=True)
class Support:
    """What of the current rows the reference has nothing like.

    Attributes:
        columns: Share of rows without support by column, 0 to 1, the largest first; columns without any are left out.
        new_values: New values of columns with categories, as text.
        unsupported: Share of rows without support in any of these columns.
        reason: Why nothing can be estimated, in one sentence; empty where it can.
    """

    columns: Mapping[str, float]
    new_values: Mapping[str, tuple[str, ...]]
    unsupported: float
    reason: str

    @property
    def is_enough(self) -> bool:
        """Whether an estimate can be made."""
        return not self.reason


def check_support(
    reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], options: SupportOptions
) -> Support:
    """Return which current rows have a value outside of the reference: new, out of its range, or newly missing.

    Some rows of a later cohort always exceed what was seen before: of n reference rows, chance puts 2 in n + 1 outside
    of the range. A column counts as soon as more lie there than chance explains.

    Args:
        reference: Columns by name, all of one length; NaN or None for missing.
        current: The same columns; one that is missing there has no support at all.
        options: What is allowed.
    """
    rows = len(next(iter(current.values()), ()))
    if not rows or not len(next(iter(reference.values()), ())):
        reason = f"there are {'no rows' if not rows else 'no reference rows'} to compare."
        return Support(columns={}, new_values={}, unsupported=0.0 if not rows else 1.0, reason=reason)
    unsupported, shares = np.zeros(rows, dtype=bool), {}
    new_values: dict[str, tuple[str, ...]] = {}
    for name, before in reference.items():
        now = current.get(name)
        outside = np.ones(rows, dtype=bool) if now is None else _find_outside(before, now, options)
        if not _exceeds_chance(outside, len(before), is_discrete=_is_discrete(before, options)):
            continue
        unsupported |= outside
        shares[name] = float(outside.mean())
        if now is not None and _is_discrete(before, options):
            new_values[name] = tuple(str(value) for value in np.unique(now[outside & ~_missing(now)])[:_NAMED])
    ranked = dict(sorted(shares.items(), key=lambda item: -item[1]))
    found = Support(columns=ranked, new_values=new_values, unsupported=float(unsupported.mean()), reason="")
    return Support(**{**vars(found), "reason": _explain(found, options)})


def _missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    return np.array([value is None for value in values]) if values.dtype.kind == "O" else np.zeros(len(values), bool)


def _is_discrete(values: np.ndarray, options: SupportOptions) -> bool:
    known = values[~_missing(values)]
    return values.dtype.kind not in "fiu" or len(np.unique(known)) <= options.discrete_values


def _find_outside(before: np.ndarray, now: np.ndarray, options: SupportOptions) -> np.ndarray:
    gone_before, gone_now = _missing(before), _missing(now)
    known = before[~gone_before]
    newly_missing = gone_now & (not gone_before.any())
    if not len(known):
        return np.asarray(~gone_now)
    if _is_discrete(before, options):
        return np.asarray(newly_missing | (~gone_now & ~np.isin(now, np.unique(known))))
    with np.errstate(invalid="ignore"):
        return np.asarray(newly_missing | (~gone_now & ((now < known.min()) | (now > known.max()))))


def _exceeds_chance(outside: np.ndarray, reference_rows: int, *, is_discrete: bool) -> bool:
    """Return whether more rows lie outside than of rows of the same distribution.

    Of m rows beside n of the reference, k or more lie above its largest with about (m / (m + n))^k, and so below its
    smallest: k or more on both sides together with about (k + 1) times that.
    """
    count = int(outside.sum())
    if not is_discrete:
        return bool(np.log1p(count) - count * np.log1p(reference_rows / len(outside)) < np.log(_BY_CHANCE))
    expected = 2 * len(outside) / (reference_rows + 1)
    spread = np.sqrt(expected * (1 + len(outside) / (reference_rows + 1)))
    return bool(count > expected + _BEYOND_CHANCE * max(spread, 1.0))


def _explain(found: Support, options: SupportOptions) -> str:
    worst = next((name for name in found.columns if found.new_values.get(name)), "")
    if worst and found.columns[worst] > options.maximum_new_share:
        values = ", ".join(f"'{value}'" for value in found.new_values[worst])
        return (
            f"{found.columns[worst]:.1%} of the rows have a value of {worst} that no labelled row had ({values}); "
            f"at most {options.maximum_new_share:.1%} may."
        )
    if found.unsupported > options.maximum_unsupported:
        named = ", ".join(f"{name} {share:.1%}" for name, share in list(found.columns.items())[:_NAMED])
        return (
            f"{found.unsupported:.1%} of the rows lie outside of what labelled rows had ({named}); "
            f"at most {options.maximum_unsupported:.1%} may."
        )
    return ""
