"""Whether a model was trained by code that its environment counts as released."""

from __future__ import annotations

from dataclasses import dataclass

TAG = "released_code"
_UNKNOWN = frozenset({"", "unknown"})


@dataclass(frozen=True, kw_only=True)
class CodeOrigin:
    """Where the code of a training run came from.

    Attributes:
        commit: Full hash, or ``unknown``.
        dirty: ``true`` if files differed from the commit, ``false``, or ``unknown``.
        tag: Tag of the commit, or ``unknown``.
        is_wheel: Whether it ran from an installed package, not from a checkout.
    """

    commit: str
    dirty: str
    tag: str
    is_wheel: bool


def is_released(origin: CodeOrigin, released_code: str) -> bool:
    """Return whether ``origin`` is released code by the rule ``any``, ``clean_commit``, ``tag`` or ``wheel``.

    A clean commit is a checkout without changes, or a wheel that knows its commit. A tag is a clean commit
    with a tag. A wheel has to know its commit too: what nobody can trace is not released.
    """
    is_clean = origin.commit not in _UNKNOWN and (origin.is_wheel or origin.dirty == "false")
    return {
        "any": True,
        "clean_commit": is_clean,
        "tag": is_clean and origin.tag not in _UNKNOWN,
        "wheel": is_clean and origin.is_wheel,
    }[released_code]
