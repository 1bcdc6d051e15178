"""Two trainings of one version compared: their predictions, and what about them differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from boathouse.lineage.facts import ModelVersionFacts


# In the order in which they are named as the likely cause: from what changes everything to what changes last digits.
CAUSES = ("code", "parameters", "data", "features", "python", "libraries", "engine", "machine")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that was not the same in the two trainings.

    Attributes:
        cause: One of ``CAUSES``.
        what: What differs, by its name.
        recorded: What it was when the version was trained, or that it was not recorded.
        found: What it was when it was trained again.
    """

    cause: str
    what: str
    recorded: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What became of training a version again.

    Attributes:
        title: The version, for messages.
        commit: Commit that both were trained from.
        rows: Rows compared.
        columns: Columns of the answer that were compared; the first is the main one.
        different: Rows with another value of the main column, compared bit by bit.
        largest: Largest difference of the main column, in its unit; 0 if none differs.
        decisions: Rows with another value of a further column, such as the decision; 0 if there is none.
        same_files: Whether the two models have equal files.
        differences: What differs, the likeliest cause first.
        notes: What cannot be guaranteed, in sentences.
    """

    title: str
    commit: str
    rows: int
    columns: tuple[str, ...]
    different: int
    largest: float
    decisions: int
    same_files: bool
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def is_identical(self) -> bool:
        """Whether every row compared has the same answer; not for no row at all."""
        return self.rows > 0 and self.different == 0 and self.decisions == 0


def compare_predictions(recorded: np.ndarray, found: np.ndarray) -> tuple[int, float]:
    """Return how many values of a column differ at all, and the largest difference.

    Missing in both is the same; missing in one is a difference of 1.
    """
    same = _find_same(recorded, found)
    distance = np.where(same, 0.0, np.nan_to_num(np.abs(recorded - found), nan=1.0))
    return int((~same).sum()), float(distance.max(initial=0.0))


def count_changed(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
    """Return in how many rows at least one of the columns differs, each given as recorded and found."""
    changed = [~_find_same(recorded, found) for recorded, found in pairs]
    return int(np.any(changed, axis=0).sum())


def _find_same(recorded: np.ndarray, found: np.ndarray) -> np.ndarray:
    same: np.ndarray = (recorded == found) | (np.isnan(recorded) & np.isnan(found))
    return same


def find_differences(
    recorded: ModelVersionFacts, found: ModelVersionFacts, *, contents: Mapping[str, tuple[str, str]]
) -> tuple[Difference, ...]:
    """Return what differs between the training of a version and its repetition, the likeliest cause first.

    Args:
        recorded: The version.
        found: The same, trained again.
        contents: Digest of the rows of each table that both made, recorded and found, by its name.
    """
    pairs = [
        *_compare("code", _code(recorded), _code(found)),
        *_compare("parameters", *_comparable_parameters(recorded, found)),
        *_compare("data", *_common_tables(recorded, found)),
        *_compare("data", *({name: each[side] for name, each in contents.items()} for side in (0, 1))),
        *_compare("features", _features(recorded), _features(found)),
        *_compare(
            "python", {"Python": recorded.runtime_environment.python}, {"Python": found.runtime_environment.python}
        ),
        *_compare("libraries", *_comparable_libraries(recorded, found)),
        *_compare("engine", _engine(recorded), _engine(found)),
        *_compare("machine", _machine(recorded), _machine(found)),
    ]
    return tuple(sorted(pairs, key=lambda each: CAUSES.index(each.cause)))


def _compare(cause: str, recorded: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*recorded, *found}):
        before, after = recorded.get(name), found.get(name)
        if before != after:
            yield Difference(cause=cause, what=name, recorded=_say(before), found=_say(after))


def _say(value: Any) -> str:  # noqa: ANN401
    return "not recorded" if value is None else str(value)


def _code(facts: ModelVersionFacts) -> dict[str, Any]:
    code = facts.code
    # What follows the version names a commit again, that of whatever was built.
    version = code.package_version and code.package_version.partition("+")[0]
    return {"commit": code.commit, "difference from the commit": code.difference, "boathouse": version}


def _comparable_parameters(
    recorded: ModelVersionFacts, found: ModelVersionFacts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of the pipelines that were run again; a longer run has had others beside.

    As texts where one side has nothing but texts.
    """
    groups = set(found.run.pipelines)
    texts = any(has_texts_only(each.parameters) for each in (recorded, found))
    left, right = (
        {
            name: str(value) if texts else value
            for name, value in facts.parameters.items()
            if "." not in name or name.partition(".")[0] in groups
        }
        for facts in (recorded, found)
    )
    return left, right


def has_texts_only(parameters: Mapping[str, Any]) -> bool:
    """Return whether no parameter kept its type: a run has then logged them, but left no file of them."""
    return all(isinstance(value, str) for value in parameters.values())


def _common_tables(recorded: ModelVersionFacts, found: ModelVersionFacts) -> tuple[dict[str, int], dict[str, int]]:
    """Return the versions of the tables that both have read; a longer run has read others beside."""
    left, right = (
        {f"{each.table} version": each.version for each in facts.tables if each.version is not None}
        for facts in (recorded, found)
    )
    common = left.keys() & right.keys()
    return {name: left[name] for name in common}, {name: right[name] for name in common}


def _features(facts: ModelVersionFacts) -> dict[str, str]:
    return {f"{each.name} version {each.version}": each.digest for each in facts.features}


def _comparable_libraries(
    recorded: ModelVersionFacts, found: ModelVersionFacts
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the libraries by name where both are known, else their digests."""
    before, after = recorded.runtime_environment, found.runtime_environment
    if before.libraries is None or after.libraries is None:
        return {"all libraries": before.libraries_digest}, {"all libraries": after.libraries_digest}
    return dict(before.libraries), dict(after.libraries)


def _engine(facts: ModelVersionFacts) -> dict[str, Any]:
    return {"engine": facts.runtime_environment.engine, "engine version": facts.runtime_environment.engine_version}


def _machine(facts: ModelVersionFacts) -> dict[str, Any]:
    return {"system": facts.runtime_environment.system, "processor": facts.runtime_environment.machine}


def name_causes(differences: Sequence[Difference]) -> list[str]:
    """Return the causes that differ, the likeliest first."""
    return list(dict.fromkeys(each.cause for each in differences))


# More differences than these are counted, not listed: another environment has a hundred other libraries.
_SHOWN = 12


def write_reproduction(done: Reproduction) -> str:
    """Return whether the predictions are identical, else how far they differ and what is likely to be the cause."""
    return "\n".join([*_outcome(done), *_differences(done), *(f"Note: {note}" for note in done.notes)])


def _outcome(done: Reproduction) -> Iterator[str]:
    main, *further = done.columns
    if done.rows == 0:
        yield f"{done.title}: nothing could be compared, its training set has no test rows."
    elif done.is_identical:
        files = "the same files" if done.same_files else "files that differ, in what predictions do not depend on"
        yield f"identical: {done.title}, trained again from commit {done.commit[:12]},"
        yield f"gives the same {' and '.join(done.columns)} for each of the {done.rows:,} recorded test rows ({files})."
    else:
        yield (
            f"different: {done.title}, trained again from commit {done.commit[:12]}, gives another {main} for "
            f"{done.different:,} of {done.rows:,} recorded test rows,"
        )
        others = f", and another {' or '.join(further)} for {done.decisions:,}" if further else ""
        yield f"by {done.largest:.3g} at most{others}."
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
