"""The outcome of training a version again, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from boathouse.core.lineage.differences import name_causes

if TYPE_CHECKING:
    from boathouse.core.lineage.differences import Difference, Reproduction

# More differences than these are counted, not listed: another environment has a hundred other libraries.
_SHOWN = 12


def write_reproduction(done: Reproduction) -> str:
    """Return whether the predictions are identical, else how far they differ and what is likely to be the cause."""
    return "\n".join([*_outcome(done), *_differences(done), *(f"Note: {note}" for note in done.notes)])


def _outcome(done: Reproduction) -> Iterator[str]:
    if done.rows == 0:
        yield f"{done.title}: nothing could be compared, its training set has no test rows."
    elif done.is_identical:
        files = "the same files" if done.same_files else "files that differ, in what predictions do not depend on"
        yield f"identical: {done.title}, trained again from commit {done.commit[:12]},"
        yield f"gives the same probability and decision for each of the {done.rows:,} recorded test rows ({files})."
    else:
        yield (
            f"different: {done.title}, trained again from commit {done.commit[:12]}, gives another probability for "
            f"{done.different:,} of {done.rows:,} recorded test rows,"
        )
        yield f"by {done.largest:.3g} at most, and another decision for {done.decisions:,}."
        yield f"Likely cause: {_likely(done)}."


def _likely(done: Reproduction) -> str:
    causes = name_causes(done.differences)
    if not causes:
        return "none is on record; the training itself gives different results, or what was not recorded differs"
    return causes[0] + (f", then {', '.join(causes[1:])}" if causes[1:] else "")


def _differences(done: Reproduction) -> Iterator[str]:
    if done.differences:
        yield "What was not the same:"
    for each in done.differences[:_SHOWN]:
        yield f"  {_describe(each)}"
    if len(done.differences) > _SHOWN:
        yield f"  and {len(done.differences) - _SHOWN:,} more; --json lists them"


def _describe(each: Difference) -> str:
    return f"{each.cause}: {each.what}: {each.recorded} when trained, {each.found} now"
