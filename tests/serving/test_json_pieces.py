"""JSON parsed in pieces is the same document, refused where Python's own reader refuses it."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boathouse.errors import InvocationError
from boathouse.serving import json_pieces
from boathouse.serving.bounds import Bounds, GaveUpError
from boathouse.serving.invocation import parse_invocation
from boathouse.serving.json_pieces import parse_json

BOUNDS = Bounds(rows=10_000, columns=1000, values=1_000_000)
# Shorter than a piece below, so that every longer text has to be cut.
LEAVES = st.sampled_from([1, -2.5e10, None, True, "a,b", 'q"{[', "\\", '\\\\"x', ":", "é😀", "", "]}", float("nan")])
NAMES = st.sampled_from(["a", 'b\\"', "c,", ":d", "", "{e", "f]"])
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=40
)
CHANGES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 2), st.text('[]{},:"\\ 1a', max_size=2)), max_size=2)


def read(text: bytes, parse: Any) -> str | None:
    """Return the document in one form; None if it was refused."""
    try:
        return json.dumps(parse(text))
    except (ValueError, InvocationError):
        return None


@settings(max_examples=400, deadline=None, database=None)
@given(document=DOCUMENTS, changes=CHANGES, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_pieces_make_the_same_document(document: Any, changes: Any, indent: int | None, *, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    for place, length, new in changes:
        start = place % (len(text) + 1)
        text = text[:start] + new + text[start + length :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "PIECE", 40)
        patch.setattr(json_pieces, "AT_ONCE", 40)
        patch.setattr(json_pieces, "_LEVELS", 50)
        assert read(text.encode(), lambda body: parse_json(body, BOUNDS)) == read(text.encode(), json.loads)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_a_large_document_may_have_any_encoding_of_json(encoding: str) -> None:
    document = {"inputs": {"a": list(range(60_000)), "é": [1.5]}}
    assert parse_json(json.dumps(document, ensure_ascii=False).encode(encoding), BOUNDS) == document


def test_the_place_where_a_large_document_breaks_off_is_named() -> None:
    whole = json.dumps({"dataframe_records": [{"name": "x" * 50}] * 6000})
    for text, place in ((whole[:-2], len(whole) - 2), (whole.replace("}]", "},]"), None), (whole + "]", len(whole))):
        with pytest.raises(InvocationError, match=f"breaks off at character {place or ''}"):
            parse_json(text.encode(), BOUNDS)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("[" + "[]," * 2_000_000 + "[]]", 413, "more than 1,000,000 values"),
        ("[" * 500_000 + "]" * 500_000, 400, "nested deeper than 4 levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, 400, "nested deeper than 4 levels"),
        ("{" + ",".join(f'"{number}":1' for number in range(40_000)) + "}", 413, "more than 1,000 columns"),
        ('{"inputs":"' + "x" * 300_000 + '"}', 400, "A value is longer than"),
        ('{"' + "x" * 300_000 + '":1}', 400, "A name is longer than"),
        ('{"inputs":' + "1" * 300_000 + "}", 400, "A value is longer than"),
        ('{"inputs":[' + "1" * 60_000 + ("," + "1" * 60_000) * 5 + "]}", 400, "it is not"),
        (" " * 300_000, 400, "A value is longer than"),
        ('"' + '\\"' * 300_000, 400, "A value is longer than"),
    ],
    ids=["values", "lists", "objects", "members", "text", "name", "digits", "numbers", "spaces", "quotes"],
)
def test_what_is_too_much_is_refused_before_it_is_parsed(text: str, status: int, words: str) -> None:
    with pytest.raises(InvocationError, match=words) as refused:
        parse_json(text.encode(), BOUNDS)
    assert refused.value.status == status


def test_parsing_ends_once_its_result_is_not_wanted() -> None:
    stop = Event()
    stop.set()
    with pytest.raises(GaveUpError):
        parse_json(json.dumps(list(range(100_000))).encode(), Bounds(rows=10_000, stop=stop))


def test_many_rows_become_columns_one_after_the_other() -> None:
    data = [[row * 7 + place for place in range(5)] for row in range(20_000)]
    body = json.dumps({"dataframe_split": {"columns": list("abcde"), "data": data}}).encode()
    found = parse_invocation(body, "application/json").columns
    assert {name: list(values) for name, values in found.items()} == dict(
        zip("abcde", map(list, zip(*data, strict=True)), strict=True)
    )
    rests: list[int] = []

    class Counting(Event):
        def is_set(self) -> bool:
            rests.append(1)
            return False

    parse_json(body, Bounds(20_000, stop=Counting()))
    before = len(rests)
    parse_invocation(body, "application/json", bounds=Bounds(20_000, stop=Counting()))
    assert len(rests) - before == before + 5
