"""Which state of the source a run uses, and whether its environment counts that state as released."""

from __future__ import annotations

from dataclasses import dataclass

TAG = "released_code"
UNKNOWN = "unknown"
# The digest of the difference of a checkout that is as its commit.
NO_DIFFERENCE = "none"


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """Commit, changes and tag of the source, ``unknown`` where they cannot be determined.

    Attributes:
        commit: Full hash of the commit.
        branch: Branch name, or ``(detached)``.
        dirty: ``true`` if a file that decides what runs differs from the commit or is not in it, ``false``, or
            ``unknown``.
        difference: SHA-256 of what differs, files that are in no commit included; ``none`` for a clean
            checkout. Two runs with the same commit and difference ran the same code.
        tag: Newest tag of the commit, or ``unknown`` if it has none.
        is_wheel: Whether the code runs from an installed package, not from a checkout.
    """

    commit: str = UNKNOWN
    branch: str = UNKNOWN
    dirty: str = UNKNOWN
    difference: str = UNKNOWN
    tag: str = UNKNOWN
    is_wheel: bool = False


def is_released(source: SourceState, released_code: str) -> bool:
    """Return whether ``source`` is released code by the rule ``any``, ``clean_commit``, ``tag`` or ``wheel``.

    A clean commit is a checkout without changes, or a wheel that knows its commit. A tag is a clean commit
    with a tag. A wheel has to know its commit too: what nobody can trace is not released.
    """
    is_clean = source.commit not in {"", UNKNOWN} and (source.is_wheel or source.dirty == "false")
    return {
        "any": True,
        "clean_commit": is_clean,
        "tag": is_clean and source.tag not in {"", UNKNOWN},
        "wheel": is_clean and source.is_wheel,
    }[released_code]
