"""The column diff of a contract."""

from __future__ import annotations

import pytest

from boathouse.core.errors import SchemaMismatchError
from boathouse.core.tables import Column, TableContract
from boathouse.core.tables.schema_diff import diff_columns


@pytest.mark.parametrize(
    ("expected", "found", "lines"),
    [
        ({"a": "int", "b": "int"}, {"b": "int", "a": "int"}, []),
        ({"a": "int"}, {}, ["  - a: int (missing)"]),
        ({}, {"a": "int"}, ["  + a: int (unexpected)"]),
        ({"a": "int"}, {"a": "bigint"}, ["  ~ a: expected int, found bigint"]),
    ],
)
def test_each_difference_has_a_line(expected: dict[str, str], found: dict[str, str], lines: list[str]) -> None:
    """Order is no difference."""
    assert diff_columns(expected, found) == lines


def test_a_mismatch_names_contract_and_place() -> None:
    """Three parts: where, what, what next."""
    contract = TableContract(
        name="clean.t", description="", grain="", columns=(Column(name="a", dtype="int", description=""),)
    )
    contract.check_schema({"a": "int"}, where="Saving x")
    with pytest.raises(SchemaMismatchError, match=r"(?s)Saving x: .*'clean.t'.*- a: int \(missing\).*Change the data"):
        contract.check_schema({}, where="Saving x")


@pytest.mark.parametrize("value", [" card", "card ", "\tcard\n"])
def test_allowed_values_that_never_match_are_refused_when_declared(value: str) -> None:
    """Delivered text is trimmed before it is compared."""
    with pytest.raises(SchemaMismatchError, match=r"Column 'kind' allows '.*card.*'; .*never match. Declare 'card'\."):
        Column(name="kind", dtype="string", description="", allowed=("cash", value))
    assert Column(name="kind", dtype="string", description="", allowed=("a b", 1)).allowed == ("a b", 1)
