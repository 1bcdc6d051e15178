"""The catalog's dataset classes find contracts by name, in whatever use case the project has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from boathouse.errors import ConfigError
from boathouse.pipelines import table_dataset
from boathouse.pipelines.table_dataset import ContractExtractDataset, ContractTableDataset
from tests.fixtures.toy.use_case import USE_CASE

if TYPE_CHECKING:
    from pathlib import Path

LAKEHOUSE = {"engine": "sail", "root": "none"}


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the project the toy's use case, with one source that may be missing."""
    products, sales = USE_CASE.sources
    use_case = replace(USE_CASE, sources=(products, replace(sales, optional=True)))
    monkeypatch.setattr(table_dataset, "USE_CASE", use_case)


def test_contracts_of_the_use_case_and_of_the_library_are_found() -> None:
    assert table_dataset.find_contract("clean.sales").name == "clean.sales"
    assert table_dataset.find_contract("audit.promotions").name == "audit.promotions"


def test_no_table_has_two_contracts() -> None:
    contracts = (*table_dataset.library_contracts(), *USE_CASE.contracts.values())
    assert len(contracts) == len(table_dataset.known_contracts())


def test_an_unknown_contract_is_refused_with_the_closest_and_all_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_dataset, "known_contracts", lambda: {"clean.boats": None, "raw.boats": None})
    expected = r"no contract 'clean.boat'. Did you mean 'clean.boats'\? Known: clean.boats, raw.boats"
    with pytest.raises(ConfigError, match=expected):
        ContractTableDataset(table="test.clean.boat", lakehouse=LAKEHOUSE, contract="clean.boat")


@pytest.mark.parametrize(
    ("contract", "options", "is_optional"),
    [("raw.sales", {}, True), ("raw.products", {}, False), ("raw.sales", {"optional": False}, False)],
)
def test_a_file_may_be_missing_if_the_use_case_or_the_catalog_says_so(
    tmp_path: Path, contract: str, options: dict[str, Any], is_optional: bool
) -> None:
    path = (tmp_path / "missing.csv").as_posix()
    dataset = ContractExtractDataset(filepath=path, lakehouse=LAKEHOUSE, contract=contract, **options)
    assert dataset._optional is is_optional
