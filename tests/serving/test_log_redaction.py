"""What of a body may be kept: nothing personal, and never half a record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boathouse.endpoints.keyed_hash import hash_value
from boathouse.serving.log_redaction import MASK, choose_hidden, choose_hiding, hide_columns, shorten

SALT = bytes(range(32))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"dataframe_records": [{"key": 7, "a": 1}]}, {"dataframe_records": [{"key": "*", "a": 1}]}),
        ({"dataframe_records": [{"key": None, "a": 1}]}, {"dataframe_records": [{"key": None, "a": 1}]}),
        (
            {"dataframe_split": {"columns": ["a", "key"], "data": [[1, 7], [2, None]]}},
            {"dataframe_split": {"columns": ["a", "key"], "data": [[1, "*"], [2, None]]}},
        ),
        (
            {"dataframe_split": {"index": [7], "columns": ["a"], "data": [[1, 8]]}},
            {"dataframe_split": {"index": ["*"], "columns": ["a"], "data": [[1, "*"]]}},
        ),
        (
            {"dataframe_split": {"columns": ["a"], "data": {"x": 7}}},
            {"dataframe_split": {"columns": ["*"], "data": {"x": "*"}}},
        ),
        ({"instances": [{"key": 7, "a": 1}]}, {"instances": [{"key": "*", "a": 1}]}),
        ({"instances": [[7, 1]]}, {"instances": [["*", "*"]]}),
        ({"inputs": {"key": [7, 8], "a": [1, 2]}}, {"inputs": {"key": ["*", "*"], "a": [1, 2]}}),
        ({"inputs": [[7, 1]]}, {"inputs": [["*", "*"]]}),
        ({"inputs": [{"key": {"deep": 7}}]}, {"inputs": [{"key": {"deep": "*"}}]}),
        ({"params": {"key": 7, "explain": True}}, {"params": {"key": "*", "explain": True}}),
        ({"predictions": [{"key": 7, "probability": 0.5}]}, {"predictions": [{"key": "*", "probability": 0.5}]}),
        ({"key": "7"}, {"key": "*"}),
        ([7], [7]),
    ],
)
def test_personal_columns_are_hidden_in_every_form(document: Any, expected: Any) -> None:
    before = json.dumps(document)
    assert hide_columns(document, {"key"}, lambda _: "*") == expected
    assert json.dumps(document) == before


def test_without_personal_columns_nothing_changes() -> None:
    document = {"instances": [[7, 1]]}
    assert hide_columns(document, set(), lambda _: "*") is document


def test_hash_is_keyed_and_the_same_for_every_writing_of_a_key() -> None:
    # printf 17 | python -c "blake2b(key=bytes(range(32)), digest_size=12)"
    assert hash_value(17, SALT) == hash_value("17", SALT) == hash_value(17.0, SALT)
    assert len(hash_value(17, SALT)) == 24
    assert hash_value(17, SALT) != hash_value(17, bytes(32))
    assert hash_value(17, SALT) != hash_value(18, SALT)


def test_a_key_has_one_hash_in_all_spellings_and_a_text_key_none_of_a_number() -> None:
    hide = choose_hiding("hash", SALT, {"key": "bigint", "code": "string"})
    spellings = [17, 17.0, "17", "0017", "+17", " 17 "]
    for document in (
        {"dataframe_records": [{"key": each} for each in spellings]},
        {"dataframe_split": {"columns": ["key"], "data": [[each] for each in spellings]}},
        {"inputs": {"key": spellings}},
    ):
        text = json.dumps(hide_columns(document, {"key", "code"}, hide))
        assert text.count(hash_value(17, SALT)) == len(spellings)
    codes = hide_columns({"inputs": {"code": ["17", " 17 ", "0017"]}}, {"key", "code"}, hide)["inputs"]["code"]
    assert (codes[0] == codes[1], codes[0] == codes[2]) == (True, False)


def test_policies() -> None:
    assert choose_hiding("mask", SALT)(17) == MASK
    assert choose_hiding("hash", SALT)(17) == hash_value(17, SALT)
    assert choose_hiding("keep", SALT)(17) == hash_value(17, SALT)


@pytest.mark.parametrize(
    ("policy", "hidden"), [("hash", {"key", "name"}), ("mask", {"key", "name"}), ("keep", {"key"})]
)
def test_conf_adds_personal_columns_and_takes_none_away(policy: str, hidden: set[str]) -> None:
    assert choose_hidden(policy, ("name",), always=("key",)) == hidden
    assert choose_hidden(policy, (), always=("key",)) == {"key"}


def body(rows: int, form: str) -> dict[str, Any]:
    match form:
        case "split":
            data = [[number, "x" * (number % 7)] for number in range(rows)]
            return {"dataframe_split": {"columns": ["a", "b"], "index": list(range(rows)), "data": data}}
        case "predictions":
            return {"predictions": [{"probability": number / 10} for number in range(rows)]}
        case _:
            return {"dataframe_records": [{"a": number, "b": "é" * (number % 5)} for number in range(rows)]}


@given(st.integers(0, 60), st.sampled_from(["split", "records", "predictions"]), st.integers(1, 2_000))
def test_a_long_body_keeps_its_first_whole_records(rows: int, form: str, limit: int) -> None:
    document = body(rows, form)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    cut = shorten(text, limit)
    if cut is None:
        return
    assert len(cut.encode()) <= limit
    count = len(json.loads(cut).get("dataframe_split", {}).get("data") or next(iter(json.loads(cut).values())))
    if form == "split":
        count = len(json.loads(cut)["dataframe_split"]["data"])
    assert 0 < count < rows
    assert json.loads(cut) == body(count, form)


def test_a_body_keeps_almost_as_many_records_as_fit() -> None:
    text = json.dumps({"instances": [{"a": 1}] * 1000}, separators=(",", ":"))
    cut = shorten(text, len(text) // 2)
    assert cut is not None
    assert 450 <= len(json.loads(cut)["instances"]) <= 500


@pytest.mark.parametrize(
    "document", [{"inputs": {"a": [1] * 100}}, {"error_code": "x" * 100}, {"instances": ["x" * 100]}]
)
def test_what_has_no_records_or_too_long_ones_is_not_kept(document: Any) -> None:
    assert shorten(json.dumps(document), 50) is None
