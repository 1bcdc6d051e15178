"""A booster that is not complete never reaches the library that might hang on it."""

from __future__ import annotations

import pytest

from boathouse.core.scoring.ubjson import check_ubjson
from tests.core.scoring.test_scorer import make_files

TEXT = b"L\0\0\0\0\0\0\0\1a"


def test_a_booster_is_complete_and_no_part_of_it_is() -> None:
    content = make_files("xgboost")["estimator.ubj"]
    check_ubjson(content)
    for size in range(len(content)):
        with pytest.raises(ValueError, match="at byte"):
            check_ubjson(content[:size])
    with pytest.raises(ValueError, match="something follows"):
        check_ubjson(content + b"}")


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"{" + TEXT + b"Z}",
        b"[TFZ]",
        b"[#i\2TT",
        b"[$d#i\2" + bytes(8),
        b"{" + TEXT + b"S" + TEXT + b"}",
    ],
)
def test_values_by_hand(content: bytes) -> None:
    """Complete as it stands, and not with a byte fewer or more."""
    check_ubjson(content)
    for spoiled in (content[:-1], content + b"Z"):
        with pytest.raises(ValueError, match=r"at byte|something follows"):
            check_ubjson(spoiled)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"[$S#i\2",
        b"[$d",
        b"[#i\xff",
        b"[#d\0\0\0\0",
        b"[$D#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[" * 100,
        b"\x80\x04K\x01.",
    ],
)
def test_faults_by_hand(content: bytes) -> None:
    with pytest.raises(ValueError, match="at byte"):
        check_ubjson(content)
