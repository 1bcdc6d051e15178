"""Text names no registry, nothing outside the project, and no column of the use case outside its room."""

from __future__ import annotations

import pytest

from boathouse.use_case import USE_CASE
from tests.conventions import project
from tests.conventions import wording as conventions
from tests.conventions.vocabulary import OF_THE_PLATFORM


def columns() -> set[str]:
    named = {column.name for contract in USE_CASE.contracts.values() for column in contract.columns}
    return named - OF_THE_PLATFORM


def test_no_registry_is_named() -> None:
    assert conventions.find_registries(project.texts()) == []


@pytest.mark.parametrize("host", conventions.REGISTRIES)
def test_registry_is_found(host: str) -> None:
    assert conventions.find_registries([("a.md", f"one\nsee https://{host}/x")]) == ["a.md:2"]


def test_nothing_outside_is_named() -> None:
    assert conventions.find_outside_references(project.texts()) == []


@pytest.mark.parametrize("text", ["in /" + "work/main/src", "'/" + "home/ann/x'", "see issue" + " 12", "Issue" + " #3"])
def test_reference_to_the_outside_is_found(text: str) -> None:
    assert conventions.find_outside_references([("a.md", text)]) == ["a.md:1"]


@pytest.mark.parametrize("text", ["docs/work/flow", "an issue of money", "https://host/home/ann", "data/01_raw"])
def test_other_text_is_no_reference_to_the_outside(text: str) -> None:
    assert conventions.find_outside_references([("a.md", text)]) == []


def test_every_document_named_exists() -> None:
    texts = list(project.texts())
    existing = [path for path, _ in texts] + [path.name for path in project.ROOT.glob("data/01_raw/*.md")]
    prose = [(path, text) for path, text in texts if not path.startswith("tests/")]
    assert conventions.find_missing_documents(prose, existing) == []


def test_document_that_is_not_there_is_found() -> None:
    text = "see README.md, docs/engines.md, dist/made.md and `<table>.md`, not gone.md nor a gone.md.j2"
    assert conventions.find_missing_documents([("a.md", text)], ["README.md", "docs/engines.md"]) == ["a.md:1: gone.md"]


def test_every_path_in_a_message_exists() -> None:
    existing = [path for path, _ in project.texts()]
    texts = [(path, text) for path, text in project.texts() if path.startswith("src/")]
    assert conventions.find_missing_paths(texts, existing) == []


def test_a_path_that_is_not_there_is_found() -> None:
    text = (
        "see conf/base, conf/base/a.yml, `conf/{environment}/x.yml`, docs/a and scripts/gone.py or conf/base/gone.yml"
    )
    found = conventions.find_missing_paths([("a.py", text)], ["conf/base/a.yml", "docs/a.md"])
    assert found == ["a.py:1: scripts/gone.py", "a.py:1: conf/base/gone.yml"]


def test_only_the_use_case_names_its_columns() -> None:
    found = [
        hit
        for path, text in project.python_files()
        if not path.startswith("src/boathouse/use_case/")
        for hit in conventions.find_columns(path, text, columns())
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "F.col('pay_status')",
        "frame.pay_status",
        "f(pay_status=1)",
        "f('sum(pay_status) > 1')",
        "pay_status = 1",
        "x['age']",
    ],
)
def test_column_of_the_use_case_is_found(code: str) -> None:
    assert len(conventions.find_columns("a.py", code, {"pay_status", "age"})) == 1


@pytest.mark.parametrize("code", ["'the age of a table'", "age = 1", "'pay_status_late'", '"""About pay_status."""'])
def test_other_words_are_no_columns(code: str) -> None:
    assert conventions.find_columns("a.py", code, {"pay_status", "age"}) == []
